#include "base/sigv4/digest.hh"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <cstdlib>

#include "base/hex.hh"

namespace caisson::sigv4 {
namespace {

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::string_view text_of(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

}  // namespace

std::string hex(const Digest& digest) {
  return to_hex(digest);
}

std::optional<Digest> parse_hex(std::string_view text) {
  Digest digest{};
  return from_hex(text, digest) ? std::optional(digest) : std::nullopt;
}

Digest sha256(std::string_view text) {
  Digest digest{};
  // It fails for want of memory alone; nothing that needs a digest can go on then.
  if (EVP_Digest(text.data(), text.size(), digest.data(), nullptr, EVP_sha256(), nullptr) != 1) std::abort();
  return digest;
}

std::string sha256_hex(std::string_view text) {
  return hex(sha256(text));
}

Digest hmac_sha256(std::string_view key, std::string_view text) {
  Digest digest{};
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes_of(text), text.size(), digest.data(),
           nullptr) == nullptr) {
    std::abort();
  }
  return digest;
}

void Hasher::Freer::operator()(evp_md_ctx_st* context) const {
  EVP_MD_CTX_free(context);
}

Hasher::Hasher() : context_(EVP_MD_CTX_new()) {
  if (!context_ || EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) != 1) std::abort();
}

void Hasher::add(std::string_view piece) {
  if (EVP_DigestUpdate(context_.get(), piece.data(), piece.size()) != 1) std::abort();
}

Digest Hasher::take() {
  Digest digest{};
  if (EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr) != 1 ||
      EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) != 1) {
    std::abort();
  }
  return digest;
}

bool equal_in_constant_time(std::string_view left, std::string_view right) {
  return left.size() == right.size() && CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

SigningKey::~SigningKey() {
  OPENSSL_cleanse(bytes_.data(), bytes_.size());
}

SigningKey SigningKey::derive(std::string_view secret, const Scope& scope) {
  std::string first = "AWS4" + std::string(secret);
  Digest key = hmac_sha256(first, scope.date);
  OPENSSL_cleanse(first.data(), first.size());
  for (const std::string_view part :
       {std::string_view(scope.region), std::string_view(scope.service), std::string_view("aws4_request")}) {
    key = hmac_sha256(text_of(key), part);
  }
  SigningKey derived(key);
  OPENSSL_cleanse(key.data(), key.size());
  return derived;
}

std::string SigningKey::sign(std::string_view string_to_sign) const {
  return hex(hmac_sha256(text_of(bytes_), string_to_sign));
}

}  // namespace caisson::sigv4

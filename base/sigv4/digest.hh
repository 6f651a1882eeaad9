// The two primitives of Signature Version 4, on OpenSSL, and the keys that are made of them.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct evp_md_ctx_st;  // OpenSSL's EVP_MD_CTX

namespace caisson::sigv4 {

using Digest = std::array<unsigned char, 32>;

/// 64 lower-case hexadecimal digits.
std::string hex(const Digest& digest);
/// The reverse; nothing for a text that is not 64 of 0-9 and a-f.
std::optional<Digest> parse_hex(std::string_view text);

Digest sha256(std::string_view text);
std::string sha256_hex(std::string_view text);
Digest hmac_sha256(std::string_view key, std::string_view text);

/// SHA-256 of a text that comes in pieces.
class Hasher {
 public:
  Hasher();
  void add(std::string_view piece);
  /// The digest of all pieces since the last take(); begins anew.
  Digest take();

 private:
  struct Freer {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Freer> context_;
};

/// Compares in a time that depends on the lengths alone.
bool equal_in_constant_time(std::string_view left, std::string_view right);

/// What a credential is good for: one day, one region, one service.
struct Scope {
  std::string date;  ///< "20260131"
  std::string region;
  std::string service;
  auto operator<=>(const Scope&) const = default;

  /// "20260131/us-east-1/ec2/aws4_request"
  [[nodiscard]] std::string text() const { return date + "/" + region + "/" + service + "/aws4_request"; }
};

/// The key of one scope. It signs and verifies within that scope, and neither the secret nor another scope's key
/// can be computed from it. The bytes are wiped when the value goes.
class SigningKey {
 public:
  explicit SigningKey(const Digest& bytes) : bytes_(bytes) {}
  SigningKey(const SigningKey&) = default;
  SigningKey& operator=(const SigningKey&) = default;
  ~SigningKey();

  /// Source: IAM User Guide, "Create a signed AWS API request", step 4.
  static SigningKey derive(std::string_view secret, const Scope& scope);

  [[nodiscard]] const Digest& bytes() const { return bytes_; }
  /// HMAC of a string to sign, as hexadecimal digits.
  [[nodiscard]] std::string sign(std::string_view string_to_sign) const;

 private:
  Digest bytes_;
};

}  // namespace caisson::sigv4

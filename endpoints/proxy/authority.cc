#include "endpoints/proxy/authority.hh"

#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>

#include "base/fd.hh"

namespace caisson::endpoints {
namespace {

template <auto Function>
struct Freer {
  template <class T>
  void operator()(T* pointer) const {
    Function(pointer);
  }
};
using KeyPair = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using X509Pointer = std::unique_ptr<X509, Freer<X509_free>>;
using Bio = std::unique_ptr<BIO, Freer<BIO_free_all>>;

constexpr long kDay = 24L * 3600;
constexpr std::size_t kLargestFile = 65'536;

Error failed(const std::string& what) {
  std::array<char, 256> reason{};
  ERR_error_string_n(ERR_get_error(), reason.data(), reason.size());
  return {.code = "CertificateAuthority", .message = what + ": " + reason.data()};
}

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

Result<std::string> key_pem(EVP_PKEY* key) {
  const Bio bio(BIO_new(BIO_s_mem()));
  if (!bio || PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1)
    return failed("write a key");
  return text_of(bio.get());
}

Result<std::string> certificate_pem(X509* certificate) {
  const Bio bio(BIO_new(BIO_s_mem()));
  if (!bio || PEM_write_bio_X509(bio.get(), certificate) != 1) return failed("write a certificate");
  return text_of(bio.get());
}

Bio reader(const std::string& text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

Status add_extension(X509* certificate, X509* issuer, int id, const std::string& value) {
  X509V3_CTX context{};
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, id, value.c_str());
  if (extension == nullptr) return failed("make a certificate's extension");
  const int added = X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
  if (added != 1) return failed("add a certificate's extension");
  return ok();
}

/// Version 3, a random serial number of 64 bits, valid from an hour ago: guests' clocks may be behind.
Result<X509Pointer> blank(EVP_PKEY* key, const std::string& name, long days) {
  X509Pointer certificate(X509_new());
  std::uint64_t serial = 0;
  if (!certificate || RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial) != 1)
    return failed("begin a certificate");
  auto* subject = X509_get_subject_name(certificate.get());
  const auto* text = reinterpret_cast<const unsigned char*>(name.c_str());
  const bool done = X509_set_version(certificate.get(), 2) == 1 &&
                    ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate.get()), serial >> 1) == 1 &&
                    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600) != nullptr &&
                    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), days * kDay) != nullptr &&
                    X509_set_pubkey(certificate.get(), key) == 1 &&
                    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, text, -1, -1, 0) == 1;
  if (!done) return failed("fill a certificate");
  return certificate;
}

Result<Certificate> make_authority() {
  const KeyPair key(EVP_EC_gen("P-256"));
  if (!key) return failed("make a key");
  TRY(const auto certificate, blank(key.get(), "Caisson endpoints of this host", 3650));
  auto* made = certificate.get();
  if (X509_set_issuer_name(made, X509_get_subject_name(made)) != 1) return failed("name the issuer");
  TRYV(add_extension(made, made, NID_basic_constraints, "critical,CA:TRUE,pathlen:0"));
  TRYV(add_extension(made, made, NID_key_usage, "critical,keyCertSign,cRLSign"));
  TRYV(add_extension(made, made, NID_subject_key_identifier, "hash"));
  if (X509_sign(made, key.get(), EVP_sha256()) == 0) return failed("sign the authority's certificate");
  Certificate authority;
  TRY(authority.certificate, certificate_pem(made));
  TRY(authority.key, key_pem(key.get()));
  return authority;
}

/// The file is whole or not there.
Status write_file(const std::string& path, const std::string& text, unsigned mode) {
  const std::string fresh = path + ".new";
  (void)::unlink(fresh.c_str());  // of a start that was interrupted
  const Fd file = Fd::own(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode));
  if (!file) return Error::system(errno, "make", fresh);
  const bool written = ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
  if (!written || ::fchmod(file.get(), mode) != 0 || ::fsync(file.get()) != 0)
    return Error::system(errno, "write", fresh);
  if (::rename(fresh.c_str(), path.c_str()) != 0) return Error::system(errno, "name", path);
  return ok();
}

Result<std::string> read_file(const std::string& path, bool secret) {
  const Fd file = Fd::own(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file) return Error::system(errno, "open", path);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return Error::system(errno, "look at", path);
  if (!S_ISREG(status.st_mode) || (secret && ((status.st_mode & 077) != 0 || status.st_uid != ::geteuid()))) {
    return Error{.code = "CertificateAuthority",
                 .message = path +
                            " must be a file of ours with mode 0600; if others could read it, remove both "
                            "files and rebuild the guest images"};
  }
  std::string text(kLargestFile, '\0');
  const ssize_t size = ::read(file.get(), text.data(), text.size());
  if (size < 0) return Error::system(errno, "read", path);
  text.resize(static_cast<std::size_t>(size));
  return text;
}

struct Parsed {
  X509Pointer certificate;
  KeyPair key;
};

Result<Parsed> parse(const Certificate& pem) {
  Parsed parsed{
      .certificate = X509Pointer(PEM_read_bio_X509(reader(pem.certificate).get(), nullptr, nullptr, nullptr)),
      .key = KeyPair(PEM_read_bio_PrivateKey(reader(pem.key).get(), nullptr, nullptr, nullptr))};
  if (!parsed.certificate || !parsed.key ||
      X509_check_private_key(parsed.certificate.get(), parsed.key.get()) != 1) {
    return failed("ca.pem and ca.key don't belong together or can't be read");
  }
  return parsed;
}

}  // namespace

Result<Certificate> open_authority(const std::string& folder) {
  const std::string certificate = folder + "/ca.pem";
  const std::string key = folder + "/ca.key";
  // The certificate is written last: without it there has been no start that ended.
  if (::access(certificate.c_str(), F_OK) != 0 && errno == ENOENT) {
    TRY(const auto made, make_authority());
    TRYV(write_file(key, made.key, 0600));
    TRYV(write_file(certificate, made.certificate, 0644));
  }
  Certificate authority;
  TRY(authority.certificate, read_file(certificate, false));
  TRY(authority.key, read_file(key, true));
  TRYV(parse(authority));
  return authority;
}

Result<Certificate> issue(const Certificate& authority, const std::vector<std::string>& names) {
  TRY(const auto issuer, parse(authority));
  const KeyPair key(EVP_EC_gen("P-256"));
  if (!key || names.empty()) return failed("make a key");
  TRY(const auto certificate, blank(key.get(), "Caisson endpoint", 365));
  auto* made = certificate.get();
  if (X509_set_issuer_name(made, X509_get_subject_name(issuer.certificate.get())) != 1)
    return failed("name the issuer");
  std::string alternatives;
  for (const auto& name : names)
    alternatives += (alternatives.empty() ? "DNS:" : ",DNS:") + name;
  TRYV(add_extension(made, issuer.certificate.get(), NID_basic_constraints, "critical,CA:FALSE"));
  TRYV(add_extension(made, issuer.certificate.get(), NID_key_usage, "critical,digitalSignature"));
  TRYV(add_extension(made, issuer.certificate.get(), NID_ext_key_usage, "serverAuth"));
  TRYV(add_extension(made, issuer.certificate.get(), NID_subject_key_identifier, "hash"));
  TRYV(add_extension(made, issuer.certificate.get(), NID_authority_key_identifier, "keyid"));
  TRYV(add_extension(made, issuer.certificate.get(), NID_subject_alt_name, alternatives));
  if (X509_sign(made, issuer.key.get(), EVP_sha256()) == 0) return failed("sign a certificate");
  Certificate issued;
  TRY(issued.certificate, certificate_pem(made));
  TRY(issued.key, key_pem(key.get()));
  return issued;
}

}  // namespace caisson::endpoints

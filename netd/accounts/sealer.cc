#include "netd/accounts/sealer.hh"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <memory>
#include <vector>

#include "base/fd.hh"
#include "base/hex.hh"

namespace caisson::netd::accounts {
namespace {

constexpr std::size_t kNonce = 12;  // NIST SP 800-38D: the size for which GCM is defined directly
constexpr std::size_t kTag = 16;

struct Freer {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, Freer>;
using Bytes = std::vector<unsigned char>;

Error key_file(const std::string& message) {
  return {.code = "KeyFile", .message = message};
}

Status fill(unsigned char* bytes, std::size_t size) {
  // Up to 256 bytes come at once or not at all (getrandom(2)).
  if (::getrandom(bytes, size, 0) == static_cast<ssize_t>(size)) return ok();
  return key_file("the kernel gave no random bytes");
}

int size_of(std::size_t size) {
  return static_cast<int>(size);
}

const unsigned char* bytes_of(const std::string& text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

Status make_key_file(const std::string& path) {
  const std::string fresh = path + ".new";
  (void)::unlink(fresh.c_str());  // of a start that was interrupted
  const Fd file = Fd::own(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return Error::system(errno, "make", "the key file " + fresh);
  std::array<unsigned char, 32> key{};
  TRYV(fill(key.data(), key.size()));
  const bool written = ::write(file.get(), key.data(), key.size()) == static_cast<ssize_t>(key.size());
  OPENSSL_cleanse(key.data(), key.size());
  // The umask may have taken bits away, and nothing may be sealed with a key that a crash would lose.
  if (!written || ::fchmod(file.get(), 0600) != 0 || ::fsync(file.get()) != 0) {
    return Error::system(errno, "write", "the key file " + fresh);
  }
  if (::rename(fresh.c_str(), path.c_str()) != 0) return Error::system(errno, "name", "the key file " + path);
  const std::string folder = path.substr(0, path.rfind('/') + 1);
  const Fd directory = Fd::own(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory || ::fsync(directory.get()) != 0)
    return Error::system(errno, "sync", "the folder " + folder);
  return ok();
}

/// Before it is opened: without the capability to read what is others', opening would say no more than EACCES. The folder
/// is ours alone, so nobody changes the file in between.
Status check_key_file(const struct stat& status, const std::string& path) {
  if (S_ISLNK(status.st_mode))
    return key_file("the key file " + path + " is a symbolic link; it must be a file");
  if (!S_ISREG(status.st_mode) || status.st_size != 32) {
    return key_file("the key file " + path +
                    " is not a file of 32 bytes; put back the one that was made at the "
                    "first start");
  }
  if (status.st_uid != ::geteuid()) {
    return key_file("the key file " + path + " belongs to user " + std::to_string(status.st_uid) +
                    "; it must belong to user " + std::to_string(::geteuid()) + " (chown)");
  }
  if ((status.st_mode & 07777) != 0600) {
    std::array<char, 8> mode{};
    (void)std::snprintf(mode.data(), mode.size(), "%04o", static_cast<unsigned>(status.st_mode & 07777));
    return key_file(
        "the key file " + path + " has mode " + mode.data() +
        "; it must have 0600 (chmod), and if others could read it the access keys are to be replaced");
  }
  return ok();
}

}  // namespace

Result<Sealer> Sealer::open(const std::string& path, bool something_is_sealed) {
  struct stat status {};
  bool found = ::lstat(path.c_str(), &status) == 0;
  if (!found && errno == ENOENT) {
    if (something_is_sealed) {
      return key_file(
          "the key file " + path +
          " is missing, and the store has access keys that are sealed with it; put it back from your "
          "backup");
    }
    TRYV(make_key_file(path));
    found = ::lstat(path.c_str(), &status) == 0;
  }
  if (!found) return Error::system(errno, "look at", "the key file " + path);
  TRYV(check_key_file(status, path));
  const Fd file = Fd::own(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file) return Error::system(errno, "open", "the key file " + path);
  Key key{};
  if (::read(file.get(), key.data(), key.size()) != static_cast<ssize_t>(key.size())) {
    return Error::system(errno, "read", "the key file " + path);
  }
  Sealer sealer(key);
  OPENSSL_cleanse(key.data(), key.size());
  return sealer;
}

Sealer::~Sealer() {
  OPENSSL_cleanse(key_.data(), key_.size());
}

Result<std::string> Sealer::seal(const std::string& secret, const std::string& bound_to) const {
  Bytes sealed(kNonce + secret.size() + kTag);
  TRYV(fill(sealed.data(), kNonce));
  const Context context(EVP_CIPHER_CTX_new());
  int size = 0;
  const bool done =
      context &&
      EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key_.data(), sealed.data()) == 1 &&
      EVP_EncryptUpdate(context.get(), nullptr, &size, bytes_of(bound_to), size_of(bound_to.size())) == 1 &&
      EVP_EncryptUpdate(context.get(), sealed.data() + kNonce, &size, bytes_of(secret),
                        size_of(secret.size())) == 1 &&
      EVP_EncryptFinal_ex(context.get(), sealed.data() + sealed.size() - kTag, &size) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, size_of(kTag),
                          sealed.data() + sealed.size() - kTag) == 1;
  if (!done) return key_file("the secret could not be sealed");
  return to_hex(sealed);
}

Result<std::string> Sealer::unseal(const std::string& sealed_hex, const std::string& bound_to) const {
  Bytes sealed(sealed_hex.size() / 2);
  if (!from_hex(sealed_hex, sealed) || sealed.size() < kNonce + kTag)
    return key_file("a sealed secret in the store is damaged");
  std::string secret(sealed.size() - kNonce - kTag, '\0');
  auto* opened = reinterpret_cast<unsigned char*>(secret.data());
  const Context context(EVP_CIPHER_CTX_new());
  int size = 0;
  const bool done =
      context &&
      EVP_DecryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key_.data(), sealed.data()) == 1 &&
      EVP_DecryptUpdate(context.get(), nullptr, &size, bytes_of(bound_to), size_of(bound_to.size())) == 1 &&
      EVP_DecryptUpdate(context.get(), opened, &size, sealed.data() + kNonce, size_of(secret.size())) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, size_of(kTag),
                          sealed.data() + sealed.size() - kTag) == 1 &&
      EVP_DecryptFinal_ex(context.get(), opened + secret.size(), &size) == 1;
  if (done) return secret;
  OPENSSL_cleanse(secret.data(), secret.size());
  return key_file(
      "a sealed secret in the store does not open with the key file: it is another key's, or the store was "
      "changed");
}

Result<std::string> make_secret() {
  std::array<unsigned char, 30> random{};
  TRYV(fill(random.data(), random.size()));
  std::array<unsigned char, 41> text{};
  (void)EVP_EncodeBlock(text.data(), random.data(), size_of(random.size()));
  OPENSSL_cleanse(random.data(), random.size());
  return std::string(reinterpret_cast<const char*>(text.data()), 40);
}

Result<std::string> make_session_key_id() {
  constexpr std::string_view kBase32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  std::array<unsigned char, 16> random{};
  TRYV(fill(random.data(), random.size()));
  std::string id = "ASIA";
  for (const unsigned char byte : random)
    id += kBase32[byte % kBase32.size()];
  return id;
}

}  // namespace caisson::netd::accounts

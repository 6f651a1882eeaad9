// Secrets at rest: sealed with AES-256-GCM under the key in one file, which is root's alone.
//
// Who has the store without the key file has no secret. Each secret is bound to its access key and account (the
// additional data), so a sealed text that is moved to another row of the store does not open.
#pragma once

#include <array>
#include <string>

#include "base/result.hh"

namespace caisson::netd::accounts {

/// Thread-safe after open().
class Sealer {
 public:
  /// Reads the key file, which must be a regular file of ours with mode 0600 and 32 bytes. If there is none and
  /// nothing was sealed yet, it is made. Errors say in a sentence what is wrong and what to do: code KeyFile, or
  /// those of the system calls.
  static Result<Sealer> open(const std::string& path, bool something_is_sealed);
  Sealer(Sealer&&) = default;
  Sealer& operator=(Sealer&&) = default;
  ~Sealer();

  /// Hexadecimal digits of nonce, sealed text and tag. Error KeyFile when the kernel has no random bytes.
  [[nodiscard]] Result<std::string> seal(const std::string& secret, const std::string& bound_to) const;
  /// Error KeyFile when it was not sealed by this key for `bound_to`.
  [[nodiscard]] Result<std::string> unseal(const std::string& sealed, const std::string& bound_to) const;

 private:
  using Key = std::array<unsigned char, 32>;
  explicit Sealer(const Key& key) : key_(key) {}
  Key key_;
};

/// 40 random characters, as AWS makes them.
Result<std::string> make_secret();

/// "ASIA" and 16 random characters of base 32, as AWS names the keys of sessions.
Result<std::string> make_session_key_id();

}  // namespace caisson::netd::accounts

// Where requests go in the end: a file names, for each service and account, somebody else's server and the key for it.
//
//   {"Backends": [{"Service": "s3", "Account": "000000000001", "Url": "http://127.0.0.1:4568",
//                  "AccessKeyId": "...", "SecretAccessKey": "..."}]}
//
// One for each account, and none stands for several: backends know no accounts, so what shares one shares its data.
#pragma once

#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "endpoints/proxy/parties.hh"

namespace caisson::endpoints {

/// Service ("s3") and account.
using BackendKey = std::pair<std::string, std::string>;
using BackendTable = std::map<BackendKey, Backend>;

/// Error InvalidBackends with what is wrong. Pure; any thread.
Result<BackendTable> parse_backends(std::string_view text);

/// The file as it is: it is read anew when it has changed, and a change that can't be read changes nothing. Thread-safe.
class Backends {
 public:
  /// An empty path, or one where there is nothing (yet): no backends.
  explicit Backends(std::string path) : path_(std::move(path)) {}

  /// Error ServiceUnavailable where there is none, or one that is not healthy.
  Result<Backend> find(const std::string& service, const std::string& account);

  /// As the file has them now.
  BackendTable all();
  /// What a check has found. A backend that was never checked counts as healthy.
  void set_health(const BackendKey& key, bool healthy);
  /// Of each backend.
  std::map<BackendKey, bool> health();

 private:
  void look();

  struct Version {
    std::uint64_t inode = 0;
    std::int64_t size = 0;
    std::int64_t seconds = 0;
    std::int64_t nanoseconds = 0;
    bool operator==(const Version&) const = default;
  };
  const std::string path_;
  std::mutex mutex_;
  Version version_;
  BackendTable table_;
  std::set<BackendKey> unhealthy_;
};

}  // namespace caisson::endpoints

// Where runnerd's keys come from: netd, over connections of their own, so that a flood of signatures with unknown keys
// does not stand before an invocation's attach.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/fd.hh"
#include "base/result.hh"
#include "netd/client/attach_client.hh"
#include "runner/auth/key_cache.hh"

namespace caisson::runner {

/// Thread-safe. A thread of its own hears of revocations: netd tells it as soon as a key is deleted, and the cache is
/// emptied. While netd cannot be reached, keys that are known go on to verify: nobody can delete one meanwhile, and the
/// first thing after the next connection is that all are asked for again.
class KeyService {
 public:
  explicit KeyService(std::string path);
  ~KeyService();
  KeyService(const KeyService&) = delete;
  KeyService& operator=(const KeyService&) = delete;

  /// Errors: "UnknownKey"; those of the connection.
  Result<Signer> find(const std::string& access_key_id, const sigv4::Scope& scope);

 private:
  Result<netd::SigningKeyReply> ask(const std::string& access_key_id, const sigv4::Scope& scope);
  Result<std::shared_ptr<netd::AttachClient>> client();
  void run();
  void follow();
  bool wait_before_retry();

  const std::string path_;
  std::mutex client_mutex_;  ///< guards client_, while it is made
  std::shared_ptr<netd::AttachClient> client_;
  std::mutex mutex_;  ///< guards the following
  KeyCache cache_;
  bool hears_ = false;  ///< of revocations; nothing new is kept while it does not
  std::shared_ptr<netd::AttachClient> watch_;
  bool stopping_ = false;
  Fd wake_;
  std::thread thread_;
};

}  // namespace caisson::runner

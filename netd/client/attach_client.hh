// The client of attach.sock, for runnerd.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/fd.hh"
#include "base/result.hh"

namespace caisson::netd {

struct FunctionInterface {
  std::string id;      ///< "eni-..."
  std::string subnet;  ///< "subnet-..."
  std::string vpc;     ///< "vpc-..."; empty for the managed segment
};

struct LeasedSlot {
  std::uint32_t slot = 0;
  Fd tap;  ///< the tap's queue, with IFF_VNET_HDR, non-blocking
};

struct Attached {
  std::uint64_t generation = 0;   ///< the slot's epoch, for Resume
  std::uint64_t nanoseconds = 0;  ///< what the map writes took inside netd
};

/// What verifies the requests that an access key signed on one day, for one region and service.
struct SigningKeyReply {
  std::string account;
  std::string key;  ///< 64 hexadecimal digits
};

/// An execution environment's own; not to be logged.
struct SessionCredentialsReply {
  std::string access_key_id;
  std::string secret_access_key;
  std::string session_token;
  std::uint64_t expires = 0;  ///< seconds since 1970
};

/// Blocking, thread-safe (one request at a time under a mutex). A request on a lost connection fails with the
/// errno of the socket (its errno_value is set); call connect() again for a new client then. A reply that
/// breaks the protocol is an error with code "ProtocolError" and EPROTO, one that does not come within ten
/// seconds has ETIMEDOUT; the connection ends with it, since requests and replies are matched by their order
/// alone. Errors of netd keep its code and message and have no errno_value.
class AttachClient {
 public:
  static Result<std::unique_ptr<AttachClient>> connect(const std::string& path);
  /// Speaks over a connected SOCK_SEQPACKET socket.
  static std::unique_ptr<AttachClient> over(Fd socket);
  ~AttachClient();

  Result<std::vector<FunctionInterface>> ensure(const std::string& account, const std::string& user,
                                                const std::vector<std::string>& subnets,
                                                const std::vector<std::string>& groups);
  Status release(const std::string& account, const std::string& user);
  struct User {
    std::string account;
    std::string user;
  };
  Result<std::vector<User>> list_users();
  Result<LeasedSlot> lease();
  Result<Attached> attach(std::uint32_t slot, const std::string& eni);
  Status seal(std::uint32_t slot);
  Status unseal(std::uint32_t slot);
  Status detach(std::uint32_t slot);
  Status give_back(std::uint32_t slot);
  Result<Fd> resume(std::uint32_t slot, std::uint64_t generation);

  /// Error "UnknownKey".
  Result<SigningKeyReply> signing_key(const std::string& access_key_id, const std::string& date,
                                      const std::string& region, const std::string& service);
  /// New ones, for one environment of `function`, valid for `seconds`. Error "NoSuchEntity" for the account.
  Result<SessionCredentialsReply> session_credentials(const std::string& account, const std::string& function,
                                                      std::uint32_t seconds);
  /// Waits until an access key has ceased to be since `seen`, at most kRevocationPatience; the present revision.
  Result<std::uint64_t> await_revocation(std::uint64_t seen);

  /// To poll for the end of the connection (POLLRDHUP); not to be read or written. Valid as long as the
  /// client.
  [[nodiscard]] int fd() const;

 private:
  struct Impl;
  explicit AttachClient(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace caisson::netd

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

/// Blocking, thread-safe (one request at a time under a mutex). A request on a lost connection fails with the
/// errno of the socket; call connect() again for a new client then. Errors of netd keep its code and message.
class AttachClient {
 public:
  static Result<std::unique_ptr<AttachClient>> connect(const std::string& path);
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

 private:
  struct Impl;
  explicit AttachClient(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace caisson::netd

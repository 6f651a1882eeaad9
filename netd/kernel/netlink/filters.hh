// Which BPF programs stand at the hooks of devices, read in few system calls.
#pragma once

#include <cstdint>
#include <vector>

#include "base/fd.hh"
#include "base/result.hh"

namespace caisson::netd::kernel {

/// A filter of kind bpf at a device's clsact qdisc.
struct FilterPlace {
  std::uint32_t ifindex = 0;
  bool egress = false;
  std::uint16_t priority = 0;
  std::uint32_t handle = 0;
};

/// Speaks to the network namespace that it was opened in. One thread at a time.
class Filters {
 public:
  static Result<Filters> open_in(const Fd& netns);

  /// The id of the program at each place, 0 for none. The kernel lists the filters of one hook only, so that each place
  /// is asked for: hundreds with one system call.
  Result<std::vector<std::uint32_t>> programs_at(const std::vector<FilterPlace>& places);

 private:
  explicit Filters(Fd socket) : socket_(std::move(socket)) {}
  Status ask(const std::vector<FilterPlace>& places, std::size_t first, std::size_t end);
  Status receive(std::size_t first, std::size_t end, std::vector<std::uint32_t>& programs);

  Fd socket_;
};

}  // namespace caisson::netd::kernel

// What a packet costs from a tap to where it ends: writes frames to a tap, as a VMM does, and times the writes. The
// kernel carries each packet to its end within the write, on this CPU.
//
//   bench_datapath_inject TAP FRAME                      the frame in hexadecimal, as the guest sends it
//   bench_datapath_inject TAP FRAME PINS PORT RULES      with the shipped programs on TAP, a function's slot, and on
//                                                        PORT, a member's; maps from the model, PINS a folder in bpffs
// To be run inside the devices' namespace. Prints "ready"; for each line "BATCHES COUNT" on stdin it writes so many
// batches of so many frames and prints the least nanoseconds a frame of all batches.
#include <net/if.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <limits>
#include <optional>

#include "netd/bpf/caisson_abi.h"
#include "netd/kernel/bpf/datapath.hh"
#include "netd/kernel/netlink/tap.hh"
#include "netd/reconcile/tables.hh"
#include "tests/bench/datapath_model.hh"
#include "vpc/compile/compile.hh"

namespace caisson::bench {
namespace {

constexpr std::uint16_t kBlock = 5;
constexpr std::size_t kVirtioHeader = 10;

template <class T>
std::string bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

Status put_slot(const netd::kernel::Datapath& datapath, const World& world, std::uint32_t tap) {
  caisson_slot slot{};
  slot.epoch = 7;
  slot.vpc = world.state.vpcs.at(world.function.vpc)->number;
  slot.block = kBlock;
  std::ranges::copy(world.function.id.text(), slot.eni);
  caisson_block_key block{.vpc = slot.vpc, .address = {}, .block = kBlock};
  for (int i = 0; i < 4; ++i) {
    slot.address[i] = static_cast<__u8>(world.function.address.value >> (24 - 8 * i));
    block.address[i] = slot.address[i];
  }
  TRYV(datapath.put("blocks", bytes_of(block), bytes_of(tap)));
  return datapath.put("slots", bytes_of(tap), bytes_of(slot));
}

/// As netd does it, but for the daemon: load, compile, fill, attach.
Result<netd::kernel::Datapath> set_up(const std::string& tap, const std::string& pins,
                                      const std::string& port, int rules) {
  TRY(auto datapath, netd::kernel::Datapath::load(pins));
  const World world = make_world(rules, 1);
  const auto desired = vpc::compile(world.state);
  const netd::reconcile::Indexes indexes{{desired.members.begin()->first, ::if_nametoindex(port.c_str())}};
  const auto tables = netd::reconcile::desired_tables(desired, indexes, {}, {});
  for (const auto& name : netd::reconcile::table_names()) {
    for (const auto& [key, value] : tables.at(name)) {
      TRYV(datapath.put(name, key, value));
    }
  }
  TRYV(put_slot(datapath, world, ::if_nametoindex(tap.c_str())));
  for (const auto& device : {port, tap}) {
    TRYV(datapath.attach(netd::kernel::Hook::kPort, ::if_nametoindex(device.c_str()), device));
  }
  return datapath;
}

std::string from_hex(const std::string& digits) {
  std::string bytes;
  for (std::size_t at = 0; at + 1 < digits.size(); at += 2) {
    bytes += static_cast<char>(std::stoi(digits.substr(at, 2), nullptr, 16));
  }
  return bytes;
}

Status write_frames(const Fd& tap, const std::string& frame, int count) {
  for (int i = 0; i < count; ++i) {
    if (::write(tap.get(), frame.data(), frame.size()) != static_cast<ssize_t>(frame.size())) {
      return Error::system(errno, "write to", "the tap");
    }
  }
  return ok();
}

/// One CPU: where the queue of the receiving device is worked off, too.
void stay_on_this_cpu() {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(static_cast<std::size_t>(::sched_getcpu()), &one);
  (void)::sched_setaffinity(0, sizeof one, &one);
}

Status serve(const Fd& tap, const std::string& frame) {
  using Clock = std::chrono::steady_clock;
  std::cout << "ready" << std::endl;
  int batches = 0;
  int count = 0;
  while (std::cin >> batches >> count) {
    double least = std::numeric_limits<double>::max();
    for (int i = 0; i < batches; ++i) {
      const auto begin = Clock::now();
      TRYV(write_frames(tap, frame, count));
      const std::chrono::duration<double, std::nano> took = Clock::now() - begin;
      least = std::min(least, took.count() / count);
    }
    std::cout << least << std::endl;
  }
  return ok();
}

Status run(int count, char** words) {
  TRY(const Fd tap, netd::kernel::open_tap(words[1]));
  std::optional<netd::kernel::Datapath> datapath;
  if (count == 6) {
    TRY(auto loaded, set_up(words[1], words[3], words[4], std::stoi(words[5])));
    datapath.emplace(std::move(loaded));
  }
  stay_on_this_cpu();
  return serve(tap, std::string(kVirtioHeader, '\0') + from_hex(words[2]));
}

}  // namespace
}  // namespace caisson::bench

int main(int count, char** words) {
  if (count != 3 && count != 6) {
    std::cerr << "bench_datapath_inject TAP FRAME [PINS PORT RULES]\n";
    return 2;
  }
  const caisson::Status done = caisson::bench::run(count, words);
  if (count == 6) {
    std::error_code ignored;
    std::filesystem::remove_all(words[3], ignored);
  }
  if (done) return 0;
  std::cerr << done.error().text() << '\n';
  return 1;
}

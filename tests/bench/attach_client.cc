// The attach bench's part that stands for runnerd: a client of attach.sock that times its round trips.
//
// Reads lines "SUBNET GROUP", each of another VPC. Makes a function interface in each, leases all slots, attaches them
// to the interfaces in turn, then detaches and attaches slots in random order. Prints, as JSON, the nanoseconds of each
// round trip, by operation, and what netd says that it took of an attach.
#include "netd/client/attach_client.hh"

#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <random>

namespace caisson {
namespace {

using Clock = std::chrono::steady_clock;
using Samples = std::map<std::string, std::vector<std::int64_t>>;

template <class T>
T must(Result<T> result) {
  if (result) return std::move(result).value();
  std::cerr << result.error().text() << '\n';
  std::exit(1);
}

void must(const Status& status) {
  if (status) return;
  std::cerr << status.error().text() << '\n';
  std::exit(1);
}

template <class Work>
auto timed(std::vector<std::int64_t>& samples, const Work& work) {
  const auto begin = Clock::now();
  auto done = work();
  samples.push_back((Clock::now() - begin).count());
  return done;
}

/// Descriptors of the taps stay open, as runnerd's microVMs keep them.
void allow_descriptors(std::size_t wanted) {
  rlimit limit{};
  (void)::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = std::max<rlim_t>(limit.rlim_cur, wanted);
  limit.rlim_max = std::max(limit.rlim_cur, limit.rlim_max);
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) std::perror("RLIMIT_NOFILE");
}

std::vector<std::string> make_interfaces(netd::AttachClient& client, const std::string& account) {
  std::vector<std::string> interfaces;
  std::string subnet;
  std::string group;
  while (std::cin >> subnet >> group) {
    const auto made = must(client.ensure(account, "bench-" + subnet, {subnet}, {group}));
    interfaces.push_back(made.at(0).id);
  }
  return interfaces;
}

void attach(netd::AttachClient& client, std::uint32_t slot, const std::string& interface, Samples& samples) {
  const auto attached = must(timed(samples["attach"], [&] { return client.attach(slot, interface); }));
  samples["netd"].push_back(static_cast<std::int64_t>(attached.nanoseconds));
}

int run(const std::string& socket, const std::string& account, std::size_t slots, std::size_t cycles) {
  allow_descriptors(slots + 64);
  const auto client = must(netd::AttachClient::connect(socket));
  const auto interfaces = make_interfaces(*client, account);
  std::vector<netd::LeasedSlot> leased;
  Samples samples;
  for (std::size_t i = 0; i < slots; ++i) {
    leased.push_back(must(timed(samples["lease"], [&] { return client->lease(); })));
  }
  for (std::size_t i = 0; i < slots; ++i) {
    attach(*client, leased[i].slot, interfaces[i % interfaces.size()], samples);
  }
  // What follows is measured with all slots but one attached.
  samples["attach"].clear();
  samples["netd"].clear();
  std::mt19937 random(1);
  for (std::size_t i = 0; i < cycles; ++i) {
    const std::uint32_t slot = leased[random() % slots].slot;
    must(timed(samples["seal"], [&] { return client->seal(slot); }));
    must(timed(samples["unseal"], [&] { return client->unseal(slot); }));
    must(timed(samples["detach"], [&] { return client->detach(slot); }));
    attach(*client, slot, interfaces[random() % interfaces.size()], samples);
  }
  std::cout << nlohmann::json(samples).dump() << '\n';
  return 0;
}

}  // namespace
}  // namespace caisson

int main(int count, char** words) {
  if (count != 5) {
    std::cerr << "bench_attach_client SOCKET ACCOUNT SLOTS CYCLES <SUBNETS-AND-GROUPS\n";
    return 2;
  }
  return caisson::run(words[1], words[2], std::stoul(words[3]), std::stoul(words[4]));
}

// What the shipped programs cost alone: BPF_PROG_TEST_RUN over maps that the real compile filled. A function sends to a
// member: from_guest at the function's slot, then to_guest at the member's port. Prints, as JSON, for each pair of
// numbers RULES:VPCS the least nanoseconds of many runs, of a flow's first packet and of later ones; before them that of
// a program that does nothing: what measuring costs.
#include <bpf/bpf.h>
#include <linux/bpf.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/fd.hh"
#include "tests/bench/datapath_model.hh"
#include "tests/support/datapath.hh"
#include "tests/support/packet.hh"

namespace caisson::bench {
namespace {

using test::Program;

constexpr std::uint16_t kBlock = 5;
constexpr std::uint16_t kGuestPort = CAISSON_GUEST_FIRST_PORT;
constexpr int kRepeat = 100;
constexpr int kRedirect = 7;
constexpr int kPass = 0;

struct Least {
  std::uint32_t from_guest = std::numeric_limits<std::uint32_t>::max();
  std::uint32_t to_guest = std::numeric_limits<std::uint32_t>::max();
  std::uint32_t to_guest_repeated = std::numeric_limits<std::uint32_t>::max();
};

class Bench {
 public:
  Bench(int rules, int vpcs) : world_(make_world(rules, vpcs)) {
    datapath_.fill(world_.state);
    slot_ = test::slot_of(world_.state, world_.function, kBlock, 7);
    mark_ = CAISSON_MARK | slot_.vpc;
  }

  /// Later packets of one flow.
  void run_established(int runs, Least& least) {
    be_function();
    const std::string sent = packet(kGuestPort);
    const std::string seen = expect(Program::kFromGuest, sent, 0, kRedirect).packet;
    for (int i = 0; i < runs; ++i) {
      least.from_guest =
          std::min(least.from_guest, expect(Program::kFromGuest, sent, 0, kRedirect).nanoseconds);
    }
    be_member();
    expect(Program::kToGuest, seen, mark_, kPass);
    for (int i = 0; i < runs; ++i) {
      least.to_guest = std::min(least.to_guest, expect(Program::kToGuest, seen, mark_, kPass).nanoseconds);
    }
    // It leaves the packet as it is, so that one system call can run it often.
    for (int i = 0; i < runs; i += kRepeat) {
      least.to_guest_repeated = std::min(least.to_guest_repeated,
                                         datapath_.run(Program::kToGuest, seen, mark_, kRepeat).nanoseconds);
    }
  }

  /// Each packet of a flow of its own. As many at a time as a guest has ports.
  void run_first(int runs, Least& least) {
    datapath_.forget();
    for (const auto number : {world_.function.number, world_.member.number}) {
      datapath_.put("eni_flows", test::bytes_of(number), test::bytes_of(std::uint64_t{0}));
    }
    be_function();
    std::vector<std::string> seen;
    for (int i = 0; i < std::min(runs, CAISSON_GUEST_PORTS); ++i) {
      const auto ran =
          expect(Program::kFromGuest, packet(static_cast<std::uint16_t>(kGuestPort + i)), 0, kRedirect);
      least.from_guest = std::min(least.from_guest, ran.nanoseconds);
      seen.push_back(ran.packet);
    }
    be_member();
    for (const auto& one : seen) {
      least.to_guest = std::min(least.to_guest, expect(Program::kToGuest, one, mark_, kPass).nanoseconds);
    }
  }

 private:
  void be_function() { datapath_.put_slot(slot_); }
  void be_member() {
    datapath_.remove_slot();
    datapath_.use_member(world_.member.id);
  }

  static std::string packet(std::uint16_t port) {
    return test::build({.source_mac = {.bytes = CAISSON_GUEST_MAC},
                        .source = test::address("169.254.100.2"),
                        .destination = test::address("10.0.1.11"),
                        .source_port = port,
                        .destination_port = kPort});
  }

  test::Ran expect(Program program, const std::string& bytes, std::uint32_t mark, int action) {
    auto ran = datapath_.run(program, bytes, mark);
    if (ran.action == action) return ran;
    std::cerr << "a program's verdict is " << ran.action << ", not " << action << '\n';
    std::exit(1);
  }

  World world_;
  test::TestDatapath datapath_{"bench"};
  caisson_slot slot_{};
  std::uint32_t mark_ = 0;
};

std::uint32_t least_of_nothing(int runs) {
  const std::array<bpf_insn, 2> nothing{
      bpf_insn{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .src_reg = 0, .off = 0, .imm = 0},
      bpf_insn{.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0}};
  const Fd program = Fd::own(
      bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "nothing", "GPL", nothing.data(), nothing.size(), nullptr));
  const std::string packet(64, '\0');
  std::uint32_t least = std::numeric_limits<std::uint32_t>::max();
  for (int i = 0; i < runs; ++i) {
    bpf_test_run_opts options{};
    options.sz = sizeof options;
    options.data_in = packet.data();
    options.data_size_in = static_cast<std::uint32_t>(packet.size());
    if (bpf_prog_test_run_opts(program.get(), &options) != 0) {
      std::perror("run a program that does nothing");
      std::exit(1);
    }
    least = std::min(least, options.duration);
  }
  return least;
}

nlohmann::json measure(int rules, int vpcs, int runs) {
  Bench bench(rules, vpcs);
  Least first;
  Least established;
  for (int done = 0; done < runs; done += 1000) {
    bench.run_established(std::min(runs - done, 1000), established);
  }
  for (int done = 0; done < runs; done += CAISSON_GUEST_PORTS) {
    bench.run_first(std::min(runs - done, CAISSON_GUEST_PORTS), first);
  }
  return {{"rules", rules},
          {"vpcs", vpcs},
          {"first", {{"from_guest", first.from_guest}, {"to_guest", first.to_guest}}},
          {"repeated", {{"to_guest", established.to_guest_repeated}}},
          {"established", {{"from_guest", established.from_guest}, {"to_guest", established.to_guest}}}};
}

}  // namespace
}  // namespace caisson::bench

int main(int count, char** words) {
  if (count < 3) {
    std::cerr << "bench_datapath_programs RUNS RULES:VPCS...\n";
    return 2;
  }
  std::cout << nlohmann::json{{"nothing", caisson::bench::least_of_nothing(std::atoi(words[1]))}}.dump()
            << std::endl;
  for (int i = 2; i < count; ++i) {
    int rules = 0;
    int vpcs = 0;
    if (std::sscanf(words[i], "%d:%d", &rules, &vpcs) != 2) return 2;
    std::cout << caisson::bench::measure(rules, vpcs, std::atoi(words[1])).dump() << std::endl;
  }
  return 0;
}

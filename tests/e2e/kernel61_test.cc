// Everything that speaks to the kernel, on the oldest one that is supported: Debian 12's 6.1, in a microVM.
#include <gtest/gtest.h>

#include "tests/e2e/kernel61/machine.hh"

namespace caisson::kernel61 {
namespace {

class Kernel61 : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    Cargo cargo;
    std::istringstream programs(KERNEL61_PROGRAMS);
    for (std::string path; std::getline(programs, path, ':');)
      cargo.add_program(path);
    for (const char* path : {"tests/netns", "tests/e2e/harness.py", "tests/e2e/tools", "tests/e2e/attacks"})
      cargo.add_source(path);
    machine_ = std::make_unique<Machine>(cargo.pack());
  }
  static void TearDownTestSuite() { machine_.reset(); }

  static std::unique_ptr<Machine> machine_;
};

std::unique_ptr<Machine> Kernel61::machine_;

TEST_F(Kernel61, ItIsTheOldestThatIsSupported) {
  EXPECT_EQ(machine_->run({"busybox", "uname", "-r"}), 0);
  EXPECT_TRUE(machine_->output().starts_with("6.1.")) << machine_->output();
}

/// The programs as netd loads them, on packets: what they let pass and what they drop, with reason and counter.
TEST_F(Kernel61, TheProgramsLoadAndDecide) {
  for (const char* test : {"bpf.arp", "bpf.conntrack", "bpf.fragments", "bpf.icmp_errors", "bpf.identity",
                           "bpf.reasons", "bpf.resolver", "bpf.stack", "bpf.sweep", "bpf.tracking"})
    EXPECT_EQ(machine_->run({test, "--gtest_brief=1"}), 0) << test;
}

/// netd itself: VPCs, subnets and members through its API, real packets between them, an empty plan, nothing left; and
/// datagrams in fragments, and ICMP errors, through every way.
TEST_F(Kernel61, NetdBuildsAndClearsItsNetworks) {
  for (const char* test :
       {"tests/netns/members_test.py", "tests/netns/slots_test.py", "tests/netns/large_datagrams_test.py"})
    EXPECT_EQ(machine_->run({"python3", std::string("/var/task/") + test}), 0) << test;
}

/// What a member can put on its wire: nothing of it arrives, each with its reason counted.
TEST_F(Kernel61, AttacksOfAMemberFail) {
  EXPECT_EQ(machine_->run({"python3", "/var/task/tests/e2e/attacks/member_test.py", "Member.test_its_wire"}),
            0);
}

/// runnerd's groups on the version that this machine may not have.
TEST_F(Kernel61, ControlGroupsOfVersion2Limit) {
  EXPECT_EQ(machine_->run({"cgroup_check"}), 0);
  EXPECT_NE(machine_->output().find("cgroup v2: ok"), std::string::npos);
}

}  // namespace
}  // namespace caisson::kernel61

// The audit records as netd reads them, while the programs write.
#include <atomic>
#include <optional>
#include <thread>

#include "netd/kernel/bpf/datapath.hh"
#include "tests/bpf/fixture.hh"

namespace caisson::test {
namespace {

constexpr int kTurns = 20000;

class Records : public DatapathTest {
 protected:
  void SetUp() override {
    auto loaded = netd::kernel::Datapath::load(datapath_.folder());
    ASSERT_TRUE(loaded.has_value());
    maps_.emplace(std::move(loaded).value());
  }

  /// One flow, rejected for two reasons in turn: its groups admit it but there is no room (CT_FULL and the rule), and
  /// they do not (SG_EGRESS and none).
  void reject_in_turn(std::atomic<bool>& ended) {
    caisson_eni_key key{};
    std::string with_groups;
    for (const auto& [where, eni] : datapath_.dump("enis")) {
      if (value_of<caisson_eni>(eni).number != sender_.number) continue;
      key = value_of<caisson_eni_key>(where);
      with_groups = eni;
    }
    auto bare = value_of<caisson_eni>(with_groups);
    bare.group_set = 0;
    const auto packet = build(to_target());
    for (int turn = 0; turn < kTurns; ++turn) {
      datapath_.put("enis", bytes_of(key), turn % 2 == 0 ? with_groups : bytes_of(bare));
      EXPECT_EQ(datapath_.run(Program::kFromGuest, packet).action, kShot);
    }
    ended = true;
  }

  /// Whether reason and rule are of one packet.
  void expect_whole(std::string_view bytes) {
    const auto record = value_of<caisson_audit>(std::string(bytes));
    const std::string rule(record.rule);
    if (record.reason == CAISSON_CT_FULL) {
      ++full_;
      torn_ += rule == egress_ ? 0 : 1;
    } else {
      ++refused_;
      torn_ += record.reason == CAISSON_SG_EGRESS && rule.empty() ? 0 : 1;
    }
  }

  std::optional<netd::kernel::Datapath> maps_;
  int full_ = 0, refused_ = 0, torn_ = 0;
};

TEST_F(Records, ReasonAndRuleAreOfOnePacketWhenTheyAreRead) {
  datapath_.fill(model_.state, sender_.id);
  datapath_.put("eni_flows", bytes_of(sender_.number), bytes_of(std::uint64_t{CAISSON_FLOWS_PER_ENI}));
  EXPECT_EQ(datapath_.run(Program::kFromGuest, build(to_target())).action, kShot);
  const auto key = datapath_.dump("flows").begin()->first;
  std::atomic<bool> ended{false};
  std::thread writer([&] { reject_in_turn(ended); });
  while (!ended) {
    for (int i = 0; i < 100; ++i) {
      expect_whole(maps_->get("flows", key));
    }
    // In batches, as netd reads all of them.
    ASSERT_TRUE(
        maps_->visit("flows", [&](std::string_view, std::string_view value) { expect_whole(value); }));
  }
  writer.join();
  EXPECT_EQ(torn_, 0);
  EXPECT_GT(full_, 0);
  EXPECT_GT(refused_, 0);
}

}  // namespace
}  // namespace caisson::test

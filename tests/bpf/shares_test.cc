// What one account takes of all flows leaves the others theirs.
#include <optional>

#include "netd/core/sweep.hh"
#include "tests/bpf/fixture.hh"

namespace caisson::test {
namespace {

constexpr std::uint64_t kOther = 222222222222;
constexpr std::uint64_t kHalf = CAISSON_COMMON_FLOWS / 2;

class Shares : public DatapathTest {
 protected:
  void SetUp() override {
    auto loaded = netd::kernel::Datapath::load(datapath_.folder());
    ASSERT_TRUE(loaded.has_value());
    maps_.emplace(std::move(loaded).value());
    datapath_.fill(model_.state, sender_.id);
  }

  [[nodiscard]] std::uint64_t count(const char* map, std::uint64_t account) const {
    const auto bytes = datapath_.get(map, bytes_of(account));
    return bytes.empty() ? 0 : value_of<std::uint64_t>(bytes);
  }

  /// As if the account had opened so many flows.
  void take(std::uint64_t account, std::uint64_t flows) {
    datapath_.put("account_flows", bytes_of(account), bytes_of(flows));
    const auto common = std::uint64_t{CAISSON_COMMON};
    if (flows > CAISSON_FLOWS_PER_ACCOUNT) {
      datapath_.put("account_flows", bytes_of(common),
                    bytes_of(count("account_flows", common) + flows - CAISSON_FLOWS_PER_ACCOUNT));
    }
  }

  /// The sender is one of this account, without flows so far.
  void become(std::uint64_t account) {
    for (const auto& [key, bytes] : datapath_.dump("enis")) {
      auto eni = value_of<caisson_eni>(bytes);
      eni.account = account;
      datapath_.put("enis", key, bytes_of(eni));
    }
    become_fresh();
  }
  void become_fresh() { datapath_.put("eni_flows", bytes_of(sender_.number), bytes_of(std::uint64_t{0})); }

  /// How many of so many new flows are let through. Ports of both ends number them.
  std::uint64_t open(std::uint64_t flows) {
    std::uint64_t passed = 0;
    auto parts = to_target();
    for (std::uint64_t i = 0; i < flows; ++i, ++opened_) {
      if (opened_ % CAISSON_FLOWS_PER_ENI == 0)
        become_fresh();  // another interface, as far as its quota goes
      parts.source_port = static_cast<std::uint16_t>(opened_);
      parts.destination_port = static_cast<std::uint16_t>(1 + (opened_ >> 16U));
      passed += datapath_.run(Program::kFromGuest, build(parts)).action == kRedirect ? 1 : 0;
    }
    return passed;
  }

  void expect_refused() {
    datapath_.forget_records();
    EXPECT_EQ(open(kTimes), 0U);
    std::uint64_t refused = 0;
    for (const auto& record : datapath_.records()) {
      refused += record.value.reason == CAISSON_CT_ACCOUNT ? record.value.packets : 0;
      EXPECT_EQ(std::string(record.value.rule), egress_);
    }
    EXPECT_EQ(refused, kTimes);
  }

  void sweep() { ASSERT_TRUE(netd::core::Sweep(*maps_).step().has_value()); }

  std::optional<netd::kernel::Datapath> maps_;
  std::uint64_t opened_ = 0;
};

TEST_F(Shares, TheMapHoldsWhatIsPromised) {
  EXPECT_LE(std::uint64_t{CAISSON_ACCOUNTS} * CAISSON_FLOWS_PER_ACCOUNT + CAISSON_COMMON_FLOWS,
            std::uint64_t{CAISSON_CONNTRACK_ENTRIES});
}

TEST_F(Shares, OneAccountTakesHalfOfWhatIsInCommonAndItsOwn) {
  const std::uint64_t all = CAISSON_FLOWS_PER_ACCOUNT + kHalf;
  become(1);
  take(1, all - 10);
  EXPECT_EQ(open(20), 10U);
  EXPECT_EQ(count("account_flows", 1), all);
  EXPECT_EQ(count("account_flows", CAISSON_COMMON), kHalf);
  expect_refused();
  EXPECT_EQ(count("account_flows", 1), all);  // what was refused holds nothing
  EXPECT_EQ(count("account_flows", CAISSON_COMMON), kHalf);
}

TEST_F(Shares, AnotherAccountHasItsOwnWhateverTheOthersTook) {
  take(1, CAISSON_FLOWS_PER_ACCOUNT + CAISSON_COMMON_FLOWS);
  become(kOther);
  EXPECT_EQ(open(CAISSON_FLOWS_PER_ACCOUNT + 20), CAISSON_FLOWS_PER_ACCOUNT);
  expect_refused();
  EXPECT_EQ(count("account_flows", kOther), CAISSON_FLOWS_PER_ACCOUNT);
  EXPECT_EQ(count("account_flows", CAISSON_COMMON), CAISSON_COMMON_FLOWS);
}

/// The attack itself: more full interfaces than the map has room for, and then the victim.
TEST_F(Shares, AFloodOfOneAccountStarvesNobody) {
  become(1);
  const std::uint64_t all = CAISSON_FLOWS_PER_ACCOUNT + kHalf;
  EXPECT_EQ(open(all + 1000), all);
  EXPECT_EQ(datapath_.dump("conntrack").size(), all);
  become(kOther);
  EXPECT_EQ(open(2 * CAISSON_FLOWS_PER_ENI), 2 * CAISSON_FLOWS_PER_ENI);
}

TEST_F(Shares, WhatEndsIsGivenBack) {
  become(1);
  EXPECT_EQ(open(600), 600U);
  EXPECT_EQ(count("account_flows", CAISSON_COMMON), 600 - CAISSON_FLOWS_PER_ACCOUNT);
  sweep();
  EXPECT_EQ(count("account_freed", 1), 0U);
  EXPECT_EQ(count("account_freed", CAISSON_COMMON), 0U);
  int aged = 0;
  for (const auto& [key, value] : datapath_.dump("conntrack")) {
    if (++aged > 300) break;
    auto entry = value_of<caisson_conntrack>(value);
    entry.last_seen -= CAISSON_IDLE_DATAGRAM + CAISSON_NS;
    datapath_.put("conntrack", key, bytes_of(entry));
  }
  sweep();
  EXPECT_EQ(count("account_freed", 1), 300U);
  EXPECT_EQ(count("account_freed", CAISSON_COMMON), 600 - CAISSON_FLOWS_PER_ACCOUNT);  // 300 are its own
  // The rest goes with the interface, and then the account.
  for (const auto& [key, bytes] : datapath_.dump("enis"))
    ASSERT_TRUE(maps_->erase("enis", key));
  for (const auto& [key, bytes] : datapath_.dump("eni_flows"))
    ASSERT_TRUE(maps_->erase("eni_flows", key));
  sweep();
  EXPECT_TRUE(datapath_.dump("conntrack").empty());
  EXPECT_TRUE(datapath_.get("account_flows", bytes_of(std::uint64_t{1})).empty());
  EXPECT_TRUE(datapath_.get("account_freed", bytes_of(std::uint64_t{1})).empty());
}

TEST_F(Shares, AnAccountWithInterfacesIsKept) {
  become(1);
  EXPECT_EQ(open(1), 1U);
  for (const auto& [key, value] : datapath_.dump("conntrack")) {
    auto entry = value_of<caisson_conntrack>(value);
    entry.last_seen -= CAISSON_IDLE_DATAGRAM + CAISSON_NS;
    datapath_.put("conntrack", key, bytes_of(entry));
  }
  sweep();
  EXPECT_TRUE(datapath_.dump("conntrack").empty());
  EXPECT_EQ(count("account_flows", 1), count("account_freed", 1));
  EXPECT_EQ(count("account_freed", 1), 1U);
}

}  // namespace
}  // namespace caisson::test

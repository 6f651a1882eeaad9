// netd's sweep over the maps that the programs fill: what has ended makes room, and nothing else does.
#include "netd/core/sweep.hh"

#include <ctime>
#include <optional>

#include "tests/bpf/fixture.hh"

namespace caisson::test {
namespace {

class Sweep : public DatapathTest {
 protected:
  void SetUp() override {
    auto loaded = netd::kernel::Datapath::load(datapath_.folder());
    ASSERT_TRUE(loaded.has_value());
    maps_.emplace(std::move(loaded).value());
  }

  void sweep() { ASSERT_TRUE(netd::core::Sweep(*maps_).step().has_value()); }

  void age(std::uint64_t nanoseconds) {
    for (const auto& [key, value] : datapath_.dump("conntrack")) {
      auto entry = value_of<caisson_conntrack>(value);
      entry.last_seen -= nanoseconds;
      datapath_.put("conntrack", key, bytes_of(entry));
    }
  }

  /// The same from the clock instead of from the last packet, for tests that take their time in an emulated machine.
  void set_age(std::uint64_t nanoseconds) {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);  // bpf_ktime_get_ns()'s
    const auto now_ns =
        static_cast<std::uint64_t>(now.tv_sec) * CAISSON_NS + static_cast<std::uint64_t>(now.tv_nsec);
    for (const auto& [key, value] : datapath_.dump("conntrack")) {
      auto entry = value_of<caisson_conntrack>(value);
      entry.last_seen = now_ns - nanoseconds;
      datapath_.put("conntrack", key, bytes_of(entry));
    }
  }

  /// An answered TCP connection of the function.
  void connect(std::uint16_t port) {
    auto parts = from_function();
    parts.protocol = 6;
    parts.source_port = port;
    const auto sent = datapath_.run(Program::kFromGuest, build(parts));
    ASSERT_EQ(sent.action, kRedirect);
    const PacketParts answer{.source_mac = target_.mac,
                             .source = target_.address,
                             .destination = function_.address,
                             .protocol = 6,
                             .source_port = 5000,
                             .destination_port = view(sent.packet).source_port,
                             .tcp_flags = 0x12};
    ASSERT_EQ(datapath_.run(Program::kToGuest, build(answer), mark()).action, kPass);
  }

  void expect_full(const std::string& packet) {
    datapath_.forget_records();
    EXPECT_EQ(datapath_.run(Program::kFromGuest, packet).action, kShot);
    ASSERT_EQ(datapath_.records().size(), 1U);
    EXPECT_EQ(datapath_.records()[0].value.reason, CAISSON_CT_FULL);
  }

  [[nodiscard]] std::uint64_t freed() const {
    const auto bytes = datapath_.get("eni_freed", bytes_of(function_.number));
    return bytes.empty() ? 0 : value_of<std::uint64_t>(bytes);
  }

  std::optional<netd::kernel::Datapath> maps_;
};

TEST_F(Sweep, AFormerOwnersFlowsEndAMinuteAfterTheirLastPacket) {
  datapath_.fill(model_.state);
  datapath_.put_slot(slot());
  connect(33000);
  age(CAISSON_IDLE_ORPHAN + CAISSON_NS);
  sweep();
  EXPECT_EQ(datapath_.dump("conntrack").size(), 1U);  // its owner may go on for days
  datapath_.put_slot(slot(8));
  connect(33001);
  sweep();
  EXPECT_EQ(datapath_.dump("conntrack").size(), 1U);
  EXPECT_EQ(freed(), 1U);
  datapath_.remove_slot();
  sweep();
  EXPECT_EQ(datapath_.dump("conntrack").size(), 1U);  // late packets may come still
  age(CAISSON_IDLE_ORPHAN + CAISSON_NS);
  sweep();
  EXPECT_TRUE(datapath_.dump("conntrack").empty());
  EXPECT_EQ(freed(), 2U);
}

TEST_F(Sweep, AFullInterfaceHasRoomAgainWhenItsFlowsHaveEnded) {
  datapath_.fill(model_.state, sender_.id);
  auto parts = to_target();
  parts.destination_port = 1;
  for (std::uint32_t i = 0; i < CAISSON_FLOWS_PER_ENI; ++i) {
    parts.source_port = static_cast<std::uint16_t>(1000 + i);
    ASSERT_EQ(datapath_.run(Program::kFromGuest, build(parts)).action, kRedirect);
  }
  expect_full(build(to_target()));
  set_age(CAISSON_IDLE_DATAGRAM - 20 * CAISSON_NS);
  sweep();
  expect_full(build(to_target()));
  set_age(CAISSON_IDLE_DATAGRAM + CAISSON_NS);
  sweep();
  EXPECT_TRUE(datapath_.dump("conntrack").empty());
  expect_sent(build(to_target()));
}

TEST_F(Sweep, FragmentsThatNothingFollowsGo) {
  datapath_.fill(model_.state, sender_.id);
  expect_sent(with_fragment(build(to_target()).substr(0, 14 + 20 + 8), 0x2000));
  sweep();
  EXPECT_EQ(datapath_.dump("fragments").size(), 1U);
  for (const auto& [key, value] : datapath_.dump("fragments")) {
    auto note = value_of<caisson_fragment>(value);
    note.began -= CAISSON_FRAGMENT_TIME + CAISSON_NS;
    datapath_.put("fragments", key, bytes_of(note));
  }
  sweep();
  EXPECT_TRUE(datapath_.dump("fragments").empty());
}

}  // namespace
}  // namespace caisson::test

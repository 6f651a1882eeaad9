// Fragments: later ones go where their first one went, in its order, at its device, in its time; nothing else does.
#include <algorithm>

#include "tests/bpf/fixture.hh"

namespace caisson::test {
namespace {

constexpr std::size_t kSize = 1480;  // of a fragment's body on a link of 1,500 bytes

class Fragments : public DatapathTest {
 protected:
  static std::string payload(std::size_t size) {
    std::string bytes(size, '\0');
    std::generate(bytes.begin(), bytes.end(), [n = 0]() mutable { return static_cast<char>(n++ * 7); });
    return bytes;
  }

  PacketParts datagram(PacketParts parts, int protocol = 17) const {
    parts.protocol = protocol;
    parts.payload = payload(4000);
    return parts;
  }

  /// Runs all, wants the action of each, and gives them as they came out.
  std::vector<std::string> run_all(Program program, const std::vector<std::string>& packets, int action,
                                   std::uint32_t mark = 0) {
    std::vector<std::string> out;
    for (const auto& packet : packets) {
      const auto ran = datapath_.run(program, packet, mark);
      EXPECT_EQ(ran.action, action);
      out.push_back(ran.packet);
    }
    return out;
  }

  std::vector<std::string> send(const PacketParts& parts) {
    return run_all(Program::kFromGuest, fragments_of(build(parts), kSize), kRedirect);
  }

  PacketParts answer(const PacketView& seen, int protocol) const {
    PacketParts parts{.source_mac = target_.mac,
                      .source = seen.destination,
                      .destination = seen.source,
                      .protocol = protocol,
                      .source_port = protocol == 1 ? seen.source_port : seen.destination_port,
                      .destination_port = seen.source_port,
                      .icmp_type = 0,
                      .id = 99};
    parts.payload = payload(3000);
    return parts;
  }

  void use_function() {
    datapath_.fill(model_.state);
    datapath_.put_slot(slot());
  }
};

class FragmentsOf : public Fragments, public testing::WithParamInterface<int> {};

TEST_P(FragmentsOf, AFunctionGoOutAndBackWithRightChecksums) {
  use_function();
  auto parts = datagram(from_function(), GetParam());
  parts.source_port = 33000;
  const auto seen = view(whole_of(send(parts)));
  EXPECT_EQ(seen.source, function_.address);
  EXPECT_EQ(seen.source_port / CAISSON_BLOCK_PORTS, kBlock);
  EXPECT_EQ(seen.destination_mac, target_.mac);
  EXPECT_TRUE(seen.checksums_right);
  const auto back =
      run_all(Program::kToGuest, fragments_of(build(answer(seen, GetParam())), kSize), kPass, mark());
  const auto got = view(whole_of(back));
  EXPECT_EQ(got.destination, address("169.254.100.2"));
  EXPECT_EQ(GetParam() == 1 ? got.source_port : got.destination_port, 33000);
  EXPECT_TRUE(got.checksums_right);
  EXPECT_TRUE(datapath_.all_drops().empty());
  // All packets of a datagram are in its flow's record.
  std::uint64_t packets = 0;
  for (const auto& record : datapath_.records()) {
    packets += record.value.packets;
  }
  EXPECT_EQ(datapath_.records().size(), 2U);
  EXPECT_EQ(packets, 3U + 3U);
}

TEST_P(FragmentsOf, AFunctionComeBackThroughTheStack) {
  const auto managed = model_.make_function({}, {});
  datapath_.fill(model_.state);
  datapath_.put_slot(slot_of(model_.state, managed, kBlock, 7));
  auto parts = datagram(from_function(), GetParam());
  parts.destination = address("198.51.100.10");
  const auto seen = view(whole_of(send(parts)));
  EXPECT_EQ(seen.source.value, CAISSON_IDENTITY_PREFIX | managed.number);
  EXPECT_TRUE(seen.checksums_right);
  const auto out =
      run_all(Program::kFromStack, fragments_of(build(answer(seen, GetParam())), kSize), kRedirect);
  EXPECT_EQ(view(whole_of(out)).destination, managed.address);
  const std::uint32_t managed_mark = CAISSON_MARK | model_.state.vpcs.at(managed.vpc)->number;
  const auto got = view(whole_of(run_all(Program::kToGuest, out, kPass, managed_mark)));
  EXPECT_EQ(GetParam() == 1 ? got.source_port : got.destination_port, 32768);
  EXPECT_TRUE(got.checksums_right);
}

INSTANTIATE_TEST_SUITE_P(Protocols, FragmentsOf, testing::Values(1, 6, 17));

TEST_F(Fragments, GoFromMemberToMember) {
  datapath_.fill(model_.state, sender_.id);
  const auto out = send(datagram(to_target()));
  EXPECT_TRUE(view(whole_of(out)).checksums_right);
  datapath_.use_member(target_.id);
  run_all(Program::kToGuest, out, kPass, mark());
  EXPECT_TRUE(datapath_.all_drops().empty());
}

TEST_F(Fragments, AUdpChecksumOfZeroStaysZero) {
  use_function();
  auto parts = datagram(from_function());
  parts.udp_checksum = false;
  EXPECT_FALSE(view(whole_of(send(parts))).udp_checksum);
}

TEST_F(Fragments, WithoutAFirstOneGoNowhere) {
  use_function();
  const auto fragments = fragments_of(build(datagram(from_function())), kSize);
  expect_drop(Program::kFromGuest, fragments[1], CAISSON_FRAGMENT);
  datapath_.remove_slot();
  datapath_.use_member(sender_.id);
  expect_drop(Program::kFromGuest, fragments_of(build(datagram(to_target())), kSize)[1], CAISSON_FRAGMENT);
  datapath_.use_member(target_.id);
  expect_drop(Program::kToGuest, fragments_of(build(datagram(to_target())), kSize)[1], CAISSON_FRAGMENT,
              mark());
  auto back = datagram(to_target());
  back.destination = {CAISSON_IDENTITY_PREFIX | target_.number};
  expect_drop(Program::kFromStack, fragments_of(build(back), kSize)[1], CAISSON_FRAGMENT);
}

TEST_F(Fragments, ThatOverlapOrAreOutOfOrderOrCameTwiceAreDropped) {
  use_function();
  const auto parts = datagram(from_function());
  const std::string packet = build(parts);
  const auto fragments = fragments_of(packet, kSize);
  ASSERT_EQ(fragments.size(), 3U);
  const auto first = [&] {
    datapath_.forget();
    expect_sent(fragments[0]);
  };
  first();
  expect_drop(Program::kFromGuest, fragments[2], CAISSON_FRAGMENT);  // a gap
  expect_sent(fragments[1]);
  expect_drop(Program::kFromGuest, fragments[1], CAISSON_FRAGMENT);  // a second time
  expect_sent(fragments[2]);
  expect_drop(Program::kFromGuest, fragments[2], CAISSON_FRAGMENT);  // after the last
  // Eight bytes that the first one had already: at the end of it, and of a header.
  first();
  for (const std::size_t at : {kSize - 8, std::size_t{8}}) {
    expect_drop(Program::kFromGuest,
                with_fragment(fragments[1], static_cast<std::uint16_t>(0x2000U | at / 8)), CAISSON_FRAGMENT);
  }
  expect_sent(fragments[1]);
}

TEST_F(Fragments, WhoseHeadersAreInDoubtAreDropped) {
  datapath_.fill(model_.state, sender_.id);
  auto parts = datagram(to_target(), 6);
  const std::string tcp = build(parts).substr(0, 14 + 20 + kSize);
  expect_sent(with_fragment(tcp.substr(0, 14 + 20 + 24), 0x2000));
  // The header of TCP is cut: RFC 1858's tiny fragment, also where the frame is padded to look longer.
  expect_drop(Program::kFromGuest, with_fragment(tcp.substr(0, 14 + 20 + 16), 0x2000), CAISSON_FRAGMENT);
  expect_drop(Program::kFromGuest, with_fragment(tcp.substr(0, 14 + 20 + 16), 0x2000) + std::string(20, 'x'),
              CAISSON_FRAGMENT);
  // Or written over by a later one: RFC 3128.
  for (const std::uint16_t offset : {1, 2}) {
    expect_drop(Program::kFromGuest, with_fragment(tcp, offset), CAISSON_FRAGMENT);
  }
  // Bodies that are no multiple of 8, empty, or end beyond the longest packet.
  const std::string udp = build(datagram(to_target())).substr(0, 14 + 20 + kSize);
  expect_drop(Program::kFromGuest, with_fragment(udp.substr(0, 14 + 20 + 25), 0x2000), CAISSON_FRAGMENT);
  expect_drop(Program::kFromGuest, with_fragment(udp.substr(0, 14 + 20), 0x0010), CAISSON_FRAGMENT);
  expect_drop(Program::kFromGuest, with_fragment(udp, 8191), CAISSON_FRAGMENT);
  // More than there is.
  expect_drop(Program::kFromGuest, with_fragment(udp, 0x2000).substr(0, 1000), CAISSON_MALFORMED);
}

TEST_F(Fragments, OfAnotherDatagramDoNotFollow) {
  datapath_.fill(model_.state, sender_.id);
  const auto parts = datagram(to_target());
  expect_sent(fragments_of(build(parts), kSize)[0]);
  auto other = parts;
  other.id++;
  expect_drop(Program::kFromGuest, fragments_of(build(other), kSize)[1], CAISSON_FRAGMENT);
  other = parts;
  other.id = static_cast<std::uint16_t>(other.id + CAISSON_FRAGMENT_CELLS);  // in the same cell
  expect_drop(Program::kFromGuest, fragments_of(build(other), kSize)[1], CAISSON_FRAGMENT);
  other = parts;
  other.destination = address("10.0.1.99");
  expect_drop(Program::kFromGuest, fragments_of(build(other), kSize)[1], CAISSON_FRAGMENT);
  other = datagram(to_target(), 6);
  expect_drop(Program::kFromGuest, fragments_of(build(other), kSize)[1], CAISSON_FRAGMENT);
  expect_sent(fragments_of(build(parts), kSize)[1]);
}

TEST_F(Fragments, OfARefusedFirstOneAreDropped) {
  datapath_.fill(model_.state, target_.id);
  auto parts = datagram(to_target());
  parts.destination_port = 5001;  // no rule
  const auto fragments = fragments_of(build(parts), kSize);
  EXPECT_EQ(datapath_.run(Program::kToGuest, fragments[0], mark()).action, kShot);
  expect_drop(Program::kToGuest, fragments[1], CAISSON_FRAGMENT, mark());
}

TEST_F(Fragments, OfAFormerOwnerOrAnotherVpcAreNobodys) {
  use_function();
  const auto fragments = fragments_of(build(datagram(from_function())), kSize);
  expect_sent(fragments[0]);
  datapath_.put_slot(slot(8));
  expect_drop(Program::kFromGuest, fragments[1], CAISSON_FRAGMENT);
  datapath_.put_slot(slot(7));
  expect_sent(fragments[1]);
  // Attached elsewhere, it has another epoch; were it not for that, the flow would still be another interface's.
  const auto other_vpc = model_.make_vpc("10.0.0.0/16");
  const auto other_subnet = model_.make_subnet(other_vpc, "10.0.1.0/24");
  const auto group = model_.make_group(other_vpc, "all");
  model_.allow(group, permission(true, vpc::kAllProtocols, -1, -1, cidr("0.0.0.0/0")));
  model_.make_member(other_subnet, target_.address.text(), {group}, "other");
  const auto elsewhere = model_.make_function({other_subnet}, {group});
  datapath_.fill(model_.state);
  datapath_.put_slot(slot());
  expect_sent(fragments[0]);
  datapath_.remove_slot();
  datapath_.put_slot(slot_of(model_.state, elsewhere, kBlock, 7));
  expect_drop(Program::kFromGuest, fragments[1], CAISSON_FRAGMENT);
}

TEST_F(Fragments, AreDroppedWhenTimeOrFlowIsOver) {
  use_function();
  const auto fragments = fragments_of(build(datagram(from_function())), kSize);
  for (const bool late : {false, true}) {
    datapath_.forget();
    expect_sent(fragments[0]);
    for (const auto& [key, value] : datapath_.dump("fragments")) {
      auto note = value_of<caisson_fragment>(value);
      note.began -= late ? CAISSON_FRAGMENT_TIME + CAISSON_NS : CAISSON_FRAGMENT_TIME - 5 * CAISSON_NS;
      datapath_.put("fragments", key, bytes_of(note));
    }
    if (late) {
      expect_drop(Program::kFromGuest, fragments[1], CAISSON_FRAGMENT);
    } else {
      expect_sent(fragments[1]);
    }
  }
  datapath_.forget();
  expect_sent(fragments[0]);
  const auto noted = datapath_.dump("fragments");
  datapath_.forget();
  datapath_.put("fragments", noted.begin()->first, noted.begin()->second);
  EXPECT_EQ(datapath_.run(Program::kFromGuest, fragments[1]).action, kShot);
  EXPECT_EQ(datapath_.all_drops(), (std::map<std::uint32_t, std::uint64_t>{{CAISSON_FRAGMENT, 1}}));
}

TEST_F(Fragments, PushOutOnlyTheirOwnDevices) {
  datapath_.fill(model_.state, sender_.id);
  const caisson_fragment_key theirs{.owner = 77, .place = CAISSON_FRAGMENTS_OUT, .cell = 3};
  datapath_.put("fragments", bytes_of(theirs), bytes_of(caisson_fragment{}));
  auto parts = datagram(to_target());
  for (std::uint16_t id = 0; id < 3 * CAISSON_FRAGMENT_CELLS; ++id) {
    parts.id = id;
    expect_sent(fragments_of(build(parts), kSize)[0]);
  }
  EXPECT_EQ(datapath_.dump("fragments").size(), CAISSON_FRAGMENT_CELLS + 1U);
  EXPECT_FALSE(datapath_.get("fragments", bytes_of(theirs)).empty());
}

}  // namespace
}  // namespace caisson::test

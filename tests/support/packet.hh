// Packets as bytes, built from their parts, with right checksums; and what a test reads of one.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/ipv4.hh"
#include "base/mac.hh"

namespace caisson::test {

struct PacketParts {
  MacAddress source_mac;
  MacAddress destination_mac{.bytes = {0x02, 0xca, 0x15, 0x50, 0x00, 0x01}};
  std::uint16_t ethertype = 0x0800;
  Ipv4Address source;
  Ipv4Address destination;
  int protocol = 17;
  std::uint16_t source_port = 40000;
  std::uint16_t destination_port = 5000;
  int icmp_type = 8;  ///< then source_port is the id
  int icmp_code = 0;
  std::uint16_t id = 7;        ///< the IP header's
  std::uint16_t fragment = 0;  ///< the header's 16 bits of flags and offset
  bool options = false;        ///< four bytes of NOPs
  std::uint8_t tcp_flags = 0x02;
  bool udp_checksum = true;  ///< or zero: the sender made none
  std::string payload = "payload";
};

std::string build(const PacketParts& parts);

/// The packet in fragments with bodies of `size` bytes (a multiple of 8), the last one with what is left.
std::vector<std::string> fragments_of(const std::string& packet, std::size_t size);
/// Fragments in their order put together.
std::string whole_of(const std::vector<std::string>& fragments);
/// The packet with other 16 bits of flags and offset.
std::string with_fragment(std::string packet, std::uint16_t flags_and_offset);

/// An ICMP error from `source` to the sender of the quoted packet, or to another address: type, code, next-hop MTU.
/// It quotes the packet's first `bytes`, from its IP header on.
struct ErrorParts {
  MacAddress source_mac;
  Ipv4Address source;
  Ipv4Address destination;
  int type = 3;
  int code = 4;
  std::uint16_t mtu = 1400;
  std::size_t bytes = 20 + 8;
};
std::string build_error(const ErrorParts& parts, const std::string& quoted);
/// What an error quotes, as a packet with the error's Ethernet header.
std::string quoted_of(const std::string& error);

/// An ARP request.
std::string build_arp(const MacAddress& sender_mac, Ipv4Address sender, Ipv4Address target);

/// What a packet without options says.
struct PacketView {
  MacAddress source_mac;
  MacAddress destination_mac;
  Ipv4Address source;
  Ipv4Address destination;
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  bool checksums_right = false;
  bool udp_checksum = true;  ///< UDP: it is not zero
};
PacketView view(const std::string& packet);

}  // namespace caisson::test

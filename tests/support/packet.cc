#include "tests/support/packet.hh"

namespace caisson::test {
namespace {

constexpr std::size_t kEthernet = 14;
constexpr std::size_t kIp = 20;

void put16(std::string& bytes, std::size_t value) {
  bytes += static_cast<char>(value >> 8 & 0xff);
  bytes += static_cast<char>(value & 0xff);
}

void put32(std::string& bytes, std::uint32_t value) {
  put16(bytes, value >> 16);
  put16(bytes, value & 0xffff);
}

void put_mac(std::string& bytes, const MacAddress& mac) {
  for (const auto byte : mac.bytes) {
    bytes += static_cast<char>(byte);
  }
}

std::uint16_t get16(const std::string& bytes, std::size_t at) {
  return static_cast<std::uint16_t>(static_cast<unsigned char>(bytes.at(at)) << 8 |
                                    static_cast<unsigned char>(bytes.at(at + 1)));
}

std::uint32_t get32(const std::string& bytes, std::size_t at) {
  return static_cast<std::uint32_t>(get16(bytes, at)) << 16 | get16(bytes, at + 2);
}

/// RFC 1071, over the bytes and, before them, `sum`.
std::uint16_t checksum(const std::string& bytes, std::uint32_t sum = 0) {
  for (std::size_t i = 0; i < bytes.size(); i += 2) {
    const unsigned low = i + 1 < bytes.size() ? static_cast<unsigned char>(bytes[i + 1]) : 0;
    sum += static_cast<unsigned>(static_cast<unsigned char>(bytes[i])) << 8 | low;
  }
  while (sum >> 16 != 0) {
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return static_cast<std::uint16_t>(~sum);
}

std::uint32_t pseudo_header(Ipv4Address source, Ipv4Address destination, int protocol, std::size_t length) {
  return (source.value >> 16) + (source.value & 0xffff) + (destination.value >> 16) +
         (destination.value & 0xffff) + static_cast<std::uint32_t>(protocol) +
         static_cast<std::uint32_t>(length);
}

void set16(std::string& bytes, std::size_t at, std::uint16_t value) {
  bytes.at(at) = static_cast<char>(value >> 8);
  bytes.at(at + 1) = static_cast<char>(value & 0xff);
}

std::string transport(const PacketParts& parts) {
  std::string bytes;
  std::size_t sum_at = 0;
  if (parts.protocol == 6) {
    put16(bytes, parts.source_port);
    put16(bytes, parts.destination_port);
    put32(bytes, 1000);
    put32(bytes, 0);
    put16(bytes, 0x5000U | parts.tcp_flags);  // five words
    put16(bytes, 65535);
    put32(bytes, 0);
    sum_at = 16;
  } else if (parts.protocol == 17) {
    put16(bytes, parts.source_port);
    put16(bytes, parts.destination_port);
    put16(bytes, 8 + parts.payload.size());
    put16(bytes, 0);
    sum_at = 6;
  } else if (parts.protocol == 1) {
    bytes += static_cast<char>(parts.icmp_type);
    bytes += static_cast<char>(parts.icmp_code);
    put16(bytes, 0);
    put16(bytes, parts.source_port);
    put16(bytes, 1);
    sum_at = 2;
  } else {
    return parts.payload;
  }
  bytes += parts.payload;
  if (parts.protocol == 17 && !parts.udp_checksum) return bytes;
  const std::uint32_t pseudo =
      parts.protocol == 1 ? 0 : pseudo_header(parts.source, parts.destination, parts.protocol, bytes.size());
  set16(bytes, sum_at, checksum(bytes, pseudo));
  return bytes;
}

MacAddress mac_at(const std::string& packet, std::size_t at) {
  MacAddress mac;
  for (std::size_t i = 0; i < 6; ++i) {
    mac.bytes[i] = static_cast<std::uint8_t>(packet.at(at + i));
  }
  return mac;
}

}  // namespace

std::string build(const PacketParts& parts) {
  std::string packet;
  put_mac(packet, parts.destination_mac);
  put_mac(packet, parts.source_mac);
  put16(packet, parts.ethertype);
  const std::string body = transport(parts);
  std::string header;
  header += static_cast<char>(parts.options ? 0x46 : 0x45);
  header += '\0';
  put16(header, kIp + (parts.options ? 4 : 0) + body.size());
  put16(header, parts.id);
  put16(header, parts.fragment);
  header += '\x40';
  header += static_cast<char>(parts.protocol);
  put16(header, 0);
  put32(header, parts.source.value);
  put32(header, parts.destination.value);
  if (parts.options) put32(header, 0x01010101);
  set16(header, 10, checksum(header));
  return packet + header + body;
}

std::string with_fragment(std::string packet, std::uint16_t flags_and_offset) {
  set16(packet, kEthernet + 2, static_cast<std::uint16_t>(packet.size() - kEthernet));
  set16(packet, kEthernet + 6, flags_and_offset);
  set16(packet, kEthernet + 10, 0);
  set16(packet, kEthernet + 10, checksum(packet.substr(kEthernet, kIp)));
  return packet;
}

std::vector<std::string> fragments_of(const std::string& packet, std::size_t size) {
  std::vector<std::string> fragments;
  const std::string headers = packet.substr(0, kEthernet + kIp);
  const std::string body = packet.substr(kEthernet + kIp);
  for (std::size_t at = 0; at < body.size(); at += size) {
    const bool more = at + size < body.size();
    fragments.push_back(with_fragment(headers + body.substr(at, size),
                                      static_cast<std::uint16_t>((more ? 0x2000U : 0U) | at / 8)));
  }
  return fragments;
}

std::string whole_of(const std::vector<std::string>& fragments) {
  std::string packet = fragments.at(0).substr(0, kEthernet + kIp);
  for (const auto& fragment : fragments) {
    packet += fragment.substr(kEthernet + kIp);
  }
  return with_fragment(packet, 0);
}

std::string build_error(const ErrorParts& parts, const std::string& quoted) {
  std::string body;
  body += static_cast<char>(parts.type);
  body += static_cast<char>(parts.code);
  put16(body, 0);
  put16(body, 0);
  put16(body, parts.mtu);
  body += quoted.substr(kEthernet, parts.bytes);
  set16(body, 2, checksum(body));
  const std::string made = build({.source_mac = parts.source_mac,
                                  .source = parts.source,
                                  .destination = parts.destination,
                                  .protocol = 1});
  return with_fragment(made.substr(0, kEthernet + kIp) + body, 0);
}

std::string quoted_of(const std::string& error) {
  return error.substr(0, kEthernet) + error.substr(kEthernet + kIp + 8);
}

std::string build_arp(const MacAddress& sender_mac, Ipv4Address sender, Ipv4Address target) {
  std::string packet;
  put_mac(packet, {.bytes = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}});
  put_mac(packet, sender_mac);
  put16(packet, 0x0806);
  put16(packet, 1);
  put16(packet, 0x0800);
  put16(packet, 0x0604);
  put16(packet, 1);
  put_mac(packet, sender_mac);
  put32(packet, sender.value);
  put_mac(packet, {});
  put32(packet, target.value);
  return packet;
}

PacketView view(const std::string& packet) {
  PacketView seen{.source_mac = mac_at(packet, 6),
                  .destination_mac = mac_at(packet, 0),
                  .source = {get32(packet, kEthernet + 12)},
                  .destination = {get32(packet, kEthernet + 16)}};
  const int protocol = static_cast<unsigned char>(packet.at(kEthernet + 9));
  const std::string body = packet.substr(kEthernet + kIp);
  if (protocol == 1) {
    seen.source_port = get16(body, 4);
  } else {
    seen.source_port = get16(body, 0);
    seen.destination_port = get16(body, 2);
  }
  const std::uint32_t pseudo =
      protocol == 1 ? 0 : pseudo_header(seen.source, seen.destination, protocol, body.size());
  seen.udp_checksum = protocol != 17 || get16(body, 6) != 0;
  seen.checksums_right = checksum(packet.substr(kEthernet, kIp)) == 0 && checksum(body, pseudo) == 0;
  return seen;
}

}  // namespace caisson::test

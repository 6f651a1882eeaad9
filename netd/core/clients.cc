#include "netd/core/clients.hh"

#include "base/bytes.hh"
#include "netd/bpf/caisson_abi.h"

namespace caisson::netd::core {
namespace {

Error nobody(Ipv4Address identity) {
  return {.code = "NotFound", .message = identity.text() + " is no network interface's identity"};
}

Ipv4Address address_of(const __u8* bytes) {
  return {std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 | std::uint32_t{bytes[2]} << 8 |
          bytes[3]};
}

void put_address(__u8* bytes, Ipv4Address address) {
  for (int i = 0; i < 4; ++i) {
    bytes[i] = static_cast<__u8>(address.value >> (24 - 8 * i));
  }
}

/// The state may be newer or older than the maps for an instant: then there is none.
const vpc::NetworkInterface* interface_at(const kernel::Datapath& datapath, const vpc::State& state,
                                          const std::string& key) {
  const std::string entry = datapath.get("enis", key);
  if (entry.empty()) return nullptr;
  const auto id = vpc::NetworkInterfaceId::parse(value_of<caisson_eni>(entry).id);
  return id ? vpc::find(state.network_interfaces, *id) : nullptr;
}

std::optional<std::uint32_t> slot_of(const kernel::Datapath& datapath, const caisson_eni_key& where,
                                     std::uint16_t port) {
  caisson_block_key block{};
  block.vpc = where.vpc;
  std::copy(std::begin(where.address), std::end(where.address), block.address);
  block.block = port / CAISSON_BLOCK_PORTS;
  const std::string tap = datapath.get("blocks", bytes_of(block));
  if (tap.empty()) return std::nullopt;
  const std::string slot = datapath.get("slots", tap);
  if (slot.empty()) return std::nullopt;
  return value_of<caisson_slot>(slot).slot;
}

}  // namespace

Result<Client> find_client(const kernel::Datapath& datapath, const vpc::State& state, Ipv4Address identity,
                           std::uint16_t port) {
  if ((identity.value & ~CAISSON_NUMBER_MASK) != CAISSON_IDENTITY_PREFIX) return nobody(identity);
  const std::string key = datapath.get("identities", bytes_of(identity.value & CAISSON_NUMBER_MASK));
  if (key.empty()) return nobody(identity);
  Client client{.interface = interface_at(datapath, state, key)};
  if (client.interface == nullptr) return nobody(identity);
  const auto where = value_of<caisson_eni_key>(key);
  client.address = address_of(where.address);
  if (client.interface->requester_managed()) client.slot = slot_of(datapath, where, port);
  return client;
}

const vpc::NetworkInterface* find_address(const kernel::Datapath& datapath, const vpc::State& state,
                                          const vpc::Vpc& vpc, Ipv4Address address) {
  caisson_eni_key key{};
  key.vpc = vpc.number;
  put_address(key.address, address);
  return interface_at(datapath, state, bytes_of(key));
}

}  // namespace caisson::netd::core

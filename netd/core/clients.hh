// Who speaks to a service in the fabric: what the datapath says of an identity address and a port.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/ipv4.hh"
#include "base/result.hh"
#include "netd/kernel/bpf/datapath.hh"
#include "vpc/model/state.hh"

namespace caisson::netd::core {

struct Client {
  const vpc::NetworkInterface* interface = nullptr;  ///< of the state that was asked
  Ipv4Address address;                               ///< of the interface, which the packets come from
  std::optional<std::uint32_t> slot;                 ///< of a function interface: who has the port now
};

/// No guest can speak from another one's identity: from_guest writes it (docs/life-of-a-packet.md). Error NotFound.
Result<Client> find_client(const kernel::Datapath& datapath, const vpc::State& state, Ipv4Address identity,
                           std::uint16_t port);

/// What has the private address in the VPC, or nothing.
const vpc::NetworkInterface* find_address(const kernel::Datapath& datapath, const vpc::State& state,
                                          const vpc::Vpc& vpc, Ipv4Address address);

}  // namespace caisson::netd::core

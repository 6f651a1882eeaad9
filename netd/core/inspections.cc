#include "netd/core/inspections.hh"

#include <array>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/bytes.hh"
#include "netd/bpf/caisson_abi.h"
#include "netd/core/metrics.hh"
#include "vpc/compile/compile.hh"

namespace caisson::netd::core {
namespace {

using Json = nlohmann::json;

std::string address_text(const __u8* bytes) {
  return std::to_string(bytes[0]) + "." + std::to_string(bytes[1]) + "." + std::to_string(bytes[2]) + "." +
         std::to_string(bytes[3]);
}

std::string id_text(const char* bytes) {
  return {bytes, ::strnlen(bytes, CAISSON_ID_SIZE)};
}

/// From the datapath's clock (monotonic nanoseconds) to a time of day.
std::string time_text(std::uint64_t nanoseconds) {
  timespec monotonic{};
  timespec real{};
  (void)::clock_gettime(CLOCK_MONOTONIC, &monotonic);
  (void)::clock_gettime(CLOCK_REALTIME, &real);
  const auto seconds = static_cast<std::time_t>(nanoseconds / CAISSON_NS);
  const std::time_t shown = real.tv_sec - monotonic.tv_sec + seconds;
  tm parts{};
  (void)::gmtime_r(&shown, &parts);
  std::array<char, 32> text{};
  (void)std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text.data();
}

/// Slots by the network interface that they are attached to.
using SlotsByInterface = std::multimap<std::string_view, const Slots::View*>;

Json interface_json(const vpc::NetworkInterface& interface, const SlotsByInterface& slots) {
  Json groups = Json::array();
  for (const auto& group : interface.groups) {
    groups.push_back(group.text());
  }
  Json shown{{"NetworkInterfaceId", interface.id.text()},
             {"PrivateIpAddress", interface.address.text()},
             {"InterfaceType", interface.requester_managed() ? "lambda" : "interface"},
             {"Status", interface.in_use() ? "in-use" : "available"},
             {"Groups", std::move(groups)},
             {"Slots", Json::array()}};
  if (interface.attachment) {
    shown["Attachment"] = {{"InstanceId", "netns:" + interface.attachment->netns},
                           {"Port", vpc::member_port_name(interface.number)}};
  }
  const auto [first, last] = slots.equal_range(interface.id.text());
  for (auto row = first; row != last; ++row) {
    const Slots::View& slot = *row->second;
    shown["Slots"].push_back({{"Slot", slot.slot},
                              {"Tap", slot.tap},
                              {"State", slot.state},
                              {"Block", slot.block},
                              {"PrivateIpAddress", slot.address.text()}});
  }
  return shown;
}

Json subnet_json(const vpc::State& state, const vpc::Subnet& subnet, const SlotsByInterface& slots) {
  Json shown{{"SubnetId", subnet.id.text()},
             {"CidrBlock", subnet.cidr.text()},
             {"Bridge", vpc::bridge_name(subnet.id)},
             {"NetworkInterfaces", Json::array()}};
  std::set<vpc::NetworkInterfaceId> interfaces;  // each once, in the order of their ids
  const auto& addresses = state.index.addresses;
  for (auto row = addresses.lower_bound({subnet.id, {}});
       row != addresses.end() && row->first.first == subnet.id; ++row) {
    interfaces.insert(row->second);
  }
  for (const auto& id : interfaces) {
    shown["NetworkInterfaces"].push_back(interface_json(*vpc::find(state.network_interfaces, id), slots));
  }
  return shown;
}

}  // namespace

Json describe(const vpc::State& state, const vpc::AccountId& account, const std::vector<Slots::View>& slots) {
  SlotsByInterface by_interface;
  for (const auto& slot : slots) {
    if (!slot.eni.empty()) by_interface.emplace(slot.eni, &slot);
  }
  Json vpcs = Json::array();
  for (const auto& [id, vpc] : state.vpcs) {
    if (vpc->account != account) continue;
    Json shown{{"VpcId", id.text()},
               {"CidrBlock", vpc->cidr.text()},
               {"Managed", vpc->managed},
               {"Subnets", Json::array()}};
    for (const auto& [subnet_id, subnet] : state.index.in(id).subnets) {
      shown["Subnets"].push_back(subnet_json(state, *subnet, by_interface));
    }
    vpcs.push_back(std::move(shown));
  }
  std::size_t free = 0;
  for (const auto& slot : slots) {
    free += slot.state == "free" ? 1 : 0;
  }
  return {{"Accounts", Json::array({{{"AccountId", account.text}, {"Vpcs", std::move(vpcs)}}})},
          {"SlotPool", {{"Free", free}, {"Total", slots.size()}}}};
}

Result<Json> describe_flows(const vpc::State& state, const vpc::AccountId& account,
                            const kernel::Datapath& datapath) {
  TRY(const auto records, datapath.dump("flows"));
  Json flows = Json::array();
  for (const auto& [key_bytes, value_bytes] : records) {
    const auto key = value_of<caisson_audit_key>(key_bytes);
    const auto record = value_of<caisson_audit>(value_bytes);
    const auto id = vpc::NetworkInterfaceId::parse(id_text(record.eni));
    const auto* interface = id ? vpc::find(state.network_interfaces, *id) : nullptr;
    // A deleted interface is nobody's to see: whose it was is forgotten.
    if (interface == nullptr || interface->account != account) continue;
    flows.push_back({{"NetworkInterfaceId", id_text(record.eni)},
                     {"Direction", key.direction == CAISSON_EGRESS ? "egress" : "ingress"},
                     {"Protocol", key.protocol},
                     {"Source", address_text(key.source)},
                     {"SourcePort", key.source_port},
                     {"Destination", address_text(key.destination)},
                     {"DestinationPort", key.destination_port},
                     {"Action", key.action == CAISSON_ACCEPT ? "ACCEPT" : "REJECT"},
                     {"Reason", reason_name(record.reason)},
                     {"RuleId", id_text(record.rule)},
                     {"Endpoint", id_text(record.endpoint)},
                     {"Packets", record.packets},
                     {"Bytes", record.bytes},
                     {"FirstSeen", time_text(record.first_seen)},
                     {"LastSeen", time_text(record.last_seen)}});
  }
  return Json{{"Flows", std::move(flows)}};
}

Result<Json> describe_drops(const vpc::State& state, const vpc::AccountId& account,
                            const reconcile::Indexes& members, const Fabric& fabric) {
  struct Port {
    std::string name;
    std::string interface;
  };
  std::map<std::uint32_t, Port> ports;
  for (std::uint32_t slot = 0; slot < fabric.taps().size(); ++slot) {
    ports[fabric.taps()[slot]] = {tap_name(slot), ""};
  }
  for (const auto& [id, interface] : state.network_interfaces) {
    if (!interface->attachment || interface->account != account) continue;
    const std::string name = vpc::member_port_name(interface->number);
    if (const auto found = members.find(name); found != members.end()) {
      ports[found->second] = {name, id.text()};
    }
  }
  TRY(const auto records, fabric.datapath().dump("drops"));
  Json drops = Json::array();
  for (const auto& [key_bytes, value_bytes] : records) {
    const auto key = value_of<caisson_drop_key>(key_bytes);
    const auto port = ports.find(key.port);
    if (port == ports.end()) continue;
    caisson_drop sum{};
    for (std::size_t at = 0; at + sizeof sum <= value_bytes.size(); at += sizeof sum) {
      const auto one = value_of<caisson_drop>(value_bytes.substr(at));
      sum.packets += one.packets;
      sum.bytes += one.bytes;
      sum.last_seen = std::max(sum.last_seen, one.last_seen);
    }
    drops.push_back({{"NetworkInterfaceId", port->second.interface},
                     {"Port", port->second.name},
                     {"Reason", reason_name(key.reason)},
                     {"Packets", sum.packets},
                     {"Bytes", sum.bytes},
                     {"LastSeen", time_text(sum.last_seen)}});
  }
  return Json{{"Drops", std::move(drops)}};
}

Json describe_plan(const reconcile::Plan& plan) {
  Json operations = Json::array();
  for (const auto& operation : plan) {
    operations.push_back(
        {{"Operation", operation.name()}, {"Object", operation.object()}, {"Reason", operation.reason}});
  }
  return {{"Plan", std::move(operations)}};
}

}  // namespace caisson::netd::core

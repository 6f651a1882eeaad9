// Random commands for tests that go through many states.
#pragma once

#include <iterator>
#include <random>
#include <string>

#include "vpc/apply/apply.hh"
#include "vpc/model/state.hh"

namespace caisson::test {

using namespace vpc;  // NOLINT(google-build-using-namespace): a header of tests, full of the model's names

/// As the documents of endpoints/services have them.
inline std::vector<Service> test_services() {
  return {{"com.amazonaws.us-east-1.dynamodb",
           *PrefixListId::parse("pl-02cd2c6b"),
           {*Ipv4Cidr::parse("203.0.113.128/25")}},
          {"com.amazonaws.us-east-1.s3",
           *PrefixListId::parse("pl-63a5400a"),
           {*Ipv4Cidr::parse("203.0.113.0/25")}}};
}

/// Commands of all kinds on whatever the state has; many of them are refused.
class RandomCommands {
 public:
  explicit RandomCommands(std::uint64_t seed) : engine_(seed) {}
  int below(int end) { return std::uniform_int_distribution<int>(0, end - 1)(engine_); }
  template <class Table>
  auto id_of(const Table& table) {
    using IdType = typename Table::key_type;
    if (table.empty()) return IdType::make(1);
    return std::next(table.begin(), below(static_cast<int>(table.size())))->first;
  }

  Permission permission(const State& state) {
    Permission permission{.protocol = below(2) == 0 ? kTcp : kAllProtocols,
                          .peer = Ipv4Cidr({0x0a000000}, 8)};
    if (permission.protocol == kTcp) permission.from_port = permission.to_port = below(4);
    if (below(2) == 0) permission.peer = id_of(state.security_groups);
    if (!state.services.empty() && below(4) == 0) permission.peer = state.services.at(0).prefix_list;
    return permission;
  }

  Ipv4Cidr destination() {
    return {Ipv4Address{0x0a000000U + static_cast<std::uint32_t>(below(8)) * 0x10000}, 16 + below(2) * 8};
  }
  RouteTableAssociationId association(const State& state) {
    if (below(2) == 0) return main_association(id_of(state.route_tables));
    return id_of(state.index.route_table_associations);
  }

  /// Of route tables, routes and endpoints.
  Command routing(const State& state) {
    const auto table = id_of(state.route_tables);
    switch (below(11)) {
      case 0:
      case 1:
        return CreateRouteTable{id_of(state.vpcs), {}, below(4) == 0 ? std::to_string(below(8)) : ""};
      case 2:
        return DeleteRouteTable{table};
      case 3:
        return AssociateRouteTable{table, id_of(state.subnets)};
      case 4:
        return DisassociateRouteTable{association(state)};
      case 5:
        return ReplaceRouteTableAssociation{association(state), table};
      case 6:
        return CreateRoute{table, destination(), id_of(state.network_interfaces)};
      case 7:
        return ReplaceRoute{table, destination(),
                            below(2) == 0 ? std::nullopt : std::optional(id_of(state.network_interfaces))};
      case 8:
        return DeleteRoute{table, destination()};
      case 9: {
        CreateVpcEndpoint create{id_of(state.vpcs), state.services.at(0).name, {}, "", {}, ""};
        if (below(2) == 0) create.route_tables.push_back(table);
        if (below(4) == 0) create.client_token = std::to_string(below(8));
        return create;
      }
      default: {
        const auto endpoint = id_of(state.vpc_endpoints);
        if (below(3) == 0) return DeleteVpcEndpoints{{endpoint}};
        ModifyVpcEndpoint modify{endpoint, {}, {}, std::nullopt};
        (below(2) == 0 ? modify.add_route_tables : modify.remove_route_tables).push_back(table);
        if (below(4) == 0) modify.policy = std::to_string(below(3));
        return modify;
      }
    }
  }

  Command command(const State& state) {
    if (!state.services.empty() && below(4) == 0) return routing(state);
    switch (below(15)) {
      case 0:
        return CreateVpc{Ipv4Cidr(Ipv4Address{0x0a000000}, 16 + below(4)), {}};
      case 1:
        return DeleteVpc{id_of(state.vpcs)};
      case 2:
        return CreateSubnet{
            id_of(state.vpcs),
            Ipv4Cidr({0x0a000000U + static_cast<std::uint32_t>(below(64)) * 16}, 26 + below(3)),
            {},
            {}};
      case 3:
        return DeleteSubnet{id_of(state.subnets)};
      case 4:
        return CreateSecurityGroup{
            id_of(state.vpcs), std::string(1, static_cast<char>('a' + below(8))), "d", {}};
      case 5:
        return DeleteSecurityGroup{id_of(state.security_groups)};
      case 6:
        return AuthorizeSecurityGroup{
            id_of(state.security_groups), below(2) == 0, {{permission(state), ""}}, {}};
      case 7:
        return RevokeSecurityGroup{id_of(state.security_groups), below(2) == 0, {}, {permission(state)}};
      case 8:
      case 9: {
        CreateNetworkInterface create;
        create.subnet = id_of(state.subnets);
        if (below(2) == 0) create.groups = {id_of(state.security_groups)};
        if (below(4) == 0)
          create.address = Ipv4Address{0x0a000000U + static_cast<std::uint32_t>(below(1024))};
        if (below(4) == 0) create.client_token = std::to_string(below(8));
        return create;
      }
      case 10:
        return DeleteNetworkInterface{id_of(state.network_interfaces)};
      case 11:
        return AttachNetworkInterface{id_of(state.network_interfaces), std::to_string(below(3)), below(3)};
      case 12: {
        EnsureFunctionInterface ensure{std::to_string(below(6)), {}, {}};
        if (below(3) != 0) ensure = {ensure.user, {id_of(state.subnets)}, {id_of(state.security_groups)}};
        return ensure;
      }
      case 13:
        return GrowFunctionInterface{id_of(state.network_interfaces), static_cast<std::size_t>(below(5))};
      default:
        return ReleaseFunctionInterface{std::to_string(below(6))};
    }
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace caisson::test

// Random commands for tests that go through many states.
#pragma once

#include <iterator>
#include <random>
#include <string>

#include "vpc/apply/apply.hh"

namespace caisson::test {

using namespace vpc;  // NOLINT(google-build-using-namespace): a header of tests, full of the model's names

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
    return permission;
  }

  Command command(const State& state) {
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

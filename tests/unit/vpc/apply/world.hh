// A state to which commands are applied one after the other; ids as they come.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "vpc/apply/apply.hh"

namespace caisson::vpc {

inline Ipv4Cidr block(const char* text) {
  return *Ipv4Cidr::parse(text);
}
inline Ipv4Address address(const char* text) {
  return *Ipv4Address::parse(text);
}

class World {
 public:
  State state;
  AccountId account{"000000000001"};

  Result<Applied> attempt(Command command) {
    return apply(state, {.account = account,
                         .seed = ++seed_,
                         .time = "2026-01-01T00:00:00.000Z",
                         .command = std::move(command)});
  }

  /// "" when it was applied, else the error's code.
  std::string code(Command command) {
    auto applied = attempt(std::move(command));
    if (!applied) return applied.error().code;
    last_ = std::move(applied.value());
    state = last_.state;
    return "";
  }

  /// Must succeed; the first id.
  std::string id(Command command) {
    EXPECT_EQ(code(std::move(command)), "");
    return last_.ids.empty() ? "" : last_.ids.front();
  }

  VpcId vpc(const char* cidr = "10.0.0.0/16") { return *VpcId::parse(id(CreateVpc{block(cidr), {}})); }
  SubnetId subnet(const VpcId& vpc, const char* cidr = "10.0.1.0/24") {
    return *SubnetId::parse(id(CreateSubnet{vpc, block(cidr), {}, {}}));
  }
  SecurityGroupId group(const VpcId& vpc, const char* name = "web") {
    return *SecurityGroupId::parse(id(CreateSecurityGroup{vpc, name, "a group", {}}));
  }
  NetworkInterfaceId interface(const SubnetId& subnet, std::vector<SecurityGroupId> groups = {}) {
    CreateNetworkInterface command;
    command.subnet = subnet;
    command.groups = std::move(groups);
    return *NetworkInterfaceId::parse(id(command));
  }

  [[nodiscard]] const Applied& last() const { return last_; }

 private:
  std::uint64_t seed_ = 0;
  Applied last_;
};

}  // namespace caisson::vpc

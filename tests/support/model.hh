// A State made by commands, as netd makes it.
#pragma once

#include <string>
#include <vector>

#include "vpc/apply/apply.hh"

namespace caisson::test {

class Model {
 public:
  vpc::State state;

  /// Applies the command; the ids that its reply would show. An error ends the test program: the test is wrong.
  std::vector<std::string> run(vpc::Command command);

  vpc::VpcId make_vpc(const std::string& cidr);
  vpc::SubnetId make_subnet(const vpc::VpcId& vpc, const std::string& cidr);
  /// Without the rule that admits all egress.
  vpc::SecurityGroupId make_group(const vpc::VpcId& vpc, const std::string& name);
  std::string allow(const vpc::SecurityGroupId& group, vpc::Permission permission);
  /// A member with this address, in a namespace that is named after `user` and the address.
  const vpc::NetworkInterface& make_member(const vpc::SubnetId& subnet, const std::string& address,
                                           std::vector<vpc::SecurityGroupId> groups,
                                           const std::string& user = "test");
  /// A function interface.
  const vpc::NetworkInterface& make_function(std::vector<vpc::SubnetId> subnets,
                                             std::vector<vpc::SecurityGroupId> groups,
                                             const std::string& user = "test");

 private:
  std::uint64_t seed_ = 1;
};

vpc::Permission permission(bool egress, int protocol, int from, int to, vpc::Peer peer);
Ipv4Cidr cidr(const std::string& text);
Ipv4Address address(const std::string& text);

}  // namespace caisson::test

#include "tests/unit/vpc/apply/world.hh"

namespace caisson::vpc {
namespace {

CreateNetworkInterface at(const SubnetId& subnet, const char* where) {
  CreateNetworkInterface command;
  command.subnet = subnet;
  if (where != nullptr) command.address = address(where);
  return command;
}

TEST(CreateNetworkInterface, TakesTheLowestFreeAddress) {
  World world;
  const auto subnet = world.subnet(world.vpc(), "10.0.1.0/28");
  const auto address_of = [&](const NetworkInterfaceId& id) {
    return find(world.state.network_interfaces, id)->address.text();
  };
  const auto first = world.interface(subnet);
  EXPECT_EQ(address_of(first), "10.0.1.4");
  EXPECT_EQ(address_of(world.interface(subnet)), "10.0.1.5");
  EXPECT_EQ(world.code(DeleteNetworkInterface{first}), "");
  EXPECT_EQ(address_of(world.interface(subnet)), "10.0.1.4");
  for (int i = 2; i < 11; ++i)
    world.interface(subnet);
  EXPECT_EQ(world.code(at(subnet, nullptr)), "InsufficientFreeAddressesInSubnet");
}

TEST(CreateNetworkInterface, ChecksARequestedAddress) {
  World world;
  const auto subnet = world.subnet(world.vpc());
  const struct {
    const char* where;
    const char* code;
  } cases[] = {{"10.0.1.9", ""},
               {"10.0.1.9", "InvalidIPAddress.InUse"},
               {"10.0.2.9", "InvalidParameterValue"},
               {"10.0.1.0", "InvalidParameterValue"},
               {"10.0.1.3", "InvalidParameterValue"},
               {"10.0.1.255", "InvalidParameterValue"},
               {"10.0.1.254", ""}};
  for (const auto& c : cases)
    EXPECT_EQ(world.code(at(subnet, c.where)), c.code) << c.where;
}

TEST(CreateNetworkInterface, HasItsGroupsSortedOrTheDefaultOne) {
  World world;
  const auto vpc = world.vpc();
  const auto subnet = world.subnet(vpc);
  const auto a = world.group(vpc, "a");
  const auto b = world.group(vpc, "b");
  const auto groups_of = [&](const NetworkInterfaceId& id) {
    return find(world.state.network_interfaces, id)->groups;
  };
  const std::vector sorted{std::min(a, b), std::max(a, b)};
  EXPECT_EQ(groups_of(world.interface(subnet, {a, b, a})), sorted);
  EXPECT_EQ(groups_of(world.interface(subnet, {b, a})), sorted);
  EXPECT_EQ(groups_of(world.interface(subnet)),
            std::vector{find(world.state.vpcs, vpc)->default_security_group});
}

TEST(CreateNetworkInterface, ChecksItsGroups) {
  World world;
  const auto vpc = world.vpc();
  const auto subnet = world.subnet(vpc);
  std::vector<SecurityGroupId> six;
  for (const char* name : {"a", "b", "c", "d", "e", "f"})
    six.push_back(world.group(vpc, name));
  const auto with = [&](std::vector<SecurityGroupId> groups) {
    CreateNetworkInterface command;
    command.subnet = subnet;
    command.groups = std::move(groups);
    return command;
  };
  EXPECT_EQ(world.code(with(six)), "SecurityGroupsPerInterfaceLimitExceeded");
  EXPECT_EQ(world.code(with({six.begin(), six.begin() + 5})), "");
  EXPECT_EQ(world.code(with({*SecurityGroupId::parse("sg-00000000000000001")})),
            "InvalidSecurityGroupID.NotFound");
  EXPECT_EQ(world.code(with({world.group(world.vpc())})), "InvalidParameter");
}

TEST(CreateNetworkInterface, HasALocalUnicastMacOfItsOwn) {
  World world;
  const auto subnet = world.subnet(world.vpc());
  const auto one = find(world.state.network_interfaces, world.interface(subnet))->mac;
  const auto two = find(world.state.network_interfaces, world.interface(subnet))->mac;
  EXPECT_EQ(one.bytes[0], 0x02);
  EXPECT_NE(one, two);
}

TEST(CreateNetworkInterface, ATokenMakesItIdempotent) {
  World world;
  const auto subnet = world.subnet(world.vpc());
  auto command = at(subnet, nullptr);
  command.client_token = "once";
  const auto first = world.id(command);
  EXPECT_EQ(world.id(command), first);
  EXPECT_TRUE(world.last().touched.empty());
  EXPECT_EQ(world.state.network_interfaces.size(), 1U);
  command.description = "other";
  EXPECT_EQ(world.code(command), "IdempotentParameterMismatch");
  command.client_token = std::string(65, 'a');
  EXPECT_EQ(world.code(command), "InvalidParameterValue");
  EXPECT_EQ(world.code(DeleteNetworkInterface{*NetworkInterfaceId::parse(first)}), "");
  EXPECT_TRUE(world.state.client_tokens.empty());
}

TEST(CreateNetworkInterface, KeepsTheQuota) {
  World world;
  world.state.quotas.network_interfaces = 1;
  const auto subnet = world.subnet(world.vpc());
  world.interface(subnet);
  EXPECT_EQ(world.code(at(subnet, nullptr)), "NetworkInterfaceLimitExceeded");
}

TEST(CreateNetworkInterface, SoManyAccountsOfAHostHaveInterfaces) {
  World world;
  world.state.quotas.accounts_with_interfaces = 0;
  const auto subnet = world.subnet(world.vpc());
  EXPECT_EQ(world.code(at(subnet, nullptr)), "NetworkInterfaceLimitExceeded");
  world.state.quotas.accounts_with_interfaces = 1;
  world.interface(subnet);
  world.interface(subnet);  // one that has some may have more
}

TEST(AttachNetworkInterface, ANamespaceHasEachIndexOnce) {
  World world;
  const auto vpc = world.vpc();
  const auto subnet = world.subnet(vpc);
  const auto one = world.interface(subnet);
  const auto two = world.interface(subnet);
  EXPECT_EQ(world.code(AttachNetworkInterface{one, "db", 0}), "");
  const auto attachment = *AttachmentId::parse(world.last().ids.front());
  EXPECT_EQ(world.last().touched, std::set{vpc});
  EXPECT_EQ(find(world.state.network_interfaces, one)->attachment->attach_time, "2026-01-01T00:00:00.000Z");
  EXPECT_EQ(world.code(AttachNetworkInterface{one, "db", 1}), "InvalidNetworkInterface.InUse");
  EXPECT_EQ(world.code(DeleteNetworkInterface{one}), "InvalidNetworkInterface.InUse");
  EXPECT_EQ(world.code(AttachNetworkInterface{two, "db", 0}), "InvalidParameterValue");
  EXPECT_EQ(world.code(AttachNetworkInterface{two, "db", 32}), "InvalidParameterValue");
  EXPECT_EQ(world.code(AttachNetworkInterface{two, "db", -1}), "InvalidParameterValue");
  EXPECT_EQ(world.code(AttachNetworkInterface{two, "db", 1}), "");
  EXPECT_EQ(world.code(DetachNetworkInterface{attachment, false}), "");
  EXPECT_EQ(world.code(DetachNetworkInterface{attachment, false}), "InvalidAttachmentID.NotFound");
  EXPECT_EQ(world.code(DeleteNetworkInterface{one}), "");
}

TEST(AttachNetworkInterface, ANamespaceServesOneAccount) {
  World world;
  EXPECT_EQ(world.code(AttachNetworkInterface{world.interface(world.subnet(world.vpc())), "db", 0}), "");
  world.account = {"000000000002"};
  const auto theirs = world.interface(world.subnet(world.vpc()));
  EXPECT_EQ(world.code(AttachNetworkInterface{theirs, "db", 1}), "InvalidInstanceID.NotFound");
  EXPECT_EQ(world.code(AttachNetworkInterface{theirs, "db2", 0}), "");
}

TEST(AttachNetworkInterface, NamesThatIpNetnsCanHave) {
  World world;
  const auto interface = world.interface(world.subnet(world.vpc()));
  for (const std::string& name :
       {std::string(), std::string("."), std::string(".."), std::string("../x"), std::string("a b"),
        std::string("a\n"), std::string("a\0b", 3), std::string(65, 'a'), std::string("\xc3\xa9")}) {
    EXPECT_EQ(world.code(AttachNetworkInterface{interface, name, 0}), "InvalidInstanceID.Malformed") << name;
  }
  EXPECT_EQ(world.code(AttachNetworkInterface{interface, "a.B_c-9", 0}), "");
}

}  // namespace
}  // namespace caisson::vpc

#include "tests/unit/vpc/apply/world.hh"

namespace caisson::vpc {
namespace {

TEST(CreateSubnet, ChecksBlockAndZone) {
  World world;
  const auto vpc = world.vpc("10.0.0.0/20");
  world.subnet(vpc, "10.0.1.0/24");
  const struct {
    const char* name;
    const char* cidr;
    std::optional<std::string> zone;
    const char* code;
  } cases[] = {{"too large", "10.0.0.0/15", {}, "InvalidSubnet.Range"},
               {"too small", "10.0.2.0/29", {}, "InvalidSubnet.Range"},
               {"larger than the VPC", "10.0.0.0/16", {}, "InvalidSubnet.Range"},
               {"outside of the VPC", "10.0.16.0/24", {}, "InvalidSubnet.Range"},
               {"equal to another", "10.0.1.0/24", {}, "InvalidSubnet.Conflict"},
               {"inside another", "10.0.1.16/28", {}, "InvalidSubnet.Conflict"},
               {"around another", "10.0.0.0/23", {}, "InvalidSubnet.Conflict"},
               {"unknown zone", "10.0.2.0/24", "eu-west-1a", "InvalidParameterValue"},
               {"zone beyond the last", "10.0.2.0/24", "us-east-1g", "InvalidParameterValue"},
               {"zone", "10.0.2.0/24", "us-east-1f", ""},
               {"smallest", "10.0.3.0/28", {}, ""}};
  for (const auto& c : cases)
    EXPECT_EQ(world.code(CreateSubnet{vpc, block(c.cidr), c.zone, {}}), c.code) << c.name;
}

TEST(CreateSubnet, EqualBlocksInTwoVpcs) {
  World world;
  world.subnet(world.vpc());
  world.subnet(world.vpc());
  EXPECT_EQ(world.state.subnets.size(), 2U);
}

TEST(CreateSubnet, KeepsTheQuota) {
  World world;
  world.state.quotas.subnets_per_vpc = 1;
  const auto vpc = world.vpc();
  world.subnet(vpc);
  EXPECT_EQ(world.code(CreateSubnet{vpc, block("10.0.2.0/24"), {}, {}}), "SubnetLimitExceeded");
}

TEST(DeleteSubnet, NeedsAnEmptyOne) {
  World world;
  const auto vpc = world.vpc();
  const auto subnet = world.subnet(vpc);
  const auto interface = world.interface(subnet);
  EXPECT_EQ(world.code(DeleteSubnet{subnet}), "DependencyViolation");
  EXPECT_EQ(world.code(DeleteNetworkInterface{interface}), "");
  EXPECT_EQ(world.code(DeleteSubnet{subnet}), "");
  EXPECT_EQ(world.last().touched, std::set{vpc});
  EXPECT_EQ(world.code(DeleteSubnet{subnet}), "InvalidSubnetID.NotFound");
}

}  // namespace
}  // namespace caisson::vpc

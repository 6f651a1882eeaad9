#include "tests/unit/vpc/apply/world.hh"

namespace caisson::vpc {
namespace {

TEST(CreateTags, OnEveryKindOfResource) {
  World world;
  const auto vpc = world.vpc();
  const auto subnet = world.subnet(vpc);
  const auto group = world.group(vpc);
  const auto interface = world.interface(subnet);
  const auto& made = *find(world.state.vpcs, vpc);
  const std::vector<std::string> all{vpc.text(),
                                     subnet.text(),
                                     group.text(),
                                     interface.text(),
                                     made.main_route_table.text(),
                                     made.default_network_acl.text(),
                                     world.state.security_group_rules.begin()->first.text()};
  EXPECT_EQ(world.code(CreateTags{all, {{"Name", "shop"}}}), "");
  EXPECT_TRUE(world.last().touched.empty());
  EXPECT_EQ(find(world.state.vpcs, vpc)->tags, (Tags{{"Name", "shop"}}));
  EXPECT_EQ(find(world.state.network_interfaces, interface)->tags, (Tags{{"Name", "shop"}}));
  EXPECT_EQ(world.code(CreateTags{{vpc.text()}, {{"Name", "new"}, {"b", ""}}}), "");
  EXPECT_EQ(find(world.state.vpcs, vpc)->tags, (Tags{{"Name", "new"}, {"b", ""}}));
}

TEST(CreateTags, ChecksIdsAndTags) {
  World world;
  const auto vpc = world.vpc().text();
  std::string e_acute_129;
  for (int i = 0; i < 129; ++i)
    e_acute_129 += "\xc3\xa9";
  const struct {
    const char* name;
    std::vector<std::string> resources;
    Tags tags;
    const char* code;
  } cases[] = {{"absent", {"vpc-00000000000000001"}, {{"a", "b"}}, "InvalidID"},
               {"one of two absent", {vpc, "eni-00000000000000001"}, {{"a", "b"}}, "InvalidID"},
               {"malformed", {"vpc-1"}, {{"a", "b"}}, "InvalidID"},
               {"no id", {"x"}, {{"a", "b"}}, "InvalidID"},
               {"no resource", {}, {{"a", "b"}}, "MissingParameter"},
               {"no tag", {vpc}, {}, "MissingParameter"},
               {"reserved key", {vpc}, {{"aws:x", "b"}}, "InvalidTagKey.Malformed"},
               {"empty key", {vpc}, {{"", "b"}}, "InvalidParameterValue"},
               {"long key", {vpc}, {{std::string(129, 'a'), "b"}}, "InvalidParameterValue"},
               {"long key of two-byte characters", {vpc}, {{e_acute_129, "b"}}, "InvalidParameterValue"},
               {"long value", {vpc}, {{"a", std::string(257, 'a')}}, "InvalidParameterValue"},
               {"longest", {vpc}, {{e_acute_129.substr(2), std::string(256, 'a')}}, ""}};
  for (const auto& c : cases)
    EXPECT_EQ(world.code(CreateTags{c.resources, c.tags}), c.code) << c.name;
}

TEST(CreateTags, FiftyPerResource) {
  World world;
  Tags fifty;
  for (int i = 0; i < 50; ++i)
    fifty.emplace(std::to_string(i), "");
  const auto vpc = world.id(CreateVpc{block("10.0.0.0/16"), fifty});
  EXPECT_EQ(world.code(CreateTags{{vpc}, {{"0", "changed"}}}), "");
  EXPECT_EQ(world.code(CreateTags{{vpc}, {{"50", ""}}}), "TagLimitExceeded");
  fifty.emplace("50", "");
  EXPECT_EQ(world.code(CreateVpc{block("10.0.0.0/16"), fifty}), "TagLimitExceeded");
}

}  // namespace
}  // namespace caisson::vpc

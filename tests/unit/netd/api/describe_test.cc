#include "netd/api/describe.hh"

#include <gtest/gtest.h>

#include <ctime>

#include "tests/unit/netd/api/world.hh"

namespace caisson::netd::api {
namespace {

TEST(Matches, HasEc2sWildcards) {
  const struct {
    const char* pattern;
    const char* text;
    bool expected;
  } cases[] = {
      {"", "", true},         {"", "a", false},       {"a", "a", true},           {"a", "A", false},
      {"*", "", true},        {"*", "abc", true},     {"a*", "abc", true},        {"*c", "abc", true},
      {"a*c", "abc", true},   {"a*c", "ac", true},    {"a*b*c", "aXbYbZc", true}, {"a*d", "abc", false},
      {"?", "", false},       {"a?c", "abc", true},   {"a?", "a", false},         {"\\*", "*", true},
      {"\\*", "a", false},    {"a\\?", "a?", true},   {"a\\?", "ab", false},      {"**a**", "bab", true},
      {"*\\**", "x*y", true}, {"abc", "ab", false},   {"\\", "\\", true},         {"ab*ba", "aba", false},
      {"a*a", "a", false},    {"*?b*c", "abc", true}, {"*?b*c", "bc", false},     {"**", "", true},
      {"a*?", "a", false},    {"a*?", "ab", true},    {"*ab*ab", "abab", true},   {"*ab*ab", "ab", false}};
  for (const auto& c : cases)
    EXPECT_EQ(matches(c.pattern, c.text), c.expected) << c.pattern << " " << c.text;
}

TEST(Matches, HostilePatternsDoNotTakeLong) {
  EXPECT_FALSE(matches(std::string(2000, '*') + "b", std::string(4000, 'a')));
  std::string stars;
  for (int i = 0; i < 1000; ++i)
    stars += "*a";
  EXPECT_FALSE(matches(stars + "b", std::string(4000, 'a')));
  // Of one star, too: the product of the lengths would be eight seconds, a search takes some milliseconds.
  const std::string late = "*" + std::string(2000, 'a') + "b";
  const std::clock_t begin = std::clock();
  for (int i = 0; i < 1000; ++i)
    EXPECT_FALSE(matches(late, std::string(4000, 'a')));
  EXPECT_LT(static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC, 1);
}

std::vector<std::string> ids(const Json& reply, const char* list, const char* id) {
  std::vector<std::string> result;
  for (const auto& item : reply.at(list))
    result.push_back(item.at(id));
  std::sort(result.begin(), result.end());
  return result;
}

Json filter(const std::string& name, const std::vector<std::string>& values) {
  return {{"Filters", Json::array({{{"Name", name}, {"Values", values}}})}};
}

TEST(Describe, FiltersByIdsAndTags) {
  World world;
  const auto a = world.vpc("10.0.0.0/16");
  const auto b = world.vpc("10.1.0.0/16");
  world.ask("CreateTags", {{"Resources", {a}}, {"Tags", {{{"Key", "Name"}, {"Value", "shop"}}}}});
  const auto vpcs = [&](const Json& parameters) {
    return ids(world.ask("DescribeVpcs", parameters), "Vpcs", "VpcId");
  };
  using List = std::vector<std::string>;
  EXPECT_EQ(vpcs(Json::object()).size(), 2U);
  EXPECT_EQ(vpcs(filter("vpc-id", {a})), List{a});
  EXPECT_EQ(vpcs(filter("vpc-id", {a, b})).size(), 2U);
  EXPECT_EQ(vpcs(filter("cidr", {"10.1.*"})), List{b});
  EXPECT_EQ(vpcs(filter("tag:Name", {"sh?p"})), List{a});
  EXPECT_EQ(vpcs(filter("tag-key", {"Name"})), List{a});
  EXPECT_EQ(vpcs(filter("tag:name", {"shop"})), List{});
  EXPECT_EQ(vpcs(filter("vpc-id", {})), List{});
  EXPECT_EQ(vpcs({{"VpcIds", {b}}}), List{b});
  auto both = filter("tag:Name", {"shop"});
  both["Filters"].push_back({{"Name", "cidr"}, {"Values", {"10.1.0.0/16"}}});
  EXPECT_EQ(vpcs(both), List{});
}

TEST(Describe, RefusesWhatEc2Refuses) {
  World world;
  const auto a = world.vpc();
  const struct {
    Json parameters;
    const char* code;
  } cases[] = {{filter("colour", {"red"}), "InvalidParameterValue"},
               {filter("vpc-id", std::vector<std::string>(201, "x")), "FilterLimitExceeded"},
               {{{"VpcIds", {a, "vpc-00000000000000001"}}}, "InvalidVpcID.NotFound"},
               {{{"VpcIds", {"vpc-x"}}}, "InvalidVpcID.Malformed"},
               {{{"VpcIds", {"subnet-00000000000000001"}}}, "InvalidVpcID.Malformed"},
               {{{"VpcIds", {a}}, {"MaxResults", 5}}, "InvalidParameterCombination"},
               {{{"MaxResults", 4}}, "InvalidParameterValue"},
               {{{"MaxResults", 1001}}, "InvalidParameterValue"},
               {{{"NextToken", "x"}}, "InvalidNextToken"}};
  for (const auto& c : cases)
    EXPECT_EQ(world.code("DescribeVpcs", c.parameters), c.code) << c.parameters;
}

TEST(Describe, PagesCoverAllOnceEvenWhenSomeAreDeleted) {
  World world;
  for (int i = 0; i < 12; ++i)
    world.vpc();
  std::set<std::string> seen;
  Json parameters{{"MaxResults", 5}};
  int pages = 0;
  while (pages < 10) {
    const auto reply = world.ask("DescribeVpcs", parameters);
    ++pages;
    for (const auto& vpc : reply["Vpcs"])
      EXPECT_TRUE(seen.insert(vpc["VpcId"]).second);
    if (!reply.contains("NextToken")) break;
    EXPECT_EQ(reply["Vpcs"].size(), 5U);
    parameters["NextToken"] = reply["NextToken"];
    EXPECT_EQ(world.code("DeleteVpc", {{"VpcId", reply["NextToken"]}}), "");
  }
  EXPECT_EQ(pages, 3);
  EXPECT_EQ(seen.size(), 12U);
}

TEST(Describe, AFullLastPageHasNoToken) {
  World world;
  for (int i = 0; i < 5; ++i)
    world.vpc();
  EXPECT_FALSE(world.ask("DescribeVpcs", {{"MaxResults", 5}}).contains("NextToken"));
}

TEST(Describe, HidesTheManagedSegment) {
  World world;
  world.ask("EnsureFunctionInterface", {{"User", "f#1"}});
  ASSERT_EQ(world.state.vpcs.size(), 1U);
  for (const auto& [operation, list] :
       std::map<std::string, std::string>{{"DescribeVpcs", "Vpcs"},
                                          {"DescribeSubnets", "Subnets"},
                                          {"DescribeRouteTables", "RouteTables"},
                                          {"DescribeNetworkAcls", "NetworkAcls"},
                                          {"DescribeSecurityGroups", "SecurityGroups"},
                                          {"DescribeSecurityGroupRules", "SecurityGroupRules"},
                                          {"DescribeNetworkInterfaces", "NetworkInterfaces"}}) {
    EXPECT_EQ(world.ask(operation, Json::object()), (Json{{list, Json::array()}})) << operation;
  }
}

}  // namespace
}  // namespace caisson::netd::api

// Writes a store with as many VPCs and function interfaces as a bench wants, by the commands that netd itself stores.
//
// make_model PATH --vpcs N --interfaces M [--members K --namespace PREFIX]: every VPC gets a subnet, a group beside its
// default one with a few rules, and its share of the interfaces. Prints what a bench needs: a line of JSON.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <iostream>

#include "netd/api/operations.hh"
#include "netd/api/stamped_json.hh"
#include "netd/core/store.hh"

namespace caisson::bench {
namespace {

using netd::api::Json;

/// As many as one account may have by the default quotas, and room for what a bench adds.
constexpr int kVpcsPerAccount = 500;

struct Options {
  std::string path;
  int vpcs = 10;
  int interfaces = 50;
  int changes = 0;  ///< pairs of commands that leave nothing
  int members = 0;  ///< of the interfaces, those that are plugged into PREFIX-0, PREFIX-1, ..., 16 each
  std::string prefix = "bench";
};

class Maker {
 public:
  explicit Maker(netd::core::Store store) : store_(std::move(store)) {}

  /// An error ends the program: the bench is wrong.
  Json ask(const std::string& name, const Json& parameters, const vpc::AccountId& account) {
    const auto stored =
        netd::api::encode_stored(name, parameters, account, ++seed_, "2026-01-01T00:00:00.000Z");
    const auto stamped = netd::api::decode_stored(stored);
    if (!stamped) fail(name, stamped.error());
    auto applied = vpc::apply(state_, stamped.value());
    if (!applied) fail(name, applied.error());
    if (const auto done = store_.append(stored.dump()); !done) fail(name, done.error());
    state_ = applied.value().state;
    ++commands_;
    return netd::api::find_operation(name)->reply(applied.value(), account, parameters);
  }

  [[nodiscard]] std::string default_group(const std::string& vpc) const {
    return vpc::find(state_.vpcs, *vpc::VpcId::parse(vpc))->default_security_group.text();
  }
  [[nodiscard]] int commands() const { return commands_; }
  [[nodiscard]] std::size_t subnets() const { return state_.subnets.size(); }

 private:
  [[noreturn]] static void fail(const std::string& name, const Error& error) {
    std::fprintf(stderr, "make_model: %s: %s\n", name.c_str(), error.text().c_str());
    std::exit(1);
  }

  netd::core::Store store_;
  vpc::State state_;
  std::uint64_t seed_ = 0;
  int commands_ = 0;
};

struct Place {
  vpc::AccountId account;
  std::string vpc;
  std::string subnet;
  std::vector<std::string> groups;
};

Place make_vpc(Maker& maker, int number) {
  Place place{.account = {number < kVpcsPerAccount ? "000000000001" : "000000000002"}};
  const std::string block = "10." + std::to_string(number % 256);
  const Json vpc = maker.ask("CreateVpc", {{"CidrBlock", block + ".0.0/16"}}, place.account)["Vpc"];
  place.vpc = vpc["VpcId"];
  place.subnet = maker.ask("CreateSubnet", {{"VpcId", place.vpc}, {"CidrBlock", block + ".0.0/24"}},
                           place.account)["Subnet"]["SubnetId"];
  for (const char* name : {"app", "db"}) {
    place.groups.push_back(maker.ask("CreateSecurityGroup",
                                     {{"VpcId", place.vpc}, {"GroupName", name}, {"Description", name}},
                                     place.account)["GroupId"]);
  }
  place.groups.push_back(maker.default_group(place.vpc));
  const Json postgres{{"IpProtocol", "tcp"},
                      {"FromPort", 5432},
                      {"ToPort", 5432},
                      {"UserIdGroupPairs", Json::array({{{"GroupId", place.groups[0]}}})}};
  maker.ask("AuthorizeSecurityGroupIngress",
            {{"GroupId", place.groups[1]}, {"IpPermissions", Json::array({postgres})}}, place.account);
  return place;
}

void make_interface(Maker& maker, const Options& options, const Place& place, int number) {
  if (number < options.members) {
    const Json made = maker.ask("CreateNetworkInterface",
                                {{"SubnetId", place.subnet}, {"Groups", {place.groups[1]}}}, place.account);
    // The namespaces of the two accounts must not be the same.
    const std::string netns =
        options.prefix + "-" + (place.account.text.back() == '1' ? "a" : "b") + std::to_string(number / 16);
    maker.ask("AttachNetworkInterface",
              {{"NetworkInterfaceId", made["NetworkInterface"]["NetworkInterfaceId"]},
               {"InstanceId", "netns:" + netns},
               {"DeviceIndex", number % 16}},
              place.account);
    return;
  }
  // Functions with equal subnets and groups share an interface: each of these has another set of groups.
  std::vector<std::string> groups;
  for (std::size_t group = 0; group < place.groups.size(); ++group) {
    if (((number / options.vpcs % 7 + 1) >> group & 1) != 0) groups.push_back(place.groups[group]);
  }
  maker.ask("EnsureFunctionInterface",
            {{"User", "function-" + std::to_string(number) + "#1"},
             {"SubnetIds", {place.subnet}},
             {"SecurityGroupIds", groups}},
            place.account);
}

int run(const Options& options) {
  auto store = netd::core::Store::open(options.path);
  if (!store) {
    std::fprintf(stderr, "make_model: %s\n", store.error().text().c_str());
    return 1;
  }
  Maker maker(std::move(store).value());
  std::vector<Place> places;
  for (int i = 0; i < options.vpcs; ++i) {
    places.push_back(make_vpc(maker, i));
  }
  for (int i = 0; i < options.interfaces; ++i) {
    make_interface(maker, options, places[static_cast<std::size_t>(i % options.vpcs)], i);
  }
  for (int i = 0; i < options.changes; ++i) {
    const Place& place = places.front();
    const Json subnet = maker.ask("CreateSubnet", {{"VpcId", place.vpc}, {"CidrBlock", "10.0.255.0/24"}},
                                  place.account)["Subnet"]["SubnetId"];
    maker.ask("DeleteSubnet", {{"SubnetId", subnet}}, place.account);
  }
  Json vpcs = Json::array();
  for (const auto& place : places) {
    if (place.account.text != "000000000001") continue;
    vpcs.push_back({{"VpcId", place.vpc}, {"SubnetId", place.subnet}});
  }
  std::cout
      << Json{{"Commands", maker.commands()}, {"Subnets", maker.subnets()}, {"Vpcs", std::move(vpcs)}}.dump()
      << "\n";
  return 0;
}

}  // namespace
}  // namespace caisson::bench

int main(int count, char** words) {
  CLI::App app{"Writes a store of netd for a bench", "make_model"};
  caisson::bench::Options options;
  app.add_option("path", options.path)->required();
  app.add_option("--vpcs", options.vpcs)->check(CLI::Range(1, 1000));
  app.add_option("--interfaces", options.interfaces, "up to 7 for each VPC")->check(CLI::Range(0, 7000));
  app.add_option("--changes", options.changes, "subnets that are made and deleted");
  app.add_option("--members", options.members);
  app.add_option("--namespace", options.prefix);
  CLI11_PARSE(app, count, words);
  return caisson::bench::run(options);
}

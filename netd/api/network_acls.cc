#include "netd/api/describe.hh"
#include "netd/api/resources.hh"
#include "netd/api/shapes.hh"

namespace caisson::netd::api {
namespace {

constexpr int kImplicitDeny = 32767;  // how EC2 shows the rule behind all others

Json entry_to_json(const vpc::NetworkAclEntry& entry) {
  Json json{{"CidrBlock", entry.cidr.text()},
            {"Egress", entry.egress},
            {"Protocol", std::to_string(entry.protocol)},
            {"RuleAction", entry.allow ? "allow" : "deny"},
            {"RuleNumber", entry.rule_number}};
  if (entry.protocol == 6 || entry.protocol == 17) {
    json["PortRange"] = {{"From", entry.from_port}, {"To", entry.to_port}};
  }
  return json;
}

Json associations(const vpc::State& state, const vpc::NetworkAcl& acl) {
  Json list = Json::array();
  if (!acl.is_default) return list;
  for (const auto& [id, subnet] : state.index.in(acl.vpc).subnets) {
    const auto& text = id.text();
    list.push_back({{"NetworkAclAssociationId", "aclassoc" + text.substr(text.find('-'))},
                    {"NetworkAclId", acl.id.text()},
                    {"SubnetId", text}});
  }
  return list;
}

Json to_json(const vpc::State& state, const vpc::NetworkAcl& acl) {
  Json entries = Json::array();
  for (const bool egress : {true, false}) {
    for (const auto& entry : acl.entries) {
      if (entry.egress == egress) entries.push_back(entry_to_json(entry));
    }
    entries.push_back(
        entry_to_json({.rule_number = kImplicitDeny, .egress = egress, .cidr = Ipv4Cidr({0}, 0)}));
  }
  return {{"Associations", associations(state, acl)},
          {"Entries", std::move(entries)},
          {"IsDefault", acl.is_default},
          {"NetworkAclId", acl.id.text()},
          {"Tags", tags_to_json(acl.tags)},
          {"VpcId", acl.vpc.text()},
          {"OwnerId", acl.account.text}};
}

Result<Json> read(const vpc::State& state, const vpc::AccountId& account, const Json& parameters) {
  const Description<vpc::NetworkAcl> description{
      .ids_member = "NetworkAclIds",
      .list_member = "NetworkAcls",
      .filters = {{"network-acl-id", [](const vpc::NetworkAcl& a) { return Values{a.id.text()}; }},
                  {"vpc-id", [](const vpc::NetworkAcl& a) { return Values{a.vpc.text()}; }},
                  {"default",
                   [](const vpc::NetworkAcl& a) { return Values{a.is_default ? "true" : "false"}; }}},
      .to_json = [&state](const vpc::NetworkAcl& acl) { return to_json(state, acl); }};
  return describe(state, account, state.network_acls, parameters, description);
}

}  // namespace

std::vector<Operation> network_acl_operations() {
  return {{.name = "DescribeNetworkAcls",
           .doc = "Lists network ACLs.",
           .example = "--filters Name=vpc-id,Values=vpc-0123456789abcdef0",
           .members = describe_members("NetworkAclIds", "network-acl-id, vpc-id, default"),
           .read = read}};
}

}  // namespace caisson::netd::api

#include "netd/reconcile/tables.hh"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>

#include "base/bytes.hh"
#include "netd/bpf/caisson_abi.h"
#include "vpc/model/quotas.hh"

namespace caisson::netd::reconcile {
namespace {

using vpc::DesiredEni;
using vpc::DesiredPolicy;
using vpc::EniKey;

void put_address(__u8* bytes, Ipv4Address address) {
  for (int i = 0; i < 4; ++i) {
    bytes[i] = static_cast<__u8>(address.value >> (24 - 8 * i));
  }
}

void put_id(char* bytes, const std::string& id) {
  id.copy(bytes, CAISSON_ID_SIZE - 1);
}

static_assert(vpc::Quotas{}.accounts_with_interfaces <= CAISSON_ACCOUNTS, "each has flows of its own");

__u64 number_of(const vpc::AccountId& account) {
  __u64 number = 0;
  for (const char digit : account.text) {
    number = number * 10 + static_cast<__u64>(digit - '0');
  }
  return number;
}

caisson_eni_key eni_key(const EniKey& key) {
  caisson_eni_key made{};
  made.vpc = key.vpc;
  put_address(made.address, key.address);
  return made;
}

std::uint32_t index_of(const Indexes& indexes, const std::string& name) {
  const auto found = indexes.find(name);
  return found == indexes.end() ? 0 : found->second;
}

std::string class_key(std::uint32_t vpc, std::uint32_t generation, const Ipv4Cidr& cidr) {
  caisson_class_key key{};
  key.prefix_bits = CAISSON_CLASS_FIXED_BITS + static_cast<__u32>(cidr.length());
  key.vpc = vpc;
  key.generation = generation;
  put_address(key.address, cidr.base());
  return bytes_of(key);
}

std::string rule_key(std::uint32_t vpc, std::uint32_t generation, const vpc::RuleKey& rule) {
  caisson_rule_key key{};
  key.prefix_bits = CAISSON_RULE_FIXED_BITS + static_cast<__u32>(rule.ports.bits);
  key.vpc = vpc;
  key.generation = generation;
  key.group_set = rule.group_set;
  key.peer_class = rule.peer_class;
  key.direction = rule.egress ? CAISSON_EGRESS : CAISSON_INGRESS;
  if (rule.protocol == vpc::kOtherProtocols) {
    key.direction |= CAISSON_OTHER_PROTOCOLS;
  } else {
    key.protocol = static_cast<__u8>(rule.protocol);
  }
  const std::array<std::uint8_t, 2> port{static_cast<std::uint8_t>(rule.ports.first >> 8),
                                         static_cast<std::uint8_t>(rule.ports.first)};
  std::memcpy(&key.port_be, port.data(), port.size());
  return bytes_of(key);
}

void add_policy(std::uint32_t vpc, std::uint32_t generation, const DesiredPolicy& policy, Tables& tables) {
  tables["vpcs"][bytes_of(vpc)] = bytes_of(generation);
  for (const auto& [cidr, number] : policy.classes) {
    tables["classes"][class_key(vpc, generation, cidr)] = bytes_of(number);
  }
  for (const auto& [key, admits] : policy.rules) {
    caisson_rule rule{};
    put_id(rule.id, admits.id.text());
    rule.untracked_tcp = admits.untracked_tcp ? 1 : 0;
    rule.untracked_udp = admits.untracked_udp ? 1 : 0;
    tables["sg_rules"][rule_key(vpc, generation, key)] = bytes_of(rule);
  }
}

/// The entries of a VPC's policy in one generation.
struct Held {
  std::vector<const Table::value_type*> classes;
  std::vector<const Table::value_type*> rules;
};
using HeldPolicies = std::map<std::pair<std::uint32_t, std::uint32_t>, Held>;

/// By VPC and generation: both kinds of key begin {prefix_bits, vpc, generation}.
HeldPolicies held_policies(const Tables& observed) {
  HeldPolicies held;
  const auto add = [&](const char* name, auto member) {
    const auto table = observed.find(name);
    if (table == observed.end()) return;
    for (const auto& entry : table->second) {
      const std::string_view key(entry.first);
      const auto vpc = value_of<std::uint32_t>(key.substr(4));
      const auto generation = value_of<std::uint32_t>(key.substr(8));
      (held[{vpc, generation}].*member).push_back(&entry);
    }
  };
  add("classes", &Held::classes);
  add("sg_rules", &Held::rules);
  return held;
}

struct Difference {
  bool lacking = false;  ///< an entry of the policy is not there
  bool surplus = false;  ///< an entry is there that the policy does not have
};

void compare(const Table& wanted, const std::vector<const Table::value_type*>& there,
             Difference& difference) {
  std::size_t agree = 0;
  for (const auto* entry : there) {
    const auto found = wanted.find(entry->first);
    agree += found != wanted.end() && found->second == entry->second ? 1 : 0;
  }
  difference.lacking |= agree < wanted.size();
  difference.surplus |= agree < there.size();
}

Difference compare_policy(const HeldPolicies& held, std::uint32_t vpc, std::uint32_t generation,
                          const DesiredPolicy& policy) {
  static const Held kNothing;
  const auto found = held.find({vpc, generation});
  const Held& there = found == held.end() ? kNothing : found->second;
  Tables wanted;
  add_policy(vpc, generation, policy, wanted);
  Difference difference;
  compare(wanted["classes"], there.classes, difference);
  compare(wanted["sg_rules"], there.rules, difference);
  return difference;
}

/// `before`: the one in force, 0 for none.
std::uint32_t choose_generation(const HeldPolicies& held, std::uint32_t vpc, std::uint32_t before,
                                const DesiredPolicy& policy) {
  if (before != 0) {
    const auto difference = compare_policy(held, vpc, before, policy);
    if (!difference.lacking && !difference.surplus) return before;
  }
  // A plan that was interrupted may have left entries of another policy under the next number: they would be in force
  // from the publication until they are deleted.
  std::uint32_t generation = before;
  do {
    ++generation;
  } while (compare_policy(held, vpc, generation, policy).surplus);
  return generation;
}

void add_eni(const EniKey& where, const DesiredEni& wanted, const Indexes& indexes, Tables& tables) {
  const caisson_eni_key key = eni_key(where);
  caisson_eni eni{};
  eni.account = number_of(wanted.account);
  eni.number = wanted.number;
  eni.subnet = wanted.subnet;
  eni.group_set = wanted.group_set;
  eni.port = wanted.port.empty() ? 0 : index_of(indexes, wanted.port);
  eni.bridge = index_of(indexes, wanted.bridge);
  std::copy(wanted.mac.bytes.begin(), wanted.mac.bytes.end(), eni.mac);
  put_id(eni.id, wanted.id.text());
  tables["enis"][bytes_of(key)] = bytes_of(eni);
  tables["identities"][bytes_of(wanted.number)] = bytes_of(key);
  tables["eni_flows"][bytes_of(wanted.number)] = bytes_of(std::uint64_t{0});
  if (eni.port != 0) tables["members"][bytes_of(eni.port)] = bytes_of(key);
}

void add_route(const vpc::RouteKey& route, const vpc::DesiredRoute& desired, Tables& tables) {
  caisson_route_key key{};
  key.prefix_bits = CAISSON_ROUTE_FIXED_BITS + static_cast<__u32>(route.destination.length());
  key.subnet = route.subnet;
  put_address(key.address, route.destination.base());
  caisson_route value{};
  switch (desired.target) {
    case vpc::RouteTarget::kLocal:
      value.target = CAISSON_ROUTE_LOCAL;
      break;
    case vpc::RouteTarget::kManaged:
      value.target = CAISSON_ROUTE_MANAGED;
      break;
    case vpc::RouteTarget::kInterface:
      value.target = CAISSON_ROUTE_BLACKHOLE;
      break;
    case vpc::RouteTarget::kEndpoint:
      value.target = CAISSON_ROUTE_ENDPOINT;
      put_id(value.endpoint, desired.endpoint);
      break;
  }
  tables["routes"][bytes_of(key)] = bytes_of(value);
}

}  // namespace

const std::vector<std::string>& table_names() {
  static const std::vector<std::string> kNames{"classes", "resolvers", "sg_rules", "vpcs",       "forbidden",
                                               "routes",  "eni_flows", "enis",     "identities", "members"};
  return kNames;
}

Generations generations_of(const Tables& tables) {
  Generations generations;
  if (const auto table = tables.find("vpcs"); table != tables.end()) {
    for (const auto& [key, value] : table->second) {
      generations.emplace(value_of<std::uint32_t>(key), value_of<std::uint32_t>(value));
    }
  }
  return generations;
}

Tables written_tables(const vpc::DesiredState& desired, const Indexes& indexes,
                      const Generations& generations) {
  Tables tables;
  for (const auto& name : table_names()) {
    tables[name];
  }
  for (const auto& [vpc, policy] : desired.policies) {
    if (const auto found = generations.find(vpc); found != generations.end()) {
      add_policy(vpc, found->second, policy, tables);
    }
  }
  for (const auto& [vpc, wanted] : desired.resolvers) {
    caisson_resolver resolver{};
    put_address(resolver.address, wanted.address);
    resolver.serves = wanted.serves ? 1 : 0;
    tables["resolvers"][bytes_of(vpc)] = bytes_of(resolver);
  }
  for (const auto& [key, eni] : desired.enis) {
    add_eni(key, eni, indexes, tables);
  }
  for (const auto& [key, route] : desired.routes) {
    add_route(key, route, tables);
  }
  return tables;
}

Tables desired_tables(const vpc::DesiredState& desired, const Indexes& indexes, const Tables& observed,
                      const std::vector<Ipv4Cidr>& forbidden) {
  const auto held = held_policies(observed);
  const auto in_force = generations_of(observed);
  Generations generations;
  for (const auto& [vpc, policy] : desired.policies) {
    const auto found = in_force.find(vpc);
    generations[vpc] = choose_generation(held, vpc, found == in_force.end() ? 0 : found->second, policy);
  }
  Tables tables = written_tables(desired, indexes, generations);
  for (const auto& cidr : forbidden) {
    caisson_address_key key{};
    key.prefix_bits = static_cast<__u32>(cidr.length());
    put_address(key.address, cidr.base());
    tables["forbidden"][bytes_of(key)] = bytes_of(__u8{1});
  }
  // What a network interface has in flows is the datapath's: only the presence of its counter is ours.
  if (const auto counted = observed.find("eni_flows"); counted != observed.end()) {
    for (auto& [key, value] : tables["eni_flows"]) {
      if (const auto found = counted->second.find(key); found != counted->second.end()) value = found->second;
    }
  }
  return tables;
}

std::string describe_key(const std::string& table, const std::string& key) {
  std::string text = table + " ";
  for (const char byte : key) {
    std::array<char, 4> digits{};
    (void)std::snprintf(digits.data(), digits.size(), "%02x", static_cast<unsigned char>(byte));
    text += digits.data();
  }
  return text;
}

}  // namespace caisson::netd::reconcile

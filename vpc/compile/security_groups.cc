// Rules become lookups: addresses that no rule tells apart form a class, and for each {set of groups, direction, class,
// protocol} the ports are cut so that one rule, the one with the lowest id, decides each piece.
#include <algorithm>
#include <set>

#include "vpc/compile/compile.hh"

namespace caisson::vpc {
namespace {

using Rules = std::vector<const SecurityGroupRule*>;  ///< sorted by id
/// The peers that match an address: what the rules can tell of it.
using Signature = std::set<Peer>;

struct Ports {
  int first = 0;
  int last = 65535;
};

/// What the rule says of the 16 bits that the datapath looks at: the destination port, or ICMP type and code.
Ports ports_of(const Permission& permission) {
  if (permission.protocol == kTcp || permission.protocol == kUdp) {
    return permission.from_port < 0 ? Ports{} : Ports{permission.from_port, permission.to_port};
  }
  if (permission.protocol == kIcmp && permission.from_port >= 0) {
    const int type = permission.from_port << 8;
    return permission.to_port < 0 ? Ports{type, type | 255}
                                  : Ports{type | permission.to_port, type | permission.to_port};
  }
  return {};
}

/// Covers [first, last] with the fewest prefixes.
std::vector<PortPrefix> prefixes_of(int first, int last) {
  std::vector<PortPrefix> prefixes;
  while (first <= last) {
    int bits = 16;
    while (bits > 0 && (first & ((1 << (17 - bits)) - 1)) == 0 && first + (1 << (17 - bits)) - 1 <= last) {
      --bits;
    }
    prefixes.push_back({static_cast<std::uint16_t>(first), bits});
    first += 1 << (16 - bits);
  }
  return prefixes;
}

bool is_for(const Permission& permission, int protocol) {
  return permission.protocol == kAllProtocols || permission.protocol == protocol;
}

bool covers(const Permission& permission, int first, int last) {
  const Ports ports = ports_of(permission);
  return ports.first <= first && last <= ports.last;
}

bool is_for_everybody(const Permission& permission) {
  const auto* block = std::get_if<Ipv4Cidr>(&permission.peer);
  return block != nullptr && *block == Ipv4Cidr({0}, 0);
}

/// Does a rule admit all ports of the protocol, from or to everybody?
bool admits_all(const Rules& rules, bool egress, int protocol) {
  return std::any_of(rules.begin(), rules.end(), [&](const auto* rule) {
    const Permission& permission = rule->permission;
    return permission.egress == egress && is_for_everybody(permission) && is_for(permission, protocol) &&
           covers(permission, 0, 65535);
  });
}

/// Of one direction of a set: are all answers of the other one admitted?
struct Answers {
  bool tcp = false;
  bool udp = false;
};

class PolicyCompiler {
 public:
  PolicyCompiler(const State& state, const VpcId& vpc) : state_(state), vpc_(vpc) {
    for (const auto& [id, group] : state.index.in(vpc).security_groups) {
      const auto& rules = state.index.rules;
      for (auto row = rules.lower_bound({id, {}}); row != rules.end() && row->first.first == id; ++row) {
        rules_[id].push_back(row->second.get());
        peers_.insert(row->second->permission.peer);
      }
    }
    for (const auto& service : state.services) {
      if (!peers_.contains(service.prefix_list)) continue;
      for (const auto& cidr : service.cidrs)
        lists_[cidr].insert(service.prefix_list);
    }
  }

  DesiredPolicy compile(const std::map<std::vector<SecurityGroupId>, std::uint32_t>& sets) {
    DesiredPolicy policy;
    const auto nodes = signatures();
    std::map<Signature, std::uint32_t> classes;
    for (const auto& [cidr, signature] : nodes) {
      classes.emplace(signature, 0);
    }
    std::uint32_t number = 0;
    for (auto& [signature, assigned] : classes) {
      assigned = number++;
    }
    for (const auto& [cidr, signature] : nodes) {
      policy.classes.emplace(cidr, classes.at(signature));
    }
    for (const auto& [groups, set] : sets) {
      for (const bool egress : {false, true}) {
        add_set(groups, set, egress, classes, policy);
      }
    }
    return policy;
  }

 private:
  /// The blocks that rules tell apart. An address belongs to the longest block that contains it.
  std::map<Ipv4Cidr, Signature> signatures() const {
    std::map<Ipv4Cidr, Signature> nodes;
    nodes[Ipv4Cidr({0}, 0)];
    for (const auto& peer : peers_) {
      if (const auto* cidr = std::get_if<Ipv4Cidr>(&peer)) nodes[*cidr];
    }
    for (const auto& [cidr, lists] : lists_)
      nodes[cidr];
    for (const auto& [id, interface] : state_.index.in(vpc_).network_interfaces) {
      for (const auto& group : interface->groups) {
        if (!peers_.contains(Peer(group))) continue;
        for (const auto& address : interface->addresses()) {
          nodes[Ipv4Cidr(address, 32)].insert(Peer(group));
        }
      }
    }
    for (auto& [node, signature] : nodes) {
      // The blocks that contain it, each looked up: an account may have a hundred thousand.
      for (int length = 0; length <= node.length(); ++length) {
        const Ipv4Cidr around(node.base(), length);
        if (peers_.contains(around)) signature.insert(around);
        if (const auto found = lists_.find(around); found != lists_.end())
          signature.insert(found->second.begin(), found->second.end());
      }
    }
    return nodes;
  }

  void add_set(const std::vector<SecurityGroupId>& groups, std::uint32_t set, bool egress,
               const std::map<Signature, std::uint32_t>& classes, DesiredPolicy& policy) const {
    Rules rules;
    Answers answers;
    std::set<int> protocols{kAllProtocols};
    for (const auto& group : groups) {
      const auto found = rules_.find(group);
      if (found == rules_.end()) continue;
      answers.tcp = answers.tcp || admits_all(found->second, !egress, kTcp);
      answers.udp = answers.udp || admits_all(found->second, !egress, kUdp);
      for (const auto* rule : found->second) {
        if (rule->permission.egress != egress) continue;
        rules.push_back(rule);
        protocols.insert(rule->permission.protocol);
      }
    }
    std::sort(rules.begin(), rules.end(), [](const auto* a, const auto* b) { return a->id < b->id; });
    for (const auto& item : classes) {
      const Signature& signature = item.first;
      Rules matching;
      std::copy_if(rules.begin(), rules.end(), std::back_inserter(matching),
                   [&](const auto* rule) { return signature.contains(rule->permission.peer); });
      for (const int protocol : protocols) {
        add_protocol(matching, answers, {.group_set = set, .peer_class = item.second, .egress = egress},
                     protocol, policy);
      }
    }
  }

  /// The pieces of the 16 bits between the rules' ends, each with the first rule that covers it.
  static void add_protocol(const Rules& matching, const Answers& answers, RuleKey key, int protocol,
                           DesiredPolicy& policy) {
    key.protocol = protocol == kAllProtocols ? kOtherProtocols : protocol;
    Rules rules;
    std::set<int> starts{0};
    for (const auto* rule : matching) {
      if (!is_for(rule->permission, protocol)) continue;
      rules.push_back(rule);
      starts.insert(ports_of(rule->permission).first);
      starts.insert(ports_of(rule->permission).last + 1);
    }
    for (auto start = starts.begin(); start != starts.end() && *start <= 65535; ++start) {
      const auto next = std::next(start);
      const int last = next == starts.end() ? 65535 : *next - 1;
      const auto admits = [&](const auto* rule) { return covers(rule->permission, *start, last); };
      const auto decides = std::find_if(rules.begin(), rules.end(), admits);
      if (decides == rules.end()) continue;
      // Of several rules the widest one says what is tracked.
      const bool open = std::any_of(decides, rules.end(), [&](const auto* rule) {
        return admits(rule) && is_for_everybody(rule->permission);
      });
      const bool is_tcp = protocol == kTcp || protocol == kAllProtocols;
      const bool is_udp = protocol == kUdp || protocol == kAllProtocols;
      for (const auto& prefix : prefixes_of(*start, last)) {
        key.ports = prefix;
        policy.rules.emplace(key, DesiredRule{.id = (*decides)->id,
                                              .untracked_tcp = open && is_tcp && answers.tcp,
                                              .untracked_udp = open && is_udp && answers.udp});
      }
    }
  }

  const State& state_;
  const VpcId& vpc_;
  std::map<SecurityGroupId, Rules> rules_;
  std::set<Peer> peers_;
  std::map<Ipv4Cidr, std::set<PrefixListId>> lists_;  ///< that rules name, by what they hold
};

}  // namespace

DesiredPolicy compile_security_groups(const State& state, const VpcId& vpc,
                                      const std::map<std::vector<SecurityGroupId>, std::uint32_t>& sets) {
  return PolicyCompiler(state, vpc).compile(sets);
}

}  // namespace caisson::vpc

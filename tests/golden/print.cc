#include "tests/golden/print.hh"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "netd/bpf/caisson_abi.h"

namespace caisson::golden {
namespace {

namespace reconcile = netd::reconcile;

std::string named(std::string line, const Names& names) {
  for (const auto& [name, id] : names) {
    for (std::size_t at = 0; (at = line.find(id, at)) != std::string::npos;) {
      line.replace(at, id.size(), "$" + name);
    }
  }
  return line;
}

std::string text(std::uint32_t number) {
  return std::to_string(number);
}

std::string protocol_text(int protocol) {
  switch (protocol) {
    case vpc::kIcmp:
      return "icmp";
    case vpc::kTcp:
      return "tcp";
    case vpc::kUdp:
      return "udp";
    case vpc::kOtherProtocols:
      return "others";
    default:
      return std::to_string(protocol);
  }
}

std::string hexadecimal(const std::string& bytes) {
  return reconcile::describe_key("", bytes).substr(1);
}

std::string untracked_text(bool tcp, bool udp) {
  return std::string(tcp ? ", TCP untracked" : "") + (udp ? ", UDP untracked" : "");
}

/// Values with an id have it at their end, CAISSON_ID_SIZE bytes of text and NULs; an ENI's is followed by padding.
std::string value_text(const std::string& value) {
  if (value.size() == sizeof(caisson_rule)) {
    caisson_rule rule{};
    std::memcpy(&rule, value.data(), sizeof rule);
    return rule.id + untracked_text(rule.untracked_tcp != 0, rule.untracked_udp != 0);
  }
  if (value.size() < CAISSON_ID_SIZE) return hexadecimal(value);
  const auto start =
      value.size() == sizeof(caisson_eni) ? offsetof(caisson_eni, id) : value.size() - CAISSON_ID_SIZE;
  const std::string id = value.substr(start).c_str();
  if (start == 0) return id;
  return hexadecimal(value.substr(0, start)) + (id.empty() ? "" : " " + id);
}

void print_links(const vpc::DesiredState& desired, Lines& lines) {
  for (const auto& [name, bridge] : desired.bridges) {
    lines.push_back("bridge " + name + " of " + bridge.subnet.text());
  }
  for (const auto& [port, member] : desired.members) {
    lines.push_back("member " + port + " of " + member.interface.text() + " in " + member.netns + " on " +
                    member.bridge + " mac " + member.mac.text() + " address " + member.address.text() + "/" +
                    std::to_string(member.prefix_length) + " router " + member.router.text());
  }
}

void print_enis(const vpc::DesiredState& desired, Lines& lines) {
  for (const auto& [key, eni] : desired.enis) {
    lines.push_back("eni " + text(key.vpc) + " " + key.address.text() + " is " + eni.id.text() + " number " +
                    text(eni.number) + " subnet " + text(eni.subnet) + " set " + text(eni.group_set) +
                    " port " + (eni.port.empty() ? "-" : eni.port) + " bridge " + eni.bridge);
  }
}

void print_resolvers(const vpc::DesiredState& desired, Lines& lines) {
  for (const auto& [vpc, resolver] : desired.resolvers) {
    lines.push_back("resolver of vpc " + text(vpc) + " " + resolver.address.text() +
                    (resolver.serves ? " serves" : " does not serve"));
  }
}

void print_policies(const vpc::DesiredState& desired, Lines& lines) {
  for (const auto& [vpc, policy] : desired.policies) {
    lines.push_back("vpc " + text(vpc));
    for (const auto& [cidr, number] : policy.classes) {
      lines.push_back("vpc " + text(vpc) + " class " + text(number) + " has " + cidr.text());
    }
    for (const auto& [key, rule] : policy.rules) {
      lines.push_back("vpc " + text(vpc) + " set " + text(key.group_set) +
                      (key.egress ? " egress to class " : " ingress from class ") + text(key.peer_class) +
                      " " + protocol_text(key.protocol) + " " + std::to_string(key.ports.first) + "/" +
                      std::to_string(key.ports.bits) + " by " + rule.id.text() +
                      untracked_text(rule.untracked_tcp, rule.untracked_udp));
    }
  }
}

std::string target_text(const vpc::DesiredRoute& route) {
  switch (route.target) {
    case vpc::RouteTarget::kLocal:
      return "local";
    case vpc::RouteTarget::kManaged:
      return "managed";
    case vpc::RouteTarget::kInterface:
      return "blackhole";
    case vpc::RouteTarget::kEndpoint:
      return "endpoint " + route.endpoint;
  }
  return "";
}

}  // namespace

Lines print(const vpc::DesiredState& desired, const Names& names) {
  Lines lines;
  print_links(desired, lines);
  print_enis(desired, lines);
  print_policies(desired, lines);
  print_resolvers(desired, lines);
  for (const auto& [key, route] : desired.routes) {
    lines.push_back("route of subnet " + text(key.subnet) + " " + key.destination.text() + " " +
                    target_text(route));
  }
  std::transform(lines.begin(), lines.end(), lines.begin(),
                 [&](const auto& line) { return named(line, names); });
  return lines;
}

Lines print(const reconcile::Plan& plan, const Names& names) {
  Lines lines;
  for (const auto& operation : plan) {
    std::string line = operation.name() + " " + operation.object();
    if (const auto* put = std::get_if<reconcile::PutEntry>(&operation.what))
      line += " = " + value_text(put->value);
    lines.push_back(named(line + " (" + operation.reason + ")", names));
  }
  return lines;
}

}  // namespace caisson::golden

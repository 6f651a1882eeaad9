// The verdict of a set of security groups: two lookups, however many rules there are.
//
// The peer's address gives its class in the VPC (compile: addresses that no rule tells apart), and {set, direction,
// class, protocol, port} the rule that admits. Precedence:
//   1. the entry of the packet's protocol, the longest prefix of its port (compile leaves one rule a port);
//   2. the entry for protocols that no rule of the set names.
// No entry: not admitted. Generation: all lookups of a packet use the one number that it read first.
#pragma once

#include "netd/bpf/lib/packet.h"

static __noinline const struct caisson_rule* admitting_rule(__u32 vpc, __u32 group_set, __u8 direction,
                                                            const __u8* peer, const struct packet* packet) {
  const __u32* generation = bpf_map_lookup_elem(&vpcs, &vpc);
  if (!generation) return 0;
  struct caisson_class_key address = {
      .prefix_bits = CAISSON_CLASS_FIXED_BITS + 32, .vpc = vpc, .generation = *generation};
  __builtin_memcpy(address.address, peer, 4);
  const __u32* peer_class = bpf_map_lookup_elem(&classes, &address);
  if (!peer_class) return 0;
  struct caisson_rule_key key = {.prefix_bits = CAISSON_RULE_FIXED_BITS + 16,
                                 .vpc = vpc,
                                 .generation = address.generation,
                                 .group_set = group_set,
                                 .peer_class = *peer_class,
                                 .direction = direction,
                                 .protocol = packet->protocol,
                                 .port_be = packet->rule_port_be};
  const struct caisson_rule* rule = bpf_map_lookup_elem(&sg_rules, &key);
  if (rule) return rule;
  key.direction |= CAISSON_OTHER_PROTOCOLS;
  key.protocol = 0;
  key.port_be = 0;
  return bpf_map_lookup_elem(&sg_rules, &key);
}

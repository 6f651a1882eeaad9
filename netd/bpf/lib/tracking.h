// Which flows have an entry in conntrack.
//
// As on EC2 ("Untracked connections"), TCP and UDP between members is not tracked if a rule admits it from or to everybody
// (0.0.0.0/0), and a rule of the other direction is open to everybody and all ports: each packet, also each answer, is
// judged by the rules of its own direction, and ends with them. Compile says so at the rule that admits (caisson_rule).
// Tracked without exception are ICMP and other protocols, flows with functions, and those that leave through the stack.
#pragma once

#include "netd/bpf/lib/audit.h"
#include "netd/bpf/lib/security_groups.h"

enum tracking {
  CAISSON_TRACKED = 0,
  CAISSON_UNTRACKED,
  CAISSON_NOBODYS,  // a later fragment of a flow that should have an entry, and has none: it begins no flow
};

// A UDP packet from the port that an untracked flow goes to is taken for its answer: the packet that it would answer is
// one that such a rule of the other direction admits.
static __always_inline int answers_untracked(__u32 vpc, __u32 group_set, __u8 direction, const __u8* peer,
                                             const struct packet* packet) {
  struct packet question = {.protocol = packet->protocol, .rule_port_be = bpf_htons(packet->source_port)};
  const __u8 other = direction == CAISSON_EGRESS ? CAISSON_INGRESS : CAISSON_EGRESS;
  const struct caisson_rule* rule = admitting_rule(vpc, group_set, other, peer, &question);
  return rule && rule->untracked_udp;
}

static __always_inline int is_member(__u32 vpc, const __u8* address) {
  struct caisson_eni_key key = {.vpc = vpc};
  __builtin_memcpy(key.address, address, 4);
  const struct caisson_eni* eni = bpf_map_lookup_elem(&enis, &key);
  return eni && eni->port != 0;
}

// The rule for the type and code of an error between members, which it needs if it is about no tracked flow; NULL: there
// is none.
static __always_inline const struct rule_id* rule_of_error(__u32 vpc, __u32 group_set, __u8 direction,
                                                           const __u8* peer, const struct packet* packet) {
  if (!is_member(vpc, peer)) return 0;
  const struct caisson_rule* admits = admitting_rule(vpc, group_set, direction, peer, packet);
  return admits ? id_of(admits) : 0;
}

// Neither is static, since what they find decides what follows (docs/adr/0014-programs-that-linux-6.1-takes.md).
__noinline int is_later_fragment(const struct packet* packet) {
  return packet && packet->part == CAISSON_LATER_FRAGMENT;
}

// Of a packet that a member sends or gets, that no entry holds and that `rule` admits; NULL: one that goes through the
// stack. TCP begins with a SYN: what else comes without an entry is an untracked flow's, or was one's until a rule
// changed, and must not begin a tracked one.
__noinline int tracking_of(const struct packet* packet, const struct caisson_rule* rule, __u32 vpc,
                           __u32 group_set, __u8 direction) {
  if (!packet) return CAISSON_TRACKED;
  const __u8* peer = direction == CAISSON_EGRESS ? packet->destination : packet->source;
  int untracked = 0;
  if (rule && packet->protocol == IPPROTO_TCP) {
    untracked =
        (packet->tcp_flags & (CAISSON_TCP_SYN | CAISSON_TCP_ACK)) != CAISSON_TCP_SYN || rule->untracked_tcp;
  } else if (rule && packet->protocol == IPPROTO_UDP) {
    untracked = rule->untracked_udp || answers_untracked(vpc, group_set, direction, peer, packet);
  }
  if (untracked && is_member(vpc, peer)) return CAISSON_UNTRACKED;
  return packet->part == CAISSON_LATER_FRAGMENT ? CAISSON_NOBODYS : CAISSON_TRACKED;
}

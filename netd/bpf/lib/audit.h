// What the programs write down: flows with their verdict, and drops outside of flows.
#pragma once

#include "netd/bpf/lib/packet.h"

static __always_inline void count(__u32 counter) {
  __u64* found = bpf_map_lookup_elem(&counters, &counter);
  if (found) (*found)++;
}

// As many as leave the wire's end: a device may still have to cut one that is larger than its MTU.
static __always_inline __u64 packets_in(const struct __sk_buff* skb) {
  return skb->gso_segs ? skb->gso_segs : 1;
}

__noinline int drop(struct __sk_buff* skb, __u32 reason) {
  const struct caisson_drop_key key = {.port = skb->ifindex, .reason = reason};
  struct caisson_drop* found = bpf_map_lookup_elem(&drops, &key);
  if (found) {
    found->packets += packets_in(skb);
    found->bytes += skb->len;
    found->last_seen = bpf_ktime_get_ns();
    return TC_ACT_SHOT;
  }
  const struct caisson_drop first = {
      .packets = packets_in(skb), .bytes = skb->len, .last_seen = bpf_ktime_get_ns()};
  if (bpf_map_update_elem(&drops, &key, &first, BPF_NOEXIST)) count(CAISSON_UNRECORDED);
  return TC_ACT_SHOT;
}

// What a record is of, and how much of it: the function that writes it takes five arguments.
struct audit_subject {
  struct caisson_audit_key key;
  __u32 packets;
  __u32 bytes;
};

// Reason, rule and endpoint are of one packet, whoever writes and reads at the same time: they change under the lock.
// Most packets change none, and need none. (Word by word: the stack of the programs is nearly full.)
static __always_inline int same_id(const char* there, const char* wanted) {
  const __u64* a = (const __u64*)there;
  if (!wanted) return (a[0] | a[1] | a[2]) == 0;
  __u64 word;
  for (int i = 0; i < 3; i++) {
    __builtin_memcpy(&word, wanted + 8 * i, sizeof word);
    if (a[i] != word) return 0;
  }
  return 1;
}

static __always_inline void set_id(char* id, const char* wanted) {
  if (wanted) {
    __builtin_memcpy(id, wanted, CAISSON_ID_SIZE);
  } else {
    __builtin_memset(id, 0, CAISSON_ID_SIZE);
  }
}

// A rule's id, wherever it stands: in a rule, or in a flow that it admitted.
struct rule_id {
  char text[CAISSON_ID_SIZE];
};

static __always_inline const struct rule_id* id_of(const struct caisson_rule* rule) {
  return (const struct rule_id*)rule->id;
}

static __always_inline const struct rule_id* rule_of(const struct caisson_conntrack* entry) {
  return (const struct rule_id*)entry->rule;
}

static __always_inline void set_decision(struct caisson_audit* found, __u32 reason, const char* rule,
                                         const char* endpoint) {
  if (found->reason == reason && same_id(found->rule, rule) && same_id(found->endpoint, endpoint)) return;
  bpf_spin_lock(&found->lock);
  found->reason = reason;
  set_id(found->rule, rule);
  set_id(found->endpoint, endpoint);
  bpf_spin_unlock(&found->lock);
}

// `rule`: the deciding one, or NULL when none decided; `route`: where the packet goes, or NULL. Not static, as the other
// functions that are called: the verifier looks at such a function once, and not once for each way to it. (Linux 6.1
// takes no such function's argument for a map's key: it is copied.)
__noinline int record(const struct audit_subject* given, const struct caisson_eni* eni, __u32 reason,
                      const struct rule_id* rule, const struct caisson_route* route) {
  const __u64 now = bpf_ktime_get_ns();
  struct caisson_audit* found;
  if (!given || !eni) return 0;
  const struct caisson_audit_key own = given->key;
  const struct caisson_audit_key* key = &own;
  const char* id = rule ? rule->text : 0;
  const char* endpoint = route && route->target == CAISSON_ROUTE_ENDPOINT ? route->endpoint : 0;
  if (reason != CAISSON_ACCEPTED && reason < CAISSON_REASONS) count(CAISSON_REJECTED + reason);
  found = bpf_map_lookup_elem(&flows, key);
  if (found) {
    __sync_fetch_and_add(&found->packets, given->packets);
    __sync_fetch_and_add(&found->bytes, given->bytes);
    found->last_seen = now;
    set_decision(found, reason, id, endpoint);
    return 0;
  }
  struct caisson_audit first = {.packets = given->packets,
                                .bytes = given->bytes,
                                .first_seen = now,
                                .last_seen = now,
                                .reason = reason};
  __builtin_memcpy(first.eni, eni->id, CAISSON_ID_SIZE);
  if (id) __builtin_memcpy(first.rule, id, CAISSON_ID_SIZE);
  if (endpoint) __builtin_memcpy(first.endpoint, endpoint, CAISSON_ID_SIZE);
  if (bpf_map_update_elem(&flows, key, &first, BPF_NOEXIST)) count(CAISSON_UNRECORDED);
  return 0;
}

// The record of a packet that a network interface sends or gets. `route`: where it goes, or NULL. `local_port` and
// `peer_port` are those that the other side sees.
static __always_inline int verdict_on(struct __sk_buff* skb, const struct packet* packet,
                                      const struct caisson_eni* eni, __u8 direction, __u32 reason,
                                      const struct rule_id* rule, const struct caisson_route* route) {
  const struct audit_subject subject = {
      .key = {.eni = eni->number,
              .source = {packet->source[0], packet->source[1], packet->source[2], packet->source[3]},
              .destination = {packet->destination[0], packet->destination[1], packet->destination[2],
                              packet->destination[3]},
              .source_port = packet->source_port,
              .destination_port = packet->destination_port,
              .protocol = packet->protocol,
              .direction = direction,
              .action = reason == CAISSON_ACCEPTED ? CAISSON_ACCEPT : CAISSON_REJECT},
      .packets = (__u32)packets_in(skb),
      .bytes = skb->len};
  record(&subject, eni, reason, rule, route);
  return reason == CAISSON_ACCEPTED ? TC_ACT_OK : TC_ACT_SHOT;
}

static __always_inline int verdict(struct __sk_buff* skb, const struct packet* packet,
                                   const struct caisson_eni* eni, __u8 direction, __u32 reason,
                                   const struct rule_id* rule) {
  return verdict_on(skb, packet, eni, direction, reason, rule, 0);
}

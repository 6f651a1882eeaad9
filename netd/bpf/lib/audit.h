// What the programs write down: flows with their verdict, and drops outside of flows.
#pragma once

#include "netd/bpf/lib/packet.h"

static __always_inline int drop(struct __sk_buff* skb, __u32 reason) {
  const struct caisson_drop_key key = {.port = skb->ifindex, .reason = reason};
  struct caisson_drop* found = bpf_map_lookup_elem(&drops, &key);
  if (found) {
    found->packets++;
    found->bytes += skb->len;
    found->last_seen = bpf_ktime_get_ns();
    return TC_ACT_SHOT;
  }
  const struct caisson_drop first = {.packets = 1, .bytes = skb->len, .last_seen = bpf_ktime_get_ns()};
  bpf_map_update_elem(&drops, &key, &first, BPF_NOEXIST);
  return TC_ACT_SHOT;
}

static __always_inline void count(__u32 counter) {
  __u64* found = bpf_map_lookup_elem(&counters, &counter);
  if (found) (*found)++;
}

// `rule`: the deciding rule's id (CAISSON_ID_SIZE bytes), or NULL when none decided.
static __noinline int record(struct __sk_buff* skb, const struct caisson_audit_key* key,
                             const struct caisson_eni* eni, __u32 reason, const char* rule) {
  const __u64 now = bpf_ktime_get_ns();
  struct caisson_audit* found;
  if (!key || !eni) return 0;
  found = bpf_map_lookup_elem(&flows, key);
  if (found) {
    __sync_fetch_and_add(&found->packets, 1);
    __sync_fetch_and_add(&found->bytes, skb->len);
    found->last_seen = now;
    found->reason = reason;
    if (rule) {
      __builtin_memcpy(found->rule, rule, CAISSON_ID_SIZE);
    } else {
      __builtin_memset(found->rule, 0, CAISSON_ID_SIZE);
    }
    return 0;
  }
  struct caisson_audit first = {
      .packets = 1, .bytes = skb->len, .first_seen = now, .last_seen = now, .reason = reason};
  __builtin_memcpy(first.eni, eni->id, CAISSON_ID_SIZE);
  if (rule) __builtin_memcpy(first.rule, rule, CAISSON_ID_SIZE);
  if (bpf_map_update_elem(&flows, key, &first, BPF_NOEXIST)) count(CAISSON_UNRECORDED);
  return 0;
}

// The record of a packet that a network interface sends or gets. `local_port` and `peer_port` are those that the
// other side sees.
static __always_inline int verdict(struct __sk_buff* skb, const struct packet* packet,
                                   const struct caisson_eni* eni, __u8 direction, __u32 reason,
                                   const char* rule) {
  const struct caisson_audit_key key = {
      .eni = eni->number,
      .source = {packet->source[0], packet->source[1], packet->source[2], packet->source[3]},
      .destination = {packet->destination[0], packet->destination[1], packet->destination[2],
                      packet->destination[3]},
      .source_port = packet->source_port,
      .destination_port = packet->destination_port,
      .protocol = packet->protocol,
      .direction = direction,
      .action = reason == CAISSON_ACCEPTED ? CAISSON_ACCEPT : CAISSON_REJECT};
  record(skb, &key, eni, reason, rule);
  return reason == CAISSON_ACCEPTED ? TC_ACT_OK : TC_ACT_SHOT;
}

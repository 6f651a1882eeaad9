// Flows as one network interface sees them. Sender and receiver have an entry each, so that each one's groups stand
// at its own port.
//
// An entry holds while it is younger than its idle time; expiry is judged here, netd's sweep frees the memory and
// gives the quota back. A tracked flow survives the removal of the rule that admitted it, as on EC2; which flows have no
// entry says lib/tracking.h.
#pragma once

#include <linux/errno.h>

#include "netd/bpf/lib/packet.h"

static __always_inline int holds(const struct caisson_conntrack* entry, __u8 protocol) {
  return entry && is_younger(entry->last_seen, bpf_ktime_get_ns(), caisson_idle_time(entry, protocol));
}

// A SYN, by either end, on a connection that has ended is another one: it is judged by the rules of now, and has its own
// idle times.
static __always_inline int begins_anew(const struct caisson_conntrack* entry, const struct packet* packet) {
  return entry->closing && (packet->tcp_flags & (CAISSON_TCP_SYN | CAISSON_TCP_ACK)) == CAISSON_TCP_SYN;
}

// An echo's id stands for the asking side's port, the other one is 0: so that a peer's own echo is no answer to ours.
static __always_inline struct caisson_flow_key flow_key(const struct caisson_eni* eni,
                                                        const struct packet* packet, __u8 direction) {
  const int out = direction == CAISSON_EGRESS;
  struct caisson_flow_key key = {.eni = eni->number,
                                 .peer_port = out ? packet->destination_port : packet->source_port,
                                 .local_port = out ? packet->source_port : packet->destination_port,
                                 .protocol = packet->protocol};
  __builtin_memcpy(key.peer, out ? packet->destination : packet->source, 4);
  return key;
}

static __always_inline void refresh(struct caisson_conntrack* entry, const struct packet* packet,
                                    __u8 direction) {
  entry->last_seen = bpf_ktime_get_ns();
  if (direction != entry->direction) entry->answered = 1;
  if (packet->tcp_flags & (CAISSON_TCP_FIN | CAISSON_TCP_RST)) entry->closing = 1;
}

// The entry of a flow that is over, which another one follows that is not tracked: it holds no longer.
static __always_inline void let_go(struct caisson_conntrack* entry) {
  entry->last_seen = bpf_ktime_get_ns() - CAISSON_IDLE_ANSWERED;
}

// Of how many places, all in all, somebody holds one, before this one is taken; `used` and `freed` have a writer each. A
// counter that was made anew may be behind what is given back.
static __always_inline __s64 take_one(__u64* used, const __u64* freed) {
  return (__s64)(__sync_fetch_and_add(used, 1) - (freed ? *freed : 0));
}

static __always_inline __u64* used_of(const __u64* account) {
  const __u64 none = 0;
  __u64* used = bpf_map_lookup_elem(&account_flows, account);
  if (used) return used;
  bpf_map_update_elem(&account_flows, account, &none, BPF_NOEXIST);
  return bpf_map_lookup_elem(&account_flows, account);
}

// Of the account's own places, or of those that all accounts have in common; 0: it has had its share.
#define CAISSON_OWN_PLACE 1
#define CAISSON_COMMON_PLACE 2
__noinline int take_place(__u64 account) {
  const __u64 common = CAISSON_COMMON;
  __u64* used = used_of(&account);
  __u64* common_used = used_of(&common);
  if (!used || !common_used) return 0;
  const __s64 beyond =
      take_one(used, bpf_map_lookup_elem(&account_freed, &account)) - CAISSON_FLOWS_PER_ACCOUNT;
  if (beyond < 0) return CAISSON_OWN_PLACE;
  const __s64 left =
      CAISSON_COMMON_FLOWS - take_one(common_used, bpf_map_lookup_elem(&account_freed, &common));
  if (beyond < left) return CAISSON_COMMON_PLACE;
  __sync_fetch_and_add(common_used, -1);
  __sync_fetch_and_add(used, -1);
  return 0;
}

static __always_inline void give_place(__u64 account, int place) {
  const __u64 common = CAISSON_COMMON;
  __u64* used = bpf_map_lookup_elem(&account_flows, &account);
  if (used) __sync_fetch_and_add(used, -1);
  if (place != CAISSON_COMMON_PLACE) return;
  used = bpf_map_lookup_elem(&account_flows, &common);
  if (used) __sync_fetch_and_add(used, -1);
}

// Adds an entry within the network interface's quota and the account's share. `replaces`: there is an entry, of a flow
// that is over. Two processors may have a packet of the same new flow, or the sweep may take the entry away meanwhile:
// who counts is who made the entry, or the count would never come down again.
static __always_inline int open_flow(const struct caisson_flow_key* key,
                                     const struct caisson_conntrack* entry, int replaces) {
  __u32 number = key->eni;
  __u64* used = bpf_map_lookup_elem(&eni_flows, &number);
  if (!used) return CAISSON_CT_FULL;
  if (replaces && !bpf_map_update_elem(&conntrack, key, entry, BPF_EXIST)) return CAISSON_ACCEPTED;
  if (take_one(used, bpf_map_lookup_elem(&eni_freed, &number)) >= CAISSON_FLOWS_PER_ENI) {
    __sync_fetch_and_add(used, -1);
    return CAISSON_CT_FULL;
  }
  const int place = take_place(entry->account);
  const long failed = place ? bpf_map_update_elem(&conntrack, key, entry, BPF_NOEXIST) : 0;
  if (place && !failed) return CAISSON_ACCEPTED;
  if (place) give_place(entry->account, place);
  __sync_fetch_and_add(used, -1);
  if (!place) return CAISSON_CT_ACCOUNT;
  return failed == -EEXIST ? CAISSON_ACCEPTED : CAISSON_CT_FULL;
}

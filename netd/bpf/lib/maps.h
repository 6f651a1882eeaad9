// The maps. All are pinned by name (LIBBPF_PIN_BY_NAME) in the instance's folder, so that they outlive netd.
#pragma once

#include <linux/bpf.h>
// clang-format off: bpf_helpers.h needs the types of linux/bpf.h
#include <bpf/bpf_helpers.h>
// clang-format on

#include "netd/bpf/caisson_abi.h"

#define CAISSON_MAP(name, kind, key_type, value_type, entries, flags) \
  struct {                                                            \
    __uint(type, kind);                                               \
    __type(key, key_type);                                            \
    __type(value, value_type);                                        \
    __uint(max_entries, entries);                                     \
    __uint(map_flags, flags);                                         \
    __uint(pinning, LIBBPF_PIN_BY_NAME);                              \
  } name SEC(".maps")

CAISSON_MAP(slots, BPF_MAP_TYPE_HASH, __u32, struct caisson_slot, 16384, 0);
CAISSON_MAP(members, BPF_MAP_TYPE_HASH, __u32, struct caisson_eni_key, 16384, 0);
CAISSON_MAP(enis, BPF_MAP_TYPE_HASH, struct caisson_eni_key, struct caisson_eni, 65536, BPF_F_NO_PREALLOC);
CAISSON_MAP(identities, BPF_MAP_TYPE_HASH, __u32, struct caisson_eni_key, 65536, BPF_F_NO_PREALLOC);
CAISSON_MAP(blocks, BPF_MAP_TYPE_HASH, struct caisson_block_key, __u32, 65536, BPF_F_NO_PREALLOC);
CAISSON_MAP(vpcs, BPF_MAP_TYPE_HASH, __u32, __u32, 16384, BPF_F_NO_PREALLOC);
CAISSON_MAP(classes, BPF_MAP_TYPE_LPM_TRIE, struct caisson_class_key, __u32, CAISSON_CLASS_ENTRIES,
            BPF_F_NO_PREALLOC);
CAISSON_MAP(sg_rules, BPF_MAP_TYPE_LPM_TRIE, struct caisson_rule_key, struct caisson_rule,
            CAISSON_RULE_ENTRIES, BPF_F_NO_PREALLOC);
CAISSON_MAP(routes, BPF_MAP_TYPE_LPM_TRIE, struct caisson_route_key, struct caisson_route, 65536,
            BPF_F_NO_PREALLOC);
CAISSON_MAP(resolvers, BPF_MAP_TYPE_HASH, __u32, struct caisson_resolver, 16384, BPF_F_NO_PREALLOC);
// Which interfaces ask is forgotten, least recently used first.
CAISSON_MAP(resolver_rates, BPF_MAP_TYPE_LRU_HASH, __u32, struct caisson_rate, 16384, 0);
CAISSON_MAP(forbidden, BPF_MAP_TYPE_LPM_TRIE, struct caisson_address_key, __u8, 1024, BPF_F_NO_PREALLOC);
CAISSON_MAP(conntrack, BPF_MAP_TYPE_HASH, struct caisson_flow_key, struct caisson_conntrack,
            CAISSON_CONNTRACK_ENTRIES, BPF_F_NO_PREALLOC);
CAISSON_MAP(eni_flows, BPF_MAP_TYPE_HASH, __u32, __u64, 65536, BPF_F_NO_PREALLOC);
CAISSON_MAP(eni_freed, BPF_MAP_TYPE_HASH, __u32, __u64, 65536, BPF_F_NO_PREALLOC);
CAISSON_MAP(account_flows, BPF_MAP_TYPE_HASH, __u64, __u64, 8192, BPF_F_NO_PREALLOC);
CAISSON_MAP(account_freed, BPF_MAP_TYPE_HASH, __u64, __u64, 8192, BPF_F_NO_PREALLOC);
CAISSON_MAP(fragments, BPF_MAP_TYPE_HASH, struct caisson_fragment_key, struct caisson_fragment,
            CAISSON_FRAGMENT_ENTRIES, BPF_F_NO_PREALLOC);
CAISSON_MAP(flows, BPF_MAP_TYPE_HASH, struct caisson_audit_key, struct caisson_audit, CAISSON_AUDIT_ENTRIES,
            BPF_F_NO_PREALLOC);
CAISSON_MAP(drops, BPF_MAP_TYPE_PERCPU_HASH, struct caisson_drop_key, struct caisson_drop, 16384,
            BPF_F_NO_PREALLOC);
CAISSON_MAP(counters, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, __u64, CAISSON_COUNTERS, 0);
CAISSON_MAP(abi, BPF_MAP_TYPE_HASH, __u32, __u32, 1, 0);

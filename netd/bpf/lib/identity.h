// Clones of one snapshot are equal: address, MAC, ports. A slot's block of ports tells them apart on the network
// interface that they share.
//
//   block b owns ports 1024 b .. 1024 b + 1023 of the interface's address:
//     the first 960   the guest's own range, shifted: nothing to allocate or to remember
//     the last 64     what the guest bound itself, ICMP ids, and ports whose flow another epoch still holds
#pragma once

#include "netd/bpf/lib/packet.h"

// A port of the block's last 64 for `original`; 0: none is free.
static __always_inline __u16 dynamic_port(const struct caisson_slot* slot, __u32 ifindex, __u8 protocol,
                                          __u16 original) {
  const __u64 now = bpf_ktime_get_ns();
  struct caisson_dynamic_key key = {.slot = ifindex, .epoch = slot->epoch, .protocol = protocol};
  const struct caisson_dynamic fresh = {.last_seen = now, .original = original};
  for (int i = 0; i < CAISSON_DYNAMIC_TRIES; i++) {
    key.index = (__u8)((original + i) % CAISSON_DYNAMIC_PORTS);
    struct caisson_dynamic* found = bpf_map_lookup_elem(&dynamic_ports, &key);
    if (found && found->original != original && now - found->last_seen < CAISSON_IDLE_STREAM) continue;
    if (found && found->original == original) {
      found->last_seen = now;
    } else if (bpf_map_update_elem(&dynamic_ports, &key, &fresh, found ? BPF_EXIST : BPF_NOEXIST)) {
      continue;
    }
    return (__u16)(slot->block * CAISSON_BLOCK_PORTS + CAISSON_BLOCK_PORTS - CAISSON_DYNAMIC_PORTS +
                   key.index);
  }
  return 0;
}

// From the guest's port to the one that the network sees; 0: none.
static __always_inline __u16 outer_port(const struct caisson_slot* slot, __u32 ifindex, __u8 protocol,
                                        __u16 port) {
  const __u32 offset = (__u32)port - CAISSON_GUEST_FIRST_PORT;
  if (protocol != IPPROTO_ICMP && offset < CAISSON_GUEST_PORTS) {
    return (__u16)(slot->block * CAISSON_BLOCK_PORTS + offset);
  }
  return dynamic_port(slot, ifindex, protocol, port);
}

// And back; 0: the port is not mapped.
static __always_inline __u16 inner_port(const struct caisson_slot* slot, __u32 ifindex, __u8 protocol,
                                        __u16 port) {
  const __u32 offset = port % CAISSON_BLOCK_PORTS;
  if (port / CAISSON_BLOCK_PORTS != slot->block) return 0;
  if (offset < CAISSON_GUEST_PORTS) return (__u16)(CAISSON_GUEST_FIRST_PORT + offset);
  const struct caisson_dynamic_key key = {
      .slot = ifindex,
      .epoch = slot->epoch,
      .protocol = protocol,
      .index = (__u8)(offset - (CAISSON_BLOCK_PORTS - CAISSON_DYNAMIC_PORTS))};
  struct caisson_dynamic* found = bpf_map_lookup_elem(&dynamic_ports, &key);
  if (!found) return 0;
  found->last_seen = bpf_ktime_get_ns();
  return found->original;
}

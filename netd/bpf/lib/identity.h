// Clones of one snapshot are equal: address, MAC, ports. A slot's block of ports tells them apart on the network
// interface that they share.
//
//   block b owns ports 1024 b .. 1024 b + 1023 of the interface's address:
//     the first 960   the guest's own range, shifted: nothing to allocate or to remember
//     the last 64     what the guest bound itself, ICMP ids, and ports whose flow another epoch still holds
#pragma once

#include "netd/bpf/lib/conntrack.h"

// Does a flow from this port, to the packet's peer, belong to another slot or epoch? It is never taken over: late packets
// of its peer would come here.
static __always_inline int is_foreign_flow(const struct caisson_slot* slot, __u32 ifindex,
                                           const struct caisson_eni* eni, struct packet* packet, __u16 port) {
  packet->source_port = port;
  const struct caisson_flow_key key = flow_key(eni, packet, CAISSON_EGRESS);
  const struct caisson_conntrack* entry = bpf_map_lookup_elem(&conntrack, &key);
  return entry && holds(entry, packet->protocol) && (entry->slot != ifindex || entry->epoch != slot->epoch);
}

// A port of the block's last 64 for the packet's source port; 0: none is free. One that it already has comes before one
// that became free, or a flow would move while it lasts.
static __noinline int dynamic_port(const struct caisson_slot* slot, __u32 ifindex,
                                   const struct caisson_eni* eni, struct packet* packet) {
  const __u64 now = bpf_ktime_get_ns();
  if (!slot || !eni || !packet) return 0;
  const __u16 original = packet->source_port;
  const __u32 first = slot->block * CAISSON_BLOCK_PORTS + CAISSON_BLOCK_PORTS - CAISSON_DYNAMIC_PORTS;
  struct caisson_dynamic_key key = {.slot = ifindex, .epoch = slot->epoch, .protocol = packet->protocol};
  int usable = -1;
  for (int i = 0; i < CAISSON_DYNAMIC_TRIES; i++) {
    key.index = (__u8)((original + i) % CAISSON_DYNAMIC_PORTS);
    if (is_foreign_flow(slot, ifindex, eni, packet, (__u16)(first + key.index))) continue;
    struct caisson_dynamic* found = bpf_map_lookup_elem(&dynamic_ports, &key);
    if (found && found->original == original) {
      found->last_seen = now;
      return (int)(first + key.index);
    }
    if (usable < 0 && (!found || !is_younger(found->last_seen, now, CAISSON_IDLE_STREAM))) usable = key.index;
  }
  if (usable < 0) return 0;
  const struct caisson_dynamic fresh = {.last_seen = now, .original = original};
  key.index = (__u8)usable;
  return bpf_map_update_elem(&dynamic_ports, &key, &fresh, BPF_ANY) ? 0 : (int)(first + key.index);
}

// The packet's source port becomes the one that the network sees; 0: there is none.
static __always_inline void take_outer_port(const struct caisson_slot* slot, __u32 ifindex,
                                            const struct caisson_eni* eni, struct packet* packet) {
  const __u16 inner = packet->source_port;
  const __u32 offset = (__u32)inner - CAISSON_GUEST_FIRST_PORT;
  if (packet->protocol != IPPROTO_ICMP && offset < CAISSON_GUEST_PORTS &&
      !is_foreign_flow(slot, ifindex, eni, packet, (__u16)(slot->block * CAISSON_BLOCK_PORTS + offset))) {
    return;
  }
  packet->source_port = inner;
  packet->source_port = (__u16)dynamic_port(slot, ifindex, eni, packet);
}

// And back; below 0: the port is not mapped.
static __always_inline int inner_port(const struct caisson_slot* slot, __u32 ifindex, __u8 protocol,
                                      __u16 port) {
  const __u32 offset = port % CAISSON_BLOCK_PORTS;
  if (port / CAISSON_BLOCK_PORTS != slot->block) return -1;
  if (offset < CAISSON_GUEST_PORTS) return (int)(CAISSON_GUEST_FIRST_PORT + offset);
  const struct caisson_dynamic_key key = {
      .slot = ifindex,
      .epoch = slot->epoch,
      .protocol = protocol,
      .index = (__u8)(offset - (CAISSON_BLOCK_PORTS - CAISSON_DYNAMIC_PORTS))};
  struct caisson_dynamic* found = bpf_map_lookup_elem(&dynamic_ports, &key);
  if (!found) return -1;
  found->last_seen = bpf_ktime_get_ns();
  return found->original;
}

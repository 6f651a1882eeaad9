// Clones of one snapshot are equal: address, MAC, ports. A slot's block of ports tells them apart on the network
// interface that they share.
//
//   block b owns ports 1024 b .. 1024 b + 1023 of the interface's address:
//     the first 960   the guest's own range, shifted: nothing to allocate or to remember
//     the last 64     what the guest bound itself, ICMP ids, and ports whose flow another epoch still holds; the flow's
//                     entry in conntrack has the guest's port, so that they live as long as their flow
#pragma once

#include "netd/bpf/lib/conntrack.h"

enum { CAISSON_FREE, CAISSON_OURS, CAISSON_OTHERS };

// Whose is this flow? One that another slot or epoch began is never taken over: late packets of its peer would come
// here.
static __always_inline int owner_of(const struct caisson_conntrack* entry, __u8 protocol,
                                    const struct caisson_slot* slot, __u32 ifindex, __u16 inner_port) {
  if (!entry || !holds(entry, protocol)) return CAISSON_FREE;
  if (entry->slot != ifindex || entry->epoch != slot->epoch) return CAISSON_OTHERS;
  return entry->inner_port == inner_port ? CAISSON_OURS : CAISSON_OTHERS;
}

// A port of the block's last 64 for the packet's source port and peer; 0: none is free. One that the flow already has
// comes before one that became free, or it would move while it lasts.
__noinline int dynamic_port(const struct caisson_slot* slot, __u32 ifindex, const struct caisson_eni* eni,
                            const struct packet* packet) {
  int usable = 0;
  if (!slot || !eni || !packet) return 0;
  const __u16 inner = packet->source_port;
  const __u32 first = slot->block * CAISSON_BLOCK_PORTS + CAISSON_BLOCK_PORTS - CAISSON_DYNAMIC_PORTS;
  struct caisson_flow_key key = flow_key(eni, packet, CAISSON_EGRESS);
  for (int i = 0; i < CAISSON_DYNAMIC_TRIES; i++) {
    key.local_port = (__u16)(first + (inner + i) % CAISSON_DYNAMIC_PORTS);
    const struct caisson_conntrack* entry = bpf_map_lookup_elem(&conntrack, &key);
    const int owner = owner_of(entry, packet->protocol, slot, ifindex, inner);
    if (owner == CAISSON_OURS) return key.local_port;
    if (owner == CAISSON_FREE && !usable) usable = key.local_port;
  }
  return usable;
}

// The packet's source port becomes the one that the network sees; 0: there is none. The flow's entry, if there is one.
static __always_inline struct caisson_conntrack* take_outer_port(const struct caisson_slot* slot,
                                                                 __u32 ifindex, const struct caisson_eni* eni,
                                                                 struct packet* packet) {
  const __u16 inner = packet->source_port;
  const __u32 offset = (__u32)inner - CAISSON_GUEST_FIRST_PORT;
  if (packet->protocol != IPPROTO_ICMP && offset < CAISSON_GUEST_PORTS) {
    packet->source_port = (__u16)(slot->block * CAISSON_BLOCK_PORTS + offset);
    const struct caisson_flow_key key = flow_key(eni, packet, CAISSON_EGRESS);
    struct caisson_conntrack* entry = bpf_map_lookup_elem(&conntrack, &key);
    if (owner_of(entry, packet->protocol, slot, ifindex, inner) != CAISSON_OTHERS) return entry;
  }
  packet->source_port = inner;
  packet->source_port = (__u16)dynamic_port(slot, ifindex, eni, packet);
  const struct caisson_flow_key key = flow_key(eni, packet, CAISSON_EGRESS);
  return bpf_map_lookup_elem(&conntrack, &key);
}

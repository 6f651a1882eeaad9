// Fragments after a datagram's first: they have no ports, so they go where the first one went, and only in its wake.
//
// A program notes a first fragment that it let pass, with the ports that the packet left with; each later one must
// begin where the one before ended. So what is out of order, overlaps, is sent twice or was never begun is dropped, and
// the receiver can put together only what was judged. The note belongs to the device (and the slot's epoch) that the
// fragment came through: nobody else's fragments can use it, or push it out.
#pragma once

#include "netd/bpf/lib/packet.h"

static __always_inline struct caisson_fragment_key fragment_key(const struct packet* packet, __u32 owner,
                                                                __u8 place) {
  const struct caisson_fragment_key key = {
      .owner = owner, .place = place, .cell = packet->id % CAISSON_FRAGMENT_CELLS};
  return key;
}

static __always_inline __u32 next_fragment(const struct packet* packet) {
  return packet->more ? packet->begin + packet->length - 20u : CAISSON_FRAGMENT_LAST;
}

// Gives a later fragment the ports of its datagram; an ICMP echo's type is not among them.
__noinline int follow_first_fragment(struct packet* packet, __u32 owner, __u8 place, __u32 epoch) {
  if (!packet) return CAISSON_FRAGMENT;
  const struct caisson_fragment_key key = fragment_key(packet, owner, place);
  struct caisson_fragment* noted = bpf_map_lookup_elem(&fragments, &key);
  if (!noted || noted->epoch != epoch || noted->id != packet->id || noted->protocol != packet->protocol ||
      word_of(noted->source) != word_of(packet->source) ||
      word_of(noted->destination) != word_of(packet->destination) ||
      !is_younger(noted->began, bpf_ktime_get_ns(), CAISSON_FRAGMENT_TIME)) {
    return CAISSON_FRAGMENT;
  }
  if (__sync_val_compare_and_swap(&noted->next, packet->begin, next_fragment(packet)) != packet->begin) {
    return CAISSON_FRAGMENT;
  }
  packet->source_port = noted->source_port;
  packet->destination_port = noted->destination_port;
  packet->rule_port_be = bpf_htons(noted->destination_port);
  packet->has_ports =
      packet->protocol == IPPROTO_TCP || packet->protocol == IPPROTO_UDP || packet->protocol == IPPROTO_ICMP;
  return CAISSON_ACCEPTED;
}

// `source`: as the fragments come to the program.
__noinline int write_note(const struct packet* packet, __u32 source, __u32 owner, __u8 place, __u32 epoch) {
  if (!packet) return 0;
  const struct caisson_fragment_key key = fragment_key(packet, owner, place);
  struct caisson_fragment note = {.began = bpf_ktime_get_ns(),
                                  .next = next_fragment(packet),
                                  .epoch = epoch,
                                  .id = packet->id,
                                  .source_port = packet->source_port,
                                  .destination_port = packet->destination_port,
                                  .protocol = packet->protocol};
  __builtin_memcpy(note.source, &source, 4);
  __builtin_memcpy(note.destination, packet->destination, 4);
  // Without room for it the later ones are dropped, with a reason.
  bpf_map_update_elem(&fragments, &key, &note, BPF_ANY);
  return 0;
}

static __always_inline void note_first_fragment(const struct packet* packet, const __u8* source, __u32 owner,
                                                __u8 place, __u32 epoch) {
  if (packet->part == CAISSON_FIRST_FRAGMENT) write_note(packet, word_of(source), owner, place, epoch);
}

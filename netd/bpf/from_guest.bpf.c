// What a guest or a member sends: the sender's part, and the way to the target. Attached to the ingress of its device
// in the fabric. Nothing is ever passed up by return code: a packet is redirected or dropped.
//
//   seal -> parse -> ARP is answered here -> identity (slot) or anti-spoofing (member) -> conntrack, else groups ->
//   route -> the target's port, or the subnet's bridge and through it the stack
//
// Fragments after their first and ICMP errors have ways of their own beside it: lib/fragments.h, lib/icmp_errors.h; so
// have questions to the resolver, which no group and no route has a say in.
#include "netd/bpf/lib/audit.h"
#include "netd/bpf/lib/conntrack.h"
#include "netd/bpf/lib/fragments.h"
#include "netd/bpf/lib/icmp_errors.h"
#include "netd/bpf/lib/identity.h"
#include "netd/bpf/lib/tracking.h"

struct arp_body {
  __u16 hardware, protocol;
  __u8 hardware_size, protocol_size;
  __u16 operation;
  __u8 sender_mac[6], sender[4], target_mac[6], target[4];
} __attribute__((packed));

// Who sends.
struct sender {
  struct caisson_eni_key key;
  const struct caisson_slot* slot;  // NULL: a member
  const struct caisson_eni* eni;
  __u32 device;
};

// Every address is at the gateway's MAC: the target's own is written when the packet is delivered.
static __noinline int answer_arp(struct __sk_buff* skb, const struct sender* sender,
                                 const struct packet* packet) {
  const __u8 gateway[6] = CAISSON_GATEWAY_MAC;
  const __u8 guest[4] = CAISSON_GUEST_ADDRESS;
  const __u8 guest_mac[6] = CAISSON_GUEST_MAC;
  const __u8* own = sender->slot ? guest : sender->key.address;
  const __u8* own_mac = sender->slot ? guest_mac : sender->eni->mac;
  struct arp_body arp;
  if (bpf_skb_load_bytes(skb, ETH_HLEN, &arp, sizeof arp)) return drop(skb, CAISSON_MALFORMED);
  if (arp.hardware != bpf_htons(1) || arp.protocol != bpf_htons(ETH_P_IP)) {
    return drop(skb, CAISSON_MALFORMED);
  }
  const __u32 said = word_of(arp.sender);
  if (!same_mac(packet->source_mac, own_mac) || !same_mac(arp.sender_mac, own_mac) ||
      (said != 0 && said != word_of(own))) {
    return drop(skb, CAISSON_SPOOF);
  }
  count(CAISSON_ARP);
  // Replies need no answer, and a probe for the sender's own address must get none.
  if (arp.operation != bpf_htons(1) || word_of(arp.target) == word_of(own)) return TC_ACT_SHOT;
  arp.operation = bpf_htons(2);
  __builtin_memcpy(arp.target_mac, packet->source_mac, 6);
  const __u32 asked = word_of(arp.target);
  __builtin_memcpy(arp.target, &said, 4);
  __builtin_memcpy(arp.sender, &asked, 4);
  __builtin_memcpy(arp.sender_mac, gateway, 6);
  bpf_skb_store_bytes(skb, ETH_HLEN, &arp, sizeof arp, 0);
  set_macs(skb, packet->source_mac);
  skb->mark = CAISSON_MARK | sender->key.vpc;
  return bpf_redirect(skb->ifindex, 0);
}

static __always_inline __u32 epoch_of(const struct sender* sender) {
  return sender->slot ? sender->slot->epoch : 0;
}

static __always_inline struct caisson_conntrack* flow_of(const struct sender* sender,
                                                         const struct packet* packet) {
  const struct caisson_flow_key key = flow_key(sender->eni, packet, CAISSON_EGRESS);
  return bpf_map_lookup_elem(&conntrack, &key);
}

// From the guest's identity to the network's. `packet` becomes what the network sees, `entry` its flow's if there is
// one; the bytes are rewritten by write_identity(), when it is decided that the packet goes on.
static __always_inline int take_identity(struct __sk_buff* skb, const struct sender* sender,
                                         struct packet* packet, struct caisson_conntrack** entry) {
  const __u8 guest[4] = CAISSON_GUEST_ADDRESS;
  if (word_of(packet->source) != word_of(guest)) return CAISSON_SPOOF;
  if (packet->part == CAISSON_LATER_FRAGMENT) {
    const int reason =
        follow_first_fragment(packet, skb->ifindex, CAISSON_FRAGMENTS_OUT, sender->slot->epoch);
    if (reason) return reason;
    __builtin_memcpy(packet->source, sender->key.address, 4);
    *entry = flow_of(sender, packet);
    return CAISSON_ACCEPTED;
  }
  if (!packet->has_ports) return CAISSON_PROTOCOL;
  if (packet->protocol == IPPROTO_ICMP && packet->icmp_type != CAISSON_ICMP_ECHO) return CAISSON_PROTOCOL;
  __builtin_memcpy(packet->source, sender->key.address, 4);
  *entry = take_outer_port(sender->slot, skb->ifindex, sender->eni, packet);
  return packet->source_port == 0 ? CAISSON_PORT_EXHAUSTED : CAISSON_ACCEPTED;
}

static __always_inline int check_member(const struct sender* sender, const struct packet* packet) {
  if (word_of(packet->source) != word_of(sender->key.address)) return CAISSON_SPOOF;
  return same_mac(packet->source_mac, sender->eni->mac) ? CAISSON_ACCEPTED : CAISSON_SPOOF;
}

static __always_inline int take_member(struct __sk_buff* skb, const struct sender* sender,
                                       struct packet* packet, struct caisson_conntrack** entry) {
  int reason = check_member(sender, packet);
  if (!reason && packet->part == CAISSON_LATER_FRAGMENT) {
    reason = follow_first_fragment(packet, skb->ifindex, CAISSON_FRAGMENTS_OUT, 0);
  }
  if (!reason) *entry = flow_of(sender, packet);
  return reason;
}

static __always_inline void write_identity(struct __sk_buff* skb, const struct packet* packet,
                                           __u16 inner_source_port, const __u8* outer_source) {
  const __u8 guest[4] = CAISSON_GUEST_ADDRESS;
  set_port(skb, packet, 0, inner_source_port, packet->source_port);
  set_address(skb, packet, CAISSON_IP_SOURCE, guest, outer_source);
}

// The port of the target's network interface, or a reason. 0 < port. A slot is found by the target's port number.
static __always_inline int find_port(const struct sender* sender, const struct packet* packet,
                                     __u16 target_port, __u8* mac, __u32* port) {
  const __u8 guest_mac[6] = CAISSON_GUEST_MAC;
  struct caisson_eni_key key = {.vpc = sender->key.vpc};
  __builtin_memcpy(key.address, packet->destination, 4);
  const struct caisson_eni* target = bpf_map_lookup_elem(&enis, &key);
  if (!target) return CAISSON_NO_DESTINATION;
  if (target->port) {
    *port = target->port;
    __builtin_memcpy(mac, target->mac, 6);
    return CAISSON_ACCEPTED;
  }
  struct caisson_block_key block = {.vpc = key.vpc, .block = target_port / CAISSON_BLOCK_PORTS};
  __builtin_memcpy(block.address, packet->destination, 4);
  const __u32* slot = bpf_map_lookup_elem(&blocks, &block);
  if (!slot) return CAISSON_NO_FLOW;
  *port = *slot;
  __builtin_memcpy(mac, guest_mac, 6);
  return CAISSON_ACCEPTED;
}

static __always_inline int is_forbidden(const __u8* address) {
  struct caisson_address_key key = {.prefix_bits = 32};
  __builtin_memcpy(key.address, address, 4);
  return bpf_map_lookup_elem(&forbidden, &key) != 0;
}

static __always_inline const struct caisson_route* route_of(const struct caisson_eni* eni,
                                                            const __u8* destination) {
  struct caisson_route_key key = {.prefix_bits = CAISSON_ROUTE_FIXED_BITS + 32, .subnet = eni->subnet};
  __builtin_memcpy(key.address, destination, 4);
  return bpf_map_lookup_elem(&routes, &key);
}

static __always_inline void identity_of(const struct caisson_eni* eni, __u8* address) {
  const __u32 identity = bpf_htonl(CAISSON_IDENTITY_PREFIX | (eni->number & CAISSON_NUMBER_MASK));
  __builtin_memcpy(address, &identity, 4);
}

// Up the stack, as received on the subnet's bridge. The source is the network interface's identity address by now.
static __always_inline int to_stack(struct __sk_buff* skb, const struct sender* sender) {
  const __u8 gateway[6] = CAISSON_GATEWAY_MAC;
  set_macs(skb, gateway);
  skb->mark = 0;
  return bpf_redirect(sender->eni->bridge, BPF_F_INGRESS);
}

struct way {
  const struct caisson_route* route;  // NULL: there is none
  __u32 target;
  __u32 port;
  __u8 mac[6];
};

static __noinline int find_way(const struct sender* sender, const struct packet* packet, __u16 target_port,
                               struct way* way) {
  const struct caisson_route* route = route_of(sender->eni, packet->destination);
  way->route = route;
  if (!route) return CAISSON_NO_ROUTE;
  way->target = route->target;
  if (way->target == CAISSON_ROUTE_LOCAL) {
    return find_port(sender, packet, target_port, way->mac, &way->port);
  }
  if (way->target == CAISSON_ROUTE_ENDPOINT) {
    // An error is about a tracked flow, which is TCP's.
    return packet->protocol == IPPROTO_TCP || packet->is_error ? CAISSON_ACCEPTED : CAISSON_PROTOCOL;
  }
  if (way->target != CAISSON_ROUTE_MANAGED) return CAISSON_BLACKHOLE;
  return is_forbidden(packet->destination) ? CAISSON_FORBIDDEN_EXIT : CAISSON_ACCEPTED;
}

static __always_inline int leads_to_stack(const struct way* way) {
  return way->target == CAISSON_ROUTE_MANAGED || way->target == CAISSON_ROUTE_ENDPOINT;
}

static __always_inline int send(struct __sk_buff* skb, const struct sender* sender, const struct way* way) {
  if (leads_to_stack(way)) return to_stack(skb, sender);
  set_macs(skb, way->mac);
  skb->mark = CAISSON_MARK | sender->key.vpc;
  return bpf_redirect(way->port, 0);
}

// `rule`: NULL for the resolver's. `replaces`: there is an entry, of a flow that is over.
static __noinline int begin_flow(const struct sender* sender, const struct packet* packet,
                                 const struct rule_id* rule, __u32 inner_port, int replaces) {
  if (!sender || !packet) return CAISSON_CT_FULL;
  const struct caisson_flow_key key = flow_key(sender->eni, packet, CAISSON_EGRESS);
  struct caisson_conntrack fresh = {
      .last_seen = bpf_ktime_get_ns(), .account = sender->eni->account, .direction = CAISSON_EGRESS};
  if (sender->slot) {
    fresh.slot = sender->device;
    fresh.epoch = sender->slot->epoch;
    fresh.inner_port = (__u16)inner_port;
  }
  if (rule) {
    __builtin_memcpy(fresh.rule, rule->text, CAISSON_ID_SIZE);
  } else {
    fresh.to_resolver = 1;
  }
  return open_flow(&key, &fresh, replaces);
}

static __always_inline int tracking_at(const struct sender* sender, const struct packet* packet,
                                       const struct caisson_rule* admits, const struct way* way) {
  if (sender->slot) return CAISSON_TRACKED;
  return tracking_of(packet, leads_to_stack(way) ? 0 : admits, sender->key.vpc, sender->eni->group_set,
                     CAISSON_EGRESS);
}

// Finds the way and sends the packet there. The flow is tracked last: what has no way leaves no entry.
static __always_inline int forward(struct __sk_buff* skb, const struct sender* sender, struct packet* packet,
                                   __u16 inner_port, struct caisson_conntrack* entry) {
  const __u8 guest[4] = CAISSON_GUEST_ADDRESS;
  const struct caisson_rule* admits = 0;
  // A pointer and not a flag: after the call of a static function Linux 6.1's verifier no longer knows that a number
  // matters, and removes the code of the flag's other value.
  struct caisson_conntrack* tracked =
      entry && holds(entry, packet->protocol) && !begins_anew(entry, packet) ? entry : 0;
  if (!tracked) {
    // A function's flows are all tracked, and its later fragments follow them.
    if (sender->slot && packet->part == CAISSON_LATER_FRAGMENT) return drop(skb, CAISSON_FRAGMENT);
    admits =
        admitting_rule(sender->key.vpc, sender->eni->group_set, CAISSON_EGRESS, packet->destination, packet);
    if (!admits && is_later_fragment(packet)) return drop(skb, CAISSON_FRAGMENT);
    if (!admits) return verdict(skb, packet, sender->eni, CAISSON_EGRESS, CAISSON_SG_EGRESS, 0);
  }
  struct way way = {};
  int reason = find_way(sender, packet, packet->destination_port, &way);
  if (reason == CAISSON_ACCEPTED && !tracked) {
    const int tracking = tracking_at(sender, packet, admits, &way);
    if (tracking == CAISSON_NOBODYS) return drop(skb, CAISSON_FRAGMENT);
    if (tracking == CAISSON_TRACKED) {
      reason = begin_flow(sender, packet, id_of(admits), inner_port, entry != 0);
    } else if (entry) {
      let_go(entry);
    }
  }
  const struct rule_id* rule = tracked ? rule_of(tracked) : id_of(admits);
  verdict_on(skb, packet, sender->eni, CAISSON_EGRESS, reason, rule, way.route);
  if (reason != CAISSON_ACCEPTED) return TC_ACT_SHOT;
  if (tracked) refresh(tracked, packet, CAISSON_EGRESS);
  const __u8* said = sender->slot ? guest : packet->source;
  note_first_fragment(packet, said, skb->ifindex, CAISSON_FRAGMENTS_OUT, epoch_of(sender));
  if (leads_to_stack(&way)) {
    __u8 identity[4];
    identity_of(sender->eni, identity);
    if (sender->slot) {
      write_identity(skb, packet, inner_port, identity);
    } else {
      set_address(skb, packet, CAISSON_IP_SOURCE, packet->source, identity);
    }
  } else if (sender->slot) {
    write_identity(skb, packet, inner_port, packet->source);
  }
  return send(skb, sender, &way);
}

static __always_inline int is_resolver(const __u8* address) {
  const __u8 resolver[4] = CAISSON_RESOLVER;
  return word_of(address) == word_of(resolver);
}

static __always_inline int is_for_resolver(const struct sender* sender, const struct packet* packet) {
  if (is_resolver(packet->destination)) return 1;
  if (packet->destination_port != CAISSON_DNS_PORT) return 0;
  const struct caisson_resolver* resolver = bpf_map_lookup_elem(&resolvers, &sender->key.vpc);
  return resolver && word_of(packet->destination) == word_of(resolver->address);
}

// One more packet of the network interface, in seconds that begin with a packet.
static __noinline int is_within_rate(__u32 eni) {
  const __u64 now = bpf_ktime_get_ns();
  struct caisson_rate* rate = bpf_map_lookup_elem(&resolver_rates, &eni);
  if (!rate) {
    const struct caisson_rate first = {.began = now};
    bpf_map_update_elem(&resolver_rates, &eni, &first, BPF_NOEXIST);
    rate = bpf_map_lookup_elem(&resolver_rates, &eni);
    if (!rate) return 0;
  }
  const __u64 began = rate->began;
  if (!is_younger(began, now, CAISSON_NS) && __sync_val_compare_and_swap(&rate->began, began, now) == began) {
    rate->packets = 0;
  }
  return __sync_fetch_and_add(&rate->packets, 1) < CAISSON_RESOLVER_PACKETS;
}

// A reason not to let the packet go to the resolver.
static __always_inline int refuse_question(const struct sender* sender, const struct packet* packet) {
  const struct caisson_resolver* resolver = bpf_map_lookup_elem(&resolvers, &sender->key.vpc);
  if (!resolver || !resolver->serves || packet->destination_port != CAISSON_DNS_PORT ||
      (packet->protocol != IPPROTO_UDP && packet->protocol != IPPROTO_TCP)) {
    return CAISSON_NO_RESOLVER;
  }
  return is_within_rate(sender->eni->number) ? CAISSON_ACCEPTED : CAISSON_RESOLVER_LIMIT;
}

// To the stack, which has the resolver's address; neither groups nor routes are asked, as on EC2.
static __noinline int ask_resolver(struct __sk_buff* skb, const struct sender* sender, struct packet* packet,
                                   __u32 inner_port, struct caisson_conntrack* entry) {
  const __u8 guest[4] = CAISSON_GUEST_ADDRESS;
  const __u8 fixed[4] = CAISSON_RESOLVER;
  const __u8 of_vpc[4] = CAISSON_RESOLVER_OF_VPC;
  __u8 identity[4];
  if (!sender || !packet) return TC_ACT_SHOT;
  // A pointer and not a flag, as in forward().
  struct caisson_conntrack* tracked =
      entry && holds(entry, packet->protocol) && !begins_anew(entry, packet) ? entry : 0;
  int reason = refuse_question(sender, packet);
  if (!reason && !tracked) {
    if (packet->part == CAISSON_LATER_FRAGMENT) return drop(skb, CAISSON_FRAGMENT);
    reason = begin_flow(sender, packet, 0, inner_port, entry != 0);
  }
  verdict(skb, packet, sender->eni, CAISSON_EGRESS, reason, 0);
  if (reason) return TC_ACT_SHOT;
  if (tracked) refresh(tracked, packet, CAISSON_EGRESS);
  note_first_fragment(packet, sender->slot ? guest : packet->source, skb->ifindex, CAISSON_FRAGMENTS_OUT,
                      epoch_of(sender));
  identity_of(sender->eni, identity);
  if (sender->slot) {
    write_identity(skb, packet, (__u16)inner_port, identity);
  } else {
    set_address(skb, packet, CAISSON_IP_SOURCE, packet->source, identity);
  }
  set_address(skb, packet, CAISSON_IP_DESTINATION, packet->destination,
              is_resolver(packet->destination) ? fixed : of_vpc);
  return to_stack(skb, sender);
}

// The quoted packet becomes the answer to it.
static __always_inline void turn(struct packet* quoted) {
  const __u32 source = word_of(quoted->source);
  const __u16 source_port = quoted->source_port;
  __builtin_memcpy(quoted->source, quoted->destination, 4);
  quoted->source_port = quoted->destination_port;
  __builtin_memcpy(quoted->destination, &source, 4);
  quoted->destination_port = source_port;
}

// (A call: from_guest's frame is as large as it may be.)
static __noinline const struct rule_id* admit_error(const struct sender* sender,
                                                    const struct packet* packet) {
  return rule_of_error(sender->key.vpc, sender->eni->group_set, CAISSON_EGRESS, packet->destination, packet);
}

static __always_inline int is_own(const struct sender* sender, const struct caisson_conntrack* entry) {
  if (!sender->slot) return 1;
  return entry->slot == sender->device && entry->epoch == sender->slot->epoch;
}

// An error about a packet that the sender got, and back to where that packet came from.
static __always_inline int forward_error(struct __sk_buff* skb, const struct sender* sender,
                                         struct packet* packet) {
  const __u8 guest[4] = CAISSON_GUEST_ADDRESS;
  struct packet answer = {};
  struct way way = {};
  if (!sender || !packet) return TC_ACT_SHOT;
  int reason = parse_quoted(skb, packet, &answer);
  if (reason) return drop(skb, reason);
  turn(&answer);
  const __u8* own = sender->slot ? guest : sender->key.address;
  if (word_of(packet->source) != word_of(own)) return drop(skb, CAISSON_SPOOF);
  if (!sender->slot && check_member(sender, packet)) return drop(skb, CAISSON_SPOOF);
  if (word_of(answer.source) != word_of(own) || word_of(answer.destination) != word_of(packet->destination)) {
    return drop(skb, CAISSON_ICMP_ERROR);
  }
  struct quoted_end end = quoted_end(packet, answer.protocol);
  end.address_before = word_of(own);
  end.port_before = bpf_htons(answer.source_port);
  __builtin_memcpy(answer.source, sender->key.address, 4);
  __builtin_memcpy(packet->source, sender->key.address, 4);
  const struct caisson_conntrack* entry =
      sender->slot ? take_outer_port(sender->slot, skb->ifindex, sender->eni, &answer)
                   : flow_of(sender, &answer);
  const struct rule_id* rule = 0;
  if (entry && holds(entry, answer.protocol) && is_own(sender, entry)) {
    rule = rule_of(entry);
  } else if (!sender->slot) {
    rule = admit_error(sender, packet);
  }
  if (!rule) return drop(skb, CAISSON_ICMP_ERROR);
  reason = find_way(sender, packet, answer.destination_port, &way);
  verdict_on(skb, packet, sender->eni, CAISSON_EGRESS, reason, rule, way.route);
  if (reason) return TC_ACT_SHOT;
  if (leads_to_stack(&way)) identity_of(sender->eni, packet->source);
  end.address_after = word_of(packet->source);
  end.port_after = bpf_htons(answer.source_port);
  rewrite_quoted(skb, &end);
  set_address(skb, packet, CAISSON_IP_SOURCE, (const __u8*)&end.address_before, packet->source);
  return send(skb, sender, &way);
}

SEC("tc")
int from_guest(struct __sk_buff* skb) {
  struct sender sender = {};
  struct packet packet = {};
  __u32 port = skb->ifindex;
  sender.device = port;
  sender.slot = bpf_map_lookup_elem(&slots, &port);
  if (sender.slot) {
    if (sender.slot->sealed) return drop(skb, CAISSON_SEALED);
    sender.key.vpc = sender.slot->vpc;
    __builtin_memcpy(sender.key.address, sender.slot->address, 4);
  } else {
    const struct caisson_eni_key* member = bpf_map_lookup_elem(&members, &port);
    if (!member) return drop(skb, CAISSON_SEALED);
    sender.key = *member;
  }
  sender.eni = bpf_map_lookup_elem(&enis, &sender.key);
  if (!sender.eni || (sender.slot && !is_bound_to(sender.slot, sender.eni)))
    return drop(skb, CAISSON_UNKNOWN_PORT);

  int reason = parse_ethernet(skb, &packet);
  if (reason) return drop(skb, reason);
  if (skb->protocol == bpf_htons(ETH_P_ARP) && !skb->vlan_present) return answer_arp(skb, &sender, &packet);
  reason = parse_ipv4(skb, &packet);
  if (reason) return drop(skb, reason);
  if (packet.is_error) return forward_error(skb, &sender, &packet);
  const __u16 inner_port = packet.source_port;
  struct caisson_conntrack* entry = 0;
  reason =
      sender.slot ? take_identity(skb, &sender, &packet, &entry) : take_member(skb, &sender, &packet, &entry);
  if (reason) return drop(skb, reason);
  if (is_for_resolver(&sender, &packet)) return ask_resolver(skb, &sender, &packet, inner_port, entry);
  return forward(skb, &sender, &packet, inner_port, entry);
}

const char caisson_license[] SEC("license") = "Dual BSD/GPL";

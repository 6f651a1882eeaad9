// What a guest or a member gets: the receiver's part. Attached to the egress of its device in the fabric; it runs for
// what other programs redirect there, and drops whatever else the stack or a bridge would send.
#include "netd/bpf/lib/audit.h"
#include "netd/bpf/lib/conntrack.h"
#include "netd/bpf/lib/fragments.h"
#include "netd/bpf/lib/icmp_errors.h"
#include "netd/bpf/lib/tracking.h"

static __always_inline int is_own(const struct caisson_conntrack* entry, const struct caisson_slot* slot,
                                  __u32 ifindex) {
  return entry->slot == ifindex && entry->epoch == slot->epoch;
}

// To a function: only inside of a flow that this very slot began in this epoch. The arithmetic of blocks is
// addressing, not policy.
static __always_inline int deliver_to_slot(struct __sk_buff* skb, const struct caisson_slot* slot,
                                           const struct caisson_eni* eni, const struct packet* packet) {
  const __u8 guest[4] = CAISSON_GUEST_ADDRESS;
  const __u8 guest_mac[6] = CAISSON_GUEST_MAC;
  const struct caisson_flow_key key = flow_key(eni, packet, CAISSON_INGRESS);
  struct caisson_conntrack* entry = bpf_map_lookup_elem(&conntrack, &key);
  if (!entry || !packet->has_ports || !holds(entry, packet->protocol) || begins_anew(entry, packet) ||
      !is_own(entry, slot, skb->ifindex)) {
    return verdict(skb, packet, eni, CAISSON_INGRESS, CAISSON_NO_FLOW, 0);
  }
  const __u16 port = entry->inner_port;
  refresh(entry, packet, CAISSON_INGRESS);
  verdict(skb, packet, eni, CAISSON_INGRESS, CAISSON_ACCEPTED, rule_of(entry));
  note_first_fragment(packet, packet->source, skb->ifindex, CAISSON_FRAGMENTS_IN, slot->epoch);
  set_port(skb, packet, 2, packet->destination_port, port);
  set_address(skb, packet, CAISSON_IP_DESTINATION, packet->destination, guest);
  set_macs(skb, guest_mac);
  return TC_ACT_OK;
}

static __always_inline int deliver_to_member(struct __sk_buff* skb, __u32 vpc, const struct caisson_eni* eni,
                                             const struct packet* packet) {
  const struct caisson_flow_key key = flow_key(eni, packet, CAISSON_INGRESS);
  struct caisson_conntrack* entry = bpf_map_lookup_elem(&conntrack, &key);
  int reason = CAISSON_ACCEPTED;
  const struct rule_id* rule = 0;
  if (entry && holds(entry, packet->protocol) && !begins_anew(entry, packet)) {
    refresh(entry, packet, CAISSON_INGRESS);
    rule = rule_of(entry);
  } else {
    const struct caisson_rule* admits =
        admitting_rule(vpc, eni->group_set, CAISSON_INGRESS, packet->source, packet);
    if (!admits && is_later_fragment(packet)) return drop(skb, CAISSON_FRAGMENT);
    if (!admits) return verdict(skb, packet, eni, CAISSON_INGRESS, CAISSON_SG_INGRESS, 0);
    rule = id_of(admits);
    const int tracking = tracking_of(packet, admits, vpc, eni->group_set, CAISSON_INGRESS);
    if (tracking == CAISSON_NOBODYS) return drop(skb, CAISSON_FRAGMENT);
    if (tracking == CAISSON_TRACKED) {
      struct caisson_conntrack fresh = {
          .last_seen = bpf_ktime_get_ns(), .account = eni->account, .direction = CAISSON_INGRESS};
      __builtin_memcpy(fresh.rule, rule->text, CAISSON_ID_SIZE);
      reason = open_flow(&key, &fresh, entry != 0);
    } else if (entry) {
      let_go(entry);
    }
  }
  if (reason == CAISSON_ACCEPTED) {
    note_first_fragment(packet, packet->source, skb->ifindex, CAISSON_FRAGMENTS_IN, 0);
  }
  return verdict(skb, packet, eni, CAISSON_INGRESS, reason, rule);
}

// An error about a packet that the receiver sent, from its target or from a router on the way.
static __noinline int deliver_error(struct __sk_buff* skb, __u32 vpc, const struct caisson_slot* slot,
                                    const struct caisson_eni* eni, const struct packet* packet) {
  const __u8 guest[4] = CAISSON_GUEST_ADDRESS;
  const __u8 guest_mac[6] = CAISSON_GUEST_MAC;
  struct packet quoted = {};
  if (!eni || !packet) return TC_ACT_SHOT;
  const int reason = parse_quoted(skb, packet, &quoted);
  if (reason) return drop(skb, reason);
  const struct caisson_flow_key key = flow_key(eni, &quoted, CAISSON_EGRESS);
  const struct caisson_conntrack* entry = bpf_map_lookup_elem(&conntrack, &key);
  if (word_of(quoted.source) != word_of(packet->destination)) return drop(skb, CAISSON_ICMP_ERROR);
  if (!entry || !holds(entry, quoted.protocol) || (slot && !is_own(entry, slot, skb->ifindex))) {
    const struct rule_id* rule =
        slot ? 0 : rule_of_error(vpc, eni->group_set, CAISSON_INGRESS, packet->source, packet);
    if (!rule) return drop(skb, CAISSON_ICMP_ERROR);
    return verdict(skb, packet, eni, CAISSON_INGRESS, CAISSON_ACCEPTED, rule);
  }
  const __u16 port = entry->inner_port;
  verdict(skb, packet, eni, CAISSON_INGRESS, CAISSON_ACCEPTED, rule_of(entry));
  if (!slot) return TC_ACT_OK;
  set_quoted_source(skb, packet, &quoted, guest, port);
  set_address(skb, packet, CAISSON_IP_DESTINATION, packet->destination, guest);
  set_macs(skb, guest_mac);
  return TC_ACT_OK;
}

SEC("tc")
int to_guest(struct __sk_buff* skb) {
  struct packet packet = {};
  struct caisson_eni_key key = {};
  __u32 port = skb->ifindex;
  const struct caisson_slot* slot = bpf_map_lookup_elem(&slots, &port);
  if (slot) {
    if (slot->sealed) return drop(skb, CAISSON_SEALED);
    key.vpc = slot->vpc;
    __builtin_memcpy(key.address, slot->address, 4);
  } else {
    const struct caisson_eni_key* member = bpf_map_lookup_elem(&members, &port);
    if (!member) return drop(skb, CAISSON_SEALED);
    key = *member;
  }
  if (skb->mark != (CAISSON_MARK | key.vpc)) return drop(skb, CAISSON_UNMARKED);
  if (skb->protocol == bpf_htons(ETH_P_ARP)) {  // our own answer
    count(CAISSON_ARP);
    return TC_ACT_OK;
  }
  const struct caisson_eni* eni = bpf_map_lookup_elem(&enis, &key);
  if (!eni || (slot && !is_bound_to(slot, eni))) return drop(skb, CAISSON_UNKNOWN_PORT);
  int reason = parse_ipv4(skb, &packet);
  if (!reason && packet.part == CAISSON_LATER_FRAGMENT) {
    reason = follow_first_fragment(&packet, port, CAISSON_FRAGMENTS_IN, slot ? slot->epoch : 0);
  }
  if (reason) return drop(skb, reason);
  if (word_of(packet.destination) != word_of(key.address)) return drop(skb, CAISSON_NO_DESTINATION);
  if (packet.is_error) return deliver_error(skb, key.vpc, slot, eni, &packet);
  return slot ? deliver_to_slot(skb, slot, eni, &packet) : deliver_to_member(skb, key.vpc, eni, &packet);
}

const char caisson_license[] SEC("license") = "Dual BSD/GPL";

// What a guest or a member gets: the receiver's part. Attached to the egress of its device in the fabric; it runs for
// what other programs redirect there, and drops whatever else the stack or a bridge would send.
#include "netd/bpf/lib/audit.h"
#include "netd/bpf/lib/conntrack.h"
#include "netd/bpf/lib/identity.h"
#include "netd/bpf/lib/security_groups.h"

// To a function: only inside of a flow that this very slot began in this epoch. The arithmetic of blocks is
// addressing, not policy.
static __always_inline int deliver_to_slot(struct __sk_buff* skb, const struct caisson_slot* slot,
                                           const struct caisson_eni* eni, const struct packet* packet) {
  const __u8 guest[4] = CAISSON_GUEST_ADDRESS;
  const __u8 guest_mac[6] = CAISSON_GUEST_MAC;
  const struct caisson_flow_key key = flow_key(eni, packet, CAISSON_INGRESS);
  struct caisson_conntrack* entry = bpf_map_lookup_elem(&conntrack, &key);
  if (!entry || !packet->has_ports || !holds(entry, packet->protocol) || entry->slot != skb->ifindex ||
      entry->epoch != slot->epoch) {
    return verdict(skb, packet, eni, CAISSON_INGRESS, CAISSON_NO_FLOW, 0);
  }
  const int port = inner_port(slot, skb->ifindex, packet->protocol, packet->destination_port);
  if (port < 0) return verdict(skb, packet, eni, CAISSON_INGRESS, CAISSON_NO_FLOW, 0);
  refresh(entry, packet, CAISSON_INGRESS);
  verdict(skb, packet, eni, CAISSON_INGRESS, CAISSON_ACCEPTED, entry->rule);
  set_port(skb, packet, 2, packet->destination_port, (__u16)port);
  set_address(skb, packet, CAISSON_IP_DESTINATION, packet->destination, guest);
  set_macs(skb, guest_mac);
  return TC_ACT_OK;
}

static __always_inline int deliver_to_member(struct __sk_buff* skb, __u32 vpc, const struct caisson_eni* eni,
                                             const struct packet* packet) {
  const struct caisson_flow_key key = flow_key(eni, packet, CAISSON_INGRESS);
  struct caisson_conntrack* entry = bpf_map_lookup_elem(&conntrack, &key);
  if (entry && holds(entry, packet->protocol)) {
    refresh(entry, packet, CAISSON_INGRESS);
    return verdict(skb, packet, eni, CAISSON_INGRESS, CAISSON_ACCEPTED, entry->rule);
  }
  const struct caisson_rule* rule =
      admitting_rule(vpc, eni->group_set, CAISSON_INGRESS, packet->source, packet);
  if (!rule) return verdict(skb, packet, eni, CAISSON_INGRESS, CAISSON_SG_INGRESS, 0);
  struct caisson_conntrack fresh = {.last_seen = bpf_ktime_get_ns(), .direction = CAISSON_INGRESS};
  __builtin_memcpy(fresh.rule, rule->id, CAISSON_ID_SIZE);
  const int reason = open_flow(&key, &fresh, entry != 0);
  return verdict(skb, packet, eni, CAISSON_INGRESS, reason, rule->id);
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
  if (skb->protocol == bpf_htons(ETH_P_ARP)) return TC_ACT_OK;  // our own answer
  const struct caisson_eni* eni = bpf_map_lookup_elem(&enis, &key);
  if (!eni) return drop(skb, CAISSON_UNKNOWN_PORT);
  const int reason = parse_ipv4(skb, &packet);
  if (reason) return drop(skb, reason);
  if (word_of(packet.destination) != word_of(key.address)) return drop(skb, CAISSON_NO_DESTINATION);
  return slot ? deliver_to_slot(skb, slot, eni, &packet) : deliver_to_member(skb, key.vpc, eni, &packet);
}

const char caisson_license[] SEC("license") = "Dual BSD/GPL";

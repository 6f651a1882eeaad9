// What the fabric's stack sends to identity addresses: answers that came back through NAT, and the resolver's. Attached to the egress of
// the exit device, where the route of 240.0.0.0/4 leads. Maps the identity back and redirects to the slot or member.
#include "netd/bpf/lib/audit.h"
#include "netd/bpf/lib/fragments.h"
#include "netd/bpf/lib/icmp_errors.h"

// The port, in the fabric, of the packet's target: a slot's, by the target's port number, or the member's.
static __always_inline __u32 port_of(const struct caisson_eni_key* key, const struct caisson_eni* eni,
                                     __u16 target_port) {
  if (eni->port) return eni->port;
  struct caisson_block_key block = {.vpc = key->vpc, .block = target_port / CAISSON_BLOCK_PORTS};
  __builtin_memcpy(block.address, key->address, 4);
  const __u32* slot = bpf_map_lookup_elem(&blocks, &block);
  return slot ? *slot : 0;
}

// As the VPC's own resolver answers that was asked; one that is gone, as nobody.
static __noinline void answer_for_vpc(struct __sk_buff* skb, const struct packet* packet, __u32 vpc) {
  const __u8 of_vpc[4] = CAISSON_RESOLVER_OF_VPC;
  const struct caisson_resolver* resolver = bpf_map_lookup_elem(&resolvers, &vpc);
  if (!packet || !resolver || word_of(packet->source) != word_of(of_vpc)) return;
  set_address(skb, packet, CAISSON_IP_SOURCE, of_vpc, resolver->address);
}

SEC("tc")
int from_stack(struct __sk_buff* skb) {
  const __u8 guest_mac[6] = CAISSON_GUEST_MAC;
  struct packet packet = {};
  struct packet quoted = {};
  int reason = parse_ipv4(skb, &packet);
  if (reason) return drop(skb, reason);
  const __u32 identity = bpf_ntohl(word_of(packet.destination));
  if ((identity & ~CAISSON_NUMBER_MASK) != CAISSON_IDENTITY_PREFIX) return drop(skb, CAISSON_NO_DESTINATION);
  __u32 number = identity & CAISSON_NUMBER_MASK;
  const struct caisson_eni_key* key = bpf_map_lookup_elem(&identities, &number);
  if (!key) return drop(skb, CAISSON_NO_DESTINATION);
  const struct caisson_eni* eni = bpf_map_lookup_elem(&enis, key);
  if (!eni) return drop(skb, CAISSON_NO_DESTINATION);
  if (packet.part == CAISSON_LATER_FRAGMENT) {
    reason = follow_first_fragment(&packet, number, CAISSON_FRAGMENTS_BACK, 0);
  } else if (packet.is_error) {
    reason = parse_quoted(skb, &packet, &quoted);
    if (!reason && word_of(quoted.source) != word_of(packet.destination)) reason = CAISSON_ICMP_ERROR;
  }
  if (reason) return drop(skb, reason);
  const __u32 port = port_of(key, eni, packet.is_error ? quoted.source_port : packet.destination_port);
  if (!port) return drop(skb, CAISSON_NO_FLOW);
  const __u32 vpc = key->vpc;
  note_first_fragment(&packet, packet.source, number, CAISSON_FRAGMENTS_BACK, 0);
  if (packet.is_error) set_quoted_source(skb, &packet, &quoted, key->address, quoted.source_port);
  set_address(skb, &packet, CAISSON_IP_DESTINATION, packet.destination, key->address);
  answer_for_vpc(skb, &packet, vpc);
  set_macs(skb, eni->port ? eni->mac : guest_mac);
  skb->mark = CAISSON_MARK | vpc;
  return bpf_redirect(port, 0);
}

const char caisson_license[] SEC("license") = "Dual BSD/GPL";

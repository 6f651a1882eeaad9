// What the fabric's stack sends to identity addresses: answers that came back through NAT. Attached to the egress of
// the exit device, where the route of 240.0.0.0/4 leads. Maps the identity back and redirects to the slot or member.
#include "netd/bpf/lib/audit.h"

SEC("tc")
int from_stack(struct __sk_buff* skb) {
  const __u8 guest_mac[6] = CAISSON_GUEST_MAC;
  struct packet packet = {};
  const int reason = parse_ipv4(skb, &packet);
  if (reason) return drop(skb, reason);
  const __u32 identity = bpf_ntohl(word_of(packet.destination));
  if ((identity & ~CAISSON_NUMBER_MASK) != CAISSON_IDENTITY_PREFIX) return drop(skb, CAISSON_NO_DESTINATION);
  __u32 number = identity & CAISSON_NUMBER_MASK;
  const struct caisson_eni_key* key = bpf_map_lookup_elem(&identities, &number);
  if (!key) return drop(skb, CAISSON_NO_DESTINATION);
  const struct caisson_eni* eni = bpf_map_lookup_elem(&enis, key);
  if (!eni) return drop(skb, CAISSON_NO_DESTINATION);
  __u32 port = eni->port;
  if (!port) {
    struct caisson_block_key block = {.vpc = key->vpc,
                                      .block = packet.destination_port / CAISSON_BLOCK_PORTS};
    __builtin_memcpy(block.address, key->address, 4);
    const __u32* slot = bpf_map_lookup_elem(&blocks, &block);
    if (!slot) return drop(skb, CAISSON_NO_FLOW);
    port = *slot;
  }
  const __u32 vpc = key->vpc;
  set_address(skb, &packet, CAISSON_IP_DESTINATION, packet.destination, key->address);
  set_macs(skb, eni->port ? eni->mac : guest_mac);
  skb->mark = CAISSON_MARK | vpc;
  return bpf_redirect(port, 0);
}

const char caisson_license[] SEC("license") = "Dual BSD/GPL";

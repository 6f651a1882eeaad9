// What comes in at the uplink: answers to flows that went out through NAT; the stack has their other half. Nobody out
// there has an identity address, so neither end of a packet may be one.
#include "netd/bpf/lib/audit.h"

SEC("tc")
int from_uplink(struct __sk_buff* skb) {
  struct packet packet = {};
  if (skb->protocol == bpf_htons(ETH_P_ARP)) return TC_ACT_OK;
  const int reason = parse_ipv4(skb, &packet);
  if (reason == CAISSON_NOT_IPV4 || reason == CAISSON_MALFORMED) return drop(skb, reason);
  if (packet.source[0] >= 240 || packet.destination[0] >= 240) return drop(skb, CAISSON_SPOOF);
  skb->mark = 0;
  return TC_ACT_OK;
}

const char caisson_license[] SEC("license") = "Dual BSD/GPL";

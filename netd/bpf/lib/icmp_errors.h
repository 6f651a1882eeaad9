// ICMP errors: the packet that one speaks of, which it quotes, and how it is rewritten with all checksums around it.
//
// An error passes if the quoted packet belongs to a tracked flow of the network interface that sends or gets the error:
// it needs no rule then, as on EC2. About other packets of a member's, as those of untracked flows, it passes if a rule
// admits its type and code.
#pragma once

#include "netd/bpf/lib/packet.h"

#define CAISSON_QUOTED (CAISSON_L4 + 8)
#define CAISSON_QUOTED_L4 (CAISSON_QUOTED + 20)
#define CAISSON_LEAST_ERROR (20 + 8 + 20 + 8)  // RFC 792: the quoted header and 64 bits

// The quoted packet's addresses and ports. `packet` is the error.
static __always_inline int parse_quoted(struct __sk_buff* skb, const struct packet* packet,
                                        struct packet* quoted) {
  struct iphdr ip;
  __u8 header[8];
  if (packet->length < CAISSON_LEAST_ERROR) return CAISSON_ICMP_ERROR;
  if (bpf_skb_load_bytes(skb, CAISSON_QUOTED, &ip, sizeof ip) ||
      bpf_skb_load_bytes(skb, CAISSON_QUOTED_L4, header, sizeof header)) {
    return CAISSON_MALFORMED;
  }
  if (ip.version != 4 || ip.ihl != 5 || ip.frag_off & bpf_htons(0x1fff)) return CAISSON_ICMP_ERROR;
  __builtin_memcpy(quoted->source, &ip.saddr, 4);
  __builtin_memcpy(quoted->destination, &ip.daddr, 4);
  quoted->protocol = ip.protocol;
  if (ip.protocol == IPPROTO_TCP || ip.protocol == IPPROTO_UDP) {
    quoted->source_port = (__u16)(header[0] << 8 | header[1]);
    quoted->destination_port = (__u16)(header[2] << 8 | header[3]);
  } else if (ip.protocol == IPPROTO_ICMP && header[0] == CAISSON_ICMP_ECHO) {
    quoted->source_port = (__u16)(header[4] << 8 | header[5]);
  } else if (ip.protocol == IPPROTO_ICMP && header[0] == CAISSON_ICMP_ECHO_REPLY) {
    quoted->destination_port = (__u16)(header[4] << 8 | header[5]);
  } else {
    return CAISSON_ICMP_ERROR;
  }
  return CAISSON_ACCEPTED;
}

// One end of the quoted packet: from what, to what. Addresses and ports as they are sent.
struct quoted_end {
  __u32 is_source;
  __u32 address_before, address_after;
  __u16 port_before, port_after;
  __u16 length;  // of the error
  __u8 protocol;
  __u8 pad;
};

// The quoted IP header's checksum makes up for its address, so that the sum over the error's bytes stays; the quoted
// transport's one, which may be cut off or absent, and the port change that sum.
__noinline int rewrite_quoted(struct __sk_buff* skb, const struct quoted_end* end) {
  if (!end) return 0;
  const __u32 udp = end->protocol == IPPROTO_UDP ? BPF_F_MARK_MANGLED_0 : 0;
  const __u32 in_header = end->protocol == IPPROTO_TCP ? 16 : end->protocol == IPPROTO_UDP ? 6 : 2;
  const __u32 at = CAISSON_QUOTED_L4 + in_header;
  const __u32 port_at = CAISSON_QUOTED_L4 + (end->protocol == IPPROTO_ICMP ? 4 : end->is_source ? 0 : 2);
  const __u32 whole = at + 2 <= ETH_HLEN + (__u32)end->length;
  __u16 sum_before = 0, sum_after = 0;
  if (whole) bpf_skb_load_bytes(skb, at, &sum_before, 2);
  bpf_l3_csum_replace(skb, CAISSON_QUOTED + 10, end->address_before, end->address_after, 4);
  bpf_skb_store_bytes(skb, CAISSON_QUOTED + (end->is_source ? 12 : 16), &end->address_after, 4, 0);
  if (whole) {
    if (end->protocol != IPPROTO_ICMP) {
      bpf_l4_csum_replace(skb, at, end->address_before, end->address_after, 4 | udp);
    }
    bpf_l4_csum_replace(skb, at, end->port_before, end->port_after, 2 | udp);
    bpf_skb_load_bytes(skb, at, &sum_after, 2);
  }
  bpf_skb_store_bytes(skb, port_at, &end->port_after, 2, 0);
  bpf_l4_csum_replace(skb, CAISSON_L4 + 2, end->port_before, end->port_after, 2);
  bpf_l4_csum_replace(skb, CAISSON_L4 + 2, sum_before, sum_after, 2);
  return 0;
}

static __always_inline struct quoted_end quoted_end(const struct packet* packet, __u8 protocol) {
  const struct quoted_end end = {.length = packet->length, .protocol = protocol};
  return end;
}

// The guest, or who else sent the quoted packet, is at `address` and `port` (host order) from now on.
static __always_inline void set_quoted_source(struct __sk_buff* skb, const struct packet* packet,
                                              const struct packet* quoted, const __u8* address, __u16 port) {
  struct quoted_end end = quoted_end(packet, quoted->protocol);
  end.is_source = 1;
  end.address_before = word_of(quoted->source);
  end.address_after = word_of(address);
  end.port_before = bpf_htons(quoted->source_port);
  end.port_after = bpf_htons(port);
  rewrite_quoted(skb, &end);
}

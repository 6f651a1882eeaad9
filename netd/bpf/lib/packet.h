// What the programs read of a packet, and how they rewrite it.
#pragma once

#include <bpf/bpf_endian.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/pkt_cls.h>

#include "netd/bpf/lib/maps.h"

#define CAISSON_L4 (ETH_HLEN + 20)  // headers with options are dropped
#define CAISSON_ICMP_ECHO_REPLY 0
#define CAISSON_ICMP_ECHO 8
#define CAISSON_TCP_FIN 0x01
#define CAISSON_TCP_SYN 0x02
#define CAISSON_TCP_RST 0x04
#define CAISSON_TCP_ACK 0x10
#define CAISSON_LONGEST_BODY 65515  // of an IPv4 packet without options

// How much of a datagram a packet is.
enum { CAISSON_WHOLE = 0, CAISSON_FIRST_FRAGMENT, CAISSON_LATER_FRAGMENT };

// Has the address of the slot's network interface still the one to which the slot was bound? A deleted one's address may be
// given to another.
static __always_inline int is_bound_to(const struct caisson_slot* slot, const struct caisson_eni* eni) {
  const __u32* bound = (const __u32*)slot->eni;
  const __u32* found = (const __u32*)eni->id;
  __u32 differ = 0;
#pragma unroll
  for (int i = 0; i < CAISSON_ID_SIZE / 4; i++)
    differ |= bound[i] ^ found[i];
  return !differ;
}

struct packet {
  __u8 destination_mac[6];
  __u8 source_mac[6];
  __u8 source[4];
  __u8 destination[4];
  __u16 source_port;  // host order; ICMP echo: the id on the side that asked, 0 on the other
  __u16 destination_port;
  __u16 rule_port_be;  // what a rule is about: the destination port, or ICMP type and code
  __u16 id;            // of the datagram, host order
  __u16 length;        // of the IPv4 packet
  __u8 protocol;
  __u8 tcp_flags;
  __u8 icmp_type;
  __u8 has_ports;  // TCP, UDP or ICMP echo
  __u8 is_error;   // ICMP that speaks of another packet
  __u8 part;
  __u8 more;  // fragments come after it
  __u8 pad[3];
  __u32 begin;  // of the fragment, in bytes
};

// Younger than `idle`? Signed: another CPU may have written a time that is later than ours.
static __always_inline int is_younger(__u64 last_seen, __u64 now, __u64 idle) {
  return (__s64)(now - last_seen) < (__s64)idle;
}

static __always_inline __u32 word_of(const __u8* bytes) {
  __u32 word;
  __builtin_memcpy(&word, bytes, sizeof word);
  return word;
}

static __always_inline int same_mac(const __u8* a, const __u8* b) {
  // Not __builtin_memcmp: of six bytes, clang 14 makes a call that BPF does not have.
  __u16 a_end, b_end;
  __builtin_memcpy(&a_end, a + 4, sizeof a_end);
  __builtin_memcpy(&b_end, b + 4, sizeof b_end);
  return word_of(a) == word_of(b) && a_end == b_end;
}

static __always_inline int is_icmp_error(__u8 type) {
  return type == 3 || type == 11 || type == 12;  // unreachable, time exceeded, parameter problem
}

static __always_inline int parse_icmp(struct __sk_buff* skb, struct packet* packet) {
  __u8 header[8];
  if (bpf_skb_load_bytes(skb, CAISSON_L4, header, sizeof header)) return CAISSON_MALFORMED;
  packet->icmp_type = header[0];
  __builtin_memcpy(&packet->rule_port_be, header, 2);
  const __u16 id = (__u16)(header[4] << 8 | header[5]);
  if (header[0] == CAISSON_ICMP_ECHO) {
    packet->source_port = id;
  } else if (header[0] == CAISSON_ICMP_ECHO_REPLY) {
    packet->destination_port = id;
  } else {
    packet->is_error = is_icmp_error(header[0]) && packet->part == CAISSON_WHOLE;
    return packet->is_error ? CAISSON_ACCEPTED : CAISSON_ICMP_ERROR;
  }
  packet->has_ports = 1;
  return CAISSON_ACCEPTED;
}

static __always_inline int parse_ports(struct __sk_buff* skb, struct packet* packet) {
  __u16 ports[2];
  if (bpf_skb_load_bytes(skb, CAISSON_L4, ports, sizeof ports)) return CAISSON_MALFORMED;
  packet->source_port = bpf_ntohs(ports[0]);
  packet->destination_port = bpf_ntohs(ports[1]);
  packet->rule_port_be = ports[1];
  packet->has_ports = 1;
  if (packet->protocol == IPPROTO_TCP && bpf_skb_load_bytes(skb, CAISSON_L4 + 13, &packet->tcp_flags, 1)) {
    return CAISSON_MALFORMED;
  }
  return CAISSON_ACCEPTED;
}

// The Ethernet addresses of any packet.
static __always_inline int parse_ethernet(struct __sk_buff* skb, struct packet* packet) {
  return bpf_skb_load_bytes(skb, 0, packet->destination_mac, 12) ? CAISSON_MALFORMED : CAISSON_ACCEPTED;
}

// A fragment must leave no doubt about the headers: the first one has them whole, no later one begins inside of them
// (RFC 1858, RFC 3128), and all end within the longest packet.
static __always_inline int parse_fragment(struct __sk_buff* skb, struct packet* packet,
                                          __u16 flags_and_offset) {
  const __u32 header = packet->protocol == IPPROTO_TCP ? 20 : 8;
  const __u32 body = packet->length - 20u;
  packet->begin = (flags_and_offset & 0x1fff) * 8u;
  packet->more = (flags_and_offset & 0x2000) != 0;
  packet->part = packet->begin == 0 ? CAISSON_FIRST_FRAGMENT : CAISSON_LATER_FRAGMENT;
  if (skb->len < ETH_HLEN + (__u32)packet->length) return CAISSON_MALFORMED;
  if (packet->length <= 20 || packet->begin + body > CAISSON_LONGEST_BODY) return CAISSON_FRAGMENT;
  if (packet->more && body % 8 != 0) return CAISSON_FRAGMENT;
  return (packet->begin == 0 ? body : packet->begin) < header ? CAISSON_FRAGMENT : CAISSON_ACCEPTED;
}

// Ends the packet before its headers do, or the frame before the packet?
static __always_inline int lies_about_length(struct __sk_buff* skb, const struct packet* packet) {
  __u32 headers = 20;
  if (packet->protocol == IPPROTO_TCP) headers = 40;
  if (packet->protocol == IPPROTO_UDP || packet->protocol == IPPROTO_ICMP) headers = 28;
  return packet->length < headers || skb->len < ETH_HLEN + (__u32)packet->length;
}

// An IPv4 packet. `packet` is zeroed but for the Ethernet addresses. A later fragment's ports are not known yet.
static __always_inline int parse_ipv4(struct __sk_buff* skb, struct packet* packet) {
  struct iphdr ip;
  // The kernel takes a VLAN tag out of the frame, and would put it in again on the next device.
  if (skb->protocol != bpf_htons(ETH_P_IP) || skb->vlan_present) return CAISSON_NOT_IPV4;
  if (bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof ip) || ip.version != 4) return CAISSON_MALFORMED;
  __builtin_memcpy(packet->source, &ip.saddr, 4);
  __builtin_memcpy(packet->destination, &ip.daddr, 4);
  packet->protocol = ip.protocol;
  packet->length = bpf_ntohs(ip.tot_len);
  packet->id = bpf_ntohs(ip.id);
  if (ip.ihl != 5)
    return CAISSON_IP_OPTIONS;  // the addresses are known nevertheless: from_uplink judges them
  const __u16 fragment = bpf_ntohs(ip.frag_off) & 0x3fff;  // "more fragments", or an offset
  if (fragment) {
    const int reason = parse_fragment(skb, packet, fragment);
    if (reason) return reason;
    if (packet->part == CAISSON_LATER_FRAGMENT) return CAISSON_ACCEPTED;
  } else if (lies_about_length(skb, packet)) {
    return CAISSON_MALFORMED;
  }
  if (ip.protocol == IPPROTO_ICMP) return parse_icmp(skb, packet);
  if (ip.protocol == IPPROTO_TCP || ip.protocol == IPPROTO_UDP) return parse_ports(skb, packet);
  return CAISSON_ACCEPTED;
}

// Rewrites an address (at byte 12 or 16 of the IP header) in all checksums. PSEUDO_HDR, or a checksum that a device
// completes is wrong; MARK_MANGLED_0, or a UDP checksum of zero ("none") becomes a wrong one.
static __always_inline void set_address(struct __sk_buff* skb, const struct packet* packet, __u32 offset,
                                        const __u8* from, const __u8* to) {
  const __u32 before = word_of(from), after = word_of(to);
  bpf_l3_csum_replace(skb, ETH_HLEN + 10, before, after, 4);
  if (packet->part == CAISSON_LATER_FRAGMENT) {
    // The checksum is in the first one.
  } else if (packet->protocol == IPPROTO_TCP) {
    bpf_l4_csum_replace(skb, CAISSON_L4 + 16, before, after, 4 | BPF_F_PSEUDO_HDR);
  } else if (packet->protocol == IPPROTO_UDP) {
    bpf_l4_csum_replace(skb, CAISSON_L4 + 6, before, after, 4 | BPF_F_PSEUDO_HDR | BPF_F_MARK_MANGLED_0);
  }
  bpf_skb_store_bytes(skb, ETH_HLEN + offset, &after, 4, 0);
}

#define CAISSON_IP_SOURCE 12
#define CAISSON_IP_DESTINATION 16

// Rewrites a port (at byte 0 or 2 of TCP or UDP), or the id of an ICMP echo.
static __always_inline void set_port(struct __sk_buff* skb, const struct packet* packet, __u32 offset,
                                     __u16 from_host, __u16 to_host) {
  const __u16 from = bpf_htons(from_host), to = bpf_htons(to_host);
  if (from == to || packet->part == CAISSON_LATER_FRAGMENT) return;
  if (packet->protocol == IPPROTO_TCP) {
    bpf_l4_csum_replace(skb, CAISSON_L4 + 16, from, to, 2);
  } else if (packet->protocol == IPPROTO_UDP) {
    bpf_l4_csum_replace(skb, CAISSON_L4 + 6, from, to, 2 | BPF_F_MARK_MANGLED_0);
  } else {
    bpf_l4_csum_replace(skb, CAISSON_L4 + 2, from, to, 2);
    offset = 4;
  }
  bpf_skb_store_bytes(skb, CAISSON_L4 + offset, &to, 2, 0);
}

static __always_inline void set_macs(struct __sk_buff* skb, const __u8* destination) {
  const __u8 gateway[6] = CAISSON_GATEWAY_MAC;
  __u8 macs[12];
  __builtin_memcpy(macs, destination, 6);
  __builtin_memcpy(macs + 6, gateway, 6);
  bpf_skb_store_bytes(skb, 0, macs, sizeof macs, 0);
}

// What netd and its BPF programs share: the maps' names, keys and values. C and C++ both include it.
//
// Addresses are four bytes in the order in which they are sent, so that `bpftool map dump` reads well; ports are in
// host order unless their name ends in _be (keys of LPM tries compare bits from the front). Padding is written as
// zero. The maps are pinned in the instance's folder of bpffs under the names below.
#ifndef CAISSON_ABI_H
#define CAISSON_ABI_H

#include <linux/types.h>

// Raised with every change of this file: pins of another version are not reused.
#define CAISSON_ABI_VERSION 7

#define CAISSON_ID_SIZE 24  // "eni-" and 17 digits, and a NUL; a multiple of 8

// What every guest is configured with (netd/client/attach_protocol.hh says it to the guest).
#define CAISSON_GUEST_ADDRESS \
  { 169, 254, 100, 2 }
#define CAISSON_GUEST_MAC \
  { 0x02, 0xca, 0x15, 0x50, 0x00, 0x02 }
#define CAISSON_GATEWAY_MAC \
  { 0x02, 0xca, 0x15, 0x50, 0x00, 0x01 }
#define CAISSON_GUEST_FIRST_PORT 32768
#define CAISSON_GUEST_PORTS 960   // the guest's ip_local_port_range
#define CAISSON_BLOCK_PORTS 1024  // of a slot, of its network interface's 65,536
#define CAISSON_FIRST_BLOCK 1     // block 0 holds the well-known ports
#define CAISSON_BLOCKS 64
#define CAISSON_DYNAMIC_PORTS 64  // the block's last ones
#define CAISSON_DYNAMIC_TRIES 8   // of them, for one flow

// skb->mark of a packet that one of our programs sends to a port: this bit and the VPC's number.
#define CAISSON_MARK 0x80000000u

// An identity address is 240.0.0.0/4 with the network interface's number in its low 28 bits.
#define CAISSON_IDENTITY_PREFIX 0xf0000000u
#define CAISSON_NUMBER_MASK 0x0fffffffu

// Bit of a rule's direction: the entry is for every protocol that no entry of the group set names.
#define CAISSON_OTHER_PROTOCOLS 0x80

// Why a packet was accepted or dropped: the enumerators, their names and the metric are made of this one list.
#define CAISSON_REASON_LIST(X)                                                          \
  X(ACCEPTED)       /* the packet goes on */                                            \
  X(SEALED)         /* the slot is not attached, or closed for now */                   \
  X(UNKNOWN_PORT)   /* the device is neither slot nor member */                         \
  X(MALFORMED)      /* shorter than its headers say */                                  \
  X(NOT_IPV4)       /* neither ARP nor IPv4 */                                          \
  X(IP_OPTIONS)     /* an IPv4 header with options */                                   \
  X(FRAGMENT)       /* a fragment that continues none which passed */                   \
  X(PROTOCOL)       /* from a function: no TCP, UDP, ICMP echo; to a service: no TCP */ \
  X(ICMP_ERROR)     /* neither echo nor an error about a tracked flow or by a rule */   \
  X(SPOOF)          /* source address or MAC that is not the sender's */                \
  X(SG_EGRESS)      /* no rule of the sender's groups admits it */                      \
  X(SG_INGRESS)     /* no rule of the receiver's groups admits it */                    \
  X(NO_ROUTE)       /* the subnet's route table has no route */                         \
  X(NO_DESTINATION) /* no network interface has the address */                          \
  X(FORBIDDEN_EXIT) /* an address that no exit leads to */                              \
  X(NO_RESOLVER)    /* to the resolver, but not DNS, or it is switched off */           \
  X(NO_FLOW)        /* to a function, outside of a flow that this very slot began */    \
  X(PORT_EXHAUSTED) /* no free port in the slot's block */                              \
  X(CT_FULL)        /* the network interface has its full number of flows */            \
  X(UNMARKED)       /* to a port, not by our programs */                                \
  X(CT_ACCOUNT)     /* the account has its share of all flows */                        \
  X(RESOLVER_LIMIT) /* more to the resolver in a second than EC2 allows */              \
  X(BLACKHOLE)      /* the route leads to what takes no packet of others */

enum caisson_reason {
#define CAISSON_ENUMERATOR(name) CAISSON_##name,
  CAISSON_REASON_LIST(CAISSON_ENUMERATOR)
#undef CAISSON_ENUMERATOR
      CAISSON_REASONS
};

enum caisson_direction { CAISSON_EGRESS = 0, CAISSON_INGRESS = 1 };
enum caisson_action { CAISSON_ACCEPT = 0, CAISSON_REJECT = 1 };
enum caisson_target {
  CAISSON_ROUTE_LOCAL = 1,
  CAISSON_ROUTE_MANAGED = 2,
  CAISSON_ROUTE_BLACKHOLE = 3,
  CAISSON_ROUTE_ENDPOINT = 4,
};

// In the maps' BTF these are enumerations, so that `bpftool map dump` prints names; both sides see 32 bits.
#ifdef __bpf__
typedef enum caisson_reason caisson_reason_word;
typedef enum caisson_target caisson_target_word;
#else
typedef __u32 caisson_reason_word;
typedef __u32 caisson_target_word;
#endif

// slots: key ifindex of the tap. Written by attach, seal, detach; no entry means sealed.
struct caisson_slot {
  __u32 slot;
  __u32 epoch;
  __u32 vpc;
  __u8 address[4];  // of the network interface
  __u16 block;
  __u8 sealed;
  __u8 pad[5];
  char eni[CAISSON_ID_SIZE];
};

// members: key ifindex of the port in the fabric.
struct caisson_eni_key {
  __u32 vpc;
  __u8 address[4];
};

// enis: key struct caisson_eni_key.
struct caisson_eni {
  __u64 account;  // its 12 digits as a number
  __u32 number;
  __u32 subnet;
  __u32 group_set;
  __u32 port;    // ifindex of a member's port, 0 for a function interface
  __u32 bridge;  // ifindex of the subnet's bridge
  __u8 mac[6];
  __u8 pad[2];
  char id[CAISSON_ID_SIZE];
  __u8 pad2[4];
};

// identities: key the network interface's number, value struct caisson_eni_key.

// blocks: which slot owns a block of ports of an address; value ifindex of the tap.
struct caisson_block_key {
  __u32 vpc;
  __u8 address[4];
  __u32 block;
};

// vpcs: key the VPC's number, value the generation of classes and rules that holds now.

// How many entries classes and sg_rules have for all accounts: netd/reconcile/shares.hh.
#define CAISSON_CLASS_ENTRIES 1048576
#define CAISSON_RULE_ENTRIES 1048576

// classes, LPM: addresses of a VPC that no rule tells apart have one class.
struct caisson_class_key {
  __u32 prefix_bits;  // 64 + the block's length
  __u32 vpc;
  __u32 generation;
  __u8 address[4];
};
#define CAISSON_CLASS_FIXED_BITS 64

// sg_rules, LPM: a rule admits what matches; no entry means no.
struct caisson_rule_key {
  __u32 prefix_bits;  // 144 + 0..16
  __u32 vpc;
  __u32 generation;
  __u32 group_set;
  __u32 peer_class;
  __u8 direction;  // with CAISSON_OTHER_PROTOCOLS: protocol and port_be are 0, port_be with no bits
  __u8 protocol;
  __u16 port_be;  // destination port; ICMP: type in the first byte, code in the second
};
#define CAISSON_RULE_FIXED_BITS 144
struct caisson_rule {
  char id[CAISSON_ID_SIZE];
  // TCP or UDP that it admits is not tracked: rules are open to everybody, for this port and for all answers.
  __u8 untracked_tcp;
  __u8 untracked_udp;
  __u8 pad[6];
};

// routes, LPM: the subnet's table.
struct caisson_route_key {
  __u32 prefix_bits;  // 32 + the destination's length
  __u32 subnet;
  __u8 address[4];
};
#define CAISSON_ROUTE_FIXED_BITS 32
struct caisson_route {
  caisson_target_word target;
  char endpoint[CAISSON_ID_SIZE];  // of CAISSON_ROUTE_ENDPOINT: its id, or "managed"
};

// resolvers: key the VPC's number. No entry: nobody serves it.
struct caisson_resolver {
  __u8 address[4];  // the VPC's own one beside CAISSON_RESOLVER: the base of its block and two
  __u32 serves;     // enableDnsSupport
};
// The resolver's addresses, and its address in the fabric's stack where it was asked by the VPC's own one: what comes
// from there goes back as from that.
#define CAISSON_RESOLVER \
  { 169, 254, 169, 253 }
#define CAISSON_RESOLVER_OF_VPC \
  { 169, 254, 169, 252 }
#define CAISSON_DNS_PORT 53

// resolver_rates: key the network interface's number; made by the program. EC2's quota, which has no exception ("DNS
// quotas" in the VPC User Guide).
struct caisson_rate {
  __u64 began;  // of the second that is counted in
  __u64 packets;
};
#define CAISSON_RESOLVER_PACKETS 1024

// forbidden, LPM: addresses that no exit leads to, whatever the rules say. Value: not used.
struct caisson_address_key {
  __u32 prefix_bits;
  __u8 address[4];
};

// conntrack: a flow as one network interface sees it.
struct caisson_flow_key {
  __u32 eni;
  __u8 peer[4];
  __u16 peer_port;
  __u16 local_port;
  __u8 protocol;
  __u8 pad[3];
};
struct caisson_conntrack {
  __u64 last_seen;  // bpf_ktime_get_ns()
  __u64 account;    // whose share the entry is of
  __u32 slot;       // ifindex of the slot that began it, 0 for members
  __u32 epoch;
  __u8 direction;  // in which it began
  __u8 answered;   // packets were seen both ways
  __u8 closing;    // TCP: a FIN or RST was seen
  __u8 to_resolver;
  __u16 inner_port;  // of a slot's flow: the guest's own port, or echo id
  __u8 pad2[2];
  char rule[CAISSON_ID_SIZE];
};

// eni_flows: entries of conntrack that a network interface ever had; eni_freed: those of them that netd has removed.
// Key its number. Two counts, so that each has one writer; the difference has a limit.
#define CAISSON_FLOWS_PER_ENI 4096

// account_flows, account_freed: the same of an account, by its number; made by the programs with its first flow. Of the
// map's entries each account has some that nobody else gets. Beyond them it takes of those that all have in common, as
// long as it holds fewer of these than are left: what one account takes, however many interfaces it has, leaves others
// room, and their own entries in any case. CAISSON_COMMON is the key of those that are taken in common.
#define CAISSON_CONNTRACK_ENTRIES 1048576
#define CAISSON_ACCOUNTS 1024  // that have network interfaces: vpc/model/quotas.hh
#define CAISSON_FLOWS_PER_ACCOUNT 512
// What an instant's counting may be late by stays free.
#define CAISSON_COMMON_FLOWS \
  (CAISSON_CONNTRACK_ENTRIES - CAISSON_ACCOUNTS * CAISSON_FLOWS_PER_ACCOUNT - 65536)
#define CAISSON_COMMON 0xffffffffffffffffull

// fragments: the datagrams of which a program has let the first fragment pass. A device has CAISSON_FRAGMENT_CELLS for
// each place, chosen by the IP id, so that its datagrams can push out none but its own.
enum caisson_fragment_place {
  CAISSON_FRAGMENTS_OUT = 0,   // from_guest; `owner` is the device
  CAISSON_FRAGMENTS_IN = 1,    // to_guest; the device
  CAISSON_FRAGMENTS_BACK = 2,  // from_stack; the network interface's number
};
#define CAISSON_FRAGMENT_CELLS 64
#define CAISSON_FRAGMENT_ENTRIES 262144
struct caisson_fragment_key {
  __u32 owner;
  __u8 place;
  __u8 cell;
  __u8 pad[2];
};
struct caisson_fragment {
  __u64 began;
  __u32 next;   // where the next fragment must begin, in bytes; CAISSON_FRAGMENT_LAST: there was the last one
  __u32 epoch;  // of the slot, 0 for others
  __u8 source[4];
  __u8 destination[4];  // both as they came to the program
  __u16 id;
  __u16 source_port;  // both as the first fragment left the program
  __u16 destination_port;
  __u8 protocol;
  __u8 pad;
};
#define CAISSON_FRAGMENT_LAST 0xffffffffu

// flows: what was decided, for the audit.
struct caisson_audit_key {
  __u32 eni;
  __u8 source[4];
  __u8 destination[4];
  __u16 source_port;
  __u16 destination_port;
  __u8 protocol;
  __u8 direction;
  __u8 action;
  __u8 pad;
};
struct caisson_audit {
  __u64 packets;
  __u64 bytes;
  __u64 first_seen;
  __u64 last_seen;
  caisson_reason_word reason;  // reason and rule: of the last packet; they are written under the lock
#ifdef __bpf__
  struct bpf_spin_lock lock;  // the kernel knows it by this type's name
#else
  __u32 lock;
#endif
  char eni[CAISSON_ID_SIZE];
  char rule[CAISSON_ID_SIZE];
  char
      endpoint[CAISSON_ID_SIZE];  // through which it went to a service, or "managed"; also of the last packet
};
#define CAISSON_AUDIT_ENTRIES 131072

// drops: what was dropped at a port outside of flows; per CPU.
struct caisson_drop_key {
  __u32 port;  // ifindex
  caisson_reason_word reason;
};
struct caisson_drop {
  __u64 packets;
  __u64 bytes;
  __u64 last_seen;
};

// abi: one word, CAISSON_ABI_VERSION of who made the pins.

// counters, per-CPU array.
enum caisson_counter {
  CAISSON_UNRECORDED = 0,  // packets for which flows or drops had no room
  CAISSON_ARP,             // ARP packets that a port's programs answered, ignored or let out
  CAISSON_REJECTED,        // and the reason: packets rejected within flows
  CAISSON_COUNTERS = CAISSON_REJECTED + CAISSON_REASONS
};

// Idle times after which an entry of conntrack no longer holds (judged at lookup; netd sweeps).
#define CAISSON_NS 1000000000ull
#define CAISSON_IDLE_ANSWERED (432000ull * CAISSON_NS)  // TCP, established
#define CAISSON_IDLE_CLOSING (60ull * CAISSON_NS)
#define CAISSON_IDLE_UNANSWERED (60ull * CAISSON_NS)
#define CAISSON_IDLE_STREAM (180ull * CAISSON_NS)  // UDP and the others, answered
#define CAISSON_IDLE_DATAGRAM (30ull * CAISSON_NS)
#define CAISSON_IDLE_ASKED (5ull * CAISSON_NS)      // the resolver, which has answered
#define CAISSON_IDLE_ORPHAN (60ull * CAISSON_NS)    // of a slot that has another owner now
#define CAISSON_FRAGMENT_TIME (30ull * CAISSON_NS)  // from a datagram's first fragment to its last
static inline __u64 caisson_idle_time(const struct caisson_conntrack* entry, __u8 protocol) {
  if (protocol == 6) {  // TCP
    if (entry->closing) return CAISSON_IDLE_CLOSING;
    return entry->answered ? CAISSON_IDLE_ANSWERED : CAISSON_IDLE_UNANSWERED;
  }
  if (entry->answered && entry->to_resolver) return CAISSON_IDLE_ASKED;
  return entry->answered ? CAISSON_IDLE_STREAM : CAISSON_IDLE_DATAGRAM;
}

#ifdef __cplusplus
#define CAISSON_SIZE(type, size) \
  static_assert(sizeof(struct type) == (size), "the layout is the kernel's, too")
#else
#define CAISSON_SIZE(type, size) _Static_assert(sizeof(struct type) == (size), "the layout is netd's, too")
#endif
CAISSON_SIZE(caisson_slot, 48);
CAISSON_SIZE(caisson_eni_key, 8);
CAISSON_SIZE(caisson_eni, 64);
CAISSON_SIZE(caisson_block_key, 12);
CAISSON_SIZE(caisson_class_key, 16);
CAISSON_SIZE(caisson_rule_key, 24);
CAISSON_SIZE(caisson_rule, 32);
CAISSON_SIZE(caisson_route_key, 12);
CAISSON_SIZE(caisson_resolver, 8);
CAISSON_SIZE(caisson_rate, 16);
CAISSON_SIZE(caisson_route, 28);
CAISSON_SIZE(caisson_flow_key, 16);
CAISSON_SIZE(caisson_conntrack, 56);
CAISSON_SIZE(caisson_fragment_key, 8);
CAISSON_SIZE(caisson_fragment, 32);
CAISSON_SIZE(caisson_audit_key, 20);
CAISSON_SIZE(caisson_audit, 112);
CAISSON_SIZE(caisson_drop_key, 8);
CAISSON_SIZE(caisson_drop, 24);
#undef CAISSON_SIZE

#endif

// The protocol of endpoint.sock: SOCK_SEQPACKET, one CBOR map a message (RFC 8949), one reply a request, in order; of
// the same form as attach.sock's (attach_protocol.hh), with its limits. For endpointd's uid and root.
//
// | op            | members       | reply                                                                           |
// |---------------|---------------|---------------------------------------------------------------------------------|
// | Sockets       |               | names[], + the sockets by SCM_RIGHTS in that order                              |
// | ResolveClient | address, port | account, vpc, subnet, eni, private_address, managed, dns_support, cidr_base,    |
// |               |               | cidr_length, users[]; of a function interface slot, if one has the port         |
// | FindAddress   | vpc, address  | found: whether a network interface of the VPC has the private address           |
//
// Addresses are numbers in host order. ResolveClient's `address` is the peer of a socket of Sockets: an identity
// address, which no guest can choose. Error NotFound: nobody's, or of an interface that is gone; what came from there is
// answered no more.
//
// Sockets: all are non-blocking, in the fabric's network namespace. netd keeps them, too: what is sent while nobody reads
// waits. "dns-udp", "dns-tcp": 169.254.169.253 port 53. "dns-udp-vpc", "dns-tcp-vpc": the same for those who asked their
// VPC's own resolver. "https", "http": ports 443 and 80 of every address of a service.
#pragma once

#include "netd/client/attach_protocol.hh"

// The protocol of endpoint.sock: SOCK_SEQPACKET, one CBOR map a message (RFC 8949), one reply a request, in order; of
// the same form as attach.sock's (attach_protocol.hh), with its limits. For endpointd's uid and root.
//
// | op                | members                      | reply                                                                |
// |-------------------|------------------------------|----------------------------------------------------------------------|
// | Sockets           |                              | names[], + the sockets by SCM_RIGHTS in that order                   |
// | Revision          |                              | a descriptor of shared_revision.hh by SCM_RIGHTS                     |
// | ResolveClient     | address, port                | account, vpc, subnet, eni, private_address, managed, dns_support,    |
// |                   |                              | cidr_base, cidr_length, users[]; of a function interface slot, if    |
// |                   |                              | one has the port                                                     |
// | ResolveConnection | address, port, local_address | the same, and service, endpoint                                      |
// | FindAddress       | vpc, address                 | found: whether a network interface of the VPC has the private address |
// | Key               | access_key_id, token, date,  | account, function, key (64 hexadecimal digits), expires              |
// |                   | region, service              |                                                                      |
// | Policy            | endpoint                     | document                                                             |
//
// Addresses are numbers in host order. ResolveClient's `address` is the peer of a socket of Sockets: an identity
// address, which no guest can choose. Error NotFound: nobody's, or of an interface that is gone; what came from there is
// answered no more. ResolveConnection's `local_address` is the socket's own: `service` ("com.amazonaws.us-east-1.s3") is
// there, and `endpoint` the one that the route of the network interface's subnet leads through, "" in the managed default VPC.
//
// Key answers with what verifies the signatures of one day, region and service that has endpoints, no other: with those of
// ec2 one could act as the account here. `token` is a session's, `function` whose session it is, `expires` until when (seconds since 1970); they are empty and 0 for an account's key.
// Errors: UnknownKey, InvalidClientTokenId, ExpiredToken. Policy: the endpoint's document, empty for the default one, which allows everything. What Key and Policy answer holds until the revision changes.
//
// Sockets: all are non-blocking, in the fabric's network namespace. netd keeps them, too: what is sent while nobody reads
// waits. "dns-udp", "dns-tcp": 169.254.169.253 port 53. "dns-udp-vpc", "dns-tcp-vpc": the same for those who asked their
// VPC's own resolver. "https", "http": ports 443 and 80 of every address of a service.
#pragma once

#include "netd/client/attach_protocol.hh"

namespace caisson::netd {

/// What a request may bring: letters, digits, "-" and "_"; of a token, hexadecimal digits in lower case.
inline constexpr std::size_t kLongestWord = 128;
inline constexpr std::size_t kLongestToken = 4096;

}  // namespace caisson::netd

// The protocol of attach.sock: SOCK_SEQPACKET, one CBOR map a message (RFC 8949), one reply a request, in order.
//
// Request: {"op": NAME, ...members}; any may have "request", the id (letters, digits, "-", at most 64) under which both
// ends log it. Reply: {"ok": true, ...members} or {"ok": false, "code", "message"}.
// Replies are at most kMaxMessage bytes, requests kMaxRequest; anything else that is malformed closes the connection.
// There are at most 64 connections at a time; a further one is closed.
//
// | op                       | members                                        | reply                              |
// |--------------------------|------------------------------------------------|------------------------------------|
// | EnsureFunctionInterface  | account, user, subnets[], groups[]             | interfaces[{id, subnet, vpc}]      |
// | ReleaseFunctionInterface | account, user                                  |                                    |
// | ListFunctionInterfaces   |                                                | users[{account, user}]             |
// | LeaseSlot                |                                                | slot, + the tap's fd by SCM_RIGHTS |
// | Attach                   | slot, eni                                      | generation, nanoseconds, mac       |
// | Seal, Unseal             | slot                                           |                                    |
// | Detach                   | slot                                           |                                    |
// | ReturnSlot               | slot                                           |                                    |
// | Resume                   | slot, generation                               | the tap's fd by SCM_RIGHTS         |
// | SigningKey               | access_key_id, date, region, service           | account, key (64 hex digits)       |
// | SessionCredentials       | account, function, seconds                     | access_key_id, secret_access_key,  |
// |                          |                                                | session_token, expires             |
// | AwaitRevocation          | seen                                           | revision                           |
//
// A leased slot is sealed: nothing passes. Attach binds it to an ENI and opens it; Seal keeps the binding (and its
// block of ports) and drops everything; Unseal opens it again; Detach unbinds (sealed again); ReturnSlot gives the
// slot back to the pool: QEMU must be dead by then. A connection's slots are returned when it closes, unless
// another connection resumes them within ten seconds.
//
// SigningKey answers with what verifies the signatures of one day, region and service; the error UnknownKey means that
// there is no such access key. netd's own service, ec2, is refused. SessionCredentials are new ones for one environment of
// the function, until `expires` (seconds since 1970); netd keeps nothing of them. AwaitRevocation answers when an access key has ceased to be since the revision `seen`, and
// with the same revision after kRevocationPatience; it holds its connection up meanwhile, so it wants one of its own.
#pragma once

#include <chrono>
#include <cstddef>

namespace caisson::netd {

inline constexpr std::size_t kMaxMessage = 64 * 1024;
/// Of a request: the decoder recurses on nested values, and this many bytes can't exhaust its thread's stack.
inline constexpr std::size_t kMaxRequest = 8 * 1024;

inline constexpr std::chrono::milliseconds kRevocationPatience{3000};

// What every guest is configured with; the fabric tells the clones apart (docs/life-of-a-packet.md).
inline constexpr const char* kGuestAddress = "169.254.100.2";
inline constexpr int kGuestPrefixLength = 30;
inline constexpr const char* kGuestGateway = "169.254.100.1";
inline constexpr const char* kGuestMac = "02:ca:15:50:00:02";
inline constexpr const char* kGatewayMac = "02:ca:15:50:00:01";
inline constexpr const char* kGuestResolver = "169.254.169.253";
inline constexpr int kGuestMtu = 1500;
inline constexpr int kGuestFirstPort = 32768;
inline constexpr int kGuestLastPort = 33727;

}  // namespace caisson::netd

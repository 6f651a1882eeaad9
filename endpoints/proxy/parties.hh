// Who takes part in a request through an endpoint, and where the proxy learns of them. The functions of Sources are its only
// way to the rest of the system.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/ipv4.hh"
#include "base/result.hh"
#include "base/sigv4/digest.hh"
#include "base/sigv4/sign.hh"
#include "policies/policy.hh"

namespace caisson::endpoints {

/// The two ends of an accepted connection.
struct Peer {
  Ipv4Address address;
  std::uint16_t port = 0;
  Ipv4Address local_address;
  std::uint16_t local_port = 0;
};

/// Who speaks, as the network says it; no byte of the request has a part in it.
struct Client {
  std::string account;
  std::string vpc;       ///< "vpc-..."; empty for the managed segment
  std::string endpoint;  ///< "vpce-..."; empty for the managed segment
  std::string service;   ///< of the address that was connected to, "s3"; empty: any
  std::string eni;
  std::string function;         ///< empty for a member that is none
  std::string private_address;  ///< "10.0.0.5", of the ENI
};

/// Whose an access key is, and what verifies its signatures within one scope.
struct Key {
  std::string account;
  sigv4::SigningKey signing_key;
  std::string function = {};  ///< of a session; empty for an account's key
};

/// Where requests for a service go in an account's name, and the key that they are signed with.
struct Backend {
  std::string address;  ///< numeric
  std::uint16_t port = 0;
  sigv4::Credentials credentials;
};

/// What is written of each request.
struct Record {
  std::int64_t time_us = 0;  ///< since 1970, when the head had come
  std::string account;       ///< the client's
  std::string function;
  std::string request_id;
  std::string endpoint;
  std::string service;
  std::string action;     ///< of the access that decided; empty if it was never read
  std::string resource;   ///< the same
  std::string decision;   ///< "Allow", "Deny" (a policy's) or "Refused" (anything before it)
  std::string statement;  ///< Sid or number of the statement that decided; empty for none
  unsigned status = 0;
  std::uint64_t bytes_in = 0;  ///< of bodies, as they came over the wire
  std::uint64_t bytes_out = 0;
  std::uint64_t latency_us = 0;  ///< from the head's last byte to the answer's
  Peer peer;                     ///< with the two below it joins the request to its flow
  std::string eni;
  std::string source;  ///< the interface's private address
};

using PolicyPointer = std::shared_ptr<const policies::Policy>;

/// Thread-safe, all of them; they may block. Error code "NotFound" where there is none of what is asked for.
struct Sources {
  std::function<Result<Client>(const Peer& peer)> resolve;
  /// Errors InvalidClientTokenId and ExpiredToken for a token, too. `token` is empty for a long-term key.
  std::function<Result<Key>(const std::string& access_key_id, const std::string& token,
                            const sigv4::Scope& scope)>
      key;
  std::function<Result<PolicyPointer>(const std::string& endpoint)> policy;
  std::function<Result<Backend>(const std::string& service, const std::string& account)> backend;
};

}  // namespace caisson::endpoints

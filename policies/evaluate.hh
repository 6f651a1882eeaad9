// Whether a policy allows a request, and which statement said so.
//
// Source: IAM User Guide, "Policy evaluation logic", "IAM JSON policy elements: Condition operators" and
// "Multivalued context keys".
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "policies/policy.hh"

namespace caisson::policies {

/// Who asks, as the signature proved it.
struct Principal {
  std::string account;  ///< 12 digits; empty: anonymous
  std::string
      arn;  ///< "arn:aws:sts::1:assumed-role/R/S" of a session; "arn:aws:iam::1:root" of an account's key
  std::string role_arn;  ///< of a session, "arn:aws:iam::1:role/R"; else empty
  std::string service;   ///< of a service that asks for itself; else empty
};

/// Values by key in lower case: "aws:sourcevpce". A key without values is an absent one.
using Context = std::map<std::string, std::vector<std::string>>;

struct Request {
  Principal principal;
  std::string action;    ///< "s3:GetObject"
  std::string resource;  ///< "arn:aws:s3:::bucket/key"
  Context context;
};

enum class Verdict : unsigned char { kAllow, kImplicitDeny, kExplicitDeny };

struct Decision {
  Verdict verdict = Verdict::kImplicitDeny;
  std::optional<std::size_t> statement;  ///< the first one that decided, from 0; none for kImplicitDeny
  bool operator==(const Decision&) const = default;
};

/// An explicit deny wins over all that allows; nothing that matches is an implicit deny. A statement with a variable that
/// has no value does not match, whatever its effect. Pure; any thread.
Decision evaluate(const Policy& policy, const Request& request);

/// What a caller is told, as AWS words it: "User: ... is not authorized to perform: ... because no VPC endpoint policy
/// allows the ... action". `kind` is "VPC endpoint" or "identity-based". Not for kAllow.
std::string denial_text(const Request& request, Verdict verdict, const std::string& kind);

}  // namespace caisson::policies

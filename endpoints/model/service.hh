// A service behind endpoints, as its document describes it: what it is called, where it is reached, and how the action
// and the resources of a request are read. The documents lie in endpoints/services; another service is another document.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ipv4.hh"
#include "base/result.hh"

namespace caisson::endpoints {

/// What a request to a Rest service may do: method, what its path names, and the query parameter that says more
/// ("uploads"), or none.
struct RestOperation {
  enum class On : unsigned char { kService, kBucket, kObject };
  std::string method;
  On on = On::kService;
  std::string query;
  std::string action;         ///< "s3:PutObject"
  std::string source_action;  ///< asked of what x-amz-copy-source names; empty: such a header is refused
  std::map<std::string, std::string> context;  ///< query parameter -> condition key
};

/// S3's manner: bucket and key in host and path.
struct RestRequests {
  std::vector<RestOperation> operations;
  std::vector<std::string>
      parameters;  ///< query parameters that name no operation; "response-*" stands for a prefix
};

/// DynamoDB's manner: X-Amz-Target has the operation, the body's members the names of resources.
struct JsonRequests {
  std::string target_prefix;              ///< "DynamoDB_20120810."
  std::string resource;                   ///< "arn:aws:dynamodb:{region}:{account}:table/{name}"
  std::vector<std::string> name_members;  ///< found at any depth: their text is a name
  std::vector<std::string> name_keys_of;  ///< members of the body whose keys are names
};

struct Service {
  std::string name;             ///< "s3", of actions too
  std::string service_name;     ///< "com.amazonaws.us-east-1.s3"
  std::string prefix_list;      ///< "pl-" and 8 or 17 digits: what route tables call the addresses
  std::vector<Ipv4Cidr> cidrs;  ///< of the prefix list: where the service is reached
  std::string signing_name;     ///< of Signature Version 4
  std::vector<std::string>
      hosts;  ///< lower case; "*.x" is any name below x, and the part before is the bucket
  std::vector<std::uint16_t> ports;
  std::optional<RestRequests> rest;  ///< one of the two
  std::optional<JsonRequests> json;
};

/// `region` replaces "{region}" in names and hosts. Errors: InvalidServiceDocument with what is wrong. Pure; any thread.
Result<Service> parse_service(std::string_view document, const std::string& region);

/// The part of `host` (lower case, no port) that a "*" stands for, "" for an exact name, nothing for a foreign host.
std::optional<std::string> match_host(const Service& service, std::string_view host);

}  // namespace caisson::endpoints

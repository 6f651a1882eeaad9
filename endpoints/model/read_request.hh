// What a request wants: the actions and resources that policies are asked about.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "endpoints/model/service.hh"

namespace caisson::endpoints {

struct RequestHead {
  std::string method;
  std::string host;                            ///< lower case, without port
  std::string target;                          ///< as sent: path and query
  std::map<std::string, std::string> headers;  ///< by lower-case name
};

struct Access {
  std::string action;    ///< "s3:GetObject"
  std::string resource;  ///< "arn:aws:s3:::bucket/key"
  auto operator<=>(const Access&) const = default;
};

struct Reading {
  std::vector<Access> accesses;                             ///< at least one; all of them must be allowed
  std::map<std::string, std::vector<std::string>> context;  ///< condition keys in lower case: "s3:prefix"
  std::string bucket;                                       ///< of a Rest service; may be empty
};

/// Where the service and the caller are.
struct Place {
  std::string region;
  std::string account;
};

/// `body` is looked at for Json services only. A request that the document does not speak of is refused: what is not
/// known can't be judged. A path with "." or ".." as a segment is refused, too: a backend might resolve it.
/// Errors: NotImplemented, InvalidURI, InvalidBucketName, UnknownOperationException, SerializationException. Pure; any thread.
Result<Reading> read_request(const Service& service, const RequestHead& head, std::string_view body,
                             const Place& place);

}  // namespace caisson::endpoints

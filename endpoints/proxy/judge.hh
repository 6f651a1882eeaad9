// What becomes of a request: to which backend it goes, with which head, and how its body is checked; or how it is refused.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "endpoints/model/read_request.hh"
#include "endpoints/model/service.hh"
#include "endpoints/proxy/body_check.hh"
#include "endpoints/proxy/parties.hh"

namespace caisson::endpoints {

struct Refusal {
  unsigned status = 403;
  std::string code;
  std::string message;
};

/// Of a request that may go on.
struct Forward {
  Backend backend;
  std::string target;      ///< path style
  sigv4::Headers headers;  ///< by lower-case name: all but Content-Length, signed anew
  BodyCheck body;
  std::optional<std::uint64_t> content_length;  ///< of the decoded body; nothing where there is none
};

struct Judgement {
  const Service* service = nullptr;  ///< which the host names, if it names one
  std::optional<Forward> forward;    ///< nothing: it is refused
  Refusal refusal;
  std::string action;
  std::string resource;
  std::string decision = "Refused";
  std::string statement;
  std::string
      function;  ///< whose session signed; empty for an account's key, and before the signature is known
};

struct Question {
  RequestHead head;
  std::string body;  ///< of a Json service's request, whole; else empty
  std::optional<std::uint64_t> content_length;
  bool chunked = false;  ///< the body comes in HTTP's chunks
  bool secure = false;   ///< came over TLS
  std::int64_t now = 0;  ///< seconds since 1970
};

/// The service that a host names, or nullptr.
const Service* find_service(const std::vector<Service>& services, const std::string& host);

/// In this order: the host names a service, and the one that was connected to; the document reads the request; the signature
/// is that of a key; the endpoint's policy allows each access. Any thread; blocks where a source does.
Judgement judge(const std::vector<Service>& services, const std::string& region, const Sources& sources,
                const Client& client, const Question& question);

/// The body of a refusal in the service's manner, and its Content-Type. `service` is nullptr where none is known.
struct ErrorBody {
  std::string content_type;
  std::string body;
};
ErrorBody error_body(const Service* service, const Refusal& refusal, const std::string& resource,
                     const std::string& request_id);

/// The refusal for an error of the service's or of ours: its status, and InternalError for what is no word to a caller.
Refusal refusal_of(const Service* service, const Error& error);

}  // namespace caisson::endpoints

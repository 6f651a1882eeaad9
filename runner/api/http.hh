// HTTP requests and responses as values: what the server reads and writes, and the API decides on.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace caisson::runner {

struct HttpRequest {
  std::string method;
  std::string target;                          ///< as sent, with the query
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string body;
  bool operator_socket = false;  ///< came over the unix socket

  /// Empty when it is not there.
  [[nodiscard]] const std::string& header(const std::string& name) const {
    static const std::string kNone;
    const auto found = headers.find(name);
    return found == headers.end() ? kNone : found->second;
  }
};

struct HttpResponse {
  unsigned status = 200;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string content_type = "application/json";
  std::string body;
};

/// A request's target, taken apart: split first, decoded afterwards.
struct Target {
  std::vector<std::string> path;             ///< decoded segments; empty ones are left out
  std::map<std::string, std::string> query;  ///< decoded
  bool valid = true;                         ///< no broken "%" escapes
};
Target parse_target(std::string_view target);

}  // namespace caisson::runner

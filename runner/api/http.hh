// What the Lambda API reads of an HTTP request.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/http/message.hh"

namespace caisson::runner {

using HttpRequest = http::Request;
using HttpResponse = http::Response;

/// A request's target, taken apart: split first, decoded afterwards.
struct Target {
  std::vector<std::string> path;             ///< decoded segments; empty ones are left out
  std::map<std::string, std::string> query;  ///< decoded
  bool valid = true;                         ///< no broken "%" escapes
};
Target parse_target(std::string_view target);

}  // namespace caisson::runner

// The request that the current thread works for, so that every line of the log can name it.
#pragma once

#include <string>

namespace caisson {

/// While it lives, what this thread logs and asks of other daemons bears the request's id. Scopes nest; one that is
/// handed to another thread is made there anew.
class RequestScope {
 public:
  explicit RequestScope(std::string request_id);
  ~RequestScope();
  RequestScope(const RequestScope&) = delete;
  RequestScope& operator=(const RequestScope&) = delete;

 private:
  std::string before_;
};

/// The id of the innermost scope of this thread; empty when it works for no request.
const std::string& current_request_id();

}  // namespace caisson

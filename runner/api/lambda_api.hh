// Lambda's REST API (version 2015-03-31): one table of routes, a handler each.
#pragma once

#include <functional>
#include <string>

#include "base/http/server.hh"
#include "runner/api/http.hh"
#include "runner/functions/registry.hh"
#include "runner/invoke/deployer.hh"
#include "runner/invoke/invoker.hh"

namespace caisson::runner {

/// The account of an operator's request that names none.
inline constexpr const char* kDefaultAccount = "000000000001";

/// Thread-safe; handlers block (an invocation as long as the function runs).
class LambdaApi {
 public:
  struct Parts {
    Registry& registry;
    Deployer& deployer;
    Invoker& invoker;
    std::string region;
    Offer offer;
    /// The account that signed a request which came without an operator's socket; see runner/auth.
    std::function<Result<std::string>(const HttpRequest& request)> authenticate;
    std::function<std::string()> metrics;  ///< GET /metrics
    std::function<std::string()> health;   ///< GET /healthz, JSON
    std::function<void(const std::string& operation, unsigned status)> count;
  };
  explicit LambdaApi(Parts parts) : parts_(std::move(parts)) {}

  /// Total: errors are responses.
  HttpResponse handle(const HttpRequest& request);

  /// The table of routes: "Invoke POST /2015-03-31/functions/*/invocations", a line each.
  static std::string operations();

  /// How large the body of a request may be: by operation, since a package is larger than an event.
  static std::size_t body_limit(const HttpRequest& request);
  static bool is_invocation(const HttpRequest& request);
  /// The response to a request that the server won't read or hand over.
  static HttpResponse refuse(http::Refusal why, const HttpRequest& request);

 private:
  struct Call;
  using Handler = Result<HttpResponse> (LambdaApi::*)(const Call&);
  struct Route;
  static const std::vector<Route>& routes();
  static const Route* find_route(const std::string& method, const Target& target);

  Result<std::string> account_of(const HttpRequest& request);
  Result<HttpResponse> dispatch_safely(const HttpRequest& request, const std::string& request_id,
                                       std::string& operation);
  Result<HttpResponse> dispatch(const HttpRequest& request, const std::string& request_id,
                                std::string& operation);
  Result<HttpResponse> create_function(const Call& call);
  Result<HttpResponse> list_functions(const Call& call);
  Result<HttpResponse> get_function(const Call& call);
  Result<HttpResponse> get_configuration(const Call& call);
  Result<HttpResponse> update_configuration(const Call& call);
  Result<HttpResponse> update_code(const Call& call);
  Result<HttpResponse> delete_function(const Call& call);
  Result<HttpResponse> invoke(const Call& call);
  Result<HttpResponse> metrics(const Call& call);
  Result<HttpResponse> health(const Call& call);

  Parts parts_;
};

}  // namespace caisson::runner

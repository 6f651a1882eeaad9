#include "runner/api/lambda_api.hh"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <nlohmann/json.hpp>

#include "base/request_scope.hh"
#include "runner/api/errors.hh"
#include "runner/api/function_configuration.hh"
#include "runner/functions/base64.hh"
#include "runner/functions/function_name.hh"

namespace caisson::runner {

namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxPayloadBytes = 6 * 1024 * 1024;
/// A package of 50 MB in base64 and some configuration.
constexpr std::size_t kMaxPackageRequestBytes = 70'167'211;
constexpr std::size_t kMaxPage = 50;
/// Of X-Amz-Client-Context, in base64 (Lambda API, "Invoke").
constexpr std::size_t kMaxContextBytes = 3583;
/// The guest takes no longer one; a tracer's has less than 300.
constexpr std::size_t kMaxTraceBytes = 2048;

constexpr const char* kRegionVersion = "2015-03-31";

HttpResponse json_response(unsigned status, const Json& body) {
  return {.status = status, .headers = {}, .body = body.dump(-1, ' ', false, Json::error_handler_t::replace)};
}

Error invalid(std::string message) {
  return {.code = "InvalidParameterValueException", .message = std::move(message)};
}

bool is_account(const std::string& text) {
  return text.size() == 12 && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

std::string query(const Target& target, const std::string& name) {
  const auto found = target.query.find(name);
  return found == target.query.end() ? std::string() : found->second;
}

HttpResponse malformed(int status, std::string message) {
  HttpResponse response =
      error_response({.code = "InvalidRequestContentException", .message = std::move(message)});
  response.status = status;
  return response;
}

}  // namespace

struct LambdaApi::Call {
  const HttpRequest& request;
  const Target& target;
  const std::string& request_id;
  std::string account;
  FunctionKey key;        ///< of routes with a function's name
  std::string qualifier;  ///< empty or "$LATEST"
};

struct LambdaApi::Route {
  const char* operation;
  const char* method;
  std::vector<std::string_view> path;  ///< "*" is the function's name
  Handler handler;
  std::size_t body_limit;
  bool open = false;  ///< to everyone: it shows nothing that belongs to an account
};

const std::vector<LambdaApi::Route>& LambdaApi::routes() {
  static const std::vector<Route> kRoutes = {
      Route{"CreateFunction",
            "POST",
            {kRegionVersion, "functions"},
            &LambdaApi::create_function,
            kMaxPackageRequestBytes},
      Route{"ListFunctions", "GET", {kRegionVersion, "functions"}, &LambdaApi::list_functions, 0},
      Route{"GetFunction", "GET", {kRegionVersion, "functions", "*"}, &LambdaApi::get_function, 0},
      Route{
          "DeleteFunction", "DELETE", {kRegionVersion, "functions", "*"}, &LambdaApi::delete_function, 1024},
      Route{"GetFunctionConfiguration",
            "GET",
            {kRegionVersion, "functions", "*", "configuration"},
            &LambdaApi::get_configuration,
            0},
      Route{"UpdateFunctionConfiguration",
            "PUT",
            {kRegionVersion, "functions", "*", "configuration"},
            &LambdaApi::update_configuration,
            1024 * 1024},
      Route{"UpdateFunctionCode",
            "PUT",
            {kRegionVersion, "functions", "*", "code"},
            &LambdaApi::update_code,
            kMaxPackageRequestBytes},
      Route{"Invoke",
            "POST",
            {kRegionVersion, "functions", "*", "invocations"},
            &LambdaApi::invoke,
            kMaxPayloadBytes},
      Route{"Metrics", "GET", {"metrics"}, &LambdaApi::metrics, 0, true},
      Route{"Health", "GET", {"healthz"}, &LambdaApi::health, 0, true},
  };
  return kRoutes;
}

std::string LambdaApi::operations() {
  std::string text;
  for (const Route& route : routes()) {
    text += std::string(route.operation) + " " + route.method + " ";
    for (const auto part : route.path)
      text += "/" + std::string(part);
    text += "\n";
  }
  return text;
}

const LambdaApi::Route* LambdaApi::find_route(const std::string& method, const Target& target) {
  for (const Route& route : routes()) {
    const bool same = std::ranges::equal(
        route.path, target.path,
        [](std::string_view pattern, const std::string& part) { return pattern == "*" || pattern == part; });
    if (same && method == route.method) return &route;
  }
  return nullptr;
}

std::size_t LambdaApi::body_limit(const HttpRequest& request) {
  const Route* route = find_route(request.method, parse_target(request.target));
  return route == nullptr ? 1024 : std::max<std::size_t>(route->body_limit, 1024);
}

bool LambdaApi::is_invocation(const HttpRequest& request) {
  const Route* route = find_route(request.method, parse_target(request.target));
  return route != nullptr && route->handler == &LambdaApi::invoke;
}

HttpResponse LambdaApi::refuse(http::Refusal why, const HttpRequest& request) {
  switch (why) {
    case http::Refusal::kMalformed:
      return malformed(400, "The request is not HTTP/1.1.");
    case http::Refusal::kHeaderTooLong:
      return malformed(431, "The request's header is too long.");
    case http::Refusal::kLengthRequired:
      return malformed(411, "A body needs a Content-Length; chunks are not accepted.");
    case http::Refusal::kBusy:
      return error_response({.code = "TooManyRequestsException", .message = "Rate Exceeded."});
    case http::Refusal::kBodyTooLarge:
      break;
  }
  const Route* route = find_route(request.method, parse_target(request.target));
  const std::string operation = route == nullptr ? "requested" : route->operation;
  return error_response({.code = "RequestTooLargeException",
                         .message = "Request must be smaller than " + std::to_string(body_limit(request)) +
                                    " bytes for the " +
                                    (operation == "Invoke" ? "InvokeFunction" : operation) + " operation"});
}

HttpResponse LambdaApi::handle(const HttpRequest& request) {
  const RequestScope scope(request.request_id);
  const auto begin = std::chrono::steady_clock::now();
  std::string operation = "Unknown";
  Result<HttpResponse> result = dispatch_safely(request, request.request_id, operation);
  HttpResponse response = result ? std::move(result).value() : error_response(result.error());
  if (!result && response.status >= 500) spdlog::error("{}: {}", operation, result.error().text());
  // The path names the function; bodies and headers can hold secrets and are not written.
  const bool asked_often = operation == "Metrics" || operation == "Health";
  spdlog::log(asked_often ? spdlog::level::debug : spdlog::level::info, "{}: {} {}: {} in {} us", operation,
              request.method, request.target.substr(0, std::min<std::size_t>(200, request.target.find('?'))),
              response.status,
              std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begin)
                  .count());
  parts_.count(operation, response.status);
  return response;
}

Result<HttpResponse> LambdaApi::dispatch_safely(const HttpRequest& request, const std::string& request_id,
                                                std::string& operation) {
  // Our code throws nothing, the standard library and the JSON library can: memory, above all.
  try {
    return dispatch(request, request_id, operation);
  } catch (const std::exception& thrown) {
    return Error{.code = "InternalError", .message = thrown.what()};
  }
}

Result<std::string> LambdaApi::account_of(const HttpRequest& request) {
  if (!request.operator_socket) return parts_.authenticate(request);
  const std::string& named = request.header("x-caisson-account");
  if (named.empty() || named == "default") return std::string(kDefaultAccount);
  if (is_account(named)) return named;
  return invalid("X-Caisson-Account must be an account's 12 digits, or \"default\".");
}

Result<HttpResponse> LambdaApi::dispatch(const HttpRequest& request, const std::string& request_id,
                                         std::string& operation) {
  const Target target = parse_target(request.target);
  const Route* route = target.valid ? find_route(request.method, target) : nullptr;
  std::string account;
  if (route == nullptr || !route->open) {
    TRY(account, account_of(request));
  }
  if (!target.valid) return invalid("The request's target has a broken percent escape.");
  if (route == nullptr) {
    return Error{.code = "UnknownOperationException",
                 .message = request.method + " " + request.target.substr(0, 200) + " is not an operation"};
  }
  operation = route->operation;
  Call call{.request = request, .target = target, .request_id = request_id, .account = std::move(account)};
  if (target.path.size() > 2) {
    TRY(const FunctionName name, parse_function_name(target.path[2]));
    TRY(call.qualifier, join_qualifiers(name.qualifier, query(target, "Qualifier")));
    call.key = {name.account.empty() ? call.account : name.account, name.name};
    const std::string arn = function_arn(parts_.region, call.key);
    const bool elsewhere = !name.region.empty() && name.region != parts_.region;
    if (call.key.account != call.account || elsewhere) {
      return Error{.code = "ResourceNotFoundException", .message = "Function not found: " + arn};
    }
    if (!call.qualifier.empty() && call.qualifier != "$LATEST") {
      return Error{.code = "ResourceNotFoundException",
                   .message = "Function not found: " + arn + ":" + call.qualifier};
    }
  }
  return (this->*route->handler)(call);
}

Result<HttpResponse> LambdaApi::create_function(const Call& call) {
  TRY(CreateRequest request, parse_create(call.request.body, parts_.offer));
  TRY(const FunctionName name, parse_function_name(request.name));
  if (!name.qualifier.empty() || (!name.account.empty() && name.account != call.account)) {
    return invalid("FunctionName must be a name without version in the caller's account.");
  }
  TRY(const Function function, parts_.deployer.create({call.account, name.name}, request));
  return json_response(201, function_configuration(function, parts_.region, false, true));
}

Result<HttpResponse> LambdaApi::list_functions(const Call& call) {
  std::size_t limit = kMaxPage;
  if (const std::string given = query(call.target, "MaxItems"); !given.empty()) {
    std::size_t number = 0;
    const auto parsed = std::from_chars(given.data(), given.data() + given.size(), number);
    if (parsed.ec != std::errc() || parsed.ptr != given.data() + given.size() || number < 1 ||
        number > 10000) {
      return invalid("MaxItems must be a number from 1 to 10000.");
    }
    limit = std::min(number, kMaxPage);
  }
  // The marker is the last name of the page before; opaque to the caller.
  const auto marker = decode_base64(query(call.target, "Marker"));
  if (!marker) return invalid("The marker is not one that ListFunctions returned.");
  auto page = parts_.registry.list(call.account, *marker, limit + 1);
  Json body = {{"Functions", Json::array()}, {"NextMarker", nullptr}};
  if (page.size() > limit) {
    page.pop_back();
    body["NextMarker"] = encode_base64(page.back()->key.name);
  }
  for (const Registry::Pointer& one : page) {
    body["Functions"].push_back(function_configuration(*one, parts_.region, false, false));
  }
  return json_response(200, body);
}

Result<HttpResponse> LambdaApi::get_function(const Call& call) {
  TRY(const Registry::Pointer function, parts_.deployer.get(call.key));
  Json body = {
      {"Configuration", function_configuration(*function, parts_.region, !call.qualifier.empty(), true)},
      {"Code", {{"RepositoryType", "S3"}}}};
  if (!function->tags.empty()) body["Tags"] = function->tags;
  return json_response(200, body);
}

Result<HttpResponse> LambdaApi::get_configuration(const Call& call) {
  TRY(const Registry::Pointer function, parts_.deployer.get(call.key));
  return json_response(200, function_configuration(*function, parts_.region, !call.qualifier.empty(), true));
}

Result<HttpResponse> LambdaApi::update_configuration(const Call& call) {
  TRY(const Function function, parts_.deployer.update_configuration(call.key, call.request.body));
  return json_response(200, function_configuration(function, parts_.region, false, true));
}

Result<HttpResponse> LambdaApi::update_code(const Call& call) {
  TRY(const CodeRequest request, parse_code(call.request.body));
  TRY(const Function function, parts_.deployer.update_code(call.key, request));
  return json_response(200, function_configuration(function, parts_.region, false, true));
}

Result<HttpResponse> LambdaApi::delete_function(const Call& call) {
  if (!call.qualifier.empty()) {
    return invalid("$LATEST version cannot be deleted without deleting the function.");
  }
  TRYV(parts_.deployer.remove(call.key));
  return HttpResponse{.status = 204, .headers = {}, .content_type = {}};
}

Result<HttpResponse> LambdaApi::invoke(const Call& call) {
  const std::string& type = call.request.header("x-amz-invocation-type");
  if (type == "Event") {
    return invalid("InvocationType Event is not supported; only RequestResponse and DryRun are.");
  }
  if (!type.empty() && type != "RequestResponse" && type != "DryRun") {
    return invalid("InvocationType " + type.substr(0, 64) +
                   " is unknown; RequestResponse and DryRun are supported.");
  }
  std::string payload = call.request.body.empty() ? "{}" : call.request.body;
  if (!Json::accept(payload)) {
    return Error{.code = "InvalidRequestContentException",
                 .message = "Could not parse request body into json: the payload is not valid JSON"};
  }
  const std::string& encoded = call.request.header("x-amz-client-context");
  if (encoded.size() > kMaxContextBytes) {
    return Error{
        .code = "InvalidRequestContentException",
        .message = "X-Amz-Client-Context has at most " + std::to_string(kMaxContextBytes) + " bytes"};
  }
  const auto context = decode_base64(encoded);
  if (!context || (!context->empty() && !Json::accept(*context))) {
    return Error{.code = "InvalidRequestContentException",
                 .message = "Could not parse X-Amz-Client-Context: it must be base64 of a JSON object"};
  }
  const std::string& trace = call.request.header("x-amzn-trace-id");
  if (trace.size() > kMaxTraceBytes) {
    return Error{.code = "InvalidRequestContentException",
                 .message = "X-Amzn-Trace-Id has at most " + std::to_string(kMaxTraceBytes) + " bytes"};
  }
  if (type == "DryRun") {
    TRY(const Registry::Pointer function, parts_.deployer.get(call.key));
    TRYV(check_invocable(*function));
    return HttpResponse{.status = 204, .headers = {}, .content_type = {}};
  }
  std::string arn = function_arn(parts_.region, call.key);
  if (!call.qualifier.empty()) arn += ":" + call.qualifier;
  TRY(InvokeReply reply, parts_.invoker.invoke({.key = call.key,
                                                .arn = std::move(arn),
                                                .request_id = call.request_id,
                                                .payload = std::move(payload),
                                                .trace_id = trace,
                                                .client_context = *context}));
  HttpResponse response{.status = 200,
                        .headers = {{"X-Amz-Executed-Version", reply.executed_version}},
                        .body = std::move(reply.payload)};
  if (reply.function_error) response.headers.emplace_back("X-Amz-Function-Error", "Unhandled");
  if (call.request.header("x-amz-log-type") == "Tail") {
    response.headers.emplace_back("X-Amz-Log-Result", encode_base64(reply.log));
  }
  if (!trace.empty()) {
    response.headers.emplace_back("X-Amzn-Trace-Id", trace);
  }
  return response;
}

Result<HttpResponse> LambdaApi::metrics(const Call&) {
  return HttpResponse{.status = 200,
                      .headers = {},
                      .content_type = "text/plain; version=0.0.4; charset=utf-8",
                      .body = parts_.metrics()};
}

Result<HttpResponse> LambdaApi::health(const Call&) {
  return HttpResponse{.status = 200, .headers = {}, .body = parts_.health()};
}

}  // namespace caisson::runner

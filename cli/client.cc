#include "cli/client.hh"

#include <algorithm>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <charconv>
#include <cstdlib>
#include <ctime>
#include <nlohmann/json.hpp>

#include "base/sigv4/sign.hh"
#include "cli/profile.hh"

namespace caisson::cli {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using Json = nlohmann::json;
using Socket = asio::generic::stream_protocol::socket;
using Code = boost::system::error_code;

constexpr std::uint64_t kLargestReply = 256 << 20;

std::string name_of(const Endpoint& endpoint) {
  return endpoint.unix_path.empty() ? endpoint.host + ":" + endpoint.port : endpoint.unix_path;
}

Error usage(const std::string& message) {
  return {.code = "Usage", .message = message};
}

Error connection_error(const Code& code, const Endpoint& endpoint) {
  return {.code = "ConnectionError",
          .message = "Could not reach netd at " + name_of(endpoint) + ": " + code.message() +
                     ". Is it running, and is --instance or --endpoint right?"};
}

Code connect(Socket& socket, const Endpoint& endpoint) {
  Code code;
  if (!endpoint.unix_path.empty()) {
    if (endpoint.unix_path.size() >= 108) return make_error_code(boost::system::errc::filename_too_long);
    asio::local::stream_protocol::socket local(socket.get_executor());
    local.connect(asio::local::stream_protocol::endpoint(endpoint.unix_path), code);
    socket = Socket(std::move(local));
    return code;
  }
  const auto address = asio::ip::make_address(endpoint.host, code);
  if (code) return code;
  std::uint16_t port = 0;
  std::from_chars(endpoint.port.data(), endpoint.port.data() + endpoint.port.size(), port);
  asio::ip::tcp::socket tcp(socket.get_executor());
  tcp.connect({address, port}, code);
  socket = Socket(std::move(tcp));
  return code;
}

using Request = http::request<http::string_body>;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

/// As the AWS CLI looks for them: the environment, then the profile.
Result<sigv4::Credentials> credentials(std::string& region) {
  region = variable("AWS_REGION");
  if (region.empty()) region = variable("AWS_DEFAULT_REGION");
  sigv4::Credentials found{.access_key_id = variable("AWS_ACCESS_KEY_ID"),
                           .secret_access_key = variable("AWS_SECRET_ACCESS_KEY"),
                           .session_token = variable("AWS_SESSION_TOKEN")};
  if (found.access_key_id.empty() || found.secret_access_key.empty()) {
    TRY(const auto files, profile_files(""));
    const std::string name = variable("AWS_PROFILE");
    TRY(const auto profile, read_profile(files, name.empty() ? "default" : name));
    found = {.access_key_id = profile.access_key_id,
             .secret_access_key = profile.secret_access_key,
             .session_token = {}};
    if (region.empty()) region = profile.region;
  }
  if (region.empty()) region = "us-east-1";
  return found;
}

Status sign(Request& request, const Endpoint& endpoint) {
  std::string region;
  TRY(const auto found, credentials(region));
  const sigv4::Headers headers{{"content-type", "application/json"},
                               {"host", endpoint.host + ":" + endpoint.port}};
  request.set(http::field::host, headers.at("host"));
  for (const auto& [name, value] : sigv4::sign({.method = "POST",
                                   .target = std::string(request.target()),
                                   .headers = headers,
                                   .body_sha256 = sigv4::sha256_hex(request.body())},
                                               found, region, "ec2", std::time(nullptr))) {
    request.set(name, value);
  }
  return ok();
}

Result<Json> result_of(unsigned status, const std::string& body) {
  Json reply = Json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (status == 200 && !reply.is_discarded()) return reply;
  if (reply.is_object() && reply.contains("Error") && reply["Error"].is_object()) {
    const Json& error = reply["Error"];
    return Error{.code = error.value("Code", "Unknown"), .message = error.value("Message", "")};
  }
  return Error{.code = "InvalidReply", .message = "netd answered with status " + std::to_string(status)};
}

}  // namespace

Result<Endpoint> parse_endpoint(const std::string& text) {
  if (text.starts_with("unix:/")) {
    const auto path = text.find_first_not_of('/', 5);
    if (path == std::string::npos) return usage("--endpoint names no socket: " + text);
    return Endpoint{.unix_path = "/" + text.substr(path)};
  }
  if (text.starts_with("/")) return Endpoint{.unix_path = text};
  const std::string prefix = "http://";
  const auto colon = text.rfind(':');
  if (!text.starts_with(prefix) || colon < prefix.size() || colon == std::string::npos) {
    return usage("--endpoint is unix:/PATH or http://ADDRESS:PORT");
  }
  auto port = text.substr(colon + 1);
  if (port.ends_with("/")) port.pop_back();
  const bool digits = std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (port.empty() || port.size() > 5 || !digits) return usage("--endpoint has no port: " + text);
  return Endpoint{.host = text.substr(prefix.size(), colon - prefix.size()), .port = port};
}

Result<Endpoint> endpoint_of_instance(const std::string& instance) {
  const bool fits = std::all_of(instance.begin(), instance.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
  if (!fits || instance.size() > 32) return usage("--instance has up to 32 of a-z, 0-9 and -");
  return Endpoint{.unix_path = "/run/caisson" + (instance.empty() ? "" : "-" + instance) + "/netd.sock"};
}

Result<Json> call(const Endpoint& endpoint, const std::string& account, const std::string& action,
                  const Json& parameters) {
  asio::io_context io;
  Socket socket(io);
  if (const auto code = connect(socket, endpoint)) return connection_error(code, endpoint);
  Request request(http::verb::post, "/v1/" + action, 11);
  request.set(http::field::host, "netd");
  request.set(http::field::content_type, "application/json");
  if (!account.empty()) request.set("X-Caisson-Account", account);
  request.keep_alive(false);
  request.body() = parameters.dump(-1, ' ', false, Json::error_handler_t::replace);
  request.prepare_payload();
  if (endpoint.unix_path.empty()) {
    TRYV(sign(request, endpoint));
  }
  Code code;
  if (http::write(socket, request, code); code) return connection_error(code, endpoint);
  beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.body_limit(kLargestReply);
  if (http::read(socket, buffer, parser, code); code) return connection_error(code, endpoint);
  return result_of(parser.get().result_int(), parser.get().body());
}

}  // namespace caisson::cli

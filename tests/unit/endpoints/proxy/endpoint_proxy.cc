// The endpoints' proxy by itself, with fixed sources: two clients, three keys, a policy from a file, a backend on loopback. Who
// comes from 127.0.0.2 is the neighbour.
//
//   endpoint_proxy SERVICES FOLDER POLICY S3_PORT DYNAMODB_PORT [CONNECTIONS]
//
// Prints {"http", "https"}, its ports, and then each request's record, a JSON line each, or, with as many CONNECTIONS as an
// account may have then, none. The records are in FOLDER, too. A line of its stdin prints {"connections", "over_quota"}; ends with its stdin.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "endpoints/proxy/proxy.hh"
#include "endpoints/records/request_log.hh"

namespace caisson::endpoints {
namespace {

constexpr const char* kAccount = "111122223333";
constexpr const char* kNeighbour = "444455556666";
constexpr std::uint32_t kNeighboursAddress = 0x7F000002;
constexpr int kArguments = 6;
constexpr const char* kRegion = "us-east-1";

std::string contents(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

/// A listening socket on loopback and its port.
std::pair<Fd, int> listening() {
  Fd socket = Fd::own(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(socket.get(), generic, size) != 0 || ::listen(socket.get(), 64) != 0 ||
      ::getsockname(socket.get(), generic, &size) != 0) {
    return {};
  }
  return {std::move(socket), ntohs(address.sin_port)};
}

void print(const Record& record) {
  std::cout << nlohmann::json{{"account", record.account},      {"function", record.function},
                              {"endpoint", record.endpoint},    {"service", record.service},
                              {"action", record.action},        {"resource", record.resource},
                              {"decision", record.decision},    {"statement", record.statement},
                              {"status", record.status},        {"bytes_in", record.bytes_in},
                              {"bytes_out", record.bytes_out},  {"latency_us", record.latency_us},
                              {"request_id", record.request_id}}
            << std::endl;
}

Result<Key> find_key(const std::string& id, const std::string& token, const sigv4::Scope& scope) {
  if (token == "ended") return Error{.code = "ExpiredToken"};
  const bool session = id == "ASIASESSION" && token == "token";
  const bool neighbour = id == "AKIDNEIGHBOUR";
  if (!session && !token.empty()) return Error{.code = "InvalidClientTokenId"};
  if (!session && !neighbour && id != "AKIDACCOUNT") return Error{.code = "NotFound"};
  return Key{.account = neighbour ? kNeighbour : kAccount,
             .signing_key = sigv4::SigningKey::derive("secret", scope),
             .function = session ? "resize" : ""};
}

Result<Client> resolve(const Peer& peer) {
  const bool neighbour = peer.address.value == kNeighboursAddress;
  return Client{.account = neighbour ? kNeighbour : kAccount,
                .vpc = "vpc-1",
                .endpoint = "vpce-1",
                .service = "",
                .eni = "eni-1",
                .function = neighbour ? "neighbour" : "resize",
                .private_address = "10.0.0.5"};
}

/// A line of the input asks for what the proxy counts, its end ends the program.
class Input {
 public:
  Input(boost::asio::io_context& io, const Proxy& proxy)
      : io_(io), stream_(io, ::dup(STDIN_FILENO)), proxy_(proxy) {}
  void read() {
    stream_.async_read_some(
        boost::asio::buffer(bytes_), [this](boost::system::error_code error, std::size_t) {
          if (error) return io_.stop();
          const auto stats = proxy_.stats();
          std::cout << nlohmann::json{{"connections", stats.connections}, {"over_quota", stats.over_quota}}
                    << std::endl;
          read();
        });
  }

 private:
  boost::asio::io_context& io_;
  boost::asio::posix::stream_descriptor stream_;
  const Proxy& proxy_;
  std::array<char, 64> bytes_{};
};

Status run(int count, char** arguments) {
  const std::string services = arguments[1];
  const std::string folder = arguments[2];
  std::vector<Service> known;
  for (const char* name : {"/s3.json", "/dynamodb.json"}) {
    TRY(auto service, parse_service(contents(services + name), kRegion));
    known.push_back(std::move(service));
  }
  TRY(const auto authority, open_authority(folder));
  std::vector<std::string> names;
  for (const auto& service : known)
    names.insert(names.end(), service.hosts.begin(), service.hosts.end());
  TRY(auto certificate, issue(authority, names));
  TRY(auto parsed, policies::parse_policy(contents(arguments[3])));
  const auto policy = std::make_shared<const policies::Policy>(std::move(parsed));
  const std::map<std::string, int> ports{{"s3", std::stoi(arguments[4])},
                                         {"dynamodb", std::stoi(arguments[5])}};

  TRY(auto log, RequestLog::open(folder));
  boost::asio::io_context io;
  ProxySettings settings{
      .services = std::move(known),
      .region = kRegion,
      .certificate = std::move(certificate),
      .sources = {.resolve = resolve,
                  .key = find_key,
                  .policy = [policy](const std::string&) -> Result<PolicyPointer> { return policy; },
                  .backend = [ports](const std::string& service, const std::string&) -> Result<Backend> {
                    return Backend{.address = "127.0.0.1",
                                   .port = static_cast<std::uint16_t>(ports.at(service)),
                                   .credentials = {"S3RVER", "S3RVER", ""}};
                  }},
      .record = [&](const Record& record) {
        log.write(record);
        if (count == kArguments) print(record);
      }};
  settings.limits.connections_per_account = count == kArguments ? 16 : std::stoul(arguments[kArguments]);
  settings.limits.head = std::chrono::milliseconds(1500);
  TRY(const auto proxy, Proxy::make(io, std::move(settings)));
  auto [plain, plain_port] = listening();
  auto [secure, secure_port] = listening();
  TRYV(proxy->adopt(std::move(plain), false));
  TRYV(proxy->adopt(std::move(secure), true));
  std::cout << nlohmann::json{{"http", plain_port}, {"https", secure_port}} << std::endl;

  Input input(io, *proxy);
  input.read();
  io.run();
  return ok();
}

}  // namespace
}  // namespace caisson::endpoints

int main(int count, char** arguments) {  // NOLINT(bugprone-exception-escape): a test's program ends then
  if (count < caisson::endpoints::kArguments) return 2;
  const auto done = caisson::endpoints::run(count, arguments);
  if (!done) std::cerr << done.error().text() << '\n';
  return done ? 0 : 1;
}

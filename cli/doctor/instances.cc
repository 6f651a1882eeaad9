#include <net/if.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "base/fd.hh"
#include "cli/client.hh"
#include "cli/doctor/gather.hh"

namespace caisson::cli::doctor {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kPrefix = "caisson";
constexpr timeval kPatience{.tv_sec = 5, .tv_usec = 0};
constexpr std::size_t kLongestReply = 64 << 10;

std::string full_name(const std::string& instance) {
  return instance.empty() ? std::string(kPrefix) : std::string(kPrefix) + "-" + instance;
}

/// GET /healthz over a unix socket; null when nobody answers.
Json ask_health(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return nullptr;
  path.copy(address.sun_path, path.size());
  const Fd socket = Fd::own(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  (void)::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
  (void)::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof kPatience);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return nullptr;
  constexpr std::string_view kRequest =
      "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
  if (::send(socket.get(), kRequest.data(), kRequest.size(), MSG_NOSIGNAL) < 0) return nullptr;
  std::string reply;
  std::array<char, 4096> buffer{};
  ssize_t count = 0;
  while (reply.size() < kLongestReply && (count = ::recv(socket.get(), buffer.data(), buffer.size(), 0)) > 0)
    reply.append(buffer.data(), static_cast<std::size_t>(count));
  const auto body = reply.find("\r\n\r\n");
  return body == std::string::npos ? Json(nullptr) : Json::parse(reply.substr(body + 4), nullptr, false);
}

std::string member(const Json& object, const char* name) {
  if (!object.is_object()) return "";
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

/// The instances that entries of a folder are named after. Network namespaces of labs and members begin with an
/// instance's name, too: there a name with a further dash is none.
void add_names(const char* folder, bool exact, std::set<std::string>& names) {
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(folder, failed)) {
    const std::string name = entry.path().filename().string();
    if (name == kPrefix) names.insert("");
    if (!name.starts_with(std::string(kPrefix) + "-") || name.find('.') != std::string::npos) continue;
    const std::string instance = name.substr(kPrefix.size() + 1);
    if (exact || instance.find('-') == std::string::npos) names.insert(instance);
  }
}

Instance look_at(const std::string& name, bool asked) {
  const std::string full = full_name(name);
  std::error_code failed;
  Instance one{
      .name = name,
      .netns = std::filesystem::exists("/run/netns/" + full, failed),
      .pins = std::filesystem::exists("/sys/fs/bpf/" + full, failed),
      .state = std::filesystem::exists("/var/lib/" + full + "/netd.db", failed),
      .uplink = ::if_nametoindex(("cu-" + (name.empty() ? std::string(kPrefix) : name)).c_str()) != 0};
  const Json health = ask_health("/run/" + full + "/netd.sock");
  one.netd = member(health, "Status");
  one.failure = member(health, "LastFailure");
  if (!asked) return one;
  const Json runnerd = ask_health("/run/" + full + "/runner.sock");
  one.runnerd = member(runnerd, "status");
  one.accelerator = member(runnerd, "accelerator");
  const auto endpoint = endpoint_of_instance(name);
  if (one.netd.empty() || !endpoint) return one;
  const auto plan = call(endpoint.value(), "", "Plan", Json::object());
  if (plan && plan.value().contains("Plan")) one.plan_steps = plan.value()["Plan"].size();
  return one;
}

}  // namespace

std::vector<Instance> find_instances(const std::string& asked) {
  std::set<std::string> names{asked};
  add_names("/sys/fs/bpf", true, names);
  add_names("/var/lib", true, names);
  add_names("/run/netns", false, names);
  std::vector<Instance> instances;
  for (const auto& name : names)
    instances.push_back(look_at(name, name == asked));
  return instances;
}

}  // namespace caisson::cli::doctor

#include "endpoints/backends.hh"

#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <charconv>
#include <fstream>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/strict_json.hh"

namespace caisson::endpoints {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kLevels = 3;

Error wrong(const std::string& what) {
  return {.code = "InvalidBackends", .message = "The backends' file is not valid: " + what};
}

Result<std::string> text_of(const Json& row, const char* name) {
  const auto found = row.find(name);
  if (found == row.end() || !found->is_string() || found->get_ref<const std::string&>().empty())
    return wrong(std::string("each backend needs a text ") + name);
  return found->get<std::string>();
}

/// "http://ADDRESS:PORT"
Status read_url(const std::string& url, Backend& backend) {
  constexpr std::string_view kScheme = "http://";
  const auto colon = url.rfind(':');
  const bool shaped = url.starts_with(kScheme) && colon > kScheme.size();
  const auto address =
      shaped ? Ipv4Address::parse(url.substr(kScheme.size(), colon - kScheme.size())) : std::nullopt;
  const char* end = url.data() + url.size();
  const auto port = shaped ? std::from_chars(url.data() + colon + 1, end, backend.port)
                           : std::from_chars_result{url.data(), std::errc::invalid_argument};
  if (!address || port.ec != std::errc() || port.ptr != end || backend.port == 0)
    return wrong("Url must be http://ADDRESS:PORT with an IPv4 address, not " + url);
  backend.address = address->text();
  return ok();
}

Status add(const Json& row, BackendTable& table) {
  if (!row.is_object() || row.size() != 5)
    return wrong("a backend has Service, Account, Url, AccessKeyId and SecretAccessKey");
  Backend backend;
  TRY(const auto service, text_of(row, "Service"));
  TRY(const auto account, text_of(row, "Account"));
  TRY(const auto url, text_of(row, "Url"));
  TRY(backend.credentials.access_key_id, text_of(row, "AccessKeyId"));
  TRY(backend.credentials.secret_access_key, text_of(row, "SecretAccessKey"));
  TRYV(read_url(url, backend));
  for (const auto& [key, other] : table) {
    if (key.first == service && other.address == backend.address && other.port == backend.port)
      return wrong(url + " is the backend of two accounts");
  }
  if (!table.emplace(std::pair(service, account), std::move(backend)).second) {
    std::string both = service;
    both += " of ";
    both += account;
    return wrong(both + " comes twice");
  }
  return ok();
}

}  // namespace

Result<BackendTable> parse_backends(std::string_view text) {
  JsonRefusal refusal;
  const auto json = parse_strictly(text, kLevels, refusal);
  if (!json) return wrong(refusal.why);
  if (!json->is_object() || json->size() != 1 || !json->contains("Backends") ||
      !json->at("Backends").is_array())
    return wrong("it must be an object with the list Backends alone");
  BackendTable table;
  for (const Json& row : json->at("Backends")) {
    TRYV(add(row, table));
  }
  return table;
}

Result<Backend> Backends::find(const std::string& service, const std::string& account) {
  const std::lock_guard lock(mutex_);
  look();
  const auto found = table_.find({service, account});
  if (found == table_.end()) {
    return Error{.code = "ServiceUnavailable",
                 .message = "There is no " + service + " behind the endpoints for this account."};
  }
  if (unhealthy_.contains(found->first)) {
    return Error{.code = "ServiceUnavailable",
                 .message = "The " + service + " behind the endpoints does not answer."};
  }
  return found->second;
}

BackendTable Backends::all() {
  const std::lock_guard lock(mutex_);
  look();
  return table_;
}

void Backends::set_health(const BackendKey& key, bool healthy) {
  const std::lock_guard lock(mutex_);
  if (healthy) {
    if (unhealthy_.erase(key) != 0) spdlog::info("{} of {} answers again", key.first, key.second);
  } else if (table_.contains(key) && unhealthy_.insert(key).second) {
    spdlog::warn("{} of {} does not answer", key.first, key.second);
  }
}

std::map<BackendKey, bool> Backends::health() {
  const std::lock_guard lock(mutex_);
  std::map<BackendKey, bool> health;
  for (const auto& [key, backend] : table_)
    health.emplace(key, !unhealthy_.contains(key));
  return health;
}

void Backends::look() {
  struct stat status {};
  if (path_.empty() || ::stat(path_.c_str(), &status) != 0) return;
  const Version now{.inode = status.st_ino,
                    .size = status.st_size,
                    .seconds = status.st_ctim.tv_sec,
                    .nanoseconds = status.st_ctim.tv_nsec};
  if (now == version_) return;
  version_ = now;
  std::ostringstream text;
  text << std::ifstream(path_).rdbuf();
  auto table = parse_backends(text.str());
  if (!table) {
    spdlog::error("{}: {}", path_, table.error().message);
    return;
  }
  table_ = std::move(table).value();
  unhealthy_.clear();
  spdlog::info("{} backends", table_.size());
}

}  // namespace caisson::endpoints

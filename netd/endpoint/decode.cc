#include "netd/endpoint/decode.hh"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "base/cbor_depth.hh"

namespace caisson::netd::endpoint {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kDeepest = 1;

enum class Kind { kId, kAddress, kPort };
using Members = std::map<std::string, Kind>;

const std::map<std::string, Members>& operations() {
  static const std::map<std::string, Members> kAll{
      {"Sockets", {}},
      {"ResolveClient", {{"address", Kind::kAddress}, {"port", Kind::kPort}}},
      {"FindAddress", {{"vpc", Kind::kId}, {"address", Kind::kAddress}}}};
  return kAll;
}

bool is_id(const Json& value) {
  if (!value.is_string()) return false;
  const auto& text = value.get_ref<const std::string&>();
  return text.size() <= 64 &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos;
}

bool fits(const Json& value, Kind kind) {
  switch (kind) {
    case Kind::kId:
      return is_id(value);
    case Kind::kAddress:
      return value.is_number_unsigned() && value.get<std::uint64_t>() <= 0xffffffffU;
    case Kind::kPort:
      return value.is_number_unsigned() && value.get<std::uint64_t>() <= 0xffffU;
  }
  return false;
}

}  // namespace

std::optional<Json> decode_request(std::string_view bytes) {
  if (cbor_too_deep(bytes, kDeepest)) return std::nullopt;
  Json request = Json::from_cbor(bytes, /*strict=*/true, /*allow_exceptions=*/false);
  if (!request.is_object()) return std::nullopt;
  const auto name = request.find("op");
  if (name == request.end() || !name->is_string()) return std::nullopt;
  const auto operation = operations().find(name->get<std::string>());
  if (operation == operations().end()) return std::nullopt;
  const Members& members = operation->second;
  const bool sound = request.size() == members.size() + 1 &&
                     std::all_of(members.begin(), members.end(), [&](const auto& member) {
                       const auto found = request.find(member.first);
                       return found != request.end() && fits(*found, member.second);
                     });
  return sound ? std::optional(std::move(request)) : std::nullopt;
}

}  // namespace caisson::netd::endpoint

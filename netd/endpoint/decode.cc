#include "netd/endpoint/decode.hh"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "base/cbor_depth.hh"
#include "netd/client/endpoint_protocol.hh"

namespace caisson::netd::endpoint {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kDeepest = 1;

enum class Kind { kId, kAddress, kPort, kWord, kToken };
using Members = std::map<std::string, Kind>;

const std::map<std::string, Members>& operations() {
  static const std::map<std::string, Members> kAll{
      {"Sockets", {}},
      {"Revision", {}},
      {"ResolveClient", {{"address", Kind::kAddress}, {"port", Kind::kPort}}},
      {"ResolveConnection",
       {{"address", Kind::kAddress}, {"port", Kind::kPort}, {"local_address", Kind::kAddress}}},
      {"FindAddress", {{"vpc", Kind::kId}, {"address", Kind::kAddress}}},
      {"Key",
       {{"access_key_id", Kind::kWord},
        {"token", Kind::kToken},
        {"date", Kind::kWord},
        {"region", Kind::kWord},
        {"service", Kind::kWord}}},
      {"Policy", {{"endpoint", Kind::kId}}}};
  return kAll;
}

constexpr const char* kDigits = "0123456789";
constexpr const char* kHexadecimal = "0123456789abcdef";
constexpr const char* kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

bool is_text_of(const Json& value, std::size_t longest, const std::string& alphabet) {
  if (!value.is_string()) return false;
  const auto& text = value.get_ref<const std::string&>();
  return text.size() <= longest && text.find_first_not_of(alphabet) == std::string::npos;
}

bool fits(const Json& value, Kind kind) {
  switch (kind) {
    case Kind::kId:
      return is_text_of(value, 64, "abcdefghijklmnopqrstuvwxyz0123456789-");
    case Kind::kAddress:
      return value.is_number_unsigned() && value.get<std::uint64_t>() <= 0xffffffffU;
    case Kind::kPort:
      return value.is_number_unsigned() && value.get<std::uint64_t>() <= 0xffffU;
    case Kind::kWord:
      return is_text_of(value, kLongestWord, std::string(kLetters) + kDigits + "-_");
    case Kind::kToken:
      return is_text_of(value, kLongestToken, kHexadecimal);
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

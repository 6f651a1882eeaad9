#include "netd/attach/decode.hh"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "base/cbor_depth.hh"

namespace caisson::netd::attach {
namespace {

using Json = nlohmann::json;

/// The request and a list in it. The decoder recurses on what is nested.
constexpr std::size_t kDeepest = 2;

enum class Kind { kText, kNumber, kTexts };
using Members = std::map<std::string, Kind>;

const std::map<std::string, Members>& operations() {
  static const std::map<std::string, Members> kAll{
      {"EnsureFunctionInterface",
       {{"account", Kind::kText},
        {"user", Kind::kText},
        {"subnets", Kind::kTexts},
        {"groups", Kind::kTexts}}},
      {"ReleaseFunctionInterface", {{"account", Kind::kText}, {"user", Kind::kText}}},
      {"ListFunctionInterfaces", {}},
      {"LeaseSlot", {}},
      {"Attach", {{"slot", Kind::kNumber}, {"eni", Kind::kText}}},
      {"Seal", {{"slot", Kind::kNumber}}},
      {"Unseal", {{"slot", Kind::kNumber}}},
      {"Detach", {{"slot", Kind::kNumber}}},
      {"ReturnSlot", {{"slot", Kind::kNumber}}},
      {"Resume", {{"slot", Kind::kNumber}, {"generation", Kind::kNumber}}},
      {"SigningKey",
       {{"access_key_id", Kind::kText},
        {"date", Kind::kText},
        {"region", Kind::kText},
        {"service", Kind::kText}}},
      {"SessionCredentials",
       {{"account", Kind::kText}, {"function", Kind::kText}, {"seconds", Kind::kNumber}}},
      {"AwaitRevocation", {{"seen", Kind::kNumber}}}};
  return kAll;
}

/// CBOR's reader takes any bytes for text; JSON's writer, in the log and the store, throws over what is not UTF-8.
bool is_text(const Json& value) {
  if (!value.is_string()) return false;
  const auto& text = value.get_ref<const std::string&>();
  if (std::all_of(text.begin(), text.end(), [](char c) { return static_cast<signed char>(c) >= 0; }))
    return true;
  return Json::parse(value.dump(-1, ' ', false, Json::error_handler_t::replace)) == value;
}

bool fits(const Json& value, Kind kind) {
  switch (kind) {
    case Kind::kText:
      return is_text(value);
    case Kind::kNumber:
      return value.is_number_unsigned() && value.get<std::uint64_t>() <= 0xffffffffU;
    case Kind::kTexts:
      return value.is_array() && std::all_of(value.begin(), value.end(), is_text);
  }
  return false;
}

/// The id of the caller's request, as it stands in both daemons' logs: a UUID, or a word like one.
bool is_request_id(const Json& value) {
  if (!value.is_string()) return false;
  const auto& text = value.get_ref<const std::string&>();
  return !text.empty() && text.size() <= 64 &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") ==
             std::string::npos;
}

bool fits(const Json& request, const Members& members) {
  const auto id = request.find("request");
  if (id != request.end() && !is_request_id(*id)) return false;
  return request.size() == members.size() + (id == request.end() ? 1 : 2) &&
         std::all_of(members.begin(), members.end(), [&](const auto& member) {
           const auto found = request.find(member.first);
           return found != request.end() && fits(*found, member.second);
         });
}

}  // namespace

std::optional<Json> decode_request(std::string_view bytes) {
  if (cbor_too_deep(bytes, kDeepest)) return std::nullopt;
  Json request = Json::from_cbor(bytes, /*strict=*/true, /*allow_exceptions=*/false);
  if (!request.is_object()) return std::nullopt;
  const auto name = request.find("op");
  if (name == request.end() || !name->is_string()) return std::nullopt;
  const auto operation = operations().find(name->get<std::string>());
  if (operation == operations().end() || !fits(request, operation->second)) return std::nullopt;
  return request;
}

}  // namespace caisson::netd::attach

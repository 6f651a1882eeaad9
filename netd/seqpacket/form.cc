#include "netd/seqpacket/form.hh"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/cbor_depth.hh"
#include "netd/client/endpoint_protocol.hh"

namespace caisson::netd::seqpacket {
namespace {

using Json = nlohmann::json;

/// The request and a list in it. The decoder recurses on what is nested.
constexpr std::size_t kDeepest = 2;
constexpr std::size_t kLongestId = 64;

/// JSON's writer, in the log and the store, throws over what is not UTF-8.
bool is_text(const Json& value) {
  if (!value.is_string()) return false;
  const auto& text = value.get_ref<const std::string&>();
  if (std::all_of(text.begin(), text.end(), [](char c) { return static_cast<signed char>(c) >= 0; }))
    return true;
  return Json::parse(value.dump(-1, ' ', false, Json::error_handler_t::replace)) == value;
}

bool is_number(const Json& value, std::uint64_t largest) {
  return value.is_number_unsigned() && value.get<std::uint64_t>() <= largest;
}

constexpr std::string_view kHexadecimal = "0123456789abcdef";
constexpr std::string_view kIdLetters = "abcdefghijklmnopqrstuvwxyz0123456789-";
constexpr std::string_view kRequestIdLetters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";
constexpr std::string_view kWordLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";

bool is_text_of(const Json& value, std::size_t longest, std::string_view letters) {
  if (!value.is_string()) return false;
  const auto& text = value.get_ref<const std::string&>();
  return text.size() <= longest && text.find_first_not_of(letters) == std::string::npos;
}

bool is_id(const Json& value, std::string_view letters) {
  return is_text_of(value, kLongestId, letters) && value != "";
}

bool fits(const Json& value, Kind kind) {
  switch (kind) {
    case Kind::kText:
      return is_text(value);
    case Kind::kId:
      return is_id(value, kIdLetters);
    case Kind::kNumber:
      return is_number(value, 0xffffffffU);
    case Kind::kPort:
      return is_number(value, 0xffffU);
    case Kind::kTexts:
      return value.is_array() && std::all_of(value.begin(), value.end(), is_text);
    case Kind::kWord:
      return is_text_of(value, kLongestWord, kWordLetters);
    case Kind::kToken:
      return is_text_of(value, kLongestToken, kHexadecimal);
  }
  return false;
}

/// The id of the caller's request, as it stands in both daemons' logs: a UUID, or a word like one.
bool is_request_id(const Json& value) {
  return is_id(value, kRequestIdLetters);
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

std::optional<Json> decode(std::string_view bytes, const Operations& operations) {
  if (cbor_too_deep(bytes, kDeepest)) return std::nullopt;
  Json request = Json::from_cbor(bytes, /*strict=*/true, /*allow_exceptions=*/false);
  if (!request.is_object()) return std::nullopt;
  const auto name = request.find("op");
  if (name == request.end() || !name->is_string()) return std::nullopt;
  const auto operation = operations.find(name->get<std::string>());
  if (operation == operations.end() || !fits(request, operation->second)) return std::nullopt;
  return request;
}

}  // namespace caisson::netd::seqpacket

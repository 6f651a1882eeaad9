#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>

#include "base/sigv4/verify.hh"

namespace caisson::sigv4 {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
constexpr std::size_t kLongestName = 128;

struct Authorization {
  std::string credential;
  std::string signed_headers;
  std::string signature;
};

Error incomplete(const Rules& rules, const std::string& detail) {
  return refusal(rules.dialect, Fault::kIncomplete, detail);
}

/// NAME=VALUE pairs with commas and spaces between them, each name once.
Result<Authorization> split(std::string_view text, const Rules& rules) {
  if (!text.starts_with(kAlgorithm) || text.size() == kAlgorithm.size() || text[kAlgorithm.size()] != ' ') {
    return incomplete(rules, "Authorization header requires the algorithm AWS4-HMAC-SHA256.");
  }
  text.remove_prefix(kAlgorithm.size());
  Authorization parts;
  const std::array<std::pair<std::string_view, std::string*>, 3> wanted{
      {{"Credential", &parts.credential},
       {"SignedHeaders", &parts.signed_headers},
       {"Signature", &parts.signature}}};
  while (!text.empty()) {
    const auto end = std::min(text.find(','), text.size());
    auto part = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    part.remove_prefix(std::min(part.find_first_not_of(' '), part.size()));
    const auto equals = part.find('=');
    const auto name = part.substr(0, equals);
    const auto* found =
        std::find_if(wanted.begin(), wanted.end(), [&](const auto& one) { return one.first == name; });
    if (equals == std::string_view::npos || found == wanted.end() || !found->second->empty()) {
      return incomplete(rules,
                        "Authorization header has a part that is not one of Credential, SignedHeaders "
                        "and Signature, each once.");
    }
    *found->second = part.substr(equals + 1);
  }
  for (const auto& [name, value] : wanted) {
    if (value->empty()) {
      return incomplete(rules, "Authorization header requires '" + std::string(name) + "' parameter.");
    }
  }
  return parts;
}

std::vector<std::string> split_at(std::string_view text, char separator) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == separator) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

bool is_word(const std::string& text) {
  return !text.empty() && text.size() <= kLongestName && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

Status read_credential(const std::string& text, const Rules& rules, Claim& claim) {
  const auto parts = split_at(text, '/');
  if (parts.size() != 5 || !is_word(parts[0])) {
    return incomplete(rules,
                      "Credential must have exactly 5 slash-delimited elements, e.g. "
                      "keyid/date/region/service/term.");
  }
  if (parts[4] != "aws4_request") {
    return incomplete(rules, "Credential should be scoped with a valid terminator: 'aws4_request'.");
  }
  claim.access_key_id = parts[0];
  claim.scope = {.date = parts[1], .region = parts[2], .service = parts[3]};
  if (claim.scope.region != rules.region) {
    return refusal(rules.dialect, Fault::kScope,
                   "Credential should be scoped to a valid region: '" + rules.region + "'.");
  }
  if (claim.scope.service != rules.service) {
    return refusal(rules.dialect, Fault::kScope,
                   "Credential should be scoped to correct service: '" + rules.service + "'.");
  }
  return ok();
}

Status read_signed_headers(const std::string& text, const Request& request, const Rules& rules,
                           Claim& claim) {
  claim.signed_headers = split_at(text, ';');
  const auto& names = claim.signed_headers;
  // Sorted and without repetition: the canonical form, so that what is signed can be read off it.
  if (std::adjacent_find(names.begin(), names.end(), std::greater_equal<>()) != names.end()) {
    return incomplete(rules, "SignedHeaders must be sorted, each header once.");
  }
  for (const auto& name : names) {
    if (!request.headers.contains(name)) {
      return incomplete(rules, "SignedHeaders names a header that the request does not have.");
    }
  }
  const auto is_signed = [&](const std::string& name) {
    return std::binary_search(names.begin(), names.end(), name);
  };
  if (!is_signed("host")) return incomplete(rules, "'host' must be a 'SignedHeader' in the request.");
  for (const auto& [name, value] : request.headers) {
    if (name.starts_with("x-amz-") && !is_signed(name)) {
      return incomplete(rules,
                        "There were headers present in the request which were not signed: every "
                        "x-amz- header must be.");
    }
  }
  return ok();
}

/// The fields of "Sat, 31 Jan 2026 23:59:59 GMT" (RFC 9110, section 5.6.7) as "20260131T235959Z", else "".
std::string from_http_date(const std::string& text) {
  constexpr std::array<const char*, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  if (text.size() != 29 || !text.ends_with(" GMT")) return "";
  for (std::size_t month = 0; month < kMonths.size(); ++month) {
    if (text.compare(8, 3, kMonths[month]) != 0) continue;
    std::array<char, 8> digits{};
    (void)std::snprintf(digits.data(), digits.size(), "%02u", static_cast<unsigned>(month + 1) % 100U);
    return text.substr(12, 4) + digits.data() + text.substr(5, 2) + "T" + text.substr(17, 2) +
           text.substr(20, 2) + text.substr(23, 2) + "Z";
  }
  return "";
}

Status read_time(const Request& request, const Rules& rules, std::int64_t now, Claim& claim) {
  const auto own = request.headers.find("x-amz-date");
  const auto general = request.headers.find("date");
  const auto& names = claim.signed_headers;
  if (own != request.headers.end()) {
    claim.time = own->second;
  } else if (general != request.headers.end() && std::binary_search(names.begin(), names.end(), "date")) {
    claim.time = parse_time(general->second) >= 0 ? general->second : from_http_date(general->second);
  } else {
    return incomplete(rules,
                      "Authorization header requires existence of either a 'X-Amz-Date' or a signed "
                      "'Date' header.");
  }
  const std::int64_t time = parse_time(claim.time);
  if (time < 0) return incomplete(rules, "Date must be in ISO-8601 'basic format'.");
  if (claim.scope.date != claim.time.substr(0, 8)) {
    return refusal(
        rules.dialect, Fault::kScope,
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP.");
  }
  if (time < now - kSkewSeconds) {
    return refusal(rules.dialect, Fault::kExpired,
                   "Signature expired: " + claim.time + " is now earlier than " +
                       format_time(now - kSkewSeconds) + " (" + format_time(now) + " - 5 min.)");
  }
  if (time > now + kSkewSeconds) {
    return refusal(rules.dialect, Fault::kNotYetValid,
                   "Signature not yet current: " + claim.time + " is still later than " +
                       format_time(now + kSkewSeconds) + " (" + format_time(now) + " + 5 min.)");
  }
  return ok();
}

}  // namespace

std::int64_t parse_time(const std::string& text) {
  if (text.size() != 16 || text[8] != 'T' || text[15] != 'Z') return -1;
  std::array<int, 14> digits{};
  std::size_t count = 0;
  for (std::size_t i = 0; i < 15; ++i) {
    if (i == 8) continue;
    if (text[i] < '0' || text[i] > '9') return -1;
    digits[count++] = text[i] - '0';
  }
  const auto two = [&](std::size_t at) { return 10 * digits[at] + digits[at + 1]; };
  tm parts{};
  parts.tm_year = 100 * two(0) + two(2) - 1900;
  parts.tm_mon = two(4) - 1;
  parts.tm_mday = two(6);
  parts.tm_hour = two(8);
  parts.tm_min = two(10);
  parts.tm_sec = two(12);
  const std::time_t seconds = ::timegm(&parts);
  // What timegm() had to put right was no time: the 31st of June.
  return seconds >= 0 && format_time(seconds) == text ? seconds : -1;
}

std::string format_time(std::int64_t seconds) {
  const auto time = static_cast<std::time_t>(seconds);
  tm parts{};
  (void)::gmtime_r(&time, &parts);
  std::array<char, 32> text{};
  (void)std::strftime(text.data(), text.size(), "%Y%m%dT%H%M%SZ", &parts);
  return text.data();
}

Result<Claim> read_claim(const Request& request, const Rules& rules, std::int64_t now) {
  const auto header = request.headers.find("authorization");
  if (header == request.headers.end()) return refusal(rules.dialect, Fault::kMissing, "");
  TRY(const auto parts, split(header->second, rules));
  Claim claim;
  TRYV(read_credential(parts.credential, rules, claim));
  TRYV(read_signed_headers(parts.signed_headers, request, rules, claim));
  TRYV(read_time(request, rules, now, claim));
  if (!parse_hex(parts.signature)) {
    return refusal(rules.dialect, Fault::kSignature, "The signature must be 64 hexadecimal digits.");
  }
  claim.signature = parts.signature;
  if (const auto token = request.headers.find("x-amz-security-token"); token != request.headers.end()) {
    claim.session_token = token->second;
  }
  return claim;
}

}  // namespace caisson::sigv4

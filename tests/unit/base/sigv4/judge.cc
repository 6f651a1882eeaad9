// Reads requests, one a line, and prints the verdict on each: "ok", or the error's code.
//
// A line is words with a space between: "s3" or "normal", region, service, secret, the time of the verification in
// seconds, and in hexadecimal digits method, target, body, then NAME:VALUE for each header. "-" is an empty text.
#include <algorithm>
#include <iostream>
#include <sstream>

#include "base/sigv4/verify.hh"

namespace {

using namespace caisson;

std::string from_hex(const std::string& digits) {
  std::string text;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
    text += static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16));
  }
  return text;
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c); });
  return text;
}

std::string verdict(const std::string& line) {
  std::istringstream words(line);
  std::string rule, secret, method, target, body, word;
  std::int64_t now = 0;
  sigv4::Rules rules{.dialect = sigv4::Dialect::kLambda};
  words >> rule >> rules.region >> rules.service >> secret >> now >> method >> target >> body;
  if (rule == "s3") rules.path = sigv4::PathRule::kVerbatim;
  sigv4::Headers headers;
  while (words >> word) {
    const auto colon = word.find(':');
    const std::string name = lower(from_hex(word.substr(0, colon)));
    const std::string value = from_hex(word.substr(colon + 1));
    const auto [place, fresh] = headers.emplace(name, value);
    if (!fresh) place->second += "," + value;
  }
  const sigv4::Request request{.method = from_hex(method),
                               .target = from_hex(target),
                               .headers = headers,
                               .body_sha256 = sigv4::sha256_hex(from_hex(body))};
  const auto claim = sigv4::read_claim(request, rules, now);
  if (!claim) return claim.error().code;
  if (claim.value().access_key_id != "AKIDEXAMPLE") return "UnrecognizedClientException";
  const auto key = sigv4::SigningKey::derive(secret, claim.value().scope);
  const auto verified = sigv4::verify(request, claim.value(), key, rules);
  return verified ? "ok" : verified.error().code;
}

}  // namespace

int main() {
  std::string line;
  while (std::getline(std::cin, line)) {
    std::cout << verdict(line) << "\n";
  }
}

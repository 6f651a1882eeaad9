#include "base/sigv4/sign.hh"

#include "base/sigv4/verify.hh"

namespace caisson::sigv4 {

Headers sign(const Request& request, const Credentials& credentials, const std::string& region,
             const std::string& service, std::int64_t now, PathRule path) {
  const std::string time = format_time(now);
  const Scope scope{.date = time.substr(0, 8), .region = region, .service = service};
  Headers added{{"x-amz-date", time}};
  if (!credentials.session_token.empty()) added["x-amz-security-token"] = credentials.session_token;
  Headers all = request.headers;
  all.insert(added.begin(), added.end());
  std::vector<std::string> names;
  for (const auto& [name, value] : all)
    names.push_back(name);
  const auto canonical = canonical_request({.method = request.method,
                                            .target = request.target,
                                            .headers = all,
                                            .body_sha256 = request.body_sha256},
                                           names, request.body_sha256, path);
  const auto key = SigningKey::derive(credentials.secret_access_key, scope);
  added["authorization"] = "AWS4-HMAC-SHA256 Credential=" + credentials.access_key_id + "/" + scope.text() +
                           ", SignedHeaders=" + joined(names) +
                           ", Signature=" + key.sign(string_to_sign(time, scope, canonical));
  return added;
}

}  // namespace caisson::sigv4

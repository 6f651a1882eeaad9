#include "endpoints/proxy/judge.hh"

#include <algorithm>
#include <charconv>

#include "base/sigv4/verify.hh"
#include "endpoints/proxy/forward.hh"
#include "policies/evaluate.hh"

namespace caisson::endpoints {
namespace {

constexpr const char* kUnsigned = "UNSIGNED-PAYLOAD";

Error invalid(const std::string& message) {
  return {.code = "InvalidRequest", .message = message};
}

std::string header(const RequestHead& head, const std::string& name) {
  const auto found = head.headers.find(name);
  return found == head.headers.end() ? "" : found->second;
}

sigv4::Rules rules_of(const Service& service, const std::string& region) {
  if (service.rest) {
    return {.region = region,
            .service = service.signing_name,
            .dialect = sigv4::Dialect::kS3,
            .path = sigv4::PathRule::kVerbatim,
            .payload = sigv4::PayloadRule::kDeclared};
  }
  return {.region = region, .service = service.signing_name, .dialect = sigv4::Dialect::kLambda};
}

struct Signed {
  Key key;
  sigv4::Claim claim;
};

Result<Signed> verify(const Service& service, const std::string& region, const Sources& sources,
                      const Question& question) {
  const auto rules = rules_of(service, region);
  const sigv4::Request request{.method = question.head.method,
                               .target = question.head.target,
                               .headers = question.head.headers,
                               .body_sha256 = service.rest ? "" : sigv4::sha256_hex(question.body)};
  TRY(auto claim, sigv4::read_claim(request, rules, question.now));
  auto key = sources.key(claim.access_key_id, claim.session_token, claim.scope);
  if (!key) {
    const auto& code = key.error().code;
    if (code == "NotFound" || code == "UnknownKey")
      return sigv4::refusal(rules.dialect, sigv4::Fault::kUnknownKey, "");
    if (code == "InvalidClientTokenId") return sigv4::refusal(rules.dialect, sigv4::Fault::kToken, "");
    if (code == "ExpiredToken") return sigv4::refusal(rules.dialect, sigv4::Fault::kTokenExpired, "");
    return std::move(key).error();
  }
  TRYV(sigv4::verify(request, claim, key.value().signing_key, rules));
  return Signed{std::move(key).value(), std::move(claim)};
}

policies::Principal principal_of(const Key& key) {
  policies::Principal principal{.account = key.account, .arn = {}, .role_arn = {}, .service = {}};
  if (key.function.empty()) {
    principal.arn = "arn:aws:iam::" + key.account + ":root";
    return principal;
  }
  // A function acts as a role of its own name: sessions know no other.
  principal.role_arn = "arn:aws:iam::" + key.account + ":role/" + key.function;
  principal.arn = "arn:aws:sts::" + key.account + ":assumed-role/" + key.function + "/" + key.function;
  return principal;
}

policies::Context context_of(const Client& client, const Key& key, const policies::Principal& principal,
                             const std::string& region, const Question& question) {
  policies::Context context;
  const auto set = [&](const char* name, const std::string& value) {
    if (!value.empty()) context[name] = {value};
  };
  set("aws:sourcevpce", client.endpoint);
  set("aws:sourcevpc", client.endpoint.empty() ? "" : client.vpc);
  set("aws:vpcsourceip", client.endpoint.empty() ? "" : client.private_address);
  set("aws:principalaccount", key.account);
  set("aws:principalarn", principal.role_arn.empty() ? principal.arn : principal.role_arn);
  set("aws:principaltype", key.function.empty() ? "Account" : "AssumedRole");
  set("aws:principalisawsservice", "false");
  set("aws:securetransport", question.secure ? "true" : "false");
  set("aws:requestedregion", region);
  set("aws:useragent", header(question.head, "user-agent"));
  set("aws:referer", header(question.head, "referer"));
  set("aws:epochtime", std::to_string(question.now));
  if (!key.function.empty())
    set("lambda:sourcefunctionarn",
        "arn:aws:lambda:" + region + ":" + key.account + ":function:" + key.function);
  return context;
}

/// False: `judgement` has the refusal.
bool is_allowed(const policies::Policy& policy, const Reading& reading, policies::Request request,
                const Service& service, Judgement& judgement) {
  for (const auto& [name, values] : reading.context)
    request.context[name] = values;
  for (const auto& access : reading.accesses) {
    request.action = judgement.action = access.action;
    request.resource = judgement.resource = access.resource;
    const auto decision = policies::evaluate(policy, request);
    judgement.statement.clear();
    if (decision.statement) {
      const auto& sid = policy.statements.at(*decision.statement).sid;
      judgement.statement = sid.empty() ? "#" + std::to_string(*decision.statement) : sid;
    }
    judgement.decision = "Deny";
    if (decision.verdict == policies::Verdict::kAllow) continue;
    judgement.refusal =
        refusal_of(&service, {.code = service.rest ? "AccessDenied" : "AccessDeniedException",
                              .message = policies::denial_text(request, decision.verdict, "VPC endpoint")});
    return false;
  }
  judgement.decision = "Allow";
  return true;
}

Result<std::uint64_t> decoded_length(const RequestHead& head) {
  const std::string text = header(head, "x-amz-decoded-content-length");
  std::uint64_t length = 0;
  const auto* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, length);
  if (text.empty() || read.ec != std::errc() || read.ptr != end)
    return Error{.code = "MissingContentLength",
                 .message = "You must provide the x-amz-decoded-content-length HTTP header."};
  return length;
}

/// How a Rest service's body is checked, from what x-amz-content-sha256 says, which is signed.
Status set_body(const Question& question, const Signed& by, Forward& forward) {
  const std::string declared = header(question.head, "x-amz-content-sha256");
  forward.content_length = question.content_length;
  if (const auto form = chunk_form(declared)) {
    TRY(forward.content_length, decoded_length(question.head));
    forward.body = BodyCheck::chunked(ChunkDecoder(*form,
                                                   {.key = by.key.signing_key,
                                                    .scope = by.claim.scope,
                                                    .time = by.claim.time,
                                                    .signature = by.claim.signature},
                                                   *forward.content_length));
    return ok();
  }
  if (question.chunked) {
    return Error{.code = "MissingContentLength",
                 .message = "You must provide the Content-Length HTTP header."};
  }
  if (declared == kUnsigned) return ok();
  if (!sigv4::parse_hex(declared))
    return Error{.code = "InvalidArgument",
                 .message =
                     "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, one of the STREAMING- values or a valid "
                     "sha256 value."};
  const auto length = question.content_length.value_or(0);
  if (length == 0 && declared != sigv4::sha256_hex(""))
    return sigv4::refusal(sigv4::Dialect::kS3, sigv4::Fault::kPayload, "");
  forward.body = BodyCheck::hashed(declared, length);
  return ok();
}

Status decide(const std::string& region, const Sources& sources, const Client& client,
              const Question& question, Judgement& judgement) {
  const Service& service = *judgement.service;
  if (!client.service.empty() && client.service != service.name)
    return invalid("This address is not one of the service that the host names.");
  TRY(const auto by, verify(service, region, sources, question));
  TRY(const auto reading,
      read_request(service, question.head, question.body, {.region = region, .account = by.key.account}));
  judgement.function = by.key.function;
  judgement.action = reading.accesses.front().action;
  judgement.resource = reading.accesses.front().resource;
  TRY(const auto policy, sources.policy(client.endpoint));
  const auto principal = principal_of(by.key);
  const policies::Request request{.principal = principal,
                                  .action = {},
                                  .resource = {},
                                  .context = context_of(client, by.key, principal, region, question)};
  if (!is_allowed(*policy, reading, request, service, judgement)) return ok();
  TRY(auto backend, sources.backend(service.name, by.key.account));
  Forward forward{.backend = std::move(backend),
                  .target = backend_target(service, question.head),
                  .headers = {},
                  .body = BodyCheck::unsigned_body(),
                  .content_length = question.content_length};
  if (service.rest) {
    TRYV(set_body(question, by, forward));
  }
  forward.headers =
      backend_headers(service, question.head, forward.target, forward.backend, region,
                      service.rest ? kUnsigned : sigv4::sha256_hex(question.body), question.now);
  judgement.forward = std::move(forward);
  return ok();
}

}  // namespace

const Service* find_service(const std::vector<Service>& services, const std::string& host) {
  const auto found = std::ranges::find_if(
      services, [&](const Service& service) { return match_host(service, host).has_value(); });
  return found == services.end() ? nullptr : &*found;
}

Judgement judge(const std::vector<Service>& services, const std::string& region, const Sources& sources,
                const Client& client, const Question& question) {
  Judgement judgement;
  judgement.service = find_service(services, question.head.host);
  if (judgement.service == nullptr) {
    judgement.refusal = refusal_of(nullptr, invalid("The host is not a name of a service."));
    return judgement;
  }
  const Status decided = decide(region, sources, client, question, judgement);
  if (!decided) judgement.refusal = refusal_of(judgement.service, decided.error());
  return judgement;
}

}  // namespace caisson::endpoints

// What one signed request costs its server: the body's digest, the claim and the signature (Google Benchmark), by the
// size of the body in bytes. Beside it what can't be saved: OpenSSL's digest of the same body.
#include <benchmark/benchmark.h>

#include "base/sigv4/sign.hh"
#include "base/sigv4/verify.hh"

namespace caisson::bench {
namespace {

constexpr std::int64_t kNow = 1'769'904'000;
constexpr const char* kSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

std::string body_of(benchmark::State& run) {
  return std::string(static_cast<std::size_t>(run.range(0)), 'x');
}

void verify(benchmark::State& run) {
  const std::string body = body_of(run);
  sigv4::Headers headers{{"host", "netd"}, {"content-type", "application/json"}, {"user-agent", "bench/1.0"}};
  const auto added =
      sigv4::sign({.method = "POST",
                   .target = "/v1/CreateVpc",
                   .headers = headers,
                   .body_sha256 = sigv4::sha256_hex(body)},
                  {.access_key_id = "AKIDEXAMPLE", .secret_access_key = kSecret, .session_token = {}},
                  "us-east-1", "ec2", kNow);
  headers.insert(added.begin(), added.end());
  const sigv4::Rules rules{.region = "us-east-1", .service = "ec2"};
  for (auto _ : run) {
    const sigv4::Request request{.method = "POST",
                                 .target = "/v1/CreateVpc",
                                 .headers = headers,
                                 .body_sha256 = sigv4::sha256_hex(body)};
    const auto claim = sigv4::read_claim(request, rules, kNow);
    const auto key = sigv4::SigningKey::derive(kSecret, claim.value().scope);
    if (!sigv4::verify(request, claim.value(), key, rules)) run.SkipWithError("the signature is refused");
  }
}

void digest(benchmark::State& run) {
  const std::string body = body_of(run);
  for (auto _ : run)
    benchmark::DoNotOptimize(sigv4::sha256(body));
}

BENCHMARK(verify)->Arg(64)->Arg(4096)->Arg(1 << 20)->Unit(benchmark::kMicrosecond);
BENCHMARK(digest)->Arg(64)->Arg(4096)->Arg(1 << 20)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace caisson::bench

BENCHMARK_MAIN();

#include "endpoints/records/request_metrics.hh"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace caisson::endpoints {
namespace {

using testing::HasSubstr;

TEST(RequestMetrics, CountsByServiceDecisionAndStatus) {
  RequestMetrics metrics;
  metrics.count({.service = "s3", .decision = "Allow", .status = 200, .bytes_in = 2000, .latency_us = 1500});
  metrics.count({.service = "s3", .decision = "Allow", .status = 200, .bytes_out = 0, .latency_us = 700'000});
  metrics.count({.service = "dynamodb", .decision = "Deny", .status = 400});
  metrics.count({.service = "", .decision = "Refused", .status = 0});
  const auto text = metrics.text({.written = 3, .lost = 1, .failing = true});
  for (const char* line :
       {R"(caisson_endpoint_requests_total{service="s3",status="200"} 2)",
        R"(caisson_endpoint_requests_total{service="none",status="0"} 1)",
        R"(caisson_endpoint_request_seconds_count{decision="Allow",service="s3"} 2)",
        R"(caisson_endpoint_request_seconds_bucket{decision="Allow",service="s3",le="0.0025"} 1)",
        R"(caisson_endpoint_request_seconds_bucket{decision="Allow",service="s3",le="1"} 2)",
        R"(caisson_endpoint_request_seconds_count{decision="Deny",service="dynamodb"} 1)",
        R"(caisson_endpoint_request_bytes_sum{direction="in",service="s3"} 2000)",
        R"(caisson_endpoint_request_bytes_bucket{direction="in",service="s3",le="1024"} 1)",
        R"(caisson_request_log_lines_total{result="lost"} 1)",
        R"(caisson_request_log_lines_total{result="written"} 3)", "caisson_request_log_failing 1"})
    EXPECT_THAT(text, HasSubstr(std::string(line) + "\n"));
  // Once more: counters do not count again what they have.
  EXPECT_THAT(metrics.text({.written = 4, .lost = 1}),
              testing::AllOf(HasSubstr(R"({result="written"} 4)"), HasSubstr(R"({result="lost"} 1)"),
                             HasSubstr("log_failing 0")));
}

}  // namespace
}  // namespace caisson::endpoints

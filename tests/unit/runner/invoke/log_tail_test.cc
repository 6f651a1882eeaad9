#include "runner/invoke/log_tail.hh"

#include <gtest/gtest.h>

namespace caisson::runner {
namespace {

constexpr std::chrono::system_clock::time_point kMoment{std::chrono::milliseconds(1'706'702'400'042)};

TEST(LogTail, KeepsTheEnd) {
  LogTail tail;
  tail.add(std::string(kLogTailBytes - 1, 'a'));
  tail.add("bc");
  EXPECT_EQ(tail.bytes().size(), kLogTailBytes);
  EXPECT_TRUE(tail.bytes().ends_with("abc"));
  tail.add(std::string(3 * kLogTailBytes, 'd') + "e");
  EXPECT_EQ(tail.bytes(), std::string(kLogTailBytes - 1, 'd') + "e");
  EXPECT_EQ(tail.take().size(), kLogTailBytes);
  EXPECT_TRUE(tail.bytes().empty());
}

TEST(UtcTime, BothForms) {
  EXPECT_EQ(utc_time(kMoment, "+0000"), "2024-01-31T12:00:00.042+0000");
  EXPECT_EQ(utc_time(kMoment, "Z"), "2024-01-31T12:00:00.042Z");
}

TEST(TimeoutMessage, HasTwoDecimals) {
  EXPECT_EQ(timeout_message(kMoment, "r", std::chrono::seconds(3)),
            "2024-01-31T12:00:00.042Z r Task timed out after 3.00 seconds");
}

TEST(ReportLine, Table) {
  const Report plain{.request_id = "r",
                     .duration = std::chrono::microseconds(12'345),
                     .memory_mib = 128,
                     .max_memory_mib = 40};
  const std::string begin =
      "REPORT RequestId: r\tDuration: 12.35 ms\tBilled Duration: 13 ms\tMemory Size: 128 MB\tMax Memory "
      "Used: 40 MB\t";
  EXPECT_EQ(report_line(plain), begin + "\n");
  Report cold = plain;
  cold.start = "Init";
  cold.start_duration = std::chrono::milliseconds(200);
  EXPECT_EQ(report_line(cold), begin + "Init Duration: 200.00 ms\t\n");
  Report failed = plain;
  failed.status = "error";
  failed.error_type = "Runtime.ExitError";
  EXPECT_EQ(report_line(failed), begin + "Status: error\tError Type: Runtime.ExitError\n");
}

}  // namespace
}  // namespace caisson::runner

#include "endpoints/records/request_line.hh"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace caisson::endpoints {
namespace {

using Json = nlohmann::json;

Record example() {
  return {.time_us = 1'800'000'000'000'042,
          .account = "111122223333",
          .function = "resize",
          .request_id = "0d5c",
          .endpoint = "vpce-1",
          .service = "s3",
          .action = "s3:PutObject",
          .resource = "arn:aws:s3:::photos/cat.jpg",
          .decision = "Deny",
          .statement = "NoSecrets",
          .status = 403,
          .bytes_in = 10'000'000'000,
          .bytes_out = 7,
          .latency_us = 1234,
          .peer = {.address = {0xF0000001}, .port = 2264, .local_address = {0xCB007105}, .local_port = 443},
          .eni = "eni-1",
          .source = "10.0.0.5"};
}

/// The line's object; what is no line of ASCII is none.
Json read(const std::string& line) {
  EXPECT_EQ(std::ranges::count(line, '\n'), 1);
  EXPECT_TRUE(line.ends_with("}\n")) << line;
  EXPECT_TRUE(std::ranges::all_of(line.substr(0, line.size() - 1), [](char c) {
    return c >= ' ' && c < 0x7F;
  })) << line;
  return Json::parse(line, nullptr, false);
}

TEST(RequestLine, HasAllOfTheRecord) {
  EXPECT_EQ(read(request_line(example())), Json::parse(R"({
    "Time": "2027-01-15T08:00:00.000042Z", "AccountId": "111122223333", "FunctionName": "resize", "RequestId": "0d5c",
    "Endpoint": "vpce-1", "Service": "s3", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::photos/cat.jpg",
    "Decision": "Deny", "Statement": "NoSecrets", "Status": 403, "BytesIn": 10000000000, "BytesOut": 7,
    "LatencyMicroseconds": 1234, "NetworkInterfaceId": "eni-1", "Source": "10.0.0.5", "SourcePort": 2264,
    "Destination": "203.0.113.5", "DestinationPort": 443, "Identity": "240.0.0.1"})"));
}

TEST(RequestLine, WhatIsNoEndpointsIsTheManagedSegments) {
  Record record = example();
  record.endpoint = "";
  EXPECT_EQ(read(request_line(record))["Endpoint"], "managed");
}

TEST(RequestLine, WhateverAClientSendsIsOneLineOfJson) {
  const struct {
    std::string sent;
    std::string read;
  } cases[] = {{"line\nbreak\r\"quotes\\\" \x1b[2J \x7f", "line\nbreak\r\"quotes\\\" \x1b[2J \x7f"},
               {std::string("nul\0byte", 8), std::string("nul\0byte", 8)},
               {"k\xC3\xA4se \xF0\x9F\xA7\x80", "k\xC3\xA4se \xF0\x9F\xA7\x80"},
               {"\xFF\xC3(", "\xEF\xBF\xBD\xEF\xBF\xBD("},
               {"cut \xE2\x82", "cut \xEF\xBF\xBD"},
               {"\xC2\x9B"
                "31m",
                "\xC2\x9B"
                "31m"}};
  for (const auto& [sent, wanted] : cases) {
    Record record = example();
    record.resource = sent;
    record.action = sent;
    record.statement = sent;
    const auto object = read(request_line(record));
    EXPECT_EQ(object["Resource"], wanted);
    EXPECT_EQ(object["Action"], wanted);
    EXPECT_EQ(object["Statement"], wanted);
  }
}

TEST(RequestLine, LongTextsEndWithAWholeCharacter) {
  Record record = example();
  record.resource = std::string(kMostOfText - 1, 'a') + "\xE2\x82\xAC and so on";
  const auto object = read(request_line(record));
  EXPECT_EQ(object["Resource"], std::string(kMostOfText - 1, 'a'));
  EXPECT_EQ(object["Truncated"], true);
  record.resource = std::string(kMostOfText, 'a');
  EXPECT_FALSE(read(request_line(record)).contains("Truncated"));
  record.resource = std::string(16U << 20, '\x80');
  EXPECT_LT(request_line(record).size(), 7 * kMostOfText);
}

}  // namespace
}  // namespace caisson::endpoints

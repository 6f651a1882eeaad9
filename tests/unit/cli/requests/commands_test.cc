#include "cli/requests/commands.hh"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/command_line.hh"

namespace caisson::cli {
namespace {

using Json = nlohmann::json;

Json record(const Json& changes = Json::object()) {
  Json made = Json::parse(R"({
    "Time": "2027-01-15T08:00:00.000042Z", "AccountId": "111122223333", "FunctionName": "resize", "RequestId": "0d5c",
    "Endpoint": "vpce-1", "Service": "s3", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::photos/cat.jpg",
    "Decision": "Allow", "Statement": "", "Status": 200, "BytesIn": 10, "BytesOut": 7, "LatencyMicroseconds": 1234,
    "NetworkInterfaceId": "eni-1", "Source": "10.0.0.5", "SourcePort": 2264, "Destination": "203.0.113.5",
    "DestinationPort": 443, "Identity": "240.0.0.1"})");
  made.update(changes);
  return made;
}

TEST(Requests, AreFiltered) {
  EXPECT_TRUE(admits({}, record()));
  EXPECT_TRUE(admits({}, Json::object()));
  const struct {
    RequestFilter filter;
    bool wanted;
  } cases[] = {{{.account = "111122223333"}, true},
               {{.account = "111122223334"}, false},
               {{.function = "resize"}, true},
               {{.function = "resiz"}, false},
               {{.endpoint = "vpce-1"}, true},
               {{.endpoint = "managed"}, false},
               {{.service = "s3"}, true},
               {{.service = "dynamodb"}, false},
               {{.decision = "Allow"}, true},
               {{.decision = "Deny"}, false},
               {{.function = "resize", .decision = "Deny"}, false}};
  for (const auto& [filter, wanted] : cases)
    EXPECT_EQ(admits(filter, record()), wanted)
        << filter.account << filter.function << filter.endpoint << filter.service << filter.decision;
  EXPECT_FALSE(admits({.account = "1"}, Json{{"AccountId", 1}}));
}

TEST(Requests, AreLinesInColumns) {
  const auto header = request_header(false);
  const auto text = request_text(record({{"Resource", "a\x1b[2J\n\xC3\xA4"}}), nullptr);
  EXPECT_EQ(text.find("s3:PutObject"), header.find("ACTION")) << header << text;
  EXPECT_EQ(text.find("1234"), header.find("MICROSECONDS")) << header << text;
  EXPECT_TRUE(text.ends_with(R"(  a\u001b[2J\n\u00e4)"
                             "\n"))
      << text;
  const Json flow{
      {"NetworkInterfaceId", "eni-1"}, {"Action", "ACCEPT"}, {"Reason", "ACCEPTED"}, {"RuleId", "sgr-1"}};
  EXPECT_NE(request_text(record(), &flow).find("  eni-1                  ACCEPT  ACCEPTED  sgr-1 "),
            std::string::npos)
      << request_text(record(), &flow);
  const Json none;
  EXPECT_EQ(request_text(record(), &none).find("ACCEPT"), std::string::npos);
}

TEST(Requests, HaveTheKeyOfTheirFlow) {
  const Json flow = Json::parse(R"({"NetworkInterfaceId": "eni-1", "Direction": "egress", "Protocol": 6,
    "Source": "10.0.0.5", "SourcePort": 2264, "Destination": "203.0.113.5", "DestinationPort": 443, "Action": "ACCEPT"})");
  EXPECT_EQ(flow_key(record()), flow_key(flow));
  for (const char* member : {"NetworkInterfaceId", "Source", "SourcePort", "Destination", "DestinationPort"})
    EXPECT_NE(flow_key(record({{member, "other"}})), flow_key(flow)) << member;
}

/// The subcommand over a folder of three files, one of them with what is no record.
class RequestsCommand : public testing::Test {
 protected:
  void SetUp() override {
    char folder[] = "/tmp/caisson-requests-command-test-XXXXXX";
    ASSERT_NE(mkdtemp(folder), nullptr);
    folder_ = folder;
    write("requests.jsonl.2", {record({{"Status", 201}})});
    write("requests.jsonl.1", {record({{"Status", 202}, {"Decision", "Deny"}})});
    write("requests.jsonl", {record({{"Status", 203}, {"AccountId", "000000000001"}, {"FunctionName", ""}})});
    std::ofstream(folder_ + "/requests.jsonl.1", std::ios::app) << "{\"Time\":\"20\n";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void write(const std::string& name, const std::vector<Json>& records) const {
    std::ofstream file(folder_ + "/" + name);
    for (const auto& one : records)
      file << one.dump() << "\n";
  }

  /// The statuses of the lines that come.
  std::vector<int> statuses(std::vector<std::string> words) {
    words.insert(words.begin(), {"--json", "requests", "--folder", folder_});
    std::ostringstream out;
    EXPECT_EQ(run(std::move(words), out, err_), 0) << err_.str();
    std::vector<int> found;
    std::istringstream lines(out.str());
    for (std::string line; std::getline(lines, line);)
      found.push_back(Json::parse(line).at("Status"));
    return found;
  }

  std::string folder_;
  std::ostringstream err_;
};

TEST_F(RequestsCommand, ReadsTheFilesInTheirOrder) {
  EXPECT_EQ(statuses({}), (std::vector{201, 202, 203}));
  EXPECT_EQ(err_.str(), "caisson: 1 lines are no records: not written to their end\n");
}

TEST_F(RequestsCommand, Filters) {
  EXPECT_EQ(statuses({"--decision", "Deny"}), (std::vector{202}));
  EXPECT_EQ(statuses({"--account", "111122223333"}), (std::vector{201, 202}));
  EXPECT_EQ(statuses({"--account", "default"}), (std::vector{203}));
  EXPECT_EQ(statuses({"--function-name", "resize", "--vpc-endpoint-id", "vpce-1", "--decision", "Allow"}),
            (std::vector{201}));
}

TEST_F(RequestsCommand, ShowsATable) {
  std::ostringstream out;
  EXPECT_EQ(run({"requests", "--folder", folder_, "--decision", "Deny"}, out, err_), 0);
  EXPECT_EQ(out.str(),
            request_header(false) + request_text(record({{"Status", 202}, {"Decision", "Deny"}}), nullptr));
}

TEST_F(RequestsCommand, SaysWhatIsWrong) {
  std::ostringstream out;
  EXPECT_EQ(run({"requests", "--decision", "Perhaps"}, out, err_), 2);
  EXPECT_EQ(run({"requests", "--instance", "../x"}, out, err_), 2);
  EXPECT_EQ(run({"requests", "--folder", "/nonexistent"}, out, err_), 1);
  EXPECT_NE(err_.str().find("/nonexistent"), std::string::npos) << err_.str();
  // The flows are netd's to tell.
  EXPECT_EQ(run({"requests", "--folder", folder_, "--flow", "--endpoint", "unix:/nonexistent/netd.sock"}, out,
                err_),
            1);
  EXPECT_NE(err_.str().find("/nonexistent/netd.sock"), std::string::npos) << err_.str();
}

}  // namespace
}  // namespace caisson::cli

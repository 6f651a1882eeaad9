// The whole CLI against the real server over a unix socket.
#include "cli/command_line.hh"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <fstream>
#include <iomanip>
#include <sstream>
#include <thread>

#include "cli/arguments.hh"
#include "cli/texts.hh"
#include "netd/api/server.hh"
#include "tests/unit/netd/api/fake_backend.hh"

namespace caisson::cli {
namespace {

using netd::api::FakeBackend;
using netd::api::Json;
using netd::api::Server;

struct Outcome {
  int status = 0;
  std::string out;
  std::string err;
};

class CommandLine : public testing::Test {
 protected:
  void SetUp() override {
    char folder[] = "/tmp/caisson-cli-test-XXXXXX";
    ASSERT_NE(mkdtemp(folder), nullptr);
    folder_ = folder;
    server_.emplace(io_, backend_);
    const auto listening = server_->http().listen_unix(socket(), 0600);
    ASSERT_TRUE(listening) << listening.error().text();
    thread_ = std::thread([this] { io_.run(); });
  }
  void TearDown() override {
    work_.reset();
    io_.stop();
    thread_.join();
    server_.reset();
    rmdir(folder_.c_str());
  }

  std::string socket() const { return folder_ + "/netd.sock"; }

  Outcome caisson(std::vector<std::string> words) {
    words.insert(words.end(), {"--endpoint", "unix:" + socket()});
    std::ostringstream out;
    std::ostringstream err;
    const int status = run(std::move(words), out, err);
    return {status, out.str(), err.str()};
  }
  Json json(std::vector<std::string> words) {
    words.push_back("--json");
    const auto outcome = caisson(std::move(words));
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    return Json::parse(outcome.out, nullptr, false);
  }

  std::string folder_;
  FakeBackend backend_;
  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{io_.get_executor()};
  std::optional<Server> server_;
  std::thread thread_;
};

TEST_F(CommandLine, MakesAVpcWithRulesAndAMember) {
  const auto vpc = json({"create-vpc", "--cidr-block", "10.0.0.0/16", "--tag-specifications",
                         "ResourceType=vpc,Tags=[{Key=Name,Value=shop}]"})["Vpc"];
  EXPECT_EQ(vpc["Tags"], Json::parse(R"([{"Key":"Name","Value":"shop"}])"));
  const std::string id = vpc["VpcId"];
  const auto subnet = json({"create-subnet", "--vpc-id", id, "--cidr-block", "10.0.1.0/24"})["Subnet"];
  const std::string web = json({"create-security-group", "--vpc-id", id, "--group-name", "web",
                                "--description", "web servers"})["GroupId"];
  const std::string db = json({"create-security-group", "--vpc-id", id, "--group-name", "db", "--description",
                               "databases"})["GroupId"];
  const auto rules = json({"authorize-security-group-ingress", "--group-id", db, "--protocol", "tcp",
                           "--port", "5432", "--source-group", web})["SecurityGroupRules"];
  ASSERT_EQ(rules.size(), 1U);
  EXPECT_EQ(rules[0]["ReferencedGroupInfo"]["GroupId"], web);
  EXPECT_EQ(rules[0]["FromPort"], 5432);
  const auto interface = json({"create-network-interface", "--subnet-id", subnet["SubnetId"], "--groups", web,
                               db})["NetworkInterface"];
  EXPECT_EQ(interface["Groups"].size(), 2U);
  EXPECT_TRUE(json({"attach-network-interface", "--network-interface-id", interface["NetworkInterfaceId"],
                    "--instance-id", "netns:db", "--device-index", "0"})
                  .contains("AttachmentId"));
  const auto shown =
      caisson({"describe-network-interfaces", "--filters", "Name=vpc-id,Values=" + id + ",vpc-x"});
  EXPECT_NE(shown.out.find("10.0.1.4"), std::string::npos) << shown.out;
  EXPECT_NE(shown.out.find("netns:db"), std::string::npos) << shown.out;
  EXPECT_EQ(caisson({"revoke-security-group-ingress", "--group-id", db, "--security-group-rule-ids",
                     rules[0]["SecurityGroupRuleId"]})
                .status,
            0);
}

TEST_F(CommandLine, TakesIpPermissionsAsJson) {
  const std::string vpc = json({"create-vpc", "--cidr-block", "10.0.0.0/16"})["Vpc"]["VpcId"];
  const std::string group =
      json({"create-security-group", "--vpc-id", vpc, "--group-name", "g", "--description", "d"})["GroupId"];
  const auto rules = json(
      {"authorize-security-group-ingress", "--group-id", group, "--ip-permissions",
       R"([{"IpProtocol":"tcp","FromPort":1,"ToPort":2,"IpRanges":[{"CidrIp":"10.0.0.0/8"},{"CidrIp":"0.0.0.0/0"}]}])"})
      ["SecurityGroupRules"];
  EXPECT_EQ(rules.size(), 2U);
  const auto shorthand = json({"authorize-security-group-ingress", "--group-id", group, "--ip-permissions",
                               "IpProtocol=udp,FromPort=53,ToPort=53,IpRanges=[{CidrIp=10.0.0.0/8}]"});
  EXPECT_EQ(shorthand["SecurityGroupRules"][0]["IpProtocol"], "udp");
  EXPECT_EQ(caisson({"authorize-security-group-ingress", "--group-id", group, "--protocol", "icmp", "--port",
                     "-1", "--cidr", "10.0.0.0/8"})
                .status,
            0);
}

TEST_F(CommandLine, ShowsErrorsWithTheirCode) {
  const auto outcome = caisson({"delete-vpc", "--vpc-id", "vpc-00000000000000001"});
  EXPECT_EQ(outcome.status, 1);
  EXPECT_EQ(outcome.err, "InvalidVpcID.NotFound: The vpc ID 'vpc-00000000000000001' does not exist\n");
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(caisson({"create-vpc", "--cidr-block", "10.0.0.0/16", "--dry-run"}).err,
            "DryRunOperation: Request would have succeeded, but DryRun flag is set.\n");
  EXPECT_EQ(caisson({"flows"}).err.substr(0, 14), "InternalError:");
}

TEST_F(CommandLine, ActsAsTheAccountThatItIsTold) {
  const std::string vpc = json({"create-vpc", "--cidr-block", "10.0.0.0/16"})["Vpc"]["VpcId"];
  EXPECT_EQ(json({"describe-vpcs"})["Vpcs"].size(), 1U);
  EXPECT_EQ(caisson({"describe-vpcs", "--account", "111122223333"}).status, 1);
  json({"create-account", "--account-name", "shop", "--account-id", "111122223333"});
  EXPECT_EQ(json({"describe-vpcs", "--account", "111122223333"})["Vpcs"].size(), 0U);
  EXPECT_EQ(caisson({"delete-vpc", "--vpc-id", vpc, "--account", "111122223333"}).status, 1);
}

TEST_F(CommandLine, WrongUsageIsStatus2) {
  for (const std::vector<std::string>& words : {std::vector<std::string>{},
                                                {"create-vpc"},
                                                {"no-such-command"},
                                                {"create-vpc", "--no-such-option"},
                                                {"create-tags", "--resources", "vpc-1", "--tags", "Key"},
                                                {"describe-vpcs", "--max-results", "many"},
                                                {"describe-vpcs", "--instance", "../x", "--endpoint", ""}}) {
    auto with_endpoint = words;
    std::ostringstream out;
    std::ostringstream err;
    EXPECT_EQ(run(with_endpoint, out, err), 2) << testing::PrintToString(words) << err.str();
    EXPECT_NE(err.str(), "") << testing::PrintToString(words);
  }
}

/// The words of an example, which a shell would split; "..." is one word.
std::vector<std::string> words_of(const std::string& example) {
  std::vector<std::string> words;
  std::istringstream stream(example);
  for (std::string word; stream >> std::quoted(word);)
    words.push_back(word);
  return words;
}

TEST_F(CommandLine, HelpOfEveryActionHasAnExampleThatTheApiTakes) {
  for (const auto& operation : netd::api::operations()) {
    if (operation.internal) continue;
    auto words = words_of(operation.example);
    const bool needs_words = std::any_of(operation.members.begin(), operation.members.end(),
                                         [](const auto& member) { return member.required; });
    ASSERT_TRUE(!words.empty() || !needs_words) << operation.name;
    words.insert(words.begin(), kebab_case(operation.name));
    const auto outcome = caisson(words);
    // The ids of the examples do not exist, which is all that may be wrong with them.
    const bool absent = outcome.status == 1 && (outcome.err.find(".NotFound: ") != std::string::npos ||
                                                outcome.err.find("InvalidID: ") != std::string::npos ||
                                                outcome.err.find("NoSuchEntity: ") != std::string::npos);
    EXPECT_TRUE(outcome.status == 0 || absent) << operation.name << ": " << outcome.err;
  }
  const auto help = caisson({"create-vpc", "--help"});
  EXPECT_EQ(help.status, 0);
  EXPECT_NE(help.out.find("caisson create-vpc --cidr-block 10.0.0.0/16"), std::string::npos) << help.out;
}

TEST_F(CommandLine, PlanAsJsonIsTheListAlone) {
  EXPECT_EQ(json({"plan"}), Json::array());
  EXPECT_EQ(caisson({"plan"}).out, "Kernel and model agree.\n");
  backend_.plan = Json::parse(R"([{"Operation":"create bridge","Object":"br-1","Reason":"subnet"}])");
  EXPECT_EQ(caisson({"plan"}).out, "OPERATION      OBJECT  REASON\ncreate bridge  br-1    subnet\n");
}

TEST_F(CommandLine, DescribeShowsTheTree) {
  EXPECT_EQ(caisson({"describe"}).out, "account 000000000001\nslots: 7 of 8 free\n");
}

TEST(Endpoint, WithoutADaemonTheErrorNamesTheSocket) {
  std::ostringstream out;
  std::ostringstream err;
  EXPECT_EQ(run({"describe-vpcs", "--endpoint", "unix:/nonexistent/netd.sock"}, out, err), 1);
  EXPECT_NE(err.str().find("/nonexistent/netd.sock"), std::string::npos);
}

TEST(Docs, ApiIsWhatTheTableSays) {
  std::ifstream file(std::string(CAISSON_SOURCE_DIR) + "/docs/api.md");
  std::ostringstream committed;
  committed << file.rdbuf();
  EXPECT_TRUE(committed.str() == api_docs())
      << "docs/api.md is not current: caisson internal-docs > docs/api.md";
}

}  // namespace
}  // namespace caisson::cli

// Requests as JSON to the table of operations, and a state behind it.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "netd/api/operations.hh"
#include "netd/api/stamped_json.hh"

namespace caisson::netd::api {

class World {
 public:
  vpc::State state;
  vpc::AccountId account{"000000000001"};

  /// As netd does it: check, store, read back, apply, reply.
  Result<Json> attempt(const std::string& name, const Json& parameters) {
    const Operation* operation = find_operation(name);
    if (operation == nullptr) return Error{.code = "InvalidAction"};
    TRYV(check_parameters(*operation, parameters));
    if (!operation->changes()) return operation->read(state, account, parameters);
    TRYV(operation->decode(parameters));
    const auto stored = encode_stored(name, parameters, account, ++seed_, "2026-01-01T00:00:00.000Z");
    auto stamped = decode_stored(Json::parse(stored.dump()));
    if (!stamped) {
      ADD_FAILURE() << stamped.error().text();
      return stamped.error();
    }
    TRY(auto applied, vpc::apply(state, stamped.value()));
    auto reply = operation->reply(applied, account, parameters);
    state = std::move(applied.state);
    return reply;
  }

  /// Must succeed.
  Json ask(const std::string& name, const Json& parameters) {
    auto reply = attempt(name, parameters);
    EXPECT_TRUE(reply) << name << parameters << ": " << (reply ? "" : reply.error().text());
    return reply ? reply.value() : Json();
  }

  /// The same with parameters as text.
  Json ask_text(const std::string& name, const char* parameters) {
    return ask(name, Json::parse(parameters));
  }

  std::string code(const std::string& name, const Json& parameters) {
    const auto reply = attempt(name, parameters);
    return reply ? "" : reply.error().code;
  }

  std::string vpc(const std::string& cidr = "10.0.0.0/16") {
    return ask("CreateVpc", {{"CidrBlock", cidr}})["Vpc"]["VpcId"];
  }
  std::string subnet(const std::string& vpc, const std::string& cidr = "10.0.1.0/24") {
    return ask("CreateSubnet", {{"VpcId", vpc}, {"CidrBlock", cidr}})["Subnet"]["SubnetId"];
  }
  std::string group(const std::string& vpc, const std::string& name) {
    return ask("CreateSecurityGroup", {{"VpcId", vpc}, {"GroupName", name}, {"Description", "d"}})["GroupId"];
  }

 private:
  std::uint64_t seed_ = 0;
};

}  // namespace caisson::netd::api

#include "runner/api/errors.hh"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace caisson::runner {
namespace {

using Json = nlohmann::json;

std::string header(const HttpResponse& response, const std::string& name) {
  for (const auto& [known, value] : response.headers) {
    if (known == name) return value;
  }
  return {};
}

struct Case {
  const char* code;
  unsigned status;
  const char* member;
  const char* type;
};

TEST(ErrorResponse, Table) {
  const Case cases[] = {{"InvalidParameterValueException", 400, "message", "User"},
                        {"ValidationException", 400, "message", "User"},
                        {"ResourceNotFoundException", 404, "Message", "User"},
                        {"ResourceConflictException", 409, "message", "User"},
                        {"PreconditionFailedException", 412, "message", "User"},
                        {"RequestTooLargeException", 413, "message", "User"},
                        {"ServiceException", 500, "Message", "Service"},
                        {"InvalidSubnetIDException", 502, "Message", "Service"}};
  for (const Case& one : cases) {
    const HttpResponse response = error_response({.code = one.code, .message = "m"});
    EXPECT_EQ(response.status, one.status) << one.code;
    EXPECT_EQ(header(response, "x-amzn-ErrorType"), one.code);
    EXPECT_EQ(Json::parse(response.body), Json({{"Type", one.type}, {one.member, "m"}})) << one.code;
  }
}

TEST(ErrorResponse, TooManyRequestsHasAReasonAndRetryAfter) {
  const HttpResponse response =
      error_response({.code = "TooManyRequestsException", .message = "Rate Exceeded."});
  EXPECT_EQ(response.status, 429U);
  EXPECT_EQ(header(response, "Retry-After"), "1");
  EXPECT_EQ(Json::parse(response.body).at("Reason"), "ConcurrentInvocationLimitExceeded");
}

TEST(ErrorResponse, TheInsideStaysInside) {
  const HttpResponse response = error_response(Error::system(2, "open", "/var/lib/secret"));
  EXPECT_EQ(response.status, 500U);
  EXPECT_EQ(header(response, "x-amzn-ErrorType"), "ServiceException");
  EXPECT_EQ(response.body.find("secret"), std::string::npos);
}

TEST(ErrorResponse, BytesThatAreNoTextAreReplaced) {
  EXPECT_TRUE(Json::accept(error_response({.code = "ValidationException", .message = "\xff\xfe"}).body));
}

}  // namespace
}  // namespace caisson::runner

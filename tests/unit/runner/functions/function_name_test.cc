#include "runner/functions/function_name.hh"

#include <gtest/gtest.h>

namespace caisson::runner {
namespace {

struct Case {
  const char* text;
  const char* name;
  const char* account;
  const char* region;
  const char* qualifier;
};

TEST(FunctionName, AllForms) {
  const Case cases[] = {
      {"f", "f", "", "", ""},
      {"f:live", "f", "", "", "live"},
      {"f:$LATEST", "f", "", "", "$LATEST"},
      {"000000000001:function:f", "f", "000000000001", "", ""},
      {"000000000001:function:f:7", "f", "000000000001", "", "7"},
      {"us-east-1:000000000001:function:f", "f", "000000000001", "us-east-1", ""},
      {"arn:aws:lambda:us-east-1:000000000001:function:f", "f", "000000000001", "us-east-1", ""},
      {"arn:aws:lambda:us-east-1:000000000001:function:f:$LATEST", "f", "000000000001", "us-east-1",
       "$LATEST"},
      {"arn:aws-cn:lambda:cn-north-1:000000000001:function:f", "f", "000000000001", "cn-north-1", ""},
  };
  for (const Case& one : cases) {
    const auto name = parse_function_name(one.text);
    ASSERT_TRUE(name) << one.text;
    EXPECT_EQ(name.value().name, one.name) << one.text;
    EXPECT_EQ(name.value().account, one.account) << one.text;
    EXPECT_EQ(name.value().region, one.region) << one.text;
    EXPECT_EQ(name.value().qualifier, one.qualifier) << one.text;
  }
}

TEST(FunctionName, NotOfAnyForm) {
  for (const char* text :
       {"", ":", "f:", "f g", "f/g", "f:a:b", "1:function:f", "arn:aws:lambda",
        "arn:aws:s3:us-east-1:000000000001:function:f", "arn:aws:lambda:US:000000000001:function:f",
        "arn:aws:lambda:us-east-1:000000000001:layer:f",
        "arn:aws:lambda:us-east-1:000000000001:function:f:a:b"}) {
    const auto name = parse_function_name(text);
    ASSERT_FALSE(name) << text;
    EXPECT_EQ(name.error().code, "ValidationException");
  }
  EXPECT_FALSE(parse_function_name(std::string(65, 'f')));
  EXPECT_TRUE(parse_function_name(std::string(64, 'f')));
}

TEST(FunctionName, QualifiersMustAgree) {
  EXPECT_EQ(join_qualifiers("", "").value(), "");
  EXPECT_EQ(join_qualifiers("7", "").value(), "7");
  EXPECT_EQ(join_qualifiers("", "7").value(), "7");
  EXPECT_EQ(join_qualifiers("7", "7").value(), "7");
  EXPECT_EQ(join_qualifiers("7", "8").error().code, "InvalidParameterValueException");
}

}  // namespace
}  // namespace caisson::runner

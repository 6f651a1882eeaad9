#include "policies/pattern.hh"

#include <gtest/gtest.h>

namespace caisson::policies {
namespace {

ResolvedPattern made(
    std::string_view text, const Lookup& lookup = [](std::string_view) { return std::nullopt; }) {
  const auto pattern = Pattern::parse(text, true);
  EXPECT_TRUE(pattern) << text;
  return pattern.value().resolve(lookup).value();
}

TEST(Pattern, Wildcards) {
  EXPECT_TRUE(made("").matches(""));
  EXPECT_FALSE(made("").matches("a"));
  EXPECT_TRUE(made("*").matches(""));
  EXPECT_TRUE(made("*").matches("a:b/c"));
  EXPECT_TRUE(made("a*c").matches("ac"));
  EXPECT_TRUE(made("a*c").matches("abcbc"));
  EXPECT_FALSE(made("a*c").matches("abcb"));
  EXPECT_TRUE(made("a?c").matches("abc"));
  EXPECT_FALSE(made("a?c").matches("ac"));
  EXPECT_TRUE(made("*ab*ab*").matches("xabyabz"));
  EXPECT_FALSE(made("*ab*ab*").matches("xabyz"));
  EXPECT_FALSE(made("abc").matches("ABC"));
  EXPECT_TRUE(made("aB*").matches("Abx", /*ignore_case=*/true));
}

/// What would take for ever if it were tried branch by branch.
TEST(Pattern, ManyRunsAreCheap) {
  std::string pattern;
  for (int i = 0; i < 2000; ++i)
    pattern += "*a";
  EXPECT_FALSE(made(pattern + "b").matches(std::string(4000, 'a')));
}

TEST(Pattern, ArnsGoBySegments) {
  EXPECT_TRUE(made("arn:aws:s3:::b*/k").matches_arn("arn:aws:s3:::bucket/a/k"));
  EXPECT_TRUE(made("arn:aws:s3:::*").matches_arn("arn:aws:s3:::bucket/with:colons"));
  EXPECT_TRUE(made("arn:aws:sqs:*:1:q").matches_arn("arn:aws:sqs:us-east-1:1:q"));
  EXPECT_FALSE(made("arn:aws:*:1:q").matches_arn("arn:aws:sqs:us-east-1:1:q")) << "one segment is not two";
  EXPECT_FALSE(made("arn:aws:s3:*").matches_arn("arn:aws:sqs:us-east-1:1:q"));
  EXPECT_TRUE(made("*").matches_arn("arn:aws:s3:::b"));
  EXPECT_FALSE(made("arn:aws:s3:::b").matches_arn("b"));
}

TEST(Pattern, VariablesAreTextAndNothingElse) {
  const Lookup lookup = [](std::string_view key) -> std::optional<std::string> {
    if (key == "aws:username") return "a*b";
    if (key == "aws:PrincipalTag/x") return "s3:::secret";
    return std::nullopt;
  };
  EXPECT_TRUE(made("home/${aws:username}/*", lookup).matches("home/a*b/x"));
  EXPECT_FALSE(made("home/${aws:username}/*", lookup).matches("home/axb/x"));
  EXPECT_TRUE(made("${aws:none, 'all'}", lookup).matches("all"));
  EXPECT_TRUE(made("${*}${?}${$}", lookup).matches("*?$"));
  EXPECT_FALSE(made("arn:aws:${aws:PrincipalTag/x}:::*", lookup).matches_arn("arn:aws:s3:::secret:::x"))
      << "a value's colon ends no segment";
  EXPECT_FALSE(Pattern::parse("${aws:none}", true).value().resolve(lookup));
  EXPECT_TRUE(Pattern::parse("${aws:none}", false).value().resolve(lookup)->matches("${aws:none}"));
}

TEST(Pattern, WrongVariablesAreRefused) {
  for (const char* text : {"${", "${}", "a${aws:x", "${a b}", "${x,y}", "${x,'y}", "${,'y'}", "${a${b}}"}) {
    const auto pattern = Pattern::parse(text, true);
    ASSERT_FALSE(pattern) << text;
    EXPECT_EQ(pattern.error().code, "InvalidPolicyDocument");
  }
}

}  // namespace
}  // namespace caisson::policies

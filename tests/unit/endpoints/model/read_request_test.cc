#include "endpoints/model/read_request.hh"

#include <gtest/gtest.h>

#include "tests/unit/endpoints/model/documents.hh"

namespace caisson::endpoints {
namespace {

const Place kPlace{.region = "us-east-1", .account = "111122223333"};

std::string text_of(const Result<Reading>& reading) {
  if (!reading) return reading.error().code;
  std::string text;
  for (const Access& access : reading.value().accesses)
    text += (text.empty() ? "" : " ") + access.action + " " + access.resource;
  return text;
}

std::string s3(const std::string& method, const std::string& target,
               const std::string& host = "s3.us-east-1.amazonaws.com",
               const std::map<std::string, std::string>& headers = {}) {
  static const Service service = service_of("s3");
  return text_of(read_request(service, {.method = method, .host = host, .target = target, .headers = headers},
                              "", kPlace));
}

std::string dynamodb(const std::string& target, const std::string& body, const std::string& method = "POST") {
  static const Service service = service_of("dynamodb");
  return text_of(read_request(service,
                              {.method = method,
                               .host = "dynamodb.us-east-1.amazonaws.com",
                               .target = "/",
                               .headers = {{"x-amz-target", target}}},
                              body, kPlace));
}

TEST(ReadS3, WhatClientsAsk) {
  const struct {
    const char* method;
    const char* target;
    const char* reading;
  } cases[] = {
      {"GET", "/", "s3:ListAllMyBuckets arn:aws:s3:::*"},
      {"PUT", "/photos", "s3:CreateBucket arn:aws:s3:::photos"},
      {"DELETE", "/photos/", "s3:DeleteBucket arn:aws:s3:::photos"},
      {"HEAD", "/photos", "s3:ListBucket arn:aws:s3:::photos"},
      {"GET", "/photos?list-type=2&prefix=2026%2F&delimiter=%2F", "s3:ListBucket arn:aws:s3:::photos"},
      {"GET", "/photos?location", "s3:GetBucketLocation arn:aws:s3:::photos"},
      {"GET", "/photos?uploads", "s3:ListBucketMultipartUploads arn:aws:s3:::photos"},
      {"GET", "/photos/a/b%20c?x-id=GetObject", "s3:GetObject arn:aws:s3:::photos/a/b c"},
      {"GET", "/photos//a", "s3:GetObject arn:aws:s3:::photos//a"},
      {"HEAD", "/photos/a?response-content-type=text%2Fplain", "s3:GetObject arn:aws:s3:::photos/a"},
      {"PUT", "/photos/a", "s3:PutObject arn:aws:s3:::photos/a"},
      {"DELETE", "/photos/a", "s3:DeleteObject arn:aws:s3:::photos/a"},
      {"POST", "/photos/a?uploads", "s3:PutObject arn:aws:s3:::photos/a"},
      {"PUT", "/photos/a?partNumber=1&uploadId=u", "s3:PutObject arn:aws:s3:::photos/a"},
      {"POST", "/photos/a?uploadId=u", "s3:PutObject arn:aws:s3:::photos/a"},
      {"GET", "/photos/a?uploadId=u", "s3:ListMultipartUploadParts arn:aws:s3:::photos/a"},
      {"DELETE", "/photos/a?uploadId=u", "s3:AbortMultipartUpload arn:aws:s3:::photos/a"},
      {"GET", "/photos/a?tagging", "s3:GetObjectTagging arn:aws:s3:::photos/a"},
  };
  for (const auto& c : cases)
    EXPECT_EQ(s3(c.method, c.target), c.reading) << c.method << " " << c.target;
  EXPECT_EQ(s3("GET", "/a/b", "photos.s3.us-east-1.amazonaws.com"), "s3:GetObject arn:aws:s3:::photos/a/b");
  EXPECT_EQ(s3("GET", "/?prefix=x", "photos.s3.amazonaws.com"), "s3:ListBucket arn:aws:s3:::photos");
}

TEST(ReadS3, CopiesReadTheirSource) {
  EXPECT_EQ(s3("PUT", "/photos/b", "s3.amazonaws.com", {{"x-amz-copy-source", "/secret/a%2Fb?versionId=1"}}),
            "s3:PutObject arn:aws:s3:::photos/b s3:GetObject arn:aws:s3:::secret/a/b");
  EXPECT_EQ(
      s3("PUT", "/photos/b?partNumber=1&uploadId=u", "s3.amazonaws.com", {{"x-amz-copy-source", "secret/a"}}),
      "s3:PutObject arn:aws:s3:::photos/b s3:GetObject arn:aws:s3:::secret/a");
  EXPECT_EQ(s3("PUT", "/photos/b", "s3.amazonaws.com", {{"x-amz-copy-source", "secret"}}), "InvalidURI");
  EXPECT_EQ(s3("PUT", "/photos/b", "s3.amazonaws.com", {{"x-amz-copy-source", "secret/a?acl"}}),
            "InvalidURI");
  EXPECT_EQ(s3("GET", "/photos/b", "s3.amazonaws.com", {{"x-amz-copy-source", "secret/a"}}),
            "NotImplemented");
}

/// Whatever could make a backend do another thing than the one that was judged.
TEST(ReadS3, RefusesWhatIsNotKnown) {
  EXPECT_EQ(s3("PUT", "/photos?policy"), "NotImplemented");
  EXPECT_EQ(s3("GET", "/photos/a?acl&tagging"), "NotImplemented");
  EXPECT_EQ(s3("GET", "/photos/a?Acl"), "NotImplemented");
  EXPECT_EQ(s3("PATCH", "/photos/a"), "NotImplemented");
  EXPECT_EQ(s3("POST", "/photos?delete"), "NotImplemented");
  EXPECT_EQ(s3("GET", "/photos/../secret/a"), "InvalidURI");
  EXPECT_EQ(s3("GET", "/photos/%2e%2e/secret/a"), "InvalidURI");
  EXPECT_EQ(s3("GET", "/photos/a/."), "InvalidURI");
  EXPECT_EQ(s3("GET", "/photos/..%2Fsecret"), "InvalidURI");
  EXPECT_EQ(s3("GET", "/photos%2Fa"), "InvalidBucketName");
  EXPECT_EQ(s3("GET", "/Photos/a"), "InvalidBucketName");
  EXPECT_EQ(s3("GET", "/a*b/x"), "InvalidBucketName");
  EXPECT_EQ(s3("GET", "/photos/a?prefix=x&prefix=y"), "InvalidURI");
  EXPECT_EQ(s3("GET", "/photos/%zz"), "InvalidURI");
  EXPECT_EQ(s3("GET", "//photos/a"), "InvalidURI");
  EXPECT_EQ(s3("GET", "http://photos/a"), "InvalidURI");
  EXPECT_EQ(s3("GET", ""), "InvalidURI");
  EXPECT_EQ(s3("GET", "/a", "evil.example"), "InvalidURI");
}

TEST(ReadS3, ConditionKeys) {
  const auto reading = read_request(service_of("s3"),
                                    {.method = "GET",
                                     .host = "photos.s3.amazonaws.com",
                                     .target = "/?list-type=2&prefix=a%2F&max-keys=7",
                                     .headers = {}},
                                    "", kPlace);
  ASSERT_TRUE(reading);
  EXPECT_EQ(reading.value().bucket, "photos");
  EXPECT_EQ(reading.value().context,
            (std::map<std::string, std::vector<std::string>>{{"s3:prefix", {"a/"}}, {"s3:max-keys", {"7"}}}));
}

TEST(ReadDynamoDb, TablesByOperation) {
  const std::string table = "arn:aws:dynamodb:us-east-1:111122223333:table/";
  EXPECT_EQ(dynamodb("DynamoDB_20120810.GetItem", R"({"TableName":"t","Key":{}})"),
            "dynamodb:GetItem " + table + "t");
  EXPECT_EQ(dynamodb("DynamoDB_20120810.ListTables", "{}"), "dynamodb:ListTables *");
  EXPECT_EQ(dynamodb("DynamoDB_20120810.ListTables", ""), "dynamodb:ListTables *");
  EXPECT_EQ(dynamodb("DynamoDB_20120810.BatchGetItem", R"({"RequestItems":{"b":{},"a":{}}})"),
            "dynamodb:BatchGetItem " + table + "a dynamodb:BatchGetItem " + table + "b");
  EXPECT_EQ(dynamodb("DynamoDB_20120810.TransactWriteItems",
                     R"({"TransactItems":[{"Put":{"TableName":"x"}},{"Delete":{"TableName":"y"}}]})"),
            "dynamodb:TransactWriteItems " + table + "x dynamodb:TransactWriteItems " + table + "y");
  EXPECT_EQ(dynamodb("DynamoDB_20120810.PutItem", R"({"TableName":"t","Item":{"TableName":{"S":"v"}}})"),
            "dynamodb:PutItem " + table + "t");
  EXPECT_EQ(dynamodb("DynamoDB_20120810.GetItem",
                     R"({"TableName":"arn:aws:dynamodb:us-east-1:444455556666:table/t"})"),
            "dynamodb:GetItem arn:aws:dynamodb:us-east-1:444455556666:table/t");
}

TEST(ReadDynamoDb, RefusesWhatIsNotKnown) {
  EXPECT_EQ(dynamodb("GetItem", "{}"), "UnknownOperationException");
  EXPECT_EQ(dynamodb("DynamoDB_20120810.", "{}"), "UnknownOperationException");
  EXPECT_EQ(dynamodb("DynamoDB_20120810.Get*", "{}"), "UnknownOperationException");
  EXPECT_EQ(dynamodb("DynamoDB_20120810.GetItem", "{}", "GET"), "UnknownOperationException");
  EXPECT_EQ(dynamodb("DynamoDB_20120810.GetItem", "[]"), "SerializationException");
  EXPECT_EQ(dynamodb("DynamoDB_20120810.GetItem", "{"), "SerializationException");
  EXPECT_EQ(dynamodb("DynamoDB_20120810.GetItem", R"({"TableName":"mine","TableName":"yours"})"),
            "SerializationException");
  EXPECT_EQ(dynamodb("DynamoDB_20120810.GetItem", std::string(100, '[')), "SerializationException");
}

}  // namespace
}  // namespace caisson::endpoints

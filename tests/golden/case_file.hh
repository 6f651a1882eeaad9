// A file of tests/golden: requests, and sections of text that they must come to.
//
//   # a comment
//   [requests]
//   vpc = CreateVpc {"CidrBlock": "10.0.0.0/16"} /Vpc/VpcId     `vpc` is what the reply has at that JSON pointer
//   CreateSubnet {"VpcId": "$vpc", "CidrBlock": "10.9.0.0/24"} ! InvalidSubnet.Range      must fail with this code
//
//   [desired]
//   ...lines
//
// One request a line. "$name" stands for a value of an earlier request.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace caisson::golden {

struct Request {
  std::string name;        ///< of what is kept of the reply; empty: nothing
  std::string operation;   ///< EC2's action
  std::string parameters;  ///< JSON, with $names
  std::string pointer;     ///< where the reply has what is kept
  std::string code;        ///< the error that is expected; empty: none
};

struct CaseFile {
  std::vector<std::string> comments;
  std::vector<std::string> request_lines;
  std::vector<Request> requests;
  std::map<std::string, std::vector<std::string>> sections;  ///< the others
};

/// Throws std::runtime_error for what it cannot read, which ends the test.
CaseFile read_case(const std::string& path);

/// With `sections` in place of those that are there, in the order of `order`.
void write_case(const std::string& path, const CaseFile& file,
                const std::map<std::string, std::vector<std::string>>& sections,
                const std::vector<std::string>& order);

}  // namespace caisson::golden

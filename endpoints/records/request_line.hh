// A request's record as a line of JSON.
#pragma once

#include <string>

#include "endpoints/proxy/parties.hh"

namespace caisson::endpoints {

/// How much of a text that a client chose is written, in bytes. Nothing that is valid is as long: a key of S3's has 1,024
/// bytes, a name of DynamoDB's 255.
inline constexpr std::size_t kMostOfText = 2048;

/// An object and a newline, in ASCII alone: what is no UTF-8 becomes U+FFFD, and all but ASCII is escaped, so that nothing in it
/// does anything to a terminal. Members are those of `DescribeFlows` where they mean the same; "Truncated" is true where a text
/// was too long. Pure.
std::string request_line(const Record& record);

}  // namespace caisson::endpoints

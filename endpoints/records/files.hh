// Where the records of requests are: "requests.jsonl", which grows, and those that were full, "requests.jsonl.1" (the
// youngest) and so on, in endpointd's state folder.
#pragma once

#include <string>
#include <vector>

#include "base/result.hh"

namespace caisson::endpoints {

inline constexpr const char* kRequestsFile = "requests.jsonl";

/// The file's name: 0 is the one that grows.
std::string requests_file(unsigned number);

/// The numbers of those that are in the folder, ascending: the youngest first. Errors: those of reading a folder.
Result<std::vector<unsigned>> requests_files(int folder);

}  // namespace caisson::endpoints

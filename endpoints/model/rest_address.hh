// Bucket, key and query of a request in S3's manner.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/result.hh"

namespace caisson::endpoints {

struct RestAddress {
  std::string bucket;                        ///< empty: the service itself
  std::string key;                           ///< decoded
  std::map<std::string, std::string> query;  ///< decoded
};

/// `host_bucket` comes from the host's name ("virtual-hosted style"); empty: the path's first segment is the bucket.
/// Errors: InvalidURI for broken escapes, "." and ".." as segments, a parameter that comes twice; InvalidBucketName.
Result<RestAddress> parse_address(std::string_view target, const std::string& host_bucket);

/// x-amz-copy-source: "/bucket/key" or "bucket/key", encoded, with an optional versionId. Errors: as above.
Result<RestAddress> parse_copy_source(std::string_view header);

}  // namespace caisson::endpoints

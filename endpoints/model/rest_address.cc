#include "endpoints/model/rest_address.hh"

#include <algorithm>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <optional>

namespace caisson::endpoints {
namespace {

namespace urls = boost::urls;

Error invalid_uri(const std::string& why) {
  return {.code = "InvalidURI", .message = "Couldn't parse the specified URI: " + why};
}

/// Source: S3 User Guide, "Bucket naming rules".
bool is_bucket(std::string_view name) {
  return name.size() >= 3 && name.size() <= 63 && name.front() != '.' && name.front() != '-' &&
         name.back() != '.' && name.back() != '-' && name.find("..") == std::string_view::npos &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789.-") == std::string_view::npos;
}

std::optional<std::string> decoded(std::string_view text) {
  const auto view = urls::make_pct_string_view(text);
  if (!view) return std::nullopt;
  return view->decode();
}

bool has_dot_segments(std::string_view key) {
  for (std::size_t begin = 0; begin <= key.size();) {
    const auto end = std::min(key.find('/', begin), key.size());
    const auto segment = key.substr(begin, end - begin);
    if (segment == "." || segment == "..") return true;
    begin = end + 1;
  }
  return false;
}

Status read_query(const urls::url_view& url, RestAddress& address) {
  for (const auto& parameter : url.params()) {
    if (!address.query.emplace(parameter.key, parameter.value).second) {
      return invalid_uri("the parameter " + std::string(parameter.key) + " comes twice");
    }
  }
  return ok();
}

}  // namespace

Result<RestAddress> parse_address(std::string_view target, const std::string& host_bucket) {
  const auto url = urls::parse_origin_form(target);
  if (!url) return invalid_uri("it must be a path and a query");
  std::string_view path(url->encoded_path());
  path.remove_prefix(1);
  RestAddress address{.bucket = host_bucket, .key = {}, .query = {}};
  if (host_bucket.empty()) {
    const auto end = std::min(path.find('/'), path.size());
    const auto bucket = decoded(path.substr(0, end));
    if (!bucket) return invalid_uri("an escape is broken");
    address.bucket = *bucket;
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  const auto key = decoded(path);
  if (!key) return invalid_uri("an escape is broken");
  address.key = *key;
  if (has_dot_segments(address.key)) return invalid_uri("segments \".\" and \"..\" are not accepted");
  TRYV(read_query(*url, address));
  if (!address.bucket.empty() && !is_bucket(address.bucket)) {
    return Error{.code = "InvalidBucketName",
                 .message = "The specified bucket is not valid: " + address.bucket};
  }
  if (address.bucket.empty() && !address.key.empty()) return invalid_uri("it has a key and no bucket");
  return address;
}

Result<RestAddress> parse_copy_source(std::string_view header) {
  TRY(auto address,
      parse_address(header.starts_with('/') ? std::string(header) : "/" + std::string(header), ""));
  if (address.key.empty()) return invalid_uri("x-amz-copy-source must name a bucket and a key");
  for (const auto& [name, value] : address.query) {
    if (name != "versionId") return invalid_uri("x-amz-copy-source takes no parameter " + name);
  }
  return address;
}

}  // namespace caisson::endpoints

#include "runner/api/http.hh"

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

namespace caisson::runner {

namespace urls = boost::urls;

Target parse_target(std::string_view text) {
  // What begins with two slashes would be an authority to a URL; to a server it is a path.
  while (text.starts_with("//"))
    text.remove_prefix(1);
  const auto parsed = urls::parse_origin_form(text.empty() ? "/" : text);
  if (!parsed) return {.path = {}, .query = {}, .valid = false};
  Target target;
  for (const std::string& segment : parsed->segments()) {
    if (!segment.empty()) target.path.push_back(segment);
  }
  for (const auto& parameter : parsed->params()) {
    if (!parameter.key.empty()) target.query[parameter.key] = parameter.value;
  }
  return target;
}

}  // namespace caisson::runner

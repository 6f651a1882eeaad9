// Which names in an archive stay within it. Pure.
#pragma once

#include <string>
#include <string_view>
#include <unordered_set>

namespace caisson::runner {

/// Relative, not empty, no component "..", no NUL or control characters, at most 1,024 bytes.
bool is_inner_path(std::string_view path);

/// Does `target`, seen from the link's folder, stay within the archive? Absolute targets don't. The check is
/// on the text: an archive's links to folders that are links themselves are judged where they lead through
/// names.
bool is_inner_link(std::string_view link, std::string_view target);

/// The names of an archive: each is a folder's or not, and stays so. An image can hold no other.
class Names {
 public:
  /// False: the name, or a folder that it lies in, is there as the other kind. `path` is an inner one.
  bool add(std::string_view path, bool is_folder);

 private:
  std::unordered_set<std::string> folders_;
  std::unordered_set<std::string> others_;
};

}  // namespace caisson::runner

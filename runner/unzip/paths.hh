// Which names in an archive stay within it. Pure.
#pragma once

#include <string_view>

namespace caisson::runner {

/// Relative, not empty, no component "..", no NUL or control characters, at most 1,024 bytes.
bool is_inner_path(std::string_view path);

/// Does `target`, seen from the link's folder, stay within the archive? Absolute targets don't. The check is
/// on the text: an archive's links to folders that are links themselves are judged where they lead through
/// names.
bool is_inner_link(std::string_view link, std::string_view target);

}  // namespace caisson::runner

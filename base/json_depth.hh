// How deep JSON text is nested, before a parser sees it.
#pragma once

#include <cstddef>
#include <string_view>

namespace caisson {

/// Counts brackets outside of strings, in one pass and without memory: a body of brackets alone would cost a parser
/// a hundred times its size, and what prints or destroys its tree may recurse. The text need not be JSON.
bool nested_deeper_than(std::string_view text, std::size_t levels);

}  // namespace caisson

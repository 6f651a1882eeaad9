// How deep CBOR is nested, before a parser that recurses sees it.
#pragma once

#include <cstddef>
#include <string_view>

namespace caisson {

/// Is this not one data item of CBOR (RFC 8949), nested at most `levels` deep, with definite lengths and without tags?
/// In one pass and without recursion. Contents (numbers, UTF-8, keys) are the parser's business.
bool cbor_too_deep(std::string_view bytes, std::size_t levels);

}  // namespace caisson

// A function as the text that the registry stores.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hh"
#include "runner/functions/function.hh"

namespace caisson::runner {

/// JSON; the reverse of parse_document.
std::string to_document(const Function& function);
/// Errors: "CorruptRegistry" for what to_document can't have written.
Result<Function> parse_document(std::string_view text);

}  // namespace caisson::runner

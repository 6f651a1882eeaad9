// What an account may store of code, all its functions together ("Lambda quotas": function and layer storage).
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/result.hh"
#include "runner/functions/function.hh"

namespace caisson::runner {

inline constexpr std::uint64_t kCodeStorageBytes = 75ULL << 30;  ///< Lambda's default

/// Bytes of the ZIP files that the functions have, and of those that updates in progress bring.
std::uint64_t stored_code(const std::vector<std::shared_ptr<const Function>>& functions);

/// Whether a package of `bytes` fits beside all of the account's. The one that it replaces counts: it stays until the
/// update is done. Error CodeStorageExceededException.
Status check_code_storage(const std::vector<std::shared_ptr<const Function>>& functions, std::uint64_t bytes,
                          std::uint64_t limit);

}  // namespace caisson::runner

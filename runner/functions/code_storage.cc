#include "runner/functions/code_storage.hh"

#include <string>

namespace caisson::runner {

std::uint64_t stored_code(const std::vector<std::shared_ptr<const Function>>& functions) {
  std::uint64_t sum = 0;
  for (const auto& function : functions) {
    sum += function->current.code.bytes;
    if (function->next && function->next->code.file != function->current.code.file)
      sum += function->next->code.bytes;
  }
  return sum;
}

Status check_code_storage(const std::vector<std::shared_ptr<const Function>>& functions, std::uint64_t bytes,
                          std::uint64_t limit) {
  const std::uint64_t stored = stored_code(functions);
  if (stored <= limit && bytes <= limit - stored) return ok();
  return Error{.code = "CodeStorageExceededException",
               .message = "Code storage limit exceeded: the account has " + std::to_string(stored) +
                          " bytes of " + std::to_string(limit) + ", and this package has " +
                          std::to_string(bytes) + ". Delete functions that are not needed."};
}

}  // namespace caisson::runner

// One process at a time.
#pragma once

#include <string>

#include "base/fd.hh"
#include "base/result.hh"

namespace caisson {

/// Locks a folder for the life of the descriptor; no file is made. Error EBUSY, with a sentence for the operator:
/// another process has it.
Result<Fd> lock_folder(const std::string& path);

}  // namespace caisson

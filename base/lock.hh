// One process at a time.
#pragma once

#include <chrono>
#include <string>

#include "base/fd.hh"
#include "base/result.hh"

namespace caisson {

/// Locks a folder for the life of the descriptor; no file is made. Error EBUSY, with a sentence for the operator:
/// another process has it, still after `patience`. A daemon that forks wants some: of one that was killed, a child
/// between fork and exec has the descriptor for an instant longer.
Result<Fd> lock_folder(const std::string& path, std::chrono::milliseconds patience = {});

}  // namespace caisson

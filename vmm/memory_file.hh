// Guest memory and device state in memfds.
#pragma once

#include <cstdint>
#include <string>

#include "base/fd.hh"
#include "base/result.hh"

namespace caisson::vmm {

/// An empty memfd that can be sealed, of `bytes` bytes (none of which takes memory before it is written).
Result<Fd> make_memory_file(const std::string& name, std::uint64_t bytes);

/// Against writing, growing, shrinking and unsealing. Errors: EBUSY while a process has it mapped for
/// writing.
Status seal_memory_file(const Fd& file);

/// The same file with an offset of its own, for reading.
Result<Fd> reopen_for_reading(const Fd& file);

/// Memory that the file takes.
Result<std::uint64_t> used_bytes(const Fd& file);

}  // namespace caisson::vmm

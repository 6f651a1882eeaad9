// A foreign ZIP as a tar of which nothing lies outside of the folder where it is unpacked.
#pragma once

#include <cstdint>
#include <string>

namespace caisson::runner {

/// Exit statuses of caisson-unzip.
enum { kDone = 0, kBroken = 1, kRefused = 2 };

/// Reads a ZIP from the (seekable) descriptor `input` and writes to `output` a tar of its files, folders and symbolic
/// links, without owners, times and attributes. kRefused: the archive is damaged, leads out of itself, holds more than
/// `limit` bytes or 100,000 entries; then `reason` is a sentence for its sender, or empty. kBroken: anything else.
int zip_to_tar(int input, int output, std::int64_t limit, std::string& reason);

}  // namespace caisson::runner

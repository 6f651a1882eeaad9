#include "runner/unzip/conversion.hh"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.hh"
#include "runner/functions/base64.hh"

namespace caisson::runner {
namespace {

// One file "a" of 300 "z", as Python's zipfile writes it.
constexpr const char* kDeflated =
    "UEsDBBQAAAAIAMRxd11Z/LbOBwAAACwBAAABAAAAYauqGgXEAgBQSwECFAMUAAAACADEcXddWfy2zgcAAAAsAQAAAQAAAAAAAAAA"
    "AAAAgAEAAAAAYVBLBQYAAAAAAQABAC8AAAAmAAAAAAA=";
constexpr const char* kLzma =
    "UEsDBD8AAgAOAHNwd11Z/LbOFwAAACwBAAABAAAAYQkEBQBdAACAAAA9b/u3xC3W///98JAAUEsBAj8DPwACAA4Ac3B3XVn8ts4X"
    "AAAALAEAAAEAAAAAAAAAAAAAAIABAAAAAGFQSwUGAAAAAAEAAQAvAAAANgAAAAAA";

int convert(const char* base64, std::int64_t limit) {
  const auto bytes = decode_base64(base64);
  const Fd zip = Fd::own(::memfd_create("zip", MFD_CLOEXEC));
  const Fd tar = Fd::own(::memfd_create("tar", MFD_CLOEXEC));
  EXPECT_EQ(::pwrite(zip.get(), bytes->data(), bytes->size(), 0), static_cast<ssize_t>(bytes->size()));
  std::string reason;
  return zip_to_tar(zip.get(), tar.get(), limit, reason);
}

TEST(ZipToTar, TakesDeflatedFilesUpToTheLimit) {
  EXPECT_EQ(convert(kDeflated, 300), kDone);
  EXPECT_EQ(convert(kDeflated, 299), kRefused);
}

TEST(ZipToTar, OtherMethodsAreNotDecoded) {
  EXPECT_EQ(convert(kLzma, 300), kRefused);
}

}  // namespace
}  // namespace caisson::runner

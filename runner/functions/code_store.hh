// Packages of code as read-only file system images in the state folder.
#pragma once

#include <sched.h>

#include <set>
#include <string>
#include <string_view>

#include "base/fd.hh"
#include "base/result.hh"
#include "runner/functions/function.hh"

namespace caisson::runner {

/// Where helpers run and what they may use.
struct IntakeSettings {
  std::string unzip;  ///< path of caisson-unzip
  std::string make_image = "/usr/bin/mksquashfs";
  std::uint32_t uid = 65534;  ///< user and group of both helpers
  int cgroup = -1;            ///< see ChildSpec::cgroup
  cpu_set_t cpus{};           ///< see ChildSpec::cpus
  std::uint64_t max_unzipped_bytes = 250ULL * 1024 * 1024;
};

/// Thread-safe: methods share nothing but the folder. Files are written under a temporary name, synced and
/// renamed; their final names are random, never reused.
class CodeStore {
 public:
  /// Makes the folder, mode 0700: drives are opened by this process. Errors: errno.
  static Result<CodeStore> open(const std::string& folder, IntakeSettings settings);

  /// ZIP bytes to a stored squashfs. Both the archive's reader and the image's writer are helper processes;
  /// the archive is never unpacked on this file system. Errors: InvalidParameterValueException (not a ZIP,
  /// paths that leave the folder, devices, too large), errno.
  [[nodiscard]] Result<CodePackage> take(std::string_view zip) const;

  [[nodiscard]] std::string path(const std::string& file) const { return folder_ + "/" + file; }
  void remove(const std::string& file) const;
  /// Deletes every file that is not in `known`. Returns how many.
  Result<int> prune(const std::set<std::string>& known) const;

 private:
  CodeStore(std::string folder, IntakeSettings settings)
      : folder_(std::move(folder)), settings_(std::move(settings)) {}
  Status write_image(int zip, int image) const;

  std::string folder_;
  IntakeSettings settings_;
};

}  // namespace caisson::runner

// What a child sees of the machine: namespaces of its own, a root of a few read-only paths, and limits.
//
// The user namespace comes first and gives the rest: runnerd has no capability over mounts or networks. It is made by
// the parent, so the parent's user owns it, and it maps the child's own user and groups to themselves and nothing
// else: there is no root in it, and nothing that the child could become.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hh"

namespace caisson::vmm {

/// The child's root: an empty read-only tmpfs with these, and a /proc that shows the child's processes alone. Absolute
/// paths; what is bound must exist and have no symbolic link among its parents.
struct Jail {
  std::vector<std::string> folders;  ///< shown at their own path: read-only, nosuid, nodev
  std::vector<std::string> files;    ///< the same
  std::vector<std::string> devices;  ///< device nodes, shown at their own path
  std::vector<std::pair<std::string, std::string>> links;  ///< path and target
};

/// One system call or two of the child's, laid out by the parent: between clone and execve nothing may be allocated.
struct JailStep {
  enum class Kind { kMakeFolder, kMakeFile, kMakeLink, kBind, kBindDevice };
  Kind kind = Kind::kMakeFolder;
  std::string path;    ///< relative to the new root
  std::string source;  ///< what is bound, or what the link points to

  bool operator==(const JailStep&) const = default;
};

/// The steps that make a jail's root. Pure.
std::vector<JailStep> plan(const Jail& jail);

/// clone3's flags for a child in a jail: user, mount, pid, net, ipc and uts namespaces.
std::uint64_t jail_clone_flags();

/// Called by the parent for a child that waits: maps `uid`, and as groups `uid` and `groups`, to themselves. Errors:
/// those of writing the maps.
Status map_users(pid_t child, std::uint32_t uid, const std::vector<std::uint32_t>& groups);

/// Called in the child, as its final user and with its namespace's capabilities: makes the root, enters it,
/// and limits the namespace's threads. System calls only. Answers with the step that failed, errno being set, or with nullptr.
const char* enter_jail(const std::vector<JailStep>& steps);

/// Called in the child, with or without a jail: limits on descriptors, file sizes, locked memory, queues and priorities;
/// no core dump (guest memory must not reach a disk). Answers as enter_jail.
const char* limit_resources();

}  // namespace caisson::vmm

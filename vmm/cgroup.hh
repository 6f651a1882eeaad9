// Control groups: the I/O for what cgroup_layout.hh decides.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.hh"
#include "base/result.hh"
#include "vmm/cgroup_layout.hh"

namespace caisson::vmm {

/// One microVM's group. Removed when destroyed; by then its processes must have been killed and reaped. Move-only.
class Cgroup {
 public:
  Cgroup() = default;
  Cgroup(Cgroup&&) noexcept = default;
  Cgroup& operator=(Cgroup&&) = delete;
  ~Cgroup();

  /// v2: for ChildSpec::cgroup_folder; -1 with v1.
  [[nodiscard]] int folder_fd() const { return folder_.get(); }
  /// v1: for ChildSpec::cgroup_tasks; empty with v2.
  [[nodiscard]] std::vector<int> tasks_fds() const;
  /// For ChildSpec::cpus: the daemon has fewer itself.
  [[nodiscard]] const std::vector<unsigned>& cpus() const;
  /// Prepares the cap; until cap_cpu() there is none. Errors: those of writing, with the file's name.
  [[nodiscard]] Status set_cpu_cap(std::uint32_t millis);
  /// Three states; some microseconds each. To be called by one thread at a time, after set_cpu_cap().
  /// Held back: capped, and whoever wakes goes first. It stays where it is: threads that change CPUs are found on the
  /// new one when they are free again, behind those who must stay there.
  [[nodiscard]] Status hold_back_cpu();
  /// Held back, and confined to the CPUs that are not reserved.
  [[nodiscard]] Status cap_cpu();
  [[nodiscard]] Status free_cpu();
  /// Where the group is: a folder for each hierarchy.
  [[nodiscard]] const std::vector<std::string>& folders() const { return folders_; }

 private:
  friend class CgroupTree;
  /// What is written, and where.
  struct CapFile {
    CpuCap cap;
    Fd file;
  };
  static Status prepare(const std::string& folder, std::vector<CpuCap> caps, std::vector<CapFile>& files);
  static Status write_caps(const std::vector<CapFile>& files, std::string CpuCap::*text);
  const CgroupLayout* layout_ = nullptr;  ///< the tree's, which lives as long
  std::vector<std::string> controllers_;
  std::vector<std::string> folders_;
  std::vector<Fd> tasks_;
  Fd folder_;
  std::uint32_t cpu_share_ = 0;
  std::vector<CapFile> caps_;
  std::vector<CapFile> confinement_;
  bool confined_ = false;
};

/// The folder that holds all groups of an instance. Thread-safe once opened.
class CgroupTree {
 public:
  /// Finds the place, makes the parent and removes groups that a predecessor left. Called once, at start, as root with
  /// CAP_DAC_OVERRIDE; all else needs the user only. `reserved_cpus` as in divide_cpus(). Errors: "NoCgroups"; those of
  /// the file system.
  static Result<std::unique_ptr<CgroupTree>> open(const std::string& name,
                                                  std::optional<unsigned> reserved_cpus = std::nullopt);

  /// Forks a process that waits for the end of this one, however it comes, and then removes all groups and the
  /// parent. Called once, after open(), before this process has threads. Errors: those of pipe and fork.
  [[nodiscard]] Status start_cleaner();

  /// Moves this process into its own group beside the microVMs', and to the reserved CPUs; makes the helpers'. Called
  /// once, before this process has further threads, after
  /// start_cleaner(), since what removes a group can't be in it. Errors: those of the file system.
  [[nodiscard]] Status enter();

  /// After enter(): a helper joins its group by writing "0" to this, before it has threads. Borrowed.
  [[nodiscard]] int helpers_fd() const { return helpers_.get(); }

  /// A group `name` with these limits; one that is there already (its processes ended a moment ago) is removed
  /// first. Errors: those of the file system.
  [[nodiscard]] Result<Cgroup> make(const std::string& name, const CgroupLimits& limits) const;

  [[nodiscard]] const CgroupLayout& layout() const { return layout_; }

  /// Removes the groups in the parent that have no process; how many are left.
  std::size_t prune() const;

 private:
  explicit CgroupTree(CgroupLayout layout) : layout_(std::move(layout)) {}
  CgroupLayout layout_;
  Fd lock_;   ///< on the first hierarchy's parent, shared with the cleaner
  Fd alive_;  ///< the cleaner reads the other end
  Fd helpers_;
};

}  // namespace caisson::vmm

// A microVM on the oldest kernel that is supported, in which programs of this build run as root.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/e2e/vmm/guest.hh"

namespace caisson::kernel61 {

/// The files of /var/task in the guest: programs in bin/, with what they link in lib/, and a part of the source tree.
class Cargo {
 public:
  Cargo();
  /// A program of the build, without its debug information, and the shared libraries that it needs; or any other file
  /// as it is. Its path in the guest.
  std::string add_program(const std::string& path);
  /// A file or folder of the source tree, at its own place.
  void add_source(const std::string& path);
  /// The drive's image; nothing is added afterwards.
  std::string pack();

 private:
  void add_libraries(const std::string& path);

  vmm::test::TemporaryFolder folder_;
  std::string root_;
};

class Machine {
 public:
  /// Boots it with the test images ("provided.root"); fails the test and aborts if that is impossible.
  explicit Machine(const std::string& cargo);

  /// Runs a program to its end, at most for `timeout`; its exit status, negative for a signal. What it writes is
  /// passed on to standard output, and kept until the next run.
  int run(const std::vector<std::string>& argv, std::chrono::seconds timeout = std::chrono::seconds(300));
  [[nodiscard]] const std::string& output() const { return guest_->log; }

 private:
  std::unique_ptr<vmm::test::Guest> guest_;
  int runs_ = 0;
};

}  // namespace caisson::kernel61

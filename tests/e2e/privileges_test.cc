// What runnerd leaves itself of CAP_SETUID, tried in children: they become what it did.
#include "runner/privileges.hh"

#include <grp.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <functional>

#include "base/capabilities.hh"

namespace caisson::runner {
namespace {

constexpr std::uint32_t kFirst = 200000;
constexpr std::uint32_t kLast = 200009;

/// The errno of `call` in a child that has only runnerd's privileges, 0 where it succeeded, or 255 if the child could not
/// give the others up.
int as_runnerd(const std::function<long()>& call) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    if (!keep_only_needed_capabilities() || !become_only(kFirst, kLast)) ::_exit(255);
    ::_exit(call() == 0 ? 0 : errno);
  }
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

/// As runnerd's children do, by the raw calls, so that all 64 bits arrive.
long become(int call, std::uint64_t real, std::uint64_t effective, std::uint64_t saved) {
  return ::syscall(call, real, effective, saved);
}

TEST(Privileges, TheRangeIsOpen) {
  for (const int call : {SYS_setresuid, SYS_setresgid}) {
    for (const std::uint64_t id : {kFirst, kLast})
      EXPECT_EQ(as_runnerd([&] { return become(call, id, id, id); }), 0) << call << " " << id;
  }
}

TEST(Privileges, NobodyElse) {
  for (const int call : {SYS_setresuid, SYS_setresgid}) {
    for (const std::uint64_t id : std::initializer_list<std::uint64_t>{
             0, 1, 1000, kFirst - 1, kLast + 1, 65534, 0xffffffff, 1ULL << 32, (1ULL << 32) + kFirst}) {
      EXPECT_EQ(as_runnerd([&] { return become(call, id, id, id); }), EPERM) << call << " " << id;
      // In any one place.
      EXPECT_EQ(as_runnerd([&] { return become(call, id, kFirst, kFirst); }), EPERM) << call << " " << id;
      EXPECT_EQ(as_runnerd([&] { return become(call, kFirst, id, kFirst); }), EPERM) << call << " " << id;
      EXPECT_EQ(as_runnerd([&] { return become(call, kFirst, kFirst, id); }), EPERM) << call << " " << id;
    }
  }
}

TEST(Privileges, NoOtherCall) {
  for (const int call : {SYS_setuid, SYS_setgid, SYS_setfsuid, SYS_setfsgid})
    EXPECT_EQ(as_runnerd([&] { return ::syscall(call, kFirst); }), EPERM) << call;
  for (const int call : {SYS_setreuid, SYS_setregid})
    EXPECT_EQ(as_runnerd([&] { return ::syscall(call, kFirst, kFirst); }), EPERM) << call;
}

TEST(Privileges, OneGroupAtMost) {
  const gid_t groups[] = {kFirst, kLast};
  EXPECT_EQ(as_runnerd([&] { return ::syscall(SYS_setgroups, 0, nullptr); }), 0);
  EXPECT_EQ(as_runnerd([&] { return ::syscall(SYS_setgroups, 1, groups); }), 0);
  EXPECT_EQ(as_runnerd([&] { return ::syscall(SYS_setgroups, 2, groups); }), EPERM);
}

TEST(Privileges, ThreeCapabilitiesStay) {
  EXPECT_EQ(as_runnerd([] {
              for (int capability = 0; capability <= CAP_LAST_CAP; ++capability) {
                const bool kept =
                    capability == CAP_SETUID || capability == CAP_SETGID || capability == CAP_KILL;
                if (has_capability(capability) != kept) return errno = 100 + capability, -1;
              }
              return 0;
            }),
            0);
}

/// A service's user gets them as ambient ones; what it executes must not.
TEST(Privileges, WhatIsExecutedGetsNone) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    const std::uint32_t kept = 1U << CAP_SETUID | 1U << CAP_SETGID | 1U << CAP_KILL;
    const __user_cap_data_struct sets[2] = {{.effective = kept, .permitted = kept, .inheritable = kept}, {}};
    // As systemd does for User= and AmbientCapabilities=.
    if (::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0 || ::syscall(SYS_setresuid, kFirst, kFirst, kFirst) != 0 ||
        ::syscall(SYS_capset, &header, sets) != 0)
      ::_exit(254);
    for (const int capability : {CAP_SETUID, CAP_SETGID, CAP_KILL}) {
      if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) != 0) ::_exit(253);
    }
    if (!keep_only_needed_capabilities() || !become_only(kFirst, kLast)) ::_exit(255);
    if (!has_capability(CAP_SETUID)) ::_exit(252);
    ::execl("/bin/sh", "sh", "-c", "grep -q '^CapPrm:.0000000000000000$' /proc/self/status", nullptr);
    ::_exit(251);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace caisson::runner

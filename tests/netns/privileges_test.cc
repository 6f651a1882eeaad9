// What is left to code that has taken over netd: a child gives up what netd gives up, and tries. As root.
#include "netd/privileges.hh"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <functional>

namespace caisson::netd {
namespace {

/// The errno of `attempt` in a child that has given up netd's privileges; 0: it succeeded.
int errno_of(const std::function<bool()>& attempt, bool drop = true) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    if (drop && !drop_privileges()) ::_exit(255);
    errno = 0;
    const bool succeeded = attempt();
    ::_exit(succeeded ? 0 : errno);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_TRUE(WIFEXITED(status));
  return WEXITSTATUS(status);
}

bool calls(long number, long first = 0, long second = 0, long third = 0) {
  return ::syscall(number, first, second, third) >= 0;
}

const std::function<bool()> kExecute = [] {
  ::execl("/bin/true", "true", nullptr);
  return false;
};

TEST(Privileges, NoOtherProgramIsRun) {
  EXPECT_EQ(errno_of(kExecute, /*drop=*/false), 0);
  EXPECT_EQ(errno_of(kExecute), EPERM);
  EXPECT_EQ(errno_of([] { return calls(SYS_vfork); }), EPERM);
  EXPECT_EQ(errno_of([] { return calls(SYS_fork); }), EPERM);
}

TEST(Privileges, NoOtherProcessIsEntered) {
  EXPECT_EQ(errno_of([] { return ::ptrace(PTRACE_SEIZE, ::getppid(), 0, 0) == 0; }), EPERM);
  EXPECT_EQ(errno_of([] { return calls(SYS_process_vm_readv, ::getppid()); }), EPERM);
}

TEST(Privileges, TheKernelAndTheRootStayAsTheyAre) {
  EXPECT_EQ(errno_of([] { return calls(SYS_init_module); }), EPERM);
  EXPECT_EQ(errno_of([] { return calls(SYS_finit_module, -1); }), EPERM);
  EXPECT_EQ(errno_of([] { return calls(SYS_kexec_load); }), EPERM);
  EXPECT_EQ(errno_of([] { return ::chroot("/") == 0; }), EPERM);
}

TEST(Privileges, CapabilitiesAreFourAndNoFurtherOnesComeBack) {
  const auto has = [](int capability) { return ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) == 1; };
  constexpr int kNetAdmin = 12;
  constexpr int kSysAdmin = 21;
  constexpr int kPerfmon = 38;
  constexpr int kBpf = 39;
  EXPECT_EQ(errno_of([&] {
              int held = 0;
              for (int capability = 0; capability < 64; ++capability)
                held += has(capability) ? 1 : 0;
              return held == 4 && has(kNetAdmin) && has(kSysAdmin) && has(kPerfmon) && has(kBpf);
            }),
            0);
  EXPECT_EQ(errno_of([] { return ::setuid(1) == 0; }), EPERM);
}

/// CAP_DAC_OVERRIDE is not among what is kept: root's files are, other users' closed ones are not.
TEST(Privileges, AnothersClosedFileIsNotOpened) {
  char name[] = "/tmp/caisson-privileges.XXXXXX";
  const int made = ::mkstemp(name);
  ASSERT_GE(made, 0);
  ASSERT_EQ(::fchown(made, 1, 1), 0);
  ASSERT_EQ(::fchmod(made, 0600), 0);
  const std::function<bool()> open_it = [&] { return ::open(name, O_RDWR) >= 0; };
  EXPECT_EQ(errno_of(open_it, /*drop=*/false), 0);
  EXPECT_EQ(errno_of(open_it), EACCES);
  ::close(made);
  ::unlink(name);
}

}  // namespace
}  // namespace caisson::netd

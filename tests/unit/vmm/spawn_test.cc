#include "vmm/spawn.hh"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

namespace caisson::vmm {
namespace {

// Without root a child can only keep our user.
std::uint32_t user() {
  return ::getuid() == 0 ? 65534 : ::getuid();
}

struct Outcome {
  int status = 0;
  std::string output;
};

Outcome run(const std::string& script, const std::vector<int>& inherited = {}) {
  int raw[2];
  EXPECT_EQ(::pipe2(raw, O_CLOEXEC), 0);
  const Fd ours = Fd::own(raw[0]);
  Fd theirs = Fd::own(raw[1]);
  auto child = spawn(
      {.argv = {"/bin/sh", "-c", script}, .uid = user(), .inherited = inherited, .stderr_fd = theirs.get()});
  EXPECT_TRUE(child) << child.error().text();
  theirs.reset();
  Outcome outcome;
  char chunk[4096];
  for (ssize_t count = 0; (count = ::read(ours.get(), chunk, sizeof chunk)) > 0;) {
    outcome.output.append(chunk, static_cast<std::size_t>(count));
  }
  siginfo_t info{};
  EXPECT_EQ(::waitid(P_PIDFD, static_cast<id_t>(child.value().pidfd.get()), &info, WEXITED), 0);
  outcome.status = info.si_status;
  return outcome;
}

TEST(Spawn, TheChildHasNoPrivilege) {
  const auto outcome =
      run("grep -E '^(Uid|Groups|CapInh|CapPrm|CapEff|CapAmb|NoNewPrivs|SigBlk)' /proc/self/status; pwd; "
          "ulimit -c");
  const std::string id = std::to_string(user());
  EXPECT_NE(outcome.output.find("Uid:\t" + id + "\t" + id + "\t" + id + "\t" + id + "\n"), std::string::npos)
      << outcome.output;
  for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapAmb", "SigBlk"}) {
    EXPECT_NE(outcome.output.find(std::string(set) + ":\t0000000000000000\n"), std::string::npos)
        << outcome.output;
  }
  EXPECT_NE(outcome.output.find("NoNewPrivs:\t1\n"), std::string::npos) << outcome.output;
  EXPECT_TRUE(outcome.output.ends_with("/\n0\n")) << outcome.output;
}

TEST(Spawn, InheritsWhatItIsGivenInOrderAndNothingElse) {
  int first[2];
  int second[2];
  ASSERT_EQ(::pipe(first), 0);  // without close-on-exec: they must be closed nevertheless
  ASSERT_EQ(::pipe(second), 0);
  const Fd fds[] = {Fd::own(first[0]), Fd::own(first[1]), Fd::own(second[0]), Fd::own(second[1])};
  ASSERT_EQ(::write(fds[1].get(), "one\n", 4), 4);
  ASSERT_EQ(::write(fds[3].get(), "two\n", 4), 4);
  const auto outcome =
      run("read a <&3; read b <&4; echo $a $b; ls /proc/$$/fd", {fds[2].get(), fds[0].get()});
  EXPECT_EQ(outcome.output, "two one\n0\n1\n2\n3\n4\n");
}

TEST(Spawn, AProgramThatIsMissingIsItsErrno) {
  const auto child = spawn({.argv = {"/nonexistent"}, .uid = user()});
  ASSERT_FALSE(child);
  EXPECT_EQ(child.error().code, "ENOENT");
  EXPECT_NE(child.error().message.find("execve"), std::string::npos) << child.error().message;
}

TEST(Spawn, TheChildOutlivesTheThreadThatAskedForIt) {
  int raw[2];
  ASSERT_EQ(::pipe2(raw, O_CLOEXEC), 0);
  Fd read_end = Fd::own(raw[0]);
  Fd write_end = Fd::own(raw[1]);
  Child child;
  std::thread([&] {
    child = spawn({.argv = {"/bin/sh", "-c", "read line <&3; exit 7"},
                   .uid = user(),
                   .inherited = {read_end.get()}})
                .value();
  }).join();
  ASSERT_EQ(::write(write_end.get(), "go\n", 3), 3);
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PIDFD, static_cast<id_t>(child.pidfd.get()), &info, WEXITED), 0);
  EXPECT_EQ(info.si_code, CLD_EXITED);
  EXPECT_EQ(info.si_status, 7);
}

}  // namespace
}  // namespace caisson::vmm

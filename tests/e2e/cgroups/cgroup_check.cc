// cgroup_check: the machine's control groups, v1 or v2, as runnerd uses them: made, limited, joined, capped, killed,
// removed, cleaned up after. A static program, so that it runs in a guest whose kernel has v2, too.
//
// As root. Prints "cgroup v1: ok" or "cgroup v2: ok" and exits with 0, or says what went wrong and exits with 1.
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <thread>

#include "vmm/cgroup.hh"
#include "vmm/spawn.hh"

namespace {

using namespace caisson::vmm;
using Clock = std::chrono::steady_clock;

constexpr const char* kTree = "caisson-check";
constexpr std::uint64_t kMemory = 32 << 20;

[[noreturn]] void fail(const std::string& what) {
  std::printf("cgroup check: failed: %s\n", what.c_str());
  std::fflush(stdout);
  std::_Exit(1);
}

void check(bool holds, const std::string& what) {
  if (!holds) fail(what);
}

template <class T>
T must(caisson::Result<T> result, const char* what) {
  if (!result) fail(std::string(what) + ": " + result.error().text());
  return std::move(result).value();
}

std::string read_text(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The folder of the group in the hierarchy that has `file`.
std::string path_of(const Cgroup& group, const std::string& file) {
  for (const std::string& folder : group.folders()) {
    if (std::filesystem::exists(folder + "/" + file)) return folder + "/" + file;
  }
  fail("no file " + file);
}

Child start(const Cgroup& group, const char* role) {
  ChildSpec spec{.argv = {"/proc/self/exe", role}, .stderr_fd = 1};
  spec.cgroup_folder = group.folder_fd();
  spec.cgroup_tasks = group.tasks_fds();
  spec.cpus = group.cpus();
  return must(spawn(spec), "spawn");
}

siginfo_t end_of(const Child& child, int milliseconds) {
  pollfd entry{.fd = child.pidfd.get(), .events = POLLIN, .revents = 0};
  check(::poll(&entry, 1, milliseconds) == 1, "a child did not end in time");
  siginfo_t info{};
  ::waitid(P_PIDFD, static_cast<id_t>(child.pidfd.get()), &info, WEXITED);
  return info;
}

void kill(const Child& child) {
  ::kill(child.pid, SIGKILL);
  (void)end_of(child, 60'000);
}

void check_membership(const CgroupTree& tree) {
  std::vector<std::string> folders;
  {
    const Cgroup group = must(tree.make("vm-1", {.memory_bytes = kMemory}), "make");
    folders = group.folders();
    const Child child = start(group, "wait");
    for (const std::string& folder : folders) {
      check(read_text(folder + "/cgroup.procs") == std::to_string(child.pid) + "\n",
            "not a member of " + folder);
    }
    kill(child);
  }
  for (const std::string& folder : folders)
    check(!std::filesystem::exists(folder), "not removed: " + folder);
}

void check_memory(const CgroupTree& tree) {
  const Cgroup group = must(tree.make("vm-2", {.memory_bytes = kMemory}), "make");
  const siginfo_t within = end_of(start(group, "take-half"), 60'000);
  check(within.si_code == CLD_EXITED && within.si_status == 0, "half of the memory could not be had");
  const siginfo_t beyond = end_of(start(group, "take-double"), 60'000);
  check(beyond.si_code == CLD_KILLED && beyond.si_status == SIGKILL, "twice the memory could be had");
}

void check_pids(const CgroupTree& tree) {
  const Cgroup group = must(tree.make("vm-3", {.memory_bytes = kMemory, .pids = 4}), "make");
  const siginfo_t ended = end_of(start(group, "fork-eight"), 60'000);
  check(ended.si_code == CLD_EXITED && ended.si_status == 3,
        "the fourth child was not the first to be refused");
}

/// A spinning child is held back while it is capped, and not when it is not.
void check_cpu(const CgroupTree& tree) {
  Cgroup group = must(tree.make("vm-4", {.memory_bytes = kMemory, .cpu_millis = 72}), "make");
  check(group.set_cpu_cap(72).has_value(), "set_cpu_cap");
  check(group.cap_cpu().has_value(), "cap_cpu");
  const Child child = start(group, "spin");
  const std::string stat = path_of(group, "cpu.stat");
  const auto throttled = [&] {
    const std::string text = read_text(stat);
    return std::atoll(text.c_str() + text.find("nr_throttled ") + std::strlen("nr_throttled "));
  };
  const auto deadline = Clock::now() + std::chrono::seconds(60);
  while (throttled() < 5 && Clock::now() < deadline)
    ::usleep(20'000);
  check(throttled() >= 5, "a spinning process was never throttled");
  check(group.free_cpu().has_value(), "free_cpu");
  const auto before = throttled();
  ::usleep(300'000);
  check(throttled() == before, "a spinning process was throttled without a cap");
  kill(child);
}

cpu_set_t cpus_of(pid_t pid) {
  cpu_set_t set;
  check(::sched_getaffinity(pid, sizeof set, &set) == 0, "sched_getaffinity");
  return set;
}

/// Nanoseconds that the child has run.
long long run_time(const Child& child) {
  return std::atoll(read_text("/proc/" + std::to_string(child.pid) + "/schedstat").c_str());
}

/// On a CPU that is short, who is capped runs when another one leaves it: whatever the quota, which is not reached here.
void check_step_back(const CgroupTree& tree) {
  Cgroup capped = must(tree.make("vm-6", {.memory_bytes = kMemory, .cpu_millis = 1000}), "make");
  const Cgroup other = must(tree.make("vm-7", {.memory_bytes = kMemory, .cpu_millis = 72}), "make");
  check(capped.set_cpu_cap(1000).has_value(), "set_cpu_cap");
  const Child first = start(capped, "spin");
  const Child second = start(other, "spin");
  // One that a capped group may use.
  const cpu_set_t one = set_of({static_cast<unsigned>(std::thread::hardware_concurrency()) - 1});
  const auto share = [&] {
    // Anew each time: before Linux 6.2 a change of the group's CPUs replaces a process's own choice.
    for (const Child* child : {&first, &second})
      check(::sched_setaffinity(child->pid, sizeof one, &one) == 0, "sched_setaffinity");
    const long long before[] = {run_time(first), run_time(second)};
    const auto deadline = Clock::now() + std::chrono::seconds(60);
    while (run_time(second) - before[1] < 100'000'000 && Clock::now() < deadline)
      ::usleep(20'000);
    return static_cast<double>(run_time(first) - before[0]) /
           static_cast<double>(run_time(second) - before[1] + 1);
  };
  // What the one has had too much of, the other is given first.
  const auto settles = [&](auto holds) {
    for (int tries = 0; tries < 10; ++tries) {
      if (holds(share())) return true;
    }
    return false;
  };
  // Weights 1024 and 73: 14; then 3 and 73. An eighth of its weight would still be 1.7.
  const auto has_its_weight = [](double ratio) { return ratio > 5; };
  check(settles(has_its_weight), "a free group does not have its weight");
  check(capped.cap_cpu().has_value(), "cap_cpu");
  check(settles([](double ratio) { return ratio < 0.5; }), "a capped group does not step back");
  check(capped.free_cpu().has_value(), "free_cpu");
  check(settles(has_its_weight), "a group that is freed again does not have its weight");
  kill(first);
  kill(second);
}

/// Who is capped leaves the reserved CPUs, and comes back; a child doesn't share what the daemon is confined to.
void check_step_aside(const CgroupTree& tree) {
  const CpuDivision& cpus = tree.layout().cpus;
  if (std::thread::hardware_concurrency() < 2)
    return check(cpus.reserved.empty(), "the only CPU is reserved");
  check(!cpus.reserved.empty(), "no CPUs are reserved");
  Cgroup group = must(tree.make("vm-8", {.memory_bytes = kMemory}), "make");
  check(group.set_cpu_cap(1000).has_value(), "set_cpu_cap");
  const cpu_set_t before = cpus_of(0);
  const cpu_set_t reserved = set_of(cpus.reserved);
  check(::sched_setaffinity(0, sizeof reserved, &reserved) == 0, "sched_setaffinity");
  const Child child = start(group, "spin");
  check(::sched_setaffinity(0, sizeof before, &before) == 0, "sched_setaffinity");
  const auto runs_on = [&](const std::vector<unsigned>& wanted, const char* what) {
    const cpu_set_t have = cpus_of(child.pid);
    const cpu_set_t want = set_of(wanted);
    check(CPU_EQUAL(&have, &want), what);
  };
  runs_on(cpus.all, "a child has less than all CPUs");
  check(group.hold_back_cpu().has_value(), "hold_back_cpu");
  runs_on(cpus.all, "who is held back has less than all CPUs");
  check(group.cap_cpu().has_value(), "cap_cpu");
  runs_on(cpus.others, "who is capped may use other CPUs than those that are not reserved");
  check(group.free_cpu().has_value(), "free_cpu");
  runs_on(cpus.all, "who is free again has less than all CPUs");
  kill(child);
}

/// A daemon with a microVM, in a process of its own. Says on its standard output where its groups are.
[[noreturn]] void be_daemon() {
  const auto tree = must(CgroupTree::open(kTree), "open in a daemon");
  check(tree->start_cleaner().has_value(), "start the cleaner");
  check(tree->enter().has_value(), "enter the daemon's group");
  const cpu_set_t have = cpus_of(0);
  const cpu_set_t reserved = set_of(tree->layout().cpus.reserved);
  check(CPU_COUNT(&reserved) == 0 || CPU_EQUAL(&have, &reserved), "the daemon is not on the reserved CPUs");
  std::istringstream members(read_text(tree->layout().daemon + "/cgroup.procs"));
  pid_t member = 0;
  check(members >> member && member == ::getpid() && !(members >> member),
        "the daemon is not alone in its group");
  const Cgroup group = must(tree->make("vm-5", {.memory_bytes = kMemory}), "make");
  const Child child = start(group, "wait");
  std::printf("%s\n", tree->layout().hierarchies.front().parent.c_str());
  std::fflush(stdout);
  for (;;)
    ::pause();
}

/// What a daemon that is killed leaves is gone soon, and a successor finds the place.
void check_cleaner() {
  int raw[2];
  check(::pipe2(raw, O_CLOEXEC) == 0, "pipe");
  const pid_t daemon = ::fork();
  if (daemon == 0) {
    ::dup2(raw[1], 1);
    ::execl("/proc/self/exe", "cgroup_check", "daemon", nullptr);
    ::_exit(127);
  }
  ::close(raw[1]);
  char parent[4096] = {};
  check(::read(raw[0], parent, sizeof parent - 1) > 0, "a daemon said nothing");
  *std::strchr(parent, '\n') = 0;
  check(std::filesystem::exists(std::string(parent) + "/vm-5"), std::string("no group in ") + parent);
  ::kill(daemon, SIGKILL);
  ::waitpid(daemon, nullptr, 0);
  // Opening waits for the cleaner.
  const auto tree = must(CgroupTree::open(kTree), "open after a kill");
  check(!std::filesystem::exists(std::string(parent) + "/vm-5"), "a killed daemon's group is still there");
}

int run() {
  CgroupVersion version{};
  {
    const auto tree = must(CgroupTree::open(kTree), "open");
    version = tree->layout().version;
    check_membership(*tree);
    check_memory(*tree);
    check_pids(*tree);
    check_cpu(*tree);
    check_step_back(*tree);
    check_step_aside(*tree);
    check(tree->prune() == 0, "groups are left");
    for (const auto& hierarchy : tree->layout().hierarchies)
      std::filesystem::remove(hierarchy.parent);
  }
  check_cleaner();
  {
    const auto tree = must(CgroupTree::open(kTree), "open again");
    for (const auto& hierarchy : tree->layout().hierarchies)
      check(std::filesystem::remove(hierarchy.parent), "the parent can't be removed");
  }
  std::printf("cgroup %s: ok\n", version == CgroupVersion::kV1 ? "v1" : "v2");
  return 0;
}

int take(std::size_t bytes) {
  void* const memory =
      ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  return memory == MAP_FAILED ? 1 : 0;
}

int fork_until_refused(int most) {
  for (int made = 0; made < most; ++made) {
    const pid_t pid = ::fork();
    if (pid < 0) {
      ::signal(SIGTERM, SIG_IGN);
      ::kill(0, SIGTERM);
      return made;
    }
    if (pid == 0) {
      ::pause();
      ::_exit(0);
    }
  }
  return most;
}

int play(const std::string& role) {
  if (role == "wait") ::pause();
  if (role == "daemon") be_daemon();
  if (role == "take-half") return take(kMemory / 2);
  if (role == "take-double") return take(kMemory * 2);
  if (role == "fork-eight") {
    ::setpgid(0, 0);
    return fork_until_refused(8);
  }
  while (role == "spin")
    (void)::getppid();
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  return argc > 1 ? play(argv[1]) : run();
}

#include "netd/kernel/netns.hh"

#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

namespace caisson::netd::kernel {
namespace {

constexpr const char* kFolder = "/run/netns";

Status make_folder() {
  if (::mkdir(kFolder, 0755) != 0 && errno != EEXIST) return Error::system(errno, "make folder", kFolder);
  // A mount of its own that propagates, as iproute2 makes it: then all mount namespaces see new ones.
  if (::mount("", kFolder, "none", MS_SHARED | MS_REC, nullptr) == 0) return ok();
  if (::mount(kFolder, kFolder, "none", MS_BIND | MS_REC, nullptr) != 0 ||
      ::mount("", kFolder, "none", MS_SHARED | MS_REC, nullptr) != 0) {
    return Error::system(errno, "mount", kFolder);
  }
  return ok();
}

/// On a thread of its own: unshare() changes the namespace of the calling thread. A file without a namespace is
/// what a maker that was interrupted has left.
Status make_and_bind(const std::string& path) {
  const Fd file = Fd::own(::open(path.c_str(), O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0));
  if (!file && errno != EEXIST) return Error::system(errno, "make", path);
  if (::unshare(CLONE_NEWNET) != 0) return Error::system(errno, "make the network namespace of", path);
  if (::mount("/proc/thread-self/ns/net", path.c_str(), "none", MS_BIND, nullptr) != 0) {
    return Error::system(errno, "bind", path);
  }
  return ok();
}

}  // namespace

Result<Fd> open_netns(const std::string& name) {
  const std::string path = std::string(kFolder) + "/" + name;
  Fd netns = Fd::own(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!netns) return Error::system(errno, "open network namespace", name);
  struct statfs facts {};
  if (::fstatfs(netns.get(), &facts) != 0 || facts.f_type != NSFS_MAGIC) {
    return Error::system(ENOENT, "open network namespace", name);
  }
  return netns;
}

Result<Fd> current_netns() {
  Fd netns = Fd::own(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  if (!netns) return Error::system(errno, "open", "the network namespace");
  return netns;
}

Status ensure_netns(const std::string& name) {
  TRYV(make_folder());
  if (open_netns(name)) return ok();
  const std::string path = std::string(kFolder) + "/" + name;
  Status made = ok();
  std::thread([&] { made = make_and_bind(path); }).join();
  return made;
}

Status in_netns(const Fd& netns, const std::function<Status()>& work) {
  Status done = ok();
  std::thread([&] {
    if (::setns(netns.get(), CLONE_NEWNET) != 0) {
      done = Error::system(errno, "enter", "network namespace");
      return;
    }
    done = work();
  }).join();
  return done;
}

Status set_sysctl(const std::string& name, const std::string& value) {
  const std::string path = "/proc/sys/net/" + name;
  const Fd file = Fd::own(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file) return Error::system(errno, "open", path);
  if (::write(file.get(), value.data(), value.size()) != static_cast<ssize_t>(value.size())) {
    return Error::system(errno, "write " + value + " to", path);
  }
  return ok();
}

}  // namespace caisson::netd::kernel

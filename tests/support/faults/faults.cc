// A library to be preloaded into a daemon under test (LD_PRELOAD): counts the calls by which it changes the world,
// and at one of them ends the process or lets the call fail. The daemons themselves know nothing of it.
//
// CAISSON_FAULTS names a control file of sizeof(Control), mapped by the test, too; CAISSON_FAULTS_PROGRAM the program
// it is for: what that one starts is left alone.
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/if_tun.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

// Classes of calls.
constexpr std::uint32_t kKernel = 1;  ///< network, BPF maps and pins, namespaces, settings
constexpr std::uint32_t kDisk = 2;    ///< writes, syncs and removals of files
constexpr std::uint32_t kCreate = 4;  ///< BPF maps and programs made; nothing stays of them but by a pin
constexpr std::uint32_t kOpen = 8;    ///< descriptors opened
constexpr std::uint32_t kSend = 16;   ///< bytes sent on a socket that have Control::text in them

// Actions; 0: only count.
constexpr std::uint32_t kKill = 1;
constexpr std::uint32_t kFail = 2;
constexpr std::uint32_t kStop = 3;  ///< before the call, until SIGCONT

struct Control {
  std::atomic<std::uint32_t> classes;  ///< what is counted
  std::atomic<std::uint32_t> action;
  std::atomic<std::uint32_t> first;   ///< the call at which it happens, from 1
  std::atomic<std::uint32_t> last;    ///< kFail: up to this one
  std::atomic<std::uint32_t> error;   ///< kFail: errno
  std::atomic<std::uint32_t> count;   ///< calls so far
  std::atomic<std::uint32_t> struck;  ///< at how many it happened
  std::atomic<std::uint32_t> pid;     ///< of the process that counts
  char last_name[96];                 ///< the call at which it happened last
  std::uint32_t text_size;            ///< kSend: of what follows
  char text[60];
  char trace[512];  ///< of each call so far, in order, its name's first letter
};

Control* control = nullptr;

template <class Function>
Function next(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

bool is_named(const char* program) {
  char path[PATH_MAX];
  const ssize_t size = ::readlink("/proc/self/exe", path, sizeof path - 1);
  if (size <= 0) return false;
  path[size] = '\0';
  const char* slash = std::strrchr(path, '/');
  return std::strcmp(slash == nullptr ? path : slash + 1, program) == 0;
}

__attribute__((constructor)) void begin() {
  const char* path = std::getenv("CAISSON_FAULTS");
  const char* program = std::getenv("CAISSON_FAULTS_PROGRAM");
  if (path == nullptr || program == nullptr || !is_named(program)) return;
  const int file = ::open(path, O_RDWR | O_CLOEXEC);
  if (file < 0) std::abort();
  void* mapped = ::mmap(nullptr, sizeof(Control), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  (void)::close(file);
  if (mapped == MAP_FAILED) std::abort();
  control = static_cast<Control*>(mapped);
  control->pid = static_cast<std::uint32_t>(::getpid());
}

/// One call of a class: made, or struck.
class Call {
 public:
  Call(std::uint32_t kind, const char* name, long detail = 0) : name_(name), detail_(detail) {
    // A child between fork and exec is not the daemon.
    if (control == nullptr || (control->classes & kind) == 0) return;
    if (control->pid != static_cast<std::uint32_t>(::getpid())) return;
    number_ = ++control->count;
    if (number_ <= sizeof control->trace) control->trace[number_ - 1] = *name;
    if (control->action != kStop || number_ != control->first) return;
    note();
    // To this thread: it does not come back from the call before the process is continued.
    (void)::tgkill(::getpid(), ::gettid(), SIGSTOP);
  }
  [[nodiscard]] bool fails() const {
    if (number_ == 0 || control->action != kFail) return false;
    if (number_ < control->first || number_ > control->last) return false;
    note();
    errno = static_cast<int>(control->error);
    return true;
  }
  /// After the call: the process ends here, if it is to.
  ~Call() {
    if (number_ == 0 || control->action != kKill || number_ != control->first) return;
    note();
    (void)::kill(::getpid(), SIGKILL);
    while (true)
      (void)::pause();
  }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

 private:
  void note() const {
    ++control->struck;
    (void)std::snprintf(control->last_name, sizeof control->last_name, "%s %ld", name_, detail_);
  }
  const char* name_;
  long detail_;
  std::uint32_t number_ = 0;
};

std::uint32_t class_of_bpf(long command) {
  switch (command) {
    case BPF_MAP_UPDATE_ELEM:
    case BPF_MAP_DELETE_ELEM:
    case BPF_MAP_UPDATE_BATCH:
    case BPF_MAP_DELETE_BATCH:
    case BPF_OBJ_PIN:
      return kKernel;
    case BPF_MAP_CREATE:
    case BPF_PROG_LOAD:
      return kCreate;
    default:
      return 0;
  }
}

/// Netlink requests that change something: not those that get, which are each family's third kind. And what has the
/// text that is waited for.
std::uint32_t class_of_message(int socket, const void* bytes, std::size_t size, long* type) {
  if (control == nullptr) return 0;
  if ((control->classes & kSend) != 0 && ::memmem(bytes, size, control->text, control->text_size) != nullptr)
    return kSend;
  if (size < sizeof(nlmsghdr)) return 0;
  int domain = 0;
  int protocol = 0;
  socklen_t length = sizeof domain;
  if (::getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &domain, &length) != 0 || domain != AF_NETLINK) return 0;
  length = sizeof protocol;
  if (::getsockopt(socket, SOL_SOCKET, SO_PROTOCOL, &protocol, &length) != 0) return 0;
  nlmsghdr header{};
  std::memcpy(&header, bytes, sizeof header);
  *type = header.nlmsg_type;
  if (protocol == NETLINK_ROUTE) return (header.nlmsg_type & 3) == 2 ? 0 : kKernel;
  if (protocol == NETLINK_NETFILTER) return header.nlmsg_type == NLMSG_MIN_TYPE ? kKernel : 0;
  return 0;
}

}  // namespace

extern "C" {

long syscall(long number, ...) {
  va_list list;
  va_start(list, number);
  long a[6];
  for (long& argument : a)
    argument = va_arg(list, long);
  va_end(list);
  static const auto real = next<long (*)(long, ...)>("syscall");
  if (number != SYS_bpf) return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
  const Call call(class_of_bpf(a[0]), "bpf", a[0]);
  if (call.fails()) return -1;
  return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

ssize_t sendmsg(int socket, const msghdr* message, int flags) {
  static const auto real = next<ssize_t (*)(int, const msghdr*, int)>("sendmsg");
  long type = 0;
  const std::uint32_t kind = message->msg_iovlen == 0 ? 0
                                                      : class_of_message(socket, message->msg_iov[0].iov_base,
                                                                         message->msg_iov[0].iov_len, &type);
  const Call call(kind, "netlink", type);
  return call.fails() ? -1 : real(socket, message, flags);
}

ssize_t sendto(int socket, const void* bytes, size_t size, int flags, const sockaddr* to, socklen_t length) {
  static const auto real =
      next<ssize_t (*)(int, const void*, size_t, int, const sockaddr*, socklen_t)>("sendto");
  long type = 0;
  const Call call(class_of_message(socket, bytes, size, &type), "netlink", type);
  return call.fails() ? -1 : real(socket, bytes, size, flags, to, length);
}

ssize_t send(int socket, const void* bytes, size_t size, int flags) {
  static const auto real = next<ssize_t (*)(int, const void*, size_t, int)>("send");
  long type = 0;
  const Call call(class_of_message(socket, bytes, size, &type), "netlink", type);
  return call.fails() ? -1 : real(socket, bytes, size, flags);
}

int ioctl(int file, unsigned long request, ...) noexcept {
  va_list list;
  va_start(list, request);
  void* argument = va_arg(list, void*);
  va_end(list);
  static const auto real = next<int (*)(int, unsigned long, ...)>("ioctl");
  const bool counts = request == TUNSETIFF || request == TUNSETPERSIST;
  const Call call(counts ? kKernel : 0, "ioctl", static_cast<long>(request));
  return call.fails() ? -1 : real(file, request, argument);
}

int mount(const char* source, const char* target, const char* type, unsigned long flags,
          const void* data) noexcept {
  static const auto real =
      next<int (*)(const char*, const char*, const char*, unsigned long, const void*)>("mount");
  const Call call(kKernel, "mount");
  return call.fails() ? -1 : real(source, target, type, flags, data);
}

int unshare(int flags) noexcept {
  static const auto real = next<int (*)(int)>("unshare");
  const Call call(kKernel, "unshare");
  return call.fails() ? -1 : real(flags);
}

int mkdir(const char* path, mode_t mode) noexcept {
  static const auto real = next<int (*)(const char*, mode_t)>("mkdir");
  // Control groups are the kernel's.
  const bool group = std::strncmp(path, "/sys/", 5) == 0;
  const Call call(kKernel | (group ? 0 : kDisk), "mkdir");
  return call.fails() ? -1 : real(path, mode);
}

int unlink(const char* path) noexcept {
  static const auto real = next<int (*)(const char*)>("unlink");
  const Call call(kDisk, "unlink");
  return call.fails() ? -1 : real(path);
}

int rename(const char* from, const char* to) noexcept {
  static const auto real = next<int (*)(const char*, const char*)>("rename");
  const Call call(kDisk, "rename");
  return call.fails() ? -1 : real(from, to);
}

int open(const char* path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  const mode_t mode = va_arg(list, mode_t);
  va_end(list);
  static const auto real = next<int (*)(const char*, int, ...)>("open");
  const bool creates = (flags & O_CREAT) != 0;
  const bool netns = creates && std::strncmp(path, "/run/netns/", 11) == 0;
  const Call call(kOpen | (netns ? kKernel : 0) | (creates && !netns ? kDisk : 0), "open");
  return call.fails() ? -1 : real(path, flags, mode);
}

int accept4(int socket, sockaddr* peer, socklen_t* length, int flags) {
  static const auto real = next<int (*)(int, sockaddr*, socklen_t*, int)>("accept4");
  const Call call(kOpen, "accept");
  return call.fails() ? -1 : real(socket, peer, length, flags);
}

ssize_t pwrite64(int file, const void* bytes, size_t size, off64_t offset) {
  static const auto real = next<ssize_t (*)(int, const void*, size_t, off64_t)>("pwrite64");
  const Call call(kDisk, "pwrite");
  return call.fails() ? -1 : real(file, bytes, size, offset);
}

int fchmod(int file, mode_t mode) noexcept {
  static const auto real = next<int (*)(int, mode_t)>("fchmod");
  const Call call(kDisk, "fchmod");
  return call.fails() ? -1 : real(file, mode);
}

int fsync(int file) {
  static const auto real = next<int (*)(int)>("fsync");
  const Call call(kDisk, "fsync");
  return call.fails() ? -1 : real(file);
}

int fdatasync(int file) {
  static const auto real = next<int (*)(int)>("fdatasync");
  const Call call(kDisk, "fdatasync");
  return call.fails() ? -1 : real(file);
}

int ftruncate64(int file, off64_t size) noexcept {
  static const auto real = next<int (*)(int, off64_t)>("ftruncate64");
  const Call call(kDisk, "ftruncate");
  return call.fails() ? -1 : real(file, size);
}

ssize_t write(int file, const void* bytes, size_t size) {
  static const auto real = next<ssize_t (*)(int, const void*, size_t)>("write");
  std::uint32_t kind = 0;
  if (control != nullptr) {
    char link[32];
    char path[PATH_MAX];
    (void)std::snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    const ssize_t length = ::readlink(link, path, sizeof path);
    if (length > 10 && std::memcmp(path, "/proc/sys/", 10) == 0) kind = kKernel;
  }
  const Call call(kind, "sysctl");
  return call.fails() ? -1 : real(file, bytes, size);
}
}

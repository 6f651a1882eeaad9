// caisson-unzip MAX_BYTES: reads a ZIP from descriptor 0 and writes it as a tar to descriptor 1.
//
// It is run by runnerd on archives that strangers sent, as a user without privileges; whatever libarchive
// could be made to do, it can do without files, sockets and processes: seccomp allows reading, writing and
// memory. Exit status: 0 done; 2 the archive is refused, the reason (perhaps empty) on descriptor 2; 1
// anything else.
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <string_view>

#include "base/privileges.hh"
#include "runner/unzip/conversion.hh"

namespace {

caisson::Status confine() {
  TRY(auto filter, caisson::SystemCallFilter::make(SCMP_ACT_KILL_PROCESS));
  TRYV(filter.add(SCMP_ACT_ALLOW,
                  {SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(lseek), SCMP_SYS(fstat), SCMP_SYS(newfstatat),
                   SCMP_SYS(mmap), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(mprotect), SCMP_SYS(brk),
                   SCMP_SYS(madvise), SCMP_SYS(close), SCMP_SYS(exit), SCMP_SYS(exit_group),
                   SCMP_SYS(rt_sigreturn), SCMP_SYS(futex), SCMP_SYS(getrandom), SCMP_SYS(clock_gettime)}));
  // libarchive asks where time zones and character sets are; "there are none" is answer enough.
  TRYV(filter.add(SCMP_ACT_ERRNO(EACCES),
                  {SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(stat), SCMP_SYS(access)}));
  return std::move(filter).load();
}

}  // namespace

int main(int argc, char** argv) {
  std::int64_t limit = 0;
  if (argc != 2) return 1;
  const std::string_view number = argv[1];
  const auto parsed = std::from_chars(number.data(), number.data() + number.size(), limit);
  if (parsed.ec != std::errc() || parsed.ptr != number.data() + number.size() || limit <= 0) return 1;
  if (!confine()) return 1;
  std::string reason;
  const int status = caisson::runner::zip_to_tar(STDIN_FILENO, STDOUT_FILENO, limit, reason);
  if (status == caisson::runner::kRefused) (void)!::write(STDERR_FILENO, reason.data(), reason.size());
  return status;
}

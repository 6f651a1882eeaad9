#include "base/limits.hh"

#include <sys/resource.h>

#include <cerrno>

namespace caisson {

Status raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return Error::system(errno, "getrlimit", "RLIMIT_NOFILE");
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return Error::system(errno, "setrlimit", "RLIMIT_NOFILE");
  return ok();
}

}  // namespace caisson

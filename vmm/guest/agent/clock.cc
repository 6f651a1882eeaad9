#include <fcntl.h>
#include <linux/random.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <vector>

#include "vmm/guest/agent/system.hh"

namespace caisson::guest {

Status set_clock(std::int64_t realtime_ns) {
  const timespec now{.tv_sec = realtime_ns / 1'000'000'000, .tv_nsec = realtime_ns % 1'000'000'000};
  if (::clock_settime(CLOCK_REALTIME, &now) != 0) return Error::system(errno, "set", "the clock");
  return ok();
}

Status add_entropy(const std::string& entropy) {
  const Fd device = Fd::own(::open("/dev/urandom", O_RDWR | O_CLOEXEC));
  if (!device) return Error::system(errno, "open", "/dev/urandom");
  std::vector<int> storage((sizeof(rand_pool_info) + entropy.size()) / sizeof(int) + 1);
  auto* pool = reinterpret_cast<rand_pool_info*>(storage.data());
  pool->entropy_count = static_cast<int>(entropy.size() * 8);
  pool->buf_size = static_cast<int>(entropy.size());
  std::memcpy(pool->buf, entropy.data(), entropy.size());
  if (::ioctl(device.get(), RNDADDENTROPY, pool) != 0)
    return Error::system(errno, "add entropy to", "/dev/urandom");
  // Without it the new entropy would be used at the next reseeding, which may be a minute away.
  if (::ioctl(device.get(), RNDRESEEDCRNG) != 0) return Error::system(errno, "reseed", "/dev/urandom");
  return ok();
}

}  // namespace caisson::guest

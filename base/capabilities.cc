#include "base/capabilities.hh"

#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>

namespace caisson {

bool has_capability(int capability) {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets{};
  if (capability < 0 || ::syscall(SYS_capget, &header, sets.data()) != 0) return false;
  const auto word = static_cast<std::size_t>(capability) / 32;
  return word < sets.size() && (sets[word].effective >> (static_cast<unsigned>(capability) % 32) & 1U) != 0;
}

}  // namespace caisson

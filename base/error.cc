#include "base/error.hh"

#include <cstring>

namespace caisson {

Error Error::system(int errno_value, const std::string& operation, const std::string& object) {
  const char* name = strerrorname_np(errno_value);
  return {.code = name != nullptr ? name : "errno" + std::to_string(errno_value),
          .message = operation + " " + object + ": " + strerrordesc_np(errno_value),
          .errno_value = errno_value};
}

Error Error::within(const std::string& operation) && {
  message = operation + ": " + message;
  return std::move(*this);
}

}  // namespace caisson

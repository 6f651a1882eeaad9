// Questions as they are sent.
#pragma once

#include <string>
#include <string_view>

namespace caisson::endpoints::dns::test {

inline std::string number(unsigned value) {
  return {static_cast<char>(value >> 8U), static_cast<char>(value)};
}

inline std::string labels(std::string_view name) {
  std::string made;
  while (!name.empty()) {
    const auto label = name.substr(0, name.find('.'));
    made += static_cast<char>(label.size());
    made += label;
    name.remove_prefix(std::min(name.size(), label.size() + 1));
  }
  return made + std::string(1, '\0');
}

/// `edns`: the size that the client takes over UDP, 0 for no EDNS.
inline std::string question(std::string_view name, unsigned type, unsigned edns = 0, unsigned version = 0) {
  std::string made =
      number(77) + number(0x0100) + number(1) + number(0) + number(0) + number(edns == 0 ? 0 : 1);
  made += labels(name) + number(type) + number(1);
  if (edns != 0)
    made += std::string(1, '\0') + number(41) + number(edns) + number(version) + number(0) + number(0);
  return made;
}

/// The reply of an upstream resolver to question(): `count` records of this TTL.
inline std::string upstream(unsigned id, std::string_view name, unsigned ttl, unsigned count,
                            std::string_view data) {
  std::string made = number(id) + number(0x8180) + number(1) + number(count) + number(0) + number(0);
  made += labels(name) + number(16) + number(1);
  for (unsigned i = 0; i < count; ++i) {
    made += number(0xc00c) + number(16) + number(1) + number(0) + number(ttl) +
            number(static_cast<unsigned>(data.size()) + 1) + static_cast<char>(data.size());
    made += data;
  }
  return made;
}

}  // namespace caisson::endpoints::dns::test

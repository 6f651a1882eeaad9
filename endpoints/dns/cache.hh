// Forwarded answers, kept for as long as their records say: by VPC, so that none is seen in another one, and bounded in
// each, so that none can push out what others have asked. One thread at a time.
#pragma once

#include <chrono>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <tuple>

#include "endpoints/dns/message.hh"

namespace caisson::endpoints::dns {

class Cache {
 public:
  using Clock = std::chrono::steady_clock;
  struct Limits {
    std::size_t bytes_of_vpc = 256 * 1024;
    std::size_t vpcs = 256;  ///< the one that has asked longest ago goes
  };
  explicit Cache(Limits limits) : limits_(limits) {}
  Cache() : Cache(Limits{}) {}

  struct Hit {
    std::string bytes;
    std::uint32_t age = 0;  ///< seconds
  };
  std::optional<Hit> find(const std::string& vpc, const Query& query, Clock::time_point now);
  /// `bytes`: an accepted reply. One without a lifetime is not kept.
  void add(const std::string& vpc, const Query& query, std::string bytes, Clock::time_point now);
  [[nodiscard]] std::size_t entries() const;

 private:
  using Key = std::tuple<std::string, std::uint16_t, bool, bool>;
  struct Entry {
    Key key;
    std::string bytes;
    Clock::time_point came;
    Clock::time_point ends;
  };
  struct Part {
    std::string vpc;
    std::list<Entry> entries;  ///< the one used last first
    std::map<Key, std::list<Entry>::iterator> by_key;
    std::size_t bytes = 0;
  };
  Part& part_of(const std::string& vpc);
  static void erase(Part& part, std::list<Entry>::iterator entry);

  Limits limits_;
  std::list<Part> parts_;  ///< the one used last first
  std::map<std::string, std::list<Part>::iterator> by_vpc_;
};

}  // namespace caisson::endpoints::dns

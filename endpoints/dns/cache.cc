#include "endpoints/dns/cache.hh"

namespace caisson::endpoints::dns {
namespace {

/// Of an entry, beside its name (twice) and its bytes.
constexpr std::size_t kOverhead = 256;

}  // namespace

Cache::Part& Cache::part_of(const std::string& vpc) {
  if (const auto found = by_vpc_.find(vpc); found != by_vpc_.end()) {
    parts_.splice(parts_.begin(), parts_, found->second);
    return parts_.front();
  }
  if (parts_.size() >= limits_.vpcs) {
    by_vpc_.erase(parts_.back().vpc);
    parts_.pop_back();
  }
  parts_.emplace_front().vpc = vpc;
  by_vpc_[vpc] = parts_.begin();
  return parts_.front();
}

void Cache::erase(Part& part, std::list<Entry>::iterator entry) {
  part.bytes -= entry->bytes.size() + 2 * std::get<0>(entry->key).size() + kOverhead;
  part.by_key.erase(entry->key);
  part.entries.erase(entry);
}

std::optional<Cache::Hit> Cache::find(const std::string& vpc, const Query& query, Clock::time_point now) {
  const auto there = by_vpc_.find(vpc);
  if (there == by_vpc_.end()) return std::nullopt;
  Part& part = part_of(vpc);
  const auto found = part.by_key.find({query.name, query.type, query.dnssec_ok, query.checking_disabled});
  if (found == part.by_key.end()) return std::nullopt;
  const auto entry = found->second;
  if (now >= entry->ends) {
    erase(part, entry);
    return std::nullopt;
  }
  part.entries.splice(part.entries.begin(), part.entries, entry);
  const auto age = std::chrono::duration_cast<std::chrono::seconds>(now - entry->came);
  return Hit{.bytes = entry->bytes, .age = static_cast<std::uint32_t>(age.count())};
}

void Cache::add(const std::string& vpc, const Query& query, std::string bytes, Clock::time_point now) {
  const std::uint32_t seconds = lifetime(bytes);
  const std::size_t size = bytes.size() + 2 * query.name.size() + kOverhead;
  if (seconds == 0 || size > limits_.bytes_of_vpc) return;
  Part& part = part_of(vpc);
  const Key key{query.name, query.type, query.dnssec_ok, query.checking_disabled};
  if (const auto found = part.by_key.find(key); found != part.by_key.end()) erase(part, found->second);
  while (part.bytes + size > limits_.bytes_of_vpc) {
    erase(part, std::prev(part.entries.end()));
  }
  part.entries.push_front(
      {.key = key, .bytes = std::move(bytes), .came = now, .ends = now + std::chrono::seconds(seconds)});
  part.by_key[key] = part.entries.begin();
  part.bytes += size;
}

std::size_t Cache::entries() const {
  std::size_t count = 0;
  for (const auto& part : parts_) {
    count += part.entries.size();
  }
  return count;
}

}  // namespace caisson::endpoints::dns

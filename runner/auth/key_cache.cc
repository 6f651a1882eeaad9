#include "runner/auth/key_cache.hh"

namespace caisson::runner {

std::optional<Signer> KeyCache::find(const std::string& access_key_id, const sigv4::Scope& scope) {
  const auto found = entries_.find({access_key_id, scope});
  if (found == entries_.end()) return std::nullopt;
  uses_.splice(uses_.begin(), uses_, found->second.use);
  return found->second.signer;
}

void KeyCache::put(std::uint64_t epoch, const std::string& access_key_id, const sigv4::Scope& scope,
                   Signer signer) {
  if (epoch != epoch_ || limit_ == 0) return;
  const Name name{access_key_id, scope};
  if (entries_.contains(name)) return;  // another request was as fast
  if (entries_.size() >= limit_) {
    entries_.erase(uses_.back());
    uses_.pop_back();
  }
  uses_.push_front(name);
  entries_.emplace(name, Entry{.signer = std::move(signer), .use = uses_.begin()});
}

void KeyCache::clear() {
  ++epoch_;
  entries_.clear();
  uses_.clear();
}

}  // namespace caisson::runner

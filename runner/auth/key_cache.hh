// The keys that verify requests, as runnerd keeps them: derived for one day, region and service, never the secrets.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <string>

#include "base/sigv4/digest.hh"

namespace caisson::runner {

/// Who signs with a key, and what verifies it.
struct Signer {
  std::string account;
  sigv4::SigningKey key;
};

/// A value; not thread-safe. At most `limit` keys, the least recently used goes first.
class KeyCache {
 public:
  explicit KeyCache(std::size_t limit) : limit_(limit) {}

  std::optional<Signer> find(const std::string& access_key_id, const sigv4::Scope& scope);

  /// To be read before a key is asked for, and handed to put(): a key that was asked for before a revocation was heard of
  /// is not kept.
  [[nodiscard]] std::uint64_t epoch() const { return epoch_; }
  void put(std::uint64_t epoch, const std::string& access_key_id, const sigv4::Scope& scope, Signer signer);

  /// Some access key ceased to be: all are asked for again.
  void clear();
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  using Name = std::pair<std::string, sigv4::Scope>;
  struct Entry {
    Signer signer;
    std::list<Name>::iterator use;
  };
  std::size_t limit_;
  std::uint64_t epoch_ = 0;
  std::map<Name, Entry> entries_;
  std::list<Name> uses_;  ///< the most recent first
};

}  // namespace caisson::runner

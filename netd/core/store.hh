// What has been acknowledged, on disk: the stamped commands in their order, as one key-value table with a revision.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.hh"

struct sqlite3;

namespace caisson::netd::core {

/// One thread at a time. Every append is durable when it returns (WAL, synchronous=FULL).
class Store {
 public:
  static Result<Store> open(const std::string& path);

  /// All records in the order in which they were appended.
  Result<std::vector<std::string>> load();
  /// Its revision.
  Result<std::uint64_t> append(const std::string& record);
  /// Takes the last record back, durably. One that is not there is a success.
  Status remove(std::uint64_t revision);

 private:
  struct Closer {
    void operator()(sqlite3* database) const;
  };
  explicit Store(std::unique_ptr<sqlite3, Closer> database) : database_(std::move(database)) {}
  Status run(const std::string& sql);
  std::unique_ptr<sqlite3, Closer> database_;
};

}  // namespace caisson::netd::core

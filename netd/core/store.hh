// What has been acknowledged, on disk: a snapshot of the model and the stamped commands after it in their order, as one
// key-value table with a revision.
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

  /// The records after the snapshot in the order in which they were appended.
  Result<std::vector<std::string>> load();
  struct Snapshot {
    std::string text;            ///< empty: there is none
    std::uint64_t revision = 0;  ///< of the last record that it stands for
  };
  Result<Snapshot> snapshot();
  /// Of the last record, or the snapshot; 0: the store is empty.
  Result<std::uint64_t> last_revision();
  /// Puts the snapshot in the place of the records up to its revision, and of an earlier one: all of it or nothing.
  Status compact(const Snapshot& snapshot);
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
  Status replace(const Snapshot& snapshot);
  std::unique_ptr<sqlite3, Closer> database_;
};

}  // namespace caisson::netd::core

// The registry of functions: SQLite underneath, all functions in memory. Its rows are the truth.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/result.hh"
#include "runner/functions/function.hh"

struct sqlite3;

namespace caisson::runner {

/// Thread-safe. A change is on the disk (WAL, synchronous=FULL) when put() or remove() returns; when they
/// fail nothing has changed. Readers get immutable values.
class Registry {
 public:
  using Pointer = std::shared_ptr<const Function>;

  /// Opens or makes the database. Errors: "Database" (SQLite's message), "CorruptRegistry", and
  /// "UnknownSchema" for one that a later release wrote.
  static Result<std::unique_ptr<Registry>> open(const std::string& path);
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  /// nullptr: there is none.
  [[nodiscard]] Pointer find(const FunctionKey& key) const;
  /// Up to `limit` functions of the account whose name is greater than `after`, by name.
  [[nodiscard]] std::vector<Pointer> list(const std::string& account, const std::string& after,
                                          std::size_t limit) const;
  [[nodiscard]] std::vector<Pointer> all() const;

  Status put(const Function& function);
  Status remove(const FunctionKey& key);

 private:
  struct Close {
    void operator()(sqlite3* database) const;
  };
  explicit Registry(std::unique_ptr<sqlite3, Close> database);
  Status prepare_schema();
  Status load();

  mutable std::mutex mutex_;  ///< guards both; HTTP workers and deployment workers come here
  std::unique_ptr<sqlite3, Close> database_;
  std::map<FunctionKey, Pointer> functions_;
};

}  // namespace caisson::runner

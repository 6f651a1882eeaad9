#include "runner/functions/registry.hh"

#include <sqlite3.h>

#include "runner/functions/document.hh"

namespace caisson::runner {

namespace {

constexpr int kSchemaVersion = 1;

Error database_error(sqlite3* database, const std::string& operation) {
  return {.code = "Database", .message = operation + ": " + sqlite3_errmsg(database)};
}

Status execute(sqlite3* database, const char* sql) {
  if (sqlite3_exec(database, sql, nullptr, nullptr, nullptr) == SQLITE_OK) return ok();
  return database_error(database, sql);
}

struct Finalize {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Statement = std::unique_ptr<sqlite3_stmt, Finalize>;

Result<Statement> prepare(sqlite3* database, const char* sql, const std::vector<std::string>& values = {}) {
  sqlite3_stmt* raw = nullptr;
  if (sqlite3_prepare_v2(database, sql, -1, &raw, nullptr) != SQLITE_OK) return database_error(database, sql);
  Statement statement(raw);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::string& value = values[i];
    if (sqlite3_bind_text64(raw, static_cast<int>(i) + 1, value.data(), value.size(), SQLITE_TRANSIENT,
                            SQLITE_UTF8) != SQLITE_OK) {
      return database_error(database, sql);
    }
  }
  return statement;
}

Status run(sqlite3* database, const char* sql, const std::vector<std::string>& values) {
  TRY(const Statement statement, prepare(database, sql, values));
  if (sqlite3_step(statement.get()) == SQLITE_DONE) return ok();
  return database_error(database, sql);
}

}  // namespace

void Registry::Close::operator()(sqlite3* database) const {
  sqlite3_close(database);
}

Registry::Registry(std::unique_ptr<sqlite3, Close> database) : database_(std::move(database)) {}
Registry::~Registry() = default;

Result<std::unique_ptr<Registry>> Registry::open(const std::string& path) {
  sqlite3* raw = nullptr;
  const int opened = sqlite3_open_v2(
      path.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX, nullptr);
  std::unique_ptr<sqlite3, Close> database(raw);
  if (opened != SQLITE_OK) return database_error(raw, "open " + path);
  std::unique_ptr<Registry> registry(new Registry(std::move(database)));
  TRYV(registry->prepare_schema());
  TRYV(registry->load());
  return registry;
}

Status Registry::prepare_schema() {
  sqlite3* database = database_.get();
  TRYV(execute(database, "PRAGMA journal_mode=WAL"));
  TRYV(execute(database, "PRAGMA synchronous=FULL"));
  int version = 0;
  {
    TRY(const Statement statement, prepare(database, "PRAGMA user_version"));
    if (sqlite3_step(statement.get()) == SQLITE_ROW) version = sqlite3_column_int(statement.get(), 0);
  }
  if (version > kSchemaVersion) {
    return Error{.code = "UnknownSchema",
                 .message = "the registry has schema " + std::to_string(version) + ", this release knows " +
                            std::to_string(kSchemaVersion)};
  }
  if (version == kSchemaVersion) return ok();
  return execute(database,
                 "BEGIN;"
                 "CREATE TABLE functions (account TEXT NOT NULL, name TEXT NOT NULL, document TEXT NOT NULL,"
                 " PRIMARY KEY (account, name)) WITHOUT ROWID;"
                 "PRAGMA user_version=1;"
                 "COMMIT");
}

Status Registry::load() {
  TRY(const Statement statement, prepare(database_.get(), "SELECT document FROM functions"));
  int step = SQLITE_DONE;
  while ((step = sqlite3_step(statement.get())) == SQLITE_ROW) {
    const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement.get(), 0));
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement.get(), 0));
    TRY(Function function, parse_document({text, size}));
    const FunctionKey key = function.key;
    functions_[key] = std::make_shared<const Function>(std::move(function));
  }
  if (step == SQLITE_DONE) return ok();
  return database_error(database_.get(), "read the functions");
}

Registry::Pointer Registry::find(const FunctionKey& key) const {
  const std::lock_guard lock(mutex_);
  const auto found = functions_.find(key);
  return found == functions_.end() ? nullptr : found->second;
}

std::vector<Registry::Pointer> Registry::list(const std::string& account, const std::string& after,
                                              std::size_t limit) const {
  const std::lock_guard lock(mutex_);
  std::vector<Pointer> page;
  for (auto it = functions_.upper_bound({account, after}); it != functions_.end() && page.size() < limit;
       ++it) {
    if (it->first.account != account) break;
    page.push_back(it->second);
  }
  return page;
}

std::vector<Registry::Pointer> Registry::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<Pointer> functions;
  for (const auto& [key, function] : functions_)
    functions.push_back(function);
  return functions;
}

Status Registry::put(const Function& function) {
  auto stored = std::make_shared<const Function>(function);
  const std::lock_guard lock(mutex_);
  TRYV(run(database_.get(),
           "INSERT INTO functions (account, name, document) VALUES (?, ?, ?)"
           " ON CONFLICT (account, name) DO UPDATE SET document = excluded.document",
           {function.key.account, function.key.name, to_document(function)}));
  functions_[function.key] = std::move(stored);
  return ok();
}

Status Registry::remove(const FunctionKey& key) {
  const std::lock_guard lock(mutex_);
  TRYV(run(database_.get(), "DELETE FROM functions WHERE account = ? AND name = ?", {key.account, key.name}));
  functions_.erase(key);
  return ok();
}

}  // namespace caisson::runner

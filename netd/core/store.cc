#include "netd/core/store.hh"

#include <sqlite3.h>

#include <cerrno>

namespace caisson::netd::core {
namespace {

struct Finalizer {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Statement = std::unique_ptr<sqlite3_stmt, Finalizer>;

/// What an operator can do about it.
const char* advice(int code) {
  switch (code & 0xff) {
    case SQLITE_FULL:
      return "; free space on the file system of the state folder";
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return "; restore the file from a copy, or move it away to begin with an empty model";
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return "; netd must be able to write the state folder and what is in it";
    default:
      return "";
  }
}

Error failed(sqlite3* database, const std::string& operation) {
  if (database == nullptr) return Error::system(ENOMEM, operation, "the store");
  return {.code = "EIO",
          .message = "store: " + operation + ": " + sqlite3_errmsg(database) +
                     advice(sqlite3_extended_errcode(database)),
          .errno_value = EIO};
}

}  // namespace

void Store::Closer::operator()(sqlite3* database) const {
  sqlite3_close(database);
}

Status Store::run(const std::string& sql) {
  if (sqlite3_exec(database_.get(), sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK) return ok();
  return failed(database_.get(), sql);
}

Result<Store> Store::open(const std::string& path) {
  sqlite3* raw = nullptr;
  const int code = sqlite3_open(path.c_str(), &raw);
  Store store{std::unique_ptr<sqlite3, Closer>(raw)};
  if (code != SQLITE_OK) return failed(raw, "open " + path);
  TRYV(store.run("PRAGMA journal_mode=WAL"));
  TRYV(store.run("PRAGMA synchronous=FULL"));
  TRYV(store.run(
      "CREATE TABLE IF NOT EXISTS entries (key TEXT PRIMARY KEY, value TEXT NOT NULL, revision INTEGER NOT "
      "NULL UNIQUE)"));
  return store;
}

Result<std::vector<std::string>> Store::load() {
  sqlite3_stmt* raw = nullptr;
  constexpr const char* kSql = "SELECT value FROM entries WHERE key LIKE 'command/%' ORDER BY revision";
  if (sqlite3_prepare_v2(database_.get(), kSql, -1, &raw, nullptr) != SQLITE_OK) {
    return failed(database_.get(), "load");
  }
  const Statement statement(raw);
  std::vector<std::string> records;
  int code = 0;
  while ((code = sqlite3_step(raw)) == SQLITE_ROW) {
    records.emplace_back(reinterpret_cast<const char*>(sqlite3_column_text(raw, 0)),
                         static_cast<std::size_t>(sqlite3_column_bytes(raw, 0)));
  }
  if (code != SQLITE_DONE) return failed(database_.get(), "load");
  return records;
}

Result<std::uint64_t> Store::append(const std::string& record) {
  constexpr const char* kSql =
      "INSERT INTO entries (revision, key, value) SELECT n, printf('command/%016x', n), ? FROM "
      "(SELECT coalesce(max(revision), 0) + 1 AS n FROM entries) RETURNING revision";
  sqlite3_stmt* raw = nullptr;
  if (sqlite3_prepare_v2(database_.get(), kSql, -1, &raw, nullptr) != SQLITE_OK) {
    return failed(database_.get(), "append");
  }
  const Statement statement(raw);
  sqlite3_bind_text(raw, 1, record.data(), static_cast<int>(record.size()), SQLITE_TRANSIENT);
  if (sqlite3_step(raw) != SQLITE_ROW) return failed(database_.get(), "append");
  const auto revision = static_cast<std::uint64_t>(sqlite3_column_int64(raw, 0));
  // It is committed by the step that ends the statement.
  if (sqlite3_step(raw) != SQLITE_DONE) return failed(database_.get(), "append");
  return revision;
}

Status Store::remove(std::uint64_t revision) {
  return run("DELETE FROM entries WHERE key LIKE 'command/%' AND revision = " + std::to_string(revision));
}

Result<Store::Snapshot> Store::snapshot() {
  constexpr const char* kSql = "SELECT value, revision FROM entries WHERE key LIKE 'snapshot/%'";
  sqlite3_stmt* raw = nullptr;
  if (sqlite3_prepare_v2(database_.get(), kSql, -1, &raw, nullptr) != SQLITE_OK) {
    return failed(database_.get(), "load the snapshot");
  }
  const Statement statement(raw);
  const int code = sqlite3_step(raw);
  if (code == SQLITE_DONE) return Snapshot{};
  if (code != SQLITE_ROW) return failed(database_.get(), "load the snapshot");
  return Snapshot{.text = {reinterpret_cast<const char*>(sqlite3_column_text(raw, 0)),
                           static_cast<std::size_t>(sqlite3_column_bytes(raw, 0))},
                  .revision = static_cast<std::uint64_t>(sqlite3_column_int64(raw, 1))};
}

Result<std::uint64_t> Store::last_revision() {
  sqlite3_stmt* raw = nullptr;
  if (sqlite3_prepare_v2(database_.get(), "SELECT coalesce(max(revision), 0) FROM entries", -1, &raw,
                         nullptr) != SQLITE_OK) {
    return failed(database_.get(), "load");
  }
  const Statement statement(raw);
  if (sqlite3_step(raw) != SQLITE_ROW) return failed(database_.get(), "load");
  return static_cast<std::uint64_t>(sqlite3_column_int64(raw, 0));
}

Status Store::replace(const Snapshot& snapshot) {
  const std::string revision = std::to_string(snapshot.revision);
  TRYV(run("DELETE FROM entries WHERE revision <= " + revision));
  const std::string sql = "INSERT INTO entries (key, value, revision) VALUES (printf('snapshot/%016x', " +
                          revision + "), ?, " + revision + ")";
  sqlite3_stmt* raw = nullptr;
  if (sqlite3_prepare_v2(database_.get(), sql.c_str(), -1, &raw, nullptr) != SQLITE_OK) {
    return failed(database_.get(), "write the snapshot");
  }
  const Statement statement(raw);
  sqlite3_bind_text(raw, 1, snapshot.text.data(), static_cast<int>(snapshot.text.size()), SQLITE_TRANSIENT);
  if (sqlite3_step(raw) != SQLITE_DONE) return failed(database_.get(), "write the snapshot");
  return ok();
}

Status Store::compact(const Snapshot& snapshot) {
  TRYV(run("BEGIN IMMEDIATE"));
  Status done = replace(snapshot);
  if (done) done = run("COMMIT");
  // A COMMIT that failed may have ended the transaction by itself.
  if (!done && sqlite3_get_autocommit(database_.get()) == 0) (void)run("ROLLBACK");
  return done;
}

}  // namespace caisson::netd::core

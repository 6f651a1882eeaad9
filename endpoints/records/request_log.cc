#include "endpoints/records/request_log.hh"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "endpoints/records/files.hh"
#include "endpoints/records/request_line.hh"

namespace caisson::endpoints {
namespace {

constexpr mode_t kMode = 0600;

/// Those that a log with a higher limit left.
Status remove_beyond(int folder, unsigned old_files) {
  TRY(const auto numbers, requests_files(folder));
  for (const unsigned number : numbers) {
    if (number <= old_files) continue;
    const std::string name = requests_file(number);
    if (::unlinkat(folder, name.c_str(), 0) != 0 && errno != ENOENT)
      return Error::system(errno, "remove", name);
  }
  return ok();
}

}  // namespace

Result<RequestLog> RequestLog::open(const std::string& folder, RequestLogLimits limits) {
  Fd opened = Fd::own(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!opened) return Error::system(errno, "open", folder);
  RequestLog log(std::move(opened), limits);
  TRYV(remove_beyond(log.folder_.get(), limits.old_files));
  TRYV(log.open_file());
  return log;
}

Status RequestLog::open_file() {
  // Readable, for the look at its last byte.
  Fd file = Fd::own(
      ::openat(folder_.get(), kRequestsFile, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, kMode));
  if (!file) return Error::system(errno, "open", kRequestsFile);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return Error::system(errno, "look at", kRequestsFile);
  char last = '\n';
  if (status.st_size > 0 && ::pread(file.get(), &last, 1, status.st_size - 1) != 1)
    return Error::system(errno, "read", kRequestsFile);
  size_ = static_cast<std::uint64_t>(status.st_size);
  torn_ = last != '\n';
  file_ = std::move(file);
  return ok();
}

/// The oldest is lost. Should the process end between two steps, a number is free, and the order is still that of the numbers.
Status RequestLog::rotate() {
  const auto rename = [this](unsigned from, unsigned to) -> Status {
    const std::string name = requests_file(from);
    const int done = ::renameat(folder_.get(), name.c_str(), folder_.get(), requests_file(to).c_str());
    return done == 0 || errno == ENOENT ? Status(ok()) : Error::system(errno, "rename", name);
  };
  for (unsigned number = limits_.old_files; number > 0; --number) {
    TRYV(rename(number - 1, number));
  }
  file_.reset();
  return open_file();
}

Status RequestLog::append(std::string_view line) {
  if (!file_) {
    TRYV(open_file());
  }
  if (size_ > 0 && size_ + line.size() > limits_.file_bytes) {
    TRYV(rotate());
  }
  const std::string whole = (torn_ ? "\n" : "") + std::string(line);
  ssize_t written = 0;
  do {
    written = ::write(file_.get(), whole.data(), whole.size());
  } while (written < 0 && errno == EINTR);
  if (written < 0) return Error::system(errno, "write to", kRequestsFile);
  size_ += static_cast<std::uint64_t>(written);
  if (static_cast<std::size_t>(written) == whole.size()) {
    torn_ = false;
    return ok();
  }
  torn_ = written > 0 && whole[static_cast<std::size_t>(written) - 1] != '\n';
  return Error::system(ENOSPC, "write to", kRequestsFile);
}

void RequestLog::write(const Record& record) {
  const Status done = append(request_line(record));
  if (done) {
    ++stats_.written;
    if (stats_.failing) spdlog::warn("requests are recorded again; {} were not", stats_.lost - lost_before_);
    stats_.failing = false;
    return;
  }
  if (!stats_.failing) {
    lost_before_ = stats_.lost;
    spdlog::error("requests are not recorded: {}", done.error().text());
  }
  stats_.failing = true;
  ++stats_.lost;
}

RequestLogStats RequestLog::stats() const {
  RequestLogStats stats = stats_;
  stats.bytes = size_;
  return stats;
}

}  // namespace caisson::endpoints

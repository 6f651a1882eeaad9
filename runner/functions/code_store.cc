#include "runner/functions/code_store.hh"

#include <dirent.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <memory>
#include <vector>

#include "base/hex.hh"
#include "runner/functions/base64.hh"
#include "runner/functions/child.hh"

namespace caisson::runner {

namespace {

constexpr std::chrono::seconds kIntakeTimeout{120};
constexpr std::uint64_t kHelperMemory = 1024ULL * 1024 * 1024;
/// What caisson-unzip exits with (runner/unzip/unzip.hh); its standard error says why.
constexpr int kRefusedArchive = 2;

Error bad_zip(const std::string& reason) {
  if (!reason.empty()) return {.code = "InvalidParameterValueException", .message = reason};
  return {.code = "InvalidParameterValueException",
          .message = "Could not unzip uploaded file. Please check your file, then try to upload again."};
}

Status write_all(int fd, std::string_view bytes, const std::string& object) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return Error::system(errno, "write", object);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return ok();
}

Result<Fd> memory_file(const char* name) {
  Fd file = Fd::own(::memfd_create(name, MFD_CLOEXEC));
  if (!file) return Error::system(errno, "create", name);
  return file;
}

/// The first line of what a helper wrote to its standard error.
std::string first_line(int fd) {
  std::array<char, 512> buffer{};
  const ssize_t size = ::pread(fd, buffer.data(), buffer.size(), 0);
  std::string text(buffer.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  return text.substr(0, text.find('\n'));
}

Result<Fd> open_program(const std::string& path) {
  Fd program = Fd::own(::open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!program) return Error::system(errno, "open", path);
  return program;
}

std::string sha256(std::string_view bytes) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data());
  return encode_base64({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

/// Removes the temporary file unless it was renamed.
struct Temporary {
  std::string path;
  ~Temporary() {
    if (!path.empty()) (void)::unlink(path.c_str());
  }
};

Status sync_folder(const std::string& folder) {
  const Fd directory = Fd::own(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory || ::fsync(directory.get()) != 0) return Error::system(errno, "sync", folder);
  return ok();
}

}  // namespace

Result<CodeStore> CodeStore::open(const std::string& folder, IntakeSettings settings) {
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
    return Error::system(errno, "make folder", folder);
  if (::chmod(folder.c_str(), 0700) != 0) return Error::system(errno, "set the mode of", folder);
  return CodeStore(folder, std::move(settings));
}

Status CodeStore::write_image(int zip, int image) const {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0) return Error::system(errno, "open", "a pipe");
  Fd tar_out = Fd::own(ends[0]);
  Fd tar_in = Fd::own(ends[1]);
  TRY(const Fd unzip, open_program(settings_.unzip));
  TRY(const Fd make_image, open_program(settings_.make_image));
  TRY(const Fd reason, memory_file("unzip-errors"));
  TRY(const Fd noise, memory_file("mksquashfs-output"));
  ChildSpec reader{.program = unzip.get(),
                   .arguments = {"caisson-unzip", std::to_string(settings_.max_unzipped_bytes)},
                   .input = zip,
                   .output = tar_in.get(),
                   .errors = reason.get(),
                   .cgroup = settings_.cgroup,
                   .cpus = settings_.cpus,
                   .uid = settings_.uid,
                   .address_space_bytes = kHelperMemory,
                   .cpu_seconds = 60};
  // Writes to descriptors count against RLIMIT_FSIZE for regular files and memfds, not for pipes.
  reader.file_bytes = 64 * 1024;
  ChildSpec writer{.program = make_image.get(),
                   // "-tar" is what sqfstar does, but sqfstar takes any file that exists, an empty one too,
                   // for one to append to.
                   .arguments = {"mksquashfs", "-", "/proc/self/fd/3", "-tar", "-noappend", "-quiet",
                                 "-no-progress", "-all-root", "-no-xattrs", "-comp", "zstd",
                                 "-Xcompression-level", "3", "-processors", "1", "-mem", "128M"},
                   .input = tar_out.get(),
                   .output = noise.get(),
                   .errors = noise.get(),
                   .extra = image,
                   .cgroup = settings_.cgroup,
                   .cpus = settings_.cpus,
                   .uid = settings_.uid,
                   .address_space_bytes = kHelperMemory,
                   .file_bytes = settings_.max_unzipped_bytes * 2,
                   .cpu_seconds = 120};
  TRY(Child reading, Child::spawn(reader));
  TRY(Child writing, Child::spawn(writer));
  tar_out.reset();
  tar_in.reset();
  TRY(const int read_status, reading.wait(kIntakeTimeout));
  if (WIFEXITED(read_status) && WEXITSTATUS(read_status) == kRefusedArchive) {
    return bad_zip(first_line(reason.get()));
  }
  const bool no_reader = WIFSIGNALED(read_status) && WTERMSIG(read_status) == SIGPIPE;
  // Ran into a limit, or was stopped by its filter.
  if (read_status != 0 && !no_reader) return bad_zip({});
  TRY(const int write_status, writing.wait(kIntakeTimeout));
  if (write_status != 0 || no_reader) {
    return Error{.code = "ImageFailed", .message = "mksquashfs: " + first_line(noise.get())};
  }
  return ok();
}

Result<CodePackage> CodeStore::take(std::string_view zip) const {
  TRY(const Fd archive, memory_file("upload"));
  TRYV(write_all(archive.get(), zip, "the upload"));
  if (::lseek(archive.get(), 0, SEEK_SET) != 0) return Error::system(errno, "rewind", "the upload");
  CodePackage package{.file = random_hex() + ".squashfs", .sha256 = sha256(zip), .bytes = zip.size()};
  Temporary temporary{path(package.file) + ".tmp"};
  const Fd image = Fd::own(::open(temporary.path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!image) return Error::system(errno, "create", temporary.path);
  // mksquashfs opens the file anew, as another user; the folder keeps all others off.
  if (::fchmod(image.get(), 0666) != 0) return Error::system(errno, "set the mode of", temporary.path);
  TRYV(write_image(archive.get(), image.get()));
  if (::fchmod(image.get(), 0444) != 0) return Error::system(errno, "set the mode of", temporary.path);
  if (::fsync(image.get()) != 0) return Error::system(errno, "sync", temporary.path);
  if (::rename(temporary.path.c_str(), path(package.file).c_str()) != 0) {
    return Error::system(errno, "rename", temporary.path);
  }
  temporary.path.clear();
  TRYV(sync_folder(folder_));
  return package;
}

void CodeStore::remove(const std::string& file) const {
  (void)::unlink(path(file).c_str());
}

Result<int> CodeStore::prune(const std::set<std::string>& known) const {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(folder_.c_str()), &::closedir);
  if (!directory) return Error::system(errno, "open", folder_);
  std::vector<std::string> surplus;
  while (const dirent* entry = ::readdir(directory.get())) {
    const std::string name = entry->d_name;
    if (name != "." && name != ".." && !known.contains(name)) surplus.push_back(name);
  }
  for (const std::string& name : surplus)
    remove(name);
  return static_cast<int>(surplus.size());
}

}  // namespace caisson::runner

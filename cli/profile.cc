#include "cli/profile.hh"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "base/fd.hh"

namespace caisson::cli {
namespace {

std::string trimmed(const std::string& text) {
  const auto first = text.find_first_not_of(" \t\r");
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);)
    lines.push_back(line);
  return lines;
}

std::string text_of(const std::vector<std::string>& lines) {
  std::string text;
  for (const auto& line : lines)
    text += line + "\n";
  return text;
}

std::string name_in(const std::string& line) {
  return trimmed(line.substr(0, std::min(line.find('='), line.size())));
}

/// The section's lines, without its header: [first, end). `first` is 0 when it is not there.
struct Range {
  std::size_t first = 0;
  std::size_t end = 0;
};
Range find_section(const std::vector<std::string>& lines, const std::string& header) {
  Range range;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::string line = trimmed(lines[i]);
    if (!line.starts_with("[")) continue;
    if (range.first != 0) {
      range.end = i;
      return range;
    }
    if (line == "[" + header + "]") range.first = i + 1;
  }
  range.end = lines.size();
  return range;
}

std::string config_header(const std::string& name) {
  return name == "default" ? name : "profile " + name;
}

/// Empty when there is no such file. What can't be read must not be taken for empty: it would be written over.
Result<std::string> read_text(const std::string& path) {
  const Fd file = Fd::own(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file && errno == ENOENT) return std::string();
  if (!file) return Error::system(errno, "open", path);
  std::string text;
  std::array<char, 4096> chunk{};
  ssize_t size = 0;
  while ((size = ::read(file.get(), chunk.data(), chunk.size())) > 0)
    text.append(chunk.data(), static_cast<std::size_t>(size));
  if (size < 0) return Error::system(errno, "read", path);
  return text;
}

Status write_text(const std::string& given, const std::string& text) {
  std::error_code failed;
  const std::string path =
      std::filesystem::weakly_canonical(given, failed).string();  // through a symbolic link
  if (failed) return Error::system(failed.value(), "find", given);
  const auto folder = std::filesystem::path(path).parent_path();
  if (!std::filesystem::exists(folder, failed)) {
    std::filesystem::create_directories(folder, failed);
    std::filesystem::permissions(folder, std::filesystem::perms::owner_all, failed);
  }
  const std::string fresh = path + ".caisson-new";
  (void)::unlink(fresh.c_str());
  const Fd file = Fd::own(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return Error::system(errno, "make", fresh);
  struct stat before {};
  // A file that root changes for somebody stays theirs.
  const bool keep = ::stat(path.c_str(), &before) == 0 && before.st_uid != ::geteuid();
  if (keep && ::fchown(file.get(), before.st_uid, before.st_gid) != 0) {
    const int reason = errno;
    (void)::unlink(fresh.c_str());
    return Error::system(reason, "keep the owner of", path);
  }
  if (::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
      ::fsync(file.get()) != 0 || ::rename(fresh.c_str(), path.c_str()) != 0) {
    const int reason = errno;
    (void)::unlink(fresh.c_str());
    return Error::system(reason, "write", path);
  }
  return ok();
}

}  // namespace

std::string with_section(const std::string& text, const std::string& header, const Entries& entries) {
  auto lines = lines_of(text);
  auto range = find_section(lines, header);
  if (range.first == 0) {
    if (!lines.empty() && !trimmed(lines.back()).empty()) lines.emplace_back();
    lines.push_back("[" + header + "]");
    range = {lines.size(), lines.size()};
  }
  std::vector<std::string> kept(lines.begin(), lines.begin() + static_cast<std::ptrdiff_t>(range.first));
  for (const auto& [name, value] : entries)
    kept.push_back(name + " = " + value);
  for (std::size_t i = range.first; i < lines.size(); ++i) {
    const bool ours = i < range.end && std::any_of(entries.begin(), entries.end(), [&](const auto& entry) {
                        return entry.first == name_in(lines[i]);
                      });
    if (!ours) kept.push_back(lines[i]);
  }
  return text_of(kept);
}

std::string without_section(const std::string& text, const std::string& header,
                            const std::vector<std::string>& names) {
  const auto lines = lines_of(text);
  const auto range = find_section(lines, header);
  if (range.first == 0) return text;
  std::vector<std::string> kept;
  bool empty = true;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const bool inside = i >= range.first && i < range.end;
    if (inside && std::find(names.begin(), names.end(), name_in(lines[i])) != names.end()) continue;
    if (inside && !trimmed(lines[i]).empty()) empty = false;
    kept.push_back(lines[i]);
  }
  if (empty) {
    const auto header_at = kept.begin() + static_cast<std::ptrdiff_t>(range.first) - 1;
    kept.erase(header_at);
  }
  return text_of(kept);
}

Result<ProfileFiles> profile_files(const std::string& one_file) {
  if (!one_file.empty()) return ProfileFiles{.credentials = one_file, .config = one_file};
  const auto place = [](const char* variable, const std::string& name) -> Result<std::string> {
    if (const char* given = std::getenv(variable); given != nullptr && *given != '\0')
      return std::string(given);
    const char* home = std::getenv("HOME");
    if (home != nullptr && *home != '\0') return std::string(home) + "/.aws/" + name;
    return Error{.code = "Usage", .message = "there is no HOME: use --profile-file or --no-profile"};
  };
  ProfileFiles files;
  TRY(files.credentials, place("AWS_SHARED_CREDENTIALS_FILE", "credentials"));
  TRY(files.config, place("AWS_CONFIG_FILE", "config"));
  return files;
}

Status write_profile(const ProfileFiles& files, const Profile& profile) {
  Entries secrets{{"aws_access_key_id", profile.access_key_id},
                  {"aws_secret_access_key", profile.secret_access_key}};
  const bool one_file = files.config == files.credentials;
  if (one_file) secrets.emplace_back("region", profile.region);
  TRY(const auto credentials, read_text(files.credentials));
  TRYV(write_text(files.credentials, with_section(credentials, profile.name, secrets)));
  if (one_file) return ok();
  TRY(const auto config, read_text(files.config));
  return write_text(files.config,
                    with_section(config, config_header(profile.name), {{"region", profile.region}}));
}

Result<Profile> read_profile(const ProfileFiles& files, const std::string& name) {
  Profile profile{.name = name, .access_key_id = {}, .secret_access_key = {}, .region = {}};
  const auto take = [&](const std::string& path, const std::string& header) -> Status {
    TRY(const auto text, read_text(path));
    const auto lines = lines_of(text);
    const auto range = find_section(lines, header);
    for (std::size_t i = range.first; range.first != 0 && i < range.end; ++i) {
      const auto equals = lines[i].find('=');
      if (equals == std::string::npos) continue;
      const std::string value = trimmed(lines[i].substr(equals + 1));
      const std::string entry = name_in(lines[i]);
      if (entry == "aws_access_key_id") profile.access_key_id = value;
      if (entry == "aws_secret_access_key") profile.secret_access_key = value;
      if (entry == "region") profile.region = value;
    }
    return ok();
  };
  TRYV(take(files.config, config_header(name)));
  TRYV(take(files.credentials, name));
  if (profile.access_key_id.empty() || profile.secret_access_key.empty()) {
    return Error{.code = "Usage",
                 .message = "there is no profile " + name + " with an access key in " + files.credentials};
  }
  return profile;
}

Status remove_profile(const ProfileFiles& files, const std::string& name) {
  TRY(const auto text, read_text(files.credentials));
  if (find_section(lines_of(text), name).first == 0) return ok();
  return write_text(files.credentials,
                    without_section(text, name, {"aws_access_key_id", "aws_secret_access_key", "region"}));
}

}  // namespace caisson::cli

#include "runner/unzip/paths.hh"

#include <algorithm>
#include <vector>

namespace caisson::runner {

namespace {

bool is_clean(std::string_view path) {
  return !path.empty() && path.size() <= 1024 && path.front() != '/' &&
         std::ranges::none_of(path, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

std::vector<std::string_view> components(std::string_view path) {
  std::vector<std::string_view> parts;
  while (!path.empty()) {
    const std::size_t slash = std::min(path.find('/'), path.size());
    if (slash > 0 && path.substr(0, slash) != ".") parts.push_back(path.substr(0, slash));
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
  return parts;
}

}  // namespace

bool is_inner_path(std::string_view path) {
  if (!is_clean(path)) return false;
  const std::vector<std::string_view> parts = components(path);
  return !parts.empty() && std::ranges::find(parts, "..") == parts.end();
}

bool is_inner_link(std::string_view link, std::string_view target) {
  if (!is_clean(target)) return false;
  auto depth = static_cast<int>(components(link).size()) - 1;
  for (const std::string_view part : components(target)) {
    depth += part == ".." ? -1 : 1;
    if (depth < 0) return false;
  }
  return true;
}

bool Names::add(std::string_view path, bool is_folder) {
  std::string name;
  for (const std::string_view part : components(path)) {
    if (!name.empty()) {
      if (others_.contains(name)) return false;
      folders_.insert(name);
      name += '/';
    }
    name += part;
  }
  if ((is_folder ? others_ : folders_).contains(name)) return false;
  (is_folder ? folders_ : others_).insert(std::move(name));
  return true;
}

}  // namespace caisson::runner

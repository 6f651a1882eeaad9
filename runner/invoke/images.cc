#include "runner/invoke/images.hh"

#include <filesystem>

namespace caisson::runner {

namespace {

bool is_known_runtime(const std::string& name) {
  return name == "python3.11" || name == "nodejs18.x" || name.starts_with("provided");
}

}  // namespace

Offer Images::offer() const {
  Offer offer;
  for (const auto& [name, path] : runtimes)
    offer.runtimes.push_back(name);
  return offer;
}

Result<Images> find_images(const std::string& folder) {
  Images images{.kernel = folder + "/vmlinux", .initrd = folder + "/initrd.cpio.gz", .runtimes = {}};
  std::error_code problem;
  for (const std::string& path : {images.kernel, images.initrd}) {
    if (!std::filesystem::is_regular_file(path, problem)) {
      return Error{.code = "ImagesMissing", .message = path + " is missing; make the guest images first"};
    }
  }
  for (const auto& entry : std::filesystem::directory_iterator(folder, problem)) {
    const std::string name = entry.path().stem().string();
    if (entry.path().extension() == ".squashfs" && is_known_runtime(name)) {
      images.runtimes[name] = entry.path().string();
    }
  }
  return images;
}

}  // namespace caisson::runner

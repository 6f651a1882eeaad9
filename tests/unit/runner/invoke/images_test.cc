#include "runner/invoke/images.hh"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/hex.hh"

namespace caisson::runner {
namespace {

TEST(FindImages, OffersTheRuntimesThatHaveAnImage) {
  const auto folder = std::filesystem::temp_directory_path() / ("caisson-images-" + random_hex());
  std::filesystem::create_directory(folder);
  EXPECT_EQ(find_images(folder).error().code, "ImagesMissing");
  for (const char* name : {"vmlinux", "initrd.cpio.gz", "python3.11.squashfs", "nodejs18.x.squashfs",
                           "provided.al2023.squashfs", "other.squashfs", "manifest.json"}) {
    std::ofstream(folder / name) << "x";
  }
  const auto images = find_images(folder);
  std::filesystem::remove_all(folder);
  ASSERT_TRUE(images);
  EXPECT_EQ(images.value().offer().runtimes,
            (std::vector<std::string>{"nodejs18.x", "provided.al2023", "python3.11"}));
  EXPECT_EQ(images.value().runtimes.at("python3.11"), (folder / "python3.11.squashfs").string());
}

}  // namespace
}  // namespace caisson::runner

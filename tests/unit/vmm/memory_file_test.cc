#include "vmm/memory_file.hh"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

namespace caisson::vmm {
namespace {

TEST(MemoryFile, CostsOnlyWhatWasWritten) {
  const Fd file = make_memory_file("test", 64 << 20).value();
  EXPECT_EQ(used_bytes(file).value(), 0);
  ASSERT_EQ(::pwrite(file.get(), "x", 1, 10 << 20), 1);
  EXPECT_EQ(used_bytes(file).value(), 4096);
}

TEST(MemoryFile, SealedItCanBeReadAndMappedPrivatelyButNotChanged) {
  const Fd file = make_memory_file("test", 4096).value();
  ASSERT_EQ(::pwrite(file.get(), "abc", 3, 0), 3);
  ASSERT_TRUE(seal_memory_file(file));
  EXPECT_EQ(::pwrite(file.get(), "x", 1, 0), -1);
  EXPECT_EQ(::ftruncate(file.get(), 0), -1);
  EXPECT_EQ(::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0), MAP_FAILED);
  auto* const copy =
      static_cast<char*>(::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, file.get(), 0));
  ASSERT_NE(copy, MAP_FAILED);
  copy[0] = 'z';
  char now = 0;
  ASSERT_EQ(::pread(file.get(), &now, 1, 0), 1);
  EXPECT_EQ(now, 'a');
  ::munmap(copy, 4096);
}

TEST(MemoryFile, CannotBeSealedWhileItIsMappedForWriting) {
  const Fd file = make_memory_file("test", 4096).value();
  void* const mapping = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  ASSERT_NE(mapping, MAP_FAILED);
  EXPECT_EQ(seal_memory_file(file).error().code, "EBUSY");
  ::munmap(mapping, 4096);
  EXPECT_TRUE(seal_memory_file(file));
}

TEST(MemoryFile, ReopenedItHasAnOffsetOfItsOwn) {
  const Fd file = make_memory_file("test", 0).value();
  ASSERT_EQ(::write(file.get(), "abc", 3), 3);
  char text[4] = {};
  const Fd first = reopen_for_reading(file).value();
  const Fd second = reopen_for_reading(file).value();
  EXPECT_EQ(::read(first.get(), text, 3), 3);
  EXPECT_EQ(::read(second.get(), text, 3), 3);
  EXPECT_STREQ(text, "abc");
}

}  // namespace
}  // namespace caisson::vmm

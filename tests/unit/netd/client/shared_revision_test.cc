#include "netd/client/shared_revision.hh"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

namespace caisson::netd {
namespace {

TEST(SharedRevision, IsSeenByWatchers) {
  auto revision = SharedRevision::make().value();
  const auto watch = RevisionWatch::map(revision.descriptor()).value();
  const auto other = RevisionWatch::map(revision.descriptor().duplicate().value()).value();
  EXPECT_EQ(watch.value(), 0U);
  revision.advance();
  revision.advance();
  EXPECT_EQ(watch.value(), 2U);
  EXPECT_EQ(other.value(), 2U);
}

TEST(SharedRevision, IsWrittenByItsOwnerAlone) {
  auto revision = SharedRevision::make().value();
  const Fd watcher = revision.descriptor().duplicate().value();
  EXPECT_EQ(::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, watcher.get(), 0), MAP_FAILED);
  EXPECT_EQ(errno, EPERM);
  EXPECT_EQ(::pwrite(watcher.get(), "x", 1, 0), -1);
  EXPECT_EQ(::ftruncate(watcher.get(), 0), -1) << "a watcher would be killed at its next look";
  revision.advance();
  EXPECT_EQ(RevisionWatch::map(watcher).value().value(), 1U);
}

}  // namespace
}  // namespace caisson::netd

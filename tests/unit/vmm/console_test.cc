#include "vmm/console.hh"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vmm/socket_io.hh"

namespace caisson::vmm {
namespace {

TEST(RingBuffer, KeepsTheLastBytes) {
  RingBuffer ring(4);
  EXPECT_EQ(ring.text(), "");
  ring.put("ab");
  EXPECT_EQ(ring.text(), "ab");
  ring.put("cde");
  EXPECT_EQ(ring.text(), "bcde");
  ring.put("0123456789");
  EXPECT_EQ(ring.text(), "6789");
  for (const char* more : {"a", "b", "c", "d", "e"})
    ring.put(more);
  EXPECT_EQ(ring.text(), "bcde");
}

TEST(DrainConsole, AWriterIsNeverHeldUpAndTheEndIsKept) {
  auto pair = make_socket_pair().value();
  const auto ring = drain_console(std::move(pair.ours));
  // A hundred times what the socket and the ring hold together.
  const std::string chunk(64 * 1024, 'x');
  for (int i = 0; i < 500; ++i) {
    ASSERT_EQ(::send(pair.theirs.get(), chunk.data(), chunk.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(chunk.size()));
  }
  ASSERT_EQ(::send(pair.theirs.get(), "end", 3, MSG_NOSIGNAL), 3);
  // The reader closes its end once it has read everything: what we wait for.
  ASSERT_EQ(::shutdown(pair.theirs.get(), SHUT_WR), 0);
  char byte = 0;
  EXPECT_EQ(::read(pair.theirs.get(), &byte, 1), 0);
  EXPECT_TRUE(ring->wait_end(std::chrono::seconds(60)));
  EXPECT_EQ(ring->text().size(), kConsoleBytes);
  EXPECT_TRUE(ring->text().ends_with("xend"));
}

}  // namespace
}  // namespace caisson::vmm

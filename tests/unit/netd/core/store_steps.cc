// A store's life, step by step, for store_crash_test.py: PATH alone shows what is there, PATH and "run" lives it. Each
// step is told when it is acknowledged, or refused.
#include <cstdio>
#include <string>

#include "netd/core/store.hh"

namespace {

using caisson::Status;
using caisson::netd::core::Store;

/// The snapshot of the numbers up to N is "N", a record is its number: what is there is the last of them if the others
/// are, too.
std::string shown(Store& store) {
  const auto snapshot = store.snapshot();
  const auto records = store.load();
  if (!snapshot || !records) return "unreadable";
  std::uint64_t last = snapshot.value().revision;
  if (last != 0 && snapshot.value().text != std::string(5000, 'x') + std::to_string(last)) return "torn";
  for (const auto& record : records.value()) {
    if (record != std::to_string(++last)) return "gap";
  }
  return std::to_string(last) + (snapshot.value().revision == 0 ? "" : " compacted");
}

Status step(Store& store, std::uint64_t number) {
  if (const auto done = store.append(std::to_string(number)); !done) return done.error();
  return caisson::ok();
}

Status live(Store& store) {
  for (std::uint64_t number = 1; number <= 9; ++number) {
    Status done = step(store, number);
    if (done && number % 4 == 0) {
      // One record came while the snapshot was made.
      done = store.compact(
          {.text = std::string(5000, 'x') + std::to_string(number - 1), .revision = number - 1});
    }
    if (!done) return done;
    (void)std::printf("%d\n", static_cast<int>(number));
    (void)std::fflush(stdout);
  }
  return caisson::ok();
}

}  // namespace

int main(int count, char** words) {
  auto store = Store::open(words[1]);
  if (!store) {
    (void)std::printf("unopened\n");
    return 0;
  }
  if (count == 2) (void)std::printf("%s\n", shown(store.value()).c_str());
  if (count > 2 && !live(store.value())) (void)std::printf("refused\n");
  return 0;
}

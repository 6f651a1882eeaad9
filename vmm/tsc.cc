#include "vmm/tsc.hh"

#include <x86intrin.h>

#include <cstdint>
#include <ctime>

namespace caisson::vmm {
namespace {

struct Sample {
  std::uint64_t ticks;
  std::int64_t nanoseconds;
};

std::int64_t raw_clock() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC_RAW, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

/// The tightest of several readings: one that was interrupted between the two clocks is off by a time slice.
Sample sample() {
  Sample best{};
  std::uint64_t narrowest = UINT64_MAX;
  for (int i = 0; i < 20; ++i) {
    const std::uint64_t before = __rdtsc();
    const std::int64_t now = raw_clock();
    const std::uint64_t after = __rdtsc();
    if (after - before < narrowest) {
      narrowest = after - before;
      best = {.ticks = before + (after - before) / 2, .nanoseconds = now};
    }
  }
  return best;
}

long measure() {
  const Sample first = sample();
  timespec interval{.tv_sec = 0, .tv_nsec = 200'000'000};
  while (::clock_nanosleep(CLOCK_MONOTONIC, 0, &interval, &interval) != 0) {
  }
  const Sample second = sample();
  const auto ticks = static_cast<double>(second.ticks - first.ticks);
  const auto nanoseconds = static_cast<double>(second.nanoseconds - first.nanoseconds);
  return static_cast<long>(ticks * 1e6 / nanoseconds + 0.5);
}

}  // namespace

long host_tsc_khz() {
  static const long khz = measure();
  return khz;
}

}  // namespace caisson::vmm

#include "vpc/apply/apply.hh"

#include <utility>

#include "vpc/apply/change.hh"

namespace caisson::vpc {

std::uint64_t Change::random() {
  return nth_random(seed_, ++drawn_);
}

std::uint64_t nth_random(std::uint64_t seed, std::uint64_t n) {
  std::uint64_t z = seed + n * 0x9e3779b97f4a7c15U;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31);
}

Result<std::uint32_t> Change::number() {
  constexpr std::uint32_t kEnd = std::uint32_t{1} << 28;
  if (state.next_number >= kEnd) {
    return Error{.code = "ServiceUnavailable",
                 .message = "All 2^28 numbers of this host have been used; start it with an empty store"};
  }
  return state.next_number++;
}

Result<Applied> apply(const State& state, const StampedCommand& stamped) {
  Change change(state, stamped);
  TRYV(std::visit([&change](const auto& command) { return apply_to(change, command); }, stamped.command));
  return Applied{
      .state = std::move(change.state), .touched = std::move(change.touched), .ids = std::move(change.ids)};
}

}  // namespace caisson::vpc

// A function's life in a registry, step by step, for registry_crash_test.py: PATH alone shows what is there, PATH and
// "run" lives it. Each step is told when it is acknowledged, or refused with what is there then.
#include <array>
#include <cstdio>
#include <string>

#include "runner/functions/registry.hh"

namespace {

using caisson::runner::Function;
using caisson::runner::Registry;

const caisson::runner::FunctionKey kKey{"000000000001", "f"};

std::string shown(const Registry& registry) {
  const auto found = registry.find(kKey);
  return found ? found->revision : "none";
}

/// CreateFunction, its activation, UpdateFunctionConfiguration, its end.
Function step(int number) {
  Function function;
  function.key = kKey;
  function.current.runtime = "python3.11";
  function.deployment = "d1";
  function.revision = std::to_string(number);
  function.state = number == 1 ? caisson::runner::State::kPending : caisson::runner::State::kActive;
  if (number == 3) {
    function.next = function.current;
    function.next->memory_mib = 512;
    function.next_deployment = "d2";
  }
  return function;
}

}  // namespace

int main(int count, char** words) {
  const auto registry = Registry::open(words[1]);
  if (!registry) {
    (void)std::printf("unopened\n");
    return 0;
  }
  if (count == 2) {
    (void)std::printf("%s\n", shown(*registry.value()).c_str());
    return 0;
  }
  for (int number = 1; number <= 5; ++number) {
    const auto done = number == 5 ? registry.value()->remove(kKey) : registry.value()->put(step(number));
    (void)std::printf("%s\n", done ? "done" : ("refused " + shown(*registry.value())).c_str());
    (void)std::fflush(stdout);
    if (!done) return 0;
  }
  return 0;
}

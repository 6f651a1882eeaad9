// What the pure parts cost: apply, compile and the maps' content, by the size of the model (Google Benchmark).
#include <benchmark/benchmark.h>

#include <map>

#include "netd/reconcile/tables.hh"
#include "tests/bench/datapath_model.hh"
#include "vpc/apply/apply.hh"
#include "vpc/compile/compile.hh"

namespace caisson::bench {
namespace {

/// Made once: the library calls a benchmark anew for each repetition.
const World& world_of(int rules, int vpcs) {
  static std::map<std::pair<int, int>, World> made;
  const auto found = made.find({rules, vpcs});
  return found != made.end() ? found->second
                             : made.emplace(std::pair{rules, vpcs}, make_world(rules, vpcs)).first->second;
}

void apply_create_subnet(benchmark::State& run) {
  const World& world = world_of(2, static_cast<int>(run.range(0)));
  for (auto _ : run) {
    auto applied = vpc::apply(world.state, {.account = {"000000000001"},
                                            .seed = 1,
                                            .time = "2026-01-01T00:00:00.000Z",
                                            .command = vpc::CreateSubnet{.vpc = world.member.vpc,
                                                                         .cidr = test::cidr("10.0.2.0/24"),
                                                                         .availability_zone = {},
                                                                         .tags = {}}});
    if (!applied) run.SkipWithError(applied.error().text().c_str());
    benchmark::DoNotOptimize(applied);
  }
}

void compile_vpcs(benchmark::State& run) {
  const World& world = world_of(2, static_cast<int>(run.range(0)));
  for (auto _ : run)
    benchmark::DoNotOptimize(vpc::compile(world.state));
}

void compile_rules(benchmark::State& run) {
  const World& world = world_of(static_cast<int>(run.range(0)), 1);
  for (auto _ : run)
    benchmark::DoNotOptimize(vpc::compile(world.state));
}

void tables_vpcs(benchmark::State& run) {
  const World& world = world_of(2, static_cast<int>(run.range(0)));
  const auto desired = vpc::compile(world.state);
  const auto observed = netd::reconcile::desired_tables(desired, {}, {}, {});
  for (auto _ : run)
    benchmark::DoNotOptimize(netd::reconcile::desired_tables(desired, {}, observed, {}));
}

BENCHMARK(apply_create_subnet)->Arg(10)->Arg(1000)->Unit(benchmark::kMillisecond);
BENCHMARK(compile_vpcs)->Arg(10)->Arg(1000)->Unit(benchmark::kMillisecond);
BENCHMARK(compile_rules)->Arg(10)->Arg(1000)->Unit(benchmark::kMillisecond);
BENCHMARK(tables_vpcs)->Arg(10)->Arg(1000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace caisson::bench

BENCHMARK_MAIN();

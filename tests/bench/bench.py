"""What all benchmarks share: rows, samples, and whether only a smoke is wanted.

A benchmark is a program tests/bench/NAME_bench.py. It prints one JSON object a line, a row:
  {"bench": NAME, "metric": "p50_us", "unit": "us", "value": 41.2, "baseline": null, "ratio": null}
`baseline` is what the value is compared with, in the same unit and from the same run; `ratio` is value / baseline.
What it has to say besides goes to stderr. With CAISSON_BENCH_SMOKE=1 it takes the smallest sizes that still go through
everything: the rows are then of no worth, but they come.
"""

import json
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("CAISSON_BUILD", os.path.join(ROOT, "build"))
SMOKE = os.environ.get("CAISSON_BENCH_SMOKE") == "1"


def program(name):
    return os.path.join(BUILD, "bin", name)


def sized(full, smoke):
    return smoke if SMOKE else full


def percentile(samples, percent):
    """The smallest sample that at least so many percent do not exceed."""
    ordered = sorted(samples)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def row(bench, metric, unit, value, baseline=None):
    """Prints a row; returns its value."""
    ratio = round(value / baseline, 3) if baseline else None
    rounded = None if baseline is None else round(baseline, 3)
    print(json.dumps({"bench": bench, "metric": metric, "unit": unit, "value": round(value, 3), "baseline": rounded,
                      "ratio": ratio}), flush=True)
    return value


def micro(path, arguments):
    """Runs a program of Google Benchmark's: the least CPU time of each benchmark's repetitions, in its own unit."""
    done = subprocess.run([path, "--benchmark_format=json", *arguments], check=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, text=True)
    least = {}
    for one in json.loads(done.stdout)["benchmarks"]:
        if one.get("error_occurred"):
            raise RuntimeError(f"{one['run_name']}: {one['error_message']}")
        if one["run_type"] == "iteration":
            least[one["run_name"]] = min(one["cpu_time"], least.get(one["run_name"], one["cpu_time"]))
    return least


def say(text):
    print(f"  {text}", file=sys.stderr, flush=True)

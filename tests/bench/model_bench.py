"""model: what the pure parts of a request cost, by the size of the model: apply, compile, the maps' content."""

import json

from bench import program, row, sized
from namespaces import run

NAME = "model"


def main():
    arguments = sized(["--benchmark_repetitions=3", "--benchmark_min_time=0.2"], ["--benchmark_filter=/10$", "--benchmark_min_time=0.001"])
    text = run(program("bench_model_micro"), "--benchmark_format=json", *arguments)
    least = {}
    for one in json.loads(text)["benchmarks"]:
        if one["run_type"] == "iteration":
            least[one["run_name"]] = min(one["cpu_time"], least.get(one["run_name"], one["cpu_time"]))
    for name, value in least.items():
        metric, size = name.split("/")
        small = least[f"{metric}/10"]
        row(NAME, f"{metric}_{size}_ms", "ms", value, None if size == "10" else small)


if __name__ == "__main__":
    main()

"""model: what the pure parts of a request cost, by the size of the model: apply, compile, the maps' content."""

from bench import micro, program, row, sized

NAME = "model"


def main():
    arguments = sized(["--benchmark_repetitions=3", "--benchmark_min_time=0.2"], ["--benchmark_filter=/10$", "--benchmark_min_time=0.001"])
    least = micro(program("bench_model_micro"), arguments)
    for name, value in least.items():
        metric, size = name.split("/")
        small = least[f"{metric}/10"]
        row(NAME, f"{metric}_{size}_ms", "ms", value, None if size == "10" else small)


if __name__ == "__main__":
    main()

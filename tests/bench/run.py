"""Runs benchmarks and shows their rows: `./dev bench [NAME...] [--json FILE] [--markdown]`."""

import argparse
import glob
import json
import os
import subprocess
import sys
import time

import report
from bench import ROOT

FOLDER = os.path.dirname(os.path.abspath(__file__))
MEMBERS = {"bench", "metric", "unit", "value", "baseline", "ratio"}


def names():
    found = sorted(glob.glob(os.path.join(FOLDER, "*_bench.py")))
    return [os.path.basename(path)[:-len("_bench.py")] for path in found]


def checked(line, name):
    """A row, or an error that says what is wrong with it."""
    row = json.loads(line)
    if set(row) != MEMBERS or row["bench"] != name:
        raise ValueError(f"{name}: not a row: {line.strip()}")
    for member in ("value", "baseline", "ratio"):
        number = row[member]
        if not (isinstance(number, (int, float)) and number >= 0) and (member == "value" or number is not None):
            raise ValueError(f"{name}: {member} is no number: {line.strip()}")
    return row


def run(name):
    """The rows of one benchmark, each shown when it comes."""
    began = time.monotonic()
    print(f"== {name}", file=sys.stderr, flush=True)
    process = subprocess.Popen([sys.executable, "-u", os.path.join(FOLDER, f"{name}_bench.py")], text=True,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    rows = []
    try:
        for line in process.stdout:
            rows.append(checked(line, name))
            print(report.line(rows[-1]), flush=True)
        status = process.wait()
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()
    if status != 0 or not rows:
        raise RuntimeError(f"{name}: ended with status {status} and {len(rows)} rows")
    print(f"== {name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return rows


def main():
    parser = argparse.ArgumentParser(prog="./dev bench")
    parser.add_argument("name", nargs="*", help=f"of {', '.join(names())}; none: all")
    parser.add_argument("--json", metavar="FILE", help="write the rows as a JSON list")
    parser.add_argument("--markdown", action="store_true",
                        help="write tables, machine and plot of docs/benchmarks.md anew; a benchmark that was not run "
                             "keeps its rows")
    options = parser.parse_args()
    for name in options.name:
        if name not in names():
            parser.error(f"there is no benchmark '{name}': {', '.join(names())}")
    if os.geteuid() != 0:
        parser.error("benchmarks need root")
    runs = {}
    for name in options.name or names():
        load = os.getloadavg()[0]
        runs[name] = {"load": round(load, 1), "rows": run(name)}
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump([row for one in runs.values() for row in one["rows"]], file, indent=1)
            file.write("\n")
    if options.markdown:
        for path in report.write(runs):
            print(f"written: {os.path.relpath(path, ROOT)}", file=sys.stderr)


if __name__ == "__main__":
    main()

"""Rows as text: a line on the terminal; tables, machine and plot of docs/benchmarks.md."""

import json
import os
import platform
import re
import subprocess

from bench import ROOT

DOCUMENT = os.path.join(ROOT, "docs", "benchmarks.md")
RESULTS = os.path.join(ROOT, "docs", "benchmarks.json")
PLOT = os.path.join(ROOT, "docs", "images", "datapath-rules.svg")

# What was aimed at: not more than this.
AIMS = {
    ("attach", "p50_us"): 50,
    ("attach", "p99_us"): 500,
    ("restore", "p50_ms"): 150,
    ("datapath", "rules_10000_over_10"): 1.10,
    ("datapath", "vpcs_1000_over_10"): 1.10,
    ("start", "cold_start_s"): 5,
    ("endpoints", "p50_over_nginx"): 1.2,
    ("endpoints", "p99_over_nginx"): 1.2,
}


def number(value):
    """Three digits that count."""
    if value is None:
        return ""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 1 else f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"


def times(row):
    return "" if row["ratio"] is None else f"{number(row['ratio'])}x"


def aim(row):
    """The aim and whether it was met."""
    wanted = AIMS.get((row["bench"], row["metric"]))
    if wanted is None:
        return ""
    return f"<= {number(wanted)}: {'met' if row['value'] <= wanted else 'missed'}"


def line(row):
    compared = f"{times(row)} of {number(row['baseline'])}" if row["ratio"] is not None else ""
    return (f"{row['bench']:<9} {row['metric']:<40} {number(row['value']):>9} {row['unit']:<6} "
            f"{compared:<22} {aim(row)}").rstrip()


def first_match(pattern, text):
    found = re.search(pattern, text, re.MULTILINE)
    return found[1].strip() if found else "unknown"


def machine():
    """What the figures depend on; nothing that tells one machine of its kind from another."""
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
        model = first_match(r"^model name\s*:\s*(.*)$", file.read())
    with open("/proc/meminfo", encoding="ascii") as file:
        memory = int(first_match(r"^MemTotal:\s*(\d+)", file.read())) / 1024 / 1024
    with open("/etc/os-release", encoding="utf-8") as file:
        system = first_match(r'^PRETTY_NAME="(.*)"$', file.read())
    qemu = subprocess.run(["qemu-system-x86_64", "--version"], stdout=subprocess.PIPE, text=True, check=False).stdout
    return {
        "CPU": model,
        "cores": str(os.cpu_count()),
        "memory": f"{memory:.0f} GiB",
        "system": system,
        "kernel": first_match(r"^(\d+\.\d+)", platform.release()),
        "QEMU": first_match(r"version (\S+)", qemu),
    }


def accelerator(runs):
    """What runnerd decided for: whether there is /dev/kvm does not say whether it boots a guest."""
    for row in runs.get("restore", {"rows": []})["rows"]:
        if row["metric"] == "kvm":
            return "KVM" if row["value"] else "TCG (QEMU translates; no KVM that boots a guest)"
    return "unknown"


def stored():
    try:
        with open(RESULTS, encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        return {"machine": {}, "runs": {}}


def table(rows):
    lines = ["| metric | value | unit | baseline | ratio | aim |", "|---|---:|---|---:|---:|---|"]
    for row in rows:
        lines.append(f"| `{row['metric']}` | {number(row['value'])} | {row['unit']} | {number(row['baseline'])} | "
                     f"{times(row)} | {aim(row)} |")
    return "\n".join(lines)


def replaced(text, name, content):
    """The document with what stands between its two marks `name` replaced; a document without them is an error."""
    begin, end = f"<!-- {name}: written by ./dev bench --markdown -->", f"<!-- end of {name} -->"
    before, found, rest = text.partition(begin)
    _, ended, after = rest.partition(end)
    if not found or not ended:
        raise ValueError(f"docs/benchmarks.md lacks the marks of {name}")
    return f"{before}{begin}\n{content}\n{end}{after}"


def write_plot(rows):
    """Cost of a packet by the number of rules, one line a series: the metrics packet_<series>_rules_<number>."""
    series, plain = {}, None
    for row in rows:
        if found := re.fullmatch(r"packet_(.+)_rules_(\d+)", row["metric"]):
            series.setdefault(found[1].replace("_", " "), []).append((int(found[2]), row["value"]))
        elif row["metric"] == "packet_bridge":
            plain = row["value"]
    if not series:
        return
    blocks = ["\n".join(f"{rules} {value}" for rules, value in sorted(points)) for points in series.values()]
    lines = [f"'-' using 1:2 with linespoints linewidth 2 pointtype 7 pointsize 0.6 title '{name}'" for name in series]
    script = f"""
set terminal svg size 760,420 dynamic background rgb 'white' font 'sans-serif,13'
set output '{PLOT}'
set title 'A packet from port to port, by the number of rules'
set xlabel 'rules'
set ylabel 'ns a packet'
set logscale xy
set grid
set key left top
set xrange [8:12500]
set yrange [1000:100000]
plot {", ".join([*lines, f"{plain} with lines dashtype 2 linecolor 'gray40' title 'plain bridge'"])}
""" + "\ne\n".join(blocks) + "\ne\n"
    os.makedirs(os.path.dirname(PLOT), exist_ok=True)
    subprocess.run(["gnuplot", "-"], input=script, text=True, check=True)


def write(runs):
    """Stores the rows of these benchmarks, and shows all that are stored in the document; the files written."""
    results = stored()
    results["machine"] = machine()
    results["runs"].update(runs)
    results["machine"]["accelerator"] = accelerator(results["runs"])
    with open(RESULTS, "w", encoding="utf-8") as file:
        json.dump(results, file, indent=1, sort_keys=True)
        file.write("\n")
    with open(DOCUMENT, encoding="utf-8") as file:
        text = file.read()
    described = "\n".join(f"- {name}: {value}" for name, value in results["machine"].items())
    loads = ", ".join(f"{name} {one['load']}" for name, one in sorted(results["runs"].items()))
    text = replaced(text, "machine", f"{described}\n- load average of the machine when each began: {loads}")
    for name, one in sorted(results["runs"].items()):
        text = replaced(text, name, table(one["rows"]))
    with open(DOCUMENT, "w", encoding="utf-8") as file:
        file.write(text)
    write_plot([row for one in results["runs"].values() for row in one["rows"]])
    return [RESULTS, DOCUMENT, PLOT]

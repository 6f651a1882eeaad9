"""That a benchmark still runs: its rows come, are well-formed and have the metrics that were promised. No timing."""

import os
import sys

os.environ["CAISSON_BENCH_SMOKE"] = "1"

import run  # noqa: E402

PROMISED = {
    "attach": {"p50_us", "p99_us", "cni_p50_us", "commands_p50_us", "netlink_p50_us"},
    "api": {"create_subnet_p50_ms_10_vpcs", "create_subnet_p50_ms_1000_vpcs"},
    "start": {"cold_start_s", "restart_s", "compare_p50_ms", "netd_resident_mib", "maps_mib"},
    "sigv4": {"verify_64_bytes_us", "botocore_sign_64_bytes_us"},
    "restore": {"p50_ms", "boot_p50_ms", "warm_p50_ms"},
    "endpoints": {"req_s_over_nginx", "p99_over_nginx", "p50_over_nginx", "bare_p99_over_nginx", "proxy_peak_mib"},
    "datapath": {"rules_10000_over_10", "vpcs_1000_over_10", "ns_established", "ns_first"},
}


def main():
    name = sys.argv[1]
    rows = run.run(name)
    metrics = [row["metric"] for row in rows]
    if len(set(metrics)) != len(metrics):
        sys.exit(f"{name}: a metric comes twice: {sorted(metrics)}")
    if lacking := PROMISED.get(name, set()) - set(metrics):
        sys.exit(f"{name}: there are no rows of {sorted(lacking)}")
    if wrong := [row for row in rows if row["value"] == 0 and row["unit"] in ("us", "ms", "ns", "s")]:
        sys.exit(f"{name}: these took no time: {wrong}")


if __name__ == "__main__":
    main()

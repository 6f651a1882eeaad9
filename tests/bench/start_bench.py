"""How long netd takes to serve again: from nothing but its store, as after a reboot, and over a fabric that is there.

Beside it: the same links made by iproute2 in batches, the quickest way without code of one's own, on the same kernel.
"""

import contextlib
import os
import sqlite3
import tempfile
import threading
import time

from bench import percentile, row, say, sized
from netd import Netd, command, delete_namespace, harness

VPCS = sized(1000, 10)
INTERFACES = sized(5000, 50)
SLOTS = sized(4000, 20)
ROUNDS = sized(3, 1)
LOOKS = sized(9, 2)
COMMANDS = sized(40, 3)
CHANGES = sized(50000, 700)  # of two commands each
NAMESPACE = "caisson-bstart-host-peer"
WITNESS = "witness"  # a veth into that namespace: it goes when the namespace is gone


def batches(subnets):
    """Taps with alias, clsact and up, and bridges: the links of the fabric; neither programs nor maps."""
    slots = [f"cs{slot:04x}" for slot in range(SLOTS)]
    bridges = [f"br-{number:010x}" for number in range(subnets)]
    return [
        ("ip", [f"tuntap add dev {name} mode tap vnet_hdr" for name in slots]),
        ("tc", [f"qdisc add dev {name} clsact" for name in slots]),
        ("ip", [f"link set dev {name} alias caisson:{name} up" for name in slots]),
        ("ip", [f"link add {name} type bridge" for name in bridges]),
        ("ip", [f"link set dev {name} alias caisson:{name} up" for name in bridges]),
    ]


def by_commands(subnets, beside):
    command("ip", "netns", "add", NAMESPACE)
    command("ip", "-n", beside, "link", "add", WITNESS, "type", "veth", "peer", "name", WITNESS, "netns", NAMESPACE)
    try:
        with tempfile.TemporaryDirectory() as folder:
            files = []
            for number, (tool, lines) in enumerate(batches(subnets)):
                files.append((tool, os.path.join(folder, str(number))))
                with open(files[-1][1], "w", encoding="ascii") as file:
                    file.write("\n".join(lines) + "\n")
            began = time.monotonic()
            for tool, path in files:
                command(tool, "-n", NAMESPACE, "-batch", path)
            return time.monotonic() - began
    finally:
        delete_namespace(NAMESPACE, WITNESS, beside)


def milliseconds(work):
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def compare(netd):
    """A comparison of the whole kernel with the whole model (as `caisson plan`, a scrape of the metrics and netd itself
    do it), and a command that comes while one is made."""
    connection = netd.connect()
    alone = [milliseconds(lambda: connection.call("Plan")) for _ in range(LOOKS)]
    row("start", "compare_p50_ms", "ms", percentile(alone, 50))
    ended = threading.Event()

    def go_on():
        beside = netd.connect()
        while not ended.is_set():
            beside.call("Plan")

    vpc = connection.call("CreateVpc", CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        took = [milliseconds(lambda net=net: connection.call("CreateSubnet", VpcId=vpc, CidrBlock=f"10.0.{net}.0/24"))
                for net in range(COMMANDS)]
    finally:
        ended.set()
        thread.join()
    row("start", "create_subnet_while_compared_p50_ms", "ms", percentile(took, 50))
    row("start", "create_subnet_while_compared_max_ms", "ms", max(took))


def log_of_changes():
    """A start over 100 resources after many changes: from all commands, and from the snapshot that took their place."""
    with contextlib.ExitStack() as left:
        netd = Netd("bstartlog", 16)
        left.callback(netd.remove)
        made = netd.make(10, 50, changes=CHANGES)
        replayed = netd.start()
        say(f"{made['Commands']} commands: {replayed:.2f} s")
        harness.eventually("the snapshot", lambda: records(netd) < made["Commands"], seconds=120)
        netd.stop()
        netd.remove_fabric()
        row("start", "replay_of_100000_changes_s", "s", replayed)
        row("start", "start_from_snapshot_s", "s", netd.start(), replayed)


def records(netd):
    store = sqlite3.connect(f"file:{netd.state}/netd.db?mode=ro", uri=True)
    try:
        return store.execute("SELECT count(*) FROM entries").fetchone()[0]
    finally:
        store.close()


def main():
    log_of_changes()
    with contextlib.ExitStack() as left:
        netd = Netd("bstart", SLOTS)
        left.callback(netd.remove)
        made = netd.make(VPCS, INTERFACES)
        say(f"{VPCS} VPCs, {INTERFACES} network interfaces, {made['Subnets']} subnets, {SLOTS} slots; "
            f"{made['Commands']} stored commands")
        cold, warm, peer = [], [], []
        for turn in range(ROUNDS):
            if turn > 0:
                netd.stop()
                netd.remove_fabric()
            cold.append(netd.start())
            netd.stop()
            warm.append(netd.start())
            peer.append(by_commands(made["Subnets"], netd.host))
            say(f"cold {cold[-1]:.2f} s, over what is there {warm[-1]:.2f} s, iproute2 {peer[-1]:.2f} s")
        row("start", "iproute2_links_s", "s", percentile(peer, 50))
        row("start", "cold_start_s", "s", percentile(cold, 50), percentile(peer, 50))
        row("start", "restart_s", "s", percentile(warm, 50), percentile(peer, 50))
        compare(netd)
        row("start", "netd_resident_mib", "MiB", netd.resident_mib())
        maps = netd.maps()
        row("start", "maps_mib", "MiB", sum(maps.values()))
        for name, size in sorted(maps.items(), key=lambda item: -item[1]):
            row("start", f"map_{name}_mib", "MiB", size)


if __name__ == "__main__":
    main()

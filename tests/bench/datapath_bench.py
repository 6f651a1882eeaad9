"""datapath: what the programs cost, alone and per packet, by the number of rules and VPCs, beside what others cost.

Alone: the least of many BPF_PROG_TEST_RUNs over maps that the real compile filled; a function sends to a member, so
from_guest at the function's slot and to_guest at the member's port are added up. Per packet: a frame is written to a
tap and ends behind a veth, in another network namespace, in a filter that drops it. The same tap, veth and end each time; between
them the shipped programs, a plain bridge, a bridge with nft rules, or routing with iptables and conntrack.
"""

import json
import os
import shutil
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "netns"))

import frames  # noqa: E402
from network import socket_in  # noqa: E402
from harness import eventually  # noqa: E402  (network finds its folder)
from bench import program, row, say, sized  # noqa: E402
from namespaces import Namespaces, inside, run  # noqa: E402

NAME = "datapath"
SENDER_MAC, RECEIVER_MAC, ROUTER_MAC = (bytes.fromhex(f"0200000000{last}") for last in ("0a", "0b", "01"))
DROP = "1,6 0 0 2,"  # classic BPF: return TC_ACT_SHOT


def programs():
    """Rows of the programs alone."""
    few, many = sized((10, 10000), (2, 20))
    least, most = sized((10, 1000), (1, 3))
    pairs = ((few, least), (many, least), (few, most))
    say(f"the programs alone: {few} and {many} rules, {least} and {most} VPCs")
    lines = run(program("bench_datapath_programs"), str(sized(20000, 20)),
                *(f"{rules}:{vpcs}" for rules, vpcs in pairs)).splitlines()
    nothing = json.loads(lines[0])["nothing"]
    base, rules, vpcs = (json.loads(line) for line in lines[1:])
    for kind in ("established", "first"):
        cost = [sum(one[kind].values()) for one in (base, rules, vpcs)]
        row(NAME, f"ns_{kind}", "ns", cost[0])
        for end in ("from_guest", "to_guest"):
            row(NAME, f"ns_{kind}_{end}", "ns", base[kind][end])
        prefix = "" if kind == "established" else f"{kind}_"
        row(NAME, f"ns_{kind}_10000_rules", "ns", cost[1], cost[0])
        row(NAME, f"{prefix}rules_10000_over_10", "ratio", cost[1] / cost[0])
        row(NAME, f"ns_{kind}_1000_vpcs", "ns", cost[2], cost[0])
        row(NAME, f"{prefix}vpcs_1000_over_10", "ratio", cost[2] / cost[0])
    row(NAME, "ns_established_to_guest_repeated", "ns", base["repeated"]["to_guest"])
    row(NAME, "ns_empty_program", "ns", nothing)


class Case:
    """A way from the tap t0 in one namespace to the veth's end e0 in another, where packets are counted and dropped."""

    def __init__(self, number, metric):
        self.metric = metric
        self.inner, self.outer = f"caisson-benchd{number}", f"caisson-benchd{number}r"
        self.pins = f"/sys/fs/bpf/caisson-benchd{number}"
        self.source, self.destination = "10.1.0.2", "10.2.0.2"
        self.frame_macs = RECEIVER_MAC + SENDER_MAC
        self.arguments = []
        self.process = None
        self.least = []

    def make(self, namespaces):
        namespaces.make(self.inner)
        namespaces.make(self.outer)
        self.ip("tuntap", "add", "dev", "t0", "mode", "tap", "vnet_hdr")
        self.ip("link", "add", "p0", "type", "veth", "peer", "name", "e0", "netns", self.outer)
        run("ip", "-n", self.outer, "link", "set", "e0", "address", RECEIVER_MAC.hex(":"), "up")
        for device in ("t0", "p0"):
            self.ip("link", "set", device, "up")
        self.connect()
        packet = frames.ipv4(self.source, self.destination, 17, frames.udp(
            self.source, self.destination, 32768, 5000, b"payload of a packet"))
        frame = self.frame_macs + b"\x08\0" + packet
        self.process = subprocess.Popen(
            inside(self.inner, program("bench_datapath_inject"), "t0", frame.hex(), *self.arguments), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=1)
        self.read()
        eventually("packets arrive", self.arrives)
        self.after_first()
        run(*inside(self.outer, "tc", "qdisc", "add", "dev", "e0", "clsact"))
        run(*inside(self.outer, "tc", "filter", "add", "dev", "e0", "ingress", "bpf", "bytecode", DROP, "direct-action"))

    def connect(self):
        raise NotImplementedError

    def after_first(self):
        """When a packet has arrived, and still does."""

    def ip(self, *arguments):
        return run("ip", "-n", self.inner, *arguments)

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{self.metric}: the sender ended with status {self.process.wait()}")
        return line

    def send(self, batches, count):
        """The least nanoseconds a packet."""
        self.process.stdin.write(f"{batches} {count}\n")
        return float(self.read())

    def received(self):
        link = json.loads(run("ip", "-n", self.outer, "-j", "-s", "link", "show", "e0"))[0]
        return link["stats64"]["rx"]["packets"]

    def arrives(self):
        before = self.received()
        self.send(1, 1)
        return self.received() > before

    def measure(self):
        # Short enough for some to be spared by other work of the machine.
        batches, count = sized((200, 500), (2, 10))
        before = self.received()
        self.least.append(self.send(batches, count))
        if self.received() - before != batches * count:
            sys.exit(f"{self.metric}: {self.received() - before} of {batches * count} packets arrived")

    def close(self):
        if self.process is not None:
            self.process.stdin.close()
            self.process.wait()
            self.process.stdout.close()
        shutil.rmtree(self.pins, ignore_errors=True)


class Caisson(Case):
    def __init__(self, number, rules):
        super().__init__(number, f"packet_caisson_rules_{rules}")
        self.rules = rules
        self.source, self.destination = "169.254.100.2", "10.0.1.11"
        self.frame_macs = frames.GATEWAY_MAC + frames.GUEST_MAC

    def connect(self):
        self.arguments = [self.pins, "p0", str(self.rules)]


class Bridge(Case):
    def __init__(self, number, rules=None):
        super().__init__(number, "packet_bridge" if rules is None else f"packet_nft_bridge_rules_{rules}")
        self.rules = rules

    def connect(self):
        self.ip("link", "add", "b0", "type", "bridge")
        self.ip("link", "set", "b0", "up")
        for device in ("t0", "p0"):
            self.ip("link", "set", device, "master", "b0")
        run("bridge", "-n", self.inner, "fdb", "add", RECEIVER_MAC.hex(":"), "dev", "p0", "master", "static")
        if self.rules is not None:
            rules = "\n".join(f"ip saddr 172.16.{rule // 250}.{rule % 250} udp dport {6000 + rule % 10} accept"
                              for rule in range(self.rules - 1))
            run(*inside(self.inner, "nft", "-f", "-"), text=f"""
                table bridge bench {{
                  chain forward {{
                    type filter hook forward priority 0; policy drop;
                    {rules}
                    ip saddr {self.source} udp dport 5000 accept
                  }}
                }}
                """)


class Iptables(Case):
    """Routed. `established`: the flow was answered once, so that its first rule accepts it; else every rule is tried."""

    def __init__(self, number, rules, established):
        kind = "established" if established else "new"
        super().__init__(number, f"packet_iptables_{kind}_rules_{rules}")
        self.rules = rules
        self.established = established
        self.frame_macs = ROUTER_MAC + SENDER_MAC

    def connect(self):
        self.ip("link", "set", "t0", "address", ROUTER_MAC.hex(":"))
        self.ip("address", "add", "10.1.0.1/24", "dev", "t0")
        self.ip("address", "add", "10.2.0.1/24", "dev", "p0")
        self.ip("neighbor", "add", self.source, "lladdr", SENDER_MAC.hex(":"), "dev", "t0")
        self.ip("neighbor", "add", self.destination, "lladdr", RECEIVER_MAC.hex(":"), "dev", "p0")
        run(*inside(self.inner, "sysctl", "-qw", "net.ipv4.ip_forward=1"))
        run("ip", "-n", self.outer, "address", "add", f"{self.destination}/24", "dev", "e0")
        run("ip", "-n", self.outer, "route", "add", "default", "via", "10.2.0.1")
        rules = "\n".join(f"-A FORWARD -s 172.16.{rule // 250}.{rule % 250}/32 -p udp -m udp --dport {6000 + rule % 10} "
                          "-j ACCEPT" for rule in range(self.rules - 1))
        run(*inside(self.inner, "iptables-restore"), text=f"""*filter
:FORWARD DROP [0:0]
-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
{rules}
-A FORWARD -s {self.source}/32 -p udp -m udp --dport 5000 -j ACCEPT
COMMIT
""")

    def after_first(self):
        if not self.established:
            return
        answering = socket_in(self.outer, socket.AF_INET, socket.SOCK_DGRAM)
        answering.bind((self.destination, 5000))
        self.send(1, 1)
        _, sender = answering.recvfrom(2048)
        answering.sendto(b"answer", sender)
        answering.close()


def cases():
    counts = sized((10, 100, 1000), (2,))
    made = [lambda number: Bridge(number)]
    made += [lambda number, rules=rules: Caisson(number, rules) for rules in (*counts, sized(10000, 20))]
    made += [lambda number, rules=rules: Bridge(number, rules) for rules in counts]
    made += [lambda number, rules=rules, how=how: Iptables(number, rules, how)
             for how in (True, False) for rules in counts]
    return [make(number) for number, make in enumerate(made)]


def packets():
    """Rows of the whole way of a packet; all cases stand at the same time and take turns."""
    every = cases()
    say(f"packet by packet: {len(every)} cases")
    with Namespaces(*(name for case in every for name in (case.inner, case.outer))) as namespaces:
        try:
            for case in every:
                case.make(namespaces)
            for _ in range(sized(5, 1)):
                for case in every:
                    case.measure()
        finally:
            for case in every:
                case.close()
    plain = min(every[0].least)
    for case in every:
        row(NAME, case.metric, "ns", min(case.least), None if case is every[0] else plain)


def main():
    programs()
    packets()


if __name__ == "__main__":
    main()

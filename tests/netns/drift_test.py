"""What somebody else does to a running netd's kernel objects is noticed without a request, and undone."""

import concurrent.futures
import json
import os
import subprocess
import threading

from commands import CommandsCase
from network import harness, run


class Drift(CommandsCase):
    INSTANCE = "nsdrift"

    def setUp(self):
        super().setUp()
        self.net.environment = {}
        self.net.start_netd()
        self.namespace = f"{self.net.fabric}-member"
        self.made = self.commands()[:-1]
        for _, do, _ in self.made:
            do()
        self.assert_whole()

    def inside(self, *command, check=True):
        return run("nsenter", f"--net=/run/netns/{self.net.fabric}", "--", *command, check=check)

    def outside(self, *command):
        return run("nsenter", f"--net=/run/netns/{self.net.host}", "--", *command)

    def links_like(self, prefix):
        return [name for name in self.net.links(self.net.fabric) if name.startswith(prefix)]

    def rows(self, name):
        return json.loads(run("bpftool", "-j", "map", "dump", "pinned", f"/sys/fs/bpf/{self.net.fabric}/{name}"))

    def undone(self, what, change, seen):
        """`seen()` is true; `change()` makes it false; netd makes it true again, with nothing asked of it."""
        with self.subTest(what=what):
            self.assertTrue(seen(), "before")
            change()
            harness.eventually(f"{what} is undone", seen, seconds=60)
            # All the rest of it too; a repair may take more than one look.
            harness.eventually("nothing is left to do", lambda: self.net.inspect("Plan") == [], seconds=60)
            self.assert_whole()

    def index(self, name):
        return json.loads(self.inside("ip", "-j", "link", "show", name))[0]["ifindex"]

    def has(self, name):
        return lambda: name in self.net.links(self.net.fabric)

    def test_links(self):
        bridge, port = self.links_like("br-")[0], self.links_like("cm")[0]
        tap_index = self.index("cs0001")
        self.undone("a deleted bridge", lambda: self.inside("ip", "link", "delete", bridge), self.has(bridge))
        self.undone("a deleted member port", lambda: self.inside("ip", "link", "delete", port), self.has(port))
        self.undone("a port off its bridge", lambda: self.inside("ip", "link", "set", port, "nomaster"),
                    lambda: "master" in json.loads(self.inside("ip", "-j", "link", "show", port))[0])
        self.undone("a deleted tap", lambda: self.inside("ip", "link", "delete", "cs0001"), self.has("cs0001"))
        self.assertEqual(self.index("cs0001"), tap_index)
        for name in ("exit0", "uplink"):
            self.undone(f"a deleted {name}", lambda name=name: self.inside("ip", "link", "delete", name),
                        self.has(name))
        for name in (bridge, port, "cs0000", "exit0", "uplink"):
            self.undone(f"{name} down", lambda name=name: self.inside("ip", "link", "set", name, "down"),
                        lambda name=name: "UP" in json.loads(self.inside("ip", "-j", "link", "show", name))[0]["flags"])
        run("ip", "-n", self.net.fabric, "link", "add", "stray", "type", "bridge")
        self.undone("a link with our mark that the model doesn't have",
                    lambda: self.inside("ip", "link", "set", "stray", "alias", "caisson:subnet-0"),
                    lambda: "alias" not in (self.inside("ip", "link", "show", "stray", check=False) or ""))
        self.assertFalse(self.has("stray")())

    def test_routes_addresses_programs(self):
        port = self.links_like("cm")[0]
        self.undone("the fabric's default route", lambda: self.inside("ip", "route", "delete", "default"),
                    lambda: "default" in self.inside("ip", "route"))
        self.undone("the identities' route", lambda: self.inside("ip", "route", "delete", "240.0.0.0/4"),
                    lambda: "240.0.0.0/4" in self.inside("ip", "route"))
        host = f"cu-{self.net.name}"
        self.undone("the host's address", lambda: self.outside("ip", "address", "flush", "dev", host),
                    lambda: "100.64.0.1" in self.outside("ip", "address", "show", host))
        for name in (port, "cs0000", "exit0", "uplink"):
            hook = "ingress" if name != "exit0" else "egress"
            self.undone(f"the programs of {name}",
                        lambda name=name: self.inside("tc", "qdisc", "delete", "dev", name, "clsact"),
                        lambda name=name, hook=hook: "bpf" in self.inside("tc", "filter", "show", "dev", name, hook))

    def test_tables_and_pins(self):
        table = f"caisson_{self.net.name}"
        fabric, host = self.inside("nft", "list", "ruleset"), self.outside("nft", "list", "ruleset")
        self.undone("a flushed ruleset", lambda: self.inside("nft", "flush", "ruleset"),
                    lambda: self.inside("nft", "list", "ruleset") == fabric)
        self.undone("a flushed table", lambda: self.outside("nft", "flush", "table", "ip", table),
                    lambda: self.outside("nft", "list", "ruleset") == host)
        self.undone("a deleted chain", lambda: self.inside("nft", "delete", "chain", "ip", "caisson", "leaving"),
                    lambda: self.inside("nft", "list", "ruleset") == fabric)
        self.undone("a rule more", lambda: self.inside("nft", "insert", "rule", "ip", "caisson", "passing", "accept"),
                    lambda: self.inside("nft", "list", "ruleset") == fabric)
        pin = f"/sys/fs/bpf/{self.net.fabric}/conntrack"
        before = json.loads(run("bpftool", "-j", "map", "show", "pinned", pin))["id"]
        self.undone("a missing pin", lambda: os.unlink(pin), lambda: os.path.exists(pin))
        self.assertEqual(json.loads(run("bpftool", "-j", "map", "show", "pinned", pin))["id"], before)
        stray = f"/sys/fs/bpf/{self.net.fabric}/stray"
        run("bpftool", "map", "create", stray, "type", "array", "key", "4", "value", "4", "entries", "1",
            "name", "stray")
        harness.eventually("the stray pin is gone", lambda: not os.path.exists(stray), seconds=60)

    def test_the_hosts_addresses_are_no_exits(self):
        def forbidden():
            return any(row["formatted"]["key"]["address"] == [192, 0, 2, 77] for row in self.rows("forbidden"))

        self.assertFalse(forbidden())
        self.outside("ip", "address", "add", "192.0.2.77/32", "dev", "lo")
        harness.eventually("a new address of the host is no exit", forbidden)
        self.outside("ip", "address", "delete", "192.0.2.77/32", "dev", "lo")
        harness.eventually("nor is it kept", lambda: not forbidden())

    def test_drops_of_ports_that_are_gone(self):
        port = self.links_like("cm")[0]
        index = self.index(port)

        def counted():
            return [row for row in self.rows("drops") if row["formatted"]["key"]["port"] == index]

        # The member sends what is not its own: dropped, and counted at the port.
        subprocess.run(["nsenter", f"--net=/run/netns/{self.namespace}", "--", "ip", "address", "add", "10.0.1.99/32",
                        "dev", "lo"], check=True)
        with self.net.socket(self.namespace, harness.socket.AF_INET, harness.socket.SOCK_DGRAM) as here:
            here.bind(("10.0.1.99", 0))
            here.sendto(b"x", ("10.0.1.1", 5000))
        harness.eventually("the drop is counted", counted)
        sums = self.dropped("SPOOF")
        self.assertGreaterEqual(sums, 1)
        for what, _, undo in self.made:
            if what == "member":
                undo()
        harness.eventually("its count goes with the port", lambda: not counted(), seconds=60)
        self.assertEqual(self.dropped("SPOOF"), sums)

    def test_among_commands_that_never_pause(self):
        """A comparison always finds the model changed since it began; what differs all the same is undone."""
        ended = threading.Event()

        def work():
            while not ended.is_set():
                vpc = self.net.api("CreateVpc", CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
                subnet = self.net.api("CreateSubnet", VpcId=vpc, CidrBlock="10.9.1.0/24")["Subnet"]["SubnetId"]
                self.net.api("DeleteSubnet", SubnetId=subnet)
                self.net.api("DeleteVpc", VpcId=vpc)

        with concurrent.futures.ThreadPoolExecutor() as threads:
            working = threads.submit(work)
            try:
                port = self.links_like("cm")[0]
                for _ in range(3):
                    self.inside("ip", "link", "set", port, "nomaster")
                    harness.eventually("a port off its bridge is undone", lambda: "master" in json.loads(
                        self.inside("ip", "-j", "link", "show", port))[0], seconds=60)
                self.assertFalse(working.done())
            finally:
                ended.set()
            working.result()
        harness.eventually("nothing is left to do", lambda: self.net.inspect("Plan") == [], seconds=60)
        self.assert_whole()

    def dropped(self, reason):
        return self.net.metric(f'caisson_dropped_packets_total{{reason="{reason}"}}')


if __name__ == "__main__":
    harness.main()

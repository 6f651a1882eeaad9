"""Two VPCs with the same CIDR and the same addresses: each function reaches its own database, and only that."""

import harness

ADDRESS = "10.0.1.10"
PORT = 5000
ROUNDS = 5

FUNCTION = """
import socket

def handler(event, context):
    try:
        with socket.create_connection((event["address"], event["port"]), timeout=3) as peer:
            peer.sendall((event["line"] + "\\n").encode())
            return peer.makefile().readline().strip()
    except OSError as error:
        return "error " + type(error).__name__
"""


class OverlappingVpcs(harness.LabCase):
    INSTANCE = "e2evpcs"

    def make_side(self, name):
        vpc, subnet = self.lab.vpc("10.0.0.0/16", "10.0.1.0/24")
        client = self.lab.group(vpc, "client")
        group = self.lab.group(vpc, "server", ("tcp", PORT, client))
        namespace = self.lab.member(name, subnet, ADDRESS, [group])
        server = self.lab.tool(namespace, "name_server.py", name, PORT)
        self.assertEqual(server.line(), {"listening": PORT})
        self.lab.function(name, FUNCTION, subnet, [client])
        return server

    def ask(self, name, line):
        return self.lab.invoke(name, {"address": ADDRESS, "port": PORT, "line": line})

    def test_each_reaches_its_own(self):
        servers = {name: self.make_side(name) for name in ("blue", "green")}
        for number in range(ROUNDS):
            for name in servers:
                self.assertEqual(self.ask(name, f"{name}-{number}"), f"{name} {name}-{number}")
        # Blue's database goes; green's stands on the same address and port, and is not what blue's function gets.
        self.assertEqual(servers["blue"].finish(),
                         {"connections": ROUNDS, "lines": [f"blue-{number}" for number in range(ROUNDS)]})
        self.assertEqual(self.ask("blue", "lost"), "error ConnectionRefusedError")
        self.assertEqual(self.ask("green", "after"), "green after")
        self.assertEqual(servers["green"].finish(), {
            "connections": ROUNDS + 1, "lines": [f"green-{number}" for number in range(ROUNDS)] + ["after"]})
        self.assertEqual(self.lab.caisson("plan"), [])


if __name__ == "__main__":
    harness.main()

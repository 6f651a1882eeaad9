"""The resolver as members meet it: dig in their namespaces, endpointd beside netd, a resolver in the internet behind."""

import json
import os
import shutil
import socket
import subprocess
import threading

import dns_messages
from network import BUILD, INTERNET, NetworkCase, harness, run

FIXED = "169.254.169.253"
USER = 64999


class Upstream(threading.Thread):
    """The host's resolver: answers from a table, counts what it is asked."""

    def __init__(self, net):
        super().__init__(daemon=True)
        self.datagrams = net.socket(net.internet, socket.AF_INET, socket.SOCK_DGRAM)
        self.datagrams.bind((INTERNET, 53))
        self.listener = net.socket(net.internet, socket.AF_INET, socket.SOCK_STREAM)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((INTERNET, 53))
        self.listener.listen()
        self.datagrams.settimeout(None)
        self.listener.settimeout(None)
        self.asked = []
        threading.Thread(target=self.serve_streams, daemon=True).start()

    def answer(self, question, stream):
        name = dns_messages.name_of(question)
        self.asked.append((name, "tcp" if stream else "udp"))
        if name.startswith("long") and not stream:
            return dns_messages.truncated(question)
        if name.startswith("long"):
            return dns_messages.reply(question, [dns_messages.text(b"x" * 200) for _ in range(12)], ttl=300)
        if name.startswith("none"):
            return dns_messages.reply(question, [], rcode=3)
        return dns_messages.reply(question, [dns_messages.address("198.51.100.77")], ttl=300)

    def run(self):
        while True:
            try:
                question, peer = self.datagrams.recvfrom(4096)
            except OSError:
                return
            self.datagrams.sendto(self.answer(question, False), peer)

    def serve_streams(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                size = int.from_bytes(connection.recv(2, socket.MSG_WAITALL), "big")
                reply = self.answer(connection.recv(size, socket.MSG_WAITALL), True)
                connection.sendall(len(reply).to_bytes(2, "big") + reply)


class Resolver(NetworkCase):
    INSTANCE = "nsdns"
    OPTIONS = ("--endpoint-uid", str(USER))

    def setUp(self):
        super().setUp()
        shutil.copy(os.path.join(BUILD, "bin", "endpointd"), self.net.programs)
        self.endpointd = None
        self.addCleanup(self.stop_endpointd)

    def start_endpointd(self):
        self.endpointd = subprocess.Popen(
            ["nsenter", f"--net=/run/netns/{self.net.host}", "--", f"{self.net.programs}/endpointd", "--instance",
             self.net.name, "--user", str(USER), "--resolver", INTERNET], stdin=subprocess.DEVNULL)
        harness.eventually("endpointd is whole", self.is_whole, seconds=60)

    def stop_endpointd(self):
        if self.endpointd is not None:
            self.endpointd.terminate()
            self.endpointd.wait(30)

    def http(self, target):
        connection = harness.UnixConnection(f"{self.net.run}/endpointd.sock")
        try:
            connection.request("GET", target)
            reply = connection.getresponse()
            return reply.status, reply.read().decode()
        finally:
            connection.close()

    def is_whole(self):
        if self.endpointd.poll() is not None:
            raise AssertionError(f"endpointd ended with status {self.endpointd.returncode}")
        try:
            return self.http("/healthz")[0] == 200
        except OSError:
            return False

    def dig(self, namespace, *words, server=FIXED):
        """The status, and the sections' records as lists of words."""
        out = run("nsenter", f"--net=/run/netns/{namespace}", "--", "dig", f"@{server}", "+noall", "+comments", "+answer",
                  "+authority", "+tries=1", "+time=20", *words)
        status = out.split("status: ")[1].split(",")[0] if "status: " in out else None
        records = [line.split(None, 4) for line in out.splitlines() if line and not line.startswith(";")]
        return status, records, out

    def check_private(self, namespace, server, name, address):
        status, records, _ = self.dig(namespace, name, server=server)
        self.assertEqual((status, [record[3:] for record in records]), ("NOERROR", [["A", address]]))
        backwards = ".".join(reversed(address.split("."))) + ".in-addr.arpa."
        status, records, _ = self.dig(namespace, "-x", address, server=server)
        self.assertEqual((status, [[record[0], *record[3:]] for record in records]), ("NOERROR", [[backwards, "PTR", name]]))

    def test_members_ask(self):
        upstream = Upstream(self.net)
        upstream.start()
        sides = []
        for side, host in (("a", 10), ("b", 20)):
            vpc, subnet = self.net.vpc("10.0.0.0/16", "10.0.1.0/24")
            # No rule admits the resolver: groups have no say in it.
            group = self.net.group(vpc, "closed")
            for rule in self.net.api("DescribeSecurityGroupRules")["SecurityGroupRules"]:
                if rule["IsEgress"] and rule["GroupId"] == group:
                    self.net.api("RevokeSecurityGroupEgress", GroupId=group,
                                 SecurityGroupRuleIds=[rule["SecurityGroupRuleId"]])
            sides.append((vpc, self.net.member(f"{side}one", subnet, "10.0.1.5", [group]),
                          self.net.member(f"{side}two", subnet, f"10.0.1.{host}", [group])))
        self.assertEqual(self.net.inspect("Plan"), [])
        self.start_endpointd()
        self.check_names(sides)
        self.check_forwarding(sides, upstream)
        self.check_counted(sides[0][1])
        self.check_restarts(sides[0][1])
        self.check_switch(sides[0])

    def check_names(self, sides):
        """Equal blocks and addresses: each VPC has its own interfaces, and only these."""
        for (_, one, _), own, foreign in ((sides[0], 10, 20), (sides[1], 20, 10)):
            for server in (FIXED, "10.0.0.2"):
                self.check_private(one, server, "ip-10-0-1-5.ec2.internal.", "10.0.1.5")
                self.check_private(one, server, f"ip-10-0-1-{own}.ec2.internal.", f"10.0.1.{own}")
                status, records, _ = self.dig(one, f"ip-10-0-1-{foreign}.ec2.internal", server=server)
                self.assertEqual((status, [record[3] for record in records]), ("NXDOMAIN", ["SOA"]))
            status, records, _ = self.dig(one, "-x", f"10.0.1.{foreign}")
            self.assertEqual((status, [record[3] for record in records]), ("NXDOMAIN", ["SOA"]))
            status, records, _ = self.dig(one, "ip-10-0-1-5.ec2.internal", "AAAA")
            self.assertEqual((status, [record[3] for record in records]), ("NOERROR", ["SOA"]))
            self.assertEqual(self.dig(one, "+tcp", "ip-10-0-1-5.ec2.internal", server="10.0.0.2")[0], "NOERROR")

    def check_forwarding(self, sides, upstream):
        one, other = sides[0][1], sides[1][1]
        for _ in range(2):
            status, records, _ = self.dig(one, "www.example.com")
            self.assertEqual((status, [record[3:] for record in records]), ("NOERROR", [["A", "198.51.100.77"]]))
        self.assertEqual(upstream.asked.count(("www.example.com", "udp")), 1)
        # What one VPC has been told is nothing that another one is told from memory.
        self.dig(other, "www.example.com")
        self.assertEqual(upstream.asked.count(("www.example.com", "udp")), 2)
        self.assertEqual(self.dig(one, "none.example.com")[0], "NXDOMAIN")
        # Longer than a datagram: cut there, whole over TCP, both of which dig does by itself.
        for words in ((), ("+noedns",), ("+bufsize=4096",)):
            status, records, out = self.dig(one, "long.example.com", "TXT", *words)
            self.assertEqual((status, len(records)), ("NOERROR", 12))
            self.assertNotIn(" tc", out.split("flags:")[1].split(";")[0])
        status, records, out = self.dig(one, "long.example.com", "TXT", "+ignore")
        self.assertEqual((status, records), ("NOERROR", []))
        self.assertIn(" tc", out.split("flags:")[1].split(";")[0])
        self.assertEqual(upstream.asked.count(("long.example.com", "tcp")), 1)

    def check_counted(self, namespace):
        """In the flows, without a rule; and nothing but DNS is served there."""
        at = {"NetworkInterfaceId": self.net.interface_of(namespace), "Direction": "egress"}
        self.assertGreater(self.net.packets("Flows", **at, Action="ACCEPT", Destination=FIXED, DestinationPort=53), 3)
        self.assertGreater(self.net.packets("Flows", **at, Action="ACCEPT", Destination="10.0.0.2", DestinationPort=53), 3)
        before = self.net.packets("Flows", **at, Reason="NO_RESOLVER")
        with self.net.socket(namespace, socket.AF_INET, socket.SOCK_DGRAM) as here:
            for _ in range(3):
                here.sendto(b"x", (FIXED, 54))
            self.assert_packets(before + 3, "Flows", **at, Reason="NO_RESOLVER")

    def ask_later(self, namespace, count):
        """Questions that wait; they are asked for at the end by take()."""
        made = [self.net.socket(namespace, socket.AF_INET, socket.SOCK_DGRAM) for _ in range(count)]
        for number, one in enumerate(made):
            one.connect((FIXED, 53))
            one.send(dns_messages.question("ip-10-0-1-5.ec2.internal", number + 1))
        return made

    def take(self, asked):
        for number, one in enumerate(asked):
            self.assertEqual(one.recv(2000)[:2], (number + 1).to_bytes(2, "big"))

    def check_restarts(self, namespace):
        """What is asked while endpointd is away waits in the sockets that netd keeps; netd's own end loses none."""
        self.endpointd.kill()
        self.endpointd.wait(30)
        asked = self.ask_later(namespace, 20)
        stream = self.net.socket(namespace, socket.AF_INET, socket.SOCK_STREAM)
        stream.connect((FIXED, 53))
        message = dns_messages.question("ip-10-0-1-5.ec2.internal", 77)
        stream.sendall(len(message).to_bytes(2, "big") + message)
        self.start_endpointd()
        self.take(asked)
        stream.recv(2, socket.MSG_WAITALL)
        self.assertEqual(stream.recv(2), (77).to_bytes(2, "big"))
        self.net.netd.kill()
        self.net.netd.wait(30)
        self.net.start_netd()
        harness.eventually("endpointd has found netd", lambda: self.http("/healthz")[0] == 200)
        self.take(self.ask_later(namespace, 20))

    def check_switch(self, side):
        vpc, one, _ = side
        at = {"NetworkInterfaceId": self.net.interface_of(one), "Direction": "egress", "Reason": "NO_RESOLVER"}
        self.net.api("ModifyVpcAttribute", VpcId=vpc, EnableDnsSupport={"Value": False})
        shown = self.net.api("DescribeVpcAttribute", VpcId=vpc, Attribute="enableDnsSupport")
        self.assertEqual(shown, {"VpcId": vpc, "EnableDnsSupport": {"Value": False}})
        before = self.net.packets("Flows", **at)
        with self.net.socket(one, socket.AF_INET, socket.SOCK_DGRAM) as here:
            for server in (FIXED, "10.0.0.2"):
                here.sendto(dns_messages.question("ip-10-0-1-5.ec2.internal", 1), (server, 53))
            self.assert_packets(before + 2, "Flows", **at)
            self.net.api("ModifyVpcAttribute", VpcId=vpc, EnableDnsSupport={"Value": True})
            here.sendto(dns_messages.question("ip-10-0-1-5.ec2.internal", 2), (FIXED, 53))
            self.assertEqual(here.recv(2000)[:2], b"\0\2")
        self.assertEqual(self.net.inspect("Plan"), [])

    def test_endpointd_may_nothing(self):
        self.start_endpointd()
        with open(f"/proc/{self.endpointd.pid}/status", encoding="ascii") as file:
            status = dict(line.split(":", 1) for line in file)
        self.assertEqual(status["Uid"].split(), [str(USER)] * 4)
        self.assertEqual(status["Gid"].split(), [str(USER)] * 4)
        self.assertEqual(status["Groups"].split(), [])
        for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            self.assertEqual(int(status[kind], 16), 0, kind)
        self.assertEqual((status["NoNewPrivs"].strip(), status["Seccomp"].strip()), ("1", "2"))
        code, text = self.http("/metrics")
        self.assertEqual(code, 200)
        self.assertIn("caisson_endpointd_netd_connected 1", text)
        self.assertEqual(json.loads(self.http("/healthz")[1])["netd"], "connected")


if __name__ == "__main__":
    harness.main()

"""Flows that EC2 does not track end with their rule, at once; the others go on."""

import socket

from network import NetworkCase, harness

OPEN, NARROW = 80, 81
SERVER, CLIENT = "10.0.1.10", "10.0.1.11"
DATAGRAMS = 5


class Tracking(NetworkCase):
    INSTANCE = "nstrack"

    def setUp(self):
        super().setUp()
        vpc, subnet = self.net.vpc("10.0.0.0/16", "10.0.1.0/24")
        # Each group has EC2's rule for all egress: what everybody may send to OPEN needs no tracking.
        self.group = self.net.group(vpc, "server", *self.ingress())
        self.server = self.net.member("server", subnet, SERVER, [self.group])
        self.client = self.net.member("client", subnet, CLIENT, [self.net.group(vpc, "client")])

    def ingress(self):
        for protocol in ("tcp", "udp"):
            yield protocol, OPEN, "0.0.0.0/0"
            yield protocol, NARROW, "10.0.1.0/24"

    def change(self, action):
        rules = [{"IpProtocol": protocol, "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": source}]}
                 for protocol, port, source in self.ingress()]
        self.net.api(action, GroupId=self.group, IpPermissions=rules)

    def refused(self, port, protocol):
        return self.net.packets("Flows", Reason="SG_INGRESS", DestinationPort=port, Protocol=protocol)

    def pair(self, kind, port):
        there = self.net.socket(self.server, socket.AF_INET, kind)
        there.bind((SERVER, port))
        here = self.net.socket(self.client, socket.AF_INET, kind)
        if kind == socket.SOCK_STREAM:
            there.listen()
            here.connect((SERVER, port))
            there, _ = there.accept()
            there.settimeout(60)
            self.net.sockets.append(there)
        else:
            here.bind((CLIENT, 40000 + port))
            here.connect((SERVER, port))
            there.connect((CLIENT, 40000 + port))
        self.exchange(here, there)
        return here, there

    def exchange(self, here, there):
        for sender, receiver, text in ((here, there, b"question"), (there, here, b"answer"), (here, there, b"more")):
            sender.sendall(text)
            self.assertEqual(receiver.recv(100), text)

    def assert_nothing_came(self, receiver):
        receiver.setblocking(False)
        with self.assertRaises(BlockingIOError):
            receiver.recv(100)
        receiver.settimeout(60)

    def test_udp(self):
        tracked = self.pair(socket.SOCK_DGRAM, NARROW)
        here, there = self.pair(socket.SOCK_DGRAM, OPEN)
        self.change("RevokeSecurityGroupIngress")
        for _ in range(DATAGRAMS):
            here.sendall(b"revoked")
        self.exchange(*tracked)
        self.assertEqual(self.refused(OPEN, 17), DATAGRAMS)
        self.assertEqual(self.refused(NARROW, 17), 0)
        self.assert_nothing_came(there)
        self.change("AuthorizeSecurityGroupIngress")
        self.exchange(here, there)

    def test_tcp(self):
        tracked = self.pair(socket.SOCK_STREAM, NARROW)
        here, there = self.pair(socket.SOCK_STREAM, OPEN)
        self.change("RevokeSecurityGroupIngress")
        here.sendall(b"again")
        harness.eventually("the refusal", lambda: self.refused(OPEN, 6) > 0)
        # The server may send, and does: that makes the client's segments no answers.
        there.sendall(b"pushed")
        self.assertEqual(here.recv(100), b"pushed")
        before = self.refused(OPEN, 6)
        harness.eventually("the refusal of what follows", lambda: self.refused(OPEN, 6) > before)
        self.exchange(*tracked)
        self.assertEqual(self.refused(NARROW, 6), 0)
        self.assert_nothing_came(there)
        # Who comes later finds it closed, whatever runs.
        late = self.net.socket(self.client, socket.AF_INET, socket.SOCK_STREAM)
        late.setblocking(False)
        late.connect_ex((SERVER, NARROW))
        harness.eventually("the refusal of the late one", lambda: self.refused(NARROW, 6) > 0)
        self.change("AuthorizeSecurityGroupIngress")
        self.assertEqual(there.recv(100), b"again")

    def test_the_rules_that_let_packets_pass(self):
        """Each of an untracked flow's directions names its own; a tracked one has the one that let it begin."""
        for port in (OPEN, NARROW):
            here, there = self.pair(socket.SOCK_STREAM, port)
            peer = here.getsockname()[1]
            rules = [{flow["RuleId"] for flow in self.net.inspect("DescribeFlows")
                      if {flow["SourcePort"], flow["DestinationPort"]} == {port, peer}
                      and flow["NetworkInterfaceId"] == self.net.interface_of(self.server)
                      and flow["Direction"] == direction} for direction in ("ingress", "egress")]
            self.assertEqual([len(found) for found in rules], [1, 1])
            self.assertEqual(rules[0] == rules[1], port == NARROW)


if __name__ == "__main__":
    harness.main()

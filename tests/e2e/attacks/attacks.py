"""What the attacks share: a VPC with an attacker, witnesses at every place that must stay quiet, counted reasons.

An attack is frames with a marker of their own. It has failed when the reason's counter rose by exactly what was sent,
no other did, and no witness has seen the marker; the same frame without what makes it an attack arrives at the friend.
"""

import collections
import itertools
import json
import os
import sys
import threading

TESTS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(TESTS, "e2e"), os.path.join(TESTS, "netns")]

import harness
import network
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import ARP, Dot1Q, Ether, GRE
from scapy.packet import Raw

GUEST, GUEST_MAC, GATEWAY_MAC = "169.254.100.2", "02:ca:15:50:00:02", "02:ca:15:50:00:01"
FRIEND, STRANGER = "10.0.1.10", "10.0.1.99"
PORT, CLOSED_PORT = 5000, 5001
INTERNET = "198.51.100.10"
COPIES = 3

# Root in its guest. "send" puts frames on the wire; "listen" says hello from a UDP port and returns all that the
# device gets until a frame with the marker "until" comes.
ATTACKER = """
import socket

def handler(event, context):
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as wire:
        wire.bind(("eth0", 3))
        for frame in event.get("send", []):
            wire.send(bytes.fromhex(frame))
        if "until" not in event:
            return len(event["send"])
        talk = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        talk.sendto(event["hello"].encode(), (event["peer"], event["port"]))
        frames, last = [], event["until"].encode()
        wire.settimeout(100)
        while not frames or last not in frames[-1]:
            frame, (_, _, kind, _, _) = wire.recvfrom(65536)
            if kind != 4:
                frames.append(frame)
        return [frame.hex() for frame in frames]
"""


def hexes(frames):
    return [bytes(frame).hex() for frame in frames]


class Wire:
    """A witness, and a sender, in a namespace of the lab."""

    def __init__(self, lab, namespace, *options):
        self.tool = lab.tool(namespace, "wire.py", *options)
        self.tool.line()

    def ask(self, **command):
        self.tool.process.stdin.write(json.dumps(command) + "\n")
        return self.tool.line()

    def seen(self, mark):
        return [Ether(bytes.fromhex(frame)) for frame in self.ask(report=True)["seen"].get(mark, [])]

    def send(self, frames):
        return self.ask(send=hexes(frames))["sent"]

    def mac(self):
        return self.ask(device=True)["mac"]


class AttackCase(harness.LabCase):
    """VPCs `a` and `b` have the same CIDR. In a: the friend, who admits PORT from everywhere. In b: the stranger."""

    TEST_IMAGES = True
    PORT = "cs"  # the devices of the attacker: those of functions, or a member's
    maxDiff = None

    def new_lab(self):
        """In a microVM, on whose kernel netd is tried, there are no further microVMs: netd alone."""
        return network.Network(self.INSTANCE) if "CAISSON_NETD_ALONE" in os.environ else super().new_lab()

    def setUp(self):
        super().setUp()
        self.marks = (f"MARK-{number:04}" for number in itertools.count(1))
        self.vpc, self.subnet = self.lab.vpc("10.0.0.0/16", "10.0.1.0/24")
        self.group = self.lab.group(self.vpc, "open", ("udp", PORT, "0.0.0.0/0"), ("tcp", PORT, "0.0.0.0/0"))
        self.friend = Wire(self.lab, self.lab.member("friend", self.subnet, FRIEND, [self.group]), "quiet")
        other_vpc, other_subnet = self.lab.vpc("10.0.0.0/16", "10.0.1.0/24")
        other = self.lab.group(other_vpc, "open", ("udp", PORT, "0.0.0.0/0"))
        self.witnesses = {
            "the stranger": Wire(self.lab, self.lab.member("stranger", other_subnet, STRANGER, [other]),
                                 "quiet"),
            "the host": Wire(self.lab, self.lab.host),
            "the internet": Wire(self.lab, f"caisson-{self.lab.name}-internet"),
        }

    def function(self, name, *segment):
        """Makes an attacker; the value sends an event to it. Not by the AWS CLI, whose start takes a second."""
        self.lab.function(name, ATTACKER, *segment, runtime="provided.root", memory=256, timeout=120)
        return lambda event: self.invoke(name, event)

    def invoke(self, name, event):
        connection = harness.UnixConnection(f"{self.lab.run}/runner.sock")
        connection.timeout = 150
        try:
            connection.request("POST", f"/2015-03-31/functions/{name}/invocations", json.dumps(event))
            answer = connection.getresponse()
            body = json.loads(answer.read())
        finally:
            connection.close()
        self.assertEqual((answer.status, answer.getheader("X-Amz-Function-Error")), (200, None), body)
        return body

    def counted(self, port):
        """Dropped packets by reason: those outside of flows that `port` sent, and those of all rejected flows."""
        counts = collections.Counter()
        for drop in self.lab.api("DescribeDrops")["Drops"]:
            # UNMARKED is what the bridge says to its port by itself (IGMP, when it comes up): nobody's attack.
            if drop["Port"].startswith(port) and drop["Reason"] != "UNMARKED":
                counts[drop["Reason"]] += drop["Packets"]
        token = {}
        while True:
            page = self.lab.api("DescribeFlows", **token)
            for flow in page["Flows"]:
                if flow["Action"] == "REJECT":
                    counts[flow["Reason"]] += flow["Packets"]
            if "NextToken" not in page:
                return counts
            token = {"NextToken": page["NextToken"]}

    def attempt(self, name, send, frames, reason, control):
        """Sends COPIES of each of the frames, all with one marker, and one control frame after them."""
        with self.subTest(name):
            mark, innocent = next(self.marks), next(self.marks)
            evil = [self.marked(frame, mark) for frame in frames] * COPIES
            before = self.counted(self.PORT)
            send([*evil, self.marked(control, innocent)])
            expected = {reason: len(evil)} if reason else {}
            witness = self.witnesses["the internet"] if control[IP].dst == INTERNET else self.friend
            harness.eventually(f"{name}: the innocent frame", lambda: witness.seen(innocent))
            # The last frame has arrived, so all have been judged; what they met further on is counted at once, too.
            self.assertEqual(dict(self.counted(self.PORT) - before), expected)
            # The guest's kernel may answer an answer that it did not ask for, by ICMP and quoting it.
            self.assertEqual(len([frame for frame in witness.seen(innocent) if ICMP not in frame]), 1)
            for place, quiet in {"the friend": self.friend, **self.witnesses}.items():
                self.assertEqual(quiet.seen(mark), [], place)

    @staticmethod
    def marked(frame, mark):
        """The frame with the marker as its payload."""
        return frame / Raw(mark.encode().ljust(16, b"."))


def main():
    harness.main()

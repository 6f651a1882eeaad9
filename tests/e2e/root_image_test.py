"""The test images: a function that is root in its guest sends what it likes; one beside it of a normal image can't."""

import harness

FORGED = 7

IDENTITY = """
import os, socket

def handler(event, context):
    status = dict(line.split(":\\t") for line in open("/proc/self/status").read().splitlines() if ":\\t" in line)
    try:
        raw = bool(socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
    except PermissionError:
        raw = False
    return {"uid": os.getuid(), "capabilities": int(status["CapEff"], 16), "raw": raw}
"""

SENDER = """
import socket
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

def handler(event, context):
    frame = Ether(dst=event["gateway"], src=event["mac"]) / IP(src=event["source"], dst="10.0.1.10")
    frame = bytes(frame / UDP(sport=40000, dport=event["port"]) / bytes(8))
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire:
        wire.bind(("eth0", 0))
        for _ in range(event["count"]):
            wire.send(frame)
    return len(frame)
"""


class RootImage(harness.LabCase):
    INSTANCE = "e2eroot"
    TEST_IMAGES = True

    def spoofed(self):
        return sum(drop["Packets"] for drop in self.lab.api("DescribeDrops")["Drops"] if drop["Reason"] == "SPOOF")

    def test_handlers_are_root_in_its_guests_alone(self):
        vpc, subnet = self.lab.vpc("10.0.0.0/16", "10.0.1.0/24")
        group = self.lab.group(vpc, "any", ("udp", 5000, "self"))
        receiver = self.lab.tool(self.lab.member("server", subnet, "10.0.1.10", [group]), "datagram_receiver.py", 5000)
        self.assertEqual(receiver.line(), {"listening": 5000})
        self.lab.function("normal", IDENTITY, subnet, [group])
        self.assertEqual(self.lab.invoke("normal"), {"uid": 993, "capabilities": 0, "raw": False})
        self.lab.function("root", IDENTITY, subnet, [group], runtime="provided.root")
        seen = self.lab.invoke("root")
        self.assertEqual((seen["uid"], seen["raw"]), (0, True))
        self.assertTrue(seen["capabilities"] & 1 << 13, "CAP_NET_RAW")

        self.lab.function("sender", SENDER, subnet, [group], runtime="provided.root", memory=256, timeout=60)
        event = {"gateway": "02:ca:15:50:00:01", "mac": "02:ca:15:50:00:02", "source": "169.254.100.2", "port": 5000}
        before = self.spoofed()
        self.lab.invoke("sender", {**event, "source": "10.0.1.99", "count": FORGED})
        self.assertEqual(self.spoofed() - before, FORGED)
        # The same frame under its own address arrives.
        self.lab.invoke("sender", {**event, "count": 1})
        self.assertEqual(self.spoofed() - before, FORGED)
        self.assertEqual(receiver.finish()["received"], 1)


if __name__ == "__main__":
    harness.main()

"""Every packet that the kernel saw at a port is on record: in a flow, as a drop, or as one that was not recorded."""

import json
import socket
import subprocess

import frames
from guest import Attach, Guest
from network import NetworkCase, harness

PORT = 5000
MEMBER, CLIENT = "10.0.1.10", "10.0.1.11"
GUEST_PORT = 32800
DYNAMIC_PORTS = 64  # of a block
FLOWS = 4096  # of an address


class Accounting(NetworkCase):
    INSTANCE = "nsaccount"

    def setUp(self):
        super().setUp()
        self.attach = Attach(f"{self.net.run}/attach.sock")
        self.addCleanup(self.attach.close)
        vpc, self.subnet = self.net.vpc("10.0.0.0/16", "10.0.1.0/24")
        self.client = self.net.group(vpc, "client")
        server = self.net.group(vpc, "server", ("udp", PORT, self.client), ("tcp", PORT, self.client))
        self.server = self.net.member("server", self.subnet, MEMBER, [server])
        self.other = self.net.member("client", self.subnet, CLIENT, [self.client])

    def hooks(self):
        """What the clsact hooks of slots and members have seen, by the kernel's own count."""
        out = subprocess.run(["tc", "-n", self.net.fabric, "-s", "-j", "qdisc", "show"], check=True,
                             stdout=subprocess.PIPE).stdout
        return sum(item["packets"] for item in json.loads(out)
                   if item["kind"] == "clsact" and item["dev"].startswith(("cs", "cm")))

    def recorded(self):
        return (self.net.packets("Flows") + self.net.packets("Drops") + self.net.metric("caisson_arp_packets_total")
                + self.net.metric("caisson_unrecorded_packets_total"))

    def balance(self):
        """Both counts, if nothing was seen while they were taken."""
        seen = self.hooks()
        recorded = self.recorded()
        return (seen, recorded) if self.hooks() == seen else None

    def check(self):
        seen, recorded = harness.eventually("rest", self.balance)
        self.assertEqual(recorded, seen)
        return seen

    def stream(self):
        """Much data at once between members: packets that are cut on their way."""
        with self.net.socket(self.server, socket.AF_INET, socket.SOCK_STREAM) as listener, \
                self.net.socket(self.other, socket.AF_INET, socket.SOCK_STREAM) as here:
            listener.bind((MEMBER, PORT))
            listener.listen()
            here.connect((MEMBER, PORT))
            there, _ = listener.accept()
            with there:
                here.sendall(bytes(100000))
                left = 100000
                while left:
                    left -= len(there.recv(left))

    def datagrams(self, guest):
        with self.net.socket(self.server, socket.AF_INET, socket.SOCK_DGRAM) as there:
            there.bind((MEMBER, PORT))
            for data in (b"small", bytes(4000)):
                body = frames.udp(guest.ADDRESS, MEMBER, GUEST_PORT, PORT, data)
                for packet in frames.fragments(guest.ADDRESS, MEMBER, 17, body, 7):
                    guest.send_packet(packet)
                _, peer = there.recvfrom(5000)
                there.sendto(data, peer)
            guest.send_packet(packet)  # a fragment that follows nothing
        for port in (PORT, PORT + 1):  # to nobody: an ICMP error; and refused
            guest.send(MEMBER, 17, frames.udp(guest.ADDRESS, MEMBER, GUEST_PORT, port, b"x"))
        self.attach.ask("Seal", slot=guest.slot)
        guest.send(MEMBER, 17, frames.udp(guest.ADDRESS, MEMBER, GUEST_PORT, PORT, b"sealed"))
        raw = self.net.socket(self.other, socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        raw.sendto(frames.ipv4("10.0.1.99", MEMBER, 17, body[:28]), (MEMBER, 0))  # spoofed

    def guest(self):
        made, _ = self.attach.ask("EnsureFunctionInterface", account="000000000001", user="f#1", subnets=[self.subnet],
                                  groups=[self.client])
        return Guest(self.attach, made["interfaces"][0]["id"])

    def send(self, guest, source_port, port):
        guest.send(MEMBER, 17, frames.udp(guest.ADDRESS, MEMBER, source_port, port, b"x"))

    def test_what_is_used_up_shows(self):
        """Ports that the guest bound itself, to one peer; then all flows of the address. What exists goes on."""
        guest = self.guest()
        for port in range(DYNAMIC_PORTS + 3):
            self.send(guest, 1000 + port, PORT)
        self.assertEqual(self.net.metric('caisson_dropped_packets_total{reason="PORT_EXHAUSTED"}'), 3)
        for port in range(FLOWS - DYNAMIC_PORTS + 5):
            self.send(guest, GUEST_PORT, 10000 + port)
        self.assertEqual(self.net.metric('caisson_rejected_packets_total{reason="CT_FULL"}'), 5)
        self.assertEqual(self.net.packets("Flows", Reason="CT_FULL", Direction="egress"), 5)
        with self.net.socket(self.server, socket.AF_INET, socket.SOCK_DGRAM) as there:
            there.bind((MEMBER, PORT))
            self.send(guest, 1000, PORT)
            self.assertEqual(there.recv(100), b"x")
        self.check()
        guest.close()

    def test_packets_seen_are_packets_recorded(self):
        before = self.check()
        guest = self.guest()
        self.datagrams(guest)
        self.stream()
        self.assertGreater(self.check(), before + 50)
        for reason in ("FRAGMENT", "SEALED", "SPOOF"):
            self.assertGreaterEqual(self.net.packets("Drops", Reason=reason), 1)
        self.assertGreaterEqual(self.net.metric('caisson_rejected_packets_total{reason="SG_INGRESS"}'), 1)
        self.assertGreaterEqual(self.net.metric("caisson_arp_packets_total"), 2)
        guest.close()


if __name__ == "__main__":
    harness.main()

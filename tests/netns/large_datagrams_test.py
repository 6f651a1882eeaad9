"""Datagrams in fragments, and the ICMP errors that say that a packet was too large or unwanted, both through every way."""

import socket
import struct
import subprocess

import frames
from guest import Attach, Guest
from network import INTERNET, NetworkCase, harness

PORT = 5000
MEMBER = "10.0.1.10"
GUEST_PORT = 32800
LARGE = bytes(range(256)) * 16
NARROW = 1400


class LargeDatagrams(NetworkCase):
    INSTANCE = "nslarge"

    def setUp(self):
        super().setUp()
        self.attach = Attach(f"{self.net.run}/attach.sock")
        self.addCleanup(self.attach.close)

    def guest(self, subnets=(), groups=()):
        made, _ = self.attach.ask("EnsureFunctionInterface", account="000000000001", user="f#1", subnets=list(subnets),
                                  groups=list(groups))
        return Guest(self.attach, made["interfaces"][0]["id"])

    def member(self):
        """A member whose group admits the guest's; the guest, and the member's namespace."""
        vpc, subnet = self.net.vpc("10.0.0.0/16", "10.0.1.0/24")
        client = self.net.group(vpc, "client")
        server = self.net.group(vpc, "server", ("tcp", PORT, client), ("udp", PORT, client))
        namespace = self.net.member("server", subnet, MEMBER, [server])
        return self.guest([subnet], [client]), namespace

    def listener(self, namespace, address):
        made = self.net.socket(namespace, socket.AF_INET, socket.SOCK_DGRAM)
        made.bind((address, PORT))
        return made

    def receive_whole(self, guest):
        packets = []
        while not packets or struct.unpack_from("!H", packets[-1], 6)[0] & 0x2000:
            packet = guest.receive_packet()
            self.assertIsNotNone(packet)
            packets.append(packet)
        self.assertGreater(len(packets), 1)
        return frames.Received(frames.joined(packets))

    def converse(self, guest, there, address):
        """Both ways, with and without a checksum; then fragments that nothing precedes, each counted."""
        for number, checksum in enumerate(("full", "none")):
            with self.subTest(address=address, checksum=checksum):
                body = frames.udp(guest.ADDRESS, address, GUEST_PORT + number, PORT, LARGE, checksum)
                for packet in frames.fragments(guest.ADDRESS, address, 17, body, 500 + number):
                    guest.send_packet(packet)
                data, peer = there.recvfrom(65536)
                self.assertEqual(data, LARGE)
                there.sendto(LARGE[::-1], peer)
                got = self.receive_whole(guest)
                self.assertEqual((got.source, got.port, got.data), (address, GUEST_PORT + number, LARGE[::-1]))
        before = self.net.packets("Drops", Reason="FRAGMENT")
        body = frames.udp(guest.ADDRESS, address, GUEST_PORT, PORT, LARGE)
        first, *later = frames.fragments(guest.ADDRESS, address, 17, body, 600)
        for packet in (*later, first, *reversed(later)):
            guest.send_packet(packet)
        self.assertEqual(self.net.packets("Drops", Reason="FRAGMENT") - before, len(later) + len(later) - 1)
        there.setblocking(False)
        self.assertRaises(BlockingIOError, there.recv, 65536)

    def test_fragments_to_a_member(self):
        guest, namespace = self.member()
        self.net.checksums_in_software(namespace)
        with self.listener(namespace, MEMBER) as there:
            self.converse(guest, there, MEMBER)

    def test_fragments_to_the_internet(self):
        guest = self.guest()
        self.net.checksums_in_software()
        with self.listener(self.net.internet, INTERNET) as there:
            self.converse(guest, there, INTERNET)

    def test_a_narrow_path_is_found(self):
        """The router's word that a packet was too large reaches the guest, which it can use."""
        guest = self.guest()
        with self.listener(self.net.internet, INTERNET) as there:
            subprocess.run(["ip", "-n", self.net.host, "link", "set", "out", "mtu", str(NARROW)], check=True)
            for protocol, make in ((17, frames.udp), (6, self.syn)):
                with self.subTest(protocol=protocol):
                    data = bytes(1460 - 20)
                    body = make(guest.ADDRESS, INTERNET, GUEST_PORT, PORT, data)
                    guest.send(INTERNET, protocol, body)
                    error = frames.ReceivedError(guest.receive_packet())
                    self.assertEqual((error.kind, error.code, error.mtu), (3, 4, NARROW))
                    self.assertEqual((error.destination, error.quoted_source), (guest.ADDRESS, guest.ADDRESS))
                    self.assertEqual((error.quoted_destination, error.quoted_ports), (INTERNET, (GUEST_PORT, PORT)))
                    self.assertEqual(error.quoted[20:], body[:len(error.quoted) - 20])  # to the last bit
            guest.send(INTERNET, 17, frames.udp(guest.ADDRESS, INTERNET, GUEST_PORT, PORT, bytes(NARROW - 28)))
            self.assertEqual(len(there.recv(65536)), NARROW - 28)

    @staticmethod
    def syn(source, destination, source_port, port, data):
        return frames.tcp(source, destination, source_port, port, frames.SYN, 1000, data=data)

    def test_errors_of_end_hosts(self):
        guest, namespace = self.member()
        # Nobody listens at the member's port.
        body = frames.udp(guest.ADDRESS, MEMBER, GUEST_PORT, PORT, b"question")
        guest.send(MEMBER, 17, body)
        error = frames.ReceivedError(guest.receive_packet())
        self.assertEqual((error.kind, error.code, error.source), (3, 3, MEMBER))
        self.assertEqual((error.quoted_source, error.quoted_ports), (guest.ADDRESS, (GUEST_PORT, PORT)))
        self.assertEqual(error.quoted[20:], body)
        # And nobody at the guest's any more, when the answer comes: the member's socket is told.
        with self.listener(namespace, MEMBER) as there:
            guest.send(MEMBER, 17, body)
            _, peer = there.recvfrom(100)
            there.connect(peer)
            there.send(b"answer")
            answer = guest.receive_packet()
            self.assertIsNotNone(answer)
            refused = frames.icmp_error(3, 3, answer)
            # About a packet that never was: dropped, and counted.
            for _ in range(3):
                guest.send(MEMBER, 1, frames.icmp_error(3, 3, answer[:22] + b"\x81\0" + answer[24:]))
            self.assertEqual(self.net.packets("Drops", Reason="ICMP_ERROR"), 3)
            there.send(b"another")
            guest.send(MEMBER, 1, refused)
            self.assertRaises(ConnectionRefusedError, there.recv, 100)


if __name__ == "__main__":
    harness.main()

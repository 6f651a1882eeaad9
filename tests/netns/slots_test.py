"""What a slot's guest sends and gets, with every kind of checksum: to a member of its VPC, and to the internet."""

import socket

import frames
from guest import Attach, Guest
from network import INTERNET, NetworkCase, harness

PORT = 5000
MEMBER = "10.0.1.10"
GUEST_PORT = 32800
SO_NO_CHECK = 11  # asm-generic/socket.h; Python has no name for it
ETH_P_IP = 0x0800


class Slots(NetworkCase):
    INSTANCE = "nsslot"

    def setUp(self):
        super().setUp()
        self.attach = Attach(f"{self.net.run}/attach.sock")
        self.addCleanup(self.attach.close)

    def guest(self, user, subnets=(), groups=()):
        """A guest on a function interface of its own; without subnets: of the managed segment."""
        made, _ = self.attach.ask("EnsureFunctionInterface", account="000000000001", user=user, subnets=list(subnets),
                                  groups=list(groups))
        return Guest(self.attach, made["interfaces"][0]["id"])

    def listener(self, namespace, address, kind):
        made = self.net.socket(namespace, socket.AF_INET, kind)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((address, PORT))
        if kind == socket.SOCK_STREAM:
            made.listen()
        return made

    def tap_into(self, namespace, device):
        """All that comes in at a device, as it comes."""
        made = self.net.socket(namespace, socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_IP))
        made.bind((device, ETH_P_IP))
        return made

    def next_of(self, tapped, protocol):
        while True:
            frame, where = tapped.recvfrom(65536)
            if where[2] != socket.PACKET_OUTGOING and frame[23] == protocol:
                return frames.Received(frame)

    def check_udp(self, guest, namespace, device, address):
        tapped = self.tap_into(namespace, device)
        with tapped, self.listener(namespace, address, socket.SOCK_DGRAM) as there:
            for number, checksum in enumerate(("full", "partial", "none")):
                with self.subTest(address=address, checksum=checksum):
                    port = GUEST_PORT + number
                    there.setsockopt(socket.SOL_SOCKET, SO_NO_CHECK, checksum == "none")
                    guest.send(address, 17, frames.udp(guest.ADDRESS, address, port, PORT, b"question", checksum),
                               partial=checksum == "partial")
                    self.assertEqual(self.next_of(tapped, 17).checksum == 0, checksum == "none")
                    text, peer = there.recvfrom(100)
                    self.assertEqual(text, b"question")
                    self.assertNotEqual(peer[0], guest.ADDRESS)
                    there.sendto(b"answer", peer)
                    got = guest.receive()
                    self.assertIsNotNone(got)
                    self.assertEqual((got.source, got.source_port, got.destination, got.port, got.data),
                                     (address, PORT, guest.ADDRESS, port, b"answer"))
                    self.assertEqual(got.checksum == 0, checksum == "none")

    def check_tcp(self, guest, namespace, device, address):
        tapped = self.tap_into(namespace, device)
        with tapped, self.listener(namespace, address, socket.SOCK_STREAM) as there:
            for number, checksum in enumerate(("full", "partial")):
                with self.subTest(address=address, checksum=checksum):
                    self.converse(guest, there, address, GUEST_PORT + 10 + number, checksum)
                    self.assertEqual(self.next_of(tapped, 6).flags, frames.SYN)
                    while self.next_of(tapped, 6).flags != frames.RST | frames.ACK:
                        pass

    def converse(self, guest, there, address, port, checksum):
        """A connection by hand: handshake, data both ways, reset."""
        def send(flags, sequence, acknowledged=0, data=b""):
            guest.send(address, 6, frames.tcp(guest.ADDRESS, address, port, PORT, flags, sequence, acknowledged, data,
                                              checksum), partial=checksum == "partial")

        def receive(*flags):
            """The next packet with one of these flags; what the peer sends once more of this or the last connection is not it."""
            while True:
                got = guest.receive()
                self.assertIsNotNone(got)
                if got.port == port and got.flags in flags:
                    return got

        send(frames.SYN, 1000)
        answer = receive(frames.SYN | frames.ACK)
        self.assertEqual(answer.acknowledged, 1001)
        send(frames.ACK | frames.PSH, 1001, answer.sequence + 1, b"question")
        accepted, _ = there.accept()
        with accepted:
            accepted.settimeout(60)
            self.assertEqual(accepted.recv(100), b"question")
            accepted.sendall(b"answer")
            got = receive(frames.ACK | frames.PSH)
            self.assertEqual((got.data, got.acknowledged), (b"answer", 1009))
            send(frames.RST | frames.ACK, 1009, got.sequence + len(got.data))

    def check(self, *where):
        self.check_udp(*where)
        self.check_tcp(*where)

    def test_member(self):
        vpc, subnet = self.net.vpc("10.0.0.0/16", "10.0.1.0/24")
        client = self.net.group(vpc, "client")
        server = self.net.group(vpc, "server", ("tcp", PORT, client), ("udp", PORT, client))
        namespace = self.net.member("server", subnet, MEMBER, [server])
        device = next(name for name in self.net.links(namespace) if name != "lo")
        guest = self.guest("f#1", [subnet], [client])
        self.net.checksums_in_software(namespace)
        self.check(guest, namespace, device, MEMBER)
        self.check_strangers(guest, namespace)
        guest.close()
        self.attach.ask("ReleaseFunctionInterface", account="000000000001", user="f#1")
        self.net.delete_all()
        self.assert_nothing_left()

    def check_strangers(self, guest, namespace):
        """Nobody begins a flow to a guest, and a guest without its own address is nobody."""
        interface = self.net.api("DescribeNetworkInterfaces", Filters=[
            {"Name": "interface-type", "Values": ["lambda"]}])["NetworkInterfaces"][0]
        with self.net.socket(namespace, socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            for _ in range(4):
                stranger.sendto(b"unasked", (interface["PrivateIpAddress"], 9))
        while (got := guest.receive(0.2)) is not None:
            self.assertNotEqual(got.data, b"unasked")
        for _ in range(3):
            guest.send(MEMBER, 17, frames.udp(guest.ADDRESS, MEMBER, GUEST_PORT, PORT + 1, b"refused"))
        self.assertEqual(self.net.packets("Flows", Action="REJECT", Reason="SG_INGRESS", DestinationPort=PORT + 1), 3)
        self.attach.ask("Seal", slot=guest.slot)
        before = self.net.packets("Drops", Reason="SEALED")
        for _ in range(6):
            guest.send(MEMBER, 17, frames.udp(guest.ADDRESS, MEMBER, GUEST_PORT, PORT, b"sealed"))
        self.assertEqual(self.net.packets("Drops", Reason="SEALED") - before, 6)

    def test_internet(self):
        guest = self.guest("f#1")
        self.net.checksums_in_software()
        self.check(guest, self.net.internet, "in", INTERNET)
        guest.close()
        self.attach.ask("ReleaseFunctionInterface", account="000000000001", user="f#1")
        self.assertEqual(self.net.inspect("Plan"), [])


if __name__ == "__main__":
    harness.main()

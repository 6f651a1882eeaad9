"""A slot changes hands: what was sent to its former owner must not reach the next one."""

import socket

import frames
from guest import Attach, Guest
from network import NetworkCase, harness

PORT = 5000
MEMBER = "10.0.1.4"
GUEST_PORT = 32800
BLOCKS = 63
LATE = 3


class Owners(NetworkCase):
    INSTANCE = "nsowner"
    SLOTS = 1  # so that there is one tap to hand on

    def setUp(self):
        super().setUp()
        self.attach = Attach(f"{self.net.run}/attach.sock")
        self.addCleanup(lambda: self.attach.close())
        vpc, subnet = self.net.vpc("10.0.0.0/16", "10.0.1.0/24")
        client = self.net.group(vpc, "client")
        server = self.net.group(vpc, "server", ("udp", PORT, client))
        self.server = self.net.member("server", subnet, MEMBER, [server])
        made, _ = self.attach.ask("EnsureFunctionInterface", account="000000000001", user="f#1", subnets=[subnet],
                                  groups=[client])
        self.interface = made["interfaces"][0]["id"]
        self.there = self.net.socket(self.server, socket.AF_INET, socket.SOCK_DGRAM)
        self.there.bind((MEMBER, PORT))

    def guest(self):
        return Guest(self.attach, self.interface)

    def ask(self, guest, text):
        """The guest's datagram arrives; its sender, as the member sees it."""
        guest.send(MEMBER, 17, frames.udp(guest.ADDRESS, MEMBER, GUEST_PORT, PORT, text))
        data, peer = self.there.recvfrom(100)
        self.assertEqual(data, text)
        return peer

    def converse(self, guest, text):
        peer = self.ask(guest, text)
        self.there.sendto(text[::-1], peer)
        self.assertEqual(guest.receive().data, text[::-1])
        return peer

    def refused(self):
        return self.net.packets("Flows", Action="REJECT", Reason="NO_FLOW")

    def send_late(self, peer):
        for _ in range(LATE):
            self.there.sendto(b"late", peer)

    def test_late_answers_find_nobody(self):
        """Between owners, at the next one, and at one that has the very same block of ports again."""
        first = self.guest()
        former = self.converse(first, b"question")
        first.close()
        self.send_late(former)
        self.assertEqual(self.refused(), LATE)
        second = self.guest()
        peer = self.converse(second, b"question")
        self.assertNotEqual(peer[1] // 1024, former[1] // 1024)  # the blocks rotate
        self.send_late(former)
        self.assertEqual(self.refused(), 2 * LATE)
        self.assertEqual(self.converse(second, b"control"), peer)  # and nothing late before its answer
        second.close()
        for _ in range(BLOCKS - 2):
            self.guest().close()
        again = self.guest()
        # The same block, but not the same port to the same peer: the former owner's flow is still there.
        peer = self.converse(again, b"question")
        self.assertEqual((peer[0], peer[1] // 1024), (former[0], former[1] // 1024))
        self.assertNotEqual(peer, former)
        self.send_late(former)
        self.assertEqual(self.refused(), 3 * LATE)
        self.assertEqual(self.converse(again, b"control"), peer)
        self.check_epochs(again)
        again.close()

    def check_epochs(self, last):
        """A daemon that is started within the seconds of its predecessor's epochs goes on behind them."""
        last.close()
        self.net.restart_netd()
        self.attach.close()
        self.attach = Attach(f"{self.net.run}/attach.sock")
        successor = self.guest()
        self.assertGreater(successor.generation, last.generation)
        last.tap, last.attach, last.slot = successor.tap, successor.attach, successor.slot  # to be closed in its place

    def test_what_waits_in_the_queue_goes_with_its_owner(self):
        first = self.guest()
        peer = self.converse(first, b"question")
        self.send_late(peer)
        self.assertEqual(self.net.packets("Flows", Direction="ingress", Action="ACCEPT", DestinationPort=peer[1]),
                         1 + LATE)  # they wait in the tap
        self.assertEqual(first.receive().data, b"late")
        first.close()
        second = self.guest()
        self.assertEqual(second.slot, first.slot)
        self.converse(second, b"control")  # its own answer is the first that it reads
        second.close()

    def test_a_sealed_slot_gets_nothing_and_keeps_its_flow(self):
        guest = self.guest()
        peer = self.converse(guest, b"question")
        self.attach.ask("Seal", slot=guest.slot)
        before = self.net.packets("Drops", Reason="SEALED")
        self.send_late(peer)
        self.assert_packets(before + LATE, "Drops", Reason="SEALED")
        self.attach.ask("Unseal", slot=guest.slot)
        self.assertEqual(self.converse(guest, b"control"), peer)
        guest.close()


if __name__ == "__main__":
    harness.main()

"""More environments on one network interface than an address has blocks of ports, and what happens when one ends."""

import os
import socket

import frames
from guest import Attach, Guest, Refused
from network import NetworkCase, harness

PORT = 5000
MEMBER = "10.0.1.4"
GUEST_PORT = 32800
BLOCKS = 63


class ManySlots(NetworkCase):
    INSTANCE = "nsmany"
    SLOTS = BLOCKS + 5

    def setUp(self):
        super().setUp()
        self.attach = Attach(f"{self.net.run}/attach.sock")
        self.guests = []
        self.addCleanup(self.close)

    def close(self):
        for guest in self.guests:
            os.close(guest.tap)
        self.attach.close()

    def make(self, subnet_cidr):
        vpc, self.subnet = self.net.vpc("10.0.0.0/16", subnet_cidr)
        client = self.net.group(vpc, "client")
        server = self.net.group(vpc, "server", ("udp", PORT, client))
        self.namespace = self.net.member("server", self.subnet, MEMBER, [server])
        made, _ = self.attach.ask("EnsureFunctionInterface", account="000000000001", user="f#1",
                                  subnets=[self.subnet], groups=[client])
        self.interface = made["interfaces"][0]["id"]

    def another(self):
        self.guests.append(Guest(self.attach, self.interface))

    def addresses(self):
        shown = self.net.api("DescribeNetworkInterfaces", NetworkInterfaceIds=[self.interface])["NetworkInterfaces"][0]
        return [item["PrivateIpAddress"] for item in shown["PrivateIpAddresses"]]

    def free_addresses(self):
        return self.net.api("DescribeSubnets", SubnetIds=[self.subnet])["Subnets"][0]["AvailableIpAddressCount"]

    def test_another_address_comes_before_it_is_needed(self):
        self.make("10.0.1.0/24")
        before = self.free_addresses()
        while len(self.guests) < 40:
            self.another()
        harness.eventually("a second address", lambda: len(self.addresses()) == 2)
        while len(self.guests) < self.SLOTS:
            self.another()
        self.assertEqual(self.net.metric('caisson_slot_refusals_total{code="BlocksExhausted"}'), 0)
        self.assertEqual(self.free_addresses(), before - 1)
        self.assertEqual(self.net.inspect("Plan"), [])
        self.check_that_all_speak()
        with self.assertRaises(Refused) as refused:
            self.attach.ask("LeaseSlot")
        self.assertEqual(refused.exception.code, "SlotsExhausted")
        self.assertEqual(self.net.metric('caisson_slot_refusals_total{code="SlotsExhausted"}'), 1)
        self.guests.pop().close()
        self.another()
        self.check_restart()
        self.attach.ask("ReleaseFunctionInterface", account="000000000001", user="f#1")
        self.assertEqual(self.free_addresses(), before + 1)
        self.assertEqual(self.net.inspect("Plan"), [])

    def check_that_all_speak(self):
        """Each from the same port of its own; the answers tell them apart. The group is known at every address."""
        there = self.net.socket(self.namespace, socket.AF_INET, socket.SOCK_DGRAM)
        there.bind((MEMBER, PORT))
        ends = set()
        for number, guest in enumerate(self.guests):
            data = f"from {number}".encode()
            guest.send(MEMBER, 17, frames.udp(guest.ADDRESS, MEMBER, GUEST_PORT, PORT, data))
            text, peer = there.recvfrom(100)
            self.assertEqual(text, data)
            self.assertNotIn(peer, ends)
            ends.add(peer)
            there.sendto(b"to" + data[4:], peer)
        for number, guest in enumerate(self.guests):
            got = guest.receive()
            self.assertIsNotNone(got)
            self.assertEqual((got.port, got.data), (GUEST_PORT, f"to {number}".encode()))
        self.assertEqual({address for address, _ in ends}, set(self.addresses()))

    def check_restart(self):
        known = self.addresses()
        self.net.restart_netd()
        self.assertEqual(self.addresses(), known)
        self.assertEqual(self.net.inspect("Plan"), [])
        self.attach.close()
        self.attach = Attach(f"{self.net.run}/attach.sock")

    def test_a_subnet_without_addresses(self):
        self.make("10.0.1.0/28")
        taken = [self.net.api("CreateNetworkInterface", SubnetId=self.subnet)["NetworkInterface"]["NetworkInterfaceId"]
                 for _ in range(self.free_addresses())]
        for _ in range(BLOCKS):
            self.another()
        reply, descriptors = self.attach.ask("LeaseSlot")
        os.close(descriptors[0])
        with self.assertRaises(Refused) as refused:
            self.attach.ask("Attach", slot=reply["slot"], eni=self.interface)
        self.assertEqual(refused.exception.code, "BlocksExhausted")
        self.assertEqual(self.net.metric('caisson_slot_refusals_total{code="BlocksExhausted"}'), 1)
        harness.eventually("it shows", lambda: self.net.metric("caisson_starved_function_interfaces") == 1)
        # The subnet has an address again: nobody needs to ask for it.
        self.net.api("DeleteNetworkInterface", NetworkInterfaceId=taken[0])
        harness.eventually("a second address", lambda: len(self.addresses()) == 2)
        self.attach.ask("Attach", slot=reply["slot"], eni=self.interface)
        self.assertEqual(self.net.metric("caisson_starved_function_interfaces"), 0)


if __name__ == "__main__":
    harness.main()

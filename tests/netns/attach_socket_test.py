"""attach.sock as its peers should not use it: what it refuses, and that a refusal leaves nothing behind."""

import errno
import os

import faults
from commands import ACCOUNT, CommandsCase
from guest import Attach, Refused
from network import harness

CONNECTIONS = 64
WRITES = 2  # of an attachment, into the maps


class AttachSocket(CommandsCase):
    INSTANCE = "nsattach"

    def connect(self):
        attach = Attach(f"{self.net.run}/attach.sock")
        self.addCleanup(attach.close)
        return attach

    def blocks(self):
        """The blocks of ports that attached slots have."""
        return [slot["Block"] for account in self.net.api("Describe")["Accounts"] for vpc in account["Vpcs"]
                for subnet in vpc["Subnets"] for interface in subnet["NetworkInterfaces"] for slot in interface["Slots"]]

    def refuse_write(self, attach, slot, interface, number):
        """Lets one write of an attachment fail; the sweep may come first. How often it was accepted."""
        accepted = 0
        while True:
            self.net.faults.arm(faults.KERNEL, faults.FAIL, number, number, errno.ENOMEM)
            try:
                attach.ask("Attach", slot=slot, eni=interface)
            except Refused:
                return accepted
            finally:
                self.net.faults.disarm()
            accepted += 1
            attach.ask("Detach", slot=slot)

    def test_a_refused_attachment_keeps_no_block(self):
        self.start()
        attach = self.connect()
        made, _ = attach.ask("EnsureFunctionInterface", account=ACCOUNT, user="f#1", subnets=[], groups=[])
        interface = made["interfaces"][0]["id"]
        leased, descriptors = attach.ask("LeaseSlot")
        os.close(descriptors[0])
        accepted = sum(self.refuse_write(attach, leased["slot"], interface, number + 1) for number in range(WRITES))
        self.assertEqual(self.net.inspect("Plan"), [])
        attach.ask("Attach", slot=leased["slot"], eni=interface)
        self.assertEqual(self.blocks(), [1 + accepted])

    def test_keys_of_netds_own_service_are_given_to_nobody(self):
        self.start()
        key = self.net.api("CreateAccessKey")["AccessKey"]["AccessKeyId"]
        attach = self.connect()
        scope = {"access_key_id": key, "date": "20260131", "region": "us-east-1"}
        given, _ = attach.ask("SigningKey", service="lambda", **scope)
        self.assertEqual((given["account"], len(given["key"])), (ACCOUNT, 64))
        with self.assertRaises(Refused) as refused:
            attach.ask("SigningKey", service="ec2", **scope)
        self.assertEqual(refused.exception.code, "UnauthorizedOperation")

    def test_connections_are_counted(self):
        self.start()
        first = []
        for _ in range(CONNECTIONS):
            first.append(self.connect())
            first[-1].ask("ListFunctionInterfaces")  # so that it is not in the queue of those to be accepted
        surplus = self.connect()
        self.assertEqual(surplus.connection.recv(1), b"")
        first[0].ask("ListFunctionInterfaces")
        first.pop().close()

        def welcome():
            try:
                self.connect().ask("ListFunctionInterfaces")
                return True
            except (OSError, IndexError):  # it is closed before or after the request
                return False
        harness.eventually("a place that has become free", welcome)


if __name__ == "__main__":
    harness.main()

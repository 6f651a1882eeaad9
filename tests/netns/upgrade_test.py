"""netd ends, is killed, and gives way to one with other programs, under 1,000 datagrams a second: none is lost, and no
flow begins under a policy that was revoked before it."""

import json
import os
import shutil
import socket

import network
from network import NetworkCase, harness, run

RATE = 1000
PORT = 5000
SENDER, RECEIVER, REVOKED = "10.0.1.11", "10.0.1.12", "10.0.1.13"


class Upgrade(NetworkCase):
    INSTANCE = "nsupgrd"
    source_port = 20000

    def tag(self):
        """What the kernel calls the code of the program at a member's port."""
        port = [name for name in self.net.links(self.net.fabric) if name.startswith("cm")][0]
        shown = json.loads(run("nsenter", f"--net=/run/netns/{self.net.fabric}", "--",
                               "tc", "-j", "filter", "show", "dev", port, "ingress"))
        return [one["options"]["prog"]["tag"] for one in shown if "options" in one][0]

    def restart(self, program):
        """Killed, for the time being nobody, and then this one."""
        self.net.netd.kill()
        self.net.netd.wait()
        shutil.copy(os.path.join(network.BUILD, "bin", program), f"{self.net.programs}/new")
        os.rename(f"{self.net.programs}/new", f"{self.net.programs}/netd")
        self.net.start_netd()

    def further(self, tool, datagrams):
        first = tool.line()["received"]
        while tool.line()["received"] < first + datagrams:
            pass

    def test_without_a_gap(self):
        vpc, subnet = self.net.vpc("10.0.0.0/16", "10.0.1.0/24")
        group = self.net.group(vpc, "members", ("udp", PORT, "self"))
        other = self.net.group(vpc, "other")
        source = self.net.member("source", subnet, SENDER, [group])
        target = self.net.member("target", subnet, RECEIVER, [group])
        revoked = self.net.member("revoked", subnet, REVOKED, [other])
        receiver = self.net.tool(target, "datagram_receiver.py", PORT)
        self.assertEqual(receiver.line(), {"listening": PORT})
        sender = self.net.tool(source, "datagram_sender.py", RECEIVER, PORT, RATE)
        self.further(receiver, RATE)
        before = self.tag()
        for program in ("netd", "netd_upgraded", "netd"):
            self.restart(program)
            self.further(receiver, RATE)
            self.assertEqual(self.tag() == before, program == "netd")
            self.check_revocations(vpc, group, other, revoked, target)
        sent = sender.finish()["sent"]
        self.assertEqual(receiver.finish(), {"received": sent, "highest": sent - 1, "missing": [], "repeated": 0})
        self.assertGreater(sent, 4 * RATE)
        self.assertEqual(self.net.inspect("Plan"), [])

    def check_revocations(self, vpc, group, other, source, target):
        """Each datagram is a flow of its own. Admitted ones arrive; after the answer to a revocation none does."""
        port = PORT + 1
        rule = [{"IpProtocol": "udp", "FromPort": port, "ToPort": port, "UserIdGroupPairs": [{"GroupId": other}]}]
        with self.net.socket(target, socket.AF_INET, socket.SOCK_DGRAM) as there:
            there.bind((RECEIVER, port))
            for round_number in range(10):
                self.net.api("AuthorizeSecurityGroupIngress", GroupId=group, IpPermissions=rule)
                self.send(source, port, b"admitted %d" % round_number)
                self.assertEqual(there.recv(100), b"admitted %d" % round_number)
                self.net.api("RevokeSecurityGroupIngress", GroupId=group, IpPermissions=rule)
                for _ in range(5):
                    self.send(source, port, b"revoked")
            self.net.api("AuthorizeSecurityGroupIngress", GroupId=group, IpPermissions=rule)
            # What comes next is this one: the revoked ones came not at all, since a queue keeps its order.
            self.send(source, port, b"the end")
            self.assertEqual(there.recv(100), b"the end")
            self.net.api("RevokeSecurityGroupIngress", GroupId=group, IpPermissions=rule)

    def send(self, source, port, text):
        # A port that the kernel chose might be an admitted flow's, which goes on after the revocation.
        self.source_port += 1
        with self.net.socket(source, socket.AF_INET, socket.SOCK_DGRAM) as here:
            here.bind((REVOKED, self.source_port))
            here.sendto(text, (RECEIVER, port))
            self.net.sockets.remove(here)


if __name__ == "__main__":
    harness.main()

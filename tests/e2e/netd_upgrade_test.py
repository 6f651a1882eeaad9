"""netd gives way to one with other programs, and back, while a function holds a TCP transfer: the transfer and the
function's numbered datagrams have no gap, and no flow of it begins under a policy that was revoked before."""

import hashlib
import json
import os
import random
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time

import harness
from hostile_test import Caller

sys.path.insert(0, os.path.join(harness.ROOT, "tests", "netns"))
from network import BUILD, socket_in  # noqa: E402

TARGET = "10.0.1.11"
STREAM, NUMBERED = 5001, 5002
KNOCKS = (10000, 60000)  # ports
# How far the guest's clock may be from ours, and a datagram's time on the way.
SKEW = 0.5
PIECE, PAUSE = 20_000, 0.02

# A knock is a flow of its own: a port that no knock before it went to. It says when it was sent.
FUNCTION = """
import hashlib
import socket
import struct
import threading
import time

def handler(event, context):
    address, ended, counts = event["address"], threading.Event(), {}

    def number():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.connect((address, event["numbered"]))
            count = 0
            while not ended.wait(0.01):
                peer.send(struct.pack("!Q", count))
                count += 1
        counts["numbered"] = count

    def knock():
        first, last = event["knocks"]
        for port in range(first, last):
            if ended.wait(0.05):
                return
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
                peer.sendto(struct.pack("!d", time.time()), (address, port))

    threads = [threading.Thread(target=one) for one in (number, knock)]
    digest, size = hashlib.sha256(), 0
    with socket.create_connection((address, event["stream"]), timeout=60) as peer:
        for one in threads:
            one.start()
        while data := peer.recv(65536):
            digest.update(data)
            size += len(data)
        ended.set()
    for one in threads:
        one.join()
    return {"sent": size, "sha256": digest.hexdigest(), **counts}
"""


class Stream(threading.Thread):
    """The server of one transfer, which goes on until it is told to end."""

    def __init__(self, listener):
        super().__init__()
        self.listener, self.ending, self.result = listener, threading.Event(), None
        self.start()

    def run(self):
        connection, _ = self.listener.accept()
        source, digest, size = random.Random(STREAM), hashlib.sha256(), 0
        with connection:
            connection.settimeout(60)
            while not self.ending.wait(PAUSE):
                data = source.randbytes(PIECE)
                connection.sendall(data)
                digest.update(data)
                size += len(data)
            connection.shutdown(socket.SHUT_WR)
            connection.recv(1)
        self.result = {"sent": size, "sha256": digest.hexdigest()}


class Arrivals(threading.Thread):
    """What came to a namespace: how many numbered datagrams, and when the knocks were sent that came."""

    def __init__(self, namespace):
        super().__init__()
        self.socket = socket_in(namespace, socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
        self.socket.settimeout(0.2)
        self.numbered, self.knocks, self.ending = 0, [], threading.Event()
        self.start()

    def run(self):
        while not self.ending.is_set():
            try:
                packet, where = self.socket.recvfrom(2048)
            except TimeoutError:
                continue
            if where[2] == socket.PACKET_OUTGOING or packet[9] != socket.IPPROTO_UDP:
                continue
            port, = struct.unpack_from("!H", packet, 22)
            if port == NUMBERED:
                self.numbered += 1
            elif port >= KNOCKS[0]:
                self.knocks.append(struct.unpack_from("!d", packet, 28)[0])

    def close(self):
        self.ending.set()
        self.join()
        self.socket.close()


class NetdUpgrade(harness.LabCase):
    INSTANCE = "e2eupgr"

    def tags(self):
        """What the kernel calls the code of the programs at slots' taps."""
        fabric = ["nsenter", f"--net=/run/netns/caisson-{self.INSTANCE}", "--"]
        links = json.loads(subprocess.run([*fabric, "ip", "-j", "link"], check=True, stdout=subprocess.PIPE).stdout)
        tags = set()
        for name in [link["ifname"] for link in links if link["ifname"].startswith("cs")]:
            shown = json.loads(subprocess.run([*fabric, "tc", "-j", "filter", "show", "dev", name, "ingress"], check=True,
                                              stdout=subprocess.PIPE).stdout)
            tags |= {one["options"]["prog"]["tag"] for one in shown if "options" in one}
        return tags

    def restart(self, program):
        """Killed, for the time being nobody, and then this one."""
        folder = f"/var/lib/caisson-{self.INSTANCE}.bin"
        self.lab.kill("netd")
        self.further(100)
        shutil.copy(os.path.join(BUILD, "bin", program), f"{folder}/new")
        os.rename(f"{folder}/new", f"{folder}/netd")
        self.lab.start("netd")

    def further(self, datagrams):
        first = self.arrivals.numbered
        harness.eventually("the function goes on", lambda: self.arrivals.numbered >= first + datagrams, 60)

    def policy(self, action):
        self.lab.api(f"{action}SecurityGroupIngress", GroupId=self.group, IpPermissions=[
            {"IpProtocol": "udp", "FromPort": KNOCKS[0], "ToPort": KNOCKS[1],
             "UserIdGroupPairs": [{"GroupId": self.clients}]}])

    def admit(self):
        """The positive control: from here on knocks come."""
        self.policy("Authorize")
        begun = time.time()
        harness.eventually("knocks come", lambda: [at for at in self.arrivals.knocks if at > begun][20:], 60)

    def revoke(self, then):
        """What was sent between the answer to the revocation and the end of `then` has not come."""
        self.policy("Revoke")
        begun = time.time() + SKEW
        then()
        self.further(300)
        ended = time.time() - SKEW
        self.assertGreater(ended, begun)
        came = [at for at in self.arrivals.knocks if begun < at < ended]
        self.assertEqual(came, [])

    def test_under_a_functions_transfer(self):
        vpc, subnet = self.lab.vpc("10.0.0.0/16", "10.0.1.0/24")
        self.clients = self.lab.group(vpc, "clients")
        self.group = self.lab.group(vpc, "members", ("tcp", STREAM, self.clients), ("udp", NUMBERED, self.clients))
        target = self.lab.member("target", subnet, TARGET, [self.group])
        self.lab.function("busy", FUNCTION, subnet, [self.clients], timeout=300)
        self.receiver = self.lab.tool(target, "datagram_receiver.py", NUMBERED)
        self.assertEqual(self.receiver.line(), {"listening": NUMBERED})
        listener = socket_in(target, socket.AF_INET, socket.SOCK_STREAM)
        self.addCleanup(listener.close)
        listener.bind((TARGET, STREAM))
        listener.listen()
        listener.settimeout(120)
        self.arrivals = Arrivals(target)
        self.addCleanup(self.arrivals.close)
        stream = Stream(listener)
        self.addCleanup(stream.ending.set)
        caller, answers = Caller(self.lab), []
        call = threading.Thread(target=lambda: answers.append(caller.invoke("busy", {
            "address": TARGET, "stream": STREAM, "numbered": NUMBERED, "knocks": KNOCKS})))
        call.start()
        self.further(100)
        ours = self.tags()
        for program in ("netd_upgraded", "netd"):
            self.admit()
            self.restart(program)
            self.assertEqual(self.tags() == ours, program == "netd")
            self.further(100)
            self.revoke(lambda: None)
        self.admit()
        # Revoked, and at once nobody is there; then one with other programs.
        self.revoke(lambda: self.restart("netd_upgraded"))
        self.assertFalse(self.tags() & ours)
        stream.ending.set()
        call.join(timeout=180)
        stream.join(timeout=60)
        done = answers[0]["payload"]
        self.assertEqual({name: done.get(name) for name in stream.result}, stream.result, answers)
        self.assertGreater(stream.result["sent"], 4 * 1024 * 1024)
        sent = done["numbered"]
        self.assertEqual(self.receiver.finish(), {"received": sent, "highest": sent - 1, "missing": [], "repeated": 0})
        self.assertEqual(self.lab.caisson("plan"), [])


if __name__ == "__main__":
    harness.main()

"""Datagrams larger than the MTU and paths narrower than it, from a real function: to a member and to the internet."""

import subprocess

import harness

ADDRESS = "10.0.1.10"
INTERNET = "198.51.100.10"
PORT = 5000
ECHO = 7
LARGE = 4000
NARROW = 1400

FUNCTION = """
import errno
import socket
import time

IP_MTU_DISCOVER, IP_MTU, IP_PMTUDISC_DO = 10, 14, 2

def echo(event):
    data = bytes(number % 251 for number in range(event["size"]))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.settimeout(20)
        peer.connect((event["address"], event["port"]))
        peer.send(data)
        return "same" if peer.recv(65536) == data else "other"

def path_mtu(event):
    # Sends what may not be cut until the kernel has learnt that it is too large.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO)
        peer.connect((event["address"], event["port"]))
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                peer.send(bytes(event["size"]))
            except OSError as error:
                if error.errno == errno.EMSGSIZE:
                    return peer.getsockopt(socket.IPPROTO_IP, IP_MTU)
                raise
            time.sleep(0.05)
        return None

def refusal(event):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.settimeout(20)
        peer.connect((event["address"], event["port"]))
        peer.send(b"anybody?")
        try:
            return repr(peer.recv(100))
        except OSError as error:
            return type(error).__name__

def handler(event, context):
    return {"echo": echo, "path_mtu": path_mtu, "refusal": refusal}[event["do"]](event)
"""


class LargeDatagrams(harness.LabCase):
    INSTANCE = "e2elarge"

    def ask(self, function, what, address, port, size=LARGE):
        return self.lab.invoke(function, {"do": what, "address": address, "port": port, "size": size})

    def test_from_a_function(self):
        self.check_member()
        self.check_internet()
        self.assertEqual(self.lab.caisson("plan"), [])

    def check_member(self):
        vpc, subnet = self.lab.vpc("10.0.0.0/16", "10.0.1.0/24")
        client = self.lab.group(vpc, "client")
        server = self.lab.group(vpc, "server", ("udp", PORT, client), ("udp", PORT + 1, client))
        namespace = self.lab.member("echo", subnet, ADDRESS, [server])
        echo = self.lab.tool(namespace, "datagram_echo.py", PORT)
        self.assertEqual(echo.line(), {"listening": PORT})
        self.lab.function("inside", FUNCTION, subnet, [client])
        self.assertEqual(self.ask("inside", "echo", ADDRESS, PORT), "same")
        self.assertEqual(self.ask("inside", "refusal", ADDRESS, PORT + 1), "ConnectionRefusedError")
        self.assertEqual(echo.finish(), {"datagrams": 1, "largest": LARGE})

    def check_internet(self):
        self.lab.function("outside", FUNCTION)
        self.assertEqual(self.ask("outside", "echo", INTERNET, ECHO), "same")
        for namespace, device in ((self.lab.host, f"vh-{self.INSTANCE}"),
                                  (f"caisson-{self.INSTANCE}-internet", f"vi-{self.INSTANCE}")):
            subprocess.run(["ip", "-n", namespace, "link", "set", device, "mtu", str(NARROW)], check=True)
        self.assertEqual(self.ask("outside", "path_mtu", INTERNET, ECHO, 1472), NARROW)
        self.assertEqual(self.ask("outside", "echo", INTERNET, ECHO), "same")  # in smaller fragments


if __name__ == "__main__":
    harness.main()

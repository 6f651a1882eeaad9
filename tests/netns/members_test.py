"""Members in two subnets, and in two VPCs with equal blocks: who reaches whom, and what is counted."""

import socket

import frames
from network import NetworkCase, harness

PORT = 5000
SERVER = "10.0.2.10"
SO_NO_CHECK = 11  # asm-generic/socket.h; Python has no name for it


class Members(NetworkCase):
    INSTANCE = "nsmember"

    def make_vpc(self, side):
        vpc, front = self.net.vpc("10.0.0.0/16", "10.0.1.0/24")
        back = self.net.api("CreateSubnet", VpcId=vpc, CidrBlock="10.0.2.0/24")["Subnet"]["SubnetId"]
        client = self.net.group(vpc, "client")
        server = self.net.group(vpc, "server", ("tcp", PORT, client), ("udp", PORT, client))
        self.net.api("AuthorizeSecurityGroupIngress", GroupId=server, IpPermissions=[
            {"IpProtocol": "icmp", "FromPort": 8, "ToPort": -1, "UserIdGroupPairs": [{"GroupId": client}]}])
        return (self.net.member(f"{side}server", back, SERVER, [server]),
                self.net.member(f"{side}client", front, "10.0.1.10", [client]),
                self.net.member(f"{side}other", front, "10.0.1.11", [self.net.group(vpc, "other")]))

    def receiver(self, namespace, kind):
        made = self.net.socket(namespace, socket.AF_INET, kind)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((SERVER, PORT))
        if kind == socket.SOCK_STREAM:
            made.listen()
        return made

    def check_udp(self, server, client, without_checksum=False):
        with self.receiver(server, socket.SOCK_DGRAM) as there, \
                self.net.socket(client, socket.AF_INET, socket.SOCK_DGRAM) as here:
            for end in (here, there):
                end.setsockopt(socket.SOL_SOCKET, SO_NO_CHECK, without_checksum)
            here.sendto(b"question", (SERVER, PORT))
            text, peer = there.recvfrom(100)
            self.assertEqual((text, peer[0]), (b"question", "10.0.1.10"))
            there.sendto(b"answer", peer)
            self.assertEqual(here.recv(100), b"answer")

    def check_tcp(self, server, client):
        data = bytes(range(256)) * 400  # more than one segment
        with self.receiver(server, socket.SOCK_STREAM) as there, \
                self.net.socket(client, socket.AF_INET, socket.SOCK_STREAM) as here:
            here.connect((SERVER, PORT))
            accepted, peer = there.accept()
            with accepted:
                self.assertEqual(peer[0], "10.0.1.10")
                here.sendall(data)
                got = b""
                while len(got) < len(data):
                    got += accepted.recv(len(data))
                self.assertEqual(got, data)
                accepted.sendall(b"answer")
                self.assertEqual(here.recv(100), b"answer")

    def ping(self, namespace, count, seconds=60):
        """Sends echo requests; the number of answers, each of which may take so long."""
        with self.net.socket(namespace, socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as here:
            here.settimeout(seconds)
            for number in range(count):
                here.sendto(frames.echo(77, number), (SERVER, 0))
            answers = 0
            try:
                while answers < count:
                    answers += here.recv(1500)[20:24].startswith(b"\0\0")
            except TimeoutError:
                pass
            return answers

    def check_admitted(self, sides):
        for server, client, _ in sides:
            self.check_udp(server, client)
            self.check_udp(server, client, without_checksum=True)
            self.check_tcp(server, client)
            self.assertEqual(self.ping(client, 2), 2)

    def test_reach_what_groups_admit(self):
        sides = [self.make_vpc(side) for side in ("a", "b")]
        self.assertEqual(self.net.inspect("Plan"), [])
        self.check_admitted(sides)
        self.net.checksums_in_software(*(namespace for side in sides for namespace in side))
        self.check_admitted(sides)
        self.check_refused(sides)
        self.check_spoofed(sides[0])
        self.net.delete_all()
        self.assert_nothing_left()
        for side in sides:
            for namespace in side:
                self.assertEqual(self.net.links(namespace), ["lo"])

    def test_the_fabric_is_no_member(self):
        """Its default route is every account's way out: nobody's interface is plugged into it."""
        _, subnet = self.net.vpc("10.0.0.0/16", "10.0.1.0/24")
        interface = self.net.api("CreateNetworkInterface", SubnetId=subnet)["NetworkInterface"]["NetworkInterfaceId"]
        before = self.net.links(self.net.fabric)
        with self.assertRaises(harness.ApiError) as refused:
            self.net.api("AttachNetworkInterface", NetworkInterfaceId=interface, DeviceIndex=0,
                         InstanceId=f"netns:{self.net.fabric}")
        self.assertEqual(refused.exception.code, "InvalidParameterValue")
        self.assertEqual(self.net.links(self.net.fabric), before)
        self.assertEqual(self.net.inspect("Plan"), [])

    def check_refused(self, sides):
        """What is refused reaches nobody, and is counted once a packet, at the one that it was sent to."""
        server, client, other = sides[0]
        at = self.net.interface_of(server)
        counted = {"NetworkInterfaceId": at, "Direction": "ingress", "Action": "REJECT", "Source": "10.0.1.11"}
        receivers = [self.receiver(side[0], socket.SOCK_DGRAM) for side in sides]
        with self.net.socket(other, socket.AF_INET, socket.SOCK_DGRAM) as here:
            for _ in range(7):
                here.sendto(b"refused", (SERVER, PORT))
        self.assert_packets(7, "Flows", **counted, Protocol=17)
        self.assertEqual(self.ping(other, 3, seconds=0.5), 0)  # what is refused has no event to wait for
        self.assertEqual(self.net.packets("Flows", **counted, Protocol=1), 3)
        self.assertEqual(self.net.packets("Flows", **counted, Reason="SG_INGRESS"), 7 + 3)
        with self.net.socket(client, socket.AF_INET, socket.SOCK_DGRAM) as here:
            here.sendto(b"admitted", (SERVER, PORT))
        self.assertEqual(receivers[0].recv(100), b"admitted")
        receivers[1].setblocking(False)
        self.assertRaises(BlockingIOError, receivers[1].recv, 100)
        elsewhere = self.net.interface_of(sides[1][0])
        self.assertEqual(self.net.packets("Flows", NetworkInterfaceId=elsewhere, Action="REJECT"), 0)

    def check_spoofed(self, side):
        """A member's packets with another source are dropped at its port, each counted there."""
        server, client, _ = side
        at = {"NetworkInterfaceId": self.net.interface_of(client), "Reason": "SPOOF"}
        before = self.net.packets("Drops", **at)
        raw = self.net.socket(client, socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        with self.receiver(server, socket.SOCK_DGRAM) as there:
            for source, times in (("10.0.1.12", 5), ("10.0.1.10", 1)):
                datagram = frames.udp(source, SERVER, 4000, PORT, b"x")
                for _ in range(times):
                    raw.sendto(frames.ipv4(source, SERVER, 17, datagram), (SERVER, 0))
            self.assertEqual(there.recvfrom(100)[1][0], "10.0.1.10")
        self.assert_packets(before + 5, "Drops", **at)


if __name__ == "__main__":
    harness.main()

"""Route tables and endpoints: who reaches a service's addresses, as whom, and what is counted of those who do not."""

import errno
import ipaddress
import socket

import frames
from guest import Attach, Guest
from network import NetworkCase, harness, run

ACCOUNT = "000000000001"
S3 = "203.0.113.10"
DYNAMODB = "203.0.113.140"
PORT = 443
SERVICE = "com.amazonaws.us-east-1.s3"
IDENTITIES = ipaddress.ip_network("240.0.0.0/4")
ESTABLISHED = "01"


class Endpoints(NetworkCase):
    INSTANCE = "nsendp"
    next_port = 40000  # a flow's record has one reason, its last packet's

    def listen(self, address):
        """Somebody listens there: the test, unless netd has the socket."""
        made = self.net.socket(self.net.fabric, socket.AF_INET, socket.SOCK_STREAM)
        try:
            made.bind((address, PORT))
            made.listen()
        except OSError as failed:
            self.assertEqual(failed.errno, errno.EADDRINUSE)

    def peers(self, address):
        """{address: bytes that wait to be read} of the connections to `address`, as the fabric's stack has them."""
        rows = run("nsenter", f"--net=/run/netns/{self.net.fabric}", "--", "cat", "/proc/net/tcp").splitlines()[1:]
        found = {}
        for row in (line.split() for line in rows):
            local, remote = (ipaddress.ip_address(bytes.fromhex(end.split(":")[0])[::-1]) for end in row[1:3])
            if str(local) == address and row[3] == ESTABLISHED:
                found[remote] = int(row[4].split(":")[1], 16)
        return found

    def connect(self, namespace, address):
        made = self.net.socket(namespace, socket.AF_INET, socket.SOCK_STREAM)
        made.connect((address, PORT))
        return made

    def check_refused(self, namespace, source, address, reason):
        """TCP and UDP to `address`: none goes, each is counted once."""
        eni = self.net.interface_of(namespace)
        where = {"NetworkInterfaceId": eni, "Direction": "egress", "Destination": address}
        where_refused = {**where, "Action": "REJECT", "Reason": reason}
        before = {protocol: self.net.packets("Flows", **where_refused, Protocol=protocol) for protocol in (6, 17)}
        accepted = self.net.packets("Flows", **where, Action="ACCEPT")
        raw = self.net.socket(namespace, socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        for _ in range(5):
            self.next_port += 1
            segment = frames.tcp(source, address, self.next_port, PORT, frames.SYN, 1)
            raw.sendto(frames.ipv4(source, address, 6, segment), (address, 0))
        datagrams = self.net.socket(namespace, socket.AF_INET, socket.SOCK_DGRAM)
        self.next_port += 1
        datagrams.bind((source, self.next_port))
        for _ in range(3):
            datagrams.sendto(b"x", (address, PORT))
        for protocol, sent in ((6, 5), (17, 3)):
            self.assert_packets(before[protocol] + sent, "Flows", **where_refused, Protocol=protocol)
        self.assertEqual(self.net.packets("Flows", **where, Action="ACCEPT"), accepted)

    def make_side(self, side):
        """A VPC whose second subnet has a table of its own."""
        vpc, front = self.net.vpc("10.0.0.0/16", "10.0.1.0/24")
        back = self.net.api("CreateSubnet", VpcId=vpc, CidrBlock="10.0.2.0/24")["Subnet"]["SubnetId"]
        table = self.net.api("CreateRouteTable", VpcId=vpc)["RouteTable"]["RouteTableId"]
        association = self.net.api("AssociateRouteTable", RouteTableId=table, SubnetId=back)["AssociationId"]
        group = self.net.group(vpc, "members")
        return {"vpc": vpc, "table": table, "back_subnet": back, "group": group, "association": association,
                "front": self.net.member(f"{side}front", front, "10.0.1.10", [group]),
                "back": self.net.member(f"{side}back", back, "10.0.2.10", [group])}

    def endpoint(self, side):
        return self.net.api("CreateVpcEndpoint", VpcId=side["vpc"], ServiceName=SERVICE,
                            RouteTableIds=[side["table"]])["VpcEndpoint"]["VpcEndpointId"]

    def test_lead_the_subnets_of_their_tables(self):
        sides = [self.make_side(side) for side in ("a", "b")]
        self.assertEqual(self.net.inspect("Plan"), [])
        for address in (S3, DYNAMODB):
            self.listen(address)
        for side in sides:
            self.check_refused(side["back"], "10.0.2.10", S3, "NO_ROUTE")
        endpoints = [self.endpoint(side) for side in sides]
        connections = [self.connect(side["back"], S3) for side in sides]
        peers = self.peers(S3)
        self.assertEqual(len(peers), 2, peers)
        self.assertTrue(all(peer in IDENTITIES for peer in peers), peers)
        for side, endpoint in zip(sides, endpoints):
            self.assertGreater(self.net.packets("Flows", NetworkInterfaceId=self.net.interface_of(side["back"]),
                                                Action="ACCEPT", Destination=S3, Endpoint=endpoint), 0)
            self.check_refused(side["front"], "10.0.1.10", S3, "NO_ROUTE")
            self.check_refused(side["back"], "10.0.2.10", DYNAMODB, "NO_ROUTE")
        self.check_data(connections, peers)
        self.check_groups(sides[1])
        self.check_end_of_endpoint(sides[0], endpoints[0], connections[0])
        self.check_change_of_table(sides[1])
        for connection in connections:
            connection.close()
        self.net.delete_all()
        self.assert_nothing_left()

    def check_data(self, connections, peers):
        """Each connection's bytes come to its own end, more than one segment of them."""
        sizes = [3000 + 1000 * place for place in range(len(connections))]
        for connection, size in zip(connections, sizes):
            connection.sendall(bytes(size))
        self.eventually_equal(lambda: sorted(self.peers(S3).values()), sizes)
        self.assertEqual(self.peers(S3).keys(), peers.keys())

    def check_groups(self, side):
        """Groups are asked, too: a rule that names the service's prefix list admits it, and nothing beside it."""
        lists = {one["PrefixListName"]: one["PrefixListId"] for one in self.net.api("DescribePrefixLists")["PrefixLists"]}
        everywhere = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
        service = {"IpProtocol": "-1", "PrefixListIds": [{"PrefixListId": lists[SERVICE]}]}
        self.net.api("RevokeSecurityGroupEgress", GroupId=side["group"], IpPermissions=[everywhere])
        self.check_refused(side["back"], "10.0.2.10", S3, "SG_EGRESS")
        self.net.api("AuthorizeSecurityGroupEgress", GroupId=side["group"], IpPermissions=[service])
        connection = self.connect(side["back"], S3)
        self.check_refused(side["back"], "10.0.2.10", DYNAMODB, "SG_EGRESS")
        self.check_refused(side["front"], "10.0.1.10", S3, "NO_ROUTE")
        self.net.api("RevokeSecurityGroupEgress", GroupId=side["group"], IpPermissions=[service])
        self.check_refused(side["back"], "10.0.2.10", S3, "SG_EGRESS")
        self.net.api("AuthorizeSecurityGroupEgress", GroupId=side["group"], IpPermissions=[everywhere])
        connection.close()

    def eventually_equal(self, value, wanted):
        harness.eventually(f"{wanted}", lambda: value() == wanted, seconds=60)

    def check_end_of_endpoint(self, side, endpoint, connection):
        """The route goes at once, for open connections, too."""
        where = {"NetworkInterfaceId": self.net.interface_of(side["back"]), "Reason": "NO_ROUTE", "Destination": S3,
                 "Direction": "egress", "Protocol": 6, "SourcePort": connection.getsockname()[1]}
        self.assertEqual(self.net.packets("Flows", **where), 0)
        done = self.net.api("DeleteVpcEndpoints", VpcEndpointIds=[endpoint])
        self.assertEqual(done["Unsuccessful"], [])
        connection.sendall(b"late")
        self.eventually_equal(lambda: self.net.packets("Flows", **where) > 0, True)
        self.check_refused(side["back"], "10.0.2.10", S3, "NO_ROUTE")

    def check_change_of_table(self, side):
        """A route to an interface swallows, and the main table has none of it."""
        self.net.api("CreateRoute", RouteTableId=side["table"], DestinationCidrBlock="203.0.113.0/25",
                     NetworkInterfaceId=self.net.interface_of(side["front"]))
        self.check_refused(side["back"], "10.0.2.10", S3, "BLACKHOLE")
        self.net.api("DeleteRoute", RouteTableId=side["table"], DestinationCidrBlock="203.0.113.0/25")
        self.connect(side["back"], S3).close()
        self.net.api("DisassociateRouteTable", AssociationId=side["association"])
        self.check_refused(side["back"], "10.0.2.10", S3, "NO_ROUTE")

    def guest(self, attach, subnets, groups):
        reply, _ = attach.ask("EnsureFunctionInterface", account=ACCOUNT, user=f"user{len(subnets)}", subnets=subnets,
                              groups=groups)
        return Guest(attach, reply["interfaces"][0]["id"])

    def check_handshake(self, guest, address):
        """Whoever listens answers the guest's SYN, which is then taken back."""
        guest.send(address, 6, frames.tcp(guest.ADDRESS, address, 32800, PORT, frames.SYN, 100))
        answer = guest.receive()
        self.assertIsNotNone(answer)
        self.assertEqual((answer.source, answer.destination, answer.source_port, answer.port),
                         (address, guest.ADDRESS, PORT, 32800))
        guest.send(address, 6, frames.tcp(guest.ADDRESS, address, 32800, PORT, frames.RST, 101))

    def test_lead_functions(self):
        for address in (S3, DYNAMODB):
            self.listen(address)
        side = self.make_side("a")
        attach = Attach(f"{self.net.run}/attach.sock")
        self.addCleanup(attach.close)
        inside = self.guest(attach, subnets=[side["back_subnet"]], groups=[side["group"]])
        managed = self.guest(attach, subnets=[], groups=[])
        for address in (S3, DYNAMODB):
            self.check_handshake(managed, address)
        self.assertGreater(self.net.packets("Flows", Action="ACCEPT", Destination=S3, Endpoint="managed"), 0)
        for port in range(4):
            inside.send(S3, 6, frames.tcp(inside.ADDRESS, S3, 32800 + port, PORT, frames.SYN, 100))
        self.assertEqual(self.net.packets("Flows", Reason="NO_ROUTE", Destination=S3, Protocol=6), 4)
        self.endpoint(side)
        self.check_handshake(inside, S3)
        managed.send(S3, 17, frames.udp(managed.ADDRESS, S3, 32800, PORT, b"x"))
        self.assertEqual(self.net.packets("Flows", Reason="PROTOCOL", Destination=S3, Protocol=17), 1)
        for guest in (inside, managed):
            guest.close()


if __name__ == "__main__":
    harness.main()

"""A function that is root in its microVM attacks from its device: its VPC, another's, the host, the internet."""

import attacks
from attacks import (ARP, CLOSED_PORT, Dot1Q, Ether, FRIEND, GATEWAY_MAC, GRE, GUEST, GUEST_MAC, ICMP, INTERNET, IP,
                     PORT, STRANGER, TCP, UDP)
from scapy.contrib.mpls import MPLS
from scapy.layers.inet import IPOption_LSRR, IPOption_RR
from scapy.layers.inet6 import IPv6
from scapy.layers.sctp import SCTP

OTHER_MAC = "02:00:00:00:00:99"


def ether(**fields):
    return Ether(**{"src": GUEST_MAC, "dst": GATEWAY_MAC, **fields})


def ip(**fields):
    return ether() / IP(**{"src": GUEST, "dst": FRIEND, **fields})


def udp(port=PORT, source=33000):
    return UDP(sport=source, dport=port)


def to(address, port=PORT):
    return ip(dst=address) / udp(port)


def inner(source, destination):
    """What an ICMP error quotes."""
    return IP(src=source, dst=destination) / UDP(sport=PORT, dport=33000)


def forged(own):
    """(name, frames, reason) of what no network takes from a guest. `own`: its network interface's address."""
    return [
        ("the friend's address", [ip(src=FRIEND) / udp()], "SPOOF"),
        ("its network interface's address", [ip(src=own) / udp()], "SPOOF"),
        ("an identity address", [ip(src="240.0.0.1") / udp()], "SPOOF"),
        ("the gateway's address", [ip(src="169.254.100.1") / udp()], "SPOOF"),
        ("ARP for another", [ether() / ARP(op=2, hwsrc=GUEST_MAC, psrc=FRIEND, pdst=FRIEND),
                             ether() / ARP(op=1, hwsrc=GUEST_MAC, psrc="169.254.100.1", pdst=FRIEND),
                             ether() / ARP(op=1, hwsrc=OTHER_MAC, psrc=GUEST, pdst=FRIEND),
                             ether(src=OTHER_MAC) / ARP(op=1, hwsrc=OTHER_MAC, psrc=GUEST)], "SPOOF"),
        ("ARP of other hardware", [ether() / ARP(hwtype=6, hwsrc=GUEST_MAC, psrc=GUEST)], "MALFORMED"),
        ("IP options", [ip(options=[IPOption_RR()]) / udp(),
                        ip(options=[IPOption_LSRR(routers=[STRANGER])]) / udp()], "IP_OPTIONS"),
        ("a fragment without its first", [ip(frag=185) / udp(), ip(frag=1, flags="MF") / udp()], "FRAGMENT"),
        ("tunnels", [ip() / IP(src=FRIEND, dst=STRANGER) / udp(), ip() / GRE() / IP(dst=STRANGER) / udp(),
                     ip(proto=41) / IPv6(src="::1", dst="::1"), ip(proto=50), ip() / SCTP(sport=1, dport=PORT)],
         "PROTOCOL"),
        ("VLAN tags", [ether() / Dot1Q(vlan=1) / IP(src=GUEST, dst=FRIEND) / udp(),
                       ether() / Dot1Q(vlan=2) / Dot1Q(vlan=3) / IP(src=GUEST, dst=FRIEND) / udp(),
                       ether(type=0x88A8) / Dot1Q(vlan=4) / IP(src=GUEST, dst=FRIEND) / udp()], "NOT_IPV4"),
        ("other network protocols", [ether() / IPv6(src="fe80::1", dst="ff02::1") / udp(),
                                     ether() / MPLS(label=5, s=1) / IP(src=GUEST, dst=FRIEND) / udp(),
                                     ether(type=0x88CC)], "NOT_IPV4"),
        ("an IP header that lies", [ip(len=1400) / udp(), ip(len=27) / udp(), ip(len=19) / udp(), ip(version=6) / udp(),
                                    ip(proto=6, len=39) / bytes(20)], "MALFORMED"),
    ]


def errors(own):
    """ICMP that speaks of others' flows, and what only a peer may say."""
    return [
        ("ICMP errors about others", [ip() / ICMP(type=3, code=1) / inner(FRIEND, STRANGER),
                                      ip() / ICMP(type=3, code=4, nexthopmtu=576) / inner(FRIEND, own),
                                      ip() / ICMP(type=11) / inner(FRIEND, "10.0.1.77")], "ICMP_ERROR"),
        ("an ICMP redirect", [ip() / ICMP(type=5, code=1, gw=STRANGER) / inner(FRIEND, INTERNET)], "ICMP_ERROR"),
    ]


class Function(attacks.AttackCase):
    INSTANCE = "e2eattf"

    def sender(self, *segment):
        ask = self.function("attacker", *segment)
        return lambda frames: ask({"send": attacks.hexes(frames)})

    def own_address(self):
        enis = self.lab.api("DescribeNetworkInterfaces", Filters=[{"Name": "subnet-id", "Values": [self.subnet]}])
        return next(eni["PrivateIpAddress"] for eni in enis["NetworkInterfaces"] if eni["InterfaceType"] == "lambda")

    def test_from_a_vpc(self):
        send = self.sender(self.subnet, [self.group])
        own = self.own_address()
        control = to(FRIEND)
        for name, frames, reason in forged(own) + errors(own):
            self.attempt(name, send, frames, reason, control)
        for name, address, port, reason in (
                ("instance metadata", "169.254.169.254", 80, "NO_ROUTE"),
                ("the resolver", "169.254.169.253", 54, "NO_RESOLVER"),
                ("the gateway", "169.254.100.1", PORT, "NO_ROUTE"),
                ("the host's end of the uplink", "100.64.0.1", 4750, "NO_ROUTE"),
                ("the host", "192.0.2.1", 4750, "NO_ROUTE"),
                ("loopback", "127.0.0.1", 4751, "NO_ROUTE"),
                ("an identity address", "240.0.0.1", PORT, "NO_ROUTE"),
                ("broadcast", "255.255.255.255", PORT, "NO_ROUTE"),
                ("multicast", "224.0.0.1", PORT, "NO_ROUTE"),
                ("the internet", INTERNET, 7, "NO_ROUTE"),
                ("the other VPC", STRANGER, PORT, "NO_DESTINATION"),
                ("a port that the friend's group does not admit", FRIEND, CLOSED_PORT, "SG_INGRESS")):
            self.attempt(name, send, [to(address, port)], reason, control)
        self.attempt("the blocks of its own network interface", send,
                     [ip(dst=own) / udp(1024 * block + 5, 33100 + block) for block in range(64)], "NO_FLOW", control)
        self.assert_rewritten(send)

    def assert_rewritten(self, send):
        """What a slot says of itself is replaced, not believed: its MAC, and ports of other slots' blocks."""
        mark = next(self.marks)
        frames = [ether(src=OTHER_MAC) / IP(src=GUEST, dst=FRIEND) / udp()]
        frames += [ip() / udp(source=1024 * block + 5) for block in (0, 2, 17, 63)]
        frames += [ip() / TCP(sport=1024 * 9 + 1, dport=PORT, flags="S")]
        send([self.marked(frame, mark) for frame in frames])
        attacks.harness.eventually("all of them", lambda: len(self.friend.seen(mark)) == len(frames))
        seen = self.friend.seen(mark)
        self.assertEqual({frame.src for frame in seen}, {GATEWAY_MAC})
        self.assertEqual({frame[IP].src for frame in seen}, {self.own_address()})
        blocks = {(frame[UDP] if UDP in frame else frame[TCP]).sport // 1024 for frame in seen}
        self.assertEqual(len(blocks), 1)
        self.assertNotIn(0, blocks)

    def test_from_the_managed_vpc(self):
        send = self.sender()
        control = to(INTERNET, 7)
        for name, frames, reason in forged("172.31.0.10"):
            self.attempt(name, send, frames, reason, control)
        for name, address in (
                ("instance metadata", "169.254.169.254"), ("the gateway", "169.254.100.1"),
                ("the host's end of the uplink", "100.64.0.1"), ("the uplink's network", "100.127.255.1"),
                ("the host", "192.0.2.1"), ("loopback", "127.0.0.1"), ("this network", "0.0.0.0"),
                ("an identity address", "240.0.0.1"), ("broadcast", "255.255.255.255"), ("multicast", "224.0.0.1"),
                ("the customer's VPC", FRIEND), ("another's VPC", STRANGER), ("172.16/12", "172.31.0.1"),
                ("192.168/16", "192.168.1.1")):
            self.attempt(name, send, [to(address, 4750)], "FORBIDDEN_EXIT", control)


if __name__ == "__main__":
    attacks.main()

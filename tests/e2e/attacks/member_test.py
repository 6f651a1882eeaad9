"""A member of a subnet, root in its namespace, attacks from its port: its VPC, functions, another VPC, the host."""

import attacks
from attacks import (ARP, CLOSED_PORT, Dot1Q, Ether, FRIEND, GATEWAY_MAC, ICMP, INTERNET, IP, PORT, STRANGER, UDP)
from scapy.layers.inet import IPOption_LSRR
from scapy.layers.inet6 import IPv6

ATTACKER = "10.0.1.66"
OTHER_MAC = "02:00:00:00:00:99"


class Member(attacks.AttackCase):
    INSTANCE = "e2eattm"

    def setUp(self):
        super().setUp()
        self.attacker = attacks.Wire(self.lab, self.lab.member("attacker", self.subnet, ATTACKER, [self.group]),
                                     "quiet")
        self.mac = self.attacker.mac()
        # A frame that must be dropped shows which device is the attacker's.
        self.attacker.send([Ether(src=OTHER_MAC, dst=GATEWAY_MAC) / IP(src=ATTACKER, dst=FRIEND) / UDP()])
        self.PORT = next(drop["Port"] for drop in self.lab.api("DescribeDrops")["Drops"] if drop["Reason"] == "SPOOF")

    def ether(self, **fields):
        return Ether(**{"src": self.mac, "dst": GATEWAY_MAC, **fields})

    def ip(self, **fields):
        return self.ether() / IP(**{"src": ATTACKER, "dst": FRIEND, **fields})

    def udp(self, address=FRIEND, port=PORT, **fields):
        return self.ip(dst=address, **fields) / UDP(sport=33000, dport=port)

    def test_its_wire(self):
        inner = IP(src=FRIEND, dst=STRANGER) / UDP(sport=PORT, dport=33000)
        friend_mac = self.friend.mac()
        control = self.udp()
        for name, frames, reason in (
                ("another's MAC", [self.ether(src=OTHER_MAC) / control[IP], self.ether(src=friend_mac) / control[IP],
                                   self.ether(src=GATEWAY_MAC) / control[IP]], "SPOOF"),
                ("another's address", [self.udp(src=FRIEND), self.udp(src="10.0.1.200"), self.udp(src=INTERNET),
                                       self.udp(src="169.254.100.2"), self.udp(src="240.0.0.1")], "SPOOF"),
                ("ARP for another", [
                    self.ether() / ARP(op=1, hwsrc=self.mac, psrc=FRIEND, pdst=FRIEND),
                    self.ether(dst="ff:ff:ff:ff:ff:ff") / ARP(op=2, hwsrc=self.mac, psrc="10.0.1.1", pdst=FRIEND),
                    self.ether() / ARP(op=1, hwsrc=friend_mac, psrc=ATTACKER, pdst=FRIEND)], "SPOOF"),
                ("VLAN tags", [self.ether() / Dot1Q(vlan=1) / control[IP],
                               self.ether() / Dot1Q(vlan=2) / Dot1Q(vlan=3) / control[IP]], "NOT_IPV4"),
                ("IPv6", [self.ether() / IPv6(src="fe80::1", dst="ff02::1") / UDP(dport=PORT)], "NOT_IPV4"),
                ("IP options", [self.udp(options=[IPOption_LSRR(routers=[STRANGER])])], "IP_OPTIONS"),
                ("fragments without their first", [self.udp(frag=185)], "FRAGMENT"),
                ("ICMP errors about others", [self.ip() / ICMP(type=3, code=1) / inner,
                                              self.ip() / ICMP(type=5, code=1, gw=ATTACKER) / inner], "ICMP_ERROR"),
                ("a port that is not admitted", [self.udp(port=CLOSED_PORT)], "SG_INGRESS"),
                ("the other VPC", [self.udp(STRANGER)], "NO_DESTINATION"),
                ("instance metadata", [self.udp("169.254.169.254", 80)], "NO_ROUTE"),
                ("the host", [self.udp("100.64.0.1", 4750), self.udp("192.0.2.1", 4750), self.udp("127.0.0.1", 4750)],
                 "NO_ROUTE"),
                ("an identity address", [self.udp("240.0.0.1")], "NO_ROUTE"),
                ("the internet", [self.udp(INTERNET, 7)], "NO_ROUTE"),
                ("tunnels that no group admits", [self.ip() / IP(src=FRIEND, dst=STRANGER) / UDP(dport=PORT),
                                                  self.ip(proto=50), self.ip(proto=47)], "SG_INGRESS")):
            self.attempt(name, self.attacker.send, frames, reason, control)
        self.assert_past_the_gateway(friend_mac)

    def assert_past_the_gateway(self, friend_mac):
        """A frame to another port's own MAC is judged as any other: the bridge forwards nothing itself."""
        mark = next(self.marks)
        self.attacker.send([self.marked(self.ether(dst=friend_mac) / self.udp()[IP], mark)])
        attacks.harness.eventually("delivery", lambda: self.friend.seen(mark))
        self.assertEqual([frame.src for frame in self.friend.seen(mark)], [GATEWAY_MAC])
        closed = next(self.marks)
        before = self.counted(self.PORT)
        self.attacker.send([self.marked(self.ether(dst=friend_mac) / self.udp(port=CLOSED_PORT)[IP], closed)])
        attacks.harness.eventually("refusal", lambda: self.counted(self.PORT)["SG_INGRESS"] - before["SG_INGRESS"] == 1)
        self.assertEqual(self.friend.seen(closed), [])

    def test_a_function(self):
        """A function listens while a peer of its flow and others send to every port of its network interface."""
        ask = self.function("victim", self.subnet, [self.group])
        heard = []
        hello, bye = next(self.marks), next(self.marks)
        listener = attacks.threading.Thread(target=lambda: heard.extend(ask(
            {"hello": hello, "peer": FRIEND, "port": PORT, "until": bye})))
        listener.start()
        attacks.harness.eventually("hello", lambda: self.friend.seen(hello), seconds=90)
        greeting = self.friend.seen(hello)[0]
        own, port = greeting[IP].src, greeting[UDP].sport
        block = port // 1024

        evil = next(self.marks)
        frames = [self.udp(own, port, src=FRIEND)]  # the peer's name, from another's port
        frames += [self.udp(own, port)]  # the right port, from another
        frames += [self.udp(own, 1024 * other + 5) for other in range(64)]
        frames += [self.udp(own, 1024 * block + offset) for offset in (0, 959, 960, 1023)]
        before = self.counted(self.PORT)
        self.attacker.send([self.marked(frame, evil) for frame in frames])
        attacks.harness.eventually("counted", lambda: self.counted(self.PORT) - before == {
            "SPOOF": 1, "NO_FLOW": len(frames) - 1})
        # The peer's own frames: from another port than the flow's, and then the answer.
        friend = attacks.GATEWAY_MAC
        answer = Ether(src=self.friend.mac(), dst=friend) / IP(src=FRIEND, dst=own)
        self.friend.send([self.marked(answer / UDP(sport=PORT + 9, dport=port), evil),
                          self.marked(answer / UDP(sport=PORT, dport=port), bye)])
        listener.join(timeout=150)
        frames = [bytes.fromhex(frame) for frame in heard]
        self.assertTrue(frames and bye.encode() in frames[-1])
        self.assertEqual([frame for frame in frames if evil.encode() in frame], [])


if __name__ == "__main__":
    attacks.main()

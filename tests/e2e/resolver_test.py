"""Names, as functions ask for them: glibc in microVMs, the resolver of each one's VPC, and what is behind it."""

import harness

INTERNET = "198.51.100.10"
ADDRESS = "10.0.1.10"
NAME = "ip-10-0-1-10.ec2.internal"

FUNCTION = """
import socket

def handler(event, context):
    answers = {}
    for name in event["names"]:
        try:
            answers[name] = socket.gethostbyname(name)
        except socket.gaierror as error:
            answers[name] = error.errno == socket.EAI_NONAME and "no such name" or str(error)
    try:
        answers["reverse"] = socket.gethostbyaddr(event["address"])[0]
    except socket.herror as error:
        answers["reverse"] = "no such name"
    return answers
"""


class Resolver(harness.LabCase):
    INSTANCE = "e2edns"

    def ask(self, function):
        return self.lab.invoke(function, {"names": [NAME, "www.internet.example", "none.internet.example"],
                                          "address": ADDRESS})

    def test_functions_ask(self):
        """Two VPCs with equal blocks, of which one has an interface with the address; and the segment without a VPC."""
        for side, members in (("blue", [ADDRESS]), ("green", [])):
            vpc, subnet = self.lab.vpc("10.0.0.0/16", "10.0.1.0/24")
            group = self.lab.group(vpc, "group")
            for address in members:
                self.lab.member(side, subnet, address, [group])
            self.lab.function(side, FUNCTION, subnet, [group])
        self.lab.function("outside", FUNCTION, None, [])
        there = {NAME: ADDRESS, "reverse": NAME}
        absent = {NAME: "no such name", "reverse": "no such name"}
        forwarded = {"www.internet.example": INTERNET, "none.internet.example": "no such name"}
        for _ in range(2):  # the second time partly from memory
            self.assertEqual(self.ask("blue"), there | forwarded)
            self.assertEqual(self.ask("green"), absent | forwarded)
            self.assertEqual(self.ask("outside"), absent | forwarded)
        self.assertEqual(self.lab.caisson("plan"), [])


if __name__ == "__main__":
    harness.main()

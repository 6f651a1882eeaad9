"""Functions that share a network interface: no clone reaches another, none hears what a former owner's peers send."""

import threading

import attacks
from attacks import Ether, FRIEND, GATEWAY_MAC, GUEST, GUEST_MAC, IP, PORT, TCP, UDP


class Clones(attacks.AttackCase):
    INSTANCE = "e2eattc"

    def listen(self, name, bye):
        """Begins an invocation that hears until `bye`: (its thread, what it heard, address, port of its flow)."""
        hello, heard = next(self.marks), []
        thread = threading.Thread(target=lambda: heard.extend(self.invoke(
            name, {"hello": hello, "peer": FRIEND, "port": PORT, "until": bye})))
        thread.start()
        attacks.harness.eventually("hello", lambda: self.friend.seen(hello), seconds=90)
        greeting = self.friend.seen(hello)[0]
        return thread, heard, greeting[IP].src, greeting[UDP].sport

    def answer(self, address, port, mark, source=PORT):
        frame = Ether(src=self.friend.mac(), dst=GATEWAY_MAC) / IP(src=FRIEND, dst=address)
        return self.marked(frame / UDP(sport=source, dport=port), mark)

    def finish(self, thread, heard, evil, bye):
        thread.join(timeout=150)
        frames = [bytes.fromhex(frame) for frame in heard]
        self.assertTrue(frames and bye.encode() in frames[-1])
        self.assertEqual([frame for frame in frames if evil.encode() in frame], [])

    def test_a_clone_attacks_another(self):
        self.function("clone", self.subnet, [self.group])
        bye, evil = next(self.marks), next(self.marks)
        thread, heard, own, port = self.listen("clone", bye)
        # The first one is busy, so this is another clone of the same snapshot on the same network interface.
        frames = [Ether(src=GUEST_MAC, dst=GATEWAY_MAC) / IP(src=source, dst=own) / UDP(sport=sport, dport=port)
                  for source in (GUEST, FRIEND, own) for sport in (PORT, port, 33000)]
        frames += [Ether(src=GUEST_MAC, dst=GATEWAY_MAC) / IP(src=GUEST, dst=own) / TCP(sport=PORT, dport=port)]
        before = self.counted("cs")
        self.invoke("clone", {"send": attacks.hexes([self.marked(frame, evil) for frame in frames])})
        attacks.harness.eventually("counted", lambda: self.counted("cs") - before == {"SPOOF": 6, "NO_FLOW": 4})
        self.friend.send([self.answer(own, port, evil, PORT + 1), self.answer(own, port, bye)])
        self.finish(thread, heard, evil, bye)

    def test_replies_to_a_former_owner(self):
        """The same network interface, and slots that had others' flows: each reply finds nobody."""
        self.function("former", self.subnet, [self.group])
        self.function("keeper", self.subnet, [self.group])  # keeps the network interface while the former one goes
        bye = next(self.marks)
        thread, heard, own, former_port = self.listen("former", bye)
        self.friend.send([self.answer(own, former_port, bye)])
        self.finish(thread, heard, "none", bye)
        self.lab.aws("delete-function", "--function-name", "former")
        attacks.harness.eventually("the former one's end", lambda: self.environments() == 0)

        for turn in range(3):
            self.function(f"heir{turn}", self.subnet, [self.group])
            evil, bye = next(self.marks), next(self.marks)
            thread, heard, address, port = self.listen(f"heir{turn}", bye)
            self.assertEqual(address, own)
            self.assertNotEqual(port // 1024, former_port // 1024)
            before = self.counted("c")
            self.friend.send([self.answer(own, former_port, evil)] * attacks.COPIES)
            attacks.harness.eventually(
                "counted", lambda: self.counted("c") - before == {"NO_FLOW": attacks.COPIES})
            self.friend.send([self.answer(own, port, bye)])
            self.finish(thread, heard, evil, bye)
            self.lab.aws("delete-function", "--function-name", f"heir{turn}")

    def environments(self):
        connection = attacks.harness.UnixConnection(f"{self.lab.run}/runner.sock")
        try:
            connection.request("GET", "/healthz")
            return sum(attacks.json.loads(connection.getresponse().read())["environments"].values())
        finally:
            connection.close()


if __name__ == "__main__":
    attacks.main()

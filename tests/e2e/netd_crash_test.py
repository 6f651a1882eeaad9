"""kill -9 of netd costs neither a datagram nor a flow, and after its restart there is nothing left to do."""

import threading

import harness

SENDER, RECEIVER, SERVER = "10.0.1.11", "10.0.1.12", "10.0.1.13"
DATAGRAMS, STREAM = 6000, 5001
STREAM_BYTES = 24_000_000
STREAM_SECONDS = 25

FUNCTION = """
import hashlib
import socket

def handler(event, context):
    digest, size = hashlib.sha256(), 0
    with socket.create_connection((event["address"], event["port"]), timeout=20) as peer:
        while data := peer.recv(65536):
            digest.update(data)
            size += len(data)
    return {"sent": size, "sha256": digest.hexdigest()}
"""


class NetdCrash(harness.LabCase):
    INSTANCE = "e2enetd"

    def member(self, name, address):
        return self.lab.member(name, self.subnet, address, [self.group])

    def wait_for(self, tool, key, at_least):
        """Reads the tool's progress until it is `at_least` further than at the first line read."""
        first = tool.line()[key]
        while tool.line()[key] < first + at_least:
            pass

    def test_nothing_is_lost(self):
        vpc, self.subnet = self.lab.vpc("10.0.0.0/16", "10.0.1.0/24")
        clients = self.lab.group(vpc, "clients")
        self.group = self.lab.group(vpc, "members", ("udp", DATAGRAMS, "self"), ("tcp", STREAM, clients))
        sender_netns = self.member("sender", SENDER)
        receiver_netns = self.member("receiver", RECEIVER)
        server_netns = self.member("server", SERVER)
        self.lab.function("download", FUNCTION, self.subnet, [clients], timeout=90)

        receiver = self.lab.tool(receiver_netns, "datagram_receiver.py", DATAGRAMS)
        self.assertEqual(receiver.line(), {"listening": DATAGRAMS})
        server = self.lab.tool(server_netns, "stream_server.py", STREAM, STREAM_BYTES, STREAM_SECONDS)
        self.assertEqual(server.line(), {"listening": STREAM})
        answers = []
        download = threading.Thread(target=lambda: answers.append(
            self.lab.invoke("download", {"address": SERVER, "port": STREAM})))
        download.start()
        self.assertGreater(server.line()["sent"], 0)
        sender = self.lab.tool(sender_netns, "datagram_sender.py", RECEIVER, DATAGRAMS, 1000)

        self.wait_for(receiver, "received", 2000)
        self.lab.kill("netd")
        self.wait_for(receiver, "received", 3000)
        self.lab.start("netd")
        self.wait_for(receiver, "received", 3000)

        sent = sender.finish()["sent"]
        counted = receiver.finish()
        self.assertEqual(counted, {"received": sent, "highest": sent - 1, "missing": [], "repeated": 0})
        self.assertGreater(sent, 8000)
        download.join(timeout=120)
        self.assertEqual(answers, [server.finish()])
        self.assertEqual(self.lab.caisson("plan"), [])
        # And the model is alive: a new function's traffic passes, as does a change of the rules.
        server = self.lab.tool(server_netns, "stream_server.py", STREAM, 500_000, 0)
        self.assertEqual(server.line(), {"listening": STREAM})
        answer = self.lab.invoke("download", {"address": SERVER, "port": STREAM})
        self.assertEqual(answer, server.finish())


if __name__ == "__main__":
    harness.main()

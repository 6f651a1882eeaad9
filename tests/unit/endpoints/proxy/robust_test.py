"""The endpoints' proxy on loopback, beside clients that take much or are hostile; the backend keeps nothing and gives zeros.
Usage: robust_test.py PROXY"""

import hashlib
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

import loopback_test
from loopback_test import CONNECTIONS, MEBIBYTE

PROXY = ""
HOST = "s3.us-east-1.amazonaws.com"
GIBIBYTE = 1 << 30
MEMORY = 64 * MEBIBYTE
EMPTY = hashlib.sha256(b"").hexdigest()
# How much more memory a thousand times as much may take.
GROWTH = 4 * MEBIBYTE
POLICY = {"Version": "2012-10-17", "Statement": [
    {"Sid": "Photos", "Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::photos/*"}]}
OURS, NEIGHBOURS = ("127.0.0.1", "AKIDACCOUNT"), ("127.0.0.2", "AKIDNEIGHBOUR")


class Backend:
    """Takes any body; the answer to GET /BUCKET/NUMBER has so many zeros."""

    def __init__(self):
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self.connections, self.requests = 0, []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listening.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        buffer = memoryview(bytearray(MEBIBYTE))
        zeros = memoryview(bytes(MEBIBYTE))
        with connection:
            while head := self.head(connection):
                text, began = head
                self.requests.append(text.split("\r\n")[0])
                method, target = text.split()[:2]
                found = re.search(r"^content-length: (\d+)\r?$", text, re.IGNORECASE | re.MULTILINE)
                left = int(found[1]) - began if found else 0
                while left > 0:
                    got = connection.recv_into(buffer, min(left, MEBIBYTE))
                    if got == 0:
                        return
                    left -= got
                size = int(target.rpartition("/")[2]) if method == "GET" else 0
                connection.sendall(f"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: {size}\r\n\r\n".encode())
                while size > 0:
                    size -= connection.send(zeros[:min(size, MEBIBYTE)])

    @staticmethod
    def head(connection):
        """A request's head, and how many bytes of its body came with it; nothing at the end."""
        text = b""
        while b"\r\n\r\n" not in text:
            piece = connection.recv(65536)
            if not piece:
                return None
            text += piece
        head, _, body = text.partition(b"\r\n\r\n")
        return head.decode(), len(body)

    def close(self):
        self.listening.close()


class UnsignedBody(S3SigV4Auth):
    def payload(self, request):
        return "UNSIGNED-PAYLOAD"


def signed(method, path, key, **headers):
    """A request's head."""
    request = AWSRequest(method=method, url=f"https://{HOST}{path}")
    UnsignedBody(Credentials(key, "secret"), "s3", "us-east-1").add_auth(request)
    lines = [f"{method} {path} HTTP/1.1", f"Host: {HOST}", *(f"{name}: {value}" for name, value in request.headers.items()),
             *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def answer(connection):
    """Status and body."""
    text = b""
    while b"\r\n\r\n" not in text:
        piece = connection.recv(65536)
        if not piece:
            raise ConnectionResetError("no answer")
        text += piece
    head, _, body = text.partition(b"\r\n\r\n")
    found = re.search(rb"^content-length: (\d+)\r?$", head, re.IGNORECASE | re.MULTILINE)
    while found and len(body) < int(found[1]):
        body += connection.recv(65536)
    return int(head.split()[1]), body


class Robust(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="caisson-proxy-test-")
        self.addCleanup(shutil.rmtree, self.folder)
        loopback_test.services(self.folder)
        with open(f"{self.folder}/policy.json", "w", encoding="utf-8") as file:
            json.dump(POLICY, file)
        self.backend = Backend()
        self.addCleanup(self.backend.close)
        self.proxy = loopback_test.Lines(PROXY, self.folder, self.folder, f"{self.folder}/policy.json",
                                         str(self.backend.port), "9")
        self.addCleanup(self.proxy.end)
        self.ports = json.loads(self.proxy.wait_for(lambda line: line))
        self.context = ssl.create_default_context(cafile=f"{self.folder}/ca.pem")

    def plain(self, who=OURS):
        connection = socket.create_connection(("127.0.0.1", self.ports["http"]), 30, (who[0], 0))
        self.addCleanup(connection.close)
        return connection

    def secure(self, who=OURS):
        connection = socket.create_connection(("127.0.0.1", self.ports["https"]), 30, (who[0], 0))
        connection = self.context.wrap_socket(connection, server_hostname=HOST)
        self.addCleanup(connection.close)
        return connection

    def curl(self, path, *arguments, scheme="https"):
        port = self.ports[scheme]
        done = subprocess.run(
            ["curl", "-sS", "--max-time", "120", "--resolve", f"{HOST}:{port}:127.0.0.1", "--cacert", f"{self.folder}/ca.pem",
             "--aws-sigv4", "aws:amz:us-east-1:s3", "--user", "AKIDACCOUNT:secret", "-o", "/dev/null", "-w",
             "%{http_code} %{size_upload} %{size_download}", *arguments, f"{scheme}://{HOST}:{port}{path}"], check=True, text=True, stdout=subprocess.PIPE)
        return tuple(int(number) for number in done.stdout.split())

    def peak_memory(self):
        with open(f"/proc/{self.proxy.process.pid}/status", encoding="ascii") as file:
            return int(re.search(r"VmHWM:\s+(\d+) kB", file.read())[1]) * 1024

    def records(self, count, account="111122223333"):
        """An account's on disk, when there are so many: each is printed after it has been written."""
        def written():
            return sum(f'"account":"{account}"' in line for line in self.proxy.lines if line) >= count
        with self.proxy.came:
            self.assertTrue(self.proxy.came.wait_for(written, 30), self.proxy.lines[-5:])
        with open(f"{self.folder}/requests.jsonl", encoding="ascii") as file:
            return [one for one in map(json.loads, file) if one["AccountId"] == account]

    def stats(self):
        self.proxy.process.stdin.write("\n")
        self.proxy.process.stdin.flush()
        return self.proxy.wait_for(lambda line: stats if "over_quota" in (stats := json.loads(line)) else None)

    def test_a_gibibyte_passes_in_as_little_memory_as_a_mebibyte(self):
        def pass_both_ways(size):
            with open(f"{self.folder}/body", "wb") as file:
                file.truncate(size)
            self.assertEqual(self.curl("/photos/in", "-T", f"{self.folder}/body", "-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD"),
                             (200, size, 0))
            # Without TLS, for the sake of time.
            self.assertEqual(self.curl(f"/photos/{size}", "-H", f"x-amz-content-sha256: {EMPTY}", scheme="http"), (200, 0, size))
            return self.peak_memory()
        little = pass_both_ways(MEBIBYTE)
        much = pass_both_ways(GIBIBYTE)
        print(f"resident at its peak: {little / MEBIBYTE:.1f} MiB, then {much / MEBIBYTE:.1f} MiB")
        self.assertLessEqual(much, MEMORY)
        self.assertLess(much - little, GROWTH)
        self.assertEqual([(one["BytesIn"], one["BytesOut"], one["Status"]) for one in self.records(4)],
                         [(MEBIBYTE, 0, 200), (0, MEBIBYTE, 200), (GIBIBYTE, 0, 200), (0, GIBIBYTE, 200)])

    def test_a_connection_serves_one_request_after_the_other(self):
        connection = self.secure()
        for turn in range(20):
            size = turn * 1000
            connection.sendall(signed("GET", f"/photos/{size}", OURS[1]))
            self.assertEqual(answer(connection), (200, bytes(size)))
            connection.sendall(signed("PUT", "/photos/in", OURS[1], Content_Length=5) + b"hello")
            self.assertEqual(answer(connection)[0], 200)
        # Nor does a refusal end it.
        connection.sendall(signed("GET", "/other/1", OURS[1]))
        self.assertEqual(answer(connection)[0], 403)
        connection.sendall(signed("GET", "/photos/1", OURS[1]))
        self.assertEqual(answer(connection), (200, b"\0"))
        self.assertEqual(len(self.backend.requests), 41)
        # Nobody waited for longer than a backend's connection is kept for, unless the machine is very busy.
        self.assertLess(self.backend.connections, 20)
        self.assertEqual({one["SourcePort"] for one in self.records(42)}, {connection.getsockname()[1]})

    def test_a_body_is_asked_for_when_it_may_come(self):
        connection = self.secure()
        connection.sendall(signed("PUT", "/photos/in", OURS[1], Content_Length=5, Expect="100-continue"))
        self.assertEqual(answer(connection), (100, b""))
        connection.sendall(b"hello")
        self.assertEqual(answer(connection), (200, b""))
        connection.sendall(signed("PUT", "/other/in", OURS[1], Content_Length=5, Expect="100-continue"))
        self.assertEqual(answer(connection)[0], 403)
        self.assertEqual(len(self.backend.requests), 1)

    def test_an_accounts_connections_are_its_own(self):
        held = [self.secure() for _ in range(CONNECTIONS)]
        for _ in range(3):
            one_more = self.plain()
            try:
                self.assertEqual(one_more.recv(1000), b"")
            except ConnectionResetError:
                pass
        neighbour = self.secure(NEIGHBOURS)
        neighbour.sendall(signed("GET", "/photos/1", NEIGHBOURS[1]))
        self.assertEqual(answer(neighbour), (200, b"\0"))
        self.assertEqual(self.stats(), {"connections": CONNECTIONS + 1, "over_quota": 3})
        # Those that were there before are served.
        held[0].sendall(signed("GET", "/photos/2", OURS[1]))
        self.assertEqual(answer(held[0]), (200, bytes(2)))

    def test_who_is_slow_or_sends_garbage_slows_no_neighbour(self):
        """Slow heads, bodies and readers and garbage from one account, as many as it may have and again and again; a neighbour's
        requests are answered meanwhile. Were one of the slow ones waited for, it would take 1.5 s each time."""
        stopped = threading.Event()
        turns = [0] * CONNECTIONS

        def attack(number):
            while not stopped.is_set():
                try:
                    with socket.create_connection(("127.0.0.1", self.ports["https" if number % 4 == 0 else "http"]), 30) as one:
                        one.settimeout(5)
                        if number % 4 == 0:
                            one.sendall(b"\x16\x03\x01\x02")  # the beginning of a handshake
                        elif number % 4 == 1:
                            one.sendall(b"GET / HTTP/1.1\r\nX-Slow: ")
                        elif number % 4 == 2:
                            one.sendall(b"\0\xff" * 20_000)
                        else:
                            one.sendall(b"PUT /photos/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\nslow")
                        while one.recv(4096):
                            pass
                except OSError:
                    pass
                turns[number] += 1
        attackers = [threading.Thread(target=attack, args=(number,)) for number in range(CONNECTIONS)]
        for one in attackers:
            one.start()
        try:
            connection = self.secure(NEIGHBOURS)
            began = time.monotonic()
            longest = 0.0
            asked = 0
            # Until each of the attackers has been at it, and for two hundred requests at least.
            while asked < 200 or not all(turns):
                self.assertLess(time.monotonic() - began, 120)
                sent = time.monotonic()
                connection.sendall(signed("GET", "/photos/1000", NEIGHBOURS[1]))
                self.assertEqual(answer(connection), (200, bytes(1000)))
                longest = max(longest, time.monotonic() - sent)
                asked += 1
            took = time.monotonic() - began
        finally:
            stopped.set()
            for one in attackers:
                one.join()
        print(f"{asked} requests in {took:.2f} s, the longest in {longest * 1000:.0f} ms, beside {sum(turns)} attacks")
        self.assertLess(longest, 1.0)
        self.assertEqual({one["Status"] for one in self.records(asked, "444455556666")}, {200})


if __name__ == "__main__":
    PROXY = sys.argv.pop(1)
    unittest.main()

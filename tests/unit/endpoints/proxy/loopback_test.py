"""The endpoints' proxy on loopback, between clients and a backend that are not ours: the AWS CLI and curl before it, s3rver
behind it. Usage: loopback_test.py PROXY"""

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
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.normpath(os.path.join(HERE, "../../../.."))
S3RVER = os.path.join(os.environ.get("CAISSON_BUILD", os.path.join(ROOT, "build")), "tools", "backends", "node_modules",
                      "s3rver", "bin", "s3rver.js")
PROXY = ""
MEBIBYTE = 1 << 20
CONNECTIONS = 16  # an account's, in endpoint_proxy.cc
LARGE = 64 * MEBIBYTE
# Of the proxy at its peak: less than what passes through, with what the program itself takes.
MEMORY = 56 * MEBIBYTE

POLICY = {"Version": "2012-10-17", "Statement": [
    {"Sid": "Photos", "Effect": "Allow", "Principal": "*", "Action": "s3:*",
     "Resource": ["arn:aws:s3:::photos", "arn:aws:s3:::photos/*"],
     "Condition": {"StringEquals": {"aws:SourceVpce": "vpce-1"}}},
    {"Sid": "NoSecrets", "Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "arn:aws:s3:::photos/secret/*"}]}


class Lines:
    """A process's lines of JSON or text, read by a thread, so that it never waits for us."""

    def __init__(self, *command, **options):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **options)
        self.lines, self.came = [], threading.Condition()
        self.thread = threading.Thread(target=self.read)
        self.thread.start()

    def read(self):
        for line in self.process.stdout:
            with self.came:
                self.lines.append(line)
                self.came.notify_all()
        with self.came:
            self.lines.append(None)
            self.came.notify_all()

    def wait_for(self, wanted, seconds=60):
        """The first line from which `wanted` makes something."""
        def found():
            for line in self.lines:
                if line is None:
                    raise AssertionError("it ended")
                if (made := wanted(line)) is not None:
                    return made
            return None
        with self.came:
            made = self.came.wait_for(found, seconds)
        if made is None:
            raise AssertionError(f"it did not come: {self.lines}")
        return made

    def end(self):
        self.process.terminate()
        self.process.wait()
        self.thread.join()
        self.process.stdin.close()
        self.process.stdout.close()


def services(folder):
    """The services' documents, with names that lead to loopback."""
    for name in ("s3", "dynamodb"):
        with open(os.path.join(ROOT, "endpoints", "services", f"{name}.json"), encoding="utf-8") as file:
            document = json.load(file)
        document["Hosts"].append("localhost" if name == "s3" else "127.0.0.1")
        with open(os.path.join(folder, f"{name}.json"), "w", encoding="utf-8") as file:
            json.dump(document, file)


class Loopback(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="caisson-proxy-test-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        services(cls.folder)
        with open(f"{cls.folder}/policy.json", "w", encoding="utf-8") as file:
            json.dump(POLICY, file)
        with open(f"{cls.folder}/large", "wb") as file:
            file.write(os.urandom(LARGE))
        os.mkdir(f"{cls.folder}/objects")
        backend = Lines("node", S3RVER, "-d", f"{cls.folder}/objects", "-a", "127.0.0.1", "-p", "0",
                        stderr=subprocess.STDOUT)
        cls.addClassCleanup(backend.end)
        cls.backend = backend.wait_for(lambda line: (found := re.search(r"127\.0\.0\.1:(\d+)", line)) and int(found[1]))
        cls.proxy = Lines(PROXY, cls.folder, cls.folder, f"{cls.folder}/policy.json", str(cls.backend), "9")
        cls.addClassCleanup(cls.proxy.end)
        cls.ports = json.loads(cls.proxy.wait_for(lambda line: line))
        cls.environment = {"PATH": os.environ["PATH"], "HOME": cls.folder, "AWS_CA_BUNDLE": f"{cls.folder}/ca.pem",
                           "AWS_ACCESS_KEY_ID": "ASIASESSION", "AWS_SECRET_ACCESS_KEY": "secret",
                           "AWS_SESSION_TOKEN": "token", "AWS_DEFAULT_REGION": "us-east-1",
                           "AWS_EC2_METADATA_DISABLED": "true", "AWS_MAX_ATTEMPTS": "1",
                           "AWS_CONFIG_FILE": f"{cls.folder}/config"}
        with open(f"{cls.folder}/config", "w", encoding="utf-8") as file:
            file.write("[default]\ns3 =\n  addressing_style = path\n")
        cls.check_output("s3", "mb", "s3://photos")

    @classmethod
    def aws(cls, *arguments, endpoint="", **environment):
        endpoint = endpoint or f"https://localhost:{cls.ports['https']}"
        return subprocess.run(["aws", *arguments, "--endpoint-url", endpoint], env={**cls.environment, **environment},
                              check=False, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)

    @classmethod
    def check_output(cls, *arguments, **more):
        done = cls.aws(*arguments, **more)
        if done.returncode != 0:
            raise AssertionError(f"aws {' '.join(arguments)}: {done.stderr}")
        return done.stdout

    def assert_refused(self, code, *arguments, **more):
        done = self.aws(*arguments, **more)
        self.assertNotEqual(done.returncode, 0, arguments)
        self.assertIn(f"({code})", done.stderr)
        return done.stderr

    def curl(self, path, *arguments, host="s3.us-east-1.amazonaws.com", key="AKIDACCOUNT:secret"):
        """Status and body."""
        port = self.ports["https"]
        done = subprocess.run(
            ["curl", "-sS", "--max-time", "60", "--resolve", f"{host}:{port}:127.0.0.1", "--cacert",
             f"{self.folder}/ca.pem", "--aws-sigv4", "aws:amz:us-east-1:s3", "--user", key, "-w", "\n%{http_code}",
             *arguments, f"https://{host}:{port}{path}"], check=True, text=True, stdout=subprocess.PIPE)
        body, _, status = done.stdout.rpartition("\n")
        return int(status), body

    def records(self, **members):
        """All so far that have these members; the lines come before their connection ends."""
        with self.proxy.came:
            every = [json.loads(line) for line in self.proxy.lines[1:] if line]
        return [one for one in every if all(one[name] == value for name, value in members.items())]

    def wait_for_record(self, **members):
        with self.proxy.came:
            came = self.proxy.came.wait_for(lambda: self.records_unlocked(members), 30)
        self.assertTrue(came, members)
        return came[-1]

    def records_unlocked(self, members):
        every = [json.loads(line) for line in self.proxy.lines[1:] if line]
        return [one for one in every if all(one[name] == value for name, value in members.items())]

    def peak_memory(self):
        with open(f"/proc/{self.proxy.process.pid}/status", encoding="ascii") as file:
            return int(re.search(r"VmHWM:\s+(\d+) kB", file.read())[1]) * 1024

    def same(self, copy):
        with open(f"{self.folder}/large", "rb") as one, open(copy, "rb") as other:
            return one.read() == other.read()

    def test_large_objects_pass_in_little_memory(self):
        self.check_output("s3", "cp", f"{self.folder}/large", "s3://photos/large")
        self.check_output("s3", "cp", "s3://photos/large", f"{self.folder}/copy")
        self.assertTrue(self.same(f"{self.folder}/copy"))
        # One request each, without parts; the client waits for 100 Continue.
        status, _ = self.curl("/photos/whole", "-T", f"{self.folder}/large", "-H",
                              "x-amz-content-sha256: UNSIGNED-PAYLOAD")
        self.assertEqual(status, 200)
        record = self.wait_for_record(resource="arn:aws:s3:::photos/whole", action="s3:PutObject")
        self.assertEqual((record["status"], record["bytes_in"], record["decision"], record["statement"]),
                         (200, LARGE, "Allow", "Photos"))
        status, _ = self.curl("/photos/whole", "-o", f"{self.folder}/copy", "-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD")
        self.assertEqual(status, 200)
        self.assertTrue(self.same(f"{self.folder}/copy"))
        self.assertEqual(self.wait_for_record(resource="arn:aws:s3:::photos/whole", action="s3:GetObject")["bytes_out"], LARGE)
        self.assertLess(self.peak_memory(), MEMORY)

    def test_a_slow_reader_is_not_read_for(self):
        self.check_output("s3", "cp", f"{self.folder}/large", "s3://photos/slow")
        before = self.wait_for_record(resource="arn:aws:s3:::photos/slow")
        self.assertTrue(before)
        _, _ = self.curl("/photos/slow", "-o", "/dev/null", "--limit-rate", "32M", "-H",
                         "x-amz-content-sha256: UNSIGNED-PAYLOAD")
        self.assertLess(self.peak_memory(), MEMORY)

    def test_chunked_bodies_reach_the_backend_decoded(self):
        with open(f"{self.folder}/small", "wb") as file:
            file.write(b"x" * 100_000)
        for algorithm in ("CRC32", "SHA256"):
            self.check_output("s3api", "put-object", "--bucket", "photos", "--key", algorithm, "--body",
                              f"{self.folder}/small", "--checksum-algorithm", algorithm)
            record = self.wait_for_record(resource=f"arn:aws:s3:::photos/{algorithm}")
            self.assertGreater(record["bytes_in"], 100_000)
            head = json.loads(self.check_output("s3api", "head-object", "--bucket", "photos", "--key", algorithm))
            self.assertEqual(head["ContentLength"], 100_000)
            self.assertNotIn("aws-chunked", head.get("ContentEncoding", ""))

    def test_the_life_of_an_object(self):
        self.assertEqual(self.curl("/cat.jpg", "-X", "PUT", "-d", "meow", "-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD",
                                   host="photos.s3.us-east-1.amazonaws.com")[0], 200)
        # Over plain HTTP the AWS CLI signs the body's hash.
        plain = f"http://localhost:{self.ports['http']}"
        with open(f"{self.folder}/hashed", "w", encoding="ascii") as file:
            file.write("hashed")
        self.check_output("s3api", "put-object", "--bucket", "photos", "--key", "hashed", "--body",
                          f"{self.folder}/hashed", endpoint=plain)
        listed = json.loads(self.check_output("s3api", "list-objects-v2", "--bucket", "photos", endpoint=plain))
        self.assertTrue({"cat.jpg", "hashed"} <= {one["Key"] for one in listed["Contents"]})
        self.assertEqual(self.curl("/photos/cat.jpg", "-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD"), (200, "meow"))
        self.check_output("s3api", "delete-object", "--bucket", "photos", "--key", "cat.jpg")
        self.assert_refused("404", "s3api", "head-object", "--bucket", "photos", "--key", "cat.jpg")
        record = self.wait_for_record(action="s3:DeleteObject")
        self.assertEqual((record["account"], record["function"], record["endpoint"], record["service"]),
                         ("111122223333", "resize", "vpce-1", "s3"))

    def test_policies_decide(self):
        text = self.assert_refused("AccessDenied", "s3api", "get-object", "--bucket", "photos", "--key", "secret/a", "/dev/null")
        self.assertIn("s3:GetObject", text)
        self.assertIn("with an explicit deny in a VPC endpoint policy", text)
        record = self.wait_for_record(resource="arn:aws:s3:::photos/secret/a")
        self.assertEqual((record["decision"], record["statement"], record["status"]), ("Deny", "NoSecrets", 403))
        text = self.assert_refused("AccessDenied", "s3api", "put-object", "--bucket", "other", "--key", "a", "--body",
                                   f"{self.folder}/policy.json")
        self.assertIn("because no VPC endpoint policy allows the s3:PutObject action", text)
        text = self.assert_refused("AccessDeniedException", "dynamodb", "describe-table", "--table-name", "cats",
                                   endpoint=f"http://127.0.0.1:{self.ports['http']}")
        self.assertIn("arn:aws:dynamodb:us-east-1:111122223333:table/cats", text)
        self.assertEqual(self.wait_for_record(service="dynamodb")["status"], 400)

    def test_signatures_are_verified(self):
        ask = ("s3api", "list-objects-v2", "--bucket", "photos")
        self.assert_refused("SignatureDoesNotMatch", *ask, AWS_SECRET_ACCESS_KEY="other")
        self.assert_refused("InvalidToken", *ask, AWS_SESSION_TOKEN="other")
        self.assert_refused("ExpiredToken", *ask, AWS_SESSION_TOKEN="ended")
        self.assert_refused("InvalidAccessKeyId", *ask, AWS_ACCESS_KEY_ID="AKIDOTHER", AWS_SESSION_TOKEN="")
        self.assert_refused("AccessDenied", *ask, "--no-sign-request")
        # A body that is not the one that was signed is not stored.
        status, text = self.curl("/photos/forged", "-X", "PUT", "-d", "forged", "-H",
                                 "x-amz-content-sha256: " + 64 * "0")
        self.assertEqual(status, 400, text)
        self.assertIn("<Code>XAmzContentSHA256Mismatch</Code>", text)
        self.assert_refused("404", "s3api", "head-object", "--bucket", "photos", "--key", "forged")

    def plain_socket(self):
        connection = socket.create_connection(("127.0.0.1", self.ports["http"]), 30)
        self.addCleanup(connection.close)
        return connection

    def test_garbage_and_slowness_are_their_senders_alone(self):
        slow = self.plain_socket()
        slow.sendall(b"GET / HTTP/1.1\r\nHo")
        for garbage in (b"\0\1\2\3\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET  HTTP/1.1\r\nX:" + b"x" * 40_000):
            connection = self.plain_socket()
            connection.sendall(garbage)
            self.assertTrue(connection.recv(1000).startswith(b"HTTP/1.1 400"), garbage[:20])
        chunked = self.plain_socket()
        chunked.sendall(b"PUT /photos/x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        self.assertTrue(chunked.recv(1000).startswith(b"HTTP/1.1 403"))
        handshake = socket.create_connection(("127.0.0.1", self.ports["https"]), 30)
        self.addCleanup(handshake.close)
        handshake.sendall(b"\x16\x03\x01 no TLS")
        self.check_output("s3api", "list-objects-v2", "--bucket", "photos")
        # Who sends no whole head is not waited for.
        self.assertEqual(slow.recv(1000), b"")

    def test_an_account_has_so_many_connections(self):
        context = ssl.create_default_context(cafile=f"{self.folder}/ca.pem")
        held = []
        for _ in range(CONNECTIONS):
            one = context.wrap_socket(socket.create_connection(("127.0.0.1", self.ports["https"]), 30),
                                      server_hostname="s3.us-east-1.amazonaws.com")
            self.addCleanup(one.close)
            held.append(one)
        one_more = self.plain_socket()
        one_more.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        try:
            self.assertEqual(one_more.recv(1000), b"")
        except ConnectionResetError:
            pass
        for one in held:
            one.close()

        def served():
            connection = self.plain_socket()
            connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            try:
                return connection.recv(1000).startswith(b"HTTP/1.1 403")
            except ConnectionResetError:
                return False
        deadline = time.monotonic() + 30
        while not served():
            self.assertLess(time.monotonic(), deadline)


if __name__ == "__main__":
    PROXY = sys.argv.pop(1)
    unittest.main()

"""What an operator has of the daemons: logs that follow a request, metrics, `caisson doctor`, and a start by sockets."""

import base64
import hashlib
import hmac
import json
import os
import subprocess
import time

import harness

FUNCTION = """
import json, os
def handler(event, context):
    return {"length": len(os.environ["TOKEN"]) + len(event["secret"])}
"""
SECRETS = ("kuh7ohz8ieNgah", "eeD9aeghoo5ahr")


class Operations(harness.LabCase):
    INSTANCE = "e2eops"

    def setUp(self):
        os.environ.update(CAISSON_LOG_FORMAT="json", CAISSON_LOG_LEVEL="debug")
        super().setUp()

    def log(self, daemon):
        """The log's lines, each of which must be JSON with all members."""
        with open(f"{self.lab.run}/{daemon}.log", encoding="utf-8") as file:
            lines = [json.loads(line) for line in file]
        for line in lines:
            self.assertLessEqual({"time", "level", "program", "thread", "message"}, set(line))
            self.assertEqual(line["program"], daemon)
        return lines

    def messages(self, daemon, request_id):
        return [line["message"] for line in self.log(daemon) if line.get("request_id") == request_id]

    def request(self, socket, method, path, body=None):
        """The answer's status, its request's id and its body."""
        connection = harness.UnixConnection(f"{self.lab.run}/{socket}")
        self.addCleanup(connection.close)
        connection.request(method, path, json.dumps(body) if body is not None else None)
        answer = connection.getresponse()
        return answer.status, answer.headers["x-amzn-RequestId"], json.loads(answer.read())

    def doctor(self, *arguments):
        done = subprocess.run([f"{self.lab.state}.bin/caisson", "--instance", self.INSTANCE, "--json", "doctor", *arguments],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False)
        checks = {check["Check"]: check for check in json.loads(done.stdout)["Checks"]}
        failed = [check for check in checks.values() if check["Status"] == "failure"]
        self.assertEqual(done.returncode, 1 if failed else 0, failed)
        return checks

    def test_an_invocation_is_followed_from_runnerd_to_netd(self):
        self.lab.function("traced", FUNCTION, environment={"TOKEN": SECRETS[0]})
        status, invocation, answer = self.request("runner.sock", "POST", "/2015-03-31/functions/traced/invocations",
                                                  {"secret": SECRETS[1]})
        self.assertEqual((status, answer), (200, {"length": len("".join(SECRETS))}))
        ours = self.messages("runnerd", invocation)
        self.assertTrue(any(line.startswith("Invoke: POST") and ": 200 in " in line for line in ours), ours)
        theirs = self.messages("netd", invocation)
        self.assertTrue(any(line.startswith("Attach ") and line.endswith(": ok") for line in theirs), theirs)
        self.assertTrue(any(line.startswith("LeaseSlot ") for line in theirs), theirs)
        # What was done for the creation is the creation's: the invocation has not inherited it.
        self.assertFalse(any("FunctionInterface" in line for line in theirs), theirs)

        status, changed, _ = self.request("netd.sock", "POST", "/v1/CreateVpc", {"CidrBlock": "10.7.0.0/16"})
        self.assertEqual(status, 200)
        self.assertTrue(any("POST /v1/CreateVpc: 200" in line for line in self.messages("netd", changed)))
        status, refused, body = self.request("netd.sock", "POST", "/v1/CreateVpc", {"CidrBlock": "10.0.0.0/8"})
        self.assertEqual((status, body["RequestID"]), (400, refused))
        self.assertTrue(any("POST /v1/CreateVpc: 400" in line for line in self.messages("netd", refused)))

        self.check_logs_lack(*SECRETS)
        self.check_metrics("netd.sock", "caisson_slots", "caisson_leaked_objects")
        self.check_metrics("runner.sock", "caisson_invocations_total", "caisson_invocation_seconds", "caisson_netd_connected")
        self.check_metrics("endpointd.sock", "caisson_dns_questions_total", "caisson_request_log_lines_total")

    def test_no_log_holds_a_key_or_a_signature(self):
        """Signed requests to both daemons, by the right key and by a wrong one, with the log at its most talkative."""
        key = self.lab.caisson("account", "create", "told", "--no-profile")["AccessKey"]
        wrong = key["SecretAccessKey"][::-1]
        sent = []
        for secret, wanted in ((key["SecretAccessKey"], (200,)), (wrong, (401, 403))):
            client = self.lab.tool(self.lab.host, "signed_client.py", key["AccessKeyId"], secret)
            for service, method, url in (("ec2", "POST", "http://127.0.0.1:4750/v1/DescribeVpcs"),
                                         ("lambda", "GET", "http://127.0.0.1:4751/2015-03-31/functions")):
                asked = {"service": service, "method": method, "url": url, "tell": True,
                         "headers": {"X-Told": SECRETS[0]}, "body": "{}" if method == "POST" else ""}
                client.process.stdin.write(json.dumps(asked) + "\n")
                client.process.stdin.flush()
                reply = client.line()
                self.assertIn(reply["status"], wanted, reply)
                sent.append(reply["sent"]["Authorization"])
        # The positive control: the requests are in the logs.
        self.assertTrue(any("DescribeVpcs: 200" in line["message"] for line in self.log("netd")))
        self.assertTrue(any("ListFunctions: GET" in line["message"] for line in self.log("runnerd")))
        with open(f"{self.lab.state}/sealing.key", "rb") as file:
            sealing = file.read()
        signing = b"AWS4" + key["SecretAccessKey"].encode()
        derived = []
        for part in (time.strftime("%Y%m%d", time.gmtime()), "us-east-1", "ec2", "aws4_request"):
            signing = hmac.new(signing, part.encode(), hashlib.sha256).digest()
            derived += [signing.hex(), base64.b64encode(signing).decode()]
        self.check_logs_lack(key["SecretAccessKey"], wrong, key["AccessKeyId"], SECRETS[0], *sent,
                             *(header.rpartition("Signature=")[2] for header in sent), "AWS4-HMAC-SHA256", "Credential=",
                             sealing.hex(), base64.b64encode(sealing).decode(), *derived)

    def check_logs_lack(self, *secrets):
        for daemon in ("netd", "runnerd"):
            with open(f"{self.lab.run}/{daemon}.log", encoding="utf-8") as file:
                text = file.read().lower()
            for secret in secrets:
                self.assertGreater(len(secret), 10)
                self.assertNotIn(secret.lower(), text)

    def test_the_doctor_says_what_is_amiss(self):
        checks = self.doctor()
        for name in ("kernel.version", "kernel.bpf.map.lpm-trie", "kernel.clsact", "daemon.netd", "daemon.runnerd",
                     "kernel-and-model", f"file.{self.lab.state}/netd.db", f"file.{self.lab.run}/attach.sock"):
            self.assertEqual(checks[name]["Status"], "ok", checks[name])
        namespaces = subprocess.run(["ip", "netns", "list"], check=True, text=True, stdout=subprocess.PIPE).stdout

        os.chmod(f"{self.lab.state}/netd.db", 0o644)
        self.assertEqual(self.doctor()[f"file.{self.lab.state}/netd.db"]["Status"], "failure")
        os.chmod(f"{self.lab.state}/netd.db", 0o600)
        self.assertEqual(self.doctor("--images", "/nonexistent")["images"]["Status"], "failure")

        for daemon in ("runnerd", "netd"):
            self.lab.kill(daemon)
        checks = self.doctor()
        self.assertEqual(checks["daemon.netd"]["Status"], "warning")
        leftover = checks[f"leftover.caisson-{self.INSTANCE}"]
        self.assertIn(f"ip netns delete caisson-{self.INSTANCE}", leftover["Advice"])
        # What it made to try things is gone.
        after = subprocess.run(["ip", "netns", "list"], check=True, text=True, stdout=subprocess.PIPE).stdout
        self.assertEqual(sorted(namespaces.split("\n")), sorted(after.split("\n")))

    def test_runnerd_takes_sockets_that_are_open_before_it(self):
        self.lab.kill("runnerd")
        path = f"{self.lab.run}/runner.sock"
        os.unlink(path)
        started = subprocess.Popen(
            ["nsenter", f"--net=/run/netns/{self.lab.host}", "--", "systemd-socket-activate", "-l", path, "-l", "127.0.0.1:4751",
             f"{self.lab.state}.bin/runnerd", "--instance", self.INSTANCE], stdin=subprocess.DEVNULL)
        self.addCleanup(started.wait)
        self.addCleanup(started.terminate)
        harness.eventually("the socket is open", lambda: os.path.exists(path))
        made = os.stat(path).st_ino
        _, _, health = self.request("runner.sock", "GET", "/healthz")
        self.assertIn("status", health)
        self.lab.execute("curl", "-sS", "--fail", "--max-time", "10", "http://127.0.0.1:4751/healthz")
        self.assertEqual(os.stat(path).st_ino, made)
        started.terminate()
        self.assertEqual(started.wait(60), 0)
        self.assertTrue(os.path.exists(path), "a socket that was passed is not runnerd's to remove")


if __name__ == "__main__":
    harness.main()

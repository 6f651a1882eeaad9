"""Random requests signed by two signers that are not ours, botocore and aws4: each is accepted, and none of them is
when one bit of it was changed. Usage: signers_test.py JUDGE [SEED]"""

import calendar
import datetime
import hashlib
import json
import os
import random
import subprocess
import sys
import time
import types
import unittest
import urllib.parse

import botocore.auth
import botocore.utils
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

HERE = os.path.dirname(os.path.abspath(__file__))
REQUESTS = 2000  # for each signer
FLIPS = 4  # changed copies of each request
JUDGE = ""
SEED = 0

UNRESERVED = "ABCXYZabcxyz0189-_.~"
ODD = " !\"#$%&'()*+,/:;<=>?@[\\]^`{|}\u00e9\u20ac\U0001f4e6"


def text(rng, longest, odd=0.3):
    return "".join(rng.choice(ODD if rng.random() < odd else UNRESERVED) for _ in range(rng.randint(1, longest)))


def escaped(value):
    return urllib.parse.quote(value, safe="-_.~")


class Example:
    """A request before it is signed."""

    def __init__(self, rng):
        self.s3 = rng.random() < 0.2
        self.service = "s3" if self.s3 else rng.choice(["ec2", "lambda", "sqs"])
        self.region = rng.choice(["us-east-1", "eu-central-1"])
        self.secret = "".join(rng.choice("ABCabc0123456789+/") for _ in range(40))
        self.method = rng.choice(["GET", "POST", "PUT", "DELETE", "PATCH"])
        self.host = rng.choice(["127.0.0.1:4751", "localhost:4750", "lambda.us-east-1.amazonaws.com"])
        self.seconds = calendar.timegm((2000, 1, 1, 0, 0, 0)) + rng.randrange(30 * 365 * 86400)
        self.time = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self.seconds))
        self.target = self.make_path(rng) + self.make_query(rng)
        self.body = rng.randbytes(rng.choice([0, 1, 10, 300])) if self.method in ("POST", "PUT", "PATCH") else b""
        self.headers = self.make_headers(rng)

    def make_path(self, rng):
        parts = [escaped(text(rng, 8).replace("/", "")) for _ in range(rng.randint(0, 4))]
        if not self.s3:
            for _ in range(rng.choice([0, 0, 1, 2])):
                parts.insert(rng.randint(0, len(parts)), rng.choice(["", ".", ".."]))
        # Two slashes in front would be a host to every parser of URLs.
        while parts and parts[0] in ("", ".", ".."):
            parts.pop(0)
        return "/" + "/".join(part for part in parts if part or not self.s3) + ("/" if parts and rng.random() < 0.2 else "")

    def make_query(self, rng):
        names = sorted({text(rng, 5) for _ in range(rng.choice([0, 0, 1, 3]))}, key=lambda _: rng.random())
        if not names:
            return ""
        return "?" + "&".join(f"{escaped(name)}={escaped(text(rng, 6) if rng.random() < 0.9 else '')}" for name in names)

    def make_headers(self, rng):
        headers = {"Content-Type": rng.choice(["application/json", "text/plain; charset=utf-8"])}
        for number in range(rng.randint(0, 3)):
            value = text(rng, 12, odd=0).strip() + rng.choice(["", " ", "  ", "   "]) + text(rng, 5, odd=0)
            headers[rng.choice(["X-Amz-Meta-", "x-custom-", "Accept-"]) + str(number)] = value
        if rng.random() < 0.3:
            headers["X-Amz-Content-Sha256"] = hashlib.sha256(self.body).hexdigest()
        return headers


class Wire:
    """A signed request as it goes over the wire: fields of bytes."""

    def __init__(self, example, headers):
        self.example = example
        self.method = example.method.encode()
        self.target = example.target.encode()
        self.body = example.body
        self.headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        self.equivalent = False  # a change that means the same to everybody

    def line(self, now):
        words = ["s3" if self.example.s3 else "normal", self.example.region, self.example.service,
                 self.example.secret, str(now), self.method.hex(), self.target.hex() or "-", self.body.hex() or "-"]
        words += [f"{name.hex()}:{value.hex()}" for name, value in self.headers]
        return " ".join(words)

    def with_a_bit_changed(self, rng):
        changed = Wire(self.example, [])
        changed.headers = list(self.headers)
        fields = ["method", "target"] + (["body"] if self.body else []) + 3 * ["headers"]
        field = rng.choice(fields)
        if field != "headers":
            setattr(changed, field, flipped(rng, getattr(self, field)))
            changed.equivalent = field == "target" and same_target(self.target, changed.target)
            return changed
        at = rng.randrange(len(self.headers))
        name, value = self.headers[at]
        if value and rng.random() < 0.8:
            changed.headers[at] = (name, flipped(rng, value))
        else:
            changed.headers[at] = (flipped(rng, name), value)
            changed.equivalent = changed.headers[at][0].lower() == name.lower()
        return changed


def flipped(rng, data):
    at = rng.randrange(len(data))
    return data[:at] + bytes([data[at] ^ (1 << rng.randrange(8))]) + data[at + 1:]


def same_target(left, right):
    """Paths that botocore makes one of: /a/./b and /a///b are a bit apart."""
    left_path, _, left_query = left.decode("latin-1").partition("?")
    right_path, _, right_query = right.decode("latin-1").partition("?")
    return (left_query == right_query and
            botocore.utils.normalize_url_path(left_path) == botocore.utils.normalize_url_path(right_path))


def sign_with_botocore(example):
    """botocore asks its clock for the time; the example has its own."""
    moment = datetime.datetime.utcfromtimestamp(example.seconds)
    botocore.auth.datetime = types.SimpleNamespace(datetime=types.SimpleNamespace(utcnow=lambda: moment))
    request = AWSRequest(method=example.method, url=f"http://{example.host}{example.target}",
                         headers=dict(example.headers), data=example.body)
    kind = botocore.auth.S3SigV4Auth if example.s3 else botocore.auth.SigV4Auth
    kind(Credentials("AKIDEXAMPLE", example.secret), example.service, example.region).add_auth(request)
    return Wire(example, [("Host", example.host)] + list(request.headers.items()))


def sign_with_aws4(examples):
    requests = [{"service": e.service, "region": e.region, "method": e.method, "host": e.host, "target": e.target,
                 "time": e.time, "headers": e.headers, "body": e.body.hex(), "secret": e.secret} for e in examples]
    # Where Debian keeps its modules; nodes of other origin do not look there by themselves.
    done = subprocess.run(["node", os.path.join(HERE, "sign_with_aws4.js")], input=json.dumps(requests), text=True,
                          env={**os.environ, "NODE_PATH": "/usr/share/nodejs"},
                          stdout=subprocess.PIPE, check=True)
    return [Wire(example, [(name, str(value)) for name, value in headers.items()])
            for example, headers in zip(examples, json.loads(done.stdout))]


def judge(lines):
    done = subprocess.run([JUDGE], input="".join(line + "\n" for line in lines), text=True, stdout=subprocess.PIPE,
                          check=True)
    return done.stdout.splitlines()


class Signers(unittest.TestCase):
    def hold(self, rng, signed):
        originals = judge([wire.line(wire.example.seconds + rng.randint(-300, 300)) for wire in signed])
        for wire, verdict in zip(signed, originals):
            self.assertEqual(verdict, "ok", f"seed {SEED}: {wire.example.__dict__} {wire.headers}")
        changed = [(wire, wire.with_a_bit_changed(rng)) for wire in signed for _ in range(FLIPS)]
        verdicts = judge([copy.line(wire.example.seconds) for wire, copy in changed])
        refused = 0
        for (wire, copy), verdict in zip(changed, verdicts):
            what = f"seed {SEED}: {wire.__dict__} became {copy.__dict__}"
            if copy.equivalent:
                self.assertEqual(verdict, "ok", what)
            else:
                self.assertNotEqual(verdict, "ok", what)
                refused += 1
        self.assertGreater(refused, len(changed) * 0.9)
        late = judge([wire.line(wire.example.seconds + rng.choice([-1, 1]) * rng.randint(301, 10000)) for wire in signed])
        self.assertEqual(set(late), {"InvalidSignatureException"})
        print(f"{len(signed)} accepted, {refused} with one bit changed and {len(late)} at another time refused")

    def test_botocore(self):
        rng = random.Random(SEED)
        self.hold(rng, [sign_with_botocore(Example(rng)) for _ in range(REQUESTS)])

    def test_aws4(self):
        rng = random.Random(SEED + 1)
        self.hold(rng, sign_with_aws4([Example(rng) for _ in range(REQUESTS)]))


if __name__ == "__main__":
    JUDGE = sys.argv[1]
    SEED = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().randrange(2**32)
    print(f"seed {SEED}")
    unittest.main(argv=sys.argv[:1], verbosity=2)

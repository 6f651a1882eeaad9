"""restore: a function's first invocation, from the client's connect to the response, and where its time goes.

Python functions are created and, when each is Active and nothing else is at work, invoked for the first time over
Lambda's API: a microVM is restored from the function's snapshot. `boot`: the same when the snapshot had to make room for
another function's. `thaw`: of a frozen environment. `warm`: of a running one. The phases are differences of runnerd's
histograms before and after the one invocation.
"""

import base64
import http.client
import io
import json
import os
import re
import sys
import time
import zipfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))

from bench import percentile, row, say, sized  # noqa: E402
from harness import ApiError, Lab, UnixConnection, eventually  # noqa: E402

NAME = "restore"
PATH = "/2015-03-31/functions"
CODE = "def handler(event, context):\n    return {'sum': event['a'] + event['b']}\n"
EVENT = json.dumps({"a": 40, "b": 2})
PHASES = ("lease", "spawn", "load", "resume", "acknowledge", "attach")


def archive():
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as file:
        file.writestr("app.py", CODE)
    return base64.b64encode(data.getvalue()).decode()


class Runner:
    """The function API over runnerd's socket; each request on a connection of its own."""

    def __init__(self, lab):
        self.path = f"{lab.run}/runner.sock"

    def request(self, method, path, body=None, headers=None):
        connection = UnixConnection(self.path)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer, answer.read()
        finally:
            connection.close()

    def ask(self, method, path, body=None):
        answer, text = self.request(method, path, body)
        if answer.status >= 300:
            raise ApiError(answer.status, answer.getheader("x-amzn-ErrorType"), text.decode())
        return json.loads(text) if text else None

    def create(self, name):
        self.ask("POST", PATH, json.dumps({
            "FunctionName": name, "Runtime": "python3.11", "Handler": "app.handler", "Timeout": 30,
            "Role": "arn:aws:iam::000000000001:role/bench", "Code": {"ZipFile": archive()}}))
        eventually(f"{name} is Active", lambda: self.is_active(name), 300)

    def is_active(self, name):
        state = self.ask("GET", f"{PATH}/{name}")["Configuration"]
        if state["State"] == "Failed":
            sys.exit(f"{name}: {state['StateReason']}")
        return state["State"] == "Active"

    def invoke(self, name):
        """Milliseconds from before the connect to after the response."""
        began = time.perf_counter()
        answer, text = self.request("POST", f"{PATH}/{name}/invocations", EVENT)
        took = (time.perf_counter() - began) * 1000
        if answer.status != 200 or json.loads(text) != {"sum": 42}:
            sys.exit(f"{name}: status {answer.status}, {text}")
        return took

    def sums(self):
        """Milliseconds in the histograms of environments and invocations, by "metric label"."""
        _, text = self.request("GET", "/metrics")
        found = re.findall(r'^caisson_(\w+)_seconds_sum\{\w+="(\w+)"\} (\S+)', text.decode(), re.MULTILINE)
        return {f"{metric} {label}": float(value) * 1000 for metric, label, value in found}

    def environments(self, *phases):
        count = json.loads(self.request("GET", "/healthz")[1])["environments"]
        return sum(count[phase] for phase in phases or count)

    def await_rest(self, *phases):
        """Until there are environments in these phases alone."""
        eventually("the pool is at rest", lambda: self.environments() == (self.environments(*phases) if phases else 0),
                   300)


def difference(after, before, name):
    return after.get(name, 0) - before.get(name, 0)


def first_invocation(runner, name):
    """Milliseconds of the invocation, and of its phases by name."""
    runner.await_rest("frozen")
    before = runner.sums()
    total = runner.invoke(name)
    after = runner.sums()
    phases = {phase: difference(after, before, f"restore_phase {phase}") for phase in PHASES}
    if not all(phases.values()):
        sys.exit(f"the first invocation of {name} was no restore")
    served = difference(after, before, "invocation restored")
    phases["invoke"] = served - sum(phases.values())
    phases["response"] = total - served
    return total, phases


def boot(runner, name):
    """Milliseconds of the first invocation of a function whose snapshot was dropped."""
    runner.await_rest("frozen")
    before = runner.sums()
    total = runner.invoke(name)
    if not difference(runner.sums(), before, "invocation booted"):
        sys.exit(f"the first invocation of {name} was no boot")
    # Its snapshot is made again, which must not take the room of the next function's.
    eventually(f"{name} has a snapshot again",
               lambda: difference(runner.sums(), before, "environment_start prepare"), 300)
    return total


def first_invocations(runner):
    """Rows of restores and boots. There is room for one snapshot, that of the function that was created last."""
    restored, parts, booted = [], [], []
    for number in range(sized(12, 1)):
        with_boot = number < sized(5, 1)
        if with_boot:
            runner.create(f"booted{number}")
        runner.create(f"restored{number}")
        total, phases = first_invocation(runner, f"restored{number}")
        restored.append(total)
        parts.append(phases)
        if with_boot:
            booted.append(boot(runner, f"booted{number}"))
    half = row(NAME, "p50_ms", "ms", percentile(restored, 50))
    row(NAME, "min_ms", "ms", min(restored))
    row(NAME, "max_ms", "ms", max(restored))
    for phase in parts[0]:
        row(NAME, f"phase_{phase}_p50_ms", "ms", percentile([part[phase] for part in parts], 50))
    row(NAME, "boot_p50_ms", "ms", percentile(booted, 50), half)


def thaws_and_reuses(runner):
    """Rows of later invocations of the same function."""
    runner.await_rest("frozen")
    thawed, warm = [], []
    for _ in range(sized(20, 1)):
        runner.await_rest("frozen")
        thawed.append(runner.invoke("restored0"))
        warm += [runner.invoke("restored0") for _ in range(sized(10, 2))]
    row(NAME, "warm_p50_ms", "ms", percentile(warm, 50))
    row(NAME, "thaw_p50_ms", "ms", percentile(thawed, 50))


def main():
    os.environ["CAISSON_RUNNERD_OPTIONS"] = "--snapshot-memory 1"
    lab = Lab("bench")
    try:
        lab.up()
        runner = Runner(lab)
        health = json.loads(runner.request("GET", "/healthz")[1])
        row(NAME, "kvm", "flag", int(health["accelerator"] == "kvm"))
        say("first invocations, from snapshots and by boots; then warm and thawed ones")
        first_invocations(runner)
        thaws_and_reuses(runner)
    except (AssertionError, OSError, http.client.HTTPException):
        say(lab.logs())
        raise
    finally:
        lab.down()


if __name__ == "__main__":
    main()

"""Hostile functions and guests, one after another, while another function is measured.

Each abuse must end in Lambda's error, free all it had (QEMU, slot, user, control group, memory), and leave the other
function's latency alone: its p99 stays within 1.5 times of what it is without.

How that is measured on few and noisy cores: the victim's invocations come one after another from one client, in blocks,
a quiet one before and after each one under an abuse, so that what else the machine does meets both. The victim stays
warm, so that a sample is some milliseconds and hundreds fit; the p99s are those of all quiet and of all disturbed
samples of the run, 600 and more each. What runs beside the test is kept out: daemons and clients have nice's highest
priority, and the microVMs' groups together a weight above that of other processes; how the microVMs share that among
them is the daemons' doing, and is what is measured. Noise only ever adds: a run that misses the aim is repeated, at most twice, and daemons
that let one function disturb another miss it each time.
"""

import json
import os
import re
import signal
import threading
import time

import harness

BLOCK = 50
ATTEMPTS = 3
AIM = 1.5
TIMEOUT = 5
REQUEST = r"[0-9a-f]{8}-[0-9a-f-]{27}"

VICTIM = """
def handler(event, context):
    return event["n"] + 1
"""

# Unprivileged, as any tenant's.
TENANT = """
import os

def handler(event, context):
    action = event["action"]
    if action == "loop":
        while True:
            pass
    if action == "fork":
        while True:
            try:
                os.fork()
            except OSError:
                pass
    if action == "memory":
        taken = []
        while True:
            taken.append(bytearray(b"x") * (1 << 20))
    if action == "log":
        while True:
            os.write(1, b"y" * 65536)
    return "ok"
"""

# Root in its guest: what the guest does when it is the tenant's altogether. It takes the agent's end of the channel.
GUEST = """
import ctypes, os, struct

PIDFD_OPEN, PIDFD_GETFD = 434, 438

def port():
    libc = ctypes.CDLL(None, use_errno=True)
    for name in os.listdir("/proc/1/fd"):
        if "/vport" in os.readlink("/proc/1/fd/" + name):
            return libc.syscall(PIDFD_GETFD, libc.syscall(PIDFD_OPEN, 1, 0), int(name), 0)
    raise RuntimeError("no port")

def send(data):
    fd = port()
    while data:
        try:
            data = data[os.write(fd, data):]
        except BlockingIOError:
            pass

def stop_agent():
    os.mkdir("/sys/fs/cgroup/ice")
    for file, text in (("cgroup.procs", "1"), ("cgroup.freeze", "1")):
        with open("/sys/fs/cgroup/ice/" + file, "w") as out:
            out.write(text)

def handler(event, context):
    action = event["action"]
    if action == "garbage":
        send(os.urandom(1 << 16))
    if action == "no-cbor":
        send(struct.pack("<I", 5) + b"hello")
    if action == "oversize":
        send(struct.pack("<I", 0x7fffffff) + b"x" * 4096)
    if action == "unasked":
        # Well-formed answers that nobody waits for, without end.
        message = b"\\xa1\\x64type\\x65ready"
        send((struct.pack("<I", len(message)) + message) * 1000)
    if action == "partial":
        send(struct.pack("<I", 1000) + b"x")
    if action == "silent":
        stop_agent()
    if action == "console":
        with open("/dev/console", "wb", buffering=0) as console:
            while True:
                console.write(b"z" * 4096)
    if action == "panic":
        with open("/proc/sysrq-trigger", "w") as trigger:
            trigger.write("c")
    while action != "ok":
        pass
    return "ok"
"""

TIMED_OUT = {"errorMessage": rf"\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{{3}}Z {REQUEST} Task timed out after 5\.00 seconds"}
LOST = {"errorMessage": rf"RequestId: {REQUEST} Error: Runtime exited without providing a reason",
        "errorType": r"Runtime\.ExitError"}
KILLED = {"errorMessage": rf"RequestId: {REQUEST} Error: Runtime exited with error: signal: killed",
          "errorType": r"Runtime\.ExitError"}

# The function, the action, and the errors that may come of it: a guest short of memory may be slow to find it out.
ABUSES = (
    ("tenant", "loop", (TIMED_OUT,)),
    ("tenant", "fork", (TIMED_OUT, KILLED)),
    ("tenant", "memory", (KILLED, TIMED_OUT)),
    ("tenant", "log", (TIMED_OUT,)),
    ("guest", "console", (TIMED_OUT,)),
    ("guest", "garbage", (LOST,)),
    ("guest", "no-cbor", (LOST,)),
    ("guest", "oversize", (LOST,)),
    ("guest", "unasked", (LOST,)),
    ("guest", "panic", (LOST, TIMED_OUT)),  # its last words go over a serial line
    ("guest", "partial", (TIMED_OUT,)),
    ("guest", "silent", (TIMED_OUT,)),
)


def matches(pattern, payload):
    return set(pattern) == set(payload) and all(re.fullmatch(pattern[name], payload[name]) for name in pattern)


def p99(samples):
    return sorted(samples)[len(samples) * 99 // 100]


def p50(samples):
    return sorted(samples)[len(samples) // 2]


class Caller:
    """One client, one invocation at a time."""

    def __init__(self, lab):
        self.tool = lab.client("lambda_caller.py")

    def invoke(self, function, payload):
        self.tool.process.stdin.write(json.dumps({"function": function, "payload": payload}) + "\n")
        self.tool.process.stdin.flush()
        return self.tool.line()


class Hostile(harness.LabCase):
    INSTANCE = "e2ehos"
    TEST_IMAGES = True

    def setUp(self):
        os.setpriority(os.PRIO_PROCESS, 0, -20)
        super().setUp()
        for path in self.lab.groups():
            for file, much in (("cpu.shares", "32768"), ("cpu.weight", "3200")):
                if os.path.exists(f"{path}/{file}"):
                    with open(f"{path}/{file}", "w", encoding="ascii") as weight:
                        weight.write(much)

    def make_functions(self):
        self.lab.function("victim", VICTIM)
        self.lab.function("tenant", TENANT, timeout=TIMEOUT)
        self.lab.function("guest", GUEST, timeout=TIMEOUT, runtime="provided.root", memory=192)
        self.victim = Caller(self.lab)
        self.abuser = Caller(self.lab)
        self.turn = 0

    def sample(self, samples):
        self.turn += 1
        done = self.victim.invoke("victim", {"n": self.turn})
        self.assertEqual(done["payload"], self.turn + 1)
        samples.append(done["ms"])

    def block(self, samples):
        for _ in range(BLOCK):
            self.sample(samples)

    def abuse(self, function, action, errors, samples):
        """One invocation that goes wrong, while the victim goes on."""
        answers = []
        thread = threading.Thread(target=lambda: answers.append(self.abuser.invoke(function, {"action": action})))
        thread.start()
        while thread.is_alive():
            self.sample(samples)
        thread.join()
        answer, = answers
        self.assertEqual((answer["status"], answer.get("function_error")), (200, "Unhandled"), (action, answer))
        self.assertTrue(any(matches(error, answer["payload"]) for error in errors), (action, answer))
        self.assertLessEqual(len(answer["log"]), 4096, action)
        self.assertRegex(answer["log"], r"REPORT RequestId: .*\tStatus: (timeout|error)", action)

    def free_slots(self):
        free, total = re.search(r"slots: (\d+) of (\d+) free", self.lab.execute("caisson", "describe")).groups()
        return int(total) - int(free)

    def assert_consistent(self):
        """Slots, users and groups in use are those of the QEMUs that live."""
        def agree():
            machines = self.lab.machines()
            groups = {int(path.rpartition("/vm-")[2]) for path in self.lab.groups() if "/vm-" in path}
            return set(machines) == groups and self.free_slots() == len(machines)
        harness.eventually("slots, users and groups are those of the QEMUs", agree, 60)

    def resident_kib(self):
        with open(f"/proc/{self.lab.pid('runnerd')}/status", encoding="ascii") as file:
            return int(re.search(r"VmRSS:\s+(\d+)", file.read())[1])

    def recover(self, function):
        """The next call is served, be it by this environment, whose runtime starts anew, or another."""
        harness.eventually("a good answer",
                           lambda: self.abuser.invoke(function, {"action": "ok"})["payload"] == "ok", 60)

    def measure(self):
        quiet, disturbed = [], []
        for function, action, errors in ABUSES:
            calm, own = [], []
            self.block(calm)
            quiet += calm
            begun = time.monotonic()
            self.abuse(function, action, errors, own)
            disturbed += own
            print(f"{function} {action}: {len(own)} samples in {time.monotonic() - begun:.1f} s, p50 {p50(own):.1f} ms, "
                  f"p99 {p99(own):.1f} ms; quiet before: p50 {p50(calm):.1f} ms, p99 {p99(calm):.1f} ms")
            self.recover(function)
        self.block(quiet)
        print(f"victim's p99: quiet {p99(quiet):.1f} ms of {len(quiet)}, disturbed {p99(disturbed):.1f} ms of "
              f"{len(disturbed)}, ratio {p99(disturbed) / p99(quiet):.2f}")
        return p99(disturbed) / p99(quiet)

    def test_each_abuse_ends_in_lambdas_error_and_disturbs_nobody(self):
        self.make_functions()
        self.block([])
        resident = self.resident_kib()
        ratios = []
        while not ratios or (min(ratios) > AIM and len(ratios) < ATTEMPTS):
            ratios.append(self.measure())
        self.assertLessEqual(min(ratios), AIM)
        self.assert_consistent()
        self.assertLess(self.resident_kib() - resident, 48 * 1024)

    def test_a_stopped_qemu_is_replaced(self):
        self.make_functions()
        before = set(self.lab.machines())
        answers = []
        thread = threading.Thread(target=lambda: answers.append(self.abuser.invoke("tenant", {"action": "loop"})))
        thread.start()
        stopped = harness.eventually("a QEMU", lambda: {user: pid for user, pid in self.lab.machines().items()
                                                        if user not in before})
        # Busy with its invocation, not with its restore: its cap is set.
        (user, pid), = stopped.items()
        harness.eventually("its invocation", lambda: self.quota(user) > 0)
        os.kill(pid, signal.SIGSTOP)
        thread.join()
        self.assertTrue(matches(TIMED_OUT, answers[0]["payload"]), answers)
        harness.eventually("the end of the stopped QEMU", lambda: not harness.process_runs(pid))
        self.assertEqual(self.abuser.invoke("tenant", {"action": "ok"})["payload"], "ok")
        self.assert_consistent()

    def quota(self, user):
        for path in self.lab.groups():
            for file in ("cpu.cfs_quota_us", "cpu.max"):
                if path.endswith(f"/vm-{user}") and os.path.exists(f"{path}/{file}"):
                    with open(f"{path}/{file}", encoding="ascii") as text:
                        first = text.read().split()[0]
                    return 0 if first == "max" else int(first)
        return 0


if __name__ == "__main__":
    harness.main()

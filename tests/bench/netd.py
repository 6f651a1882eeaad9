"""A netd of a benchmark's own in namespaces of its own, on a store that bench_make_model wrote."""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

from bench import ROOT, program

sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))
import harness  # noqa: E402


def command(*words):
    return subprocess.run(words, check=True, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE).stdout


def delete_namespace(name, device, beside):
    """Deletes the namespace and waits until the kernel has: it takes its links down later, thousands of them, and holds
    back whoever makes some. `device`, in the namespace `beside`, is a veth whose other end is in the doomed one."""
    command("ip", "netns", "delete", name)
    harness.eventually(f"the end of {name}", lambda: subprocess.run(
        ["ip", "-n", beside, "link", "show", "dev", device], check=False, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL).returncode != 0, seconds=300)


class Connection(http.client.HTTPConnection):
    """HTTP over netd's socket, kept open from call to call."""

    def __init__(self, path):
        super().__init__("localhost", timeout=120)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)

    def call(self, action, **parameters):
        self.request("POST", f"/v1/{action}", json.dumps(parameters), {"Content-Type": "application/json"})
        answer = self.getresponse()
        body = json.loads(answer.read())
        if answer.status != 200:
            raise RuntimeError(f"{action}: {answer.status} {body}")
        return body


class Netd:
    """All that it makes bears the instance's name, so remove() finds it also after a run that was killed."""

    def __init__(self, name, slots):
        self.name = name
        self.slots = slots
        self.fabric = f"caisson-{name}"
        self.host = f"caisson-{name}-host"
        self.run = f"/run/caisson-{name}"
        self.state = f"/var/lib/caisson-{name}"
        self.programs = f"/var/lib/caisson-{name}.bin"
        self.pins = f"/sys/fs/bpf/caisson-{name}"
        self.process = None

    def make(self, vpcs, interfaces, members=0, changes=0):
        """Namespaces and a store; what bench_make_model says of it."""
        self.remove()
        if not os.path.ismount("/sys/fs/bpf"):
            command("mount", "-t", "bpf", "bpf", "/sys/fs/bpf")
        command("ip", "netns", "add", self.host)
        command("ip", "-n", self.host, "link", "set", "lo", "up")
        for number in range(-(-members // 16)):
            command("ip", "netns", "add", f"{self.host}-a{number}")
        os.makedirs(self.state, mode=0o700)
        # A copy: netd gives up the capability to read a folder that is closed to others.
        os.makedirs(self.programs)
        shutil.copy(program("netd"), self.programs)
        # Each command is one fsync: in memory first, since the disk of the store is not what is measured here.
        draft = f"/dev/shm/caisson-{self.name}.db"
        try:
            made = command(program("bench_make_model"), draft, "--vpcs", str(vpcs), "--interfaces", str(interfaces),
                           "--members", str(members), "--namespace", self.host, "--changes", str(changes))
            shutil.copy(draft, f"{self.state}/netd.db")
        finally:
            for suffix in ("", "-wal", "-shm"):
                if os.path.exists(draft + suffix):
                    os.unlink(draft + suffix)
        return json.loads(made)

    def start(self):
        """Starts netd; the seconds until it answers that kernel and model agree."""
        began = time.monotonic()
        self.process = subprocess.Popen(
            ["nsenter", f"--net=/run/netns/{self.host}", "--", f"{self.programs}/netd", "--instance", self.name,
             "--slots", str(self.slots)], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while True:
            if self.process.poll() is not None:
                raise RuntimeError(f"netd ended with status {self.process.returncode}")
            try:
                connection = Connection(f"{self.run}/netd.sock")
                connection.request("GET", "/healthz")
                answer = connection.getresponse()
                answer.read()
                if answer.status == 200:
                    return time.monotonic() - began
                raise RuntimeError("netd is degraded")
            except OSError:  # there is nothing to wait on: netd says by its socket that it is ready
                time.sleep(0.005)
            finally:
                connection.close()

    def connect(self):
        return Connection(f"{self.run}/netd.sock")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        self.process = None

    def resident_mib(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            line = next(line for line in file if line.startswith("VmRSS:"))
        return int(line.split()[1]) / 1024

    def maps(self):
        """MiB that the kernel charges for each map, by its name."""
        sizes = {}
        for name in os.listdir(self.pins):
            shown = json.loads(command("bpftool", "-j", "map", "show", "pinned", f"{self.pins}/{name}"))
            sizes[name] = int(shown["bytes_memlock"]) / 1024 / 1024
        return sizes

    def remove_fabric(self):
        """As a reboot does: namespace and pins go, the store stays."""
        delete_namespace(self.fabric, f"cu-{self.name}", self.host)
        shutil.rmtree(self.pins)

    def remove(self):
        if self.process is not None:
            self.stop()
        present = [line.split()[0] for line in command("ip", "netns", "list").splitlines() if line]
        if self.fabric in present and self.host in present:
            self.remove_fabric()
        for namespace in [name for name in present if name.startswith(self.host)]:
            for pid in map(int, command("ip", "netns", "pids", namespace).split()):
                os.kill(pid, signal.SIGKILL)
                harness.eventually("the end of a left netd", lambda left=pid: not harness.process_runs(left))
            command("ip", "netns", "delete", namespace)
        for folder in (self.run, self.state, self.programs, self.pins):
            shutil.rmtree(folder, ignore_errors=True)

"""runnerd killed after each of its disk operations, of a start and of functions made, changed and deleted, until the
snapshot is registered: the next start finds all that was acknowledged, nothing by half, and leaves nothing over."""

import base64
import hashlib
import http.client
import io
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import zipfile

import harness

sys.path.insert(0, os.path.join(harness.ROOT, "tests", "netns"))
import faults  # noqa: E402
from guest import Attach  # noqa: E402

NAME = "one"
PATH = "/2015-03-31/functions"


def package(version):
    """A function that answers with its version, as a ZIP in base64."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        # With a date of its own, so that the same version is the same package.
        file.writestr(zipfile.ZipInfo("app.py"), f"def handler(event, context):\n    return {version}\n")
    return base64.b64encode(archive.getvalue()).decode()


def sha256(version):
    return base64.b64encode(hashlib.sha256(base64.b64decode(package(version))).digest()).decode()


class RunnerdSteps(harness.LabCase):
    INSTANCE = "e2estep"

    def new_lab(self):
        self.folder = tempfile.mkdtemp(prefix="runnerd-steps-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.faults = faults.Faults(self.folder, "runnerd")
        lab = super().new_lab()
        lab.environment = {**lab.environment, **self.faults.environment}
        return lab

    # The function API, on runnerd's own socket

    def call(self, method, path="", **body):
        connection = harness.UnixConnection(f"{self.lab.run}/runner.sock")
        try:
            connection.request(method, PATH + path, json.dumps(body), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        self.assertIn(answer.status // 100, (2,), text)
        return json.loads(text or "null")

    def create(self):
        self.call("POST", FunctionName=NAME, Runtime="python3.11", Handler="app.handler",
                  Role="arn:aws:iam::000000000001:role/test", Code={"ZipFile": package(1)})

    def update_code(self):
        self.call("PUT", f"/{NAME}/code", ZipFile=package(2))

    def update_description(self):
        self.call("PUT", f"/{NAME}/configuration", Description="another one")

    def delete(self):
        self.call("DELETE", f"/{NAME}")

    # What is there

    def documents(self):
        """The registry's, of a copy: the last one to close a database writes to it."""
        with tempfile.TemporaryDirectory(dir=self.folder) as copy:
            for file in ("runner.db", "runner.db-wal"):
                shutil.copy(f"{self.lab.state}/{file}", copy)
            database = sqlite3.connect(f"{copy}/runner.db")
            try:
                return [json.loads(row[0]) for row in database.execute("SELECT document FROM functions")]
            finally:
                database.close()

    def described(self):
        """The functions as they are, or are about to be."""
        return [(one["name"], settings["code_sha256"], settings["description"])
                for one in self.documents() for settings in [one.get("next") or one["current"]]]

    def interfaces(self):
        """Whose network interfaces netd has made."""
        attach = Attach(f"{self.lab.run}/attach.sock")
        try:
            return sorted(one["user"] for one in attach.ask("ListFunctionInterfaces")[0]["users"])
        finally:
            attach.close()

    def is_consistent(self):
        """Code files and interfaces are those of the functions, all of them."""
        documents = self.documents()
        settings = [one[which] for one in documents for which in ("current", "next") if one.get(which)]
        users = [f'{one["name"]}#{one[which]}' for one in documents
                 for which in ("deployment", "next_deployment") if one.get(which)]
        return (sorted(os.listdir(f"{self.lab.state}/code")) == sorted({one["code_file"] for one in settings})
                and self.interfaces() == sorted(users))

    def other_files(self):
        return sorted(name for name in os.listdir(self.lab.state) if name != "code")

    def is_settled(self):
        documents = self.documents()
        return self.is_consistent() and all(one["state"] == "Active" and "next" not in one for one in documents)

    # Ends and starts

    def spawn(self):
        """As the lab does it, which ends it by this file."""
        self.process = subprocess.Popen(
            ["nsenter", f"--net=/run/netns/{self.lab.host}", "--", f"/var/lib/caisson-{self.lab.name}.bin/runnerd",
             "--instance", self.lab.name], env={**os.environ, **self.faults.environment}, stdin=subprocess.DEVNULL,
            stderr=self.log)
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as file:
            birth = file.read().rpartition(")")[2].split()[19]
        with open(f"{self.lab.run}.pids/runnerd", "w", encoding="ascii") as file:
            file.write(f"{self.process.pid} {birth}\n")

    def runs(self):
        return self.process.poll() is None

    def serves(self):
        """False also when it has ended."""
        try:
            self.call("GET", "/")
            return self.is_consistent()
        except OSError:
            return False

    def start(self):
        """Undisturbed, until what a predecessor left is cleared away."""
        self.faults.arm(0, faults.COUNT)
        self.spawn()
        harness.eventually("files and interfaces are those of the functions",
                           lambda: self.serves() or not self.runs(), 60)
        self.assertTrue(self.runs())

    def kill(self):
        self.process.kill()
        self.process.wait(60)
        self.nothing_lives()

    def end(self):
        self.process.kill()
        self.process.wait(60)

    def nothing_lives(self):
        """Of a killed runnerd, its microVMs and helpers."""
        harness.eventually("the end of the control groups", lambda: not any(map(os.path.exists, self.groups)))
        self.assertEqual((self.lab.machines(), self.lab.groups()), ({}, set()))
        owners = set().union(*harness.tap_owners().values())
        netd = self.lab.pid("netd")
        self.assertFalse(owners & (self.lab.pids() - {netd}), "tap owners")
        harness.eventually("all slots are free", self.slots_are_free)

    def slots_are_free(self):
        pool = self.lab.api("Describe")["SlotPool"]
        return pool["Free"] == pool["Total"]

    def save(self, name):
        """runnerd's part of the state folder, which netd has, too."""
        to = f"{self.folder}/{name}"
        os.makedirs(to)
        for file in os.listdir(self.lab.state):
            if file.startswith("runner.db"):
                shutil.copy2(f"{self.lab.state}/{file}", to)
        shutil.copytree(f"{self.lab.state}/code", f"{to}/code")

    def put_back(self, name):
        for file in os.listdir(self.lab.state):
            if file.startswith("runner.db"):
                os.unlink(f"{self.lab.state}/{file}")
        shutil.rmtree(f"{self.lab.state}/code", ignore_errors=True)
        shutil.copytree(f"{self.folder}/{name}", self.lab.state, dirs_exist_ok=True)

    # The test

    def do(self, operation):
        """Was it acknowledged? Returns when all that comes of it has been done, or runnerd has ended."""
        try:
            operation()
        except (OSError, http.client.HTTPException):
            return False
        harness.eventually("all is done", lambda: not self.runs() or self.is_settled(), 120)
        return True

    def begin(self, saved):
        self.kill()
        self.put_back(saved)
        self.start()

    def interrupt_each(self, what, saved, operation, *outcome):
        """Kills runnerd after the first, second, ... disk operation, each time from the saved state. The lab is left
        as the last kill and start left it."""
        outcome = list(outcome)
        self.begin(saved)
        before = self.described()
        for step in self.steps(what, lambda: self.assertTrue(self.do(operation))):
            if self.described() != before or not self.is_settled():
                self.begin(saved)
            self.faults.arm(faults.DISK, faults.KILL, step)
            acknowledged = self.do(operation)
            at = f"{what}, killed after operation {step} ({self.faults.last_name})"
            self.assertTrue(self.faults.struck, at)
            self.process.wait(60)
            self.nothing_lives()
            self.start()
            self.assertIn(self.described(), [outcome] if acknowledged else [before, outcome], at)
            listed = self.call("GET", "/")["Functions"]
            self.assertEqual([one["FunctionName"] for one in listed], [one[0] for one in self.described()], at)
            self.assertEqual(self.other_files(), self.files, at)
        harness.eventually("what was acknowledged is done", self.is_settled, 120)
        self.assertEqual(self.described(), outcome)

    def steps(self, what, do):
        """At which of an action's operations it is to be interrupted: each but the inner ones of a row of writes, which
        unit.runner.functions.registry_crash has."""
        self.faults.arm(faults.DISK, faults.COUNT)
        do()
        self.faults.disarm()
        trace = self.faults.trace
        steps = [at + 1 for at in range(len(trace)) if trace[max(at - 1, 0):at + 2] != "ppp"]
        print(f"{what}: {trace}, {steps}", file=sys.stderr)
        self.assertGreaterEqual(len(steps), 3)
        self.interrupted += len(steps)
        return steps

    def interrupt_start(self, saved):
        """The same with a start: its operations make a registry, or clear away what a predecessor left."""
        def do():
            self.spawn()
            harness.eventually("a start, or its end", lambda: not self.runs() or self.serves(), 60)

        self.kill()
        self.put_back(saved)
        for step in self.steps("start", do):
            self.kill()
            self.put_back(saved)
            self.faults.arm(faults.DISK, faults.KILL, step)
            do()
            self.assertTrue(self.faults.struck)
            self.process.wait(60)
            self.nothing_lives()
            self.start()
            self.assertEqual(self.described(), [])

    def assert_whole(self):
        self.assertEqual(self.lab.caisson("plan"), [])
        self.assertIn("\ncaisson_leaked_objects 0\n", self.metrics())

    def metrics(self):
        connection = harness.UnixConnection(f"{self.lab.run}/netd.sock")
        try:
            connection.request("GET", "/metrics")
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    def test_every_disk_operation(self):
        self.interrupted = 0
        self.files = self.other_files()
        self.groups = self.lab.groups()
        self.lab.kill("runnerd")
        self.addCleanup(self.end)
        self.log = self.enterContext(open(f"{self.lab.run}/runnerd.log", "ab"))
        self.start()
        self.kill()
        self.save("nothing")
        self.interrupt_each("make", "nothing", self.create, (NAME, sha256(1), ""))
        self.assertEqual(self.lab.invoke(NAME), 1)
        self.kill()
        self.save("function")
        self.interrupt_each("other words", "function", self.update_description, (NAME, sha256(1), "another one"))
        self.interrupt_each("new code", "function", self.update_code, (NAME, sha256(2), ""))
        self.assertEqual(self.lab.invoke(NAME), 2)
        self.interrupt_each("delete", "function", self.delete)
        for name in os.listdir(f"{self.folder}/nothing"):
            if name.startswith("runner.db"):
                os.unlink(f"{self.folder}/nothing/{name}")
        for name in ("a.squashfs", "b.squashfs.tmp"):
            shutil.copy(__file__, f"{self.folder}/nothing/code/{name}")
        self.interrupt_start("nothing")
        self.assertGreater(self.interrupted, 40)
        self.assert_whole()

    def test_a_second_runnerd_is_refused(self):
        pid = self.lab.pid("runnerd")
        done = subprocess.run(["nsenter", f"--net=/run/netns/{self.lab.host}", "--",
                               f"/var/lib/caisson-{self.lab.name}.bin/runnerd", "--instance", self.lab.name],
                              check=False, text=True, stderr=subprocess.PIPE, timeout=60)
        self.assertEqual((done.returncode, len(done.stderr.splitlines())), (1, 1), done.stderr)
        self.assertIn(f"another daemon uses the folder {self.lab.state}/code; stop it", done.stderr)
        self.assertTrue(harness.process_runs(pid))
        self.assertEqual(self.call("GET", "/")["Functions"], [])
        # And its end frees the folder.
        self.lab.kill("runnerd")
        self.lab.start("runnerd")


if __name__ == "__main__":
    harness.main()

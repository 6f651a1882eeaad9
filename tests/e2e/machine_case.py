"""A lab with no more slots and users than environments that the test wants at once, so that what leaks is missed; and
what is left of environments when they have ended."""

import json
import os
import socket
import sys

import harness
from hostile_test import Caller
from runnerd_crash_test import files

sys.path.insert(0, os.path.join(harness.ROOT, "tests", "netns"))
from network import INTERNET, socket_in  # noqa: E402

ENVIRONMENTS = 2
PORT = 7000


class MachineCase(harness.LabCase):
    """`listener` is where a function can meet the test."""

    OPTIONS = ""

    def new_lab(self):
        lab = super().new_lab()
        lab.environment = {**lab.environment, "CAISSON_SLOTS": str(ENVIRONMENTS),
                           "CAISSON_RUNNERD_OPTIONS": f"--uid-count {ENVIRONMENTS + 1} {self.OPTIONS}"}
        return lab

    def setUp(self):
        super().setUp()
        self.runnerd = self.lab.pid("runnerd")
        self.caller = Caller(self.lab)
        self.listener = socket_in(f"caisson-{self.INSTANCE}-internet", socket.AF_INET, socket.SOCK_STREAM)
        self.addCleanup(self.listener.close)
        self.listener.bind((INTERNET, PORT))
        self.listener.listen()
        self.listener.settimeout(120)

    def environments(self):
        connection = harness.UnixConnection(f"{self.lab.run}/runner.sock")
        try:
            connection.request("GET", "/healthz")
            shown = json.loads(connection.getresponse().read())["environments"]
        finally:
            connection.close()
        return {phase: count for phase, count in shown.items() if count}

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.runnerd}/fd"))

    def all_files(self):
        return files(self.lab.run, self.lab.state)

    def is_free(self):
        """Of no environment there is anything."""
        pool = self.lab.api("Describe")["SlotPool"]
        return (not self.environments() and not self.lab.machines() and pool["Free"] == pool["Total"] and
                not [path for path in self.lab.groups() if "/vm-" in path])

    def assert_free(self, at):
        harness.eventually(f"all is free: {at}", self.is_free, 60)
        daemons = {self.runnerd, self.lab.pid("netd")}
        owners = set().union(set(), *harness.tap_owners().values())
        self.assertFalse(owners & (self.lab.pids() - daemons), at)
        self.assertNotIn(self.runnerd, owners, at)

    def assert_whole(self):
        self.assertEqual(self.lab.caisson("plan"), [])
        connection = harness.UnixConnection(f"{self.lab.run}/netd.sock")
        try:
            connection.request("GET", "/metrics")
            self.assertIn("\ncaisson_leaked_objects 0\n", connection.getresponse().read().decode())
        finally:
            connection.close()

"""A QEMU that is stopped (SIGSTOP) while it is busy, idle, about to be frozen, or frozen.

It answers neither its monitor nor its agent's channel, and never ends by itself. The caller gets Lambda's error, or
another environment where none of its own work is lost; whoever waits for a stopped one holds up nobody else; and all
that it had is freed.
"""

import os
import re
import signal
import threading

import harness
from hostile_test import Caller, TENANT, TIMED_OUT, VICTIM, assert_consistent, matches

FREEZE_AFTER = 4
TIMEOUT = 5


class StoppedQemu(harness.LabCase):
    INSTANCE = "e2estp"

    def new_lab(self):
        lab = super().new_lab()
        lab.environment["CAISSON_RUNNERD_OPTIONS"] = f"--freeze-after {FREEZE_AFTER * 1000}"
        return lab

    def setUp(self):
        super().setUp()
        self.lab.function("victim", VICTIM)
        self.lab.function("tenant", TENANT, timeout=TIMEOUT)
        self.victim = Caller(self.lab)
        self.caller = Caller(self.lab)
        self.turn = 0

    def serve_victim(self):
        self.turn += 1
        self.assertEqual(self.victim.invoke("victim", {"n": self.turn})["payload"], self.turn + 1)

    def environments(self, phase):
        text = self.lab.execute("curl", "-sS", "http://127.0.0.1:4751/metrics")
        return int(re.search(rf'^caisson_environments{{phase="{phase}"}} (\d+)', text, re.MULTILINE)[1])

    def stop_the_tenants(self):
        """Stops the one QEMU that is not the victim's; its process."""
        (pid,) = set(self.lab.machines().values()) - {self.victims}
        os.kill(pid, signal.SIGSTOP)
        return pid

    def begin(self, action):
        """An invocation of the tenant, and where its answer will be."""
        answers = []
        thread = threading.Thread(target=lambda: answers.append(self.caller.invoke("tenant", {"action": action})))
        thread.start()
        return thread, answers

    def end(self, thread, answers):
        """Serves the victim until the tenant's answer is there; that."""
        served = 0
        while thread.is_alive():
            self.serve_victim()
            served += 1
        self.assertGreater(served, 0)
        return answers[0]["payload"]

    def assert_gone(self, pid):
        harness.eventually("the end of the stopped QEMU", lambda: not harness.process_runs(pid), 60)
        self.assertEqual(self.caller.invoke("tenant", {"action": "ok"})["payload"], "ok")
        assert_consistent(self.lab)

    def test_it_ends_and_holds_up_nobody(self):
        self.serve_victim()
        (self.victims,) = self.lab.machines().values()
        self.busy()
        self.idle()
        self.about_to_freeze()
        self.frozen()

    def busy(self):
        thread, answers = self.begin("loop")
        harness.eventually("its invocation", lambda: self.environments("busy") == 1)
        pid = self.stop_the_tenants()
        payload = self.end(thread, answers)
        self.assertTrue(matches(TIMED_OUT, payload), payload)
        self.assert_gone(pid)

    def idle(self):
        """Invoked before anybody notices: as if the function did nothing."""
        pid = self.stop_the_tenants()
        payload = self.end(*self.begin("ok"))
        self.assertTrue(matches(TIMED_OUT, payload), payload)
        self.assert_gone(pid)

    def about_to_freeze(self):
        """It can't be frozen; what is due after it is, and is served."""
        pid = self.stop_the_tenants()
        self.serve_victim()
        harness.eventually("the attempt to freeze it", lambda: self.environments("freezing") == 1)
        harness.eventually("the victim's freezing meanwhile",
                           lambda: (self.environments("freezing"), self.environments("frozen")) == (1, 1))
        self.serve_victim()
        self.assertEqual(self.environments("freezing"), 1)
        self.assert_gone(pid)

    def frozen(self):
        """It can't be thawed: its function has no part in that, and is served by another."""
        harness.eventually("both are frozen", lambda: self.environments("frozen") == 2)
        pid = self.stop_the_tenants()
        self.assertEqual(self.end(*self.begin("ok")), "ok")
        self.assert_gone(pid)


if __name__ == "__main__":
    harness.main()

"""runnerd's limits: each refuses with Lambda's throttling error, counts what it was short of, and lets go in time."""

import re
import threading

import harness
from hostile_test import Caller

FUNCTION = """
import time

def handler(event, context):
    time.sleep(event["seconds"])
    return event["seconds"]
"""
THROTTLED = (429, "TooManyRequestsException", "Rate Exceeded.", "ConcurrentInvocationLimitExceeded")
SECONDS = 8


class Exhaustion(harness.LabCase):
    INSTANCE = "e2eexh"
    SLOTS = 2

    def setUp(self):
        super().setUp()
        self.lab.function("one", FUNCTION)
        self.lab.function("two", FUNCTION)

    def new_lab(self):
        lab = super().new_lab()
        lab.environment["CAISSON_SLOTS"] = str(self.SLOTS)
        return lab

    def restart(self, options):
        self.lab.kill("runnerd")
        self.lab.environment["CAISSON_RUNNERD_OPTIONS"] = options
        self.lab.start("runnerd")
        # Making the snapshots anew takes room, too; and netd gives back the killed one's slots after 10 s.
        harness.eventually("both snapshots were made", lambda: self.prepared() == 2, 120)
        harness.eventually("nothing is being prepared", lambda: self.environments("preparing") == 0, 60)

    def metric(self, pattern):
        text = self.lab.execute("curl", "-sS", "http://127.0.0.1:4751/metrics")
        found = re.search(rf"^{pattern} (\d+)", text, re.MULTILINE)
        return int(found[1]) if found else 0

    def exhausted(self, what):
        return self.metric(rf'caisson_exhausted_total{{what="{what}"}}')

    def prepared(self):
        return self.metric(r'caisson_environment_start_seconds_count{kind="prepare"}')

    def environments(self, phase):
        return self.metric(rf'caisson_environments{{phase="{phase}"}}')

    def check(self, what, room):
        """With `room` invocations running, one more is refused; when one has ended, it is served."""
        before = self.exhausted(what)
        callers = [Caller(self.lab) for _ in range(room + 1)]
        answers = []
        threads = [threading.Thread(target=lambda caller=caller: answers.append(
            caller.invoke("one", {"seconds": SECONDS}))) for caller in callers[:room]]
        for thread in threads:
            thread.start()
        harness.eventually("all room is taken", lambda: self.environments("busy") == room)
        refused = callers[room].invoke("two", {"seconds": 0})
        self.assertEqual((refused["status"], refused.get("code"), refused.get("message"), refused.get("reason")),
                         THROTTLED, what)
        self.assertEqual(self.exhausted(what), before + 1)
        for thread in threads:
            thread.join()
        self.assertEqual([answer["payload"] for answer in answers], [SECONDS] * room, what)
        self.assertEqual(callers[room].invoke("two", {"seconds": 0})["payload"], 0)
        self.assertEqual(self.exhausted(what), before + 1)

    def test_each_limit_is_loud_and_ends(self):
        self.check("slots", self.SLOTS)
        self.restart("--max-environments 1")
        self.check("environments", 1)
        # One user for a microVM, one for helpers.
        self.restart("--uid-count 2")
        self.check("users", 1)
        # Of 128 MB: with guest and QEMU some 300.
        self.restart("--memory 450")
        self.check("memory", 1)
        # Room for one snapshot of two: the other function boots, and is served all the same.
        self.restart("--snapshot-memory 1")
        harness.eventually("a snapshot was dropped", lambda: self.exhausted("snapshots") > 0)
        for name in ("one", "two"):
            self.assertEqual(self.lab.invoke(name, {"seconds": 0}), 0)


if __name__ == "__main__":
    harness.main()

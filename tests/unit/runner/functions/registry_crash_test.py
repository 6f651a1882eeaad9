"""A process killed after each write and sync of its registry's commits, or refused one: what was acknowledged is there,
and nothing by half."""

import errno
import os
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "..", "netns"))
import faults  # noqa: E402

PROGRAM = os.path.join(faults.network.BUILD, "bin", "registry_steps")
# What is there after so many steps: nothing, four revisions, nothing.
STATES = ["none", "1", "2", "3", "4", "none"]


class RegistryCrash(unittest.TestCase):
    def lives(self, action, error=0):
        """Runs with the fault at the first, second, ... call; yields what was told and the folder, until none struck."""
        step = 0
        while True:
            step += 1
            with tempfile.TemporaryDirectory() as folder:
                control = faults.Faults(folder, "registry_steps")
                control.arm(faults.DISK, action, step, step, error)
                done = subprocess.run([PROGRAM, f"{folder}/runner.db", "run"], text=True, stdout=subprocess.PIPE,
                                      env={**os.environ, **control.environment}, check=False)
                struck, at = control.struck, f"call {step} ({control.last_name})"
                control.close()
                shown = subprocess.run([PROGRAM, f"{folder}/runner.db"], text=True, stdout=subprocess.PIPE, check=True)
                yield at, done.stdout.split("\n")[:-1], shown.stdout.strip()
            if not struck:
                self.assertGreater(step, 10)
                return

    def test_killed(self):
        for at, told, shown in self.lives(faults.KILL):
            acknowledged = told.count("done")
            self.assertEqual(told, ["done"] * acknowledged, at)
            self.assertIn(shown, STATES[acknowledged:acknowledged + 2], at)

    def test_refused(self):
        refusals = 0
        for at, told, shown in self.lives(faults.FAIL, errno.ENOSPC):
            acknowledged = told.count("done")
            if told[-1:] == ["unopened"]:
                self.assertEqual(shown, "none", at)
            elif acknowledged < 5:
                self.assertEqual(told[acknowledged:], [f"refused {STATES[acknowledged]}"], at)
                self.assertEqual(shown, STATES[acknowledged], at)
                refusals += 1
            else:
                self.assertEqual(shown, "none", at)
        self.assertGreater(refusals, 5)


if __name__ == "__main__":
    unittest.main(verbosity=2)

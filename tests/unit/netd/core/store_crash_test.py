"""A process killed after each write and sync of its store, or refused one, while records are appended and snapshots take
their place: what was acknowledged is there, once, and no snapshot by half."""

import errno
import os
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "..", "netns"))
import faults  # noqa: E402

PROGRAM = os.path.join(faults.network.BUILD, "bin", "store_steps")


class StoreCrash(unittest.TestCase):
    def lives(self, action, error=0):
        """Runs with the fault at the first, second, ... call; yields what was told and what is there, until none struck."""
        step = 0
        while True:
            step += 1
            with tempfile.TemporaryDirectory() as folder:
                control = faults.Faults(folder, "store_steps")
                control.arm(faults.DISK, action, step, step, error)
                done = subprocess.run([PROGRAM, f"{folder}/netd.db", "run"], text=True, stdout=subprocess.PIPE,
                                      env={**os.environ, **control.environment}, check=False)
                struck, at = control.struck, f"call {step} ({control.last_name})"
                control.close()
                shown = subprocess.run([PROGRAM, f"{folder}/netd.db"], text=True, stdout=subprocess.PIPE, check=True)
                yield at, done.stdout.split(), shown.stdout.strip()
            if not struck:
                self.assertGreater(step, 20)
                return

    def check(self, action, error=0):
        compacted = 0
        for at, told, shown in self.lives(action, error):
            acknowledged = max((int(word) for word in told if word.isdigit()), default=0)
            number, *rest = shown.split()
            # A step that was not acknowledged may have been done, or the first half of it: the record.
            self.assertIn(number, (str(acknowledged), str(acknowledged + 1)), at)
            compacted += rest == ["compacted"]
            if acknowledged >= 4:
                self.assertEqual(rest, ["compacted"], at)
        self.assertEqual((number, rest), ("9", ["compacted"]))
        self.assertGreater(compacted, 5)

    def test_killed(self):
        self.check(faults.KILL)

    def test_refused(self):
        self.check(faults.FAIL, errno.ENOSPC)


if __name__ == "__main__":
    unittest.main(verbosity=2)

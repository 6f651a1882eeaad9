"""A process killed after each write and sync of its store, or refused one, while records are appended and snapshots take
their place: what was acknowledged is there, once, and no snapshot by half."""

import errno
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "..", "netns"))
import faults  # noqa: E402

PROGRAM = "store_steps"


class StoreCrash(unittest.TestCase):
    def check(self, action, error=0):
        compacted = 0
        for step, at, told, shown in faults.lives(PROGRAM, action, error):
            acknowledged = max((int(word) for line in told for word in line.split() if word.isdigit()), default=0)
            number, *rest = shown.split()
            # A step that was not acknowledged may have been done, or the first half of it: the record.
            self.assertIn(number, (str(acknowledged), str(acknowledged + 1)), at)
            compacted += rest == ["compacted"]
            if acknowledged >= 4:
                self.assertEqual(rest, ["compacted"], at)
        self.assertEqual((number, rest), ("9", ["compacted"]))
        self.assertGreater(step, 20)
        self.assertGreater(compacted, 5)

    def test_killed(self):
        self.check(faults.KILL)

    def test_refused(self):
        self.check(faults.FAIL, errno.ENOSPC)


if __name__ == "__main__":
    unittest.main(verbosity=2)

"""A process killed after each write and sync of its registry's commits, or refused one: what was acknowledged is there,
and nothing by half."""

import errno
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "..", "netns"))
import faults  # noqa: E402

PROGRAM = "registry_steps"
# What is there after so many steps: nothing, four revisions, nothing.
STATES = ["none", "1", "2", "3", "4", "none"]


class RegistryCrash(unittest.TestCase):
    def test_killed(self):
        for step, at, told, shown in faults.lives(PROGRAM, faults.KILL):
            acknowledged = told.count("done")
            self.assertEqual(told, ["done"] * acknowledged, at)
            self.assertIn(shown, STATES[acknowledged:acknowledged + 2], at)
        self.assertGreater(step, 10)

    def test_refused(self):
        refusals = 0
        for _, at, told, shown in faults.lives(PROGRAM, faults.FAIL, errno.ENOSPC):
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

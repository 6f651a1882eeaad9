"""The demo: it checks each of its outcomes itself, and leaves nothing behind."""

import os
import subprocess
import unittest

import harness

INSTANCE = "e2edemo"


class DemoStory(unittest.TestCase):
    def setUp(self):
        self.lab = harness.Lab(INSTANCE)
        self.lab.down()
        self.addCleanup(self.lab.down)

    def test_demo_holds_and_leaves_nothing(self):
        demo = subprocess.run([os.path.join(harness.ROOT, "dev"), "demo"], stdin=subprocess.DEVNULL,
                              env={**os.environ, "CAISSON_DEMO_INSTANCE": INSTANCE})
        self.assertEqual(demo.returncode, 0)
        namespaces = subprocess.run(["ip", "netns", "list"], check=True, text=True, stdout=subprocess.PIPE).stdout
        self.assertNotIn(f"caisson-{INSTANCE}", namespaces)
        for folder in (self.lab.run, self.lab.state, f"/sys/fs/bpf/caisson-{INSTANCE}"):
            self.assertFalse(os.path.exists(folder), folder)


if __name__ == "__main__":
    harness.main()

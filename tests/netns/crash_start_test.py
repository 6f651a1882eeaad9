"""netd killed after each operation of a start, from nothing but its stored commands: the next one makes all of it."""

import shutil
import sys

import faults
from commands import CommandsCase
from network import harness, run


class CrashStart(CommandsCase):
    INSTANCE = "nsstart"

    def test_every_step_of_a_start(self):
        self.start()
        for _, do, _ in self.commands()[:-1]:
            do()
        described = self.net.described()
        self.net.kill()
        step = 0
        while True:
            step += 1
            self.remove_fabric()
            self.net.faults.arm(faults.KERNEL, faults.KILL, step)
            self.net.spawn_netd()
            harness.eventually("netd serves, or has ended",
                               lambda: self.net.netd.poll() is not None or self.net.answers(), seconds=120)
            if not self.net.faults.struck:
                break
            at = f"start, killed after operation {step} ({self.net.faults.last_name})"
            print(at, file=sys.stderr)
            self.net.ended()
            self.start()
            self.assertEqual(self.net.described(), described, at)
            self.net.kill()
        self.assertGreater(step, 100)
        self.assert_whole()

    def remove_fabric(self):
        run("ip", "netns", "delete", self.net.fabric)
        shutil.rmtree(f"/sys/fs/bpf/{self.net.fabric}")
        # The namespace ends at its leisure; the host's end of the uplink goes with it.
        harness.eventually("the uplink is gone", lambda: "cu-nsstart" not in self.net.links(self.net.host))


if __name__ == "__main__":
    harness.main()

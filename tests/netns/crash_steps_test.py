"""netd killed after each of its kernel and disk operations: the next start finds all that was acknowledged, nothing
by half, and leaves nothing that the model doesn't have."""

import json
import json
import sys

import faults
from commands import CommandsCase
from network import harness


class CrashSteps(CommandsCase):
    INSTANCE = "nscrash"
    SLOTS = 8  # those of a killed netd are taken again after ten seconds only

    # The tests

    def interrupt_each(self, what, do, undo):
        """Kills netd after the first, second, ... operation of `do`, until it comes through."""
        before = self.net.described()
        do()
        after = self.net.described()
        undo()
        self.assertEqual(self.net.described(), before)
        step = 0
        while True:
            step += 1
            self.net.faults.arm(faults.KERNEL | faults.DISK, faults.KILL, step)
            acknowledged = True
            try:
                do()
            except (OSError, IndexError, harness.http.client.HTTPException):
                acknowledged = False  # the connection ended without an answer
            if not self.net.faults.struck:
                self.net.faults.disarm()
                self.assertTrue(acknowledged)
                return step - 1
            at = f"{what}, killed after operation {step} ({self.net.faults.last_name})"
            print(at, file=sys.stderr)
            self.net.ended()
            self.start()
            found = self.net.described()
            self.assertIn(found, [after] if acknowledged else [before, after], at)
            if found == after:
                undo()
                self.assertEqual(self.net.described(), before, at)

    def test_every_step_of_every_command(self):
        self.start()
        commands = self.commands()
        steps = {}
        for what, do, undo in commands:
            steps[f"make {what}"] = self.interrupt_each(f"make {what}", do, undo)
        for what, do, undo in reversed(commands):
            if undo != self.unbind:
                steps[f"delete {what}"] = self.interrupt_each(f"delete {what}", undo, do)
        print(json.dumps(steps))
        self.assertTrue(all(count >= 3 for count in steps.values()), steps)
        self.assertGreater(sum(steps.values()), 80)
        # Slots that nobody claims are given back.
        harness.eventually("all slots are free",
                           lambda: self.net.api("Describe")["SlotPool"]["Free"] == self.net.slots)
        self.assert_whole()


if __name__ == "__main__":
    harness.main()

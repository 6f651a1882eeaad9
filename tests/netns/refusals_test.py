"""A kernel that refuses and a disk that is full: the caller hears of it, and nothing has changed; nor is anything left."""

import errno
import json

import sys

import faults
from commands import CommandsCase
from network import harness


class Refusals(CommandsCase):
    INSTANCE = "nsrefuse"

    def refuse_each(self, what, do, undo, classes, error):
        """Lets the first, second, ... operation of `do` fail, until it comes through."""
        before = self.net.described()
        do()
        after = self.net.described()
        undo()
        step = refused = 0
        while True:
            step += 1
            self.net.faults.arm(classes, faults.FAIL, step, step, error)
            try:
                do()
                accepted = True
            except harness.ApiError as failed:
                self.assertEqual(failed.code, "InternalError")
                accepted = False
            except AssertionError:
                accepted = False  # attach.sock's answer
            struck = self.net.faults.struck
            self.net.faults.disarm()
            at = f"{what}, refused at operation {step} ({self.net.faults.last_name})"
            if struck:
                print(at, file=sys.stderr)
            # What is refused is not there; what was no part of the command (a sweep) is nobody's failure.
            self.assertEqual(self.net.described(), after if accepted else before, at)
            harness.eventually(at, lambda: self.net.inspect("Plan") == [])
            self.assert_whole()
            refused += not accepted
            if accepted:
                undo()
            if not struck:
                return refused

    def test_every_operation_refused(self):
        self.start()
        commands = [command for command in self.commands() if command[2] != self.unbind]
        refused = {}
        for classes, error, name in ((faults.KERNEL, errno.ENOMEM, "kernel"), (faults.DISK, errno.ENOSPC, "disk")):
            for what, do, undo in commands:
                refused[f"{name}: make {what}"] = self.refuse_each(f"make {what}", do, undo, classes, error)
                do()
            for what, do, undo in reversed(commands):
                refused[f"{name}: delete {what}"] = self.refuse_each(f"delete {what}", undo, do, classes, error)
                undo()
        print(json.dumps(refused))
        self.assertGreater(sum(refused.values()), 100)
        described = self.net.described()
        self.net.kill()
        self.start()
        self.assertEqual(self.net.described(), described)


if __name__ == "__main__":
    harness.main()

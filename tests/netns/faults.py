"""A daemon that ends, or is refused a call, at a chosen point: the test's end of tests/support/faults."""

import mmap
import os
import struct
import subprocess
import tempfile

import network

LIBRARY = os.path.join(network.BUILD, "lib", "caisson_faults.so")
KERNEL, DISK, CREATE, OPEN, SEND = 1, 2, 4, 8, 16
COUNT, KILL, FAIL, STOP = 0, 1, 2, 3
FOREVER = 0xffffffff
SIZE = 8 * 4 + 96 + 64 + 512


class Faults:
    """The control file of one program's faults. `environment` is what the program is to be started with."""

    def __init__(self, folder, program):
        self.path = os.path.join(folder, f"{program}.faults")
        with open(self.path, "w+b") as file:
            file.truncate(SIZE)
            self.memory = mmap.mmap(file.fileno(), SIZE)
        self.environment = {"LD_PRELOAD": LIBRARY, "CAISSON_FAULTS": self.path, "CAISSON_FAULTS_PROGRAM": program}

    def field(self, index):
        return struct.unpack_from("=I", self.memory, index * 4)[0]

    def arm(self, classes, action, first=0, last=FOREVER, error=0, text=b""):
        """From now on: the calls of these classes are counted, from 1, and it happens at those in [first, last].
        SEND counts the messages that have `text` in them."""
        struct.pack_into("=I60s", self.memory, 8 * 4 + 96, len(text), text)
        struct.pack_into("=7I", self.memory, 0, 0, action, first, last, error, 0, 0)
        struct.pack_into("=I", self.memory, 0, classes)

    def disarm(self):
        """How many calls there were."""
        struct.pack_into("=I", self.memory, 0, 0)
        return self.count

    @property
    def count(self):
        return self.field(5)

    @property
    def struck(self):
        return self.field(6)

    @property
    def last_name(self):
        return self.memory[32:].split(b"\0")[0].decode()

    @property
    def trace(self):
        """The first letters of the calls' names, in order."""
        return self.memory[8 * 4 + 96 + 64:][:self.count].decode()

    def close(self):
        self.memory.close()


def lives(program, action, error=0):
    """Runs `program DATABASE run` with the fault at its first, second, ... access to disk, until none struck: yields the
    step, where it struck, what the run said, and what `program DATABASE` then finds there."""
    step, struck = 0, True
    while struck:
        step += 1
        with tempfile.TemporaryDirectory() as folder:
            control = Faults(folder, program)
            control.arm(DISK, action, step, step, error)
            path, database = os.path.join(network.BUILD, "bin", program), f"{folder}/state.db"
            told = subprocess.run([path, database, "run"], text=True, stdout=subprocess.PIPE, check=False,
                                  env={**os.environ, **control.environment}).stdout
            struck, at = control.struck, f"call {step} ({control.last_name})"
            control.close()
            shown = subprocess.run([path, database], text=True, stdout=subprocess.PIPE, check=True).stdout
            yield step, at, told.splitlines(), shown.strip()

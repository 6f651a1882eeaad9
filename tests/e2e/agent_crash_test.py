"""The guest's agent crashed, or made to talk garbage, while its function initialises, is invoked, and is warm: the caller
gets Lambda's answer, all that the environment had is free again, and the next invocation works."""

import harness
from hostile_test import LOST, matches
from machine_case import INTERNET, PORT, MachineCase

# Root in its guest: it overwrites the agent's code, which ends it, and the guest with it, when the agent next runs; or
# it takes the agent's end of the channel.
GUEST = f"""
import ctypes
import os
import socket

PIDFD_OPEN, PIDFD_GETFD = 434, 438

def crash():
    with open("/proc/1/maps") as maps:
        first, last = next(line.split()[0].split("-") for line in maps if " r-xp " in line)
    with open("/proc/1/mem", "wb", buffering=0) as memory:
        memory.seek(int(first, 16))
        memory.write(b"\\xcc" * (int(last, 16) - int(first, 16)))
    # What makes it run: a client of the Runtime API.
    socket.create_connection(("127.0.0.1", 9001)).recv(1)

def garbage():
    libc = ctypes.CDLL(None, use_errno=True)
    for name in os.listdir("/proc/1/fd"):
        if "/vport" in os.readlink("/proc/1/fd/" + name):
            port = libc.syscall(PIDFD_GETFD, libc.syscall(PIDFD_OPEN, 1, 0), int(name), 0)
            os.write(port, b"\\xff" * 64)

ACTIONS = {{"crash": crash, "garbage": garbage}}

def later(action):
    with socket.create_connection(("{INTERNET}", {PORT}), timeout=120) as peer:
        peer.recv(1)
        action()
        peer.sendall(b"!")

if "AT_INIT" in os.environ:
    ACTIONS[os.environ["AT_INIT"]]()

def handler(event, context):
    if event.get("now"):
        ACTIONS[event["now"]]()
        while True:
            pass
    if event.get("later") and os.fork() == 0:
        try:
            later(ACTIONS[event["later"]])
        finally:
            os._exit(0)
    return event["number"] * 2
"""


class AgentCrash(MachineCase):
    INSTANCE = "e2eagnt"
    TEST_IMAGES = True
    OPTIONS = "--freeze-after 600000"

    def make(self, name, **environment):
        self.lab.function(name, GUEST, environment=environment or None, timeout=60, runtime="provided.root", memory=192)

    def invoke(self, **event):
        return self.caller.invoke("one", {"number": 21, **event})

    def assert_served(self, done):
        self.assertEqual((done["status"], done.get("function_error"), done.get("payload")), (200, None, 42), done)

    def end_idle(self):
        """By the function's own agent, while it is warm."""
        self.assert_served(self.invoke(later="crash"))
        with self.listener.accept()[0] as peer:
            self.assertEqual(self.environments(), {"idle": 1})
            peer.sendall(b"!")
            self.assert_free("crashed while it was warm")

    def test_at_each_phase(self):
        self.make("one")
        self.end_idle()
        before, descriptors = self.all_files(), self.descriptors()

        for action in ("crash", "garbage"):
            lost = self.invoke(now=action)
            self.assertEqual((lost["status"], lost["function_error"]), (200, "Unhandled"), lost)
            self.assertTrue(matches(LOST, lost["payload"]), lost)
            self.assertRegex(lost["log"], r"REPORT RequestId: .*\tStatus: error\tError Type: Runtime.ExitError")
            self.assert_free(f"{action} during an invocation")
        self.end_idle()

        # Of garbage nobody knows before the agent is spoken to again. The caller gets another environment.
        self.assert_served(self.invoke(later="garbage"))
        machines = self.lab.machines()
        with self.listener.accept()[0] as peer:
            peer.sendall(b"!")
            self.assertEqual(peer.recv(1), b"!")
        self.assertEqual(self.environments(), {"idle": 1})
        self.assert_served(self.invoke())
        self.assertFalse(set(machines.values()) & set(self.lab.machines().values()))
        self.assertEqual(self.environments(), {"idle": 1})
        self.end_idle()

        for action in ("crash", "garbage"):
            # What the AWS CLI's waiter says of a function that failed.
            self.assertRaises(AssertionError, self.make, action, AT_INIT=action)
            failed = self.lab.aws("get-function-configuration", "--function-name", action)
            self.assertEqual((failed["State"], failed["StateReasonCode"]), ("Failed", "InternalError"))
            self.assert_free(f"{action} during init")
            self.lab.aws("delete-function", "--function-name", action)
        self.assert_served(self.invoke())
        self.end_idle()
        harness.eventually("the end of the code files", lambda: self.all_files() <= before)
        harness.eventually("no descriptor is left", lambda: self.descriptors() <= descriptors)
        self.assert_whole()


if __name__ == "__main__":
    harness.main()

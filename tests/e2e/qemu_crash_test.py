"""A QEMU killed at each point of its life: the caller gets Lambda's answer (none of its business, where no event had
been given to the microVM), all that the environment had is free again, and the next invocation works.

The points are hit exactly: runnerd stops itself before it sends a chosen message to QEMU, the agent or netd
(tests/support/faults), or the function meets the test at a socket.
"""

import os
import select
import shutil
import signal
import tempfile
import threading

import harness
from hostile_test import LOST, matches
from machine_case import INTERNET, PORT, MachineCase
import faults  # from tests/netns, which machine_case makes known

# Of a microVM that is lost each time: three of each of three attempts.
BOOTS = 9

FUNCTION = f"""
import os
import socket

def meet():
    with socket.create_connection(("{INTERNET}", {PORT}), timeout=120) as peer:
        peer.recv(1)

if "MEET" in os.environ:
    meet()

def handler(event, context):
    if "meet" in event:
        meet()
    return event["number"] * 2
"""

# What runnerd is about to send. QMP's commands are JSON; the agent's messages and netd's requests are CBOR, a text's
# length before it.
SPAWNED, LOADING, STARTING, PAUSING, SAVING = b"qmp_capabilities", b"migrate-incoming", b'"cont"', b'"stop"', b'"migrate"'
SNAPSHOT, RESTORED, THAWED, INVOKE = b"pprepare_snapshot", b"hrestored", b"fthawed", b"finvoke"
ATTACH, SEAL, UNSEAL = b"fAttach", b"dSeal", b"fUnseal"


class Answer(threading.Thread):
    """Of a call that is under way."""

    def __init__(self, call, *arguments):
        super().__init__()
        self.call, self.arguments, self.value, self.error = call, arguments, None, None
        self.start()

    def run(self):
        try:
            self.value = self.call(*self.arguments)
        except Exception as error:  # pylint: disable=broad-except
            self.error = error

    def get(self):
        self.join(300)
        if self.error:
            raise self.error
        assert not self.is_alive()
        return self.value


class QemuCrash(MachineCase):
    INSTANCE = "e2eqemu"
    OPTIONS = "--freeze-after 1000"

    def new_lab(self):
        folder = tempfile.mkdtemp(prefix="qemu-crash-")
        self.addCleanup(shutil.rmtree, folder)
        self.faults = faults.Faults(folder, "runnerd")
        lab = super().new_lab()
        lab.environment.update(self.faults.environment)
        return lab

    def setUp(self):
        super().setUp()
        # A process that is stopped does not end in order.
        self.addCleanup(os.kill, self.runnerd, signal.SIGCONT)

    # What is done

    def is_stopped(self):
        with open(f"/proc/{self.runnerd}/stat", encoding="ascii") as file:
            return self.faults.struck and file.read().rpartition(")")[2].split()[0] == "T"

    def stop_before(self, message):
        self.faults.arm(faults.SEND, faults.STOP, 1, text=message)

    def kill_when_stopped(self, at, then=None):
        """Kills the one QEMU when runnerd has stopped itself, and lets runnerd go on, to the next stop if there is one."""
        harness.eventually(f"runnerd at {at}", self.is_stopped, 120)
        self.kill_qemu()
        if then:
            self.stop_before(then)
        else:
            self.faults.arm(0, faults.COUNT)
        os.kill(self.runnerd, signal.SIGCONT)

    def kill_qemu(self):
        (_, pid), = self.lab.machines().items()
        with open(f"/proc/{pid}/comm", encoding="ascii") as file:
            self.assertRegex(file.read(), "^(qemu-system|runnerd)")  # the latter before its exec
        # The end of the last of its threads, which closes its descriptors: the first one is a zombie before.
        process = os.pidfd_open(pid)
        try:
            signal.pidfd_send_signal(process, signal.SIGKILL)
            self.assertTrue(select.select([process], [], [], 60)[0])
        finally:
            os.close(process)

    def invoke(self, name="one", **event):
        self.number += 1
        return Answer(self.caller.invoke, name, {"number": self.number, **event})

    number = 0

    def assert_served(self, answer, at):
        done = answer.get()
        self.assertEqual((done["status"], done.get("function_error"), done.get("payload")), (200, None, self.number * 2),
                         (at, done))

    def end_idle(self):
        """The environment that has served is killed while it is warm: idle, or, if this process was slow, frozen."""
        harness.eventually("it is warm", lambda: self.environments() in ({"idle": 1}, {"frozen": 1}))
        self.kill_qemu()
        self.assert_free("idle")

    def freeze(self):
        harness.eventually("it is frozen", lambda: self.environments() == {"frozen": 1})

    # The tests

    def make(self, name, **environment):
        return Answer(lambda: self.lab.function(name, FUNCTION, environment=environment or None))

    def test_while_it_boots_and_makes_a_snapshot(self):
        before = self.all_files()
        points = [SPAWNED, ATTACH, SNAPSHOT]
        self.stop_before(points[0])
        made = self.make("one")
        for point, then in zip(points, [*points[1:], None]):
            self.kill_when_stopped(point, then)
        made.get()
        self.assert_free("made")
        self.assert_served(self.invoke(), "made")
        self.end_idle()
        # In the function's own code, and when the state is saved.
        made = self.make("two", MEET="init")
        with self.listener.accept()[0]:
            self.kill_qemu()
        self.stop_before(SAVING)
        with self.listener.accept()[0] as peer:
            peer.sendall(b"!")
        self.kill_when_stopped(SAVING)
        with self.listener.accept()[0] as peer:
            peer.sendall(b"!")
        made.get()
        self.assert_served(self.invoke("two"), "made")
        self.end_idle()
        # Each boot of each attempt.
        self.stop_before(SPAWNED)
        made = self.make("three")
        for then in [SPAWNED] * (BOOTS - 1) + [None]:
            self.kill_when_stopped(SPAWNED, then)
        self.assertRaises(AssertionError, made.get)  # what the AWS CLI's waiter says of a function that failed
        failed = self.lab.aws("get-function-configuration", "--function-name", "three")
        self.assertEqual((failed["State"], failed["StateReasonCode"]), ("Failed", "InternalError"))
        self.assert_free("three failed")
        refused = self.invoke("three").get()
        self.assertEqual((refused["status"], refused["code"]), (409, "ResourceConflictException"))
        for name in ("one", "two", "three"):
            self.lab.aws("delete-function", "--function-name", name)
        harness.eventually("the end of the code files", lambda: self.all_files() <= before)
        self.assert_whole()

    def test_of_a_function_that_serves(self):
        self.make("one").get()
        self.assert_served(self.invoke(), "undisturbed")
        self.end_idle()
        before, descriptors = self.all_files(), self.descriptors()
        for at in (SPAWNED, LOADING, STARTING, RESTORED, ATTACH, INVOKE):
            self.stop_before(at)
            answer = self.invoke()
            self.kill_when_stopped(at)
            self.assert_served(answer, at)
            self.end_idle()
        self.stop_before(LOADING)
        answer = self.invoke()
        for then in (LOADING, LOADING, None):
            self.kill_when_stopped("the same for the third time", then)
        refused = answer.get()
        self.assertEqual((refused["status"], refused["code"]), (500, "ServiceException"), refused)
        self.assert_free("three were lost")

        answer = self.invoke(meet=True)
        with self.listener.accept()[0]:
            self.kill_qemu()
        lost = answer.get()
        self.assertEqual((lost["status"], lost["function_error"]), (200, "Unhandled"))
        self.assertTrue(matches(LOST, lost["payload"]), lost)
        self.assertRegex(lost["log"], r"REPORT RequestId: .*\tStatus: error\tError Type: Runtime.ExitError")
        self.assert_free("during an invocation")

        for at in (SEAL, PAUSING):
            self.stop_before(at)
            self.assert_served(self.invoke(), "after a loss")
            self.kill_when_stopped(at)
            self.assert_free(at)
        self.assert_served(self.invoke(), "after a freeze that failed")
        self.freeze()
        self.kill_qemu()
        self.assert_free("frozen")
        for at in (STARTING, THAWED, UNSEAL, INVOKE):
            self.assert_served(self.invoke(), "after a frozen one was lost")
            self.freeze()
            self.stop_before(at)
            answer = self.invoke()
            self.kill_when_stopped(at)
            self.assert_served(answer, at)
            self.end_idle()
        self.assertEqual(self.all_files() - before, set())
        harness.eventually("no descriptor is left", lambda: self.descriptors() <= descriptors)
        self.assert_whole()


if __name__ == "__main__":
    harness.main()

"""kill -9 of runnerd leaves no QEMU, no control group, no owner of a tap and no file; after its restart the functions are there."""

import os

import harness

FUNCTION = """
def handler(event, context):
    return event["number"] * 2
"""
FUNCTIONS = ("one", "two")


def files(*folders):
    """All files below the folders, with sizes left out: what is there."""
    found = set()
    for folder in folders:
        for path, _, names in os.walk(folder):
            found.update(os.path.join(path, name) for name in names)
    return found


class RunnerdCrash(harness.LabCase):
    INSTANCE = "e2erun"

    def observed_files(self):
        return files("/dev/shm", self.lab.run, self.lab.state) | {
            os.path.join("/tmp", name) for name in os.listdir("/tmp") if "caisson" in name}

    def invoke_all(self):
        for number, name in enumerate(FUNCTIONS):
            self.assertEqual(self.lab.invoke(name, {"number": number + 20}), 2 * (number + 20))

    def test_nothing_stays(self):
        vpc, subnet = self.lab.vpc("10.0.0.0/16", "10.0.1.0/24")
        self.lab.function("one", FUNCTION)
        self.lab.function("two", FUNCTION, subnet, [self.lab.group(vpc, "functions")])
        before = self.observed_files()
        self.invoke_all()

        # There is something to lose: QEMUs, each in a group and on a tap.
        machines = set(self.lab.machines().values())
        self.assertGreaterEqual(len(machines), len(FUNCTIONS))
        self.assertTrue(any(machines & owners for owners in harness.tap_owners().values()))

        runnerd = self.lab.pid("runnerd")
        self.lab.kill("runnerd")
        harness.eventually("no QEMU", lambda: self.lab.pids() == {self.lab.pid("netd"), self.lab.pid("endpointd")})
        harness.eventually("no control group", lambda: not self.lab.groups())
        owners = set().union(*harness.tap_owners().values(), set())
        self.assertFalse(owners & (machines | {runnerd}), "tap owners")
        self.assertEqual(self.observed_files() - before, set())

        self.lab.start("runnerd")
        listed = self.lab.aws("list-functions")["Functions"]
        self.assertEqual(sorted(function["FunctionName"] for function in listed), sorted(FUNCTIONS))
        for name in FUNCTIONS:
            self.lab.aws("wait", "function-active-v2", "--function-name", name)
        self.invoke_all()
        self.assertEqual(self.lab.caisson("plan"), [])


if __name__ == "__main__":
    harness.main()

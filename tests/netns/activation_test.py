"""netd as systemd runs it: sockets that are open before it, readiness, the watchdog, the unit's capabilities, and a stop
that leaves the datapath. Its protocols are spoken by the test and by systemd-socket-activate: systemd itself is PID 1 in
e2e.package.systemd."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess

from guest import Attach
from network import BUILD, Network, NetworkCase, harness, run

UNIT = os.path.join(harness.ROOT, "packaging", "systemd", "caisson-netd.service")


def bounding_set():
    """The unit's CapabilityBoundingSet as setpriv takes it."""
    with open(UNIT, encoding="utf-8") as file:
        names = re.search(r"^CapabilityBoundingSet=(.*)$", file.read(), re.MULTILINE)[1].split()
    return "-all," + ",".join("+" + name.removeprefix("CAP_").lower() for name in names)


class Manager:
    """The service manager's end of sd_notify(3)."""

    def __init__(self, path):
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.settimeout(60)
        self.socket.bind(path)

    def await_state(self, state):
        while state not in self.socket.recv(4096).decode().split("\n"):
            pass

    def close(self):
        self.socket.close()
        os.unlink(self.path)


class Activated(Network):
    """A network whose netd is started by the test."""

    def start_netd(self):
        os.makedirs(self.programs, exist_ok=True)  # a run that was killed left it
        os.makedirs(self.run, exist_ok=True)
        shutil.copy(os.path.join(BUILD, "bin", "netd"), self.programs)
        # As caisson-fabric.service does.
        run("ip", "netns", "add", self.fabric)

    def command(self, *before):
        return ["nsenter", f"--net=/run/netns/{self.host}", "--", *before, f"{self.programs}/netd",
                "--instance", self.name, "--slots", "2"]

    def spawn(self, command, environment, sockets=()):
        """LISTEN_PID is the pid of the process that netd becomes; the sockets follow standard error."""
        if not sockets:
            self.netd = subprocess.Popen(command, stdin=subprocess.DEVNULL, env={**os.environ, **environment})
            return
        fds = [made.fileno() for made in sockets]
        script = ["sh", "-c", 'LISTEN_PID=$$ WATCHDOG_PID=$$; export LISTEN_PID WATCHDOG_PID; exec "$@"', "sh"]

        def place():
            high = [os.dup2(fd, 100 + number) for number, fd in enumerate(fds)]
            for number, fd in enumerate(high):
                os.dup2(fd, 3 + number, inheritable=True)

        self.netd = subprocess.Popen(script + command, stdin=subprocess.DEVNULL, close_fds=False, preexec_fn=place,
                                     env={**os.environ, "LISTEN_FDS": str(len(fds)), **environment})

    def stop(self):
        self.netd.send_signal(signal.SIGTERM)
        status = self.netd.wait(60)
        self.netd = None
        return status


class Activation(NetworkCase):
    INSTANCE = "nsact"

    def setUp(self):
        self.net = Activated(self.INSTANCE)
        self.addCleanup(self.net.down)
        self.net.up()
        self.manager = Manager(f"{self.net.run}/notify")
        self.addCleanup(self.manager.close)

    def listening(self, kind, name):
        made = socket.socket(socket.AF_UNIX, kind)
        self.addCleanup(made.close)
        made.bind(f"{self.net.run}/{name}")
        made.listen(16)
        return made

    def start_sandboxed(self, sockets):
        """With the unit's capabilities, and a view of the mounts that gets the host's but gives none."""
        before = ["unshare", "--mount", "--propagation", "slave", "setpriv", "--bounding-set", bounding_set(),
                  "--no-new-privs"]
        self.net.spawn(self.net.command(*before), {"NOTIFY_SOCKET": self.manager.path, "WATCHDOG_USEC": "1000000"},
                       sockets)

    def test_systemd_socket_activate_starts_it(self):
        path = f"{self.net.run}/netd.sock"
        self.net.spawn(self.net.command("systemd-socket-activate", "-l", path, "-l", "127.0.0.1:4750",
                                        "-E", f"NOTIFY_SOCKET={self.manager.path}"), {})
        harness.eventually("the socket is open", lambda: os.path.exists(path))
        made = os.stat(path).st_ino
        self.assertEqual(self.net.inspect("Plan"), [])
        self.manager.await_state("READY=1")
        health = run("nsenter", f"--net=/run/netns/{self.net.host}", "--", "curl", "-sS", "--fail", "--max-time", "10",
                     "http://127.0.0.1:4750/healthz")
        self.assertIn('"ok"', health)
        self.assertEqual(os.stat(path).st_ino, made)
        self.assertEqual(self.net.stop(), 0)
        self.assertTrue(os.path.exists(path), "a socket that was passed is not netd's to remove")

    def test_a_restart_refuses_nobody_and_leaves_the_datapath(self):
        sockets = [self.listening(socket.SOCK_SEQPACKET, "attach.sock"), self.listening(socket.SOCK_STREAM, "netd.sock")]
        self.start_sandboxed(sockets)
        self.manager.await_state("READY=1")
        self.manager.await_state("WATCHDOG=1")
        self.manager.await_state("WATCHDOG=1")
        attach = Attach(f"{self.net.run}/attach.sock")
        leased, _ = attach.ask("LeaseSlot")
        self.assertIn("slot", leased)
        attach.close()
        vpc, _ = self.net.vpc("10.0.0.0/16", "10.0.1.0/24")

        self.assertEqual(self.net.stop(), 0)
        self.manager.await_state("STOPPING=1")
        # Seen from here, not from netd's view of the mounts, which is gone.
        self.assertLess({"cs0000", "cs0001", "uplink", "exit0"}, set(self.net.links(self.net.fabric)))
        filters = run("nsenter", f"--net=/run/netns/{self.net.fabric}", "--", "bpftool", "net")
        self.assertIn("cs0000", filters)
        self.assertTrue(os.path.exists(f"/sys/fs/bpf/caisson-{self.INSTANCE}/slots"))

        # Nobody serves now; who asks waits for the next netd.
        asked = harness.UnixConnection(f"{self.net.run}/netd.sock")
        self.addCleanup(asked.close)
        asked.request("POST", "/v1/DescribeVpcs", "{}")
        self.start_sandboxed(sockets)
        self.assertEqual([one["VpcId"] for one in json.loads(asked.getresponse().read())["Vpcs"]], [vpc])
        self.assertEqual(self.net.inspect("Plan"), [])
        self.assertEqual(self.net.stop(), 0)

    def test_a_socket_that_is_none_of_ours_is_refused(self):
        datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(datagrams.close)
        self.net.spawn(self.net.command(), {}, [datagrams])
        self.assertEqual(self.net.netd.wait(60), 1)


if __name__ == "__main__":
    harness.main()

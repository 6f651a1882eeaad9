"""The installed package where systemd is PID 1: units, sockets, a network, a microVM, restarts, removal.

Runs in the guest of systemd_test.py, as root, as the last unit of its boot. One story, since each step needs those
before it; a step's name and the seconds since boot go to standard output, and `passed` is the last line.
"""

import base64
import glob
import http.client
import io
import json
import os
import re
import socket
import subprocess
import sys
import time
import zipfile

CARGO = "/cargo"
SOCKETS = ("caisson-netd.socket", "caisson-attach.socket", "caisson-endpoint.socket", "caisson-endpointd.socket",
           "caisson-runnerd.socket")
DAEMONS = ("caisson-netd.service", "caisson-endpointd.service", "caisson-runnerd.service")
UNITS = len(SOCKETS) + len(DAEMONS)
# What an emulated machine inside of an emulated machine takes: minutes are for the slowest host.
PATIENCE = 300


def step(name):
    with open("/proc/uptime", encoding="ascii") as file:
        print(f"[{float(file.read().split()[0]):6.1f}] {name}", flush=True)


def run(*command, check=True):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False)
    if check and done.returncode != 0:
        raise AssertionError(f"{command}: status {done.returncode}\n{done.stdout}")
    return done.stdout


def expect(actual, wanted, what=""):
    if actual != wanted:
        raise AssertionError(f"{what} is {actual!r}, not {wanted!r}")


def show(unit, *properties):
    lines = run("systemctl", "show", unit, *(f"--property={name}" for name in properties)).splitlines()
    return dict(line.split("=", 1) for line in lines)


def states(*units):
    return run("systemctl", "is-active", *units, check=False).split()


def processes(*names):
    """The ids of processes whose names begin so."""
    found = []
    for path in glob.glob("/proc/[0-9]*/comm"):
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                if file.read().startswith(names):
                    found.append(path.split("/")[2])
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


class Connection(http.client.HTTPConnection):
    def __init__(self, name):
        super().__init__("localhost", timeout=PATIENCE)
        self.path = f"/run/caisson/{name}"

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def ask(name, method, path, body=None, wanted=200):
    connection = Connection(name)
    connection.request(method, path, None if body is None else json.dumps(body),
                       {"X-Caisson-Account": "default", "Content-Type": "application/json"})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    if answer.status != wanted:
        raise AssertionError(f"{method} {path}: {answer.status} {text}")
    return json.loads(text) if text else None


def api(action, **parameters):
    return ask("netd.sock", "POST", f"/v1/{action}", parameters)


def process_of(unit):
    """The main process's /proc/PID/status."""
    with open(f"/proc/{show(unit, 'MainPID')['MainPID']}/status", encoding="ascii") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


# The story


def install():
    run("dpkg", "--force-unsafe-io", "-i", *glob.glob(f"{CARGO}/caisson_*.deb"))
    # Nothing is started.
    expect(states(*SOCKETS, *DAEMONS), ["inactive"] * UNITS, "the units after the installation")
    expect(run("systemctl", "is-enabled", *SOCKETS, *DAEMONS, check=False).split(), ["disabled"] * UNITS)
    for image in os.listdir(f"{CARGO}/images"):
        os.symlink(f"{CARGO}/images/{image}", f"/var/cache/caisson/{image}")
    if "is current" not in run("caisson-images"):
        raise AssertionError("caisson-images does not know the images of its own recipe")


def enable():
    run("systemctl", "enable", "--now", *SOCKETS)
    expect(states(*SOCKETS, *DAEMONS), ["active"] * len(SOCKETS) + ["inactive"] * len(DAEMONS), "the units after `enable --now`")


def netd_starts_when_asked():
    expect(api("DescribeVpcs")["Vpcs"], [])
    check_daemon("caisson-netd.service", {"CAP_NET_ADMIN", "CAP_BPF", "CAP_PERFMON", "CAP_SYS_ADMIN"})
    if "cs0000" not in run("ip", "-n", "caisson", "link"):
        raise AssertionError("the fabric that the host sees has no taps")


def check_daemon(unit, capabilities):
    """It said that it is ready, and has what it needs, no more, and a filter for system calls."""
    facts = show(unit, "ActiveState", "Type", "StatusErrno", "NRestarts", "WatchdogUSec", "Result")
    expect(facts, {"ActiveState": "active", "Type": "notify", "StatusErrno": "0", "NRestarts": "0", "WatchdogUSec": "1min",
                   "Result": "success"}, unit)
    process = process_of(unit)
    wanted = sum(1 << NUMBERS[name] for name in capabilities)
    expect(int(process["CapEff"], 16), wanted, f"{unit}: effective capabilities")
    expect(int(process["CapPrm"], 16), wanted, f"{unit}: permitted capabilities")
    expect(int(process["CapBnd"], 16) & ~wanted & ~(1 << NUMBERS["CAP_SETPCAP"]), 0, f"{unit}: the bounding set's others")
    expect((process["NoNewPrivs"], process["Seccomp"]), ("1", "2"), f"{unit}: no_new_privs and seccomp")
    return process


NUMBERS = {"CAP_KILL": 5, "CAP_SETGID": 6, "CAP_SETUID": 7, "CAP_SETPCAP": 8, "CAP_NET_ADMIN": 12, "CAP_SYS_ADMIN": 21,
           "CAP_PERFMON": 38, "CAP_BPF": 39}


class Network:
    """A VPC with two members; what the one says the other hears."""

    def __init__(self):
        self.vpc = api("CreateVpc", CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        self.subnet = api("CreateSubnet", VpcId=self.vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
        self.group = api("CreateSecurityGroup", VpcId=self.vpc, GroupName="g", Description="g")["GroupId"]
        api("AuthorizeSecurityGroupIngress", GroupId=self.group, IpPermissions=[
            {"IpProtocol": "tcp", "FromPort": 7, "ToPort": 7, "UserIdGroupPairs": [{"GroupId": self.group}]}])
        self.interfaces = {name: self.member(name, address) for name, address in (("a", "10.0.1.10"), ("b", "10.0.1.11"))}
        self.server = subprocess.Popen(
            ["ip", "netns", "exec", "b", "python3", "-c",
             "import socket\n"
             "server = socket.create_server(('10.0.1.11', 7))\n"
             "print('ready', flush=True)\n"
             "while True:\n"
             "    peer, _ = server.accept()\n"
             "    peer.sendall(b'hello')\n"
             "    peer.close()\n"], stdout=subprocess.PIPE, text=True)
        expect(self.server.stdout.readline(), "ready\n", "the member's server")

    def member(self, name, address):
        # Made after netd: its view of the mounts has to get it.
        run("ip", "netns", "add", name)
        made = api("CreateNetworkInterface", SubnetId=self.subnet, PrivateIpAddress=address, Groups=[self.group])
        interface = made["NetworkInterface"]["NetworkInterfaceId"]
        api("AttachNetworkInterface", NetworkInterfaceId=interface, InstanceId=f"netns:{name}", DeviceIndex=0)
        return interface

    def check(self):
        heard = run("ip", "netns", "exec", "a", "python3", "-c",
                    "import socket; print(socket.create_connection(('10.0.1.11', 7), 60).recv(9).decode())")
        expect(heard, "hello\n", "what the member a hears of b")

    def check_record(self):
        """Accepted on both sides; and the port that no rule admits isn't."""
        refused = run("ip", "netns", "exec", "a", "python3", "-c",
                      "import socket\n"
                      "try:\n"
                      "    socket.create_connection(('10.0.1.11', 8), 2)\n"
                      "except TimeoutError:\n"
                      "    print('nothing')")
        expect(refused, "nothing\n", "the port without a rule")
        flows = run("caisson", "flows")
        for pattern in (r"10\.0\.1\.11:7 +ACCEPT", r"10\.0\.1\.11:8 +REJECT +SG_INGRESS"):
            if not re.search(pattern, flows):
                raise AssertionError(f"no {pattern} in\n{flows}")

    def check_model(self):
        expect([one["VpcId"] for one in api("DescribeVpcs")["Vpcs"]], [self.vpc], "the VPCs")
        expect(run("caisson", "plan").strip(), "Kernel and model agree.", "the plan")

    def remove(self):
        self.server.kill()
        self.server.wait()
        for name in self.interfaces:
            run("ip", "netns", "delete", name)


def runnerd_starts_when_asked():
    health = ask("runner.sock", "GET", "/healthz")
    expect((health["status"], health["netd"], health["accelerator"]), ("ok", "connected", "tcg"), "runnerd's health")
    process = check_daemon("caisson-runnerd.service", {"CAP_SETUID", "CAP_SETGID", "CAP_KILL"})
    expect(int(process["CapAmb"], 16), 0, "runnerd's ambient capabilities")
    user = run("id", "-u", "caisson-runnerd").strip()
    expect(set(process["Uid"].split()), {user}, "runnerd's user")
    # Of all that the daemons have stored it may read its own.
    for path, wanted in (("/run/caisson/attach.sock", True), ("/var/lib/caisson/runner/runner.db", True),
                         ("/var/lib/caisson/endpoint/ca.pem", True), ("/var/lib/caisson/endpoint/ca.key", False),
                         ("/var/lib/caisson/netd.db", False), ("/run/caisson/netd.sock", False)):
        expect(subprocess.run(["setpriv", "--reuid", user, "--regid", user, "--clear-groups", "test", "-r", path],
                              check=False).returncode == 0, wanted, f"whether runnerd may read {path}")


def endpointd_starts_when_asked():
    """And answers a member: past the filter on addresses that netd's unit has for its sockets."""
    health = ask("endpointd.sock", "GET", "/healthz")
    expect((health["status"], health["netd"]), ("ok", "connected"), "endpointd's health")
    process = check_daemon("caisson-endpointd.service", set())
    expect(set(process["Uid"].split()), {run("id", "-u", "caisson-endpointd").strip()}, "endpointd's user")
    heard = run("ip", "netns", "exec", "a", "python3", "-c",
                "import socket\n"
                "here = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
                "here.settimeout(60)\n"
                "name = b'\\x0cip-10-0-1-11\\x03ec2\\x08internal\\0'\n"
                "here.sendto(b'ab\\x01\\0\\0\\x01' + bytes(6) + name + b'\\0\\x01\\0\\x01', ('169.254.169.253', 53))\n"
                "print(socket.inet_ntoa(here.recv(512)[-4:]))")
    expect(heard, "10.0.1.11\n", "what the resolver answers a member")


def start_function(network):
    """A function's microVM, as far as an emulated machine within an emulated machine gets in a minute: its QEMU runs the
    guest, in all that the unit and runnerd put around it. What it does when it has booted is for other tests."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("app.py", "def handler(event, context): return event")
    made = ask("runner.sock", "POST", "/2015-03-31/functions",
               {"FunctionName": "f", "Runtime": "python3.11", "Handler": "app.handler",
                "Role": "arn:aws:iam::000000000001:role/r",
                "Code": {"ZipFile": base64.b64encode(archive.getvalue()).decode()},
                "VpcConfig": {"SubnetIds": [network.subnet], "SecurityGroupIds": [network.group]}}, 201)
    expect(made["State"], "Pending", "the function")
    pid = eventually("QEMU runs", lambda: processes("qemu-system"))[0]

    def cpu_seconds():
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return sum(map(int, file.read().rpartition(")")[2].split()[11:13])) / os.sysconf("SC_CLK_TCK")

    eventually("QEMU runs its guest", lambda: cpu_seconds() > 3)
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        facts = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    uid = int(facts["Uid"].split()[0])
    if not 200000 <= uid < 201000:
        raise AssertionError(f"QEMU runs as {uid}")
    expect((int(facts["CapEff"], 16), facts["NoNewPrivs"], facts["Seccomp"]), (0, "1", "2"), "QEMU's privileges")
    with open(f"/proc/{pid}/cgroup", encoding="ascii") as file:
        group = file.read().strip().removeprefix("0::")
    expect(group, f"/system.slice/caisson-runnerd.service/caisson/vm-{uid}", "QEMU's control group")
    with open(f"/sys/fs/cgroup{group}/memory.max", encoding="ascii") as file:
        if int(file.read()) > 1 << 30:
            raise AssertionError("QEMU's memory has hardly a limit")
    if "/dev/net/tun" not in {os.readlink(path) for path in glob.glob(f"/proc/{pid}/fd/*")}:
        raise AssertionError("QEMU has no tap")
    return pid


def eventually(what, condition):
    """There is a deadline and no event to wait on."""
    deadline = time.monotonic() + PATIENCE
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {PATIENCE} s: {what}")
        time.sleep(0.2)
    return value


def restart(unit):
    before = show(unit, "MainPID")["MainPID"]
    run("systemctl", "restart", unit)
    if show(unit, "MainPID")["MainPID"] == before:
        raise AssertionError(f"{unit} has not been restarted")
    expect(states(*SOCKETS, *DAEMONS), ["active"] * UNITS, f"the units after the restart of {unit}")


def check_ratings():
    """As systemd rates what the units leave to their processes; 0: nothing, 10: all."""
    for unit, most in (("caisson-netd.service", 3.3), ("caisson-endpointd.service", 2.0),
                       ("caisson-runnerd.service", 3.8), ("caisson-fabric.service", 3.9)):
        text = run("systemd-analyze", "security", "--no-pager", unit, check=False)
        rating = float(re.search(r"Overall exposure level.*: (\d+\.\d+)", text)[1])
        print(f"         {unit}: {rating}")
        if rating > most:
            raise AssertionError(f"{unit} is rated {rating}, above {most}\n{text}")


def check_journal():
    """No daemon was refused anything by its unit, and none of our units failed."""
    expect(run("systemctl", "list-units", "--failed", "--plain", "--no-legend").strip(), "", "the units that failed")
    warnings = run("journalctl", "--quiet", "--no-pager", "-p", "warning", *(f"--unit={unit}" for unit in DAEMONS))
    for line in warnings.splitlines():
        if "ermission" in line or "ermitted" in line or "ailed" in line:
            raise AssertionError(f"in the journal: {line}")


def stop():
    run("systemctl", "stop", *SOCKETS, *DAEMONS)
    expect(states(*SOCKETS, *DAEMONS), ["inactive"] * UNITS, "the units after the stop")
    expect(processes("netd", "endpointd", "runnerd", "qemu-system", "caisson"), [], "the processes after the stop")


def purge():
    run("dpkg", "--purge", "caisson")
    for path in ("/run/netns/caisson", "/sys/fs/bpf/caisson", "/var/lib/caisson", "/var/cache/caisson", "/run/caisson",
                 "/etc/default/caisson", *glob.glob("/etc/systemd/system/*/caisson*"),
                 *glob.glob("/sys/fs/cgroup/**/*caisson-[ner]*", recursive=True)):
        if os.path.exists(path):
            raise AssertionError(f"{path} is left")
    expect(run("nft", "list", "tables").strip(), "", "the nft tables")
    expect(sorted(os.listdir("/sys/class/net")), NETWORK_DEVICES, "the network devices")
    for kind, name in (("group", "caisson"), ("group", "caisson-runnerd"), ("passwd", "caisson-runnerd"),
                       ("passwd", "caisson-endpointd")):
        expect(run("getent", kind, name, check=False), "", f"the {kind} {name}")
    expect(run("systemctl", "list-units", "--all", "--plain", "--no-legend", "caisson-*.s*").strip(), UNIT_OF_TEST,
           "systemd's units of ours")


NETWORK_DEVICES = sorted(os.listdir("/sys/class/net"))
UNIT_OF_TEST = ""


def main():
    story = [("installs", install), ("sockets are enabled", enable), ("a request starts netd", netd_starts_when_asked)]
    for name, action in story:
        step(name)
        action()
    step("members of a subnet exchange bytes")
    network = Network()
    network.check()
    network.check_record()
    network.check_model()
    step("a request starts endpointd")
    endpointd_starts_when_asked()
    step("a request starts runnerd")
    runnerd_starts_when_asked()
    step("a function's microVM runs")
    machine = start_function(network)
    step("netd is restarted")
    restart("caisson-netd.service")
    network.check_model()
    network.check()
    if not os.path.exists(f"/proc/{machine}"):
        raise AssertionError("netd's restart has ended a microVM")
    step("runnerd is restarted")
    restart("caisson-runnerd.service")
    if os.path.exists(f"/proc/{machine}"):
        raise AssertionError("a microVM has outlived runnerd")
    found = ask("runner.sock", "GET", "/2015-03-31/functions/")["Functions"]
    expect([one["FunctionName"] for one in found], ["f"], "the functions after runnerd's restart")
    network.check_model()
    step("the units' ratings and the journal")
    check_ratings()
    check_journal()
    step("all is stopped")
    stop()
    network.check()
    network.remove()
    step("the package is purged")
    purge()
    step("passed")


try:
    main()
except BaseException as failed:  # noqa: the report is all that leaves this machine
    print(f"FAILED: {failed!r}", flush=True)
    print(run("journalctl", "--no-pager", "--unit=caisson-*", check=False)[-6000:], flush=True)
    raise

"""A lab of a test's own, and the clients that drive it: HTTP for the VPC API, the stock AWS CLI for functions."""

import http.client
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import zipfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TOOLS = os.path.join(ROOT, "tests", "e2e", "tools")
# Unpacked by ./dev: an installed prometheus would be a service.
PROMTOOL = os.path.join(os.environ.get("CAISSON_BUILD", os.path.join(ROOT, "build")), "tools", "promtool")


class ApiError(Exception):
    """The daemon's answer was an error: `code` is EC2's or Lambda's."""

    def __init__(self, status, code, message):
        super().__init__(f"{status} {code}: {message}")
        self.code = code


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=60)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def eventually(what, condition, seconds=30):
    """Waits until condition() is true; the value is returned. There is a deadline and no event to wait on."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.01)


class Tool:
    """A process of the test in one of the lab's namespaces that prints JSON lines; it is ended with the lab."""

    def __init__(self, namespace, command):
        self.process = subprocess.Popen(
            ["nsenter", f"--net=/run/netns/{namespace}", "--", *command],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)

    def line(self):
        """The next line, decoded; the tool's end is an error."""
        text = self.process.stdout.readline()
        if not text:
            raise AssertionError(f"{self.process.args[3:]} ended with status {self.process.wait()}")
        return json.loads(text)

    def finish(self, seconds=60):
        """Closes the tool's stdin, which ends it, and returns its last line."""
        out, _ = self.process.communicate(timeout=seconds)
        return json.loads(out.strip().splitlines()[-1])

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            pipe.close()


class Lab:
    """With `test_images` there is the runtime "provided.root": Python with scapy, whose handlers are root in their
    guest, with all capabilities (tests/images/build-images)."""

    def __init__(self, name, test_images=False):
        self.name = name
        self.environment = {**os.environ, "CAISSON_TEST_IMAGES": "1" if test_images else ""}
        self.run = f"/run/caisson-{name}"
        self.state = f"/var/lib/caisson-{name}"
        self.host = f"caisson-{name}-host"
        self.tools = []

    def dev(self, *arguments, check=True):
        return subprocess.run([os.path.join(ROOT, "dev"), "lab", *arguments], check=check, text=True,
                              env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)

    def up(self):
        self.down()
        self.dev("up", "--instance", self.name)

    def down(self):
        for tool in self.tools:
            tool.kill()
        self.tools.clear()
        self.dev("down", "--instance", self.name)

    def execute(self, *command):
        """CMD in the lab's host namespace; its standard output."""
        done = subprocess.run([os.path.join(ROOT, "dev"), "lab", "exec", "--instance", self.name, *command],
                              text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if done.returncode != 0:
            raise AssertionError(f"{command}: status {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    # The daemons

    def pid(self, daemon):
        with open(f"{self.run}.pids/{daemon}", encoding="ascii") as file:
            return int(file.read().split()[0])

    def kill(self, daemon):
        pid = self.pid(daemon)
        os.kill(pid, signal.SIGKILL)
        eventually(f"the end of {daemon}", lambda: not process_runs(pid))

    def start(self, daemon):
        self.dev("start", "--instance", self.name, daemon)

    def machines(self):
        """Every QEMU, by the user it runs as: the processes in the instance's control groups."""
        machines = {}
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/cgroup", encoding="ascii") as file:
                    found = re.search(rf"/caisson-{self.name}/vm-(\d+)$", file.read(), re.MULTILINE)
            except (FileNotFoundError, ProcessLookupError):
                continue
            if found and process_runs(int(pid)):
                machines[int(found[1])] = int(pid)
        return machines

    def groups(self):
        """The folders of the instance's control groups."""
        return {path for path, _, _ in os.walk("/sys/fs/cgroup") if f"/caisson-{self.name}" in path}

    def pids(self):
        """The processes in the host's namespace, the daemons, and every QEMU, which have namespaces of their own."""
        done = subprocess.run(["ip", "netns", "pids", self.host], check=True, text=True, stdout=subprocess.PIPE)
        return {int(pid) for pid in done.stdout.split() if process_runs(int(pid))} | set(self.machines().values())

    # The VPC API

    def api(self, action, account="default", **parameters):
        connection = UnixConnection(f"{self.run}/netd.sock")
        headers = {"Content-Type": "application/json", "X-Caisson-Account": account}
        try:
            connection.request("POST", f"/v1/{action}", json.dumps(parameters), headers)
            answer = connection.getresponse()
            body = json.loads(answer.read())
        finally:
            connection.close()
        if answer.status != 200:
            raise ApiError(answer.status, body["Error"]["Code"], body["Error"]["Message"])
        return body

    def caisson(self, *arguments):
        return json.loads(self.execute("caisson", "--json", *arguments))

    def vpc(self, cidr, subnet_cidr):
        vpc = self.api("CreateVpc", CidrBlock=cidr)["Vpc"]["VpcId"]
        return vpc, self.api("CreateSubnet", VpcId=vpc, CidrBlock=subnet_cidr)["Subnet"]["SubnetId"]

    def group(self, vpc, name, *ingress):
        """A security group that admits `ingress`: (protocol, port, CIDR or group)."""
        group = self.api("CreateSecurityGroup", GroupName=name, Description=name, VpcId=vpc)["GroupId"]
        for protocol, port, source in ingress:
            permission = {"IpProtocol": protocol, "FromPort": port, "ToPort": port}
            if source == "self":
                source = group
            if source.startswith("sg-"):
                permission["UserIdGroupPairs"] = [{"GroupId": source}]
            else:
                permission["IpRanges"] = [{"CidrIp": source}]
            self.api("AuthorizeSecurityGroupIngress", GroupId=group, IpPermissions=[permission])
        return group

    def member(self, name, subnet, address, groups):
        """A network namespace plugged into a subnet; its name."""
        namespace = f"caisson-{self.name}-{name}"
        subprocess.run(["ip", "netns", "add", namespace], check=True)
        eni = self.api("CreateNetworkInterface", SubnetId=subnet, PrivateIpAddress=address, Groups=groups)
        self.api("AttachNetworkInterface", NetworkInterfaceId=eni["NetworkInterface"]["NetworkInterfaceId"],
                 InstanceId=f"netns:{namespace}", DeviceIndex=0)
        return namespace

    def tool(self, namespace, script, *arguments):
        tool = Tool(namespace, ["/usr/bin/python3", "-u", os.path.join(TOOLS, script), *map(str, arguments)])
        self.tools.append(tool)
        return tool

    def client(self, script, *arguments):
        """A tool that is a client of the daemons, with the lab's region and credentials."""
        tool = Tool(self.host, [os.path.join(ROOT, "dev"), "lab", "exec", "--instance", self.name, "/usr/bin/python3",
                                "-u", os.path.join(TOOLS, script), *map(str, arguments)])
        self.tools.append(tool)
        return tool

    # Functions, by the stock AWS CLI

    def aws(self, *arguments):
        out = self.execute("aws", "lambda", *arguments, "--endpoint-url", "http://127.0.0.1:4751", "--output", "json")
        return json.loads(out) if out.strip() else None

    def function(self, name, source, subnet=None, groups=(), environment=None, timeout=30, runtime="python3.11",
                 memory=128, file_name="app.py", wait=True):
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr(file_name, source)
        with tempfile.NamedTemporaryFile(suffix=".zip") as file:
            file.write(archive.getvalue())
            file.flush()
            arguments = ["create-function", "--function-name", name, "--runtime", runtime, "--handler",
                         "app.handler", "--role", "arn:aws:iam::000000000001:role/test", "--timeout", str(timeout),
                         "--memory-size", str(memory), "--zip-file", f"fileb://{file.name}"]
            if subnet:
                arguments += ["--vpc-config", f"SubnetIds={subnet},SecurityGroupIds={','.join(groups)}"]
            if environment:
                arguments += ["--environment", json.dumps({"Variables": environment})]
            self.aws(*arguments)
        if wait:
            self.aws("wait", "function-active-v2", "--function-name", name)

    def invoke_raw(self, name, event=None, *options):
        """(what the CLI prints, the function's answer or error document)"""
        with tempfile.NamedTemporaryFile("r", suffix=".json") as file:
            done = self.aws("invoke", "--function-name", name, "--payload", json.dumps(event or {}), *options,
                            "--cli-binary-format", "raw-in-base64-out", "--cli-read-timeout", "120", file.name)
            return done, json.load(file)

    def invoke(self, name, event=None):
        """The function's answer; a function error is an error of the test."""
        done, answer = self.invoke_raw(name, event)
        if "FunctionError" in done:
            raise AssertionError(f"{name}: {answer}")
        return answer

    def logs(self):
        text = ""
        for daemon in ("netd", "endpointd", "runnerd"):
            try:
                with open(f"{self.run}/{daemon}.log", encoding="utf-8", errors="replace") as file:
                    text += f"== {daemon}\n" + "".join(file.readlines()[-60:])
            except FileNotFoundError:
                pass
        return text


def process_runs(pid):
    """False also for a zombie, if its other threads have ended, too: until then its files and locks are held."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            state = file.read().rpartition(")")[2].split()[0]
        return state not in "ZX" or len(os.listdir(f"/proc/{pid}/task")) > 1
    except (FileNotFoundError, ProcessLookupError):
        return False


def tap_owners():
    """The processes that hold a tap's queue open, by the taps' names."""
    owners = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            for fd in os.listdir(f"/proc/{pid}/fd"):
                if os.readlink(f"/proc/{pid}/fd/{fd}") == "/dev/net/tun":
                    with open(f"/proc/{pid}/fdinfo/{fd}", encoding="ascii") as file:
                        name = re.search(r"^iff:\s*(\S+)", file.read(), re.MULTILINE)
                    owners.setdefault(name[1] if name else "", set()).add(int(pid))
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    return owners


class LabCase(unittest.TestCase):
    """A test with a lab of its own, named by INSTANCE; it is removed after the test whatever happened."""

    INSTANCE = ""
    TEST_IMAGES = False

    def check_metrics(self, socket, *names):
        """That promtool takes what a daemon says, and that these metrics are in it; the text."""
        connection = UnixConnection(f"{self.lab.run}/{socket}")
        self.addCleanup(connection.close)
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        done = subprocess.run([PROMTOOL, "check", "metrics"], input=text, capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))
        described = {line.split()[2] for line in text.splitlines() if line.startswith("# HELP ")}
        self.assertEqual(described, {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE ")})
        self.assertLessEqual(set(names), described)
        return text

    def setUp(self):
        self.lab = self.new_lab()
        self.addCleanup(self.lab.down)
        # ctest shows a test's output when the test has failed.
        self.addCleanup(self.print_logs)
        self.lab.up()

    def new_lab(self):
        return Lab(self.INSTANCE, self.TEST_IMAGES)

    def print_logs(self):
        print(self.lab.logs(), file=sys.stderr)


def main():
    if os.geteuid() != 0:
        sys.exit("these tests need root")
    unittest.main(verbosity=2)

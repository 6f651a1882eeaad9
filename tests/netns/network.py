"""netd in a host namespace of its own, an "internet" behind it, and sockets in any of the namespaces."""

import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
import harness  # noqa: E402

CLONE_NEWNET = 0x40000000
INTERNET = "198.51.100.10"
BUILD = os.environ.get("CAISSON_BUILD", os.path.join(harness.ROOT, "build"))
LIBC = ctypes.CDLL(None, use_errno=True)


def socket_in(namespace, *arguments):
    """A socket of the namespace; it stays there, whoever uses it."""
    made = []

    def make():
        with open(f"/run/netns/{namespace}", encoding="ascii") as file:
            if LIBC.setns(file.fileno(), CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")
        made.append(socket.socket(*arguments))

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    made[0].settimeout(60)
    return made[0]


def run(*command, check=True):
    return subprocess.run(command, check=check, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE).stdout


class Network(harness.Lab):
    """A lab without runnerd: all that it makes bears the instance's name, so down() finds it whatever is left."""

    def __init__(self, name, slots=4):
        super().__init__(name)
        self.slots = slots
        self.fabric = f"caisson-{name}"
        self.internet = f"caisson-{name}-internet"
        self.programs = f"{self.state}.bin"
        self.netd = None
        self.environment = {}
        self.options = ()
        self.sockets = []

    def up(self):
        self.down()
        # A copy: netd gives up the capability to read a folder that is closed to others.
        os.makedirs(self.programs)
        shutil.copy(os.path.join(BUILD, "bin", "netd"), self.programs)
        self.make_host()
        self.start_netd()

    def make_host(self):
        if not os.path.ismount("/sys/fs/bpf"):
            run("mount", "-t", "bpf", "bpf", "/sys/fs/bpf")
        for namespace in (self.host, self.internet):
            run("ip", "netns", "add", namespace)
            run("ip", "-n", namespace, "link", "set", "lo", "up")
        run("ip", "-n", self.host, "link", "add", "out", "type", "veth", "peer", "name", "in", "netns", self.internet)
        for namespace, device, address in ((self.host, "out", "192.0.2.1/24"), (self.internet, "in", "192.0.2.2/24")):
            run("ip", "-n", namespace, "address", "add", address, "dev", device)
            run("ip", "-n", namespace, "link", "set", device, "up")
        run("ip", "-n", self.host, "route", "add", "default", "via", "192.0.2.2")
        run("ip", "-n", self.internet, "address", "add", f"{INTERNET}/32", "dev", "lo")

    def start_netd(self):
        self.spawn_netd()
        harness.eventually("netd listens", self.answers, seconds=120)

    def spawn_netd(self, *options, **streams):
        self.netd = subprocess.Popen(["nsenter", f"--net=/run/netns/{self.host}", "--", f"{self.programs}/netd",
                                      "--instance", self.name, "--slots", str(self.slots), *self.options, *options],
                                     stdin=subprocess.DEVNULL, env={**os.environ, **self.environment}, **streams)

    def restart_netd(self):
        self.netd.terminate()
        self.netd.wait(30)
        self.start_netd()

    def answers(self):
        if self.netd.poll() is not None:
            raise AssertionError(f"netd ended with status {self.netd.returncode}")
        try:
            self.inspect("Plan")
            return True
        except OSError:
            return False

    def down(self):
        for made in self.sockets:
            made.close()
        self.sockets.clear()
        if self.netd is not None:
            self.netd.terminate()
            self.netd.wait(30)
            self.netd = None
        for namespace in self.namespaces():
            # A netd of a run that was killed; the namespaces bear our name, so what is in them is ours.
            for pid in map(int, run("ip", "netns", "pids", namespace).split()):
                os.kill(pid, signal.SIGKILL)
                harness.eventually("the end of a left netd", lambda left=pid: not harness.process_runs(left))
            run("ip", "netns", "delete", namespace)
        for folder in (self.run, self.state, self.programs, f"/sys/fs/bpf/caisson-{self.name}"):
            shutil.rmtree(folder, ignore_errors=True)

    def namespaces(self):
        names = [line.split()[0] for line in run("ip", "netns", "list").splitlines() if line]
        return [name for name in names if name == self.fabric or name.startswith(f"{self.fabric}-")]

    def inspect(self, what):
        """What the action lists, all pages of it."""
        name = what.replace("Describe", "")
        answer = self.api(what)
        found = answer[name]
        while "NextToken" in answer:
            answer = self.api(what, NextToken=answer["NextToken"])
            found += answer[name]
        return found

    def socket(self, namespace, *arguments):
        made = socket_in(namespace, *arguments)
        self.sockets.append(made)
        return made

    def links(self, namespace):
        return [link["ifname"] for link in json.loads(run("ip", "-n", namespace, "-j", "link"))]

    def checksums_in_software(self, *namespaces):
        """Off with what hides a wrong checksum: afterwards senders write it and receivers verify it."""
        for namespace in (self.fabric, self.host, self.internet, *namespaces):
            for device in self.links(namespace):
                if device != "lo" and not device.startswith(("br-", "cs")):
                    run("nsenter", f"--net=/run/netns/{namespace}", "--",
                        "ethtool", "-K", device, "tx", "off", "rx", "off")

    def interface_of(self, namespace):
        for interface in self.api("DescribeNetworkInterfaces")["NetworkInterfaces"]:
            if interface.get("Attachment", {}).get("InstanceId") == f"netns:{namespace}":
                return interface["NetworkInterfaceId"]
        raise AssertionError(f"no network interface of {namespace}")

    def packets(self, what, **where):
        """Sum of the packets of all records of "Flows" or "Drops" with these members."""
        return sum(record["Packets"] for record in self.inspect(f"Describe{what}")
                   if all(record[name] == value for name, value in where.items()))

    def metric(self, name):
        """The value of one line of GET /metrics: a name, with its labels if it has any; 0 if there is none."""
        connection = harness.UnixConnection(f"{self.run}/netd.sock")
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        connection.close()
        for line in text.splitlines():
            if line.startswith(name + " "):
                return float(line.split()[-1])
        return 0.0

    def delete_all(self):
        for interface in self.api("DescribeNetworkInterfaces")["NetworkInterfaces"]:
            if "Attachment" in interface:
                self.api("DetachNetworkInterface", AttachmentId=interface["Attachment"]["AttachmentId"])
            self.api("DeleteNetworkInterface", NetworkInterfaceId=interface["NetworkInterfaceId"])
        for rule in self.api("DescribeSecurityGroupRules")["SecurityGroupRules"]:
            action = "RevokeSecurityGroupEgress" if rule["IsEgress"] else "RevokeSecurityGroupIngress"
            self.api(action, GroupId=rule["GroupId"], SecurityGroupRuleIds=[rule["SecurityGroupRuleId"]])
        for group in self.api("DescribeSecurityGroups")["SecurityGroups"]:
            if group["GroupName"] != "default":
                self.api("DeleteSecurityGroup", GroupId=group["GroupId"])
        endpoints = [row["VpcEndpointId"] for row in self.api("DescribeVpcEndpoints")["VpcEndpoints"]]
        self.api("DeleteVpcEndpoints", VpcEndpointIds=endpoints)
        for subnet in self.api("DescribeSubnets")["Subnets"]:
            self.api("DeleteSubnet", SubnetId=subnet["SubnetId"])
        for table in self.api("DescribeRouteTables")["RouteTables"]:
            if not table["Associations"]:
                self.api("DeleteRouteTable", RouteTableId=table["RouteTableId"])
        for vpc in self.api("DescribeVpcs")["Vpcs"]:
            self.api("DeleteVpc", VpcId=vpc["VpcId"])


class NetworkCase(unittest.TestCase):
    INSTANCE = ""
    SLOTS = 4
    OPTIONS = ()

    def setUp(self):
        self.net = Network(self.INSTANCE, self.SLOTS)
        self.net.options = self.OPTIONS
        self.addCleanup(self.net.down)
        self.net.up()

    def assert_packets(self, wanted, what, **where):
        """There come to be so many of network.packets(): what a socket sent may be taken from its veth only later, by the
        kernel's own thread, when the processor has much to do."""
        harness.eventually(f"{wanted} packets: {where}", lambda: self.net.packets(what, **where) >= wanted, seconds=60)
        self.assertEqual(self.net.packets(what, **where), wanted)

    def assert_nothing_left(self):
        self.assertEqual(self.net.inspect("Plan"), [])
        self.assertEqual([name for name in self.net.links(self.net.fabric) if name.startswith(("br-", "cm"))], [])

"""Commands that fill a network and empty it again, and what has to hold after each, whatever came in between."""

import json
import os
import shutil
import unittest

import faults
import network
from guest import Attach
from network import harness, run

SUBNET = {"CidrBlock": "10.0.1.0/24"}
VPC = {"CidrBlock": "10.0.0.0/16"}
ADDRESS = "10.0.1.10"
ACCOUNT = "000000000001"
DESCRIBED = ("Vpcs", "Subnets", "RouteTables", "NetworkAcls", "SecurityGroups", "SecurityGroupRules",
             "NetworkInterfaces")


class Crashing(network.Network):
    """A network whose netd is started with the faults' library."""

    def prepare(self):
        self.down()
        os.makedirs(self.programs)
        shutil.copy(os.path.join(network.BUILD, "bin", "netd"), self.programs)
        self.faults = faults.Faults(self.programs, "netd")
        self.environment = self.faults.environment
        self.make_host()

    def kill(self):
        self.netd.kill()
        self.ended()

    def ended(self):
        self.netd.wait(60)
        self.netd = None

    def leaked(self):
        return self.metric("caisson_leaked_objects")

    def metric(self, name):
        connection = harness.UnixConnection(f"{self.run}/netd.sock")
        try:
            connection.request("GET", "/metrics")
            for line in connection.getresponse().read().decode().splitlines():
                if line.startswith(name + " "):
                    return float(line.split()[1])
        finally:
            connection.close()
        raise AssertionError(f"there is no metric {name}")

    def find(self, what, **members):
        for one in self.api(f"Describe{what}")[what]:
            if all(one[name] == value for name, value in members.items()):
                return one
        return None

    def described(self):
        """The whole model, ids and times put into an order that two equal models share."""
        text = json.dumps({what: self.api(f"Describe{what}")[what] for what in DESCRIBED})
        model = json.loads(text, object_pairs_hook=lambda pairs: {
            name: value for name, value in pairs if name not in ("AttachTime", "MacAddress", "PrivateDnsName")})
        return sorted(json.dumps(resource, sort_keys=True) for what in DESCRIBED
                      for resource in without_ids(model[what]))


def without_ids(value):
    """Random ids by their kind alone: two models that differ only in them are equal."""
    if isinstance(value, dict):
        return {name: without_ids(member) for name, member in value.items()}
    if isinstance(value, list):
        return sorted((without_ids(item) for item in value), key=lambda item: json.dumps(item, sort_keys=True))
    if isinstance(value, str) and "-0" in value and len(value.rpartition("-")[2]) == 17:
        return value.rpartition("-")[0]
    return value


class CommandsCase(unittest.TestCase):
    INSTANCE = ""
    SLOTS = 2

    def setUp(self):
        self.net = Crashing(self.INSTANCE)
        self.addCleanup(self.net.down)
        self.net.slots = self.SLOTS
        self.net.prepare()

    def start(self):
        """A start with nothing in its way, which must leave the kernel as the model wants it."""
        self.net.faults.arm(0, faults.COUNT)
        self.net.start_netd()
        self.assert_whole()

    def assert_whole(self):
        self.assertEqual(self.net.inspect("Plan"), [])
        self.assertEqual(self.net.leaked(), 0)
        # And so it looks from outside: nothing without a mark, nothing down, each member's device has its address.
        links = json.loads(run("ip", "-n", self.net.fabric, "-j", "-d", "link"))
        ours = [link for link in links if link["ifname"].startswith(("br-", "cm", "cs", "uplink", "exit"))]
        self.assertEqual([link["ifname"] for link in ours if not link.get("ifalias", "").startswith("caisson:")], [])
        self.assertEqual([link["ifname"] for link in ours if "UP" not in link["flags"]], [])
        subnets = self.net.api("DescribeSubnets")["Subnets"]
        managed = 1 if any(link["ifname"].startswith("br-") for link in ours) and self.managed else 0
        self.assertEqual(sum(link["ifname"].startswith("br-") for link in ours), len(subnets) + managed)
        attached = [one for one in self.net.api("DescribeNetworkInterfaces")["NetworkInterfaces"]
                    if one.get("Attachment", {}).get("InstanceId", "").startswith("netns:")]
        self.assertEqual(sum(link["ifname"].startswith("cm") for link in ours), len(attached))
        for one in attached:
            namespace = one["Attachment"]["InstanceId"].removeprefix("netns:")
            device = json.loads(run("ip", "-n", namespace, "-j", "address", "show", "eth0"))[0]
            self.assertEqual((device["address"], [address["local"] for address in device["addr_info"] if address["family"] == "inet"]),
                             (one["MacAddress"], [one["PrivateIpAddress"]]))
            self.assertIn("UP", device["flags"])
            self.assertEqual(len(json.loads(run("ip", "-n", namespace, "-j", "route", "show", "default"))), 1)

    managed = False

    # The commands, each with what takes it back

    def commands(self):
        api, find = self.net.api, self.net.find
        namespace = f"{self.net.fabric}-member"
        run("ip", "netns", "add", namespace)

        def vpc():
            return find("Vpcs", **VPC)["VpcId"]

        def subnet():
            return find("Subnets", **SUBNET)["SubnetId"]

        def group():
            return find("SecurityGroups", GroupName="members")["GroupId"]

        def interface():
            return find("NetworkInterfaces", PrivateIpAddress=ADDRESS)

        rule = [{"IpProtocol": "udp", "FromPort": 5000, "ToPort": 5001, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}]
        functions = {"account": ACCOUNT, "user": "function"}
        return [
            ("VPC", lambda: api("CreateVpc", **VPC), lambda: api("DeleteVpc", VpcId=vpc())),
            ("subnet", lambda: api("CreateSubnet", VpcId=vpc(), **SUBNET),
             lambda: api("DeleteSubnet", SubnetId=subnet())),
            ("group", lambda: api("CreateSecurityGroup", GroupName="members", Description="x", VpcId=vpc()),
             lambda: api("DeleteSecurityGroup", GroupId=group())),
            ("interface",
             lambda: api("CreateNetworkInterface", SubnetId=subnet(), PrivateIpAddress=ADDRESS, Groups=[group()]),
             lambda: api("DeleteNetworkInterface", NetworkInterfaceId=interface()["NetworkInterfaceId"])),
            ("member",
             lambda: api("AttachNetworkInterface", NetworkInterfaceId=interface()["NetworkInterfaceId"],
                         InstanceId=f"netns:{namespace}", DeviceIndex=0),
             lambda: api("DetachNetworkInterface", AttachmentId=interface()["Attachment"]["AttachmentId"])),
            ("rule", lambda: api("AuthorizeSecurityGroupIngress", GroupId=group(), IpPermissions=rule),
             lambda: api("RevokeSecurityGroupIngress", GroupId=group(), IpPermissions=rule)),
            ("function interface",
             lambda: self.ask("EnsureFunctionInterface", **functions, subnets=[subnet()], groups=[group()]),
             lambda: self.ask("ReleaseFunctionInterface", **functions)),
            ("slot", self.bind, self.unbind),
        ]

    def ask(self, operation, **members):
        attach = Attach(f"{self.net.run}/attach.sock")
        try:
            return attach.ask(operation, **members)
        finally:
            attach.close()

    def bind(self):
        """A slot's whole life; nothing of it stays but what the connection's end gives back."""
        interfaces, _ = self.ask("EnsureFunctionInterface", account=ACCOUNT, user="function",
                                 subnets=[self.net.find("Subnets", **SUBNET)["SubnetId"]],
                                 groups=[self.net.find("SecurityGroups", GroupName="members")["GroupId"]])
        attach = Attach(f"{self.net.run}/attach.sock")
        try:
            leased, tap = attach.ask("LeaseSlot")
            os.close(tap[0])
            attach.ask("Attach", slot=leased["slot"], eni=interfaces["interfaces"][0]["id"])
            for operation in ("Seal", "Unseal", "Detach", "ReturnSlot"):
                attach.ask(operation, slot=leased["slot"])
        finally:
            attach.close()

    def unbind(self):
        pass

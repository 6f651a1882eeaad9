"""What an API call takes at 1,000 VPCs beside 10: two daemons at once, asked in turn, so that both see the same machine."""

import contextlib
import time

from bench import percentile, row, say, sized
from netd import Netd

SMALL = {"vpcs": 10, "interfaces": 50}
LARGE = {"vpcs": sized(1000, 20), "interfaces": sized(5000, 60)}
CALLS = sized(300, 20)
READS = sized(30, 3)


def milliseconds(work):
    began = time.perf_counter()
    result = work()
    return (time.perf_counter() - began) * 1000, result


class Subject:
    """One daemon, and the calls that are measured at it."""

    def __init__(self, netd, made):
        self.netd = netd
        self.vpcs = made["Vpcs"]
        self.connection = netd.connect()
        self.samples = {}

    def measure(self, metric, action, **parameters):
        took, reply = milliseconds(lambda: self.connection.call(action, **parameters))
        self.samples.setdefault(metric, []).append(took)
        return reply

    def change(self, turn):
        """A subnet, an interface and a rule in one of the VPCs; then all of it is taken back."""
        place = self.vpcs[turn % len(self.vpcs)]
        block = self.connection.call("DescribeVpcs", VpcIds=[place["VpcId"]])["Vpcs"][0]["CidrBlock"]
        network = block.rsplit(".", 2)[0]
        subnet = self.measure("create_subnet", "CreateSubnet", VpcId=place["VpcId"],
                              CidrBlock=f"{network}.{200 + turn // len(self.vpcs) % 50}.0/24")["Subnet"]["SubnetId"]
        interface = self.measure("create_network_interface", "CreateNetworkInterface",
                                 SubnetId=subnet)["NetworkInterface"]
        group = interface["Groups"][0]["GroupId"]
        permission = [{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}]
        self.measure("authorize_ingress", "AuthorizeSecurityGroupIngress", GroupId=group, IpPermissions=permission)
        self.measure("revoke_ingress", "RevokeSecurityGroupIngress", GroupId=group, IpPermissions=permission)
        self.measure("delete_network_interface", "DeleteNetworkInterface",
                     NetworkInterfaceId=interface["NetworkInterfaceId"])
        self.measure("delete_subnet", "DeleteSubnet", SubnetId=subnet)

    def read(self):
        for kind in ("NetworkInterfaces", "Subnets"):
            token = self.measure(f"describe_{kind.lower()}_page", f"Describe{kind}", MaxResults=5).get("NextToken")
            self.measure(f"describe_{kind.lower()}_next_page", f"Describe{kind}", MaxResults=5, NextToken=token)
        for what in ("Describe", "DescribeFlows", "DescribeDrops"):
            self.measure(f"inspect_{what.lower()}", what)


def main():
    with contextlib.ExitStack() as left:
        subjects = []
        for name, size in (("bapis", SMALL), ("bapil", LARGE)):
            netd = Netd(name, slots=16)
            left.callback(netd.remove)
            made = netd.make(**size)
            took = netd.start()
            say(f"{size['vpcs']} VPCs, {made['Commands']} commands: started in {took:.2f} s")
            subjects.append(Subject(netd, made))
        for turn in range(CALLS):
            for subject in subjects:
                subject.change(turn)
        for _ in range(READS):
            for subject in subjects:
                subject.read()
        small, large = (subject.samples for subject in subjects)
        for metric, samples in large.items():
            for percent in (50, 99) if metric == "create_subnet" else (50,):
                base = percentile(small[metric], percent)
                row("api", f"{metric}_p{percent}_ms_{SMALL['vpcs']}_vpcs", "ms", base)
                row("api", f"{metric}_p{percent}_ms_{1000}_vpcs", "ms", percentile(samples, percent), base)


if __name__ == "__main__":
    main()

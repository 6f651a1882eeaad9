"""An account whose rules come to more than its share of the datapath is refused, and nobody else."""

from network import NetworkCase, harness

GROUP_RULES = 60  # EC2's quota for a group and direction


class PolicyShares(NetworkCase):
    INSTANCE = "nsshares"

    def authorize(self, account, group, permissions):
        self.net.api("AuthorizeSecurityGroupIngress", account, GroupId=group, IpPermissions=permissions)

    def group(self, account, vpc, name, permissions):
        made = self.net.api("CreateSecurityGroup", account, GroupName=name, Description=name, VpcId=vpc)["GroupId"]
        self.authorize(account, made, permissions)
        return made

    def segment(self, account):
        vpc = self.net.api("CreateVpc", account, CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        return vpc, self.net.api("CreateSubnet", account, VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]

    def interface(self, account, subnet, groups):
        return self.net.api("CreateNetworkInterface", account, SubnetId=subnet,
                            Groups=groups)["NetworkInterface"]["NetworkInterfaceId"]

    def test_one_account_leaves_others_room(self):
        vpc, subnet = self.segment("default")
        # Sixty blocks with all ports but the first and the last, cut at 240 places: nearly 100,000 entries for a set of
        # groups. There are five such sets, and the share has room for two or three.
        ranges = self.group("default", vpc, "ranges", [
            {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 65534, "IpRanges": [{"CidrIp": f"10.{number}.0.0/16"}]}
            for number in range(GROUP_RULES)])
        ports = [self.group("default", vpc, f"ports{place}", [
            {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
            for port in range(100 + place * 50, 100 + place * 50 + GROUP_RULES * 270, 270)]) for place in range(5)]
        sets = [[ranges, *(group for group in ports if group != left_out)] for left_out in ports]
        made = []
        with self.assertRaises(harness.ApiError) as refused:
            for groups in sets:
                made.append(self.interface("default", subnet, groups))
        self.assertEqual(refused.exception.code, "NetworkInterfaceLimitExceeded")
        self.assertIn(len(made), (2, 3))
        self.assertEqual(len(self.net.api("DescribeNetworkInterfaces")["NetworkInterfaces"]), len(made))
        next_groups = sets[len(made)]
        other = self.net.api("CreateAccount", AccountName="other")["Account"]["AccountId"]
        vpc, theirs = self.segment(other)
        self.interface(other, theirs, [self.group(other, vpc, "group", [
            {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 65534, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}])])
        self.assertEqual(self.net.inspect("Plan"), [])
        # It comes back with what is deleted; netd counts anew when it starts.
        self.net.restart_netd()
        with self.assertRaises(harness.ApiError):
            self.interface("default", subnet, next_groups)
        self.net.api("DeleteNetworkInterface", NetworkInterfaceId=made[0])
        self.interface("default", subnet, next_groups)


if __name__ == "__main__":
    harness.main()

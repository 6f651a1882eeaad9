"""Accounts: who signs acts as its account and no other. Two accounts with equal names and CIDRs go through every action
of both daemons, and neither sees a trace of the other."""

import base64
import io
import json
import os
import re
import stat
import subprocess
import tempfile
import zipfile

import harness

EC2 = "http://127.0.0.1:4750/v1/"
LAMBDA = "http://127.0.0.1:4751"
S3 = "com.amazonaws.us-east-1.s3"
IDS = re.compile(r"\b(?:vpc|vpce|subnet|sg|sgr|eni|eni-attach|rtb|rtbassoc|acl|aclassoc|dopt|vpc-cidr-assoc)-0[0-9a-f]{16}\b")

FUNCTION = """
import os, time

def keys():
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_CREDENTIAL_EXPIRATION")
    return {name: os.environ[name] for name in names}

at_init = keys()

def handler(event, context):
    # Long enough that the other call needs another environment.
    time.sleep(event.get("Seconds", 0))
    return {"at_init": at_init, "keys": keys()} if "Seconds" in event else context.invoked_function_arn
"""


def package():
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("app.py", FUNCTION)
    return base64.b64encode(archive.getvalue()).decode()


class Client:
    """Signs with one key; each has a process of its own, so that several can ask at a time."""

    def __init__(self, lab, *key):
        self.tool = lab.tool(lab.host, "signed_client.py", *key)

    def send(self, **request):
        self.tool.process.stdin.write(json.dumps(request) + "\n")
        self.tool.process.stdin.flush()

    def reply(self):
        return self.tool.line()

    def ask(self, **request):
        self.send(**request)
        return self.reply()


class Account:
    """An account, its client, and everything that it was told."""

    def __init__(self, lab, name):
        self.lab, self.name = lab, name
        made = lab.caisson("account", "create", name, "--profile-file", f"{lab.run}/{name}")
        self.id = made["Account"]["AccountId"]
        self.key = made["AccessKey"]
        self.seen = ""
        self.connect()

    def connect(self):
        self.client = self.lab.tool(self.lab.host, "signed_client.py", self.key["AccessKeyId"],
                                    self.key["SecretAccessKey"])

    def ask(self, url, method="POST", service="ec2", **more):
        self.client.process.stdin.write(json.dumps({"url": url, "method": method, "service": service, **more}) + "\n")
        self.client.process.stdin.flush()
        reply = self.client.line()
        self.seen += json.dumps(reply)
        return reply

    def unsigned(self, url, method="POST", **more):
        self.client.process.stdin.write(json.dumps({"url": url, "method": method, **more}) + "\n")
        self.client.process.stdin.flush()
        return self.client.line()

    def ec2(self, action, **parameters):
        reply = self.ask(EC2 + action, body=json.dumps(parameters))
        body = json.loads(reply["body"])
        if reply["status"] != 200:
            raise harness.ApiError(reply["status"], body["Error"]["Code"], body["Error"]["Message"])
        return body

    def functions(self, method, path, headers=None, **parameters):
        """Status, error type and body."""
        body = json.dumps(parameters) if parameters else ""
        reply = self.ask(LAMBDA + path, method, "lambda", body=body, headers=headers or {})
        return reply["status"], reply["headers"].get("x-amzn-errortype", ""), json.loads(reply["body"] or "null")

    def build(self):
        """Equal names, blocks and addresses in every account."""
        tags = [{"Key": "Name", "Value": "same"}]
        self.vpc = self.ec2("CreateVpc", CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        self.subnet = self.ec2("CreateSubnet", VpcId=self.vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
        self.group = self.ec2("CreateSecurityGroup", GroupName="same", Description="same", VpcId=self.vpc)["GroupId"]
        self.rule = self.ec2("AuthorizeSecurityGroupIngress", GroupId=self.group, IpPermissions=[
            {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": "10.0.0.0/16"}]}]
                             )["SecurityGroupRules"][0]["SecurityGroupRuleId"]
        self.eni = self.ec2("CreateNetworkInterface", SubnetId=self.subnet, PrivateIpAddress="10.0.1.10",
                            Groups=[self.group])["NetworkInterface"]["NetworkInterfaceId"]
        self.namespace = f"caisson-{self.lab.name}-{self.name}"
        subprocess.run(["ip", "netns", "add", self.namespace], check=True)
        # Namespaces are the host's: its operator plugs in.
        self.attachment = self.lab.api("AttachNetworkInterface", self.id, NetworkInterfaceId=self.eni, DeviceIndex=0,
                                       InstanceId=f"netns:{self.namespace}")["AttachmentId"]
        self.table = self.ec2("CreateRouteTable", VpcId=self.vpc)["RouteTable"]["RouteTableId"]
        self.association = self.ec2("AssociateRouteTable", RouteTableId=self.table, SubnetId=self.subnet)["AssociationId"]
        self.endpoint = self.ec2("CreateVpcEndpoint", VpcId=self.vpc, ServiceName=S3,
                                 RouteTableIds=[self.table])["VpcEndpoint"]["VpcEndpointId"]
        self.ec2("CreateTags", Resources=[self.vpc, self.subnet, self.group, self.eni], Tags=tags)
        status, _, created = self.functions("POST", "/2015-03-31/functions", FunctionName="same", Runtime="python3.11",
                                            Handler="app.handler", Role=f"arn:aws:iam::{self.id}:role/same",
                                            Code={"ZipFile": package()}, Timeout=60,
                                            VpcConfig={"SubnetIds": [self.subnet], "SecurityGroupIds": [self.group]})
        assert status == 201, created
        self.arn = created["FunctionArn"]

    def wait_for_function(self):
        def settled():
            status, _, function = self.functions("GET", "/2015-03-31/functions/same/configuration")
            return function if status == 200 and function["State"] != "Pending" and \
                function.get("LastUpdateStatus") != "InProgress" else None
        function = harness.eventually(f"{self.name}'s function", settled, 240)
        assert function["State"] == "Active", function

    def everything(self, actions):
        """All that the account can list, for comparison."""
        found = {action: self.ec2(action) for action in actions}
        found["ListFunctions"] = self.functions("GET", "/2015-03-31/functions")[2]
        return found

    def remember_traces(self):
        """What nobody else may ever see: all that the account was told of its own until now."""
        self.traces = set(IDS.findall(self.seen)) | {self.id, self.key["AccessKeyId"], self.key["SecretAccessKey"], self.namespace}


# What `stranger` tries on `owner`'s resources with each action: its parameters, and the code of the refusal, or None for
# a reply that is empty of the owner's. An action that is missing here fails the test.
def attempts_on_netd(owner):
    by_id = {"DescribeVpcs": ("VpcIds", "vpc", "InvalidVpcID.NotFound"),
             "DescribeSubnets": ("SubnetIds", "subnet", "InvalidSubnetID.NotFound"),
             "DescribeSecurityGroups": ("GroupIds", "group", "InvalidGroup.NotFound"),
             "DescribeSecurityGroupRules": ("SecurityGroupRuleIds", "rule", "InvalidSecurityGroupRuleId.NotFound"),
             "DescribeNetworkInterfaces": ("NetworkInterfaceIds", "eni", "InvalidNetworkInterfaceID.NotFound"),
             "DescribeRouteTables": ("RouteTableIds", "table", "InvalidRouteTableID.NotFound"),
             "DescribeVpcEndpoints": ("VpcEndpointIds", "endpoint", "InvalidVpcEndpointId.NotFound")}
    attempts = {action: [({}, None), ({member: [getattr(owner, attribute)]}, code)]
                for action, (member, attribute, code) in by_id.items()}
    for action in ("DescribeRouteTables", "DescribeNetworkAcls"):
        attempts.setdefault(action, [({}, None)]).append(({"Filters": [{"Name": "vpc-id", "Values": [owner.vpc]}]}, None))
    # The last three tell of services, which are everybody's.
    for action in ("Describe", "DescribeFlows", "DescribePrefixLists", "DescribeManagedPrefixLists",
                   "DescribeVpcEndpointServices"):
        attempts[action] = [({}, None)]
    permission = [{"IpProtocol": "tcp", "FromPort": 81, "ToPort": 81, "UserIdGroupPairs": [{"GroupId": owner.group}]}]
    attempts |= {
        "CreateVpc": [({"CidrBlock": "10.0.0.0/16", "DryRun": True}, "DryRunOperation")],
        "DeleteVpc": [({"VpcId": owner.vpc}, "InvalidVpcID.NotFound")],
        "DescribeVpcAttribute": [({"VpcId": owner.vpc, "Attribute": "enableDnsSupport"}, "InvalidVpcID.NotFound")],
        "ModifyVpcAttribute": [({"VpcId": owner.vpc, "EnableDnsSupport": {"Value": False}}, "InvalidVpcID.NotFound")],
        "CreateSubnet": [({"VpcId": owner.vpc, "CidrBlock": "10.0.2.0/24"}, "InvalidVpcID.NotFound")],
        "DeleteSubnet": [({"SubnetId": owner.subnet}, "InvalidSubnetID.NotFound")],
        "CreateSecurityGroup": [({"GroupName": "x", "Description": "x", "VpcId": owner.vpc}, "InvalidVpcID.NotFound")],
        "DeleteSecurityGroup": [({"GroupId": owner.group}, "InvalidGroup.NotFound")],
        "CreateNetworkInterface": [({"SubnetId": owner.subnet}, "InvalidSubnetID.NotFound")],
        "DeleteNetworkInterface": [({"NetworkInterfaceId": owner.eni}, "InvalidNetworkInterfaceID.NotFound")],
        "AttachNetworkInterface": [({"NetworkInterfaceId": owner.eni, "InstanceId": f"netns:{owner.namespace}",
                                     "DeviceIndex": 1}, "UnauthorizedOperation")],
        "DetachNetworkInterface": [({"AttachmentId": owner.attachment}, "InvalidAttachmentID.NotFound")],
        "CreateRouteTable": [({"VpcId": owner.vpc}, "InvalidVpcID.NotFound")],
        "DeleteRouteTable": [({"RouteTableId": owner.table}, "InvalidRouteTableID.NotFound")],
        "AssociateRouteTable": [({"RouteTableId": owner.table, "SubnetId": owner.subnet}, "InvalidRouteTableID.NotFound")],
        "DisassociateRouteTable": [({"AssociationId": owner.association}, "InvalidAssociationID.NotFound")],
        "ReplaceRouteTableAssociation": [({"AssociationId": owner.association, "RouteTableId": owner.table},
                                          "InvalidRouteTableID.NotFound")],
        "DeleteRoute": [({"RouteTableId": owner.table, "DestinationCidrBlock": "10.0.0.0/16"}, "InvalidRouteTableID.NotFound")],
        "CreateVpcEndpoint": [({"VpcId": owner.vpc, "ServiceName": S3}, "InvalidVpcID.NotFound")],
        "ModifyVpcEndpoint": [({"VpcEndpointId": owner.endpoint, "ResetPolicy": True}, "InvalidVpcEndpointId.NotFound")],
        # As of one that never was: the reply says so of each, and is no error.
        "DeleteVpcEndpoints": [({"VpcEndpointIds": [owner.endpoint]}, None)],
        "CreateTags": [({"Resources": [owner.vpc], "Tags": [{"Key": "a", "Value": "b"}]}, "InvalidID")],
    }
    for action in ("CreateRoute", "ReplaceRoute"):
        attempts[action] = [({"RouteTableId": owner.table, "DestinationCidrBlock": "10.9.0.0/16",
                              "NetworkInterfaceId": owner.eni}, "InvalidRouteTableID.NotFound")]
    for direction in ("Ingress", "Egress"):
        attempts[f"AuthorizeSecurityGroup{direction}"] = [
            ({"GroupId": owner.group, "IpPermissions": permission}, "InvalidGroup.NotFound")]
        attempts[f"RevokeSecurityGroup{direction}"] = [
            ({"GroupId": owner.group, "SecurityGroupRuleIds": [owner.rule]}, "InvalidGroup.NotFound")]
    for action in ("CreateAccount", "DeleteAccount", "DescribeAccounts", "CreateAccessKey", "DeleteAccessKey",
                   "ListAccessKeys", "DescribeDrops", "Plan"):
        attempts[action] = [({}, "UnauthorizedOperation")]
    for action in ("EnsureFunctionInterface", "ReleaseFunctionInterface"):
        attempts[action] = [({"User": "same"}, "InvalidAction")]
    attempts["GrowFunctionInterface"] = [({"NetworkInterfaceId": owner.eni}, "InvalidAction")]
    return attempts


# The same for the function API: what follows the function's place in the path, and the request's members.
def attempts_on_runnerd(owner):
    arn = owner.arn.replace(":", "%3A")
    config = {"VpcConfig": {"SubnetIds": [owner.subnet], "SecurityGroupIds": [owner.group]}}
    create = {"FunctionName": "stolen", "Runtime": "python3.11", "Handler": "app.handler", "Role": f"arn:aws:iam::{owner.id}:role/r",
              "Code": {"ZipFile": package()}}
    gone = (404, "ResourceNotFoundException")
    return {
        "CreateFunction": [("", create | config, (400, "InvalidParameterValueException")),
                           ("", create | {"FunctionName": owner.arn}, (400, "InvalidParameterValueException"))],
        "ListFunctions": [("", {}, None)],
        "GetFunction": [(arn, {}, gone)],
        "GetFunctionConfiguration": [(arn, {}, gone)],
        "UpdateFunctionConfiguration": [(arn, {"MemorySize": 256}, gone), ("same", config, (400, "InvalidParameterValueException"))],
        "UpdateFunctionCode": [(arn, {"ZipFile": package()}, gone)],
        "Invoke": [(arn, {}, gone)],
        "DeleteFunction": [(arn, {}, gone)],
        "Metrics": [("", {}, None)],
        "Health": [("", {}, None)],
    }


class Accounts(harness.LabCase):
    INSTANCE = "e2eacct"

    def netd_actions(self):
        """Every action and inspection, from the table of operations itself."""
        docs = self.lab.execute("caisson", "internal-docs")
        # An inspection that has members stands in the list of inspections and has a heading.
        actions = {*re.findall(r"^###? ([A-Z]\w+)$", docs, re.MULTILINE), *re.findall(r"^\| `/v1/(\w+)`", docs, re.MULTILINE)}
        self.assertGreater(len(actions), 25)
        return sorted(actions)

    def runnerd_operations(self):
        lines = self.lab.execute(f"{self.lab.state}.bin/runnerd", "--operations").splitlines()
        self.assertGreater(len(lines), 8)
        return [line.split(" ") for line in lines]

    def assert_no_trace(self, text, owner, given=()):
        for trace in owner.traces:
            if not any(trace in word for word in given):
                self.assertNotIn(trace, text)

    def test_neither_sees_a_trace_of_the_other(self):
        blue, green = Account(self.lab, "blue"), Account(self.lab, "green")
        for account in (blue, green):
            account.build()
        for account in (blue, green):
            account.wait_for_function()
            account.remember_traces()
        lists = [action for action in self.netd_actions() if action.startswith("Describe")
                 and action not in ("Describe", "DescribeAccounts", "DescribeDrops", "DescribeFlows",
                                    "DescribeVpcAttribute")]
        before = [account.everything(lists) for account in (blue, green)]
        for owner, stranger in ((blue, green), (green, blue)):
            self.try_netd(owner, stranger)
            self.try_runnerd(owner, stranger)
        self.assertEqual([account.everything(lists) for account in (blue, green)], before)
        for owner, stranger in ((blue, green), (green, blue)):
            status, _, answer = stranger.functions("POST", "/2015-03-31/functions/same/invocations", Message="x")
            self.assertEqual((status, answer), (200, stranger.arn))
        self.try_sessions(blue, green)
        self.assertEqual(self.lab.caisson("plan"), [])
        self.delete(green)
        self.assertEqual(blue.ec2("DescribeVpcs"), before[0]["DescribeVpcs"])
        self.assertEqual(self.lab.caisson("plan"), [])

    def try_sessions(self, *accounts):
        """Each environment's handler has credentials of its own, which are netd's, and which open no API."""
        clients = [Client(self.lab, account.key["AccessKeyId"], account.key["SecretAccessKey"])
                   for account in accounts for _ in range(2)]
        for client in clients:
            listed = client.ask(service="lambda", url=LAMBDA + "/2015-03-31/functions", method="GET")
            self.assertEqual(listed["status"], 200)
        # All have begun, so the calls come within the time that the first one takes.
        for client in clients:
            client.send(service="lambda", url=LAMBDA + "/2015-03-31/functions/same/invocations", method="POST",
                        body=json.dumps({"Seconds": 5}))
        told = [json.loads(client.reply()["body"]) for client in clients]
        keys = [one["keys"] for one in told]
        for member in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            of_all = [one[member] for one in keys] + [one["at_init"][member] for one in told]
            # Four environments; the two of an account were initialised once, before the snapshot.
            self.assertEqual(len(set(of_all)), 6, member)
        self.assertEqual({one["AWS_REGION"] for one in keys}, {"us-east-1"})
        one, other = keys[0], keys[2]
        for token, status, code in ((one["AWS_SESSION_TOKEN"], 403, "UnauthorizedOperation"),
                                    (other["AWS_SESSION_TOKEN"], 401, "AuthFailure"),
                                    (one["AWS_SESSION_TOKEN"][:-1] + "x", 401, "AuthFailure")):
            client = Client(self.lab, one["AWS_ACCESS_KEY_ID"], one["AWS_SECRET_ACCESS_KEY"], token)
            reply = client.ask(service="ec2", url=EC2 + "DescribeVpcs", method="POST", body="{}")
            self.assertEqual((reply["status"], json.loads(reply["body"])["Error"]["Code"]), (status, code))
            reply = client.ask(service="lambda", url=LAMBDA + "/2015-03-31/functions", method="GET")
            self.assertEqual((reply["status"], reply["headers"]["x-amzn-errortype"]), (403, "AccessDeniedException"))
        self.assert_in_no_log([value for one in told for which in one.values() for name, value in which.items()
                               if name in ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")])

    def assert_in_no_log(self, secrets):
        for daemon in ("netd", "runnerd"):
            with open(f"{self.lab.run}/{daemon}.log", encoding="utf-8", errors="replace") as file:
                log = file.read()
            self.assertIn("Attach", log) if daemon == "netd" else self.assertIn("invocation", log)
            for secret in secrets:
                self.assertNotIn(secret, log)

    def try_netd(self, owner, stranger):
        actions = self.netd_actions()
        attempts = attempts_on_netd(owner)
        self.assertEqual(sorted(attempts), sorted(actions), "an action of netd that this test does not try")
        for action in actions:
            refused = json.loads(stranger.unsigned(EC2 + action, body="{}")["body"])
            self.assertEqual(refused["Error"]["Code"], "MissingAuthenticationToken", action)
            for parameters, code in attempts[action]:
                with self.subTest(action=action, parameters=parameters):
                    reply = stranger.ask(EC2 + action, body=json.dumps(parameters))
                    body = json.loads(reply["body"])
                    self.assertEqual(body.get("Error", {}).get("Code"), code)
                    self.assert_no_trace(reply["body"], owner, [json.dumps(parameters)])

    def try_runnerd(self, owner, stranger):
        attempts = attempts_on_runnerd(owner)
        operations = self.runnerd_operations()
        self.assertEqual(sorted(attempts), sorted(name for name, _, _ in operations),
                         "an operation of runnerd that this test does not try")
        for name, method, path in operations:
            refused = stranger.unsigned(LAMBDA + path.replace("*", "same"), method)
            if name not in ("Metrics", "Health"):
                self.assertEqual((refused["status"], refused["headers"]["x-amzn-errortype"]),
                                 (403, "MissingAuthenticationTokenException"), name)
            for function, members, wanted in attempts[name]:
                with self.subTest(operation=name, function=function):
                    reply = stranger.ask(LAMBDA + path.replace("*", function), method, "lambda",
                                         body=json.dumps(members) if members else "")
                    if wanted is None:
                        self.assertEqual(reply["status"], 200)
                    else:
                        self.assertEqual((reply["status"], reply["headers"].get("x-amzn-errortype")), wanted, reply["body"])
                    self.assert_no_trace(reply["body"], owner, [function.replace("%3A", ":"), json.dumps(members)])

    def delete(self, account):
        """An account goes when it has nothing left, and its key with it."""
        with self.assertRaisesRegex(AssertionError, "DeleteConflict"):
            self.lab.execute("caisson", "account", "delete", account.name, "--no-profile")
        self.assertEqual(account.functions("DELETE", "/2015-03-31/functions/same")[0], 204)
        account.ec2("DetachNetworkInterface", AttachmentId=account.attachment)
        account.ec2("DeleteNetworkInterface", NetworkInterfaceId=account.eni)

        def released():
            return account.ec2("DescribeNetworkInterfaces")["NetworkInterfaces"] == []
        harness.eventually("the function's interface to go", released, 60)
        account.ec2("DeleteSecurityGroup", GroupId=account.group)
        account.ec2("DeleteSubnet", SubnetId=account.subnet)
        account.ec2("DeleteVpcEndpoints", VpcEndpointIds=[account.endpoint])
        account.ec2("DeleteRouteTable", RouteTableId=account.table)
        account.ec2("DeleteVpc", VpcId=account.vpc)
        self.lab.execute("caisson", "account", "delete", account.name, "--no-profile")
        with self.assertRaises(harness.ApiError) as raised:
            account.ec2("DescribeVpcs")
        self.assertEqual(raised.exception.code, "AuthFailure")

    def test_a_deleted_key_stops_working_everywhere(self):
        shop = Account(self.lab, "shop")
        self.assertEqual(shop.ec2("DescribeVpcs"), {"Vpcs": []})
        self.assertEqual(shop.functions("GET", "/2015-03-31/functions")[0], 200)
        fresh = self.lab.caisson("account", "rotate-key", "shop", "--profile-file", f"{self.lab.run}/shop")
        with self.assertRaises(harness.ApiError) as raised:
            shop.ec2("DescribeVpcs")
        self.assertEqual((raised.exception.code, str(raised.exception)[:3]), ("AuthFailure", "401"))
        # netd tells runnerd at once; the wait is for that message alone.
        harness.eventually("runnerd to hear of it", lambda: shop.functions("GET", "/2015-03-31/functions")[:2] ==
                           (403, "UnrecognizedClientException"), 5)
        shop.key = fresh["AccessKey"]
        shop.connect()
        self.assertEqual(shop.ec2("DescribeVpcs"), {"Vpcs": []})
        self.assertEqual(shop.functions("GET", "/2015-03-31/functions")[0], 200)
        # The profile has the new key, and the AWS CLI reads it.
        listed = self.lab.execute("env", f"AWS_SHARED_CREDENTIALS_FILE={self.lab.run}/shop", "AWS_PROFILE=shop", "aws",
                                  "lambda", "list-functions", "--endpoint-url", LAMBDA, "--output", "json")
        self.assertEqual(json.loads(listed), {"Functions": []})
        over_tcp = self.lab.execute("env", f"AWS_SHARED_CREDENTIALS_FILE={self.lab.run}/shop", "AWS_PROFILE=shop", "caisson",
                                    "--json", "--endpoint", "http://127.0.0.1:4750", "describe-vpcs")
        self.assertEqual(json.loads(over_tcp), {"Vpcs": []})

    def test_the_key_file_is_guarded(self):
        path = f"{self.lab.state}/sealing.key"
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        key = self.lab.caisson("account", "create", "shop", "--no-profile")["AccessKey"]
        for name in os.listdir(self.lab.state):
            if name.startswith("netd.db"):
                with open(os.path.join(self.lab.state, name), "rb") as file:
                    self.assertNotIn(key["SecretAccessKey"].encode(), file.read(), name)
        self.lab.kill("netd")
        for change, undo, sentence in (
                (lambda: os.chmod(path, 0o644), lambda: os.chmod(path, 0o600), "it must have 0600"),
                (lambda: os.chown(path, 1, 1), lambda: os.chown(path, 0, 0), "belongs to user 1"),
                (lambda: os.rename(path, f"{path}.away"), lambda: os.rename(f"{path}.away", path), "is missing")):
            change()
            failed = subprocess.run([os.path.join(harness.ROOT, "dev"), "lab", "start", "--instance", self.lab.name, "netd"],
                                    check=False, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                    stderr=subprocess.STDOUT)
            self.assertNotEqual(failed.returncode, 0)
            self.assertIn(sentence, failed.stdout)
            undo()
        self.lab.start("netd")
        listed = self.lab.caisson("--account", "000000000001", "list-access-keys")["AccessKeyMetadata"]
        self.assertEqual(len(listed), 1)
        self.assertEqual(self.lab.aws("list-functions"), {"Functions": []})

    def test_unix_sockets_go_by_who_connects(self):
        script = ("import http.client,json,socket,sys\n"
                  "c=http.client.HTTPConnection('localhost');c.sock=socket.socket(socket.AF_UNIX);c.sock.connect(sys.argv[1])\n"
                  "c.request('POST','/v1/DescribeVpcs','{}');print(c.getresponse().status)")
        path = f"{self.lab.run}/netd.sock"

        def status(**user):
            return subprocess.run(["/usr/bin/python3", "-c", script, path], check=True, text=True,
                                  stdout=subprocess.PIPE, **user).stdout.strip()
        self.assertEqual(status(), "200")
        os.chmod(path, 0o666)
        nobody = {"user": 65534, "group": 65534, "extra_groups": []}
        self.assertEqual(status(**nobody), "403")
        os.chown(path, 0, 12345)
        self.assertEqual(status(**nobody), "403")
        self.assertEqual(status(**nobody | {"extra_groups": [12345]}), "200")
        with self.assertRaises(harness.ApiError) as raised:
            self.lab.api("DescribeVpcs", account="999999999999")
        self.assertEqual(raised.exception.code, "NoSuchEntity")


if __name__ == "__main__":
    harness.main()

"""S3 and DynamoDB as functions use them: in microVMs, with Python's standard library and the AWS SDK for JavaScript, from the managed default
VPC and through gateway endpoints with policies; two accounts with an S3 each; and endpointd's death."""

import copy
import json
import os
import threading

import harness

SERVICE = "com.amazonaws.us-east-1.s3"
ADDRESSES = "203.0.113."
LISTED = "<Key>{}</Key>"


def source(name):
    with open(os.path.join(harness.TOOLS, name), encoding="utf-8") as file:
        return file.read()


def request(method, bucket, key="", body="", **more):
    return {"method": method, "bucket": bucket, "path": f"/{key}", "body": body, **more}


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": [
        {"Sid": f"Statement{number}", "Effect": "Allow", "Principal": "*", "Action": "s3:*", **statement}
        for number, statement in enumerate(statements)]})


def of_bucket(name):
    return [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"]


class Endpoints(harness.LabCase):
    INSTANCE = "e2eendp"

    def new_lab(self):
        lab = super().new_lab()
        lab.environment = {**lab.environment, "CAISSON_LAB_BACKENDS": "1"}
        return lab

    def other_account(self):
        """The lab as another account sees it, which has an S3 of its own."""
        made = self.lab.caisson("account", "create", "other", "--profile-file", f"{self.lab.run}/other")
        other = copy.copy(self.lab)
        other.account = made["Account"]["AccountId"]
        profile = ("env", f"AWS_SHARED_CREDENTIALS_FILE={self.lab.run}/other", "AWS_PROFILE=other")
        other.execute = lambda *command: self.lab.execute(*profile, *command)
        other.api = lambda action, **parameters: self.lab.api(action, other.account, **parameters)
        self.lab.dev("start", "--instance", self.INSTANCE, "s3", other.account)
        return other

    def make_inside(self, lab):
        """A function in a private subnet; the subnet's route table."""
        vpc, subnet = lab.vpc("10.0.0.0/16", "10.0.1.0/24")
        table = lab.api("CreateRouteTable", VpcId=vpc)["RouteTable"]["RouteTableId"]
        lab.api("AssociateRouteTable", RouteTableId=table, SubnetId=subnet)
        lab.function("inside", source("s3_handler.py"), subnet, [lab.group(vpc, "functions")], timeout=120, wait=False)
        return vpc, table

    def ask(self, function, *requests, lab=None, **event):
        """[(status or error, body)]"""
        answers = (lab or self.lab).invoke(function, {"requests": requests, **event})
        return [(one.get("status", one.get("error")), one.get("body", "")) for one in answers]

    def statuses(self, function, *requests, lab=None, **event):
        return [status for status, _ in self.ask(function, *requests, lab=lab, **event)]

    def test_functions_use_s3(self):
        self.other = self.other_account()
        self.lab.function("outside", source("s3_handler.py"), timeout=120, wait=False)
        vpc, table = self.make_inside(self.lab)
        other_vpc, other_table = self.make_inside(self.other)
        self.lab.function("node", source("services_handler.mjs"), runtime="nodejs18.x", file_name="app.mjs", memory=256,
                          timeout=120, wait=False)
        self.lab.aws("wait", "function-active-v2", "--function-name", "outside")
        self.life_of_objects("outside", "managed")
        self.signatures()
        self.lab.aws("wait", "function-active-v2", "--function-name", "inside")
        self.no_way()
        self.endpoint = self.lab.api("CreateVpcEndpoint", VpcId=vpc, ServiceName=SERVICE,
                                     RouteTableIds=[table])["VpcEndpoint"]["VpcEndpointId"]
        self.life_of_objects("inside", "gateway")
        self.policies(vpc)
        self.recorded()
        self.other.aws("wait", "function-active-v2", "--function-name", "inside")
        self.other.api("CreateVpcEndpoint", VpcId=other_vpc, ServiceName=SERVICE, RouteTableIds=[other_table])
        self.accounts_apart()
        self.lab.aws("wait", "function-active-v2", "--function-name", "node")
        self.sdk()
        self.death()
        self.netd_anew()

    def life_of_objects(self, function, bucket):
        done = self.ask(function, request("PUT", bucket), request("PUT", bucket, "a/one", "first"),
                        request("PUT", bucket, "b/two", "second", style="path"), request("GET", bucket, "a/one"),
                        request("GET", bucket, query={"list-type": "2", "prefix": "a/"}),
                        request("POST", bucket, "parts", query={"uploads": ""}))
        self.assertEqual([status for status, _ in done], [200] * 6, done)
        self.assertEqual(done[3][1], "first")
        self.assertIn(LISTED.format("a/one"), done[4][1])
        self.assertNotIn("b/two", done[4][1])
        self.multipart(function, bucket, done[5][1].split("<UploadId>")[1].split("<")[0])
        done = self.ask(function, request("DELETE", bucket, "a/one"), request("GET", bucket, "a/one"),
                        request("GET", bucket, "b/two", scheme="http"))
        self.assertEqual([status for status, _ in done], [204, 404, 200])
        self.assertEqual(done[2][1], "second")

    def multipart(self, function, bucket, upload):
        parts = [request("PUT", bucket, "parts", body, query={"partNumber": str(number), "uploadId": upload})
                 for number, body in ((1, "one, "), (2, "two"))]
        answers = self.lab.invoke(function, {"requests": parts})
        self.assertEqual([one["status"] for one in answers], [200, 200], answers)
        tags = [{name.lower(): value for name, value in one["headers"].items()}["etag"] for one in answers]
        whole = "".join(f"<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>" for number, tag in enumerate(tags, 1))
        done = self.ask(function, request("POST", bucket, "parts", f"<CompleteMultipartUpload>{whole}</CompleteMultipartUpload>",
                                          query={"uploadId": upload}), request("GET", bucket, "parts"))
        self.assertEqual([status for status, _ in done], [200, 200], done)
        self.assertEqual(done[1][1], "one, two")

    def signatures(self):
        """A key that is not the session's opens nothing."""
        ((status, body),) = self.ask("outside", request("GET", "managed", "b/two", secret="another"))
        self.assertEqual(status, 403)
        self.assertIn("<Code>SignatureDoesNotMatch</Code>", body)

    def no_way(self):
        self.assertEqual(self.statuses("inside", request("GET", "", timeout=2)), ["TimeoutError"])
        refused = [flow for flow in self.lab.caisson("flows")["Flows"] if flow["Reason"] == "NO_ROUTE"]
        self.assertTrue(refused)
        for flow in refused:
            self.assertTrue(flow["Destination"].startswith(ADDRESSES), flow)
            self.assertEqual((flow["Action"], flow["DestinationPort"], flow["Protocol"]), ("REJECT", 443, 6))

    def set_policy(self, document):
        self.lab.api("ModifyVpcEndpoint", VpcEndpointId=self.endpoint, PolicyDocument=document)

    def check_policy(self, allowed, denied):
        """Of the requests, in one invocation; of a denial, that it was this policy's."""
        done = self.ask("inside", *allowed, *denied)
        self.assertEqual([status for status, _ in done], [200] * len(allowed) + [403] * len(denied), done)
        for _, body in done[len(allowed):]:
            self.assertIn("<Code>AccessDenied</Code>", body)
            self.assertIn("VPC endpoint policy", body)

    def policies(self, vpc):
        """Each change counts for the next request; through the endpoint alone."""
        get, listing = request("GET", "gateway", "b/two"), request("GET", "gateway", query={"list-type": "2"})
        elsewhere = request("GET", "managed", "b/two")
        self.set_policy(policy({"Resource": of_bucket("gateway")}))
        self.check_policy([get, listing], [elsewhere, request("PUT", "managed", "b/three", "x"), request("GET", "")])
        self.assertEqual(self.statuses("outside", elsewhere), [200])
        self.set_policy(policy({"Resource": "arn:aws:s3:::gateway/b/*"},
                               {"Resource": "arn:aws:s3:::gateway", "Condition": {"StringLike": {"s3:prefix": "b/*"}}},
                               {"Effect": "Deny", "Resource": "arn:aws:s3:::gateway/b/secret*"}))
        self.check_policy([get, request("GET", "gateway", query={"list-type": "2", "prefix": "b/"})],
                          [listing, request("PUT", "gateway", "a/x", "x"), request("PUT", "gateway", "b/secret", "x")])
        for name, own, another in (("aws:SourceVpce", self.endpoint, "vpce-00000000000000000"),
                                   ("aws:SourceVpc", vpc, "vpc-00000000000000000"),
                                   ("aws:PrincipalAccount", "000000000001", self.other.account),
                                   ("aws:PrincipalArn", "arn:aws:iam::000000000001:role/inside",
                                    "arn:aws:iam::000000000001:role/outside")):
            for value in (own, another):
                self.set_policy(policy({"Resource": "*", "Condition": {"StringEquals": {name: value}}}))
                self.check_policy(*([[get], []] if value == own else [[], [get]]))
        self.lab.api("ModifyVpcEndpoint", VpcEndpointId=self.endpoint, ResetPolicy=True)
        self.check_policy([get, elsewhere], [])

    def recorded(self):
        """Who asked, which way, what was decided and by which statement."""
        rows = [json.loads(line) for line in self.lab.execute("caisson", "--json", "requests").splitlines()]
        found = {(row["FunctionName"], row["Endpoint"], row["Action"], row["Resource"], row["Decision"], row["Statement"], row["Status"])
                 for row in rows}
        secret = "arn:aws:s3:::gateway/b/secret"
        self.assertLessEqual({("outside", "managed", "s3:PutObject", "arn:aws:s3:::managed/a/one", "Allow", "#0", 200),
                              ("inside", self.endpoint, "s3:PutObject", secret, "Deny", "Statement2", 403),
                              ("inside", self.endpoint, "s3:PutObject", "arn:aws:s3:::gateway/a/x", "Deny", "", 403)}, found)
        self.assertEqual({row["AccountId"] for row in rows}, {"000000000001"})
        # Each with its flow, for as long as that is there: the last one's is.
        joined = [json.loads(line) for line in self.lab.execute(
            "caisson", "--json", "requests", "--flow", "--function-name", "inside").splitlines()]
        self.assertIsNotNone(joined[-1]["Flow"], joined[-1])
        for row in joined:
            if row["Flow"] is not None:
                self.assertEqual([row["Flow"][name] for name in ("Action", "Endpoint", "Protocol", "Direction", "SourcePort")],
                                 ["ACCEPT", self.endpoint, 6, "egress", row["SourcePort"]])
        text = self.check_metrics("endpointd.sock", "caisson_endpoint_requests_total", "caisson_endpoint_request_seconds",
                                  "caisson_endpoint_request_bytes")
        self.assertIn('caisson_endpoint_request_seconds_count{decision="Deny",service="s3"}', text)

    def accounts_apart(self):
        """Equal blocks, buckets and keys: what one writes the other does not see."""
        for lab, text in ((self.lab, "ours"), (self.other, "theirs")):
            self.assertEqual(self.statuses("inside", request("PUT", "shelf"), request("PUT", "shelf", "same", text), lab=lab),
                             [200, 200])
        for lab, text in ((self.lab, "ours"), (self.other, "theirs")):
            self.assertEqual(self.ask("inside", request("GET", "shelf", "same"), lab=lab), [(200, text)])
        ((status, buckets),) = self.ask("inside", request("GET", ""), lab=self.other)
        self.assertEqual(status, 200)
        self.assertIn("<Name>shelf</Name>", buckets)
        self.assertNotIn("gateway", buckets)

    def sdk(self):
        done = self.lab.invoke("node", {"bucket": "from-node"})
        self.assertEqual((done["read"], done["parts"]), ("from node", "one, two"))
        self.assertEqual((done["listed"], done["left"], done["error"]), (["a key/ü+1", "parts"], 0, "NoSuchKey"))
        self.assertEqual(done["hosts"], ["from-node.s3.us-east-1.amazonaws.com"])
        self.assertEqual(self.lab.invoke("node", {"table": "things"})["item"], {"k": {"S": "one"}, "v": {"N": "1"}})

    def stored(self):
        """How many objects there are of the bucket that death() fills."""
        folder = f"{self.lab.state}.bin/stored/managed"
        return sum(name.startswith("n") and name.endswith("_object") for name in os.listdir(folder))

    def death(self):
        """endpointd is killed while requests come: those that are under way end, and others wait for the next one."""
        count = 40
        answers = []
        puts = [request("PUT", "managed", f"n{number:02}", "x") for number in range(count)]
        asking = threading.Thread(target=lambda: answers.extend(self.statuses("outside", *puts, anew=True)))
        asking.start()
        harness.eventually("some are stored", lambda: self.stored() >= 5, seconds=120)
        self.lab.kill("endpointd")
        self.lab.start("endpointd")
        asking.join()
        lost = [status for status in answers if status != 200]
        self.assertEqual(len(answers), count)
        # One request is under way at a time.
        self.assertLessEqual(len(lost), 1, answers)
        self.assertNotIn("ConnectionRefusedError", lost)
        self.lab.kill("endpointd")
        waiting = threading.Thread(target=lambda: answers.extend(self.statuses("outside", request("GET", "managed", "b/two"))))
        waiting.start()
        self.lab.start("endpointd")
        waiting.join()
        self.assertEqual(answers[-1], 200)

    def netd_anew(self):
        """netd is killed: the next one's sockets are served, and what it says counts."""
        get = request("GET", "gateway", "b/two")
        self.lab.kill("netd")
        self.lab.start("netd")
        self.check_policy([get], [])
        self.set_policy(policy({"Resource": of_bucket("another")}))
        self.check_policy([], [get])


if __name__ == "__main__":
    harness.main()

"""A thousand API clients at once, beside more that are slow or silent: all are served, nothing is half done."""

import collections
import re

import harness

CLIENTS, SLOW = 1000, 3000


class ApiLoad(harness.LabCase):
    INSTANCE = "e2eload"
    maxDiff = None

    def socket(self, daemon):
        return f"{self.lab.run}/{'netd' if daemon == 'netd' else 'runner'}.sock"

    def metric(self, name, daemon="netd"):
        connection = harness.UnixConnection(self.socket(daemon))
        try:
            connection.request("GET", "/metrics")
            text = connection.getresponse().read().decode()
        finally:
            connection.close()
        return float(re.search(rf"^{name} (\S+)$", text, re.MULTILINE)[1])

    def load(self, daemon, clients, slow):
        tool = self.lab.tool(self.lab.host, "api_clients.py", daemon, self.socket(daemon), clients, slow)
        self.assertEqual(tool.line(), {"silent": slow})
        return tool.finish(seconds=300)

    def idle_memory(self, daemon):
        """What is kept for good after first use (code pages, the allocator's own) is no leak: the state after a few
        clients is the idle state."""
        self.wait_for_idle(daemon)
        return self.metric("process_resident_memory_bytes", daemon)

    def wait_for_idle(self, daemon):
        harness.eventually(f"an idle {daemon}", lambda: self.metric("caisson_http_connections", daemon) == 1)

    def assert_as_before(self, daemon, idle):
        # The silent ones made room, or there would have been no place for anybody else.
        self.assertGreater(self.metric("caisson_http_evicted_connections_total", daemon), 500)
        self.wait_for_idle(daemon)
        self.assertEqual(self.metric("caisson_http_buffered_bytes", daemon), 0)
        harness.eventually(f"the memory of idle, {idle:.0f} bytes",
                           lambda: self.metric("process_resident_memory_bytes", daemon) <= 1.1 * idle)

    def delete_all(self):
        for vpc in self.described():
            self.lab.api("DeleteVpc", VpcId=vpc["VpcId"])

    def described(self):
        vpcs, token = [], {}
        while True:
            page = self.lab.api("DescribeVpcs", MaxResults=1000, **token)
            vpcs += page["Vpcs"]
            if "NextToken" not in page:
                return vpcs
            token = {"NextToken": page["NextToken"]}

    def test_a_thousand_clients(self):
        self.load("netd", 100, 0)
        self.delete_all()
        idle = self.idle_memory("netd")

        done = self.load("netd", CLIENTS, SLOW)
        expected = collections.Counter({"DescribeVpcs 200": 3 * CLIENTS, "CreateVpc 200": CLIENTS // 10})
        bad = collections.Counter(number // 10 % 6 for number in range(1, CLIENTS, 10))
        expected["CreateVpc 400 UnknownParameter"] = bad[0]
        expected["CreateVpc 400 InvalidParameterValue"] = bad[1]
        expected["CreateVpc 400 InvalidVpc.Range"] = bad[2]
        expected["CreateVpc 400 SerializationException"] = bad[3] + bad[4]
        expected["CreateSubnet 400 InvalidVpcID.NotFound"] = bad[5]
        # A client whose connection was closed before it had an answer asks again: a VPC may then be there twice,
        # and never half.
        self.assertEqual(done["retries"], 0)
        self.assertEqual(done["answers"], dict(expected))

        made = self.described()
        numbers = sorted(int(vpc["Tags"][0]["Value"]) for vpc in made)
        self.assertEqual(numbers, list(range(0, CLIENTS, 10)))
        self.assertEqual(self.lab.caisson("plan"), [])
        self.delete_all()
        self.assertEqual(self.described(), [])
        self.assert_as_before("netd", idle)

        self.load("runnerd", 100, 0)
        idle = self.idle_memory("runnerd")
        done = self.load("runnerd", CLIENTS, SLOW)
        bad = collections.Counter(number // 10 % 6 for number in range(1, CLIENTS, 10))
        # By the kinds of bad requests: no JSON objects, a member of a wrong type, required ones that are not there.
        self.assertEqual(done, {"retries": 0, "slowest": done["slowest"], "answers": {
            "ListFunctions 200": 3 * CLIENTS,
            "CreateFunction 400 invalidrequestcontentexception": bad[0] + bad[2] + bad[3] + bad[5],
            "CreateFunction 400 validationexception": bad[1],
            "CreateFunction 400 invalidparametervalueexception": bad[4]}})
        self.assert_as_before("runnerd", idle)


if __name__ == "__main__":
    harness.main()

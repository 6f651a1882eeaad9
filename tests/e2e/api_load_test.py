"""A thousand API clients at once, beside more that are slow or silent: all are served, nothing is half done."""

import collections
import re

import harness

CLIENTS, SLOW = 1000, 3000


class ApiLoad(harness.LabCase):
    INSTANCE = "e2eload"

    def metric(self, name):
        connection = harness.UnixConnection(f"{self.lab.run}/netd.sock")
        try:
            connection.request("GET", "/metrics")
            text = connection.getresponse().read().decode()
        finally:
            connection.close()
        return float(re.search(rf"^{name} (\S+)$", text, re.MULTILINE)[1])

    def load(self, clients, slow):
        tool = self.lab.tool(self.lab.host, "api_clients.py", f"{self.lab.run}/netd.sock", clients, slow)
        self.assertEqual(tool.line(), {"silent": slow})
        return tool.finish(seconds=300)

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
        # What is kept for good after first use (code pages, the allocator's own) is no leak: the state after a few
        # clients is the idle state.
        self.load(100, 0)
        self.delete_all()
        harness.eventually("an idle netd", lambda: self.metric("caisson_http_connections") == 1)
        idle = self.metric("process_resident_memory_bytes")

        done = self.load(CLIENTS, SLOW)
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
        # The silent ones made room, or there would be no place for anybody else.
        self.assertGreater(self.metric("caisson_http_evicted_connections_total"), 500)

        self.delete_all()
        self.assertEqual(self.described(), [])
        harness.eventually("an idle netd", lambda: self.metric("caisson_http_connections") == 1)
        self.assertEqual(self.metric("caisson_http_buffered_bytes"), 0)
        harness.eventually(f"the memory of idle, {idle:.0f} bytes",
                           lambda: self.metric("process_resident_memory_bytes") <= 1.1 * idle)


if __name__ == "__main__":
    harness.main()

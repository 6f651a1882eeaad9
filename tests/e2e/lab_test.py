"""The lab itself: what it offers, that it refuses to be made twice, and that nothing of it stays."""

import json
import os
import subprocess

import harness


class Lab(harness.LabCase):
    INSTANCE = "e2elab"

    def left_behind(self):
        namespaces = subprocess.run(["ip", "netns", "list"], check=True, text=True, stdout=subprocess.PIPE).stdout
        found = [line for line in namespaces.splitlines() if f"caisson-{self.INSTANCE}" in line]
        folders = (self.lab.run, f"{self.lab.run}.pids", self.lab.state, f"{self.lab.state}.bin", f"/sys/fs/bpf/caisson-{self.INSTANCE}")
        return found + [folder for folder in folders if os.path.exists(folder)]

    def test_offers_an_internet(self):
        self.assertEqual(self.lab.execute("curl", "-sS", "--max-time", "5", "http://198.51.100.10/"),
                         "hello from the internet\n")
        for address in ("TCP:198.51.100.10:7", "UDP:198.51.100.10:7"):
            self.assertEqual(self.lab.execute("sh", "-c", f"echo numbered | socat -T 5 -t 5 - {address},shut-none | head -n 1"),
                             "numbered\n")

    def test_daemons_answer(self):
        for port in (4750, 4751):
            self.lab.execute("curl", "-sS", "--fail", "--max-time", "5", f"http://127.0.0.1:{port}/healthz")
        self.assertEqual(self.lab.caisson("plan"), [])

    def test_a_member_whose_namespace_is_gone_fails_nobody_else(self):
        vpc, subnet = self.lab.vpc("10.0.0.0/16", "10.0.1.0/24")
        namespace = self.lab.member("gone", subnet, "10.0.1.10", [])
        subprocess.run(["ip", "netns", "del", namespace], check=True)
        harness.eventually("the plan to show the loss", lambda: self.lab.caisson("plan") != [])
        # The first request to meet it is not the one to blame, nor is any later one.
        for third in range(2):
            self.lab.api("CreateSubnet", VpcId=vpc, CidrBlock=f"10.0.{2 + third}.0/24")
        harness.eventually("netd to know of the loss", lambda: self.health()["Status"] == "degraded")
        interface, = self.lab.api("DescribeNetworkInterfaces")["NetworkInterfaces"]
        self.lab.api("DetachNetworkInterface", AttachmentId=interface["Attachment"]["AttachmentId"])
        harness.eventually("netd to be well", lambda: self.health()["Status"] == "ok")
        self.assertEqual(self.lab.caisson("plan"), [])

    def health(self):
        return json.loads(self.lab.execute("curl", "-sS", "--max-time", "5", "http://127.0.0.1:4750/healthz"))

    def test_is_made_once_and_goes_wholly(self):
        self.assertNotEqual(self.left_behind(), [])
        self.assertNotEqual(self.lab.dev("up", "--instance", self.INSTANCE, check=False).returncode, 0)
        pids = self.lab.pids()
        self.lab.down()
        self.assertEqual(self.left_behind(), [])
        self.assertEqual([pid for pid in pids if harness.process_runs(pid)], [])
        self.lab.down()

    def test_goes_after_a_crash_of_all(self):
        for daemon in ("runnerd", "netd"):
            self.lab.kill(daemon)
        self.lab.down()
        self.assertEqual(self.left_behind(), [])


if __name__ == "__main__":
    harness.main()

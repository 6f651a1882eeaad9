"""A start with something in its way: it ends at once with one sentence that tells what to do, and changes nothing."""

import errno
import os
import shutil
import subprocess

import faults
from commands import SUBNET, CommandsCase
from network import harness, run


class Obstacles(CommandsCase):
    INSTANCE = "nsobst"

    def setUp(self):
        super().setUp()
        self.net.faults.arm(0, faults.COUNT)

    def refused(self, *words, **options):
        """netd ends with an error; its one line of errors has these words."""
        self.net.spawn_netd(stderr=subprocess.PIPE, text=True, **options)
        _, text = self.net.netd.communicate(timeout=120)
        status, self.net.netd = self.net.netd.returncode, None
        errors = [line for line in text.splitlines() if "[error]" in line]
        self.assertEqual((status, len(errors)), (1, 1), text)
        for word in words:
            self.assertIn(word, errors[0])

    def started(self):
        """And with the obstacle gone, it starts."""
        self.start()
        self.net.kill()

    def test_a_second_netd(self):
        self.start()
        first = self.net.netd
        self.refused("another daemon uses the folder", self.net.state, "stop it")
        folder = f"{self.net.state}.other"
        os.makedirs(folder)
        try:
            self.net.spawn_netd("--state-dir", folder, stderr=subprocess.PIPE, text=True)
            _, text = self.net.netd.communicate(timeout=120)
            self.assertIn("another daemon uses the folder /sys/fs/bpf/", text)
        finally:
            shutil.rmtree(folder)
        self.net.netd = first
        self.assert_whole()

    def test_foreign_objects(self):
        fabric, host = self.net.fabric, self.net.host
        run("ip", "netns", "add", fabric)
        run("ip", "-n", fabric, "link", "add", "mine", "type", "bridge")
        self.refused("the network namespace", fabric, "is not ours", "mine", "--instance")
        self.assertEqual(self.net.links(fabric), ["lo", "mine"])
        run("ip", "netns", "delete", fabric)

        run("ip", "-n", host, "link", "add", f"cu-{self.net.name}", "type", "bridge")
        self.refused("the link", f"cu-{self.net.name}", "is not ours", "ip link delete")
        run("ip", "-n", host, "link", "delete", f"cu-{self.net.name}")

        self.nft(host, "add", "table", "ip", f"caisson_{self.net.name}")
        self.refused("the nft table", "is not ours", "nft delete table")
        self.nft(host, "delete", "table", "ip", f"caisson_{self.net.name}")
        self.started()

        for name in ("cs0001", "exit0"):
            run("ip", "-n", fabric, "link", "delete", name)
            run("ip", "-n", fabric, "link", "add", name, "type", "bridge")
            self.refused("the link", name, "is not ours", "ip link delete")
            run("ip", "-n", fabric, "link", "delete", name)
            self.started()

        pin = f"/sys/fs/bpf/{fabric}/flows"
        os.unlink(pin)
        run("bpftool", "map", "create", pin, "type", "array", "key", "4", "value", "4", "entries", "1", "name", "x")
        self.refused("load program", f"/sys/fs/bpf/{fabric}", "remove it")
        os.unlink(pin)
        self.started()

    def nft(self, namespace, *command):
        run("nsenter", f"--net=/run/netns/{namespace}", "--", "nft", *command)

    def test_another_abi(self):
        self.start()
        self.net.kill()
        pin = f"/sys/fs/bpf/{self.net.fabric}/abi"
        version = run("bpftool", "-j", "map", "dump", "pinned", pin)
        run("bpftool", "map", "update", "pinned", pin, "key", "0", "0", "0", "0", "value", "99", "0", "0", "0")
        self.refused("of another version of netd", "remove the folder")
        self.assertNotEqual(run("bpftool", "-j", "map", "dump", "pinned", pin), version)

    def test_a_store_that_cannot_be_read(self):
        self.start()
        commands = self.commands()
        commands[0][1]()
        commands[1][1]()
        described = self.net.described()
        self.net.kill()
        database = f"{self.net.state}/netd.db"
        def sql(text):
            run("/usr/bin/python3", "-c", "import sqlite3, sys; base = sqlite3.connect(sys.argv[1]); "
                "base.execute(sys.argv[2]); base.commit(); base.execute('PRAGMA wal_checkpoint(TRUNCATE)')",
                database, text)

        sql("SELECT 1")
        saved = f"{self.net.programs}/saved"
        shutil.copytree(self.net.state, saved)

        def damaged(damage, *words):
            damage()
            self.refused(*words)
            shutil.rmtree(self.net.state)
            shutil.copytree(saved, self.net.state)

        def overwrite():
            with open(database, "r+b") as file:
                file.write(b"not a database at all")

        damaged(lambda: sql("UPDATE entries SET value = '{' WHERE revision = 2"), "stored command 2", "restore netd.db")
        damaged(lambda: sql("DELETE FROM entries WHERE revision = 1"), "stored command 1", "restore netd.db")
        damaged(overwrite, "file is not a database", "restore the file from a copy")
        self.start()
        self.assertEqual(self.net.described(), described)

    def test_a_full_disk(self):
        os.makedirs(self.net.state)
        run("mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", self.net.state)
        self.addCleanup(run, "umount", "--lazy", self.net.state)
        self.start()
        self.net.api("CreateVpc", CidrBlock="10.0.0.0/16")
        ballast = os.open(f"{self.net.state}/ballast", os.O_WRONLY | os.O_CREAT)
        try:
            while True:
                os.write(ballast, b"\0" * 4096)
        except OSError as full:
            self.assertEqual(full.errno, errno.ENOSPC)
        # SQLite's log has room of its own, but not for long.
        with self.assertRaises(harness.ApiError) as refused:
            for _ in range(500):
                self.net.api("CreateVpc", CidrBlock="10.0.0.0/16")
        self.assertEqual(refused.exception.code, "InternalError")
        self.assertIn("free space", str(refused.exception))
        before = self.net.described()
        self.assert_whole()
        os.ftruncate(ballast, 0)
        os.close(ballast)
        self.net.api("CreateSubnet", VpcId=self.net.find("Vpcs")["VpcId"], CidrBlock="10.0.1.0/24")
        self.assertGreater(len(self.net.described()), len(before))
        self.net.kill()
        self.start()

    def test_no_memory_for_maps_and_programs(self):
        for first in (1, 5, 20):
            self.net.faults.arm(faults.CREATE, faults.FAIL, first, faults.FOREVER, 12)
            self.refused("load program")
            self.net.faults.disarm()
        self.started()

    def test_no_descriptor_is_left(self):
        self.start()
        commands = self.commands()
        commands[0][1]()
        described = self.net.described()
        pid = self.net.netd.pid
        used = len(os.listdir(f"/proc/{pid}/fd"))
        limits = run("prlimit", "--pid", str(pid), "--nofile", "--raw", "--noheadings", "-o", "SOFT").split()[0]
        # Room for a request's connection, and for hardly a file that it may need.
        run("prlimit", "--pid", str(pid), f"--nofile={used + 1}:")
        try:
            commands[1][1]()
        except (harness.ApiError, OSError, TypeError, harness.http.client.HTTPException):
            pass  # refused, or the answer did not come
        run("prlimit", "--pid", str(pid), f"--nofile={limits}:")
        # It lives, and has done all of it or nothing.
        harness.eventually("netd answers", self.net.answers)
        harness.eventually("nothing is left to do", lambda: self.net.inspect("Plan") == [])
        self.assert_whole()
        if self.net.find("Subnets", **SUBNET):
            commands[1][2]()
        self.assertEqual(self.net.described(), described)
        commands[1][1]()
        self.assert_whole()


if __name__ == "__main__":
    harness.main()

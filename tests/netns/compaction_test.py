"""The commands in netd's store give way to a snapshot, and a start from it comes to the same."""

import os
import sqlite3

from commands import CommandsCase
from network import harness

AFTER = 4


class Compaction(CommandsCase):
    INSTANCE = "nscompact"

    def setUp(self):
        super().setUp()
        self.net.environment = {}

    def start(self):
        self.net.spawn_netd("--compact-after", str(AFTER))
        harness.eventually("netd listens", self.net.answers, seconds=120)
        self.assert_whole()

    def keys(self):
        """What the store holds: the kinds of its entries, and the last revision."""
        store = sqlite3.connect(f"file:{self.net.state}/netd.db?mode=ro", uri=True)
        try:
            rows = store.execute("SELECT key, revision FROM entries ORDER BY revision").fetchall()
        finally:
            store.close()
        return [key.split("/")[0] for key, _ in rows], max((revision for _, revision in rows), default=0)

    def ids(self):
        return {what: self.net.api(f"Describe{what}")[what]
                for what in ("Vpcs", "Subnets", "SecurityGroups", "SecurityGroupRules", "NetworkInterfaces")}

    def test_a_snapshot_takes_the_commands_place(self):
        self.start()
        commands = self.commands()[:-1]
        made = 0
        # Much comes and goes, and the managed segment and a client's token stay.
        for _ in range(8):
            commands[0][1]()
            commands[0][2]()
            made += 2
        for _, do, _ in commands:
            do()
            made += 1
        kinds, last = harness.eventually("a snapshot", lambda: self.compacted(made), seconds=60)
        self.assertEqual(last, made)
        self.assertLess(kinds.count("command"), made)
        before = self.ids()
        self.net.kill()
        self.start()
        self.assertEqual(self.ids(), before)
        # What comes afterwards is appended, and replayed on the snapshot.
        self.net.api("CreateTags", Resources=[before["Vpcs"][0]["VpcId"]], Tags=[{"Key": "a", "Value": "b"}])
        kinds, last = self.keys()
        self.assertEqual(kinds[-1], "command")
        self.assertEqual(last, made + 1)
        after = self.ids()
        self.assertNotEqual(after, before)
        self.net.kill()
        self.start()
        self.assertEqual(self.ids(), after)
        for _, _, undo in reversed(commands):
            undo()
        self.assertEqual(self.net.api("DescribeVpcs")["Vpcs"], [])
        self.assertEqual(os.listdir(self.net.state).count("netd.db"), 1)
        self.assert_whole()

    def compacted(self, made):
        kinds, last = self.keys()
        return (kinds, last) if "snapshot" in kinds and last == made else None


if __name__ == "__main__":
    harness.main()

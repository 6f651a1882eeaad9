"""nft tables and network namespaces by our names that no instance has: each kind is counted, and removed if it bears
our mark."""

from commands import CommandsCase
from network import harness, run

MARK = 'comment "made by caisson netd"'


class Strays(CommandsCase):
    INSTANCE = "nsstray"

    def setUp(self):
        super().setUp()
        self.net.environment = {}
        self.net.start_netd()
        self.assert_whole()

    def nft(self, namespace, commands):
        run("nsenter", f"--net=/run/netns/{namespace}", "--", "nft", commands)

    def tables(self, namespace):
        return run("nsenter", f"--net=/run/netns/{namespace}", "--", "nft", "list", "tables").splitlines()

    def reported(self):
        return sorted((step["Operation"], step["Object"]) for step in self.net.inspect("Plan"))

    def health(self):
        connection = harness.UnixConnection(f"{self.net.run}/netd.sock")
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status
        finally:
            connection.close()

    def counted(self, objects):
        """All of these are in the plan and in the gauge, whatever netd makes of them."""
        self.assertEqual(self.reported(), [("Report", name) for name in objects])
        self.assertEqual(self.net.leaked(), len(objects))
        self.assertEqual(self.net.metric("caisson_plan_operations"), len(objects))

    def test_what_bears_our_name_alone_is_counted_and_stays(self):
        fabric, host = self.net.fabric, self.net.host
        own = f"caisson_{self.net.name}"
        tables = {namespace: self.tables(namespace) for namespace in (fabric, host)}
        self.nft(fabric, "add table inet caisson; add table inet filter")
        self.counted(["fabric table inet caisson"])
        self.nft(host, f"add table ip6 {own}; add table ip {own}_old; add table ip caisson")
        self.counted(["fabric table inet caisson", f"host table ip {own}_old", f"host table ip6 {own}"])

        old = f"{fabric}-old"
        run("ip", "netns", "add", f"{fabric}-plain")
        run("ip", "netns", "add", old)
        run("ip", "-n", old, "link", "add", "exit0", "type", "bridge")
        run("ip", "-n", old, "link", "set", "exit0", "alias", "caisson:exit")
        self.counted(["fabric table inet caisson", f"host table ip {own}_old", f"host table ip6 {own}",
                      f"netns {old}"])
        # It is told of, and that is all: requests go on.
        self.net.api("CreateVpc", CidrBlock="10.0.0.0/16")
        self.assertEqual(self.health(), 200)

        run("ip", "netns", "delete", old)
        self.nft(fabric, "delete table inet caisson; delete table inet filter")
        self.nft(host, f"delete table ip6 {own}; delete table ip {own}_old; delete table ip caisson")
        self.assert_whole()
        self.assertEqual({namespace: self.tables(namespace) for namespace in (fabric, host)}, tables)

    def test_a_namespace_in_the_fabrics_place_is_counted(self):
        fabric = self.net.fabric
        moved = f"{fabric}-moved"
        run("touch", f"/run/netns/{moved}")
        run("mount", "--bind", f"/run/netns/{fabric}", f"/run/netns/{moved}")
        run("ip", "netns", "delete", fabric)
        run("ip", "netns", "add", fabric)
        self.counted([f"netns {fabric}"])
        run("ip", "netns", "delete", fabric)
        run("touch", f"/run/netns/{fabric}")
        run("mount", "--bind", f"/run/netns/{moved}", f"/run/netns/{fabric}")
        run("ip", "netns", "delete", moved)
        self.assert_whole()

    def test_tables_by_our_mark_are_removed(self):
        """Those of a netd that was killed, at the next start; and those that somebody makes, at once."""
        fabric, host = self.net.fabric, self.net.host
        own = f"caisson_{self.net.name}"
        tables = {namespace: self.tables(namespace) for namespace in (fabric, host)}

        def plant():
            self.nft(fabric, f"add table ip caisson_old {{ {MARK}; }}; add table inet other {{ {MARK}; }}")
            self.nft(host, f"add table inet {own} {{ {MARK}; }}; add table ip {own}_old {{ {MARK}; }}")

        def whole():
            return {namespace: self.tables(namespace) for namespace in (fabric, host)} == tables

        self.net.kill()
        plant()
        self.assertFalse(whole())
        self.net.start_netd()
        self.assertTrue(whole())
        self.assert_whole()
        plant()
        harness.eventually("all four tables are gone", whole, seconds=60)
        harness.eventually("nothing is left to do", lambda: self.net.inspect("Plan") == [])
        self.assert_whole()


if __name__ == "__main__":
    harness.main()

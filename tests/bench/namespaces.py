"""Network namespaces of a benchmark: made anew, and gone afterwards with everything in them."""

import subprocess


def run(*command, text=None):
    return subprocess.run(command, check=True, text=True, input=text if text is not None else "",
                          stdout=subprocess.PIPE).stdout


def inside(namespace, *command):
    """The command with what enters the namespace in front (`ip netns exec` would hide bpffs)."""
    return ["nsenter", f"--net=/run/netns/{namespace}", "--", *command]


class Namespaces:
    """As a context: none of these is there before or after it. make() makes one."""

    def __init__(self, *names):
        self.names = names

    def make(self, name):
        run("ip", "netns", "add", name)
        run("ip", "-n", name, "link", "set", "lo", "up")
        run(*inside(name, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1"))
        return name

    def remove(self):
        there = {line.split()[0] for line in run("ip", "netns", "list").splitlines() if line}
        for name in self.names:
            if name in there:
                run("ip", "netns", "delete", name)

    def __enter__(self):
        self.remove()
        return self

    def __exit__(self, *_):
        self.remove()

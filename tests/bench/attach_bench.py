"""attach: the round trip of Attach as runnerd sees it, and what others take to give a guest its network.

netd serves 1,000 slots, function interfaces in 100 VPCs stand; all slots are attached, and one after the other, at
random, is detached and attached. In the same run: Debian's CNI plugins (ADD of bridge with host-local, portmap,
firewall), a script of ip, tc and nft, and netlink from C++ with a tap made for the purpose.
"""

import json
import os
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "netns"))

from bench import percentile, program, row, say, sized  # noqa: E402
from namespaces import Namespaces, inside, run  # noqa: E402
from network import Network  # noqa: E402

NAME = "attach"
ACCOUNT = "000000000001"
PLUGINS = "/usr/lib/cni"
HOST = "caisson-benchcmp"
POD = "caisson-benchpod"


def percentiles(metric, nanoseconds, baseline=None):
    """The rows of p50 and p99 in microseconds; the value of the first."""
    half = row(NAME, f"{metric}p50_us", "us", percentile(nanoseconds, 50) / 1000, baseline)
    row(NAME, f"{metric}p99_us", "us", percentile(nanoseconds, 99) / 1000)
    return half


def attach_of_netd():
    slots, vpcs, cycles = sized((1000, 100, 20000), (4, 2, 20))
    net = Network("bench", slots=slots)
    try:
        say(f"netd with {slots} slots, {vpcs} VPCs, all slots attached; {cycles} attachments")
        net.up()
        lines = []
        for number in range(vpcs):
            vpc, subnet = net.vpc("10.0.0.0/16", "10.0.1.0/24")
            lines.append(f"{subnet} {net.group(vpc, f'bench{number}')}")
        samples = json.loads(run(program("bench_attach_client"), f"{net.run}/attach.sock", ACCOUNT, str(slots),
                                 str(cycles), text="\n".join(lines)))
    finally:
        net.down()
    half = percentiles("", samples["attach"])
    percentiles("map_writes_", samples["netd"])
    for operation in ("seal", "unseal", "detach", "lease"):
        percentiles(f"{operation}_", samples[operation])
    return half


def timed(command, **options):
    """Nanoseconds from the command's start to its end, and its output."""
    began = time.perf_counter_ns()
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
    took = time.perf_counter_ns() - began
    if done.returncode != 0:
        sys.exit(f"{command}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return took, done.stdout


def by_netlink(bridges):
    out = run(*inside(HOST, program("bench_attach_netlink"), str(sized(500, 3)), *bridges))
    return json.loads(out)


def by_commands(bridges):
    run(*inside(HOST, "nft", "-f", "-"), text="""
        table bridge bench {
          chain forward { type filter hook forward priority 0; policy drop;
          }
        }
        """)
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "attach_by_commands.sh")
    samples = []
    for number in range(sized(100, 2)):
        samples.append(timed(inside(HOST, script, f"sh{number}", bridges[number % len(bridges)],
                                    f"02:00:00:01:00:{number % 256:02x}", f"10.0.1.{number % 200 + 2}"))[0])
    return samples


def configuration(kind, folder, previous):
    """What a runtime hands to the plugin `kind` of the chain."""
    config = {"cniVersion": "0.4.0", "name": "bench", "type": kind}
    if kind == "bridge":
        config |= {"bridge": "cni0", "isGateway": True,
                   "ipam": {"type": "host-local", "subnet": "10.22.0.0/16", "dataDir": folder}}
    if kind == "portmap":
        config |= {"capabilities": {"portMappings": True}}
    if kind == "firewall":
        config |= {"backend": "iptables"}
    return config if previous is None else config | {"prevResult": previous}


def by_plugins(namespaces):
    samples = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(sized(30, 1)):
            namespaces.make(POD)
            environment = {"CNI_COMMAND": "ADD", "CNI_CONTAINERID": f"bench{number}", "CNI_IFNAME": "eth0",
                           "CNI_NETNS": f"/run/netns/{POD}", "CNI_PATH": PLUGINS, "PATH": os.environ["PATH"]}
            total, result = 0, None
            for kind in ("bridge", "portmap", "firewall"):
                config = configuration(kind, folder, result)
                if kind == "portmap":
                    config["runtimeConfig"] = {"portMappings": [
                        {"hostPort": 20000 + number, "containerPort": 80, "protocol": "tcp"}]}
                took, out = timed(inside(HOST, os.path.join(PLUGINS, kind)), env=environment, input=json.dumps(config))
                total, result = total + took, json.loads(out)
            samples.append(total)
            run("ip", "netns", "delete", POD)
    return samples


def main():
    ours = attach_of_netd()
    with Namespaces(POD, HOST) as namespaces:
        namespaces.make(HOST)
        bridges = [f"br{number}" for number in range(sized(100, 2))]
        run("ip", "-n", HOST, "-batch", "-", text="".join(f"link add {name} type bridge\nlink set {name} up\n"
                                                          for name in bridges))
        say("netlink from C++, the tap made for the purpose, no filter")
        percentiles("netlink_", by_netlink(bridges), ours)
        say("a script of ip, tc and nft")
        percentiles("commands_", by_commands(bridges), ours)
        say("CNI plugins: bridge with host-local, portmap, firewall")
        percentiles("cni_", by_plugins(namespaces), ours)


if __name__ == "__main__":
    main()

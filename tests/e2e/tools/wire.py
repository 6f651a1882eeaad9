"""wire.py [quiet]: the wire of a network namespace, driven by JSON lines on stdin; one line answers each.

{"send": [HEX, ...]} sends Ethernet frames on the namespace's one device beside lo: {"sent": N}. {"report": true}
tells what arrived at any device, by the markers (MARK- and digits) in the frames: {"seen": {"MARK-7": [HEX, ...]}}.
{"device": true} names the device: {"device": NAME, "mac": MAC}. Prints {"ready": true} first. UDP to port 5000 finds
a socket, so that the kernel does not complain of it by ICMP; with "quiet" the namespace speaks no IPv6 by itself.
"""

import collections
import json
import re
import socket
import sys

ETH_P_ALL = 3
PACKET_OUTGOING = 4
MARK = re.compile(rb"MARK-\d+")

wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
swallow = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
swallow.bind(("0.0.0.0", 5000))
device = next((name for _, name in socket.if_nameindex() if name != "lo"), "lo")
if "quiet" in sys.argv:
    with open("/proc/sys/net/ipv6/conf/all/disable_ipv6", "w", encoding="ascii") as switch:
        switch.write("1")
seen = collections.defaultdict(list)


def drain():
    while True:
        try:
            frame, (_, _, kind, _, _) = wire.recvfrom(65536, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        mark = MARK.search(frame)
        if mark and kind != PACKET_OUTGOING:
            seen[mark[0].decode()].append(frame.hex())


def answer(command):
    if "send" in command:
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as out:
            out.bind((device, 0))
            for frame in command["send"]:
                out.send(bytes.fromhex(frame))
        return {"sent": len(command["send"])}
    if "device" in command:
        # /sys is the machine's, whatever the namespace.
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as out:
            out.bind((device, 0))
            return {"device": device, "mac": out.getsockname()[4].hex(":")}
    drain()
    return {"seen": seen}


print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)

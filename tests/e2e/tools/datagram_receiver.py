"""datagram_receiver.py PORT: counts numbered UDP datagrams until stdin is closed and none has come for a second.

Prints {"listening": PORT} when it is ready, {"received": N} every 500 datagrams, and at the end
{"received", "highest", "missing", "repeated"}.
"""

import json
import select
import socket
import struct
import sys

SO_RCVBUFFORCE = 33  # asm-generic/socket.h; Python has no name for it

receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
receiver.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20)
receiver.bind(("0.0.0.0", int(sys.argv[1])))
print(json.dumps({"listening": int(sys.argv[1])}))
seen = set()
repeated = 0
open_ends = [receiver, sys.stdin]
while True:
    ready = select.select(open_ends, [], [], None if len(open_ends) == 2 else 1.0)[0]
    if not ready:
        break
    if sys.stdin in ready:
        open_ends = [receiver]
    if receiver in ready:
        (number,) = struct.unpack("!Q", receiver.recv(2048))
        if number in seen:
            repeated += 1
        seen.add(number)
        if len(seen) % 500 == 0:
            print(json.dumps({"received": len(seen)}))
highest = max(seen, default=-1)
missing = sorted(set(range(highest + 1)) - seen)
print(json.dumps({"received": len(seen), "highest": highest, "missing": missing[:20], "repeated": repeated}))

"""A UDP echo server: prints {"listening"}; when stdin ends, how many datagrams came and the size of the largest."""

import json
import select
import socket
import sys

server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("0.0.0.0", int(sys.argv[1])))
print(json.dumps({"listening": int(sys.argv[1])}), flush=True)
sizes = []
while server in select.select([server, sys.stdin], [], [])[0]:
    data, peer = server.recvfrom(65536)
    sizes.append(len(data))
    server.sendto(data, peer)
print(json.dumps({"datagrams": len(sizes), "largest": max(sizes, default=0)}))

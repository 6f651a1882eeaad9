"""datagram_sender.py ADDRESS PORT RATE: numbered UDP datagrams at RATE a second until stdin is closed.

Prints {"sent": N} every 500 and at the end. A datagram is its number, 8 bytes, network order. What the scheduler
made late is sent at once afterwards, so that the mean rate holds.
"""

import json
import select
import socket
import struct
import sys
import time

address, port, rate = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sender.connect((address, port))
begun = time.monotonic()
sent = 0
while not select.select([sys.stdin], [], [], max(0.0, begun + sent / rate - time.monotonic()))[0]:
    sender.send(struct.pack("!Q", sent))
    sent += 1
    if sent % 500 == 0:
        print(json.dumps({"sent": sent}))
print(json.dumps({"sent": sent}))

"""stream_server.py PORT BYTES SECONDS: serves one TCP connection with BYTES pseudo-random bytes over SECONDS.

Prints {"listening": PORT}, {"sent": N} every tenth, and at the end {"sent", "sha256"}.
"""

import hashlib
import json
import random
import socket
import sys
import time

PIECES = 500

port, size, seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind(("0.0.0.0", port))
server.listen()
print(json.dumps({"listening": port}))
connection, _ = server.accept()
source = random.Random(port)
digest = hashlib.sha256()
begun = time.monotonic()
for piece in range(1, PIECES + 1):
    data = source.randbytes(size // PIECES)
    digest.update(data)
    connection.sendall(data)
    if piece % (PIECES // 10) == 0:
        print(json.dumps({"sent": piece * (size // PIECES)}))
    time.sleep(max(0.0, begun + piece * seconds / PIECES - time.monotonic()))
connection.shutdown(socket.SHUT_WR)
connection.recv(1)
print(json.dumps({"sent": PIECES * (size // PIECES), "sha256": digest.hexdigest()}))

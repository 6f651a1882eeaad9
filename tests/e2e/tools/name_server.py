"""name_server.py NAME PORT: answers each line of a TCP connection with "NAME line"; until stdin is closed.

Prints {"listening": PORT}, and at the end {"connections": N, "lines": [...]}.
"""

import json
import socketserver
import sys
import threading

name, port = sys.argv[1], int(sys.argv[2])
connections = 0
lines = []


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        global connections
        connections += 1
        for line in self.rfile:
            lines.append(line.decode().strip())
            self.wfile.write(f"{name} {lines[-1]}\n".encode())


socketserver.ThreadingTCPServer.allow_reuse_address = True
socketserver.ThreadingTCPServer.daemon_threads = True
with socketserver.ThreadingTCPServer(("0.0.0.0", port), Handler) as server:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(json.dumps({"listening": port}))
    sys.stdin.read()
    print(json.dumps({"connections": connections, "lines": lines}))

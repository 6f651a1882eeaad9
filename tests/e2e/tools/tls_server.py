"""A web server behind TLS: tls_server.py ADDRESS PORT CERTIFICATE-AND-KEY; answers every GET with "hello" until stdin ends."""

import http.server
import json
import ssl
import sys
import threading

ADDRESS, PORT, PEM = sys.argv[1:]


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *_):
        """A client that doesn't trust the certificate ends the handshake."""


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(PEM)
server = Server((ADDRESS, int(PORT)), Handler)
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(json.dumps({"listening": int(PORT)}), flush=True)
sys.stdin.read()
print(json.dumps({}))

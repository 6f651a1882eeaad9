"""endpoints: a request through the endpoints' proxy beside one through Debian's nginx as TLS reverse proxy, to the same backend,
in turn and in one namespace. nginx passes requests on; the proxy verifies their signature, asks the policy, signs anew and
records. Clients hold their connections open, as AWS's SDKs do."""

import contextlib
import json
import os
import re
import shutil
import statistics
import subprocess
import tempfile
import time

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from bench import BUILD, ROOT, SMOKE, program, row, say, sized
from namespaces import Namespaces, inside

NAME = "endpoints"
NAMESPACE = "caisson-bench-endpoints"
HOST = "s3.us-east-1.amazonaws.com"
TOOLS = os.path.join(BUILD, "tools")
NGINX = os.path.join(TOOLS, "nginx")
OBJECT = 1024
S3_PORT, BARE_PORT, NGINX_PORTS = 4568, 8000, {"s3rver": 8443, "bare": 8444}
CONNECTIONS = 8
ROUNDS = sized(7, 1)
SECONDS = sized(3, 1)
POLICY = {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": ["arn:aws:s3:::photos", "arn:aws:s3:::photos/*"]},
    {"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "arn:aws:s3:::photos/secret/*"}]}
LUA = """
done = function(summary, latency, requests)
  local wrong = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.status + summary.errors.timeout
  print(string.format('{"requests": %d, "wrong": %d, "us": %d, "p50": %d, "p99": %d}', summary.requests, wrong, summary.duration,
    latency:percentile(50), latency:percentile(99)))
end
"""
NGINX_CONFIGURATION = """
daemon off;
worker_processes auto;
pid {folder}/nginx.pid;
error_log stderr;
events {{ worker_connections 768; }}
http {{
  sendfile on;
  tcp_nopush on;
  access_log {folder}/access.log;
  client_body_temp_path {folder}/nginx-body;
  proxy_temp_path {folder}/nginx-proxy;
  fastcgi_temp_path {folder}/nginx-fastcgi;
  uwsgi_temp_path {folder}/nginx-uwsgi;
  scgi_temp_path {folder}/nginx-scgi;
  ssl_certificate {folder}/nginx.pem;
  ssl_certificate_key {folder}/nginx.key;
  keepalive_requests 1000000;
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  proxy_set_header Host $http_host;
  upstream s3rver {{ server 127.0.0.1:{s3}; keepalive 32; keepalive_requests 1000000; }}
  upstream bare {{ server 127.0.0.1:{bare}; keepalive 32; keepalive_requests 1000000; }}
  server {{ listen 127.0.0.1:{tls_s3rver} ssl; location / {{ proxy_pass http://s3rver; }} }}
  server {{ listen 127.0.0.1:{tls_bare} ssl; location / {{ proxy_pass http://bare; }} }}
  server {{ listen 127.0.0.1:{bare}; access_log off; location / {{ return 200 "{content}"; }} }}
}}
"""


class UnsignedBody(S3SigV4Auth):
    def payload(self, request):
        return "UNSIGNED-PAYLOAD"


def signed_headers(key, secret, method="GET", path="/photos/small"):
    request = AWSRequest(method=method, url=f"https://{HOST}{path}")
    UnsignedBody(Credentials(key, secret), "s3", "us-east-1").add_auth(request)
    return [part for name, value in (("Host", HOST), *request.headers.items()) for part in ("-H", f"{name}: {value}")]


def curl(*arguments):
    done = subprocess.run(inside(NAMESPACE, "curl", "-sSk", "--max-time", "20", *arguments), check=True, stdout=subprocess.PIPE,
                          stdin=subprocess.DEVNULL)
    return done.stdout


class Programs:
    """What runs in the namespace for as long as the benchmark does."""

    def __init__(self, left, folder):
        self.left, self.folder = left, folder

    def start(self, *command, first_line=True):
        process = subprocess.Popen(inside(NAMESPACE, *command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.left.callback(self.end, process)
        return process, process.stdout.readline() if first_line else ""

    @staticmethod
    def end(process):
        process.terminate()
        process.wait()
        process.stdin.close()
        process.stdout.close()

    def backends(self):
        os.makedirs(f"{self.folder}/objects/photos")
        shutil.copy(f"{ROOT}/dev.d/backends/start.cjs", f"{self.folder}/start.cjs")
        os.symlink(f"{TOOLS}/backends/node_modules", f"{self.folder}/node_modules")
        self.start("node", f"{self.folder}/start.cjs", "s3", str(S3_PORT), f"{self.folder}/objects")
        with open(f"{self.folder}/small", "wb") as file:
            file.write(b"x" * OBJECT)
        curl("--fail", "-T", f"{self.folder}/small", *signed_headers("S3RVER", "S3RVER", "PUT"), f"http://127.0.0.1:{S3_PORT}/photos/small")

    def nginx(self):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
                        "2", "-subj", f"/CN={HOST}", "-keyout", f"{self.folder}/nginx.key", "-out", f"{self.folder}/nginx.pem"],
                       check=True, stderr=subprocess.DEVNULL)
        with open(f"{self.folder}/nginx.conf", "w", encoding="utf-8") as file:
            file.write(NGINX_CONFIGURATION.format(folder=self.folder, s3=S3_PORT, bare=BARE_PORT, content="x" * OBJECT,
                                                  **{f"tls_{name}": port for name, port in NGINX_PORTS.items()}))
        self.start(NGINX, "-e", "stderr", "-p", self.folder, "-c", f"{self.folder}/nginx.conf", first_line=False)
        deadline = time.monotonic() + 20
        while not os.path.exists(f"{self.folder}/nginx.pid"):
            if time.monotonic() > deadline:
                raise TimeoutError("nginx does not start")
            time.sleep(0.02)

    def proxy(self, backend_port):
        """The process and the port for TLS."""
        folder = tempfile.mkdtemp(dir=self.folder)
        process, line = self.start(program("endpoint_proxy"), f"{ROOT}/endpoints/services", folder, f"{self.folder}/policy.json",
                                   str(backend_port), "9", "256")
        return process, json.loads(line)["https"]


class Subject:
    """One of the two, before one backend: a port, and what was measured there."""

    def __init__(self, port, headers):
        self.url, self.headers = f"https://127.0.0.1:{port}/photos/small", headers
        self.rounds = []

    def check(self):
        body = curl("--fail", *self.headers(), self.url)
        if len(body) != OBJECT:
            raise RuntimeError(f"{self.url}: {body[:200]}")

    def measure(self, script, connections):
        done = subprocess.run(inside(NAMESPACE, "wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s", "-s", script, *self.headers(), self.url),
                              check=True, stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
        figures = json.loads(done.stdout.splitlines()[-1])
        if figures["wrong"] or not figures["requests"]:
            raise RuntimeError(f"{self.url}: {done.stdout}")
        figures["req_s"] = figures["requests"] / figures["us"] * 1e6
        self.rounds.append(figures)

    def median(self, figure):
        return statistics.median(one[figure] for one in self.rounds)


def compare(prefix, label, ours, nginx, script, connections):
    for subject in (ours, nginx):
        subject.check()
        subject.rounds = []
    for _ in range(ROUNDS):
        for subject in (nginx, ours):
            subject.measure(script, connections)
    for figure, unit in (("req_s", "1/s"), ("p50", "us"), ("p99", "us")):
        name = figure if figure == "req_s" else f"{figure}_us"
        row(NAME, f"{label}{name}", unit, ours.median(figure), nginx.median(figure))
        # Of each round, so that both have seen the same machine.
        ratios = [one[figure] / other[figure] for one, other in zip(ours.rounds, nginx.rounds)]
        row(NAME, f"{prefix}{figure}_over_nginx", "x", statistics.median(ratios))


def peak_mib(process):
    with open(f"/proc/{process.pid}/status", encoding="ascii") as file:
        return int(re.search(r"VmHWM:\s+(\d+) kB", file.read())[1]) / 1024


def main():
    with contextlib.ExitStack() as left:
        folder = left.enter_context(tempfile.TemporaryDirectory(prefix="caisson-bench-endpoints-"))
        left.enter_context(Namespaces(NAMESPACE)).make(NAMESPACE)
        with open(f"{folder}/policy.json", "w", encoding="utf-8") as file:
            json.dump(POLICY, file)
        script = f"{folder}/figures.lua"
        with open(script, "w", encoding="ascii") as file:
            file.write(LUA)
        programs = Programs(left, folder)
        programs.backends()
        programs.nginx()
        # Each request is signed with what its receiver knows; nginx hands the signature on to the backend.
        ours = lambda: signed_headers("AKIDACCOUNT", "secret")  # noqa: E731
        theirs = lambda: signed_headers("S3RVER", "S3RVER")  # noqa: E731
        for backend, port, prefix in (("s3rver", S3_PORT, ""), ("bare", BARE_PORT, "bare_")):
            process, tls = programs.proxy(port)
            pair = Subject(tls, ours), Subject(NGINX_PORTS[backend], theirs)
            compare(prefix, prefix, *pair, script, CONNECTIONS)
            if not SMOKE or backend == "bare":
                compare(f"{prefix}single_", f"{prefix}single_", *pair, script, 1)
            say(f"{backend}: the proxy's resident memory at its peak: {peak_mib(process):.1f} MiB")
        row(NAME, "proxy_peak_mib", "MiB", peak_mib(process))


if __name__ == "__main__":
    main()

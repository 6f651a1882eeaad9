"""api_clients.py DAEMON SOCKET CLIENTS SLOW: CLIENTS API clients at once, beside SLOW that never finish a request.

Each client has a connection of its own. Of netd's, every tenth makes a VPC and tags it with its number; the others
describe, or send what must be refused. Of runnerd's, they list functions or send what must be refused. Prints
{"silent": N} when the slow ones are connected, and at the end {"answers": {"ACTION STATUS CODE": N}, "retries": N,
"slowest": seconds}. Clients heed a "Connection: close" as HTTP says.
"""

import asyncio
import collections
import json
import sys
import time

daemon, path, clients, slow = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
answers = collections.Counter()
retries = 0
slowest = 0.0

FUNCTIONS = "/2015-03-31/functions"
BAD_FUNCTIONS = [b"{", b'{"FunctionName":5}', b'{"Timeout":' + b"[" * 100_000, b"[]", b'{"Timeout":"x"}', b"null"]
BAD = [
    ("CreateVpc", b'{"CidrBlock":"10.0.0.0/16","Cidr":"x"}'),
    ("CreateVpc", b'{"CidrBlock":10}'),
    ("CreateVpc", b'{"CidrBlock":"10.0.0.0/8"}'),
    ("CreateVpc", b'{"Filters":' + b"[" * 100_000),
    ("CreateVpc", b'{"CidrBlock":"10.0.0.0/16"'),
    ("CreateSubnet", b'{"VpcId":"vpc-00000000000000000","CidrBlock":"10.0.0.0/24"}'),
]


async def read_reply(reader):
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    length = int(head.split("content-length: ")[1].split("\r\n")[0])
    answer = json.loads(await reader.readexactly(length))
    code = head.split("x-amzn-errortype: ")[1].split("\r\n")[0] if "x-amzn-errortype" in head else ""
    return int(head.split()[1]), answer.get("Error", {}).get("Code", code), "connection: close" in head


class Client:
    def __init__(self):
        self.reader = self.writer = None

    async def ask(self, action, body, method="POST", target=None):
        """Counts the answer; connects when there is no connection, and again when it was closed before an answer."""
        global retries, slowest
        begun = time.monotonic()
        while True:
            try:
                if self.writer is None:
                    self.reader, self.writer = await asyncio.open_unix_connection(path)
                self.writer.write(f"{method} {target or '/v1/' + action} HTTP/1.1\r\nHost: x\r\n"
                                  f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
                status, code, closes = await read_reply(self.reader)
            except (asyncio.IncompleteReadError, ConnectionError):
                self.close()
                retries += 1
                continue
            if closes:
                self.close()
            slowest = max(slowest, time.monotonic() - begun)
            answers[f"{action} {status} {code}".strip()] += 1
            return

    def close(self):
        if self.writer:
            self.writer.close()
        self.writer = None


async def run_function_client(number):
    client = Client()
    if number % 10 == 1:
        await client.ask("CreateFunction", BAD_FUNCTIONS[number // 10 % len(BAD_FUNCTIONS)], "POST", FUNCTIONS)
    for _ in range(3):
        await client.ask("ListFunctions", b"", "GET", FUNCTIONS)
    client.close()


async def run_network_client(number):
    client = Client()
    if number % 10 == 0:
        body = {"CidrBlock": "10.0.0.0/16", "TagSpecifications": [
            {"ResourceType": "vpc", "Tags": [{"Key": "client", "Value": str(number)}]}]}
        await client.ask("CreateVpc", json.dumps(body).encode())
    elif number % 10 == 1:
        action, body = BAD[number // 10 % len(BAD)]
        await client.ask(action, body)
    for _ in range(3):
        await client.ask("DescribeVpcs", b'{"MaxResults":5}')
    client.close()


async def hold_slow(number):
    """Half of a header, half of a body, or nothing at all."""
    reader, writer = await asyncio.open_unix_connection(path)
    if number % 3 == 1:
        writer.write(b"POST /v1/CreateVpc HTTP/1.1\r\nHost: x\r\n")
    if number % 3 == 2:
        writer.write(b'POST /v1/CreateVpc HTTP/1.1\r\nHost: x\r\nContent-Length: 27\r\n\r\n{"CidrBlock"')
    return reader, writer


async def main():
    held = [await hold_slow(number) for number in range(slow)]
    print(json.dumps({"silent": len(held)}), flush=True)
    run_client = run_network_client if daemon == "netd" else run_function_client
    await asyncio.gather(*(run_client(number) for number in range(clients)))
    for _, writer in held:
        writer.close()
    print(json.dumps({"answers": answers, "retries": retries, "slowest": slowest}), flush=True)


asyncio.run(main())

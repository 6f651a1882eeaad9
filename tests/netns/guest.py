"""The guest's end of a slot: leased over attach.sock as runnerd does, played on the tap with virtio-net headers."""

import json
import os
import select
import socket
import struct
import subprocess
import sys

import frames

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
import harness  # noqa: E402


def encode(value):
    """CBOR of what the requests have: whole numbers, text, lists and maps (RFC 8949, section 3)."""
    def head(major, number):
        for limit, more, form in ((24, None, ""), (1 << 8, 24, "B"), (1 << 16, 25, "H"), (1 << 32, 26, "I")):
            if number < limit:
                return bytes([major << 5 | (number if more is None else more)]) + (
                    struct.pack("!" + form, number) if form else b"")
        return bytes([major << 5 | 27]) + struct.pack("!Q", number)

    if isinstance(value, int):
        return head(0, value)
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return head(4, len(value)) + b"".join(map(encode, value))
    return head(5, len(value)) + b"".join(encode(name) + encode(member) for name, member in value.items())


def decode(data, at=0):
    """The value at `at` and where the next one begins."""
    major, number = data[at] >> 5, data[at] & 31
    at += 1
    if major == 7:
        return {20: False, 21: True, 22: None}[number], at
    if number >= 24:
        size = 1 << (number - 24)
        number, at = int.from_bytes(data[at:at + size], "big"), at + size
    if major == 0:
        return number, at
    if major == 3:
        return data[at:at + number].decode(), at + number
    items = []
    for _ in range(number * (2 if major == 5 else 1)):
        item, at = decode(data, at)
        items.append(item)
    return (dict(zip(items[::2], items[1::2])) if major == 5 else items), at


class Refused(AssertionError):
    """netd's answer was an error: `code`."""

    def __init__(self, operation, reply):
        super().__init__(f"{operation}: {reply}")
        self.code = reply["code"]


class Attach:
    """A connection to attach.sock."""

    def __init__(self, path):
        self.connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.connection.settimeout(60)
        self.connection.connect(path)
        self.fabric = os.path.basename(os.path.dirname(path))

    def ask(self, operation, **members):
        self.connection.send(encode({"op": operation, **members}))
        data, descriptors, _, _ = socket.recv_fds(self.connection, 65536, 1)
        reply, _ = decode(data)
        if not reply["ok"]:
            raise Refused(operation, reply)
        return reply, descriptors

    def close(self):
        self.connection.close()


class Guest:
    """A slot that is attached to a network interface."""

    ADDRESS = "169.254.100.2"
    HEADER = 10  # of virtio-net, without the number of buffers

    def __init__(self, attach, interface):
        self.attach = attach
        reply, descriptors = attach.ask("LeaseSlot")
        self.slot, self.tap = reply["slot"], descriptors[0]
        # Until the kernel has noticed that the tap is open, it drops what would come out of it.
        harness.eventually("the tap is up", self.is_up)
        attached, _ = attach.ask("Attach", slot=self.slot, eni=interface)
        self.generation = attached["generation"]

    def is_up(self):
        shown = subprocess.run(["ip", "-n", self.attach.fabric, "-j", "link", "show", f"cs{self.slot:04x}"], check=True,
                               stdout=subprocess.PIPE).stdout
        return json.loads(shown)[0]["operstate"] == "UP"

    def send(self, destination, protocol, body, partial=False):
        at = 6 if protocol == 17 else 16
        header = struct.pack("=BBHHHH", frames.NEEDS_CHECKSUM if partial else 0, 0, 0, 0, 34 if partial else 0,
                             at if partial else 0)
        self.send_packet(frames.ipv4(self.ADDRESS, destination, protocol, body), header)

    def send_packet(self, packet, header=bytes(HEADER)):
        os.write(self.tap, header + frames.GATEWAY_MAC + frames.GUEST_MAC + b"\x08\0" + packet)

    def receive(self, seconds=60):
        """The next IPv4 packet, or nothing."""
        packet = self.receive_packet(seconds)
        return None if packet is None else frames.Received(bytes(14) + packet)

    def receive_packet(self, seconds=60):
        """The same, its bytes without padding."""
        while select.select([self.tap], [], [], seconds)[0]:
            frame = os.read(self.tap, 65536)[self.HEADER:]
            if frame[12:14] == b"\x08\0":
                if frame[:12] != frames.GUEST_MAC + frames.GATEWAY_MAC:
                    raise AssertionError(f"not the guest's: {frame.hex()}")
                return frame[14:14 + struct.unpack_from("!H", frame, 16)[0]]
        return None

    def close(self):
        os.close(self.tap)
        self.attach.ask("ReturnSlot", slot=self.slot)

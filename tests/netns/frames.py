"""Packets as bytes, with the checksums that a test wants, and the check of those that came."""

import socket
import struct

NEEDS_CHECKSUM = 1  # VIRTIO_NET_HDR_F_NEEDS_CSUM
GUEST_MAC = bytes.fromhex("02ca15500002")
GATEWAY_MAC = bytes.fromhex("02ca15500001")
SYN, RST, PSH, ACK = 0x02, 0x04, 0x08, 0x10


def ones_sum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def pseudo_header(source, destination, protocol, length):
    return socket.inet_aton(source) + socket.inet_aton(destination) + struct.pack("!BBH", 0, protocol, length)


def finish(source, destination, protocol, body, at, checksum):
    """`checksum`: "full", "partial" (the pseudo header's alone, the device adds the rest) or "none"."""
    if checksum == "none":
        return body
    value = ones_sum(pseudo_header(source, destination, protocol, len(body)) + (body if checksum == "full" else b""))
    if checksum == "full":
        value = ~value & 0xFFFF or 0xFFFF
    return body[:at] + struct.pack("!H", value) + body[at + 2:]


def udp(source, destination, source_port, port, data, checksum="full"):
    body = struct.pack("!4H", source_port, port, 8 + len(data), 0) + data
    return finish(source, destination, 17, body, 6, checksum)


def tcp(source, destination, source_port, port, flags, sequence, acknowledged=0, data=b"", checksum="full"):
    body = struct.pack("!HHIIBBHHH", source_port, port, sequence, acknowledged, 5 << 4, flags, 65535, 0, 0) + data
    return finish(source, destination, 6, body, 16, checksum)


def echo(identity, number):
    """An ICMP echo request."""
    body = struct.pack("!BBHHH", 8, 0, 0, identity, number) + b"payload."
    return body[:2] + struct.pack("!H", ~ones_sum(body) & 0xFFFF) + body[4:]


def ipv4(source, destination, protocol, body):
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 1, 0x4000, 64, protocol, 0)
    header += socket.inet_aton(source) + socket.inet_aton(destination)
    return header[:10] + struct.pack("!H", ~ones_sum(header) & 0xFFFF) + header[12:] + body


def fragments(source, destination, protocol, body, identity, size=1480):
    """The packets of one datagram: fragments with bodies of `size` bytes."""
    packets = []
    for at in range(0, len(body), size):
        more = 0x2000 if at + size < len(body) else 0
        header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body[at:at + size]), identity, more | at // 8, 64, protocol, 0)
        header += socket.inet_aton(source) + socket.inet_aton(destination)
        packets.append(header[:10] + struct.pack("!H", ~ones_sum(header) & 0xFFFF) + header[12:] + body[at:at + size])
    return packets


def joined(packets):
    """The frame of the datagram whose fragments these are, in their order, without gaps."""
    body = b""
    for packet in packets:
        (offset,) = struct.unpack_from("!H", packet, 6)
        if (offset & 0x1FFF) * 8 != len(body):
            raise AssertionError(f"not the next fragment: {packet[:20].hex()}")
        body += packet[20:]
    first = packets[0]
    whole = ipv4(socket.inet_ntoa(first[12:16]), socket.inet_ntoa(first[16:20]), first[9], body)
    return b"\0" * 14 + whole


def icmp_error(kind, code, quoted, mtu=0):
    body = struct.pack("!BBHHH", kind, code, 0, 0, mtu) + quoted
    return body[:2] + struct.pack("!H", ~ones_sum(body) & 0xFFFF) + body[4:]


class ReceivedError:
    """An ICMP error that came, with right checksums also in what it quotes."""

    def __init__(self, packet):
        if packet[9] != 1 or ones_sum(packet[:20]) != 0xFFFF or ones_sum(packet[20:]) != 0xFFFF:
            raise AssertionError(f"no ICMP with right checksums: {packet.hex()}")
        self.source, self.destination = socket.inet_ntoa(packet[12:16]), socket.inet_ntoa(packet[16:20])
        self.kind, self.code, self.mtu = packet[20], packet[21], struct.unpack_from("!H", packet, 26)[0]
        self.quoted = packet[28:]
        if ones_sum(self.quoted[:20]) != 0xFFFF:
            raise AssertionError(f"wrong checksum of the quoted header: {packet.hex()}")
        self.quoted_source = socket.inet_ntoa(self.quoted[12:16])
        self.quoted_destination = socket.inet_ntoa(self.quoted[16:20])
        self.quoted_ports = struct.unpack_from("!HH", self.quoted, 20)


class Received:
    """A frame that came; an error in any of its checksums is one of the test."""

    def __init__(self, frame):
        packet = frame[14:14 + struct.unpack_from("!H", frame, 16)[0]]
        self.source, self.destination = socket.inet_ntoa(packet[12:16]), socket.inet_ntoa(packet[16:20])
        self.protocol = packet[9]
        body = packet[20:]
        self.source_port, self.port = struct.unpack_from("!HH", body)
        at = 6 if self.protocol == 17 else 16
        (self.checksum,) = struct.unpack_from("!H", body, at)
        if ones_sum(packet[:20]) != 0xFFFF:
            raise AssertionError(f"wrong checksum of the IP header: {frame.hex()}")
        pseudo = pseudo_header(self.source, self.destination, self.protocol, len(body))
        if (self.protocol, self.checksum) != (17, 0) and ones_sum(pseudo + body) != 0xFFFF:
            raise AssertionError(f"wrong checksum: {frame.hex()}")
        if self.protocol == 6:
            self.sequence, self.acknowledged, offset, self.flags = struct.unpack_from("!IIBB", body, 4)
        self.data = body[8:] if self.protocol == 17 else body[(offset >> 4) * 4:]

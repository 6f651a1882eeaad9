"""DNS messages, written and read without a library."""

import socket
import struct


def question(name, number, kind=1):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack(">6H", number, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">2H", kind, 1)


def end_of_question(message):
    at = 12
    while message[at]:
        at += message[at] + 1
    return at + 5


def name_of(message):
    labels, at = [], 12
    while message[at]:
        labels.append(message[at + 1:at + 1 + message[at]].decode())
        at += message[at] + 1
    return ".".join(labels).lower()


def address(text):
    return 1, socket.inet_aton(text)


def text(value):
    return 16, bytes([len(value)]) + value


def reply(message, records, ttl=60, rcode=0):
    body = b"".join(b"\xc0\x0c" + struct.pack(">2HIH", kind, 1, ttl, len(data)) + data for kind, data in records)
    return message[:2] + struct.pack(">5H", 0x8180 | rcode, 1, len(records), 0, 0) + message[12:end_of_question(message)] + body


def truncated(message):
    return message[:2] + struct.pack(">5H", 0x8380, 1, 0, 0, 0) + message[12:end_of_question(message)]

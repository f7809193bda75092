"""What a web server says to a worker (FastCGI Specification 1.0, §3), said by the test itself."""

import socket
import struct

from . import process

BEGIN_REQUEST, END_REQUEST, PARAMS, STDIN = 1, 3, 4, 5


def record(kind, content=b""):
    return struct.pack(">BBHHBx", 1, kind, 1, len(content), 0) + content


def request(path):
    """A GET, whole."""
    pairs = {"REQUEST_METHOD": "GET", "REQUEST_URI": path, "SERVER_PROTOCOL": "HTTP/1.1"}
    params = b"".join(bytes((len(name), len(value))) + name.encode() + value.encode()
                      for name, value in pairs.items())
    responder = struct.pack(">HB5x", 1, 0)
    return record(BEGIN_REQUEST, responder) + record(PARAMS, params) + record(PARAMS) + record(STDIN)


def connect(path):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(20 * process.PATIENCE)
    s.connect(path)
    return s


def ask(path, uri):
    """The worker's answer: all that it sends until it closes."""
    with connect(path) as s:
        s.sendall(request(uri))
        return b"".join(iter(lambda: s.recv(65536), b""))

"""Requests byte by byte, for what no well-behaved client sends."""

import http.client
import socket
import time

from . import process
from .client import Answer


def ask(site, path, headers):
    """GET, on a connection of its own. headers: (name, value) pairs, values as bytes, sent as they are."""
    begin = time.monotonic()
    with socket.create_connection(("127.0.0.1", site.port), timeout=60 * process.PATIENCE) as s:
        head = b"".join(name.encode() + b": " + value + b"\r\n" for name, value in headers)
        try:
            s.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n".encode() + head + b"\r\n")
        except ConnectionError:
            pass  # the answer came before the end of the request
        answer = http.client.HTTPResponse(s)
        try:
            answer.begin()
            body = answer.read()
        except (ConnectionError, http.client.BadStatusLine):
            return Answer(56, 0, {}, b"", time.monotonic() - begin, 0)
        fields = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(0, answer.status, fields, body, time.monotonic() - begin, 0)

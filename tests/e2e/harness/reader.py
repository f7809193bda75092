"""A client that reads no faster than it is told to: what curl's --limit-rate is too coarse for."""

import http.client
import socket
import urllib.parse

from . import process

WINDOW = 65536  # bytes that the kernel may take in ahead of the reader


class Cut(Exception):
    """The answer broke off."""


class Reader:
    """A GET whose head has come: with Reader(url, token) as reader: … All in all some megabytes fit in between it
    and the worker. seconds: to wait for each piece, times PATIENCE."""

    def __init__(self, url, token, seconds=30, version=11):
        """version: of HTTP, 11 or 10."""
        parts = urllib.parse.urlsplit(url)
        self.connection = http.client.HTTPConnection(parts.hostname, parts.port)
        if version == 10:
            self.connection._http_vsn, self.connection._http_vsn_str = 10, "HTTP/1.0"
        self.connection.sock = socket.socket()
        self.connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WINDOW)
        self.connection.sock.settimeout(seconds * process.PATIENCE)
        try:
            self.connection.sock.connect((parts.hostname, parts.port))
            self.connection.request("GET", f"{parts.path}?{parts.query}", headers={"Authorization": f"Bearer {token}"})
            self.response = self.connection.getresponse()
        except BaseException:
            self.connection.close()
            raise
        self.status, self.export_id = self.response.status, self.response.headers["Sluice-Export-Id"]
        self.pieces = []

    @property
    def body(self):
        """What was read so far."""
        self.pieces = [b"".join(self.pieces)]
        return self.pieces[0]

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.hang_up()

    def read(self, n):
        """So many bytes more."""
        while n > 0:
            got = self.response.read(min(n, WINDOW))
            assert got, f"ended after {len(self.body)} bytes"
            self.pieces.append(got)
            n -= len(got)

    def rest(self):
        """To the end: the whole body; Cut, and what there was in `body`, when it breaks off."""
        try:
            while piece := self.response.read(WINDOW):
                self.pieces.append(piece)
            if self.response.length:  # less than was promised
                raise Cut
        except (http.client.IncompleteRead, ConnectionError) as failure:
            self.pieces.append(getattr(failure, "partial", b""))
            raise Cut from failure
        return self.body

    def hang_up(self):
        self.response.close()
        self.connection.close()

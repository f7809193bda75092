"""The client: curl itself, since its exit status is what users go by."""

import dataclasses
import json as json_text
import os
import signal
import subprocess
import tempfile

from . import process


@dataclasses.dataclass
class Answer:
    exit: int  # curl's: 0 whole, 18 broken off, 28 --max-time, 52 nothing came …
    status: int  # HTTP; 0 when there was none
    headers: dict  # names in lower case; of several with one name the last
    body: bytes
    seconds: float  # all in all
    first_byte: float  # seconds until the first byte of the body's answer

    def json(self):
        return json_text.loads(self.body)

    def text(self):
        return self.body.decode()


def command(url, token=None, method=None, headers=None, data=None, options=()):
    line = ["curl", "-sS", "--path-as-is", *options]
    if token is not None:
        line += ["-H", f"Authorization: Bearer {token}"]
    for name, value in (headers or {}).items():
        line += ["-H", f"{name}: {value}" if value else f"{name};"]
    if method == "HEAD":
        line.append("-I")
    elif method:
        line += ["-X", method]
    if data is not None:
        line += ["--data-binary", "@-"]
    return [*line, url]


TIMES = "%{http_code} %{time_total} %{time_starttransfer}"


def curl(url, token=None, method=None, headers=None, data=None, options=(), seconds=60):
    """Ask, wait, and tell everything: (exit status, HTTP status, headers, body, times). seconds: times PATIENCE."""
    with tempfile.TemporaryDirectory(prefix="sluice-curl.") as top:
        head, body = os.path.join(top, "head"), os.path.join(top, "body")
        more = ["-D", head, "-o", body, "-w", TIMES, "--max-time", str(seconds * process.PATIENCE), *options]
        done = subprocess.run(command(url, token, method, headers, data, more), input=data,
                              stdin=subprocess.DEVNULL if data is None else None,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
        code, total, first = done.stdout.split()
        return Answer(done.returncode, int(code), read_headers(head), read(body), float(total), float(first))


class Download:
    """A curl at work, to be watched and given up: with Download(url, token) as download: … Gone after the block.
    seconds: times PATIENCE."""

    def __init__(self, url, token, options=(), seconds=60):
        self.top = tempfile.TemporaryDirectory(prefix="sluice-curl.")
        self.head, self.body = os.path.join(self.top.name, "head"), os.path.join(self.top.name, "body")
        more = ["-N", "-D", self.head, "-o", self.body, "-w", TIMES, "--max-time", str(seconds * process.PATIENCE), *options]
        self.popen = subprocess.Popen(command(url, token, options=more), stdin=subprocess.DEVNULL,
                                      stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.hang_up()
        self.popen.stdout.close()
        self.top.cleanup()

    def is_running(self):
        return self.popen.poll() is None

    def received(self):
        """Bytes of the body so far."""
        try:
            return os.path.getsize(self.body)
        except FileNotFoundError:
            return 0

    def wait_received(self, n=1, seconds=20):
        process.wait_until(lambda: self.received() >= n or not self.is_running(), f"{n} bytes", seconds)
        assert self.received() >= n, f"ended after {self.received()} bytes, before {n}"

    def header(self, name):
        """Of the answer that has begun."""
        process.wait_until(lambda: read(self.head).endswith(b"\r\n\r\n"), "an answer")
        return read_headers(self.head)[name]

    def pause(self):
        """It reads nothing more, until go_on()."""
        self.popen.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.popen.send_signal(signal.SIGCONT)

    def hang_up(self):
        """As a browser does whose user closes it."""
        self.popen.kill()
        self.popen.wait()

    def answer(self):
        """Once it is done."""
        code, total, first = self.popen.stdout.read().split()
        return Answer(self.popen.wait(), int(code), read_headers(self.head), read(self.body), float(total),
                      float(first))


def start(url, token=None, method=None, headers=None, data=None, options=()):
    """curl as a process, its standard output a pipe: for downloads that are slow, given up or watched."""
    popen = subprocess.Popen(command(url, token, method, headers, data, ("-N", *options)),
                             stdin=subprocess.DEVNULL if data is None else subprocess.PIPE,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if data is not None:
        popen.stdin.write(data)
        popen.stdin.close()
    return popen


def read(path):
    try:
        with open(path, "rb") as f:
            return f.read()
    except FileNotFoundError:
        return b""


def read_headers(path):
    """Of the last answer in the file: a 100 Continue stands before it."""
    blocks = [block for block in read(path).decode("latin-1").split("\r\n\r\n") if block.strip()]
    if not blocks:
        return {}
    pairs = (line.split(":", 1) for line in blocks[-1].split("\r\n")[1:])
    return {name.strip().lower(): value.strip() for name, value in pairs}

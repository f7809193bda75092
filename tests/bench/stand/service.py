"""What a table's size must not change: the memory of who serves it, the first byte, the answers to others."""

import contextlib
import http.client
import math
import os
import socket
import statistics
import subprocess
import time
import urllib.parse

from harness import process

from . import contest, machine, report, servers, tables

MIB = 1024  # in KiB, as /proc has memory
HWM_MAX, PRIVATE_MAX, APART_MAX = 20 * MIB, 8 * MIB, 1 * MIB
FIRST_BYTE_MAX, HEALTH_MAX = 0.050, 0.100
FIRST_BYTES, HEALTHS, SLOW = 20, 200, 8


# ---- memory

def serve_alone(bench, table, suffix="csv"):
    """A pool of one new worker sends the table: (most ever resident, most private while and after), KiB."""
    with bench.new_site((1, 1)) as site:
        pid, = site.workers("stream")
        popen = subprocess.Popen(servers.curl(f"{site.url}/api/v1/tables/{table}/rows.{suffix}", bench.token))
        private = 0
        try:
            while popen.poll() is None:
                private = max(private, machine.process_kib(pid, "RssAnon"))
                time.sleep(0.02)
        finally:
            popen.kill()
            popen.wait()
        if popen.returncode:
            raise RuntimeError(f"curl: exit status {popen.returncode}")
        bench.database.wait_quiet()
        return machine.process_kib(pid, "VmHWM"), max(private, machine.process_kib(pid, "RssAnon"))


def memory(bench):
    few, many = bench.options.wide_rows // 10, bench.options.wide_rows
    lines = bench.table
    figures = []
    for table, rows in (("wide_tenth", few), ("wide", many)):
        bench.say(f"memory, {report.millions(rows)} rows")
        figures.append(serve_alone(bench, table))
        hwm, private = figures[-1]
        lines.line(f"memory of a worker, {report.millions(rows)} rows, peak", report.mib(hwm),
                   target=f"<= {HWM_MAX // MIB} MiB", reached=hwm <= HWM_MAX)
        lines.line("  private", report.mib(private), target=f"<= {PRIVATE_MAX // MIB} MiB",
                   reached=private <= PRIVATE_MAX)
    bench.say("")
    apart = figures[1][0] - figures[0][0]
    lines.line(f"  peak, {report.millions(many)} less {report.millions(few)} rows", report.mib(apart),
               target=f"<= {APART_MAX // MIB} MiB", reached=apart <= APART_MAX)


def memory_of_all(bench, node):
    """The workers that have sent every export of the bench so far, and the peer that has sent its own."""
    hwm = max(machine.process_kib(pid, "VmHWM") for pid in bench.site.workers("stream"))
    beside = f"{report.mib(machine.process_kib(node.server.pid, 'VmHWM')):>8} Node, after its own" if node else ""
    bench.table.line("memory of any worker, all exports above", report.mib(hwm), beside,
                     target=f"<= {HWM_MAX // MIB} MiB", reached=hwm <= HWM_MAX)


# ---- the first byte

class FirstByte:
    """Seconds from connecting until a byte of the body is there; then the client hangs up."""

    def __init__(self, bench, table):
        self.database = bench.database
        self.address = urllib.parse.urlsplit(bench.site.url)
        self.request = (f"GET /api/v1/tables/{table}/rows.csv HTTP/1.1\r\nHost: {self.address.netloc}\r\n"
                        f"Authorization: Bearer {bench.token}\r\nConnection: close\r\n\r\n").encode()

    def seconds(self):
        start = time.perf_counter()
        with socket.create_connection((self.address.hostname, self.address.port), 60) as s:
            s.sendall(self.request)
            got = b""
            while b"\r\n\r\n" not in got or got.endswith(b"\r\n\r\n"):
                more = s.recv(65536)
                if not more:
                    raise RuntimeError("the connection was closed before the first byte")
                got += more
            taken = time.perf_counter() - start
        if not got.startswith(b"HTTP/1.1 200 "):
            raise RuntimeError(f"no export: {got[:300]!r}")
        self.database.wait_quiet()
        return taken


class FirstByteOfPsql:
    def __init__(self, bench, table):
        self.command = tables.psql(bench.database, f"copy {table} to stdout csv")

    def seconds(self):
        start = time.perf_counter()
        popen = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            if not os.read(popen.stdout.fileno(), 1):
                raise RuntimeError("psql wrote nothing")
            return time.perf_counter() - start
        finally:
            popen.kill()
            popen.wait()
            popen.stdout.close()


def first_byte(bench):
    contestants = {"first byte": FirstByte(bench, "wide"), "psql, first byte": FirstByteOfPsql(bench, "wide")}
    ours, psql = contest.contest(contestants, FIRST_BYTES, bench.watch, bench.say).values()
    bench.table.line(f"first byte of {report.millions(bench.options.wide_rows)} rows, median",
                     report.milliseconds(ours.median), f"{report.milliseconds(psql.median):>8} psql copy csv",
                     target=f"<= {FIRST_BYTE_MAX * 1000:.0f} ms", reached=ours.median <= FIRST_BYTE_MAX)
    bench.table.line(f"  the slowest of {FIRST_BYTES}", report.milliseconds(max(ours.all)),
                     f"{report.milliseconds(max(psql.all)):>8}")


# ---- answers to others

def health_seconds(address):
    start = time.perf_counter()
    with contextlib.closing(http.client.HTTPConnection(address.hostname, address.port, timeout=60)) as connection:
        connection.request("GET", "/health", headers={"Connection": "close"})
        answer = connection.getresponse()
        answer.read()
    if answer.status != 200:
        raise RuntimeError(f"/health: {answer.status}")
    return time.perf_counter() - start


def healths(address):
    """(p99 by nearest rank, median) of requests a hundredth of a second apart."""
    taken = []
    for _ in range(HEALTHS):
        taken.append(health_seconds(address))
        time.sleep(0.01)
    return sorted(taken)[math.ceil(0.99 * HEALTHS) - 1], statistics.median(taken)


def health(bench):
    address = urllib.parse.urlsplit(bench.site.url)
    url = f"{bench.site.url}/api/v1/tables/wide/rows.csv"
    command = servers.curl(url, bench.token, ["--limit-rate", "200k"])
    bench.say("/health")
    alone = healths(address)
    running = []
    try:
        for _ in range(SLOW):
            running.append(subprocess.Popen(command))
        process.wait_until(lambda: bench.database.busy() == SLOW, "the slow downloads run", 30)
        beside = healths(address)
        # A table too small for the test would be through by now.
        if bench.database.busy() != SLOW or any(popen.poll() is not None for popen in running):
            raise RuntimeError("a slow download ended too soon: take more --wide-rows")
    finally:
        for popen in running:
            popen.kill()
            popen.wait()
    bench.database.wait_quiet()
    bench.say("")
    bench.table.line(f"/health during {SLOW} slow downloads, p99", report.milliseconds(beside[0]),
                     f"{report.milliseconds(alone[0]):>8} without them",
                     target=f"<= {HEALTH_MAX * 1000:.0f} ms", reached=beside[0] <= HEALTH_MAX)
    bench.table.line("  median", report.milliseconds(beside[1]), f"{report.milliseconds(alone[1]):>8}")

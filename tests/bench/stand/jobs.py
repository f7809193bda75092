"""Exports as jobs: from the request until the file is there, and its download, against those who do the same."""

import contextlib
import json
import os
import select
import shutil
import time

import psycopg2

from harness import client, process
from harness.worker import Worker

from . import contest, servers, tables

FASTER_THAN_COPY, DOWNLOAD_LEAST = 1.5, 0.9
TABLE = "users"


class Job:
    """An export: timed from its request until the workers tell that it has succeeded; then its file is removed."""

    def __init__(self, bench, site, **wanted):
        self.bench, self.site = bench, site
        self.wanted = {"queryDefinition": {"from": TABLE}, "format": "csv", **wanted}
        self.turn, self.size = 0, None

    def create(self):
        """With a key of its own, since the same is not made again within the hour."""
        self.turn += 1
        headers = {"Content-Type": "application/json", "Idempotency-Key": f"{id(self)} {self.turn}"}
        made = client.curl(f"{self.site.url}/api/v1/exports", self.bench.token, "POST", headers,
                           json.dumps(self.wanted).encode())
        if made.status != 202:
            raise RuntimeError(f"no export: {made.status} {made.body[:500]!r}")
        return made.json()["id"]

    def read(self, job):
        return client.curl(f"{self.site.url}/api/v1/exports/{job}", self.bench.token).json()

    def remove(self, job):
        client.curl(f"{self.site.url}/api/v1/exports/{job}", self.bench.token, "DELETE")
        shutil.rmtree(os.path.join(self.site.settings["stage"]["dir"], "jobs", job))

    def make(self):
        """(its seconds, the job)."""
        told = psycopg2.connect(self.bench.database.conninfo("postgres"))
        told.autocommit = True
        with contextlib.closing(told):
            told.cursor().execute("LISTEN sluice_jobs")
            start = time.perf_counter()
            job = self.create()
            while not ended(told, job):
                if not select.select([told], [], [], 300)[0]:
                    raise TimeoutError("a job that does not end")
            taken = time.perf_counter() - start
        said = self.read(job)
        if said["state"] != "succeeded" or said["progress"]["rows"] != self.bench.options.rows:
            raise RuntimeError(f"{self.bench.options.rows} rows were there: {json.dumps(said)}")
        self.size = said["progress"]["bytes"]
        return taken, job

    def seconds(self):
        taken, job = self.make()
        self.remove(job)
        return taken


def ended(told, job):
    told.poll()
    found = [note.payload for note in told.notifies]
    return any(note.endswith(job) and not note.startswith(("queued", "running")) for note in found)


class CopyToFile:
    """What people use today. Unlike a job's, the file need not be there after a crash."""

    def __init__(self, bench):
        self.path = os.path.join(bench.top, "copied.csv")
        self.command = contest.Command(tables.psql(bench.database, f"\\copy {TABLE} to '{self.path}' csv header"))

    def seconds(self):
        taken = self.command.seconds()
        os.remove(self.path)
        return taken


STATIC = """
daemon off;
worker_processes 2;
pid nginx.pid;
error_log error.log;
events {{ }}
http {{
    access_log off;
    sendfile on;
    server {{
        listen 127.0.0.1:{port};
        root {root};
    }}
}}
"""


@contextlib.contextmanager
def static_server(bench, root):
    """nginx that gives the files of a folder; its address."""
    top, port = bench.folder("static"), process.free_port()
    with open(os.path.join(top, "nginx.conf"), "w", encoding="utf-8") as f:
        f.write(("user root;\n" if process.is_root() else "") + STATIC.format(port=port, root=root))
    server = process.Process("static", ["nginx", "-p", top, "-c", "nginx.conf", "-e", "error.log"],
                             os.path.join(top, "log"))
    try:
        server.wait_ready(lambda: process.accepts(("127.0.0.1", port)))
        yield f"http://127.0.0.1:{port}"
    finally:
        server.stop()


def measure_making(bench, site):
    bench.database.prewarm(TABLE)
    contestants = {"job": Job(bench, site), "psql": CopyToFile(bench), "two": Job(bench, site, parallel=2),
                   "gzip": Job(bench, site, compression="gzip"),
                   "gzip of two": Job(bench, site, compression="gzip", parallel=2)}
    taken = contest.contest(contestants, bench.options.runs, bench.watch, bench.say)
    lines = bench.table
    lines.faster("job, CSV of users", taken["job"], taken["psql"], "psql \\copy to a file", FASTER_THAN_COPY)
    lines.faster("  by two connections", taken["two"], taken["job"], "by one", 1)
    lines.faster("job, CSV of users, gzip, by two", taken["gzip of two"], taken["gzip"], "by one", 1)


def measure_download(bench, site):
    _, job = Job(bench, site).make()
    folder = os.path.join(site.settings["stage"]["dir"], "jobs", job)
    file = max(os.listdir(folder), key=lambda name: os.path.getsize(os.path.join(folder, name)))
    with static_server(bench, folder) as static:
        ours = contest.Command(servers.curl(f"{site.url}/api/v1/exports/{job}/download", bench.token))
        theirs = contest.Command(servers.curl(f"{static}/{file}"))
        taken = contest.contest({"download": ours, "static": theirs}, 4 * bench.options.runs, bench.watch, bench.say)
    bench.table.faster("download of its file", taken["download"], taken["static"], "nginx, the same file",
                       DOWNLOAD_LEAST)


def measure(bench):
    with bench.new_site((1, 1), {"tables": {TABLE: {"name": TABLE}}}) as site:
        worker = Worker(site)
        try:
            measure_making(bench, site)
            measure_download(bench, site)
        finally:
            worker.stop()

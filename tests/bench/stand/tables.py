"""Whole tables, against those who do the same: psql, the server alone, a Node server."""

import json
import time

from harness import client

from . import contest, servers


class Export:
    """A table through the web server to curl: timed from curl's start to its end, then held against the outcome
    that Sluice keeps."""

    def __init__(self, site, token, table, suffix, rows):
        self.site, self.token, self.rows, self.size = site, token, rows, None
        says = "%{size_download} %header{sluice-export-id}"
        self.command = servers.curl(f"{site.url}/api/v1/tables/{table}/rows.{suffix}", token, ["-w", says])

    def seconds(self):
        start = time.perf_counter()
        said = contest.pipeline(self.command)
        taken = time.perf_counter() - start
        size, export = said.decode().split()
        self.size = int(size)
        outcome = client.curl(f"{self.site.url}/api/v1/exports/{export}", self.token).json()
        found = (outcome.get("state"), outcome.get("rows"), outcome.get("bytes"))
        if found != ("succeeded", self.rows, self.size):
            raise RuntimeError(f"{self.rows} rows were there, {size} bytes came: {json.dumps(outcome)}")
        return taken


def psql(database, sql):
    return ["psql", "-X", "-q", "-d", database.conninfo("postgres"), "-c", sql]


def copy_csv(database, table):
    """What people use today."""
    return contest.Command(psql(database, f"copy {table} to stdout csv"), ["sh", "-c", "exec cat >/dev/null"])


def copy_json(database, table):
    return contest.Command(psql(database, f"copy (select row_to_json(t) from {table} t) to stdout"),
                           ["sh", "-c", "exec cat >/dev/null"])


def copy_gzip(database, table):
    """The bytes of the file are what it says."""
    return contest.Command(psql(database, f"copy {table} to stdout csv header"), ["gzip", "-1"], ["wc", "-c"])


def floor(database, table):
    """The server alone: nothing leaves it, and nothing is spelled out."""
    return contest.Command(psql(database, f"copy {table} to '/dev/null' (format binary)"))


def measure(bench, table, json_target, node=None):
    """The lines of one sample table."""
    database, site, token, rows = bench.database, bench.site, bench.token, bench.options.rows
    database.prewarm(table)
    contestants = {
        f"CSV of {table}": Export(site, token, table, "csv", rows),
        f"psql, CSV of {table}": copy_csv(database, table),
        f"server alone, {table}": floor(database, table),
        f"NDJSON of {table}": Export(site, token, table, "ndjson", rows),
        f"psql, JSON of {table}": copy_json(database, table),
    }
    if node:
        contestants[f"Node, CSV of {table}"] = contest.Command(servers.curl(node.url(table)))
    csv, by_copy, alone, ndjson, by_json, *by_node = contest.contest(
        contestants, bench.options.runs, bench.watch, bench.say).values()
    lines = bench.table
    lines.faster(f"CSV of {table}", csv, by_copy, "psql copy csv", 1.65)
    lines.faster(f"NDJSON of {table}", ndjson, by_json, "psql copy row_to_json", json_target)
    lines.slower(f"CSV of {table}, times the floor", csv, alone, "copy to /dev/null, binary", 1.2)
    if by_node:
        lines.faster(f"CSV of {table}", csv, by_node[0], "Node, csv-stringify")


def measure_formats(bench, table):
    """The other formats beside CSV and NDJSON, and a compressed file beside the usual pipe."""
    database, site, token, rows = bench.database, bench.site, bench.token, bench.options.rows
    database.prewarm(table)
    contestants = {name: Export(site, token, table, name, rows)
                   for name in ("csv", "tsv", "ndjson", "json", "xml", "csv.gz", "csv.zst")}
    contestants["psql and gzip"] = copy_gzip(database, table)
    taken = contest.contest(contestants, bench.options.runs, bench.watch, bench.say)
    lines = bench.table
    lines.slower(f"TSV of {table}", taken["tsv"], taken["csv"], "CSV", 1.05)
    lines.slower(f"JSON of {table}", taken["json"], taken["ndjson"], "NDJSON", 1.05)
    lines.slower(f"XML of {table}", taken["xml"], taken["ndjson"], "NDJSON", 1.67)
    lines.faster(f"CSV of {table}, gzip", taken["csv.gz"], taken["psql and gzip"], "psql copy csv | gzip -1", 2.5)
    lines.faster(f"CSV of {table}, zstd", taken["csv.zst"], taken["psql and gzip"], "psql copy csv | gzip -1")
    theirs = int(contestants["psql and gzip"].said)
    for name in ("csv.gz", "csv.zst"):
        ours = contestants[name].size
        lines.line(f"  bytes of the {name}", f"{ours / 1e6:.1f} MB", f"{theirs / 1e6:>6.1f} MB psql copy csv | gzip -1",
                   f"{ours / theirs:.2f} x", "<= 1.00 x" if name == "csv.gz" else "",
                   ours <= theirs if name == "csv.gz" else None)

"""Parquet, against those who have none of their own from PostgreSQL: a CSV from psql that DuckDB makes a file of."""

import os
import shutil

from harness.duckdb import DuckDB

from . import contest, report, service, tables

LEAST = {"users": 2.5, "records": 2}  # times as fast as the peer
CODECS = ("snappy", "zstd")
SIZE_MAX, FLOOR_MAX, HWM_MAX = 1.05, 1.5, 64 * service.MIB

# The rows come as a CSV with a line of names on standard input.
COPY = """
import { DuckDBInstance } from "@duckdb/node-api";
const [file, codec] = process.argv.slice(2);
const connection = await (await DuckDBInstance.create(":memory:")).connect();
await connection.run(`COPY (SELECT * FROM read_csv('/dev/stdin', header = true))
	TO '${file}' (FORMAT parquet, COMPRESSION ${codec})`);
connection.closeSync();
"""


class ByDuckDB(contest.Command):
    def __init__(self, database, top, table, codec):
        self.file = os.path.join(top, f"{table}.{codec}.parquet")
        super().__init__(tables.psql(database, f"copy {table} to stdout (format csv, header)"),
                         ["node", os.path.join(top, "copy.mjs"), self.file, codec])

    @property
    def size(self):
        return os.path.getsize(self.file)


def install(bench):
    """DuckDB's folder, or None where it cannot be had."""
    if not shutil.which("node") or not shutil.which("npm"):
        print("Parquet: no peer, node and npm are not installed")
        return None
    try:
        top = DuckDB(bench.folder("duckdb")).top
    except RuntimeError as failure:
        print(f"Parquet: no peer, {str(failure).splitlines()[-1]}")
        return None
    with open(os.path.join(top, "copy.mjs"), "w", encoding="utf-8") as f:
        f.write(COPY)
    return top


def measure_table(bench, top, table):
    database, lines, rows = bench.database, bench.table, bench.options.rows
    database.prewarm(table)
    contestants = {f"Parquet of {table}, {codec}":
                   tables.Export(bench.site, bench.token, table, f"parquet?codec={codec}", rows) for codec in CODECS}
    contestants["server alone"] = tables.floor(database, table)
    if top:
        contestants |= {f"DuckDB, {table}, {codec}": ByDuckDB(database, top, table, codec) for codec in CODECS}
    taken = contest.contest(contestants, bench.options.runs, bench.watch, bench.say)
    for codec in CODECS:
        name = f"Parquet of {table}, {codec}"
        lines.slower(f"{name}, times the floor", taken[name], taken["server alone"], "copy to /dev/null, binary",
                     FLOOR_MAX)
        if not top:
            continue
        peer = f"DuckDB, {table}, {codec}"
        lines.faster(name, taken[name], taken[peer], "psql copy csv | duckdb", LEAST[table])
        ours, theirs = contestants[name].size, contestants[peer].size
        lines.line("  its bytes", f"{ours / 1e6:.1f} MB", f"{theirs / 1e6:>6.1f} MB psql copy csv | duckdb",
                   f"{ours / theirs:.2f} x", f"<= {SIZE_MAX} x", ours <= SIZE_MAX * theirs)


def measure(bench):
    top = install(bench)
    for table in LEAST:
        measure_table(bench, top, table)
    few, many = bench.options.wide_rows // 10, bench.options.wide_rows
    for table, rows in (("wide_tenth", few), ("wide", many)):
        hwm, _ = service.serve_alone(bench, table, "parquet")
        bench.table.line(f"memory of a worker, Parquet, {report.millions(rows)} rows", report.mib(hwm),
                         target=f"<= {HWM_MAX // service.MIB} MiB", reached=hwm <= HWM_MAX)

"""What a cell of each type costs: tables of one column, the whole way to curl; and a format alone, without the way."""

import os
import subprocess

from . import contest, tables

# i goes from 1 to the number of rows; 7919 and 2654435761 scatter it.
TYPES = {
    "int": "(i * 2654435761 % 2147483647)::int",
    "bigint": "i * 2654435761 # 6148914691236517205",
    "numeric(12,2)": "((i * 2654435761 % 1000000000)::numeric / 100)::numeric(12,2)",
    "numeric": "round((i * 2654435761 % 100000000000)::numeric / 100000, (i % 6)::int)",
    "timestamptz": "timestamptz '2020-01-01 00:00:00Z' + make_interval(secs => i * 7919 % 100000000 + i % 997 / 1e3)",
    "date": "date '2000-01-01' + (i * 7919 % 12000)::int",
    "text": "substr(md5(i::text), 1, (8 + i % 20)::int)",
    "float8": "sqrt(i::float8)",
    "jsonb": "jsonb_build_object('id', i, 'tags', jsonb_build_array('alpha', 'batch-' || i / 1000),"
             " 'session', md5(i::text), 'score', (i * 7919 % 10000)::numeric / 10000)",
    "uuid": "md5(i::text)::uuid",
    "bool": "i * 2654435761 % 3 = 0",
}

HEAD = ("one column of", "CSV", "NDJSON", "psql csv", "psql json", "server alone")
LAYOUT = "{:<16}" + "{:>13}" * 5


def table_of(number):
    return f"micro_{number}"


def names():
    return [table_of(number) for number in range(len(TYPES))]


def load(bench):
    rows = bench.options.micro_rows
    for number, (name, value) in enumerate(TYPES.items()):
        bench.say(f"loading a column of {name}")
        table = table_of(number)
        bench.database.add_table(table, f"CREATE UNLOGGED TABLE {table} AS SELECT {value} AS value"
                                        f" FROM generate_series(1::bigint, {rows}) AS i")
    bench.say("")


def measure(bench):
    database, site, token, rows = bench.database, bench.site, bench.token, bench.options.micro_rows
    print(f"\nns a cell, the whole way, {rows:,} rows\n{LAYOUT.format(*HEAD)}", flush=True)
    for number, name in enumerate(TYPES):
        table = table_of(number)
        database.prewarm(table)
        contestants = {
            f"CSV of {name}": tables.Export(site, token, table, "csv", rows),
            f"NDJSON of {name}": tables.Export(site, token, table, "ndjson", rows),
            f"psql, CSV of {name}": tables.copy_csv(database, table),
            f"psql, JSON of {name}": tables.copy_json(database, table),
            f"server alone, {name}": tables.floor(database, table),
        }
        taken = contest.contest(contestants, bench.options.runs, bench.watch, bench.say).values()
        print(LAYOUT.format(name, *(f"{one.median * 1e9 / rows:.0f}" for one in taken)), flush=True)


def alone(program, what):
    """A program of tests/bench, where it is built."""
    if not os.access(program, os.X_OK):
        print(f"\n{what}: {program} is not built")
        return
    print(f"\n{what} ({os.path.basename(program)})", flush=True)
    subprocess.run([program], check=True)

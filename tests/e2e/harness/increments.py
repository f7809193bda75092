"""Increments as tests take them: tables that have them, the rows that came, cursors taken apart."""

import base64
import csv
import hashlib
import io
import json
import struct
import uuid

from . import config, process
from .client import curl

EXPORTS = "/api/v1/exports"

TABLES = """
CREATE TABLE things (id bigint PRIMARY KEY, stamp bigint NOT NULL);
INSERT INTO things SELECT i, i FROM generate_series(1, 1000) i;
CREATE TABLE others (LIKE things INCLUDING ALL);
CREATE VIEW seen AS SELECT id, stamp FROM things;
CREATE MATERIALIZED VIEW kept AS SELECT id, stamp FROM things;
CREATE TABLE few_columns (LIKE things INCLUDING ALL);
CREATE TABLE cut (LIKE things INCLUDING ALL) PARTITION BY RANGE (id);
CREATE TABLE cut_low PARTITION OF cut FOR VALUES FROM (0) TO (100);
CREATE TABLE parent (id bigint, stamp bigint NOT NULL);
CREATE TABLE owned (id bigint PRIMARY KEY, stamp bigint NOT NULL, tenant text NOT NULL, secret text NOT NULL, thing bigint);
CREATE EXTENSION file_fdw;
CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
CREATE FOREIGN TABLE outside (id bigint, stamp bigint) SERVER files OPTIONS (filename '/dev/null');
CREATE TABLE mixed (id bigint, stamp bigint) PARTITION BY RANGE (id);
CREATE FOREIGN TABLE mixed_low PARTITION OF mixed FOR VALUES FROM (0) TO (100) SERVER files OPTIONS (filename '/dev/null');
CREATE TABLE limited (id serial PRIMARY KEY);
CREATE TABLE crashed (id serial PRIMARY KEY, stamp int);
INSERT INTO owned SELECT i, i, 'firm ' || i % 2, 'secret ' || i, 1 + i % 7 FROM generate_series(1, 100) i;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO sluice;
REVOKE SELECT ON few_columns FROM sluice;
GRANT SELECT (id, stamp) ON few_columns TO sluice;
"""


def settings(source, kept):
    """What is kept of jobs stands in another cluster, so that nothing happens in this one but what a test does."""
    names = ("things", "others", "seen", "kept", "few_columns", "cut", "parent", "replaced", "limited", "crashed",
             "outside", "mixed")
    tables = {**dict.fromkeys(config.TABLES), **{name: {"database": "main", "name": f"public.{name}"} for name in names}}
    tables["owned"] = {"database": "main", "name": "public.owned", "joins": ["other:thing:things"], "tenant_column": "tenant"}
    return {"databases": {"main": {"conninfo": source.conninfo()}, "kept": {"conninfo": kept}},
            "metadata": {"database": "kept"}, "tables": tables,
            "policies": {"masked": {"tables": ["owned"], "roles": ["*"], "masks": ["secret:stars"]},
                         "few": {"tables": ["limited"], "roles": ["*"], "rows": 6}}}


def ask(site, token, table, since, headers=None, definition=None, **body):
    body = {"queryDefinition": {"from": table, **(definition or {})}, "format": "csv", "since": since, **body}
    return curl(site.url + EXPORTS, token, "POST", {"Content-Type": "application/json", **(headers or {})},
                json.dumps(body).encode())


def ended(site, token, job):
    def look():
        return curl(f"{site.url}{EXPORTS}/{job}", token).json()
    process.wait_until(lambda: look()["state"] not in ("queued", "running"), "the job's end", 60)
    return look()


def take(site, token, table, since, **body):
    """The rows of an increment as lists of text, and the cursor behind it."""
    answer = ask(site, token, table, since, {"Idempotency-Key": str(uuid.uuid4())}, **body)
    assert answer.status == 202, answer.body
    said = answer.json()
    assert said["nextCursor"] is None or said["state"] == "succeeded"
    job = ended(site, token, said["id"])
    assert job["state"] == "succeeded", job
    body = curl(f"{site.url}{EXPORTS}/{job['id']}/download", token).body.decode()
    rows = list(csv.reader(io.StringIO(body)))
    assert len(rows) - 1 == job["progress"]["rows"]
    manifest = curl(f"{site.url}{EXPORTS}/{job['id']}/manifest", token).json()
    assert manifest["nextCursor"] == job["nextCursor"]
    return rows[1:], job["nextCursor"]


def stamps(rows):
    return sorted(int(row[1]) for row in rows)


# As lib/query/increment.h has them: version, system, timeline, database, table, rows, from, made; the key is behind them.
FIELDS = struct.Struct("<BQIIIQQq")


def body_of(cursor):
    return base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))[:-8]


def fields(cursor):
    return list(FIELDS.unpack_from(body_of(cursor)))


def changed(cursor, place, by):
    """The cursor with one of its numbers changed, and made whole again."""
    body, numbers = body_of(cursor), fields(cursor)
    numbers[place] += by
    body = FIELDS.pack(*numbers) + body[FIELDS.size:]
    return base64.urlsafe_b64encode(body + hashlib.sha256(body).digest()[:8]).rstrip(b"=").decode()

"""DuckDB reads the files and finds their types by itself; its counts, sums and values are PostgreSQL's."""

import pytest

from harness import config
from harness.client import curl
from harness.duckdb import DuckDB

ROWS = 3000
TABLES = f"""
CREATE SCHEMA duck;
CREATE TABLE duck.typed AS SELECT i AS id, i::bigint * 3074457345618258 AS large,
    (i / 8.0 - 100)::numeric(12,3) AS price,
    i / 7.0::double precision AS ratio, i % 3 = 0 AS flag, date '1970-01-01' + i * 11 AS day,
    timestamp '2000-01-01' + i * interval '7 hours 1.000001 s' AS moment,
    timestamptz '2000-01-01 00:00:00Z' + i * interval '5 hours 0.5 s' AS seen,
    CASE i % 5 WHEN 0 THEN 'a,"b"' || i WHEN 1 THEN E'two\\nlines' WHEN 2 THEN 'ü😀\\\\' WHEN 3 THEN '' END AS word,
    md5(i::text)::uuid AS key FROM generate_series(1, {ROWS}) AS i;
GRANT USAGE ON SCHEMA duck TO sluice;
GRANT SELECT ON duck.typed TO sluice;
"""

# What each column is found to be, of CSV and of JSON, where DuckDB knows no timestamp with a fraction of a second.
TYPES = {"id": "BIGINT", "large": "BIGINT", "price": "DOUBLE", "ratio": "DOUBLE", "flag": "BOOLEAN", "day": "DATE",
         "moment": "TIMESTAMP", "seen": "TIMESTAMP WITH TIME ZONE", "word": "VARCHAR", "key": "VARCHAR"}
JSON_TYPES = {**TYPES, "key": "UUID", "moment": "VARCHAR", "seen": "VARCHAR"}

# The same texts of every row from both servers.
VALUES = """SELECT id::text, large::text, price::decimal(12,3)::text, (ratio * 7 = id AND ratio <> 0)::text, flag::text,
    day::text, {epoch}(moment::timestamp)::text, {epoch}(seen::timestamptz)::text, word, key::text
    FROM {table} AS t ORDER BY t.id"""
EPOCH = ("CREATE FUNCTION duck.epoch_us(t {type}) RETURNS bigint LANGUAGE sql"
         " AS $$ SELECT extract(epoch FROM t) * 1000000 $$")
USERS = """SELECT count(*)::text, sum(user_id)::text, sum(lifetime_value::decimal(12,2))::text, sum(login_count)::text,
    count(last_login)::text, min(signup_date)::text, max(signup_date)::text, count(DISTINCT email)::text, min(name),
    max(name), {epoch}(max(last_login))::text, sum(CASE WHEN is_active THEN 1 END)::text FROM {table}"""


@pytest.fixture(scope="module")
def duckdb(tmp_path_factory):
    return DuckDB(str(tmp_path_factory.mktemp("duckdb")))


@pytest.fixture(scope="module")
def site(fleet, postgres):
    postgres.execute(TABLES + EPOCH.format(type="timestamp") + ";" + EPOCH.format(type="timestamptz"))
    made = fleet.start(settings={"tables": {**{key: None for key in config.TABLES}, "users": {"name": "public.users"},
                                            "typed": {"name": "duck.typed"}}}, workers=(1, 1))
    yield made
    fleet.stop(made, may_die=False)


@pytest.fixture
def table(site, token, tmp_path):
    """table(name, suffix, options): an export, as DuckDB's table function for it."""
    def get(name, suffix, options=""):
        answer = curl(f"{site.url}/api/v1/tables/{name}/rows.{suffix}", token)
        assert (answer.exit, answer.status) == (0, 200)
        path = tmp_path / f"{name}.{suffix}"
        path.write_bytes(answer.body)
        return f"{'read_csv' if suffix in ('csv', 'tsv') else 'read_json'}('{path}'{options})"
    return get


def in_postgres(postgres, query, name):
    found = postgres.execute("SET timezone = 'UTC';" + query.format(table=name, epoch="duck.epoch_us"))
    return [list(row) for row in found]


# DuckDB takes a quoted nothing for NULL unless it is told otherwise.
READ = [("csv", ", allow_quoted_nulls = false", TYPES), ("tsv", ", allow_quoted_nulls = false", TYPES),
        ("ndjson", "", JSON_TYPES), ("json", "", JSON_TYPES)]


@pytest.mark.parametrize("suffix, options, types", READ, ids=[suffix for suffix, *_ in READ])
def test_every_value(duckdb, table, postgres, suffix, options, types):
    made = table("typed", suffix, options)
    described, values = duckdb.ask(f"DESCRIBE SELECT * FROM {made}", VALUES.format(table=made, epoch="epoch_us"))
    assert {row[0]: row[1] for row in described} == types
    expected = in_postgres(postgres, VALUES, "duck.typed")
    assert len(expected) == ROWS
    assert values == expected


@pytest.mark.parametrize("suffix", [suffix for suffix, *_ in READ])
def test_users(duckdb, table, postgres, suffix):
    made = table("users", suffix)
    (found,) = duckdb.ask(USERS.format(table=made, epoch="epoch_us"))
    assert found == in_postgres(postgres, USERS, "public.users")
    assert int(found[0][0]) > 1000

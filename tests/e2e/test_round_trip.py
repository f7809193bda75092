"""What an export's `lossy` list names is what does not come back, and everything else does: every format under every
option that changes a value, read back into PostgreSQL and compared with the table that it came from."""

import urllib.parse

import pytest

from harness import config, faults, nasty
from harness.client import curl
from harness.read_back import ReadBack

DATABASE = "round_trip"
MANY = 1599
MIB = 1 << 20
CELL = 50 * MIB

TABLES = f"""
CREATE TABLE nasty.none (n int PRIMARY KEY, "a,b" text);
CREATE TABLE nasty.nothing ();
INSERT INTO nasty.nothing SELECT FROM generate_series(1, 3000);
CREATE TABLE nasty.many (n int, {", ".join(f"c{i} {('int2', 'text', 'bool', 'date')[i % 4]}" for i in range(MANY))});
INSERT INTO nasty.many (n, c0, c1, c1598) VALUES (0, 1, 'first', true), (1, NULL, '', NULL);
INSERT INTO nasty.many (n) SELECT generate_series(2, 5);
CREATE TABLE nasty.lone (n text);
INSERT INTO nasty.lone VALUES (''), (NULL), ('x'), (E'\\n'), (NULL), ('\\.');
CREATE TABLE nasty.big AS SELECT 1 AS n, left(repeat(E'x<&>é\\n",\\\\\\t😀', {CELL} / 10), {CELL}) AS cell;
CREATE VIEW nasty.twice AS SELECT n, int8, text, int8 AS int8_2, text AS again, int8 AS int8_3 FROM nasty.every;
"""
TWICE = "n,int8,text,int8,text:again,int8"
SHAPES = ("none", "nothing", "many", "lone")

CSV = [{}, *({"dialect": dialect} for dialect in ("rfc4180", "excel", "excel-eu", "tsv", "postgres", "mysql")),
       {"escape_formulas": "true"}, {"decimal": ",", "delimiter": ";"}, {"tz": "Europe/Vilnius"}, {"tz": "-15:59"},
       {"boolean": "digits"}, {"timestamp": "sql"}, {"nested": "server"}, {"null": "NULL"},
       {"null": "\\N", "eol": "lf"},
       {"dialect": "mysql", "nested": "server", "tz": "Asia/Tokyo"},
       {"nested": "server", "escape_formulas": "true"}]
JSON = [{}, {"bigint": "string"}, {"bigint": "auto"}, {"decimal": "string"}, {"nan": "string"}, {"nulls": "omit"},
        {"binary": "hex"}, {"tz": "Europe/Vilnius"},
        {"bigint": "string", "decimal": "string", "nan": "string", "nulls": "omit", "binary": "hex", "tz": "+05:45"}]
XML = [{}, {"tz": "Europe/Vilnius"}, {"root": "a", "row": "a"}]
VARIANTS = [*(("csv", options) for options in CSV), ("tsv", {}), ("tsv", {"tz": "UTC", "null": "NULL"}),
            *(("ndjson", options) for options in JSON), *(("json", options) for options in JSON),
            *(("xml", options) for options in XML)]
FORMATS = ("csv", "tsv", "ndjson", "json", "xml")


def name_of(variant):
    suffix, options = variant
    return "&".join([suffix, *(f"{name}={value}" for name, value in options.items())])


@pytest.fixture(scope="module")
def tables(postgres):
    """In a database of their own."""
    postgres.execute(f"CREATE DATABASE {DATABASE}", dbname="postgres")
    postgres.execute(f"{nasty.TYPES}{nasty.create('nasty.every')};{TABLES}"
                     "GRANT USAGE ON SCHEMA nasty TO sluice; GRANT SELECT ON ALL TABLES IN SCHEMA nasty TO sluice",
                     dbname=DATABASE)


@pytest.fixture(scope="module")
def site(fleet, postgres, tables):
    settings = {"databases": {"main": {"conninfo": postgres.conninfo()},
                              "nasty": {"conninfo": postgres.conninfo(dbname=DATABASE)}},
                "tables": {**{key: None for key in config.TABLES},
                           **{key: {"database": "nasty", "name": f"nasty.{key}"}
                              for key in ("every", "big", *SHAPES)}}}
    made = fleet.start(settings=settings, workers=(1, 1))
    yield made
    fleet.stop(made, may_die=False)


@pytest.fixture(scope="module")
def cursor(postgres, tables):
    connection = postgres.connect(dbname=DATABASE)
    with connection.cursor() as opened:
        yield opened
    connection.close()


def export(site, token, table, suffix, **params):
    """The file, and what its outcome names as lossy."""
    url = f"{site.url}/api/v1/tables/{table}/rows.{suffix}?{urllib.parse.urlencode(params)}"
    answer = curl(url, token)
    assert (answer.exit, answer.status) == (0, 200), answer.body[:500]
    how = faults.ended(site, token, answer.headers["sluice-export-id"])
    assert how["state"] == "succeeded"
    return answer.body, set(how["lossy"])


@pytest.mark.parametrize("variant", VARIANTS, ids=name_of)
def test_what_is_lost_is_what_is_named(site, token, cursor, variant):
    suffix, options = variant
    body, lossy = export(site, token, "every", suffix, **options)
    differ = ReadBack(cursor, "nasty.every").differ(suffix, options, body)
    assert differ == lossy, f"unnamed: {differ - lossy}; named, but there: {lossy - differ}"


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("table", SHAPES)
def test_tables_of_any_shape(site, token, cursor, suffix, table):
    body, _ = export(site, token, table, suffix)
    assert ReadBack(cursor, f"nasty.{table}").differ(suffix, {}, body) == set()


@pytest.mark.parametrize("suffix", FORMATS)
def test_columns_that_are_asked_for_twice(site, token, cursor, suffix):
    body, lossy = export(site, token, "every", suffix, columns=TWICE)
    assert ReadBack(cursor, "nasty.twice").differ(suffix, {}, body) == lossy
    assert lossy == ({"text", "again"} if suffix == "xml" else set())


@pytest.mark.slow
@pytest.mark.parametrize("suffix", FORMATS)
def test_a_large_cell(site, token, cursor, suffix):
    body, _ = export(site, token, "big", suffix)
    assert len(body) > CELL
    assert ReadBack(cursor, "nasty.big").differ(suffix, {}, body) == set()

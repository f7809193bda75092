"""What arrives is what was in the database: every type, every value that exporters get wrong, by all ways that rows
leave PostgreSQL, as CSV, NDJSON and JSON, read back by PostgreSQL, Python and jq."""

import csv
import io
import json
import subprocess

import pytest

from harness import config, nasty
from harness.client import curl

FIVE_MIB = 5 * 1024 * 1024

TABLES = f"""
CREATE TABLE nasty.none (id int PRIMARY KEY, "a,b" text);
CREATE TABLE nasty.nothing ();
INSERT INTO nasty.nothing SELECT FROM generate_series(1, 5000);
CREATE TABLE nasty.big (id int, cell text, bytes bytea);
INSERT INTO nasty.big
    SELECT i, left(repeat(repeat('x', i) || E'",\\n\\té😀' || i, {FIVE_MIB} / 10), {FIVE_MIB} - i),
        decode(repeat(md5(i::text), {FIVE_MIB} / 64 + i), 'hex') FROM generate_series(1, 3) AS i;
CREATE TABLE nasty.many ({", ".join(f"c{i} {('int2', 'text', 'bool', 'date')[i % 4]}" for i in range(1600))});
INSERT INTO nasty.many (c0, c1, c1599) VALUES (1, 'first', '2024-01-01'), (NULL, '', NULL);
INSERT INTO nasty.many SELECT FROM generate_series(1, 50);
CREATE TABLE nasty.lone (v text);
INSERT INTO nasty.lone VALUES (''), (NULL), ('x'), (E'\\n'), (NULL), ('');
CREATE TABLE nasty.rows AS SELECT i AS id, i::numeric(12, 3) / 7 AS part, now() + i * interval '1 hour' AS at,
    CASE WHEN i % 3 > 0 THEN repeat('é"', i % 50) END AS word FROM generate_series(1, 30000) AS i;
GRANT USAGE ON SCHEMA nasty TO sluice;
GRANT SELECT ON ALL TABLES IN SCHEMA nasty TO sluice;
"""
KEYS = ("every", "none", "nothing", "big", "many", "lone", "rows")
WIRES = ("fast", "tls", "plain")


@pytest.fixture(scope="module")
def site(fleet, postgres):
    """Each table three times: by the fast wire, by the same through TLS, and as libpq reads it."""
    postgres.execute(nasty.TYPES + nasty.create("nasty.every"))
    postgres.execute(TABLES)
    databases, tables = {"main": None}, {key: None for key in config.TABLES}
    for wire in WIRES:
        databases[wire] = {"conninfo": postgres.conninfo_tls() if wire == "tls" else postgres.conninfo(),
                           "wire": "plain" if wire == "plain" else "fast"}
        tables |= {f"{key}_{wire}": {"name": f"nasty.{key}", "database": wire} for key in KEYS}
    settings = {"databases": databases, "tables": tables, "metadata": {"database": ""}}
    made = fleet.start(settings=settings, workers=(1, 2))
    yield made
    fleet.stop(made, may_die=False)
    postgres.execute("DROP SCHEMA nasty CASCADE")


@pytest.fixture(scope="module")
def export(site, issuer):
    """export(table, suffix, wire): the file, fetched once."""
    files = {}

    def get(table, suffix, wire="fast"):
        if (table, suffix, wire) not in files:
            answer = curl(f"{site.url}/api/v1/tables/{table}_{wire}/rows.{suffix}", issuer.token())
            assert (answer.exit, answer.status) == (0, 200), answer.body[:500]
            files[table, suffix, wire] = answer.body
        return files[table, suffix, wire]
    return get


@pytest.fixture(scope="module")
def cursor(site, postgres):  # gone before the site drops what it looks at
    connection = postgres.connect()
    with connection.cursor() as opened:
        opened.execute(nasty.SETTINGS)
        yield opened
    connection.close()


@pytest.fixture(scope="module")
def truth(cursor):
    """The names of nasty.every, and its rows as (CSV's, JSON's) texts; None is NULL."""
    kinds = {"n": "raw"} | {name: kind for name, (_, kind, _) in nasty.COLUMNS.items()}
    items = (f"to_json({nasty.ident(name)})" if kind == "made" else nasty.ident(name) for name, kind in kinds.items())
    rows = nasty.server_text(cursor, f"SELECT {', '.join(items)} FROM nasty.every ORDER BY n")
    spelled = [[(None, "null") if text is None else tuple(rule(text) for rule in nasty.SPELL[kind])
                for text, kind in zip(row, kinds.values())] for row in rows]
    assert len(spelled) > 50
    return list(kinds), spelled


def csv_cell(text):
    """RFC 4180; the empty string is quoted, since nothing is NULL, and so is the end of COPY's data."""
    if text is None:
        return ""
    return '"' + text.replace('"', '""') + '"' if text in ("", "\\.") or set(text) & set(',"\r\n') else text


@pytest.mark.parametrize("table", KEYS)
@pytest.mark.parametrize("suffix", ["csv", "ndjson"])
def test_every_way_gives_the_same_bytes(export, table, suffix):
    fast = export(table, suffix)
    if table != "none":
        assert fast.count(b"\n") >= 3
    for wire in WIRES[1:]:
        assert_same(export(table, suffix, wire), fast)


def test_csv_is_what_the_server_says(export, truth):
    names, rows = truth
    expected = [",".join(map(csv_cell, names))]
    expected += [",".join(csv_cell(cell) for cell, _ in row) for row in rows]
    assert_same(export("every", "csv").decode(), "".join(line + "\r\n" for line in expected))


def test_ndjson_is_what_the_server_says(export, truth):
    names, rows = truth
    expected = ["{" + ",".join(f"{nasty.json_string(name)}:{value}" for name, (_, value) in zip(names, row)) + "}\n"
                for row in rows]
    assert_same(export("every", "ndjson").decode(), "".join(expected))


def assert_same(got, expected):
    """Where they part, not all of it."""
    if got == expected:
        return
    at = next((i for i, (a, b) in enumerate(zip(got, expected)) if a != b), min(len(got), len(expected)))
    pytest.fail(f"at {at}: {got[max(0, at - 80):at + 80]!r} is not {expected[max(0, at - 80):at + 80]!r}")


def objects(body):
    lines = body.decode().split("\n")
    assert lines.pop() == ""
    return [json.loads(line, parse_int=str, parse_float=str, parse_constant=pytest.fail) for line in lines]


def test_ndjson_parses_with_python(export, truth):
    names, rows = truth
    parsed = objects(export("every", "ndjson"))
    assert [list(row) for row in parsed] == [names] * len(rows)
    for row, expected in zip(parsed, rows):
        for name, (text, _) in zip(names, expected):
            kind = nasty.COLUMNS.get(name, (None, "raw"))[1]
            if text is None:
                assert row[name] is None
            elif kind in ("text", "moment", "timetz"):
                assert row[name] == text
            elif kind == "number" and row[name] is not None:
                assert row[name] == text


@pytest.mark.parametrize("table", KEYS)
def test_the_array_has_the_lines_of_ndjson(export, table):
    lines = export(table, "ndjson")
    assert_same(export(table, "json"), b"[" + lines[:-1].replace(b"\n", b",\n") + b"]\n")


def test_the_array_parses_with_python_and_jq(export):
    array, lines = export("every", "json"), export("every", "ndjson")
    whole = json.loads(array, parse_int=str, parse_float=str, parse_constant=pytest.fail)
    assert whole == objects(lines) and len(whole) > 50

    def jq(*args):
        return subprocess.run(["jq", "-c", *args], stdout=subprocess.PIPE, check=True, input=array).stdout
    assert jq(".[]") == subprocess.run(["jq", "-c", "."], input=lines, stdout=subprocess.PIPE, check=True).stdout
    assert jq("type, length") == b'"array"\n%d\n' % len(whole)


def test_ndjson_parses_with_jq(export):
    """jq 1.6 keeps no long numbers; its strings, keys and nulls must be Python's."""
    body = export("every", "ndjson")
    jq = subprocess.run(["jq", "-c", "map_values(strings, nulls)"], input=body, stdout=subprocess.PIPE, check=True)
    rows = [json.loads(line, parse_int=float, parse_float=float) for line in body.decode().split("\n")[:-1]]
    assert objects(jq.stdout) == [
        {name: value for name, value in row.items() if value is None or isinstance(value, str)} for row in rows]


def test_csv_reads_back_with_python(export, truth):
    names, rows = truth
    read = list(csv.reader(io.StringIO(export("every", "csv").decode(), newline=""), strict=True))
    assert read == [names] + [[cell or "" for cell, _ in row] for row in rows]


def test_csv_reads_back_into_the_server(export, cursor):
    """COPY takes nothing for NULL and "" for the empty string. What is exported as JSON is read as JSON."""
    types = ", ".join(f"{nasty.ident(name)} {'json' if kind == 'made' else column}"
                      for name, (column, kind, _) in nasty.COLUMNS.items())
    cursor.execute("CREATE TEMPORARY TABLE back (n int, " + types.replace("nasty.discount", "nasty.price") + ")")
    cursor.copy_expert("COPY back FROM STDIN (FORMAT csv, HEADER match)", io.BytesIO(export("every", "csv")))
    assert cursor.rowcount > 50
    read = nasty.server_text(cursor, "SELECT * FROM back ORDER BY n")
    items = ", ".join(f"to_json({nasty.ident(name)})" if kind == "made" else nasty.ident(name)
                      for name, (_, kind, _) in nasty.COLUMNS.items())
    assert read == nasty.server_text(cursor, f"SELECT n, {items} FROM nasty.every ORDER BY n")


@pytest.mark.parametrize("table", ["none", "big", "many", "lone", "rows"])
def test_nothing_is_lost_on_the_way_back(export, cursor, table):
    cursor.execute(f"CREATE TEMPORARY TABLE back_{table} (LIKE nasty.{table})")
    cursor.copy_expert(f"COPY back_{table} FROM STDIN (FORMAT csv, HEADER match)", io.BytesIO(export(table, "csv")))
    cursor.execute(f"(TABLE nasty.{table} EXCEPT ALL TABLE back_{table}) UNION ALL"
                   f" (TABLE back_{table} EXCEPT ALL TABLE nasty.{table})")
    assert cursor.fetchall() == []
    cursor.execute(f"SELECT count(*) FROM back_{table}")
    assert cursor.fetchone()[0] == len(objects(export(table, "ndjson")))


def test_rows_without_columns(export):
    assert export("nothing", "csv") == b"\r\n" * 5001
    assert export("nothing", "ndjson") == b"{}\n" * 5000


def test_a_table_without_rows(export):
    assert export("none", "csv") == b'id,"a,b"\r\n'
    assert export("none", "ndjson") == b""


def test_large_cells(export, cursor):
    cursor.execute("SELECT id, cell, bytes FROM nasty.big ORDER BY id")
    expected = [{"id": str(i), "cell": cell, "bytes": nasty.base64.b64encode(data).decode()}
                for i, cell, data in cursor.fetchall()]
    assert all(len(row["cell"].encode()) >= FIVE_MIB - 3 for row in expected)
    assert objects(export("big", "ndjson")) == expected


def test_schema_names_the_types(site, token):
    answer = curl(f"{site.url}/api/v1/tables/every_fast/schema", token)
    assert (answer.exit, answer.status) == (0, 200)
    columns = {column["name"]: column for column in answer.json()["columns"]}
    assert list(columns) == ["n", *nasty.COLUMNS]
    sources = {"int2": "smallint", "discount": "nasty.discount", "ints": "integer[]", "n38_10": "numeric(38,10)",
               "pairs": "nasty.pair[]", nasty.LONG_NAME: "text"}
    assert {name: columns[name]["sourceType"] for name in sources} == sources
    types = {"int2": "int16", "n38_10": "decimal128", "numeric": "decimal", "bytea": "binary", "pair": "json",
             "discount": "decimal128", "xml": "utf8", "n5_m2": "decimal", "key": "uuid", "oid": "int64"}
    assert {name: columns[name]["type"] for name in types} == types
    assert (columns["n38_10"]["precision"], columns["n38_10"]["scale"]) == (38, 10)
    assert (columns["discount"]["precision"], columns["discount"]["scale"]) == (10, 2)
    assert columns["discount"]["nullable"] is True  # a domain's NOT NULL lets NULL of a subquery in
    assert columns["text"]["nullable"] is True

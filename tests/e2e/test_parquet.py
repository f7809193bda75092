"""Parquet as others read it: what DuckDB finds in a file, types, values, statistics and bloom filters, is what PostgreSQL has."""

import pytest

from harness import config, nasty
from harness.client import curl
from harness.duckdb import DuckDB
from harness.hyparquet import Hyparquet

ROWS = 3000
TABLES = f"""
CREATE TABLE nasty.none (id int PRIMARY KEY, "a,b" text);
CREATE TABLE nasty.nulls AS SELECT i, NULL::int AS a, NULL::text AS b, NULL::uuid AS c, NULL::bool AS d, NULL::numeric(30,2) AS e
    FROM generate_series(1, {ROWS}) AS i;
CREATE TABLE nasty.many ({", ".join(f"c{i} {('int2', 'text', 'bool', 'date')[i % 4]}" for i in range(1600))});
INSERT INTO nasty.many (c0, c1, c1599) VALUES (1, 'first', '2024-01-01'), (NULL, '', NULL);
INSERT INTO nasty.many SELECT FROM generate_series(1, 50);
CREATE TABLE nasty.rows (id int PRIMARY KEY, word text, few text NOT NULL, long text, part numeric(12,3), wide numeric(30,3), at timestamptz,
    key uuid NOT NULL, ratio float8, flag bool, small int2, day date NOT NULL, clock time, bytes bytea);
INSERT INTO nasty.rows SELECT i, CASE WHEN i % 3 > 0 THEN 'word é ' || i END, 'few ' || i % 7,
    CASE WHEN i % 5 > 0 THEN repeat(md5(i::text), 1 + i % 40) END, i * 7.001, i * -1234567890123456789.001, '2000-01-01Z'::timestamptz + i * interval '7 h 1.000001 s',
    md5((i / 2)::text)::uuid, i / 7.0, CASE WHEN i % 4 > 0 THEN i % 2 = 0 END, i % 1000 - 500, date '1970-01-01' + i,
    time '00:00' + i * interval '1.5 s', decode(md5(i::text), 'hex') FROM generate_series(1, {ROWS}) AS i;
CREATE TABLE nasty.runs AS SELECT i AS id, CASE WHEN i / 700 % 2 = 0 THEN i / 100 END AS step, CASE WHEN i % 9 = 0 THEN i END AS rare
    FROM generate_series(1, 50000) AS i;
CREATE VIEW nasty.broken AS SELECT i AS id, 1 / (200000 - i) AS part FROM generate_series(1, 200000) AS i;
GRANT USAGE ON SCHEMA nasty TO sluice;
GRANT SELECT ON ALL TABLES IN SCHEMA nasty TO sluice;
"""
KEYS = ("every", "none", "nulls", "many", "rows", "runs", "broken")

USERS = """SELECT count(*)::text, sum(user_id)::text, sum(lifetime_value)::text, sum(login_count)::text,
    count(last_login)::text, min(signup_date)::text, max(signup_date)::text, count(DISTINCT email)::text, min(name),
    max(name), {epoch}::text, sum(CASE WHEN is_active THEN 1 END)::text FROM {table}"""


@pytest.fixture(scope="module")
def duckdb(tmp_path_factory):
    return DuckDB(str(tmp_path_factory.mktemp("duckdb")))


@pytest.fixture(scope="module")
def hyparquet(tmp_path_factory):
    return Hyparquet(str(tmp_path_factory.mktemp("hyparquet")))


@pytest.fixture(scope="module")
def site(fleet, postgres):
    postgres.execute(nasty.TYPES + nasty.create("nasty.every"))
    postgres.execute(TABLES)
    made = fleet.start(settings={"tables": {**{key: None for key in config.TABLES}, "users": {"name": "public.users"},
                                            **{key: {"name": f"nasty.{key}"} for key in KEYS}}}, workers=(1, 1))
    yield made
    fleet.stop(made, may_die=False)
    postgres.execute("DROP SCHEMA nasty CASCADE")


@pytest.fixture
def export(site, token, tmp_path):
    """export(table, options): the path of a file."""
    def get(name, options=""):
        answer = curl(f"{site.url}/api/v1/tables/{name}/rows.parquet{options}", token)
        assert (answer.exit, answer.status) == (0, 200), answer.body[:300]
        path = tmp_path / f"{name}.parquet"
        path.write_bytes(answer.body)
        return str(path)
    return get


@pytest.fixture(scope="module")
def cursor(site, postgres):  # gone before the site drops what it looks at
    connection = postgres.connect()
    with connection.cursor() as opened:
        opened.execute(nasty.SETTINGS)
        yield opened
    connection.close()


# ---- the same values

AS_TEXT = ("numeric(5,-2)", "numeric(39,1)", "numeric(1000,500)")
LAST_MOMENT = "294247-01-10 04:00:54.77"  # behind that DuckDB miscounts it


def duck_expression(name, kind):
    """What makes of DuckDB's value a text like the server's."""
    column = nasty.ident(name)
    if kind in ("bytea",):
        return f"'\\x' || lower(hex({column}))"
    return f"{column}::VARCHAR"


def same_text(kind, expected, found):
    """Whether the server's text and DuckDB's are of one value, or of what is documented to become of it."""
    kind = {"nasty.discount": "numeric(10,2)"}.get(kind, kind)
    is_decimal = kind.startswith("numeric(") and kind not in AS_TEXT
    if is_decimal and expected == "NaN":
        return found is None
    if expected is None or found is None:
        return expected is found
    if is_decimal and found.lstrip("-").startswith("."):
        found = found.replace(".", "0.")
    if kind in ("real", "double precision"):
        return float(expected.replace("inity", "")) == float(found) or expected == "NaN" and found.lower() == "nan"
    if kind == "boolean":
        return {"t": "true", "f": "false"}[expected] == found
    if kind.startswith("timestamp") and not kind.endswith("[]"):
        if expected.startswith("294276"):
            return found.startswith(LAST_MOMENT)
    if kind == "date" or kind.startswith("timestamp"):
        found = found.replace(" (BC)", "") + " BC" * ("(BC)" in found)
    if kind == "timetz":
        return nasty.zone_of_hours(expected) == found
    return expected.removeprefix("\ufeff") == found  # a text that begins with it loses it in DuckDB's JavaScript


def test_every_value(duckdb, export, cursor):
    columns = {"n": ("int", "raw", [])} | nasty.COLUMNS
    made = [name for name, (_, kind, _) in columns.items() if kind == "made"]
    scalar = [name for name in columns if name not in made]
    server = nasty.server_text(cursor, f"SELECT {', '.join(map(nasty.ident, scalar))}"
                         + "".join(f", to_json({nasty.ident(name)})::text" for name in made) + " FROM nasty.every ORDER BY n")
    assert len(server) > 50
    for options in OPTIONS:
        path = export("every", options)
        _, found = duckdb.ask("SET TimeZone = 'UTC'", "SELECT " + ", ".join(duck_expression(name, columns[name][0]) for name in scalar + made)
                              + f" FROM '{path}' ORDER BY n")
        assert len(found) == len(server)
        for expected_row, found_row in zip(server, found):
            for name, expected, value in zip(scalar + made, expected_row, found_row):
                assert same_text(columns[name][0] if name in scalar else "json", expected, value), (options, name, expected, value)


CODECS = ("none", "snappy", "zstd", "gzip")
OPTIONS = ["", *(f"?codec={codec}&page_version={version}" for codec in CODECS for version in (1, 2)),
           "?dictionary=false&page_version=2", "?statistics=false", "?row_group_rows=1", "?row_group_rows=2&page_version=2",
           "?row_group_rows=1000", "?codec=gzip&level=9", "?codec=zstd&level=19"]
EVERYTHING = """SELECT * REPLACE (epoch_us("at") AS "at", hex(bytes) AS bytes, (round(ratio * 7) = id)::VARCHAR AS ratio)
    FROM '{}' ORDER BY id"""


def test_every_option(duckdb, export, cursor):
    """Dictionaries that pay and that do not, NULLs now and then, strings of all lengths; also a NaN's want."""
    expected = nasty.server_text(cursor, """SELECT id, word, few, long, part, wide, (extract(epoch FROM at) * 1000000)::bigint, key,
        CASE WHEN true THEN 'true' END, CASE WHEN flag THEN 'true' WHEN NOT flag THEN 'false' END, small, day,
        clock, upper(encode(bytes, 'hex')) FROM nasty.rows ORDER BY id""")
    for options in OPTIONS:
        (found,) = duckdb.ask(EVERYTHING.format(export("rows", options)))
        assert len(found) == ROWS
        for one, other in zip(expected, found):
            assert one == other, options


def test_another_reader(hyparquet, export, postgres):
    """hyparquet shares no code with DuckDB."""
    expected = postgres.execute("SELECT id, word, few, long, part::float8, key::text, flag, small FROM nasty.rows ORDER BY id")
    for options in OPTIONS:
        found = hyparquet.read(export("rows", options))["rows"]
        assert [(row["id"], row["word"], row["few"], row["long"], round(row["part"], 3), row["key"], row["flag"], row["small"])
                for row in sorted(found, key=lambda row: row["id"])] == expected, options


def test_schema(duckdb, export):
    path = export("rows")
    (found,) = duckdb.ask(f"SELECT name, type, repetition_type, converted_type, logical_type FROM parquet_schema('{path}')")
    assert found[1:] == [
        ["id", "INT32", "REQUIRED", None, None],
        ["word", "BYTE_ARRAY", "OPTIONAL", "UTF8", "StringType()"],
        ["few", "BYTE_ARRAY", "REQUIRED", "UTF8", "StringType()"],
        ["long", "BYTE_ARRAY", "OPTIONAL", "UTF8", "StringType()"],
        ["part", "INT64", "OPTIONAL", "DECIMAL", "DecimalType(scale=3, precision=12)"],
        ["wide", "FIXED_LEN_BYTE_ARRAY", "OPTIONAL", "DECIMAL", "DecimalType(scale=3, precision=30)"],
        ["at", "INT64", "OPTIONAL", "TIMESTAMP_MICROS", "TimestampType(isAdjustedToUTC=1, unit=TimeUnit(MILLIS=<null>, "
         "MICROS=MicroSeconds(), NANOS=<null>))"],
        ["key", "FIXED_LEN_BYTE_ARRAY", "REQUIRED", None, "UUIDType()"],
        ["ratio", "DOUBLE", "OPTIONAL", None, None],
        ["flag", "BOOLEAN", "OPTIONAL", None, None],
        ["small", "INT32", "OPTIONAL", "INT_16", "IntType(bitWidth=\x10, isSigned=1)"],
        ["day", "INT32", "REQUIRED", "DATE", "DateType()"],
        ["clock", "INT64", "OPTIONAL", "TIME_MICROS", "TimeType(isAdjustedToUTC=0, unit=TimeUnit(MILLIS=<null>, "
         "MICROS=MicroSeconds(), NANOS=<null>))"],
        ["bytes", "BYTE_ARRAY", "OPTIONAL", None, None]]


def test_metadata(duckdb, hyparquet, export, site, token):
    path = export("rows", "?row_group_rows=1000&limit=3000")
    columns, groups, pairs = duckdb.ask(
        f"""SELECT path_in_schema, stats_min_value, stats_max_value, stats_null_count, compression FROM parquet_metadata('{path}')
            WHERE row_group_id = 1 AND path_in_schema IN ('id', 'few', 'part', 'day', 'word')""",
        f"SELECT DISTINCT row_group_id, row_group_num_rows FROM parquet_metadata('{path}') ORDER BY ALL",
        f"SELECT key::VARCHAR, value::VARCHAR FROM parquet_kv_metadata('{path}')")
    assert columns == [["id", "1001", "2000", "0", "ZSTD"], ["word", "word é 1001", "word é 2000", "333", "ZSTD"],
                       ["few", "few 0", "few 6", "0", "ZSTD"], ["part", "7008.001", "14002.000", "0", "ZSTD"],
                       ["day", "1972-09-28", "1975-06-24", "0", "ZSTD"]]
    assert groups == [["0", "1000"], ["1", "1000"], ["2", "1000"]]
    schema = curl(f"{site.url}/api/v1/tables/rows/schema", token).json()
    assert pairs == [["sluice.schema.fingerprint", schema["fingerprint"]]]
    assert hyparquet.read(path)["metadata"]["created_by"].startswith("sluice version ")


def test_page_index(hyparquet, export):
    """Each page where the index says that it is, with its least and greatest value."""
    found = hyparquet.read(export("runs"))
    (group,) = found["indexes"]
    ids, steps, rare = group
    rows = [int(page["first_row_index"]) for page in ids["offset"]["page_locations"]]
    assert len(rows) > 2 and rows[0] == 0
    bounds = [*zip(ids["column"]["min_values"], ids["column"]["max_values"])]
    assert bounds == [(first + 1, last) for first, last in zip(rows, rows[1:] + [50000])]
    assert ids["column"]["boundary_order"] == "ASCENDING"
    for index, column in ((steps, "step"), (rare, "rare")):
        for first, last, nulls in zip(rows, rows[1:] + [50000], index["column"]["null_counts"]):
            assert int(nulls) == sum(row[column] is None for row in found["rows"][first:last])
    assert all(group["column"] is None for (group, *_) in hyparquet.read(export("runs", "?statistics=false"))["indexes"])


def test_pruning(duckdb, export, cursor):
    """Filters that readers answer by statistics find what is there."""
    path = export("rows", "?row_group_rows=100&bloom=word,key,id&limit=3000")
    for condition in ("id = 1234", "id > 2990", "day < '1970-02-01'", "part = 7.001 * 55", "few = 'few 3' AND id < 300",
                      "word = 'word é 1000'", "word > 'word é 2998'", "wide < -3700000000000000000000", "ratio > 428",
                      "small = 499", "flag AND id < 50", "long IS NULL AND id > 2900", "key = md5('7')::uuid"):
        sql = "SELECT id::text AS text FROM {} WHERE {} ORDER BY id"
        expected = nasty.server_text(cursor, sql.format("nasty.rows", condition))
        (found,) = duckdb.ask(sql.format(f"'{path}'", condition))
        assert found == expected and found, condition


def test_bloom(duckdb, export):
    """What is there is never left out, and of what is not nearly all is. Rows of a million have no larger filter than they need."""
    path = export("rows", "?bloom=id,word,key,few&row_group_rows=1000&limit=3000")  # ordered
    few, there, absent, size = duckdb.ask(
        f"SELECT row_group_id, bloom_filter_excludes FROM parquet_bloom_probe('{path}', 'few', 'few 3')",
        f"SELECT row_group_id, bloom_filter_excludes FROM parquet_bloom_probe('{path}', 'word', 'word é 1000')",
        " UNION ALL ".join(f"SELECT count(*) FILTER (bloom_filter_excludes) FROM parquet_bloom_probe('{path}', 'id', {i})"
                           for i in range(100000, 100100)),
        f"SELECT path_in_schema, max(bloom_filter_length) FROM parquet_metadata('{path}') GROUP BY 1 ORDER BY 1")
    assert there == [["0", "false"], ["1", "true"], ["2", "true"]]
    assert few == [["0", "false"], ["1", "false"], ["2", "false"]]
    assert sum(int(n) for (n,) in absent) > 280
    sizes = {name: int(length) if length else 0 for name, length in size}
    assert 32 <= sizes["few"] < 100 and 1000 < sizes["id"] < 4200 and sizes["long"] == 0


def test_nothing_and_nulls(duckdb, hyparquet, export):
    (none, described), path = duckdb.ask(f"SELECT count(*) FROM '{export('none')}'", f"DESCRIBE SELECT * FROM '{export('none')}'"), \
        export("nulls", "?row_group_rows=700")
    assert none == [["0"]] and [row[:2] for row in described] == [["id", "INTEGER"], ["a,b", "VARCHAR"]]
    assert hyparquet.read(export("none"))["rows"] == []
    (found,) = duckdb.ask(f"SELECT count(*), count(a), count(b), count(c), count(d), count(e), sum(i) FROM '{path}'")
    assert found == [[str(ROWS), "0", "0", "0", "0", "0", str(ROWS * (ROWS + 1) // 2)]]
    assert all(row["a"] is None and row["c"] is None for row in hyparquet.read(path)["rows"])


def test_many_columns(duckdb, export):
    path = export("many")
    (found,) = duckdb.ask(f"SELECT c0, c1, c1599 FROM '{path}'")
    assert found[:2] == [["1", "first", "2024-01-01"], [None, "", None]] and len(found) == 52
    (columns,) = duckdb.ask(f"SELECT count(*) FROM parquet_schema('{path}')")
    assert columns == [["1601"]]


def test_broken_off(duckdb, site, token, tmp_path):
    """What the database leaves half done breaks off, and no reader takes it for a file."""
    answer = curl(f"{site.url}/api/v1/tables/broken/rows.parquet?row_group_rows=1000", token)
    assert answer.exit == 18 and answer.status == 200 and len(answer.body) > 10000
    assert answer.body[:4] == b"PAR1" and answer.body.count(b"PAR1") == 1
    path = tmp_path / "broken.parquet"
    path.write_bytes(answer.body)
    with pytest.raises(AssertionError, match="(?i)no magic bytes|footer"):
        duckdb.ask(f"SELECT count(*) FROM '{path}'")


REFUSED = [("codec=lz4", "codec"), ("level=0", "level"), ("level=20", "level"), ("codec=gzip&level=10", "level"),
           ("codec=none&level=1", "level"), ("row_group_rows=0", "row_group_rows"), ("row_group_rows=1e3", "row_group_rows"),
           ("row_group_bytes=1", "row_group_bytes"), ("dictionary=maybe", "dictionary"), ("page_version=3", "page_version"),
           ("bloom=", "bloom"), ("bloom=id,", "bloom"), ("bloom=nobody", "nobody"), ("columns=id&bloom=word", "word"),
           ("header=true", "header"), ("tz=Europe/Berlin", "tz"), ("compression=gzip", "parquet")]


@pytest.mark.parametrize("query, word", REFUSED)
def test_refused(site, token, query, word):
    answer = curl(f"{site.url}/api/v1/tables/rows/rows.parquet?{query}", token)
    assert answer.status == 400
    assert word in answer.json()["detail"], answer.body


def test_level_is_still_a_compression_s(site, token):
    for query in ("level=3", "codec=zstd"):
        assert curl(f"{site.url}/api/v1/tables/rows/rows.csv?{query}", token).status == 400
    assert curl(f"{site.url}/api/v1/tables/rows/rows.csv?level=3&compression=gzip", token).status == 200


def test_users(duckdb, export, postgres):
    path = export("users")
    (found,) = duckdb.ask(USERS.format(table=f"'{path}'", epoch="epoch_us(max(last_login))"))
    expected = postgres.execute(USERS.format(
        table="public.users", epoch="(extract(epoch FROM max(last_login)) * 1000000)::bigint"))
    assert found == [list(row) for row in expected]

"""Arrow as Apache's own library reads it: types, NULLs and values are PostgreSQL's; what was cut is refused or shows."""

import pytest

from harness import config, faults, nasty, problem
from harness.arrow import Arrow
from harness.client import curl

DATABASE = "arrows"
END = b"\xff\xff\xff\xff\0\0\0\0"
CELL = 50 << 20
FILE, STREAM = "application/vnd.apache.arrow.file", "application/vnd.apache.arrow.stream"
BOTH = ("arrow", "arrows")
TABLES = f"""
CREATE TABLE nasty.none (id int PRIMARY KEY, "a,b" text, at timestamptz);
CREATE TABLE nasty.nothing ();
INSERT INTO nasty.nothing SELECT FROM generate_series(1, 5000);
CREATE TABLE nasty.many ({", ".join(f"c{i} {('int2', 'text', 'bool', 'date')[i % 4]}" for i in range(1600))});
INSERT INTO nasty.many (c0, c1, c2, c1599) VALUES (1, 'first', true, '2024-01-01'), (NULL, '', NULL, NULL);
INSERT INTO nasty.many SELECT FROM generate_series(1, 50);
INSERT INTO nasty.many (c1, c1597) VALUES ('last', 'é');
CREATE TABLE nasty.nulls AS SELECT e.* FROM generate_series(1, 3000) AS i LEFT JOIN nasty.every AS e ON false;
CREATE TABLE nasty.rows AS SELECT i AS id, (i / 7.0)::numeric(12, 3) AS part, i % 3 = 0 AS flag,
    timestamptz '1969-12-31 23:00:00Z' + i * interval '1.000001 s' AS at, i * interval '1 day 0.000001 s' AS long,
    CASE WHEN i % 3 > 0 THEN repeat('é"', i % 50) END AS word, md5(i::text)::uuid AS key,
    decode(md5(i::text), 'hex') AS hash, i / 7.0::float8 AS ratio FROM generate_series(1, 30000) AS i;
CREATE TABLE nasty.big AS SELECT 1 AS n, left(repeat(E'x<&>é\\n",\\\\\\t😀', {CELL} / 10), {CELL}) AS cell;
CREATE TABLE nasty.firm (id int NOT NULL, part numeric(9, 2) NOT NULL, at date NOT NULL);
INSERT INTO nasty.firm VALUES (1, 'NaN', '2024-01-01'), (2, -0.01, 'infinity');
GRANT USAGE ON SCHEMA nasty TO sluice;
GRANT SELECT ON ALL TABLES IN SCHEMA nasty TO sluice;
"""
KEYS = ("every", "none", "nothing", "many", "nulls", "rows", "big", "firm")

# By type of the schema: Arrow's, and in SQL what each value is there. {c}: the column; {scale}: 10 to the power of its scale.
MOST = 2**63 - 1
NANOSECONDS = "(extract(hour FROM {c}) * 3600 + extract(minute FROM {c}) * 60 + extract(second FROM {c})) * 1000000000"
MOMENT = (f"CASE WHEN {{c}} = 'infinity' THEN {MOST} WHEN {{c}} = '-infinity' THEN {-MOST - 1}"
          f" ELSE least((extract(epoch FROM {{c}}) * 1000000)::numeric(30), {MOST - 1}) END::text")
TYPES = {
    "bool": ("bool", "{c}::text"),
    "int16": ("int16", "{c}::text"),
    "int32": ("int32", "{c}::text"),
    "int64": ("int64", "{c}::text"),
    "float32": ("float32", "encode(float4send({c}), 'hex')"),
    "float64": ("float64", "encode(float8send({c}), 'hex')"),
    "decimal128": ("decimal128({precision},{scale})", "nullif(({c} * 1e{scale})::numeric(100)::text, 'NaN')"),
    "decimal": ("utf8", "{c}::text"),
    "date32": ("date32", f"CASE WHEN {{c}} = 'infinity' THEN {2**31 - 1} WHEN {{c}} = '-infinity' THEN {-2**31}"
                         " ELSE {c} - date '1970-01-01' END::text"),
    "time64": ("time64[2]", "(extract(epoch FROM {c}) * 1000000)::bigint::text"),
    "timestamp": ("timestamp[2, null]", MOMENT),
    "timestamptz": ("timestamp[2, UTC]", MOMENT),
    "interval": ("interval[3]", "(extract(year FROM {c}) * 12 + extract(month FROM {c}))::numeric(20) || ' ' ||"
                 f" extract(day FROM {{c}}) || ' ' || greatest(least({NANOSECONDS}, {MOST}), {-MOST - 1})::numeric(20)"),
    "utf8": ("utf8", "format('%s', {c})"),
    "json": ("utf8", "format('%s', {c})"),
    "uuid": ("fixed[16]", "encode(uuid_send({c}), 'hex')"),
    "binary": ("binary", "encode({c}, 'hex')"),
}
EXTENSIONS = {"json": "arrow.json", "uuid": "arrow.uuid"}

# What the values are that do not arrive.
LOST = {
    "decimal128": "{c} = 'NaN'",
    "date32": "NOT isfinite({c})",
    "timestamp": "NOT isfinite({c}) OR {c} > timestamp '294247-01-01'",
    "timestamptz": "NOT isfinite({c}) OR {c} > timestamptz '294247-01-01 00:00Z'",
    "interval": f"abs({NANOSECONDS}) > {MOST}",
}


@pytest.fixture(scope="module")
def arrow(tmp_path_factory):
    return Arrow(str(tmp_path_factory.mktemp("node")))


@pytest.fixture(scope="module")
def site(fleet, postgres):
    postgres.execute(f"CREATE DATABASE {DATABASE}", dbname="postgres")
    postgres.execute(f"{nasty.TYPES}{nasty.create('nasty.every')};{TABLES}", dbname=DATABASE)
    made = fleet.start(workers=(1, 1), settings={
        "databases": {"main": {"conninfo": postgres.conninfo(dbname=DATABASE)}}, "metadata": {"database": ""},
        "tables": {**{key: None for key in config.TABLES}, **{key: {"name": f"nasty.{key}"} for key in KEYS}}})
    yield made
    fleet.stop(made, may_die=False)


@pytest.fixture
def ask(site, token):
    def get(what, **more):
        return curl(f"{site.url}/api/v1/tables/{what}", token, **more)
    return get


@pytest.fixture
def export(ask, tmp_path):
    """export(table, suffix, query): the path of a file."""
    def get(table, suffix, query=""):
        answer = ask(f"{table}/rows.{suffix}{query}")
        assert (answer.exit, answer.status) == (0, 200), answer.body[:300]
        path = tmp_path / f"{table}.{suffix}"
        path.write_bytes(answer.body)
        return path
    return get


def expression(column):
    """SQL of what a column's values are in Arrow."""
    name, kind = nasty.ident(column["name"]), nasty.COLUMNS.get(column["name"], (None, None))[1]
    c = f"to_json({name})" if kind == "made" else name
    made = TYPES[column["type"]][1].format(c=c, scale=column.get("scale"))
    return f"CASE num_nulls({name}) WHEN 0 THEN {made} END"


def expected_values(postgres, table, columns, order=""):
    """Column by column."""
    if not columns:
        return []
    rows = postgres.execute(f"{nasty.SETTINGS}; SELECT {', '.join(map(expression, columns))} FROM nasty.{table} {order}",
                            dbname=DATABASE)
    values = [list(column) for column in zip(*rows)] or [[] for _ in columns]
    for column, its in zip(columns, values):
        if column["sourceType"] == "time with time zone":
            its[:] = [text and nasty.zone_of_hours(text) for text in its]
    return values


def expected_column(column):
    """All of it but the values."""
    precision, scale = column.get("precision"), column.get("scale")
    kind = TYPES[column["type"]][0].format(precision=max(precision or 0, scale or 0), scale=scale)
    extension = EXTENSIONS.get(column["type"])
    return {"name": column["name"], "type": kind, "nullable": column["nullable"] or column["type"] == "decimal128",
            "metadata": {"sluice:source_type": column["sourceType"]} | (
                {"ARROW:extension:name": extension, "ARROW:extension:metadata": ""} if extension else {})}


@pytest.mark.parametrize("suffix", BOTH)
@pytest.mark.parametrize("table, order, rows, batches", [
    ("every", "ORDER BY n", 62, 1), ("none", "", 0, 0), ("nothing", "", 5000, 2), ("many", "", 53, 2), ("nulls", "", 3000, 2),
    ("rows", "ORDER BY id", 30000, 10), ("firm", "ORDER BY id", 2, 1),
    pytest.param("big", "", 1, 1, marks=pytest.mark.slow)])
def test_every_value(arrow, ask, export, postgres, suffix, table, order, rows, batches):
    schema = ask(f"{table}/schema").json()
    columns = schema["columns"]
    found = arrow.read(export(table, suffix))
    assert found["metadata"] == {"sluice:fingerprint": schema["fingerprint"]} | (
        {"sluice:end": END.hex().upper()} if suffix == "arrows" else {})
    assert (found["rows"], sum(found["batches"])) == (rows, rows)
    assert len(found["batches"]) >= batches and (rows == 0) == (found["batches"] == [])
    values = [column.pop("values") for column in found["columns"]]
    assert found["columns"] == [*map(expected_column, columns)]
    for column, its, expected in zip(columns, values, expected_values(postgres, table, columns, order), strict=True):
        assert its == expected, (column["name"], column["type"])


def test_the_lossy_list(ask, postgres):
    """Whatever of nasty.every does not arrive is in a column of the list, and every type of the list has such a value."""
    schema = ask("every/schema").json()
    lossy = schema["lossy"]["arrow"]
    assert lossy == schema["lossy"]["arrows"]
    arrays = {column["name"] for column in schema["columns"] if "lower bounds" in (column["written"]["arrow"]["lossy"] or "")}
    assert arrays == {name for name in schema["lossy"]["csv"]}
    for kind, is_lost in LOST.items():
        names = [column["name"] for column in schema["columns"] if column["type"] == kind]
        lost = " OR ".join(f"coalesce({is_lost.format(c=nasty.ident(name))}, false)" for name in names)
        (count,) = postgres.execute(f"{nasty.SETTINGS}; SELECT count(*) FROM nasty.every WHERE {lost}", dbname=DATABASE)[0]
        assert names and count, kind
    assert lossy == [column["name"] for column in schema["columns"]
                     if column["type"] in LOST or column["name"] in arrays]


@pytest.mark.parametrize("query, zone", [("", "UTC"), ("?tz=Europe/Vilnius", "Europe/Vilnius"), ("?tz=%2B0530", "+05:30")])
def test_a_zone_is_a_name_alone(arrow, export, query, zone):
    plain, found = arrow.read(export("rows", "arrow")), arrow.read(export("rows", "arrow", query))
    types = {column["name"]: column["type"] for column in found["columns"]}
    assert types["at"] == f"timestamp[2, {zone}]"
    assert [column["values"] for column in found["columns"]] == [column["values"] for column in plain["columns"]]


def test_it_is_asked_for_and_comes_as_it_is(ask):
    for suffix, media in zip(BOTH, (FILE, STREAM)):
        coded = {"Accept": media, "Accept-Encoding": "gzip, zstd"}
        for path, headers in ((f"rows/rows.{suffix}", coded), ("rows/rows", coded), (f"rows/rows?format={suffix}", {})):
            answer = ask(path, headers=headers)
            assert (answer.exit, answer.status, answer.headers["content-type"]) == (0, 200, media)
            assert "content-encoding" not in answer.headers
            assert answer.headers["content-disposition"] == f"attachment; filename=rows.{suffix}"
            assert answer.body[:8] == (b"ARROW1\0\0" if suffix == "arrow" else END[:4] + answer.body[4:8])


@pytest.mark.parametrize("suffix", BOTH)
@pytest.mark.parametrize("query, said", [("?compression=gzip", "compressed"), ("?bigint=string", "bigint"), ("?tz=Nowhere", "tz"),
                                         ("?header=true", "header"), ("?level=3", "level")])
def test_what_it_has_not(ask, suffix, query, said):
    assert said in problem.check(ask(f"rows/rows.{suffix}{query}"), 400)["detail"]


# ---- cut

def test_a_file_that_was_cut_is_refused(arrow, export):
    """The library does not look for the word at the end, and finds a footer of nothing at a few places."""
    for table in ("rows", "none"):
        path = export(table, "arrow")
        body = path.read_bytes()
        cuts = [*range(100, len(body), len(body) // 40), *range(len(body) - 100, len(body))]
        answers = arrow.read_beginnings([(path, cut) for cut in cuts])
        assert all("refused" in answer or answer["columns"] == [] for answer in answers)
        assert sum("refused" in answer for answer in answers) > 0.9 * len(cuts)
        assert body.endswith(b"ARROW1") and b"ARROW1" not in body[8:-6]
        assert arrow.read(path)["columns"]


def test_a_stream_that_was_cut_is_refused_or_does_not_end(arrow, export):
    path = export("rows", "arrows")
    body = path.read_bytes()
    assert body.endswith(END)
    cuts = [*range(100, len(body), len(body) // 40), *range(len(body) - 100, len(body))]
    found = dict(zip(cuts, arrow.read_beginnings([(path, cut) for cut in cuts])))
    taken = [cut for cut, answer in found.items() if "refused" not in answer]
    assert len(taken) < len(cuts)
    assert len(body) - 8 in taken  # which is why the end is to be looked at
    assert not any(body[:cut].endswith(END) for cut in taken)


@pytest.mark.parametrize("suffix", BOTH)
@pytest.mark.parametrize("table", ["broken_late", "plain_broken_late"])
def test_a_failure_half_way_is_no_end(fault_site, token, suffix, table):
    answer = curl(faults.rows_url(fault_site, table, suffix), token)
    if fault_site.front == "mod_fcgid":
        faults.check_problem(answer, 422)
        return
    assert (answer.exit, answer.status) == (18, 200)
    assert len(answer.body) > 100000 and not answer.body.endswith(END)
    assert b"ARROW1" not in answer.body[8:]

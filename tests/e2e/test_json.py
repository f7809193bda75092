"""The options of JSON and NDJSON, and the time zone of every text format, judged by Python, jq and PostgreSQL."""

import json
import re
import subprocess
import urllib.parse

import pytest

from harness import problem
from harness.client import curl

INSTANTS = 6000
LONE = r'{"s": "\ud800", "n": "\u0000"}'

TABLES = f"""
CREATE SCHEMA js;
CREATE TABLE js.some (id int PRIMARY KEY, big bigint, oid oid, exact numeric, fixed numeric(10,2), real8 float8, real4 float4,
    bytes bytea, doc jsonb, raw json, at timestamptz, word text);
INSERT INTO js.some VALUES
    (1, 9007199254740991, 7, 0.10, 1.50, 0.1, 0.1, '\\x00ff22', '{{"a": 9007199254740993}}', '[1,\n2]',
        '2024-07-01 12:00:00Z', E'"\\\\\n\x01'),
    (2, 9007199254740992, 4294967295, 'NaN', 'NaN', 'NaN', 'NaN', '', 'null', 'null', 'infinity', ''),
    (3, -9007199254740991, 0, 'Infinity', -0.01, 'Infinity', 'Infinity', NULL, NULL, NULL, '0044-03-15 00:00:00Z BC', NULL),
    (4, -9223372036854775808, NULL, '-Infinity', NULL, '-Infinity', '-Infinity', NULL, NULL, NULL, NULL, NULL),
    (5, 9223372036854775807, NULL, 123456789012345678901234567890.5, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
CREATE TABLE js.lone (raw json);
INSERT INTO js.lone VALUES ('{LONE}');
CREATE TABLE js.empty (id int);
CREATE TABLE js.nulls (a int, b text);
INSERT INTO js.nulls VALUES (NULL, NULL), (1, NULL), (NULL, 'x');
SELECT setseed(0.5);
CREATE TABLE js.instants AS SELECT i AS id, CASE i % 3 WHEN 0
        THEN date_trunc('hour', timestamptz '1900-01-01Z' + random() * interval '182622 days')
        ELSE timestamptz '1900-01-01Z' + random() * interval '182622 days' END AS at
    FROM generate_series(1, {INSTANTS}) AS i;
INSERT INTO js.instants VALUES (0, 'infinity'), (-1, '0044-03-15 00:00Z BC'), (-2, '294276-12-31 23:59:59.999999Z'),
    (-3, '0001-01-01 00:30Z'), (-4, '0001-12-31 23:30Z BC'), (-5, '1850-01-01Z'), (-6, '4714-11-24 00:00Z BC');
GRANT USAGE ON SCHEMA js TO sluice;
GRANT SELECT ON ALL TABLES IN SCHEMA js TO sluice;
"""
KEYS = ("some", "lone", "empty", "nulls", "instants")


@pytest.fixture(scope="module")
def site(fleet, postgres):
    postgres.execute(TABLES)
    made = fleet.start(settings={"tables": {key: {"name": f"js.{key}"} for key in KEYS}})
    yield made
    fleet.stop(made, may_die=False)


@pytest.fixture
def ask(site, token):
    def ask(table, suffix, query="", **more):
        return curl(f"{site.url}/api/v1/tables/{table}/rows{suffix}{query and '?'}{query}", token, **more)
    return ask


@pytest.fixture
def body(ask):
    def body(*args):
        answer = ask(*args)
        assert (answer.exit, answer.status) == (0, 200), answer.body[:500]
        return answer.body.decode()
    return body


@pytest.fixture
def rows(body):
    """By id, numbers as their digits; the same from both formats. jq reads them too."""
    def rows(query):
        query += "&limit=100"
        array, lines = body("some", ".json", query), body("some", ".ndjson", query)
        assert array == "[" + lines[:-1].replace("\n", ",\n") + "]\n"
        subprocess.run(["jq", "-e", "length == 5"], input=array.encode(), stdout=subprocess.DEVNULL, check=True)
        parsed = json.loads(array, parse_int=Digits, parse_float=Digits, parse_constant=pytest.fail)
        return {int(row["id"]): row for row in parsed}
    return rows


class Digits(str):
    """A number as it stands, apart from a string."""
    def __eq__(self, other):
        return isinstance(other, Digits) and str.__eq__(self, other)
    __hash__ = str.__hash__


def column(parsed, name):
    return [parsed[i].get(name, "absent") for i in sorted(parsed)]


D = Digits


def test_without_options(rows):
    got = rows("")
    assert column(got, "big") == [D("9007199254740991"), D("9007199254740992"), D("-9007199254740991"),
                                  D("-9223372036854775808"), D("9223372036854775807")]
    assert column(got, "exact") == [D("0.10"), None, None, None, D("123456789012345678901234567890.5")]
    assert column(got, "fixed") == [D("1.50"), None, D("-0.01"), None, None]
    assert column(got, "real8") == [D("0.1"), None, None, None, None]
    assert column(got, "bytes") == ["AP8i", "", None, None, None]
    assert column(got, "at") == ["2024-07-01T12:00:00Z", "infinity", "0044-03-15T00:00:00Z BC", None, None]
    assert got[1]["word"] == '"\\\n\x01'


def test_bigint(rows):
    assert column(rows("bigint=auto"), "big") == [
        D("9007199254740991"), "9007199254740992", D("-9007199254740991"), "-9223372036854775808", "9223372036854775807"]
    got = rows("bigint=string")
    assert column(got, "big") == ["9007199254740991", "9007199254740992", "-9007199254740991", "-9223372036854775808",
                                  "9223372036854775807"]
    assert column(got, "oid") == ["7", "4294967295", "0", None, None]
    assert got[1]["doc"] == {"a": D("9007199254740993")} and got[1]["id"] == D("1")


def test_decimal(rows):
    got = rows("decimal=string")
    assert column(got, "exact") == ["0.10", None, None, None, "123456789012345678901234567890.5"]
    assert column(got, "fixed") == ["1.50", None, "-0.01", None, None]
    assert column(got, "real8")[0] == D("0.1")
    got = rows("decimal=string&nan=string")
    assert column(got, "exact")[1:4] == ["NaN", "Infinity", "-Infinity"] and got[2]["fixed"] == "NaN"


def test_nan(rows):
    got = rows("nan=string")
    for name in ("exact", "real8", "real4"):
        assert column(got, name)[1:4] == ["NaN", "Infinity", "-Infinity"], name
    assert column(got, "fixed")[:3] == [D("1.50"), "NaN", D("-0.01")]


def test_nulls(rows, body):
    got = rows("nulls=omit")
    assert got[5] == {"id": D("5"), "big": D("9223372036854775807"), "exact": D("123456789012345678901234567890.5")}
    assert got[2]["doc"] is None and got[2]["raw"] is None and got[2]["real8"] is None
    assert body("nulls", ".ndjson", "nulls=omit") == '{}\n{"a":1}\n{"b":"x"}\n'
    assert body("nulls", ".json", "nulls=omit") == '[{},\n{"a":1},\n{"b":"x"}]\n'


def test_binary(rows):
    assert column(rows("binary=hex"), "bytes") == ["\\x00ff22", "\\x", None, None, None]


def test_an_empty_table_is_an_empty_array(body):
    assert body("empty", ".json") == "[]\n"


def test_json_that_names_no_character(body):
    """PostgreSQL's json takes half a surrogate pair as it stands; a strict reader would refuse the whole file."""
    assert body("lone", ".json") == '[{"raw":' + LONE.replace("ud800", "ufffd") + "}]\n"
    subprocess.run(["jq", "."], input=body("lone", ".ndjson").encode(), stdout=subprocess.DEVNULL, check=True)


def test_accept(ask):
    answer = ask("nulls", "", headers={"Accept": "application/json"})
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert answer.headers["content-disposition"] == "attachment; filename=nulls.json"
    assert answer.json() == [{"a": None, "b": None}, {"a": 1, "b": None}, {"a": None, "b": "x"}]


@pytest.mark.parametrize("query, choices", [
    ("bigint=big", "bigint must be one of: number,string,auto"), ("decimal=,", "decimal must be one of: number,string"),
    ("nan=", "nan must be one of: null,string"), ("nulls=drop", "nulls must be one of: keep,omit"),
    ("binary=Hex", "binary must be one of: base64,hex"), ("tz=Mars/Olympus", "Europe/Berlin"), ("tz=", "+05:30"),
    ("tz=../../etc/localtime", "Europe/Berlin"), ("tz=posixrules", "Europe/Berlin"), ("root=x", "not an option of this format"),
    ("tz=Europe/Berlin&nan=x", "nan must be one of")])
@pytest.mark.parametrize("suffix", [".json", ".ndjson"])
def test_what_an_option_may_be(ask, suffix, query, choices):
    for _ in range(2):
        assert choices in problem.check(ask("nulls", suffix, query), 400)["detail"]


# ---- time zones

ZONES = ["Europe/Berlin", "America/New_York", "America/St_Johns", "Asia/Kathmandu", "Pacific/Apia", "Australia/Lord_Howe",
         "Africa/Casablanca", "UTC", "+05:45", "-03:30"]
SERVER = re.compile(r"(\S+) (\S+?)([+-]\d\d)(:\d\d)?( BC)?")


@pytest.fixture(scope="module")
def cursor(site, postgres):
    connection = postgres.connect()
    with connection.cursor() as opened:
        yield opened
    connection.close()


def rfc3339(text):
    day, clock, hours, minutes, era = SERVER.fullmatch(text).groups("")
    return f"{day}T{clock}{hours}{minutes or ':00'}{era}"


@pytest.mark.parametrize("zone", ZONES)
def test_local_time_is_the_servers(body, cursor, zone):
    """Where the offset has no seconds the text is PostgreSQL's, and everywhere it reads back as the same instant."""
    got = {row["id"]: row["at"] for row in json.loads(body("instants", ".json", "tz=" + urllib.parse.quote(zone)))}
    cursor.execute(f"SET TIME ZONE INTERVAL '{zone}' HOUR TO MINUTE" if zone[0] in "+-" else f"SET timezone = '{zone}'")
    cursor.execute("SELECT id, at::text FROM js.instants WHERE isfinite(at) AND extract(timezone FROM at)::int % 60 = 0")
    expected = {i: rfc3339(text) for i, text in cursor.fetchall()}
    assert len(expected) > INSTANTS * 9 // 10 and len(got) == INSTANTS + 7 and got[0] == "infinity"
    assert {i: got[i] for i in expected} == expected
    cursor.execute("SELECT i.id, i.at::text, g.at FROM js.instants AS i"
                   " LEFT JOIN json_to_recordset(%s) AS g(id int, at timestamptz) USING (id) WHERE i.at IS DISTINCT FROM g.at",
                   [json.dumps([{"id": i, "at": at} for i, at in got.items()])])
    assert cursor.fetchall() == []


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".ndjson", ".json", ".xml"])
def test_the_zone_of_every_text_format(body, suffix):
    text = body("some", suffix, "tz=Europe/Berlin&columns=at")
    assert "2024-07-01T14:00:00+02:00" in text and "infinity" in text and "Z" not in text
    assert "2024-07-01T12:00:00Z" in body("some", suffix, "columns=at")
    assert "2024-07-01T17:30:00+05:30" in body("some", suffix, "tz=+05:30&columns=at")  # + is a space in a query

"""XML: the document is well-formed, valid against the schema that Sluice gives for it, and holds what the server says;
judged by xmllint and expat."""

import base64
import hashlib
import json
import re
import subprocess
import urllib.parse
import xml.etree.ElementTree as ElementTree

import psycopg2.extensions
import pytest

from harness import config, faults, nasty, process
from harness.client import curl
from harness.faults import check_problem, ended, rows_url

DATABASE = "xml"
MIB = 1024  # KiB
CELL = 50 << 20

TABLES = """
CREATE TABLE nasty.none (id int PRIMARY KEY, "a,b" text);
CREATE TABLE nasty.nothing ();
INSERT INTO nasty.nothing SELECT FROM generate_series(1, 5000);
CREATE TABLE nasty.lone (v text);
INSERT INTO nasty.lone VALUES (''), (NULL), ('x'), (' '), (E'\\n'), ('');
CREATE TABLE nasty.late (v text NOT NULL, d nasty.discount);
INSERT INTO nasty.late VALUES ('x', 1), ('y', (SELECT d FROM nasty.late WHERE false));
CREATE TABLE nasty.heir (more int) INHERITS (nasty.late);
ALTER TABLE nasty.heir ALTER v DROP NOT NULL;
INSERT INTO nasty.heir (d) VALUES (2);
"""
NAMES = ["xml", "XMLx", "_x", "_x0020_", " ", ":", "a:b", "1", "-", ".", "<&>\"'", "\x01", "\n", "é", "名前", "\uffff",
         "😀", "_", "ʼn", "·", "table", "row", "item", "xsi:nil", "n" * 63, "_x_"]
MANY = 1600
KEYS = ("every", "none", "nothing", "lone", "late", "names", "many")


@pytest.fixture(scope="module")
def tables(postgres):
    """In a database of their own."""
    postgres.execute(f"CREATE DATABASE {DATABASE}", dbname="postgres")
    names = ", ".join(f"{nasty.ident(name)} int DEFAULT {i}" for i, name in enumerate(NAMES))
    many = ", ".join(f"c{i} {('int2', 'text', 'bool', 'date')[i % 4]}" for i in range(MANY))
    postgres.execute(
        f"{nasty.TYPES}{nasty.create('nasty.every')};{TABLES}"
        f"CREATE TABLE nasty.names ({names}); INSERT INTO nasty.names DEFAULT VALUES;"
        f"CREATE TABLE nasty.many ({many}); INSERT INTO nasty.many (c0, c1, c1599) VALUES (1, 'first', '2024-01-01');"
        "INSERT INTO nasty.many SELECT FROM generate_series(1, 50);"
        f"CREATE TABLE nasty.big AS SELECT left(repeat('x<&>é' || E'\\n', {CELL} / 6), {CELL}) AS cell;"
        "GRANT USAGE ON SCHEMA nasty TO sluice; GRANT SELECT ON ALL TABLES IN SCHEMA nasty TO sluice", dbname=DATABASE)


@pytest.fixture(scope="module")
def settings(tables, postgres):
    conninfo = postgres.conninfo(dbname=DATABASE)
    return {"databases": {"main": {"conninfo": postgres.conninfo()}, "fast": {"conninfo": conninfo},
                          "plain": {"conninfo": conninfo, "wire": "plain"}},
            "tables": {**{key: None for key in config.TABLES},
                       **{key: {"database": "fast", "name": f"nasty.{key}"} for key in (*KEYS, "big")},
                       "every_plain": {"database": "plain", "name": "nasty.every"}},
            "metadata": {"database": ""}}


@pytest.fixture(scope="module")
def nasty_site(fleet, settings):
    made = fleet.start(settings=settings, workers=(1, 1))
    yield made
    fleet.stop(made, may_die=False)


def url_of(site, table, what, **params):
    return f"{site.url}/api/v1/tables/{table}/{what}?{urllib.parse.urlencode(params)}"


def get(site, token, table, what, **params):
    answer = curl(url_of(site, table, what, **params), token)
    assert (answer.exit, answer.status) == (0, 200), answer.body[:500]
    assert answer.headers["content-type"] == "application/xml"
    return answer.body


def xmllint(path, *options):
    return subprocess.run(["xmllint", "--noout", "--huge", "--nonet", *options, path], capture_output=True, text=True,
                          check=False)


@pytest.fixture
def check_valid(tmp_path):
    """check_valid(rows, schema): as xmllint sees it."""
    def check(rows, schema):
        document, xsd = tmp_path / "rows.xml", tmp_path / "schema.xsd"
        document.write_bytes(rows)
        xsd.write_bytes(schema)
        done = xmllint(document, "--schema", str(xsd))
        assert done.returncode == 0, done.stderr[-2000:]
    return check


def name_of(mapped):
    """The name that an element's is made from (SQL/XML)."""
    if mapped == "_x_":
        return ""
    return re.sub("_x([0-9A-F]{4}|[0-9A-F]{6})_", lambda found: chr(int(found[1], 16)), mapped)


NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"


def value_of(element):
    """None, the text, or what is nested: (name, value) of each element."""
    if element.get(NIL):
        assert element.attrib == {NIL: "true"} and not element.text and not len(element)
        return None
    assert not element.attrib
    if len(element):
        assert not element.text and not any(child.tail for child in element)
        return [(name_of(child.tag), value_of(child)) for child in element]
    return element.text or ""


def rows_of(body):
    """The root's name and attributes, and the rows as lists of (name, value)."""
    root = ElementTree.fromstring(body)
    assert not any((child.tail or "").strip() for child in root)
    return root.tag, root.attrib, [[(name_of(cell.tag), value_of(cell)) for cell in row] for row in root]


def lossy(text):
    """What XML 1.0 cannot hold is U+FFFD."""
    return re.sub("[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", "\ufffd", text)


class Number(str):
    pass


def nested(value):
    """A value of JSON as value_of reads its element."""
    if isinstance(value, Pairs):
        return [(name, nested(member)) for name, member in value] or ""
    if isinstance(value, list):
        return [("item", nested(item)) for item in value] or ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if value is None or isinstance(value, Number) else lossy(value)


class Pairs(list):
    """An object: a name may come twice."""


def parsed(text):
    return nested(json.loads(text, parse_int=Number, parse_float=Number, object_pairs_hook=Pairs, strict=False))


SPELL = {
    "raw": lambda text: {"t": "true", "f": "false"}.get(text, text),
    "number": lambda text: text.replace("Infinity", "INF"),
    "text": lossy,
    "moment": nasty.moment,
    "timetz": nasty.zone_of_hours,
    "bytes": lambda text: base64.b64encode(bytes.fromhex(text[2:])).decode(),
    "json": parsed,
    "made": parsed,
}


@pytest.fixture(scope="module")
def cursor(postgres, tables):
    connection = postgres.connect(dbname=DATABASE)
    with connection.cursor() as opened:
        opened.execute(nasty.SETTINGS)
        yield opened
    connection.close()


@pytest.fixture(scope="module")
def truth(cursor):
    """The rows of nasty.every as lists of (name, value), made of what the types' own output functions say."""
    kinds = {"n": "raw"} | {name: kind for name, (_, kind, _) in nasty.COLUMNS.items()}
    items = ", ".join(f"to_json({nasty.ident(name)})" if kind == "made" else nasty.ident(name)
                      for name, kind in kinds.items())
    cursor.execute(f"SELECT {items} FROM nasty.every LIMIT 0")
    oids = tuple({column.type_code for column in cursor.description})
    psycopg2.extensions.register_type(psycopg2.extensions.new_type(oids, "TEXT", lambda text, _: text), cursor)
    cursor.execute(f"SELECT {items} FROM nasty.every ORDER BY n")
    rows = [[(name, None if text is None else SPELL[kind](text)) for (name, kind), text in zip(kinds.items(), row)]
            for row in cursor.fetchall()]
    assert len(rows) > 50
    return rows


def test_values_are_what_the_server_says(nasty_site, token, truth):
    root, attributes, rows = rows_of(get(nasty_site, token, "every", "rows.xml"))
    assert (root, attributes) == ("table", {"name": "every"})
    assert len(rows) == len(truth)
    for row, expected in zip(rows, truth):
        for cell, expected_cell in zip(row, expected, strict=True):
            assert cell == expected_cell


def test_what_is_named_as_lossy(nasty_site, token, cursor):
    """Text and JSON, which may lose something, are named, and of nothing else is anything lost."""
    plain = {"timetz", "money", "inet", "cidr", "macaddr", "macaddr8", "bit", "varbit", "xml", "point", "line", "lseg",
             "box", "path", "polygon", "circle", "int4range", "tstzrange", "multirange", "pg_lsn", "xid8", "tid",
             "vector"}
    answer = curl(url_of(nasty_site, "every", "schema", format="xml"), token)
    assert (answer.exit, answer.status) == (0, 200)
    assert set(answer.json()["lossy"]["xml"]) == {
        column["name"] for column in answer.json()["columns"] if column["type"] in ("utf8", "json")} - plain
    rows = rows_of(get(nasty_site, token, "every", "rows.xml"))[2]
    differ = set()
    for i, name in enumerate(["n", *nasty.COLUMNS]):
        kind = nasty.COLUMNS.get(name, (None, "raw"))[1]
        column = nasty.ident(name).replace("%", "%%")
        cursor.execute(f"SELECT CASE num_nulls({column}) WHEN 0 THEN format('%%s', {column}) END FROM nasty.every"
                       " ORDER BY every.n", ())
        exact = {**SPELL, "text": str, "json": str, "made": str}[kind]
        differ |= {name for row, (text,) in zip(rows, cursor.fetchall(), strict=True)
                   if row[i][1] != (text if text is None else exact(text))}
    differ.remove("vector")  # all there, as elements
    assert {"text", "varchar", "json", "jsonb", "ints"} <= differ <= set(answer.json()["lossy"]["xml"])


def test_both_wires_give_the_same_bytes(nasty_site, token):
    fast, plain = (get(nasty_site, token, table, "rows.xml") for table in ("every", "every_plain"))
    assert plain == fast.replace(b'name="every"', b'name="every_plain"')


@pytest.mark.parametrize("table", KEYS)
def test_rows_are_valid_against_their_schema(nasty_site, token, check_valid, table):
    rows = get(nasty_site, token, table, "rows.xml")
    check_valid(rows, get(nasty_site, token, table, "schema.xsd"))


def test_a_schema_is_of_its_table_alone(nasty_site, token, check_valid):
    """The judge can say no: to other rows, other names, a value of another type, a NULL where there is none."""
    rows = get(nasty_site, token, "none", "rows.xml")
    schema = get(nasty_site, token, "none", "schema.xsd")
    end = b"</table>"
    for row in (b"<row><id>1</id><a_x002C_b></a_x002C_b></row>",):
        check_valid(rows.replace(end, row + end), schema)
    for row in (b"<row><id>x</id><a_x002C_b></a_x002C_b></row>", b"<row><id>1</id></row>", b"<row></row>",
                b'<row><id xsi:nil="true"/><a_x002C_b></a_x002C_b></row>', b"<line><id>1</id><b></b></line>"):
        with pytest.raises(AssertionError, match="fails to validate"):
            check_valid(rows.replace(end, row + end), schema)


@pytest.mark.parametrize("params", [
    {"columns": 'text:"a b",n:"x:y,\U0001f600"'}, {"columns": "int8,text,int8"}, {"root": "every", "row": "every"},
    {"root": '1 <ü>&"\'\n😀', "row": "xml:a_x0020_"}, {"row": "\x01", "columns": "n"}])
def test_the_parameters_of_both(nasty_site, token, check_valid, params):
    rows = get(nasty_site, token, "every", "rows.xml", **params)
    check_valid(rows, get(nasty_site, token, "every", "schema.xsd", **params))
    root, attributes, read = rows_of(rows)
    assert (name_of(root), attributes) == (params.get("root", "table"), {"name": "every"})
    assert {name_of(row.tag) for row in ElementTree.fromstring(rows)} == {params.get("row", "row")}
    if params.get("columns") == "int8,text,int8":
        assert {tuple(name for name, _ in row) for row in read} == {("int8", "text", "int8_2")}


ZONES = ["UTC", "Europe/Berlin", "Asia/Kolkata", "America/Juneau", "Asia/Manila", "Pacific/Kiritimati", "-15:59",
         "+14:00"]


@pytest.mark.parametrize("zone", ZONES)
def test_time_zones(nasty_site, token, check_valid, cursor, zone):
    """Other words for the same instants, and as valid."""
    params = {"columns": "n,timestamptz,timestamp", "tz": zone}
    rows = get(nasty_site, token, "every", "rows.xml", **params)
    check_valid(rows, get(nasty_site, token, "every", "schema.xsd", **params))
    cursor.execute("SELECT n::text, timestamp::text FROM nasty.every ORDER BY every.n")
    untouched = [(n, text and nasty.moment(text)) for n, text in cursor.fetchall()]
    read = [[value for _, value in row] for row in rows_of(rows)[2]]
    assert [(n, local) for n, _, local in read] == untouched
    given = [at for _, at, _ in read]
    cursor.execute("SELECT n FROM unnest(%s::timestamptz[]) WITH ORDINALITY AS g(at, i)"
                   " JOIN nasty.every ON n = i - 1 WHERE at IS DISTINCT FROM timestamptz", (given,))
    assert cursor.fetchall() == []
    finite = [at for at in given if at and "infinity" not in at]
    assert len(finite) > 10
    assert all(re.search(r"[+-]\d\d:\d\d( BC)?$", at) or zone == "UTC" for at in finite)


def test_an_offset_that_no_type_of_xml_schema_has(nasty_site, token, check_valid):
    params = {"columns": "timestamptz", "tz": "-23:59"}
    rows = get(nasty_site, token, "every", "rows.xml", **params)
    assert b"2024-01-01T12:34:56.5" not in rows and b"-23:59<" in rows and b"-23:59 BC<" in rows
    check_valid(rows, get(nasty_site, token, "every", "schema.xsd", **params))


def test_names_come_back(nasty_site, token):
    (row,) = rows_of(get(nasty_site, token, "names", "rows.xml"))[2]
    assert row == [(name, str(i)) for i, name in enumerate(NAMES)]


def test_null_is_not_the_empty_string(nasty_site, token):
    rows = rows_of(get(nasty_site, token, "lone", "rows.xml"))[2]
    assert rows == [[("v", value)] for value in ("", None, "x", " ", "\n", "")]


def test_nothing_to_write(nasty_site, token):
    assert rows_of(get(nasty_site, token, "none", "rows.xml"))[2] == []
    assert rows_of(get(nasty_site, token, "nothing", "rows.xml"))[2] == [[]] * 5000


def test_1600_columns(nasty_site, token):
    rows = rows_of(get(nasty_site, token, "many", "rows.xml"))[2]
    assert [len(row) for row in rows] == [MANY] * 51
    assert [value for _, value in rows[0] if value is not None] == ["1", "first", "2024-01-01"]
    assert {value for row in rows[1:] for _, value in row} == {None}


def test_nulls_where_the_catalog_says_there_are_none(nasty_site, token):
    """A domain's NOT NULL is no column's, and the rows of a child need not keep to its parent's."""
    rows = [[value for _, value in row] for row in rows_of(get(nasty_site, token, "late", "rows.xml"))[2]]
    assert rows == [["x", "1.00"], ["y", None], [None, "2.00"]]


@pytest.mark.parametrize("what, params, detail", [
    ("rows.xml", {"root": ""}, "root must be"), ("rows.xml", {"row": "x" * 129}, "row must be"),
    ("rows.csv", {"root": "x"}, "root is not an option"),
    ("rows.xml", {"delimiter": ";"}, "delimiter is not an option"),
    ("rows.xml", {"tz": "Mars/Base"}, "tz must be"), ("schema.xsd", {"tz": "Mars/Base"}, "tz must be"),
    ("schema.xsd", {"root": ""}, "root must be"), ("schema.xsd", {"columns": "nope"}, "nope"),
    ("schema.xsd", {"limit": "1"}, "limit"), ("schema.xsd", {"delimiter": ";"}, "delimiter")])
def test_bad_parameters(nasty_site, token, what, params, detail):
    answer = curl(url_of(nasty_site, "every", what, **params), token)
    check_problem(answer, 400)
    assert detail in answer.json()["detail"]


def test_the_schema_behind_every_web_server(site, token, check_valid):
    url = f"{site.url}/api/v1/tables/records/schema.xsd"
    answer = curl(url, token)
    assert (answer.exit, answer.status) == (0, 200)
    assert answer.headers["content-type"] == "application/xml"
    assert answer.headers["cache-control"] == "private, no-store"
    rows = curl(rows_url(site, "records", "xml"), token)
    assert (rows.exit, rows.status) == (0, 200)
    check_valid(rows.body, answer.body)
    head = curl(url, token, method="HEAD")
    assert (head.exit, head.status, head.headers["content-length"]) == (0, 200, str(len(answer.body)))
    check_problem(curl(url), 401)
    check_problem(curl(url.replace("records", "unlisted"), token), 404)
    check_problem(curl(url, token, method="POST"), 405)


def fault_xml(rows):
    lines = (f"<row><id>{i}</id><filler>{hashlib.md5(str(i).encode()).hexdigest()}</filler></row>\n"
             for i in range(1, rows + 1))
    return "".join(lines).encode()


@pytest.mark.parametrize("table", ["broken_late", "plain_broken_late"])
def test_a_failed_export_has_no_end(fault_site, token, table):
    answer = curl(rows_url(fault_site, table, "xml"), token)
    if fault_site.front == "mod_fcgid":
        check_problem(answer, 422)
    else:
        assert answer.status == 200 and answer.exit != 0
        head, _, rows = answer.body.partition(b">\n<row>")
        assert f'name="{table}"'.encode() in head
        assert fault_xml(faults.LATE).startswith(b"<row>" + rows)
        with pytest.raises(ElementTree.ParseError):
            ElementTree.fromstring(answer.body)
    assert ended(fault_site, token, answer.headers["sluice-export-id"])["state"] == "failed"


def test_a_good_export_of_the_same(fault_site, token):
    answer = curl(rows_url(fault_site, "few", "xml"), token)
    assert (answer.exit, answer.status) == (0, 200)
    assert answer.body.endswith(fault_xml(faults.FEW) + b"</table>\n")


def test_a_large_cell_takes_the_memory_that_it_takes_as_csv(make_site, settings, prefix, token, tmp_path, cursor):
    highest = {}
    for suffix in ("csv", "xml"):
        site = make_site(settings=settings, workers=(1, 1))
        answer = curl(rows_url(site, "big", suffix), token)
        assert (answer.exit, answer.status) == (0, 200)
        (worker,) = site.workers("stream")
        highest[suffix] = process.status(worker, "VmHWM")
    (tmp_path / "big.xml").write_bytes(answer.body)
    done = xmllint(tmp_path / "big.xml")
    assert done.returncode == 0, done.stderr[-2000:]
    cursor.execute("SELECT cell FROM nasty.big")
    assert rows_of(answer.body)[2] == [[("cell", cursor.fetchone()[0])]]
    if not faults.is_sanitized(prefix):
        assert highest["xml"] - highest["csv"] < 1 * MIB

"""An export read back into PostgreSQL: by COPY where the file is one that COPY reads, else by Python's own parsers; and
what of it is no longer what it was.

A column differs when the texts that its type's output function makes of its values do, row by row. The reading session
is in a time zone of its own, as a reader's would be.
"""

import base64
import csv
import io
import json
import re
import xml.etree.ElementTree as ElementTree

import psycopg2.extras

from . import nasty

NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
SETTINGS = nasty.SETTINGS.replace("timezone = 'UTC'", "timezone = 'Asia/Kolkata'")

# What a value is that reads as `expression`, as its type's output function has it; what cannot be read is itself. No
# value has the text of the latter.
FUNCTIONS = """
CREATE SCHEMA IF NOT EXISTS back;
CREATE OR REPLACE FUNCTION back.text_of(expression text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE found text;
BEGIN
    EXECUTE 'SELECT CASE num_nulls(v) WHEN 0 THEN format(''%s'', v) END FROM (SELECT ' || expression || ' AS v) AS s'
        INTO found;
    RETURN found;
EXCEPTION WHEN data_exception OR syntax_error_or_access_rule_violation THEN RETURN 'cannot be read: ' || expression;
END $$;
"""

COLUMNS = """
SELECT a.attname, format_type(CASE WHEN t.typnotnull THEN t.typbasetype ELSE t.oid END,
                              CASE WHEN t.typnotnull THEN t.typtypmod ELSE a.atttypmod END),
    b.typname, CASE WHEN b.typcategory = 'A' THEN 'array' WHEN b.typtype = 'c' THEN 'composite'
                    WHEN b.typname = 'hstore' THEN 'hstore' WHEN b.typname IN ('json', 'jsonb') THEN 'json' END
FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid
JOIN LATERAL (WITH RECURSIVE d AS (SELECT t.oid, t.typbasetype UNION ALL
    SELECT p.oid, p.typbasetype FROM d JOIN pg_type AS p ON p.oid = d.typbasetype)
    SELECT pg_type.* FROM d JOIN pg_type USING (oid) WHERE d.typbasetype = 0) AS b ON true
WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""

# By dialect: COPY's options.
COPY = {
    "rfc4180": "FORMAT csv, HEADER match",
    "excel": "FORMAT csv, HEADER match",
    "excel-eu": "FORMAT csv, HEADER match, DELIMITER ';'",
    "tsv": "FORMAT csv, HEADER match, DELIMITER E'\\t'",
    "postgres": "FORMAT text",
    "mysql": "FORMAT text",
}
BOM = b"\xef\xbb\xbf"


class Column:
    def __init__(self, number, name, of, base, nested):
        """nested: array, composite, hstore, json, or None."""
        self.name, self.type, self.base, self.nested = name, of, base, nested
        self.quoted, self.shell = nasty.ident(name), f"back.shell_{number}"

    def is_made(self):
        """What is no JSON in the database, but in the file."""
        return self.nested not in (None, "json")

    def expression(self, is_server):
        """What a text of it reads as: a template for format(), with %1$L for the text. is_server: as the server has
        it, whatever it is."""
        if is_server:
            return f"%1$L::{self.type}"
        if self.nested == "hstore":
            return "(SELECT coalesce(hstore(array_agg(key), array_agg(value)), '') FROM json_each_text(%1$L::json))"
        if self.base == "int2vector":
            return "translate(%1$L, '[,]\"', '   ')::int2vector"
        if self.is_made():
            return f"(json_populate_record(NULL::{self.shell}, json_build_object('v', %1$L::json))).v"
        return f"%1$L::{self.type}"


# ---- JSON

DECODER = json.JSONDecoder(parse_int=str, parse_float=str)


def skip(text, at, what):
    assert text.startswith(what, at), text[at:at + 80]
    return at + len(what)


def members(text, at=0):
    """Of the object at `at`, as {name: its value's very text}, and where it ends."""
    found, at = {}, skip(text, at, "{")
    while text[at] != "}":
        at = skip(text, at, ",") if found else at
        name, at = DECODER.raw_decode(text, at)
        start = skip(text, at, ":")
        while text[start] in " \t":  # which raw_decode does not skip
            start += 1
        _, at = DECODER.raw_decode(text, start)
        assert name not in found
        found[name] = text[start:at]
        while text[at] in " \t":
            at += 1
    return found, at + 1


def ndjson_objects(text):
    lines = text.split("\n")
    assert lines.pop() == ""
    for line in lines:
        found, end = members(line)
        assert end == len(line)
        yield found


def json_objects(text):
    at, separator = skip(text, 0, "["), ""
    while not text.startswith("]", at):
        at = skip(text, at, separator)
        found, at = members(text, at)
        yield found
        separator = ",\n"
    assert text[at:] == "]\n"


def json_value(raw, column, options):
    if raw is None or (raw == "null" and (column.nested != "json" or options.get("nulls") != "omit")):
        return None
    if column.nested or raw[0] != '"':
        return raw
    value = json.loads(raw)
    if column.base == "bytea" and options.get("binary") != "hex":
        return "\\x" + base64.b64decode(value, validate=True).hex()
    return value


# ---- XML

def name_of(mapped):
    """The name that an element's is made from (SQL/XML)."""
    if mapped == "_x_":
        return ""
    return re.sub("_x([0-9A-F]{4}|[0-9A-F]{6})_", lambda found: chr(int(found[1], 16)), mapped)


def is_nil(element):
    return element.get(NIL) == "true"


def json_of(element, empty='""'):
    """The JSON that an element reads as, where nothing says what it was."""
    if is_nil(element):
        return "null"
    if len(element) and all(child.tag == "item" for child in element):
        return "[" + ",".join(map(json_of, element)) + "]"
    if len(element):
        return "{" + ",".join(f"{json.dumps(name_of(child.tag))}:{json_of(child)}" for child in element) + "}"
    return json.dumps(element.text) if element.text else empty


def xml_value(element, column):
    if is_nil(element):
        return None
    if column.nested:
        return json_of(element, {"array": "[]", "hstore": "{}"}.get(column.nested, '""'))
    if column.base == "bytea":
        return "\\x" + base64.b64decode(element.text or "", validate=True).hex()
    return element.text or ""


def xml_rows(body, columns):
    for row in ElementTree.XML(body, ElementTree.XMLParser()):
        assert [name_of(element.tag) for element in row] == [column.name for column in columns]
        yield [xml_value(element, column) for element, column in zip(row, columns)]


# ---- into the database

class ReadBack:
    """Of one table: its columns, and where they are read to."""

    def __init__(self, cursor, table):
        self.cursor, self.table, self.is_server = cursor, table, False
        cursor.execute(SETTINGS + ";" + FUNCTIONS)
        cursor.execute(COLUMNS, (table,))
        self.columns = [Column(i, *row) for i, row in enumerate(cursor.fetchall())]

    def differ(self, suffix, options, body):
        """The names of the columns that are not what they were."""
        self.cursor.execute("DROP TABLE IF EXISTS back.rows")
        if suffix in ("csv", "tsv"):
            texts = self.copy_in(options.get("dialect", "tsv" if suffix == "tsv" else "rfc4180"), options, body)
        else:
            texts = self.insert(suffix, options, body)
        self.cursor.execute(f"SELECT (SELECT count(*) FROM back.rows), (SELECT count(*) FROM {self.table})")
        here, there = self.cursor.fetchone()
        assert here == there
        return self.compare(texts)

    def create(self, types):
        columns = ", ".join(f"{column.quoted} {kind}" for column, kind in zip(self.columns, types))
        self.cursor.execute(f"CREATE UNLOGGED TABLE back.rows ({columns})")

    def copy_in(self, dialect, options, body):
        """Returns of each column whether it holds a text that is still to be read as its type."""
        if dialect.startswith("excel"):
            assert body.startswith(BOM)
            body = body[len(BOM):]
        self.is_server = options.get("nested", "server" if dialect == "postgres" else "json") == "server"
        is_odd = (dialect.startswith("excel") or options.get("escape_formulas") == "true" or
                  options.get("decimal") == ",")
        is_local = options.get("timestamp") == "sql" or dialect == "mysql"
        texts = [is_odd or (column.is_made() and not self.is_server) or (is_local and column.base == "timestamptz")
                 for column in self.columns]
        self.create("text" if text else column.type for text, column in zip(texts, self.columns))
        copy = COPY[dialect]
        if "delimiter" in options:
            copy += f", DELIMITER '{options['delimiter']}'"
        if "null" in options:
            copy += f", NULL '{options['null']}'"
        self.cursor.copy_expert(f"COPY back.rows FROM STDIN ({copy})", io.BytesIO(body))
        if options.get("decimal", "," if dialect == "excel-eu" else ".") == ",":
            numbers = [c.quoted for c in self.columns if c.base in ("float4", "float8", "numeric")]
            changes = ", ".join(f"{name} = replace({name}, ',', '.')" for name in numbers)
            self.cursor.execute(f"UPDATE back.rows SET {changes}" if numbers else "SELECT")
        return texts

    def insert(self, suffix, options, body):
        if suffix == "xml":
            rows = xml_rows(body, self.columns)
        else:
            rows = self.json_rows(json_objects if suffix == "json" else ndjson_objects, options, body)
        self.create("text" for _ in self.columns)
        rows = list(rows)
        if self.columns:
            psycopg2.extras.execute_values(self.cursor, "INSERT INTO back.rows VALUES %s", rows)
        elif rows:
            self.cursor.execute("INSERT INTO back.rows SELECT FROM generate_series(1, %s)", (len(rows),))
        return [True] * len(self.columns)

    def json_rows(self, parse, options, body):
        names = [column.name for column in self.columns]
        for found in parse(body.decode()):
            if options.get("nulls") == "omit":
                assert set(found) <= set(names)
            else:
                assert list(found) == names
            yield [json_value(found.get(column.name), column, options) for column in self.columns]

    def compare(self, texts):
        for column, text in zip(self.columns, texts):
            if column.is_made() and text:
                self.cursor.execute(f"DROP TYPE IF EXISTS {column.shell};"
                                    f"CREATE TYPE {column.shell} AS (v {column.type})")
        if not self.columns:
            return set()
        there = self.values(self.table, [False] * len(texts))
        here = self.values("back.rows", texts)
        self.cursor.execute(f"WITH here AS ({here}), there AS ({there}) SELECT DISTINCT i FROM"
                            " ((TABLE here EXCEPT TABLE there) UNION ALL (TABLE there EXCEPT TABLE here)) AS differ")
        return {self.columns[i - 1].name for i, in self.cursor.fetchall()}

    def values(self, table, texts):
        """SQL: a row for each value of the table: the row's n, the column's number from 1, the value's text."""
        items = ", ".join(self.text_of(column, text) for column, text in zip(self.columns, texts))
        return f"SELECT n::text, u.i, u.v FROM {table}, unnest(ARRAY[{items}]) WITH ORDINALITY AS u(v, i)"

    def text_of(self, column, text):
        """SQL: what the type's output function makes of the column, which may still be a text to be read."""
        name = column.quoted
        if column.type == "text":
            return name
        if not text:
            return f"CASE num_nulls({name}) WHEN 0 THEN format('%s', {name}) END"
        template = nasty.quoted(column.expression(self.is_server))
        return f"CASE WHEN {name} IS NOT NULL THEN back.text_of(format({template}, {name})) END"

"""A table with a column of every kind of type, and the values that exporters get wrong; what each must look like.

The judge is the server's own output function, in a session with datestyle ISO, timezone UTC and intervalstyle
iso_8601; a rule for each kind of type makes of that text what CSV and JSON must show (None: NULL).
"""

import base64
import json
import re

import psycopg2.extensions

SETTINGS = ("SET datestyle = 'ISO, YMD'; SET timezone = 'UTC'; SET intervalstyle = iso_8601;"
            " SET bytea_output = hex; SET extra_float_digits = 1; SET xmloption = content")

TYPES = """
CREATE EXTENSION IF NOT EXISTS hstore;
CREATE EXTENSION IF NOT EXISTS citext;
CREATE SCHEMA nasty;
CREATE TYPE nasty.mood AS ENUM ('sad', 'so, so', 'it''s "fine"', '', '=\x01');
CREATE TABLE nasty."a\x01" ();
CREATE TYPE nasty.marks AS (label text, marks int[]);
CREATE TYPE nasty.pair AS (id int, "b, ""c"" " text, at timestamptz);
CREATE DOMAIN nasty.price AS numeric(10,2) CHECK (VALUE > -1000);
CREATE DOMAIN nasty.discount AS nasty.price NOT NULL DEFAULT 0;
CREATE DOMAIN nasty.key AS uuid;
CREATE DOMAIN nasty.labels AS text[];
CREATE DOMAIN nasty.point AS nasty.pair;
"""

LONG_NAME = 'ÿ "quoted", ''single'', %s \\ {x}; DROP 表 😀 '
LONG_NAME += "n" * (63 - len(LONG_NAME.encode()))

CONTROLS = "".join(map(chr, [*range(1, 32), 127, 0x85, 0x2028, 0x2029, 0xFEFF, 0xFFFF]))
TEXTS = ["", " ", ",", '"', '""', "\n", "\r", "\r\n", "a\r\nb\n\n", "\t", "\\", "\\N", "\\.", "null", "NULL", "'",
         "=1+1", " padded ", "😀 ü Z̈ 中文", CONTROLS, *CONTROLS, "x" * 15 + '"', "x" * 31 + ",", '"' * 100, "é" * 1000]
DIGITS = ("1234567890" * 50)[:-1] + "7"
INTEGER_EDGES = {bits: [str(-2 ** (bits - 1)), str(2 ** (bits - 1) - 1), "0", "-1", "7"] for bits in (16, 32, 64)}
FLOATS = ["0", "-0", "NaN", "Infinity", "-Infinity", "0.1", "1e15", "1e16", "123456.789", "1e-4", "1e-5", "-2.5",
          "1e21"]
DAYS = ["infinity", "-infinity", "4714-11-24 BC", "0001-12-31 BC", "0001-01-01", "0044-03-15 BC", "1969-12-31",
        "1970-01-01", "2000-02-29", "9999-12-31", "10000-01-01"]
MOMENTS = [*DAYS, "294276-12-31 23:59:59.999999", "1999-12-31 23:59:59.999999", "2024-01-01 00:00:00.000001",
           "2024-01-01 12:34:56.5", "1883-11-18 12:00:00", "0044-03-15 01:02:03.25 BC"]
JSONS = ['{"a":1,"a":2}', '{\n "a" :\r\n\t[1,\n2 ]}\n', '"\\u0041\\u0000"', "null", '" "', "1e400", "-0.10", "[]", "{}",
         '{"k":"line\\nbreak \\" \\\\ 😀"}']


def quoted(value):
    return "'" + value.replace("'", "''") + "'"


# name: (type, kind, values as text). Kinds: see SPELL.
COLUMNS = {
    "bool": ("boolean", "raw", ["t", "f"]),
    "int2": ("smallint", "raw", INTEGER_EDGES[16]),
    "int4": ("integer", "raw", INTEGER_EDGES[32]),
    "int8": ("bigint", "raw", [*INTEGER_EDGES[64], "9007199254740993"]),
    "oid": ("oid", "raw", ["0", "4294967295"]),
    "float4": ("real", "number", [*FLOATS, "1e-45", "3.4028235e38", "16777216"]),
    "float8": ("double precision", "number", [*FLOATS, "5e-324", "1.7976931348623157e308", "0.30000000000000004"]),
    "numeric": ("numeric", "number", [DIGITS, f"-{DIGITS}.{DIGITS}", "0", "0.00", "-0.0001", "100000000", "1e131071",
                                      "1e-16383", "NaN", "Infinity", "-Infinity", "10000.0001", "12.500"]),
    "n38_10": ("numeric(38,10)", "number", ["9" * 28 + "." + "9" * 10, "-" + "9" * 28 + "." + "9" * 10, "0",
                                            "-0.0000000001", "NaN", "12345678901234567890", "10000"]),
    "n5_m2": ("numeric(5,-2)", "number", ["9999900", "-100", "0", "1234567", "NaN"]),
    "n3_5": ("numeric(3,5)", "number", ["0.00999", "-0.00001", "0", "NaN"]),
    "n38_38": ("numeric(38,38)", "number", ["0." + "9" * 38, "-0." + "0" * 37 + "1", "NaN"]),
    "n39_1": ("numeric(39,1)", "number", ["9" * 38 + ".9", "-0.1", "NaN"]),
    "n1000_500": ("numeric(1000,500)", "number", ["9" * 500 + "." + "1" * 500, "NaN"]),
    "discount": ("nasty.discount", "number", ["99999999.99", "0", "-0.10", "NaN"]),
    "date": ("date", "text", [*DAYS, "5874897-12-31"]),
    "time": ("time", "text", ["00:00:00", "24:00:00", "23:59:59.999999", "12:00:00.5", "01:02:03.000001"]),
    "time_3": ("time(3)", "text", ["12:34:56.7891"]),
    "timetz": ("timetz", "timetz", ["00:00:00+00", "24:00:00-15:59", "12:34:56.789012+05:45", "01:02:03-00:00:01",
                                    "00:00:00+15:59:59", "12:00:00.5+02"]),
    "timestamp": ("timestamp", "moment", MOMENTS),
    "timestamptz": ("timestamptz", "moment", [*MOMENTS, "1883-11-18 12:00:00 Europe/Vilnius"]),
    "timestamp_0": ("timestamp(0)", "moment", ["2024-06-30 23:59:59.6"]),
    "interval": ("interval", "text", ["0", "1 year 2 mons -3 days 04:05:06.7", "-1 year -2 mons +3 days -04:05:06.789",
                                      "-0.5 sec", "0.000001 sec", "178000000 years", "-178000000 years 11 mons",
                                      "2562047788:00:54.775807", "-2562047788:00:54.775807", "1 day -1 sec", "13 mons",
                                      "-00:01:00", "2147483647 days"]),
    "text": ("text", "text", TEXTS),
    "varchar": ("varchar(2000)", "text", TEXTS),
    "char_5": ("char(5)", "text", ["", "ab", "ab   ", "ü,é", "\n", "=\x01"]),
    "one_char": ('"char"', "text", ["", "a", ",", '"', "\n", "\\303", "=", "\x01"]),
    "name": ("name", "text", ["", "x" * 63, LONG_NAME, "=\x01"]),
    "citext": ("citext", "text", ["ABC", "abc", "", "Ü,", "=\x01"]),
    "mood": ("nasty.mood", "text", ["sad", "so, so", "it's \"fine\"", "", "=\x01"]),
    "uuid": ("uuid", "text", ["00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff",
                              "01234567-89ab-cdef-0123-456789abcdef"]),
    "key": ("nasty.key", "text", ["01234567-89ab-cdef-0123-456789abcdef"]),
    "json": ("json", "json", [*JSONS, CONTROLS[-5:].join('""')]),
    "jsonb": ("jsonb", "json", ["[" * 100 + "1" + "]" * 100, '{"a":' * 100 + "null" + "}" * 100, '{"a":1,"a":2}', '" "',
                                "1e400", "null", "1.10", "-1", '"\\u0001"']),
    "bytea": ("bytea", "bytes", ["\\x" + bytes(range(256)).hex(), "\\x", "\\x00", "\\x" + b'",\r\n'.hex()]),
    "money": ("money", "text", ["0", "-1234567.89", "92233720368547758.07"]),
    "inet": ("inet", "text", ["192.0.2.1", "192.0.2.0/24", "2001:db8::1", "::ffff:1.2.3.4/128"]),
    "cidr": ("cidr", "text", ["192.0.2.0/24", "192.0.2.1/32", "2001:db8::/32"]),
    "macaddr": ("macaddr", "text", ["08:00:2b:01:02:03"]),
    "macaddr8": ("macaddr8", "text", ["08:00:2b:01:02:03:04:05"]),
    "bit": ("bit(5)", "text", ["00000", "10101"]),
    "varbit": ("bit varying", "text", ["", "1" * 70]),
    "xml": ("xml", "text", ["<a b=\"c\">ü &amp; x</a>", "", "<a>\r\n</a><b/>", "-<a/>",
                            '<?xml version="1.0" encoding="ISO-8859-1"?><a>ü</a>']),
    "tsvector": ("tsvector", "text", ["'it''s':1A \"q\":2,3", "", "'\x01'"]),
    "tsquery": ("tsquery", "text", ["'a' & !'b,c' <-> 'd'", "'\x01'"]),
    "point": ("point", "text", ["(1.5,-0)", "(NaN,Infinity)"]),
    "line": ("line", "text", ["{1,2,3}"]),
    "lseg": ("lseg", "text", ["[(0,0),(1,1)]"]),
    "box": ("box", "text", ["(1,1),(0,0)"]),
    "path": ("path", "text", ["[(0,0),(1,1)]", "((0,0),(1,1))"]),
    "polygon": ("polygon", "text", ["((0,0),(1,1),(1,0))"]),
    "circle": ("circle", "text", ["<(0,0),1.5>"]),
    "int4range": ("int4range", "text", ["[1,5)", "empty", "(,)", "[5,5]"]),
    "tstzrange": ("tstzrange", "text", ['["2024-01-01 00:00:00+02",infinity)']),
    "multirange": ("int8multirange", "text", ["{}", "{[1,3),[5,8)}"]),
    "regclass": ("regclass", "text", ["pg_class", "0", 'nasty."a\x01"']),
    "pg_lsn": ("pg_lsn", "text", ["16/B374D848"]),
    "xid8": ("xid8", "text", ["18446744073709551615"]),
    "tid": ("tid", "text", ["(0,1)"]),
    "jsonpath": ("jsonpath", "text", ['$."a,b"[*] ? (@ > 1)', "-1", '$."\uffff"']),
    "hstore": ("hstore", "made", ['a=>1, "b,\\"c\\""=>NULL, ""=>"ü\n"', "", 'a=>"\x01"']),
    "ints": ("int[]", "made", ["{}", "{1,NULL,-3}", "{{1,2},{NULL,4}}", "[0:1]={5,6}"]),
    "texts": ("text[]", "made", ['{"","a,b","\\"",NULL,"NULL","\\\\","\n",😀}', '{{a,NULL},{NULL,"{}"}}',
                                 "[0:0]={\x01}"]),
    "times": ("timestamptz[]", "made", ['{2024-01-01 00:00:00+02,infinity,NULL}', "[0:0]={infinity}"]),
    "jsons": ("json[]", "made", ['{"{\\"a\\":\n1}",NULL}', '{"null"}', '{"[1]"}', "[0:0]={1}"]),
    "byteas": ("bytea[]", "made", ['{"\\\\x00ff"}', '[0:0]={"\\\\x00"}']),
    "moods": ("nasty.mood[]", "made", ['{sad,"so, so"}', "[0:0]={sad}"]),
    "vector": ("int2vector", "made", ["1 2 3", "-1 2", ""]),
    "pair": ("nasty.pair", "made", ['(1,"x ""y"", z","2024-01-01 00:00:00+02")', "(,,)", '(-1,"",infinity)',
                                    '(,"=\x01",)']),
    "pairs": ("nasty.pair[]", "made", ['{"(1,a,)",NULL,"(,,)"}', '[0:0]={"(1,,)"}']),
    "labels": ("nasty.labels", "made", ['{a,NULL,"b,c"}', "{}", "[0:0]={a}"]),
    "point_of": ("nasty.point", "made", ['(7,"seven",)', '(7,"\x01",)']),
    "marks": ("nasty.marks", "made", ['(a,"{1,2}")', '(b,[0:0]={1})', "(,)"]),
    LONG_NAME: ("text", "text", ["the column's name is the point", "=\x01"]),
    'a"b': ("int", "raw", ["1"]),
    "ends with spaces  ": ("int", "raw", ["2"]),
    "line\nfeed\ttab": ("int", "raw", ["3"]),
}

RFC3339 = re.compile(r"^(\S+) (\S+?)(\+00)?( BC)?$")


def moment(text):
    """RFC 3339's T and Z for PostgreSQL's space and +00."""
    found = RFC3339.match(text)
    if not found:
        return text
    day, clock, zone, era = found.groups("")
    return f"{day}T{clock}{'Z' if zone else ''}{era}"


def zone_of_hours(text):
    """ISO 8601's extended format has minutes in its zones."""
    return re.sub(r"([+-]\d\d)$", r"\1:00", text)


def json_string(text):
    return json.dumps(text, ensure_ascii=False)


def one_line(text):
    """Line breaks of a JSON value can only stand between its tokens."""
    return text.replace("\r", " ").replace("\n", " ")


# kind: (the text of CSV, the value of JSON), each from the server's text.
SPELL = {
    "raw": (lambda t: {"t": "true", "f": "false"}.get(t, t),) * 2,
    "number": (str, lambda t: "null" if t in ("NaN", "Infinity", "-Infinity") else t),
    "text": (str, json_string),
    "moment": (moment, lambda t: json_string(moment(t))),
    "timetz": (zone_of_hours, lambda t: json_string(zone_of_hours(t))),
    "bytes": (str, lambda t: json_string(base64.b64encode(bytes.fromhex(t[2:])).decode())),
    "json": (str, one_line),
    "made": (str, one_line),
}


def ident(name):
    return '"' + name.replace('"', '""') + '"'


def create(table, columns=None):
    """SQL that makes the table: a row for each place in the lists of values, then one of NULLs."""
    columns = columns or COLUMNS
    rows_n = max(len(values) for _, _, values in columns.values())
    types = ", ".join(f"{ident(name)} {kind}" for name, (kind, _, _) in columns.items())
    statements = [SETTINGS, f"CREATE TABLE {table} (n int, {types})"]
    for i in range(rows_n):
        given = {name: values[i] for name, (_, _, values) in columns.items() if i < len(values)}
        statements.append(f"INSERT INTO {table} (n, {', '.join(map(ident, given))})"
                          f" VALUES ({i}, {', '.join(map(quoted, given.values()))})")
    statements.append(f"INSERT INTO {table} (n) VALUES ({rows_n})")
    return ";".join(statements)


def server_text(cursor, sql):
    """The rows as text, each value by its type's own output function."""
    with cursor.connection.cursor() as own:
        own.execute(f"SELECT * FROM ({sql}) AS s LIMIT 0")
        oids = tuple({column.type_code for column in own.description})
        psycopg2.extensions.register_type(psycopg2.extensions.new_type(oids, "TEXT", lambda text, _: text), own)
        own.execute(sql)
        return [list(row) for row in own.fetchall()]

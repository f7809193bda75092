"""docs/types.md is what is written: every row of its tables is made a column, exported, and compared cell by cell."""

import os
import re
import urllib.parse

import pytest

from harness import config, nasty, read_back
from harness.client import curl
from harness.postgres import SOURCE

DATABASE = "contract"
PAGE = os.path.join(SOURCE, "docs", "types.md")
TYPES = ["PostgreSQL", "value", "schema", "CSV, TSV", "JSON", "XML", "not exact"]
OPTIONS = ["asked for", "PostgreSQL", "value", "written", "not exact"]
NAMES = ["column", "CSV, TSV", "JSON", "XML"]
BINARY = {"Arrow": ["schema", "Arrow"], "Parquet": ["schema", "Parquet"]}
FORMATS = {"CSV": ("csv", "tsv"), "JSON": ("ndjson", "json"), "XML": ("xml",), "Arrow": ("arrow", "arrows"),
           "Parquet": ("parquet",)}

# What kind of type a column's is: the name of a base type, "enum", "composite", "domain of …", "array of …".
KIND = """
CREATE FUNCTION {schema}.kind(type oid) RETURNS text LANGUAGE plpgsql AS $$
DECLARE t pg_type;
BEGIN
    SELECT * INTO t FROM pg_type WHERE oid = type;
    RETURN CASE WHEN t.typtype = 'd' THEN 'domain of ' || replace({schema}.kind(t.typbasetype), 'domain of ', '')
        WHEN t.typtype = 'e' THEN 'enum' WHEN t.typtype = 'c' THEN 'composite'
        WHEN t.typcategory = 'A' AND t.typlen < 0 AND t.typname LIKE '\\_%'
            THEN 'array of ' || {schema}.kind(t.typelem)
        ELSE t.typname::text END;
END $$;
"""


# ---- the page

def cells(line):
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def code(cell):
    """What the cell says is in a file: code, or nothing."""
    if cell == "":
        return ""
    assert re.fullmatch("`[^`]+`", cell), cell
    return cell[1:-1]


def tables(text):
    """(header, rows) of each table."""
    for block in re.findall(r"(?m)(?:^\|.*\n)+", text):
        header, rule, *rows = map(cells, block.splitlines())
        assert set("".join(rule)) <= set("- :") and all(len(row) == len(header) for row in rows), block
        yield header, rows


def rows_of(text, header):
    """Of every table with that header."""
    found = [row for its, rows in tables(text) if its == header for row in rows]
    assert len(found) > 3
    return found


def notes(text):
    """What the letters in "not exact" stand for."""
    found = re.findall(r"(?m)^- \*\*(\w)\*\* (.*)$", text)
    assert len(dict(found)) == len(set(what for _, what in found)) == len(found) > 3
    return dict(found)


def read_page():
    with open(PAGE, encoding="utf-8") as f:
        return f.read()


@pytest.fixture(scope="module")
def page():
    return read_page()


# ---- the files

def raw_fields(line, delimiter, has_quotes=True):
    """The fields of a line as they stand there. A field in quotes may hold the delimiter."""
    if not has_quotes:
        return line.split(delimiter)
    quoted = f'"(?:[^"]|"")*"|[^{delimiter}]*'
    return re.findall(f"(?:^|{delimiter})({quoted})", line)


def field_value(raw):
    return None if raw == "" else raw[1:-1].replace('""', '"') if raw.startswith('"') else raw


def delimited(body, delimiter, has_quotes=True):
    """Each line's fields."""
    text = body.decode().removeprefix("\ufeff")
    end = "\r\n" if "\r\n" in text else "\n"
    lines = text.split(end)
    assert lines.pop() == ""
    return [raw_fields(line, delimiter, has_quotes) for line in lines]


def json_pairs(body, suffix):
    parse = read_back.json_objects if suffix == "json" else read_back.ndjson_objects
    (row,) = parse(body.decode())
    return list(row.items())


def xml_pairs(body):
    (row,) = re.findall("<row>(.*)</row>", body.decode(), re.S)
    found = re.findall(r"<([^ >/]+)(?: (xsi:nil=\"true\")/>|>(.*?)</\1>)", row, re.S)
    return [(name, nil or content) for name, nil, content in found]


class Written:
    """A table with a column for each (type, value), in the database of this file's tests."""

    def __init__(self, site, token, postgres, name, columns):
        self.site, self.token, self.name = site, token, name
        self.names = [f"v{i}" for i in range(len(columns))]
        types = ", ".join(f"{its} {kind}" for its, (kind, _) in zip(self.names, columns))
        values = ", ".join(value for _, value in columns)
        postgres.execute(f"SET search_path = contract, public; {nasty.SETTINGS};"
                         f"DROP TABLE IF EXISTS {name}; CREATE TABLE {name} ({types});"
                         f"INSERT INTO {name} VALUES ({values}); GRANT SELECT ON {name} TO sluice", dbname=DATABASE)

    def get(self, what, **params):
        query = urllib.parse.urlencode(params)
        answer = curl(f"{self.site.url}/api/v1/tables/{self.name}/{what}?{query}", self.token)
        assert (answer.exit, answer.status) == (0, 200), (what, params, answer.body[:300])
        return answer

    def texts(self, suffix, **params):
        """Each column's value as it stands in the file."""
        body = self.get(f"rows.{suffix}", **params).body
        if suffix in ("ndjson", "json"):
            found = dict(json_pairs(body, suffix))
            return [found.get(name, "") for name in self.names]
        if suffix == "xml":
            return [content for _, content in xml_pairs(body)]
        dialect = params.get("dialect")
        delimiter = "\t" if suffix == "tsv" or dialect in ("tsv", "postgres", "mysql") else (
            ";" if dialect == "excel-eu" else params.get("delimiter", ","))
        return delimited(body, delimiter, dialect not in ("postgres", "mysql"))[-1]

    def schema(self, **params):
        return self.get("schema", **params).json()["columns"]


@pytest.fixture(scope="module")
def site(fleet, postgres, page):
    postgres.execute(f"CREATE DATABASE {DATABASE}", dbname="postgres")
    (types,) = re.findall("(?s)```sql\n(.*?)```", page)
    postgres.execute("CREATE SCHEMA contract; GRANT USAGE ON SCHEMA contract TO sluice;"
                     f"SET search_path = contract, public; {types}", dbname=DATABASE)
    made = fleet.start(workers=(1, 1), settings={
        "databases": {"main": {"conninfo": postgres.conninfo(dbname=DATABASE)}}, "metadata": {"database": ""},
        "tables": {**{key: None for key in config.TABLES},
                   **{key: {"name": f"contract.{key}"} for key in ("types", "options", "names")}}})
    yield made
    fleet.stop(made, may_die=False)


# ---- the tests

def not_exact(cell, letters):
    """{format: what is lost} of "CSV a, JSON b"."""
    said = dict.fromkeys(sum(FORMATS.values(), ()))
    for part in filter(None, cell.split(", ")):
        name, letter = part.split(" ")
        said |= dict.fromkeys(FORMATS[name], letters[letter])
    return said


def types_written(written):
    """The rows of the page's tables of types, less what they are of."""
    texts = {suffix: written.texts(suffix) for suffix in ("csv", "tsv", "ndjson", "json", "xml")}
    assert texts["ndjson"] == texts["json"]
    assert [*map(field_value, texts["csv"])] == [*map(field_value, texts["tsv"])]
    schema = written.schema()
    lossy = [{name: how["lossy"] for name, how in column["written"].items()} for column in schema]
    return [*zip((column["type"] for column in schema), texts["csv"], texts["json"], texts["xml"], lossy)]


def test_every_type(site, token, postgres, page):
    rows = rows_of(page, TYPES)
    found = types_written(Written(site, token, postgres, "types", [(code(row[0]), code(row[1])) for row in rows]))
    said = [(code(row[2]), code(row[3]), code(row[4]), code(row[5]), not_exact(row[6], notes(page))) for row in rows]
    for row, is_written, is_said in zip(rows, found, said, strict=True):
        assert is_written == is_said, row[:2]


@pytest.mark.parametrize("name", BINARY)
def test_binary_types(site, token, postgres, page, name):
    """Of every type of the schema; a format's variants have the same."""
    columns = [(code(row[0]), code(row[1])) for row in rows_of(page, TYPES)] + [("numeric(4,2)", "1"), ("numeric(20,2)", "1")]
    written = [(column["type"], column["written"])
               for column in Written(site, token, postgres, "types", columns).schema()]
    said = {tuple(map(code, row)) for row in rows_of(page, BINARY[name])}
    for suffix in FORMATS[name]:
        assert {(its, how[suffix]["type"]) for its, how in written} == said


def test_options(site, token, postgres, page):
    rows, letters = rows_of(page, OPTIONS), notes(page)
    written = Written(site, token, postgres, "options", [(code(row[1]), code(row[2])) for row in rows])
    answers = {}
    for i, (asked, _, _, text, lossy) in enumerate(rows):
        if asked not in answers:
            suffix, _, query = code(asked).partition("?")
            params = dict(urllib.parse.parse_qsl(query, strict_parsing=True))
            answers[asked] = written.texts(suffix, **params), [
                column["written"][suffix]["lossy"] for column in written.schema(format=suffix, **params)]
        texts, losses = answers[asked]
        assert (texts[i], losses[i]) == (code(text), letters[lossy] if lossy else None), rows[i]


def test_names(site, token, postgres, page):
    rows = rows_of(page, NAMES)
    columns = ", ".join(f"{nasty.ident(code(row[0]))} int DEFAULT {i}" for i, row in enumerate(rows))
    postgres.execute(f"CREATE TABLE contract.names ({columns}); INSERT INTO contract.names DEFAULT VALUES;"
                     "GRANT SELECT ON contract.names TO sluice", dbname=DATABASE)

    def get(suffix):
        answer = curl(f"{site.url}/api/v1/tables/names/rows.{suffix}", token)
        assert (answer.exit, answer.status) == (0, 200)
        return answer.body
    in_csv, in_tsv = delimited(get("csv"), ",")[0], delimited(get("tsv"), "\t")[0]
    assert [*map(field_value, in_csv)] == [*map(field_value, in_tsv)]
    in_json = [nasty.json_string(name) for name, _ in json_pairs(get("json"), "json")]
    in_xml = [name for name, _ in xml_pairs(get("xml"))]
    assert [*zip(in_csv, in_json, in_xml)] == [tuple(map(code, row[1:])) for row in rows]


def test_every_note_is_needed(page):
    used = {part.split(" ")[-1] for header in (TYPES, OPTIONS) for row in rows_of(page, header)
            for part in filter(None, row[-1].split(", "))}
    assert used == set(notes(page))


def test_the_tables_are_all_walked(page):
    assert all(header in (TYPES, OPTIONS, NAMES, *BINARY.values()) for header, _ in tables(page))


def kinds(postgres, schema, types):
    """{kind: whether its scale is declared, too} of each type."""
    columns = ", ".join(f"v{i} {kind}" for i, kind in enumerate(types))
    return {tuple(row) for row in postgres.execute(
        f"SET search_path = {schema}, contract, public; CREATE TABLE {schema}.kinds ({columns});"
        f"SELECT {schema}.kind(atttypid), atttypid = 'numeric'::regtype AND atttypmod >= 0 FROM pg_attribute"
        f" WHERE attrelid = '{schema}.kinds'::regclass AND attnum > 0", dbname=DATABASE)}


def test_no_type_is_left_out(site, postgres, page):
    """Of those that the tests know to be hard."""
    postgres.execute(nasty.TYPES + KIND.format(schema="nasty") + KIND.format(schema="contract"), dbname=DATABASE)
    here = kinds(postgres, "contract", [code(row[0]) for row in rows_of(page, TYPES)])
    hard = kinds(postgres, "nasty", [kind for kind, _, _ in nasty.COLUMNS.values()])
    assert len(hard) > 60
    assert hard <= here, hard - here

"""CSV and TSV under every option, read back by what they are for: PostgreSQL's COPY, MariaDB's LOAD DATA, LibreOffice,
Python's csv module."""

import csv
import io
import os
import subprocess
import urllib.parse
import xml.etree.ElementTree

import pytest

from harness import config, nasty, problem, process
from harness.client import curl

DATABASE = "dialects"
LONE = ["", None, "x", "\n", "\\.", "\\N", "NULL", "\\", "''", '"', "=1", "a\\.\nb"]
FORMULAS = ["=1+1", "+1+1", "-1+1", "@SUM(1)", "\t=1+1", "\r=1+1", "＝1+1", '=HYPERLINK("http://x/";"y")',
            "plain", "Müller, Größe; 中文", '"', "1e5x"]
MARIA_TEXTS = [text for text in nasty.TEXTS if text] + ["", "\x1a", "\b\f\v", "0", "NULL\\"]


def sql(value):
    """A literal; every text may hold what a standard string cannot."""
    return "NULL" if value is None else nasty.quoted(value)


def rows_of(table, values):
    return f"INSERT INTO {table} VALUES " + ", ".join(f"({i}, {sql(value)})" for i, value in enumerate(values))


TABLES = [
    "CREATE TABLE nasty.lone (v text)",
    "INSERT INTO nasty.lone VALUES " + ", ".join(f"({sql(value)})" for value in LONE),
    'CREATE TABLE nasty.sheet (id int, "=1+1" text, größe numeric(12,2), part float8, born date, at timestamp(0),'
    " debt numeric)",
    "INSERT INTO nasty.sheet SELECT id, v, id * -1.25, id / 8.0, date '2024-02-28' + id,"
    " timestamp '2024-02-28 23:59:58' + id * interval '1 second', -0.5 - id FROM (VALUES "
    + ", ".join(f"({i}, {sql(value)})" for i, value in enumerate(FORMULAS)) + ") AS made (id, v)",
    "CREATE TABLE nasty.maria (id int, v text, big int8, yes bool, price numeric(30,10), part float8, born date,"
    " at timestamp, seen timestamptz)",
    "INSERT INTO nasty.maria SELECT id, v, 9223372036854775807 - id, id % 2 = 0, -1234567890123456789.0123456789,"
    " id / 7.0, date '2024-02-28' + id, timestamp '2024-02-28 23:59:58.000001' + id * interval '1 second',"
    " timestamptz '1999-12-31 23:59:59.5+00' FROM (VALUES "
    + ", ".join(f"({i}, {sql(value)})" for i, value in enumerate(MARIA_TEXTS)) + ") AS made (id, v)",
    f"INSERT INTO nasty.maria (id) VALUES ({len(MARIA_TEXTS)})",
    "GRANT USAGE ON SCHEMA nasty TO sluice",
    "GRANT SELECT ON ALL TABLES IN SCHEMA nasty TO sluice",
]
KEYS = ("every", "lone", "sheet", "maria")


@pytest.fixture(scope="module")
def site(fleet, postgres):
    postgres.execute(f"CREATE DATABASE {DATABASE}", dbname="postgres")
    postgres.execute(nasty.TYPES + nasty.create("nasty.every"), dbname=DATABASE)
    for statement in TABLES:
        postgres.execute(statement, dbname=DATABASE)
    settings = {"databases": {"main": {"conninfo": postgres.conninfo(dbname=DATABASE)}}, "metadata": {"database": ""},
                "tables": {key: None for key in config.TABLES} | {key: {"name": f"nasty.{key}"} for key in KEYS}}
    made = fleet.start(settings=settings, workers=(1, 1))
    yield made
    fleet.stop(made, may_die=False)


@pytest.fixture(scope="module")
def export(site, issuer):
    """export(table, suffix, option=value, …): the file."""
    def get(table, suffix="csv", **options):
        query = urllib.parse.urlencode(options)
        answer = curl(f"{site.url}/api/v1/tables/{table}/rows.{suffix}?{query}", issuer.token())
        assert (answer.exit, answer.status) == (0, 200), answer.body[:500]
        assert answer.headers["content-type"].startswith("text/csv" if suffix == "csv" else "text/tab-separated-values")
        return answer.body
    return get


@pytest.fixture
def cursor(postgres):
    connection = postgres.connect(dbname=DATABASE)
    with connection.cursor() as opened:
        yield opened
    connection.close()


# ---- PostgreSQL

COPIES = [
    ("csv", {"dialect": "postgres"}, ""),
    ("tsv", {"dialect": "postgres"}, ""),
    ("csv", {"dialect": "postgres", "header": "true", "delimiter": ";", "eol": "crlf"},
     "(DELIMITER ';', HEADER match)"),
    ("csv", {"dialect": "postgres", "delimiter": "_"}, "(DELIMITER '_')"),
    ("csv", {"nested": "server"}, "(FORMAT csv, HEADER match)"),
    ("tsv", {"nested": "server"}, "(FORMAT csv, HEADER match, DELIMITER E'\\t')"),
    ("csv", {"nested": "server", "delimiter": ";", "quote": "'", "null": "NULL", "eol": "lf"},
     "(FORMAT csv, HEADER match, DELIMITER ';', QUOTE '''', NULL 'NULL')"),
    ("csv", {"nested": "server", "delimiter": "|", "quoteChar": "~", "escape": "backslash", "null": "\\N",
             "header": "false"}, "(FORMAT csv, DELIMITER '|', QUOTE '~', ESCAPE '\\', NULL '\\N')"),
    ("csv", {"nested": "server", "timestamp": "sql", "boolean": "digits", "null": "0", "tz": "UTC"},
     "(FORMAT csv, HEADER match, NULL '0')"),
    ("csv", {"nested": "server", "tz": "America/St_Johns", "null": "-1"}, "(FORMAT csv, HEADER match, NULL '-1')"),
]


@pytest.mark.parametrize("table", ["every", "lone"])
@pytest.mark.parametrize("suffix, options, copy", COPIES)
def test_copy_takes_it_back(export, cursor, table, suffix, options, copy):
    """The dialect for PostgreSQL needs no option of COPY; a row as text is every column by its own output function."""
    cursor.execute("SET timezone = 'UTC'")
    cursor.execute(f"CREATE TEMPORARY TABLE back (LIKE nasty.{table})")
    cursor.copy_expert(f"COPY back FROM STDIN {copy}", io.BytesIO(export(table, suffix, **options)))
    assert cursor.rowcount >= len(LONE)
    for one, other in ((f"nasty.{table}", "back"), ("back", f"nasty.{table}")):
        cursor.execute(f"SELECT r::text FROM {one} AS r EXCEPT ALL SELECT r::text FROM {other} AS r")
        assert cursor.fetchall() == []


# ---- Python

@pytest.mark.parametrize("suffix, options, reader", [
    ("tsv", {}, {"delimiter": "\t"}),
    ("csv", {"dialect": "tsv"}, {"delimiter": "\t"}),
    ("csv", {"delimiter": ";", "quote": "'", "eol": "lf"}, {"delimiter": ";", "quotechar": "'"}),
    ("csv", {"escape": "backslash"}, {"doublequote": False, "escapechar": "\\"}),
    ("csv", {"delimiter": "|", "quote": "$", "escape": "backslash"},
     {"delimiter": "|", "quotechar": "$", "doublequote": False, "escapechar": "\\"}),
    ("csv", {"bom": "true"}, {}),
])
def test_python_reads_the_same(export, suffix, options, reader):
    def read(body, encoding="utf-8", **given):
        return list(csv.reader(io.StringIO(body.decode(encoding), newline=""), strict=True, **given))
    expected = read(export("every"))
    assert len(expected) > 50
    assert read(export("every", suffix, **options), "utf-8-sig" if "bom" in options else "utf-8", **reader) == expected


def test_columns_of_the_table_itself(export):
    assert export("lone", "csv", header="false", null="NULL", eol="lf", limit="5").decode() == (
        '""\nNULL\nx\n"\n"\n"\\."\n')
    assert export("lone", "csv", header="false", limit="0") == b""


# ---- MariaDB

class Maria:
    """A private server: a unix socket in its own directory, no network."""

    def __init__(self, top):
        self.top, self.user = top, process.user_or_self("www-data")
        self.data, self.socket = os.path.join(top, "data"), os.path.join(top, "sock")
        process.give(top, self.user)
        subprocess.run(process.as_user(self.user, [
            "mariadb-install-db", "--no-defaults", f"--datadir={self.data}", "--skip-test-db", "--force",
            "--auth-root-authentication-method=normal", "--skip-name-resolve"]),
            cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        self.server = process.Process("mariadbd", process.as_user(self.user, [
            "/usr/sbin/mariadbd", "--no-defaults", f"--datadir={self.data}", f"--socket={self.socket}",
            f"--pid-file={top}/pid", "--skip-networking", "--character-set-server=utf8mb4",
            "--innodb-buffer-pool-size=8M", "--innodb-flush-log-at-trx-commit=0"]), os.path.join(top, "log"))
        try:
            self.server.wait_ready(lambda: process.accepts(self.socket), 60)
            self.query("CREATE DATABASE back", database="mysql")
        except BaseException:
            self.server.stop()
            raise

    def query(self, text, database="back"):
        """The rows, each a list of texts."""
        done = subprocess.run(["mariadb", "--no-defaults", f"--socket={self.socket}", "--user=root", "--batch",
                               "--skip-column-names", "--default-character-set=utf8mb4", database],
                              input=text.encode(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        assert done.returncode == 0, done.stderr
        return [line.split("\t") for line in done.stdout.decode().splitlines()]


@pytest.fixture(scope="module")
def maria(top):
    path = os.path.join(top, "maria")
    os.mkdir(path)
    server = Maria(path)
    yield server
    server.server.stop()


def test_load_data_takes_the_mysql_dialect(export, maria, cursor):
    """With no option at all; texts are compared as hexadecimal digits."""
    path = os.path.join(maria.top, "rows")
    with open(path, "wb") as f:
        f.write(export("maria", dialect="mysql"))
    os.chmod(path, 0o644)
    warnings = maria.query(
        "CREATE TABLE t (id int, v text, big bigint, yes boolean, price decimal(30,10), part double, born date,"
        f" at datetime(6), seen datetime(6)); LOAD DATA INFILE '{path}' INTO TABLE t; SHOW WARNINGS;")
    assert warnings == []
    got = maria.query("SELECT id, HEX(v), big, yes, price, HEX(part * 7), born, at, seen FROM t ORDER BY id")
    cursor.execute("SET timezone = 'UTC'")
    cursor.execute("SELECT id, upper(encode(convert_to(v, 'UTF8'), 'hex')), big, yes::int, price, upper(to_hex(id)),"
                   " born, to_char(at, 'YYYY-MM-DD HH24:MI:SS.US'), to_char(seen, 'YYYY-MM-DD HH24:MI:SS.US')"
                   " FROM nasty.maria ORDER BY id")
    expected = [["NULL" if value is None else str(value) for value in row] for row in cursor.fetchall()]
    expected[-1][5] = "NULL"
    assert len(got) == len(MARIA_TEXTS) + 1
    assert got == expected


# ---- LibreOffice

OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"


@pytest.fixture
def opened(tmp_path):
    """opened(bytes, delimiter, language): the rows of the sheet, each a list of (type, value, formula)."""
    def cell(element):
        kind = element.get(f"{OFFICE}value-type")
        value = element.get(f"{OFFICE}value") or element.get(f"{OFFICE}date-value")
        if value is None:
            # A line each; spaces and tabs are elements.
            lines = ["".join(p.itertext()) for p in element.iter(f"{TEXT}p")]
            value = "\n".join(lines)
        return kind, value, element.get(f"{TABLE}formula")

    def convert(body, delimiter, language):
        source, sheet = tmp_path / "rows.csv", tmp_path / "rows.fods"
        source.write_bytes(body)
        # "Filter Options for the CSV Filter": separator, quote, UTF-8, first line, column formats, language, no quoting
        # of all, special numbers, (export's four), formulas are evaluated.
        rules = f"CSV:{ord(delimiter)},34,76,1,,{language},false,true,false,false,false,0,true"
        office = process.Process("soffice", [
            "soffice", f"-env:UserInstallation=file://{tmp_path}/profile", "--headless", "--norestore",
            f"--infilter={rules}", "--convert-to", "fods", "--outdir", str(tmp_path), str(source)],
            str(tmp_path / "log"), {"HOME": str(tmp_path)})
        try:
            process.wait_until(lambda: not office.is_alive(), "LibreOffice is done", 120)
        finally:
            office.stop()
        rows = []
        for row in xml.etree.ElementTree.parse(sheet).iter(f"{TABLE}table-row"):
            cells = [cell(element) for element in row.iter(f"{TABLE}table-cell") if cell(element)[0]
                     for _ in range(int(element.get(f"{TABLE}number-columns-repeated", 1)))]
            if cells:
                rows.append(cells)
        return rows
    return convert


@pytest.mark.slow
@pytest.mark.parametrize("dialect, delimiter, language", [("excel", ",", 1033), ("excel-eu", ";", 1031)])
def test_a_spreadsheet_opens_it(export, opened, dialect, delimiter, language):
    """Umlauts, numbers that are numbers, dates that are dates, and nothing that is computed."""
    head, *rows = opened(export("sheet", dialect=dialect), delimiter, language)
    assert [value for _, value, _ in head] == ["id", "'=1+1", "größe", "part", "born", "at", "debt"]
    assert len(rows) == len(FORMULAS)
    assert not [cell for row in rows + [head] for cell in row if cell[2]]
    for i, row in enumerate(rows):
        kinds = [kind for kind, _, _ in row]
        assert kinds == ["float", "string", "float", "float", "date", "date", "float"]
        number = [float(row[at][1]) for at in (0, 2, 3, 6)]
        assert number == [i, i * -1.25, i / 8, -0.5 - i]
        assert row[5][1].startswith("2024-02-2")
    assert [row[4][1] for row in rows[:3]] == ["2024-02-28", "2024-02-29", "2024-03-01"]
    assert [row[5][1] for row in rows[:2]] == ["2024-02-28T23:59:58", "2024-02-28T23:59:59"]
    assert [row[1][1] for row in rows[8:10]] == FORMULAS[8:10]
    assert all(row[1][1].startswith("'") for row in rows[:8])


@pytest.mark.slow
def test_without_escaping_a_spreadsheet_would_compute(export, opened):
    """That the test above could fail."""
    rows = opened(export("sheet", dialect="excel", escape_formulas="false"), ",", 1033)
    assert any(cell[2] for row in rows for cell in row)


# ---- refusals

@pytest.mark.parametrize("suffix, query, said", [
    ("csv", "dialect=lotus", "dialect must be one of: rfc4180,excel,excel-eu,tsv,postgres,mysql"),
    ("csv", "decimal=,", "decimal and delimiter must differ; add delimiter=;"),
    ("csv", "dialect=excel-eu&delimiter=,", "decimal and delimiter must differ; add delimiter=;"),
    ("csv", "quote=none", "quote=none needs escape=backslash"),
    ("csv", "dialect=mysql&null=NULL", "quote=none needs null=\\N: a value could read as any other"),
    ("csv", "delimiter=x", "delimiter must be tab or one of"),
    ("csv", "quote=|&delimiter=|", "quote and delimiter must differ"),
    ("csv", "null=a%0Ab", "null must be"),
    ("csv", "tz=Mars/Olympus", "tz must be a time zone"),
    ("csv", "header=maybe", "header must be one of: false,true"),
    ("csv", "bigint=string", "bigint is not an option of this format"),
    ("csv", "root=a", "root is not an option of this format"),
    ("tsv", "dialect=excel", "TSV is delimited by tabs"),
    ("ndjson", "dialect=excel", "dialect is not an option of this format"),
    ("ndjson", "quoteChar='", "quote is not an option of this format"),
    ("ndjson", "escape_formulas=true", "escape_formulas is not an option of this format"),
])
def test_what_cannot_be_is_refused(site, token, suffix, query, said):
    path = f"/api/v1/tables/lone/rows.{suffix}"
    query = urllib.parse.quote(query, safe="=&%,|+")
    answer = curl(f"{site.url}{path}?{query}", token, options=("-g",))
    detail = problem.check(answer, 400, path)["detail"]
    assert detail.startswith(said), detail

"""What answers look like: the documents of the service, tables as the registry allows them, the headers of a stream,
problems and their trace, and a responder that will not start."""

import os
import re
import socket
import subprocess

import pytest

from harness import config, problem, process
from harness.client import curl

ODD = '"Odd ""Schema"", \'x\'"."; DROP TABLE ans.items; --"'
TABLES = f"""
CREATE SCHEMA ans;
CREATE TABLE ans.items (id int PRIMARY KEY, name varchar(20) NOT NULL, price numeric(10,2), secret text DEFAULT 'hush');
INSERT INTO ans.items SELECT i, 'n' || i, i FROM generate_series(1, 3) AS i;
CREATE TABLE ans."CamelCase" AS SELECT 1 AS "Id";
CREATE SCHEMA "Odd ""Schema"", 'x'";
CREATE TABLE {ODD} AS SELECT 'kept' AS "select";
CREATE TABLE ans."über.tisch" AS SELECT 'dotted' AS v;
CREATE VIEW ans.broken AS SELECT id / (id - 1) AS broken FROM ans.items;
CREATE VIEW ans.told AS SELECT name::int FROM ans.items;
CREATE TABLE ans.closed AS SELECT 1 AS v;
CREATE SCHEMA closed CREATE TABLE kept (v int);
GRANT USAGE ON SCHEMA ans, "Odd ""Schema"", 'x'" TO sluice;
GRANT SELECT ON ans.items, ans."CamelCase", ans."über.tisch", ans.broken, ans.told, {ODD} TO sluice;
"""
REGISTRY = {key: None for key in config.TABLES} | {
    "items": {"name": "ans.items"},
    "part": {"name": "ans.items", "columns": ["name", "id"]},
    "CamelCase": {"name": 'ans."CamelCase"'},
    "_odd_9": {"name": ODD},
    "Dotted": {"name": 'ans."über.tisch"'},
    "empty": {"name": " Public . eMpty "},
    "broken": {"name": "ans.broken"},
    "told": {"name": "ans.told"},
    "closed": {"name": "ans.closed"},
    "gone": {"name": "ans.gone"},
    "folded": {"name": "ans.CamelCase"},
    "no_schema": {"name": "nowhere.items"},
    "closed_schema": {"name": "closed.kept"},
    "no_name": {"name": "ans.items; --"},
    "hyphen": {"name": "no-name"},
    "elsewhere": {"name": "other.ans.items"},
    "column_gone": {"name": "ans.items", "columns": ["id", "no_such"]},
    "key_gone": {"name": "ans.items", "primary_key": "no_such"},
}
GONE = ("gone", "folded", "no_schema", "closed_schema", "no_name", "hyphen", "elsewhere", "column_gone", "key_gone")
ITEMS = {"key": "items", "name": "ans.items", "columns": ["id", "name", "price", "secret"], "primary_key": "id"}


@pytest.fixture(scope="module")
def tables(postgres):
    postgres.execute(TABLES)


@pytest.fixture(scope="module")
def site(fleet, tables):
    made = fleet.start(settings={"tables": REGISTRY})
    yield made
    fleet.stop(made, may_die=False)


@pytest.fixture
def get(site, token):
    return lambda path, **more: curl(site.url + path, token, **more)


def document(answer):
    assert (answer.exit, answer.status) == (0, 200), answer.body
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "private, no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert int(answer.headers["content-length"]) == len(answer.body)
    return answer.json()


# ---- documents

def test_the_service(site):
    said = document(curl(site.url + "/"))
    version = said.pop("version")
    assert version in site.sluice("--version").stdout
    assert said == {"service": "sluice", "features": {
        "formats": ["csv", "tsv", "ndjson", "json", "xml", "parquet", "arrow", "arrows"], "compressions": ["gzip", "zstd", "zip"], "pages": True, "digest": ["sha-256"], "outcomes": True, "jobs": True}}
    for path in ("/health", "/api/v1/health"):
        assert document(curl(site.url + path)) == {"status": "ok", "version": version}


def test_the_tables(get):
    said = document(get("/tables"))
    assert list(said) == ["tables", "count"] and said["count"] == len(said["tables"]) == 9
    assert [table["key"] for table in said["tables"]] == [
        key for key, entry in REGISTRY.items() if entry is not None and key not in GONE]
    assert all(list(table) == list(ITEMS) for table in said["tables"])
    listed = {table["key"]: table for table in said["tables"]}
    assert listed["items"] == ITEMS
    assert listed["part"] == ITEMS | {"key": "part", "columns": ["name", "id"]}
    assert listed["Dotted"] == {"key": "Dotted", "name": "ans.über.tisch", "columns": ["v"], "primary_key": None}
    assert listed["empty"]["name"] == "public.empty"
    assert document(get("/api/v1/tables")) == said
    for key, table in listed.items():
        assert document(get(f"/api/v1/tables/{key}")) == table


def test_the_schema(get):
    said = document(get("/api/v1/tables/items/schema"))
    assert list(said) == ["table", "fingerprint", "columns", "lossy"] and said["table"] == "items"
    formats = list(said["lossy"])
    assert all(list(column.pop("written")) == formats for column in said["columns"])
    inexact = {"precision": None, "scale": None}
    assert said["columns"] == [
        {"name": "id", "type": "int32", "sourceType": "integer", "nullable": False} | inexact,
        {"name": "name", "type": "utf8", "sourceType": "character varying(20)", "nullable": False} | inexact,
        {"name": "price", "type": "decimal128", "sourceType": "numeric(10,2)", "nullable": True, "precision": 10,
         "scale": 2},
        {"name": "secret", "type": "utf8", "sourceType": "text", "nullable": True} | inexact]
    part = document(get("/api/v1/tables/part/schema"))
    assert [column["name"] for column in part["columns"]] == ["name", "id"]


# ---- the registry

def test_names_that_need_quotes(get):
    for key, body in (("CamelCase", "Id\r\n1\r\n"), ("_odd_9", "select\r\nkept\r\n"), ("Dotted", "v\r\ndotted\r\n"),
                      ("empty", "id,name\r\n")):
        answer = get(f"/api/v1/tables/{key}/rows.csv")
        assert (answer.status, answer.text()) == (200, body)
        assert answer.headers["content-disposition"] == f"attachment; filename={key}.csv"
    assert get("/api/v1/tables/items/rows.csv").status == 200
    for key in ("camelcase", "CAMELCASE", "Items", "ans.items", "public.empty"):
        problem.check(get(f"/api/v1/tables/{key}/rows.csv"), 404)


def test_columns_that_may_not_leave(get):
    assert get("/api/v1/tables/part/rows.csv").text() == "name,id\r\nn1,1\r\nn2,2\r\nn3,3\r\n"
    assert get("/export/part?total_pages=1").text() == "".join(f'{{"name":"n{i}","id":{i}}}\n' for i in (1, 2, 3))
    for path in ("/api/v1/tables/part", "/api/v1/tables/part/schema", "/api/v1/tables/part/rows.ndjson"):
        answer = get(path)
        assert answer.status == 200 and not re.search(b"secret|price|hush", answer.body)
    hidden = problem.check(get("/api/v1/tables/part/rows.csv?columns=id,secret"), 400)
    unknown = problem.check(get("/api/v1/tables/part/rows.csv?columns=id,secreT"), 400)
    assert hidden["detail"].replace("secret", "secreT") == unknown["detail"]


def test_what_the_database_lacks_is_404_and_a_warning(site, get):
    for key in GONE:
        for path in (f"/api/v1/tables/{key}", f"/api/v1/tables/{key}/schema", f"/api/v1/tables/{key}/rows.csv",
                     f"/export/{key}?total_pages=2"):
            problem.check(get(path), 404, path.partition("?")[0])
    with open(site.path("log", "sluice.log"), encoding="utf-8") as f:
        log = f.read()
    for key in GONE:
        assert re.search(rf'"level":"warn",[^\n]*"table":"{key}","cause":"[^"]', log), key


# ---- streams

def test_the_headers_of_a_stream(fleet, front, issuer):
    site = fleet.of(front)
    answer = curl(f"{site.url}/api/v1/tables/users/rows.csv?limit=2", issuer.token())
    own = {"server", "date", "connection", "keep-alive", "transfer-encoding"}
    assert (answer.exit, answer.status) == (0, 200)
    said = {name: value for name, value in answer.headers.items() if name not in own}
    assert re.fullmatch("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", said.pop("sluice-export-id"))
    assert re.fullmatch(r"plan;dur=\d+\.\d", said.pop("server-timing"))
    said["vary"] = ", ".join(re.split(", ?", said["vary"]))  # mod_deflate writes it anew
    assert re.fullmatch("[A-Za-z0-9_-]{24}", said.pop("sluice-schema"))
    if front == "mod_fcgid":
        assert said.pop("content-length") == str(len(answer.body))
    assert said == {
        "content-type": "text/csv; charset=utf-8", "content-disposition": "attachment; filename=users.csv",
        "cache-control": "private, no-store", "x-content-type-options": "nosniff", "accept-ranges": "none",
        "vary": "Authorization, Accept-Encoding"}


def test_every_stream_has_an_id_of_its_own(get):
    answers = [get("/api/v1/tables/items/rows.csv") for _ in range(5)]
    assert len({answer.headers["sluice-export-id"] for answer in answers}) == 5


# ---- problems

def test_the_trace_id_is_the_callers(get):
    trace = "0af7651916cd43dd8448eb211c80319c"
    for parent in (f"00-{trace}-b7ad6b7169203331-01", f"01-{trace}-b7ad6b7169203331-01-more"):
        assert problem.check(get("/nothing", headers={"traceparent": parent}), 404)["traceId"] == trace


def test_a_wrong_traceparent_counts_for_nothing(get):
    trace, span = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    for parent in ("", trace, f"00-{trace}-{span}", f"00-{'0' * 32}-{span}-01", f"00-{trace}-{'0' * 16}-01",
                   f"00-{trace.upper()}-{span}-01", f"ff-{trace}-{span}-01", f"00-{trace}-{span}-01-more",
                   f"zz-{trace}-{span}-01", f"00-{trace}-{span.replace('b', 'x')}-01", f"00-{trace}-{span}-0g",
                   f"00-{trace}_{span}-01", f"01-{trace}-{span}-01more"):
        said = problem.check(get("/nothing", headers={"traceparent": parent}), 404)
        assert said["traceId"] != trace, parent


def test_failures_of_the_database_tell_nothing(get):
    for key, status in (("broken", 422), ("told", 422), ("closed", 502)):
        answer = get(f"/api/v1/tables/{key}/rows.csv")
        said = problem.check(answer, status)
        assert not re.search(r"n\d|zero|denied|ans\.", answer.text()), said
        assert ("retry-after" in answer.headers) == (status == 502)
        assert answer.headers["sluice-export-id"]


def test_a_database_that_cannot_be_reached_is_503(make_site, postgres, token):
    nowhere = f"host={postgres.host} port=1 dbname=hidden user=nobody"
    site = make_site(settings={"databases": {"main": {"conninfo": nowhere}},
                               "metadata": {"database": ""}, "tables": {"users": {"name": "public.users"}}})
    for path in ("/tables", "/api/v1/tables/users", "/api/v1/tables/users/rows.csv", "/export/users"):
        answer = curl(site.url + path, token)
        said = problem.check(answer, 503)
        assert not re.search("hidden|nobody|socket|connection", answer.text()), said
        assert answer.headers["retry-after"] == "5"
    assert curl(site.url + "/health").status == 200


def test_a_query_that_takes_too_long_is_504(make_site, token, postgres):
    tables = {key: {"database": "main"} for key in config.TABLES} | {
        "timed": {"database": "timed", "name": "public.slow"}, "timed_users": {"database": "timed", "name": "public.users"}}
    site = make_site(settings={"tables": tables, "databases": {
        "timed": {"conninfo": postgres.conninfo(), "statement_timeout": "200ms"}}})
    problem.check(curl(f"{site.url}/api/v1/tables/timed/rows.csv", token), 504)
    # Where all is slow that too may take longer.
    process.wait_until(lambda: curl(f"{site.url}/api/v1/tables/timed_users/rows.csv?limit=1", token).status == 200, "a row")


# ---- starting

def start(site, config_text, *args):
    """The responder with that configuration: its exit status and standard error."""
    path = site.path("wrong.conf")
    with open(path, "w", encoding="utf-8") as f:
        f.write(config_text)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(site.path("run", "lone.sock"))
        os.unlink(site.path("run", "lone.sock"))
        listener.listen()
        done = subprocess.run([site.program, *args], stdin=listener, capture_output=True, text=True, timeout=60,
                              env=site.env | {"SLUICE_CONFIG": path}, check=False)
    return done.returncode, done.stderr


def test_a_wrong_configuration_ends_the_responder_with_one_line(site):
    with open(site.config, encoding="utf-8") as f:
        right = f.read().replace('"requests": 0', '"requests": 10')
    for wrong, says in (("", r"wrong\.conf"), ("{", r"wrong\.conf:1"),
                        (right.replace('"jwks"', '"jwsk"'), r":\d+: .*jwsk.*jwks"),
                        (right.replace("jwks.json", "nothing.json"), "nothing.json"),
                        (right.replace(site.path("state"), site.path("nowhere")), "nowhere"),
                        (right.replace(site.path("log"), site.path("nowhere")), "nowhere"),
                        (right.replace('"name": "ans.items"', '"database": "other"'), "other")):
        assert wrong != right
        status, said = start(site, wrong)
        assert status == 78, said
        assert re.search(says, said) and said.count("\n") == 1 and said.endswith("\n"), said
    assert start(site, right, "--help")[0] == 64
    done = subprocess.run([site.program], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
                          env=site.env | {"SLUICE_CONFIG": site.config}, check=False)
    assert done.returncode == 64 and done.stderr.count("\n") == 1

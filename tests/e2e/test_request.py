"""What may be asked, and what is not understood: formats, parameters, paths, methods."""

import socket
import urllib.parse

import pytest

from harness import problem
from harness.client import curl

TABLES = """
CREATE SCHEMA req;
CREATE TABLE req.items (id int PRIMARY KEY, name text, "Full Name" text, id_2 text);
INSERT INTO req.items SELECT i, 'n' || i, 'Full ' || i, 'two' || i FROM generate_series(1, 12) AS i;
GRANT USAGE ON SCHEMA req TO sluice;
GRANT SELECT ON req.items TO sluice;
"""
ROWS = "/api/v1/tables/items/rows"


@pytest.fixture(scope="module")
def sites(fleet, postgres):
    """sites(front): one behind each web server, with the table above."""
    postgres.execute(TABLES)
    made = {}

    def of(front):
        if front not in made:
            made[front] = fleet.start(front=front, settings={"tables": {"items": {"name": "req.items"}}})
        return made[front]
    yield of
    for one in made.values():
        fleet.stop(one, may_die=False)


@pytest.fixture
def get(sites, token):
    """get(path, …) behind nginx."""
    return lambda path, **more: curl(sites("nginx").url + path, token, **more)


@pytest.fixture
def fetch(sites, front, token):
    """The same behind each web server in turn."""
    return lambda path, *more, **named: curl(sites(front).url + path, token, *more, **named)


# ---- formats

CSV, NDJSON = "text/csv; charset=utf-8", "application/x-ndjson"


def test_accept_chooses_the_format(get):
    for accept, media in (
            ("", CSV), ("*/*", CSV), ("text/csv", CSV), ("TEXT/CSV", CSV), ("text/*", CSV),
            ("application/x-ndjson;q=0.2, application/pdf", NDJSON),
            ("application/x-ndjson", NDJSON), ("application/jsonl", NDJSON), ("text/csv;charset=utf-8", CSV),
            ("text/html, application/x-ndjson;q=0.1", NDJSON), ("application/pdf, */*;q=0.1", CSV),
            ("text/csv;q=0.5, application/x-ndjson;q=0.6", NDJSON), ("text/csv;q=0.51,application/jsonl;q=0.501", CSV),
            ("text/csv;q=0.3, application/*;q=0.8, application/json;q=0.1", NDJSON),
            ("application/jsonl;q=0.8, text/csv;q=0", NDJSON),
            ("text/*;q=0.2, text/csv;q=0.9", CSV), ('text/csv;a="q=0,";q=0.9, application/x-ndjson;q=0.8', CSV),
            ("text/csv ; q=0 , application/x-ndjson ; q=0.001", NDJSON)):
        answer = get(ROWS, headers={"Accept": accept})
        assert (answer.exit, answer.status, answer.headers["content-type"]) == (0, 200, media), accept
        assert answer.headers["vary"] == "Authorization, Accept, Accept-Encoding"
        suffix = "csv" if media == CSV else "ndjson"
        assert answer.headers["content-disposition"] == f"attachment; filename=items.{suffix}"


def test_what_cannot_be_had_is_406_with_the_list(get):
    for accept in ("application/pdf", "text/csv;q=0", "*/*;q=0", "text/html, image/*", "nonsense", "text"):
        said = problem.check(get(ROWS, headers={"Accept": accept}), 406)
        assert {one["suffix"]: one["mediaType"] for one in said["formats"]} == {
            "csv": "text/csv", "tsv": "text/tab-separated-values", "json": "application/json",
            "ndjson": "application/x-ndjson", "xml": "application/xml", "parquet": "application/vnd.apache.parquet",
            "arrow": "application/vnd.apache.arrow.file", "arrows": "application/vnd.apache.arrow.stream"}, accept


def test_the_suffix_wins(get):
    answer = get(ROWS + ".ndjson", headers={"Accept": "text/csv, */*;q=0"})
    assert (answer.status, answer.headers["content-type"], answer.headers["vary"]) == (
        200, NDJSON, "Authorization, Accept-Encoding")
    for suffix in (".docx", ".", ".csv.rar", ".CSV"):
        assert problem.check(get(ROWS + suffix), 406)["formats"][0]["suffix"] == "csv"
    for rest in ("csv", "/", ".csv/", "x.csv"):
        problem.check(get(ROWS + rest), 404, ROWS + rest)


# ---- parameters

def test_columns_in_the_order_asked(get):
    values = {"id": "3", "name": "n3", "Full Name": "Full 3", "id_2": "two3"}
    for columns, header in (("id", "id"), ("name,id", "name,id"), ("id,id", "id,id_2"), ("id_2,id,id", "id_2,id,id_3"),
                            ("id,id,id_2,id", "id,id_2,id_2_2,id_3"), ("Full+Name,name", "Full Name,name"),
                            ("Full%20Name", "Full Name"), ("%69d%2Cname", "id,name")):
        answer = get(f"{ROWS}.csv?columns={columns}")
        assert answer.status == 200, answer.body
        lines = answer.text().split("\r\n")
        assert lines[0] == header and len(lines) == 14
        asked = columns.replace("+", " ").replace("%20", " ").replace("%69", "i").replace("%2C", ",").split(",")
        assert lines[3] == ",".join(values[name] for name in asked)


def test_columns_that_are_not_there_are_400(get):
    for columns in ("nope", "id,nope", "ID", "", ",", "id,", "id,,name", "*", "%22id", "%22id%22x", "%22%22", "id:", ":id", "id:a:b", "id:name,name", "id:a,name:a",
                    "id:" + "n" * 256, "id%00", "id%20", "1", "ctid",
                    ",".join(["id"] * 1665)):
        problem.check(get(f"{ROWS}.csv?columns={columns}"), 400)


def test_columns_renamed(get):
    for columns, header in (("id:number", "number"), ("name,id:name_2", "name,name_2"), ("id:name,name:id", "name,id"),
                            ('"id":"a,b"', '"a,b"'), ('"Full Name":"x:y"', "x:y"), ('id:"say ""hi"""', '"say ""hi"""'),
                            ("id:x,id,id:y", "x,id_2,y")):
        answer = get(f"{ROWS}.csv?columns={urllib.parse.quote(columns)}")
        assert (answer.status, answer.text().split("\r\n")[0]) == (200, header), columns
    assert get(f"{ROWS}.ndjson?columns=id:n&limit=1").json() == {"n": 1}
    assert b"<row><n>1</n></row>" in get(f"{ROWS}.xml?columns=id:n&limit=1").body


# ---- how many there are

def test_count_by_preference(fetch):
    for prefer, count, applied in (("count=exact", "12", "count=exact"), ("COUNT=exact", "12", "count=exact"),
                                   ('respond-async, count="exact"; x', "12", "count=exact"),
                                   ("count=exact, count=planned", "12", "count=exact"),
                                   ("count=estimated", None, None), ("return=minimal", None, None)):
        for path in (f"{ROWS}.csv?limit=2", f"{ROWS}.csv?page=2&total_pages=3", "/export/items"):
            answer = fetch(path, headers={"Prefer": prefer})
            assert answer.status == 200
            assert answer.headers.get("x-total-count") == count, (prefer, path)
            assert answer.headers.get("preference-applied") == applied
            assert ("Prefer" in answer.headers["vary"]) == (count is not None)
    assert "x-total-count" not in fetch(f"{ROWS}.csv").headers
    assert fetch(f"{ROWS}.csv", method="HEAD", headers={"Prefer": "count=exact"}).headers["x-total-count"] == "12"


def test_the_planners_count(get, postgres):
    postgres.execute("ANALYZE req.items")
    answer = get(f"{ROWS}.csv?limit=1", headers={"Prefer": "count=planned"})
    assert (answer.headers["x-total-count"], answer.headers["preference-applied"]) == ("12", "count=planned")


def test_limit(get):
    for limit, rows in (("0", 0), ("1", 1), ("007", 7), ("12", 12), ("13", 12), (str(2 ** 63 - 1), 12)):
        answer = get(f"{ROWS}.csv?limit={limit}&columns=id")
        assert answer.text() == "".join(f"{line}\r\n" for line in ["id", *range(1, rows + 1)]), limit


NOT_UNDERSTOOD = ["limit=-1", "limit=", "limit=x", "limit=1e3", f"limit={2 ** 63}", "limit=1&limit=1",
                  "limit=1&%6cimit=2", "unknown=1", "Limit=1", "=1", "format=ndjson", "columns=%zz", "columns=%f",
                  "columns=%", "columns=%00", "%00=1", "columns=%ff", "columns=%c0%80", "columns=%ed%a0%80",
                  "digest=md5", "digest=", "limit=1;columns=id", "&".join(f"p{i}=1" for i in range(101))]


def test_what_is_not_understood_is_400(fetch):
    for query in NOT_UNDERSTOOD:
        assert problem.check(fetch(f"{ROWS}.csv?{query}"), 400, ROWS + ".csv")["type"].endswith(":bad-request"), query


def test_no_route_takes_what_it_does_not_know(get):
    for path in ("/api/v1/tables", "/tables", "/api/v1/tables/items", "/api/v1/tables/items/schema", "/export/items",
                 "/api/v1/exports/01a1f8d1-bb4d-70d7-bb11-e570b06a88f6"):
        problem.check(get(f"{path}?surprise=1"), 400, path)


def test_an_empty_query_asks_nothing(get):
    whole = get(ROWS + ".csv").body
    assert whole.count(b"\r\n") == 13
    assert get(ROWS + ".csv?").body == get(ROWS + ".csv?&&digest=sha-256&").body == whole


# ---- paths and methods

def test_what_is_not_there_is_404(fetch):
    for path in ("/nothing", "/api/v1", "/api/v1/", "/api/v1/tables/", "/api/v1/tables/nope", "/export/",
                 "/api/v1/tables/items/nope", "/export/nope", "/api/v1/tables/nope/rows.csv",
                 "/api/v1/tables/items%20/rows.csv", "/%C3%BC", "/api/v1/tables/%22items%22", "/api/v1/exports/nope",
                 "/tables/items", "/HEALTH",
                 "/api/v1/exports/01a1f8d1-bb4d-70d7-bb11-e570b06a88f6"):
        problem.check(fetch(path), 404, path.replace("%20", " ").replace("%22", '"').replace("%C3%BC", "ü"))


def test_a_path_that_is_no_text_is_refused(fetch):
    """Some of these a web server refuses by itself, or finds nothing there."""
    for path in ("/%zz", "/api/v1/tables/%00", "/%ff", "/%c0%80", f"{ROWS}.csv%00"):
        answer = fetch(path)
        assert answer.status in (400, 404), path
        assert not problem.TELLING.search(answer.text()), answer.text()


def test_an_encoded_path_is_the_same_path(get):
    assert get("/api/v1/t%61bles/%69tems/rows%2Ecsv").body == get(ROWS + ".csv").body != b""


def test_other_methods_are_405_with_allow(fetch):
    for path in ("/", "/health", "/tables", ROWS + ".csv", "/export/items"):
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "SPAM"):
            answer = fetch(path, method, data=b"x" * 100000 if method in ("POST", "PUT") else None)
            problem.check(answer, 405, path)
            assert answer.headers["allow"] == "GET, HEAD", (method, path)


def raw_head(site, path, token):
    """All that comes to HEAD, to the end of the connection: status, headers, body."""
    request = f"HEAD {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", site.port), 60) as connection:
        connection.sendall(request.encode())
        head, _, body = b"".join(iter(lambda: connection.recv(65536), b"")).decode().partition("\r\n\r\n")
    lines = [line.split(": ", 1) for line in head.split("\r\n")]
    return int(lines[0][0].split()[1]), {name.lower(): value for name, value in lines[1:]}, body


# Of the web server; and of this one answer.
UNSAID = {"server", "date", "connection", "keep-alive", "transfer-encoding", "sluice-export-id", "server-timing"}


def test_head_has_the_headers_and_no_body(sites, fetch, front, token):
    for path in ("/", "/health", "/tables", "/api/v1/tables/items", "/api/v1/tables/items/schema", "/api/v1/nothing",
                 ROWS + ".csv", ROWS + ".ndjson?page=1&total_pages=3", "/export/items", ROWS + ".csv?limit=x"):
        whole = fetch(path)
        status, headers, body = raw_head(sites(front), path, token)
        assert (status, body) == (whole.status, ""), path
        unsaid = UNSAID | ({"content-length"} if "sluice-export-id" in whole.headers else set())
        assert {k: v for k, v in headers.items() if k not in unsaid} == {
            k: v for k, v in whole.headers.items() if k not in unsaid}, path
        assert headers.get("content-length", str(len(whole.body))) == str(len(whole.body))

"""The log: one line of JSON a request, which says what became of it, and never whose rows they were."""

import itertools
import json
import os
import re

import pytest

from harness import process
from harness.client import curl, start

TABLES = """
CREATE SCHEMA logged;
CREATE TABLE logged.items (id int PRIMARY KEY, note text);
INSERT INTO logged.items SELECT i, 'confidential ' || i FROM generate_series(1, 4000) AS i;
CREATE VIEW logged.told AS SELECT (note || id)::int AS n FROM logged.items;
CREATE FUNCTION logged.tell(note text) RETURNS text LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'not this: %', note; END $$;
CREATE VIEW logged.raised AS SELECT logged.tell(note) AS n FROM logged.items;
CREATE VIEW logged.half AS SELECT id, repeat(note, 100) AS note, 1 / (3000 - id) AS n
    FROM (SELECT * FROM logged.items ORDER BY id) AS i;
GRANT USAGE ON SCHEMA logged TO sluice;
GRANT SELECT ON ALL TABLES IN SCHEMA logged TO sluice;
"""
VALUE = re.compile("confidential|not this|invalid input|second line")
SUB = 'ännchen "q"'
TRACES = itertools.count(1)
ROWS = "/api/v1/tables/{table}/rows{suffix}"


@pytest.fixture(scope="module")
def site(fleet, postgres):
    postgres.execute(TABLES)
    made = fleet.start(settings={"limits": {"requests": 20, "window": "1h"}, "tables": {
        name: {"name": f"logged.{name}"} for name in ("items", "told", "raised", "half")}})
    yield made
    fleet.stop(made, may_die=False)


@pytest.fixture
def ask(site, issuer):
    """ask(path, …): the answer and its line, found by a trace of its own. token: False for none."""
    mine = issuer.token(sub=SUB)

    def asking(path, token=mine, **more):
        trace = f"00-{next(TRACES):032x}-00f067aa0ba902b7-01"
        answer = curl(site.url + path, token or None, headers={"traceparent": trace}, **more)
        return answer, line_of(site, traceparent=trace)
    return asking


def lines(site):
    """All there are; the first worker that begins makes the file."""
    path = site.path("log", "sluice.log")
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as f:
        text = f.read()
    assert not VALUE.search(text), VALUE.search(text)
    return [json.loads(line) for line in text.split("\n")[:-1]]


def line_of(site, **members):
    """The only line of a request that has these; it comes when the answer has been read."""
    def found():
        return [line for line in lines(site) if line["msg"] == "request" and members.items() <= line.items()]
    process.wait_until(found, f"a line of {members}")
    assert len(found()) == 1
    return found()[0]


def check(line, answer, **members):
    """The line has these members, and those that every line has."""
    said = dict(line)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", said.pop("time"))
    assert re.fullmatch("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", said.pop("id"))
    assert isinstance(said.pop("pid"), int) and said.pop("msg") == "request"
    assert 0 <= said.pop("ms") <= 60000 and said.pop("traceparent").startswith("00-")
    for text in ("error", "cause"):
        if text not in members:
            said.pop(text, None)
    assert said == {"level": "request", "method": "GET", "sub": SUB, "status": answer.status, "rows": 0,
                    "bytes": len(answer.body)} | members


def test_what_went_well(ask):
    answer, line = ask("/api/v1/tables/items/rows.csv")
    check(line, answer, route=ROWS, table="items", rows=4000, outcome="ok")
    assert line["id"] == answer.headers["sluice-export-id"] and "error" not in line
    answer, line = ask("/export/items?page=2&total_pages=8")
    assert answer.status == 200
    check(line, answer, route="/export/{table}", table="items", rows=500, outcome="ok")
    answer, line = ask("/api/v1/tables/items")
    check(line, answer, route="/api/v1/tables/{table}", table="items", outcome="ok")
    answer, line = ask("/tables")
    check(line, answer, route="/tables", outcome="ok")
    answer, line = ask("/api/v1/tables/items/rows.csv", method="HEAD")
    check(line, answer, method="HEAD", route=ROWS, table="items", outcome="ok", bytes=0)
    answer, line = ask("/api/v1/tables/items/rows.ndjson?limit=0")
    check(line, answer, route=ROWS, table="items", outcome="ok", bytes=0)


def test_what_was_refused(ask):
    answer, line = ask("/api/v1/tables/items/rows.csv?columns=id,%22x%0a%22")
    check(line, answer, route=ROWS, table="items", outcome="bad-request")
    assert answer.status == 400 and line["error"] == answer.json()["detail"]
    answer, line = ask("/api/v1/tables/nowhere")
    check(line, answer, route="/api/v1/tables/{table}", outcome="not-found", error=answer.json()["detail"])
    answer, line = ask("/api/v1/tables/items", method="POST", data=b"x")
    assert line["method"] == "POST" and line["outcome"] == "method-not-allowed" and line["status"] == 405


def test_nobody_and_nowhere(ask, issuer):
    for path, token, outcome, route in (
            ("/nowhere?password=hush", False, "not-found", None), ("/tables", False, "unauthorized", "/tables"),
            ("/tables", "nonsense", "unauthorized", "/tables"), ("/%ff", False, "bad-request", None),
            ("/tables", issuer.token(exp=1), "unauthorized", "/tables")):
        answer, line = ask(path, token)
        assert "sub" not in line and "table" not in line and line.get("route") == route
        assert (line["level"], line["outcome"], line["status"]) == ("request", outcome, answer.status)
        assert "hush" not in json.dumps(line)


def test_too_many(ask, issuer):
    token = issuer.token(sub="eager")
    answers = [ask("/tables", token) for _ in range(21)]
    assert [line["outcome"] for _, line in answers] == ["ok"] * 20 + ["too-many-requests"]
    check(answers[20][1], answers[20][0], route="/tables", sub="eager", outcome="too-many-requests")


def test_what_the_database_could_not_compute(ask):
    for table, code in (("told", "22P02"), ("raised", "P0001")):
        answer, line = ask(f"/api/v1/tables/{table}/rows.csv")
        assert line["outcome"] == ("unprocessable" if table == "told" else "database")
        assert line["status"] == answer.status and code in line["cause"] and not VALUE.search(answer.text())
        assert line["error"] == answer.json()["detail"]


def test_what_was_cut(ask):
    answer, line = ask("/api/v1/tables/half/rows.ndjson")
    assert answer.exit == 18
    assert line["outcome"] == "aborted" and line["status"] == 200 and line["table"] == "half"
    assert 0 < line["rows"] < 3000 and "22012" in line["cause"]
    assert line["bytes"] >= len(answer.body) > 0
    assert line["rows"] >= answer.body.count(b"\n")


def test_a_client_that_went_away(site, issuer):
    trace = "00-ffffffffffffffffffffffffffffffff-00f067aa0ba902b7-01"
    client = start(f"{site.url}/api/v1/tables/endless/rows.csv", issuer.token(), headers={"traceparent": trace})
    assert client.stdout.read(100000)
    client.kill()
    client.communicate()
    line = line_of(site, traceparent=trace)
    assert (line["level"], line["outcome"], line["status"]) == ("request", "aborted", 200)
    assert line["rows"] > 0 and line["bytes"] > 100000 and "hung up" in line["error"]


def test_each_process_says_that_it_began(make_site):
    site = make_site(workers=(2, 1))

    def started():
        return [line for line in lines(site) if line["msg"] == "started"]
    process.wait_until(lambda: len(started()) == 3, "three lines")
    begun = started()
    assert sorted(line["pool"] for line in begun) == ["control", "stream", "stream"]
    assert {line["pid"] for line in begun} == set(site.workers())
    assert all(line["level"] == "info" for line in begun)


def test_levels_leave_lines_out(make_site, token):
    site = make_site(settings={"log": {"level": "warn"}, "tables": {"gone": {"name": "logged.gone"}}})
    assert curl(f"{site.url}/api/v1/tables/users/rows.csv?limit=1", token).status == 200
    assert curl(f"{site.url}/api/v1/tables/gone/rows.csv", token).status == 404
    process.wait_until(lambda: lines(site), "a warning")
    assert [(line["level"], line["table"]) for line in lines(site)] == [("warn", "gone")]

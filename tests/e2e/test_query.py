"""The query service: definitions in, pages and streams out, judged by PostgreSQL asked directly."""

import csv
import io
import json
import urllib.parse

import pytest

from harness import problem, process
from harness.client import curl
from harness.query import PATH, ask, pages, rows

EXAMPLE = {"from": "users", "select": ["user_id", "email", {"expr": {"lower": ["name"]}, "as": "who"}],
           "filter": {"and": [{"ge": ["user_id", 10]}, {"in": ["country_code", ["US", "DE"]]}]},
           "sort": [{"column": "user_id", "direction": "asc"}], "page": {"limit": 100}}


def test_the_example(site, postgres, token):
    answer = ask(site, token, EXAMPLE)
    assert answer.status == 200, answer.body
    said = answer.json()
    assert list(said) == ["columns", "rows", "totalRows", "next", "executionMs", "etag"]
    assert [column["name"] for column in said["columns"]] == ["user_id", "email", "who"]
    assert len(said["rows"]) == 100 and said["next"]
    assert answer.headers["etag"] == said["etag"]
    want = postgres.execute("SELECT user_id, email, lower(name) FROM users WHERE user_id >= 10"
                          " AND country_code IN ('US', 'DE') ORDER BY user_id LIMIT 100")
    assert [list(row.values()) for row in said["rows"]] == [list(row) for row in want]
    (total,), = postgres.execute("SELECT count(*) FROM users WHERE user_id >= 10 AND country_code IN ('US', 'DE')")
    assert said["totalRows"] == total


def test_get_with_a_parameter_or_a_body(site, token):
    want = ask(site, token, EXAMPLE).json()["rows"]
    text = json.dumps(EXAMPLE)
    answer = curl(f"{site.url}{PATH}?q={urllib.parse.quote(text)}", token)
    assert answer.status == 200 and answer.json()["rows"] == want
    answer = curl(site.url + PATH, token, "GET", {"Content-Type": "application/json"}, text.encode())
    assert answer.status == 200 and answer.json()["rows"] == want
    problem.check(curl(f"{site.url}{PATH}?q={urllib.parse.quote(text)}", token, "POST", data=text.encode()), 400)
    problem.check(curl(site.url + PATH, token), 400)


def test_a_body_that_is_too_large_is_a_problem(site, token):
    """Said by Sluice, not by the web server in front of it."""
    text, most = json.dumps(EXAMPLE).encode(), 1024 * 1024
    assert ask(site, token, text + b" " * (most - len(text))).status == 200
    for longer in (1, most // 2):
        said = problem.check(ask(site, token, text + b" " * (most - len(text) + longer)), 413, PATH)
        assert f"{most} bytes" in said["detail"]


def test_a_stream_by_accept_and_by_format(site, token):
    want = [[str(value) for value in row.values()] for row in rows(site, token, EXAMPLE)]
    for answer in (ask(site, token, EXAMPLE, {"Accept": "text/csv"}), ask(site, token, EXAMPLE, params="?format=csv")):
        assert answer.status == 200 and answer.headers["content-type"].startswith("text/csv")
        got = list(csv.reader(io.StringIO(answer.text())))
        assert got[0] == ["user_id", "email", "who"] and got[1:] == want
    unbounded = {"from": "users", "select": ["user_id"]}
    problem.check(ask(site, token, unbounded), 400)
    assert ask(site, token, unbounded, {"Accept": "text/csv"}).body.count(b"\n") == 20001


@pytest.mark.parametrize("sort, order", [
    ([], "user_id"),
    ([{"column": "country_code"}], "country_code, user_id"),
    ([{"column": "last_login", "direction": "desc"}], "last_login DESC, user_id"),
    ([{"column": "last_login", "direction": "asc", "nulls": "first"}, {"column": "subscription_tier", "direction": "desc"}],
     "last_login NULLS FIRST, subscription_tier DESC, user_id"),
    ([{"column": "last_login", "direction": "desc", "nulls": "last"}, {"expr": {"length": "name"}}],
     "last_login DESC NULLS LAST, length(name), user_id"),
    ([{"column": "is_active"}, {"column": "last_login"}, {"column": "user_id", "direction": "desc"}],
     "is_active, last_login, user_id DESC"),
])
def test_tokens_page_through_everything_once(nginx_site, postgres, token, sort, order):
    definition = {"from": "users", "select": ["user_id", "last_login"], "sort": sort}
    got, totals = [], set()
    for page in pages(nginx_site, token, definition, 3000):
        got += [row["user_id"] for row in page["rows"]]
        totals.add(page["totalRows"])
    assert got == [row[0] for row in postgres.execute(f"SELECT user_id FROM users ORDER BY {order}")]
    assert totals == {20000}


def test_groups_page_through_too(nginx_site, postgres, token):
    definition = {"from": "users", "select": ["country_code", {"expr": {"count": []}, "as": "n"},
                                               {"expr": {"sum": "lifetime_value"}, "as": "value"}],
                  "groupBy": ["country_code"], "having": {"gt": [{"count": []}, 3]},
                  "sort": [{"column": "n", "direction": "desc"}]}
    got = [tuple(row.values()) for page in pages(nginx_site, token, definition, 7) for row in page["rows"]]
    want = postgres.execute("SELECT country_code, count(*), sum(lifetime_value)::float8 FROM users GROUP BY 1"
                          " HAVING count(*) > 3 ORDER BY 2 DESC, 1")
    assert got == [tuple(row) for row in want] and len(got) > 7


def test_a_cached_answer_and_304(nginx_site, token):
    definition = {**EXAMPLE, "page": {"limit": 7}}
    answers = [ask(nginx_site, token, definition)]
    assert "desc=miss" in answers[0].headers["server-timing"]

    def is_kept():
        """The cache is not waited for: where all is slow it is asked in vain, and again some seconds later."""
        answers.append(ask(nginx_site, token, definition))
        return "desc=hit" in answers[-1].headers["server-timing"]
    process.wait_until(is_kept, "an answer from the cache", 60)
    first = answers[-1]
    assert (first.body, first.headers["etag"]) in [(answer.body, answer.headers["etag"]) for answer in answers[:-1]]
    answer = ask(nginx_site, token, definition, {"If-None-Match": first.headers["etag"]})
    assert answer.status == 304 and not answer.body and answer.headers["etag"] == first.headers["etag"]
    assert ask(nginx_site, token, definition, {"If-None-Match": 'W/"other"'}).status == 200
    packed = ask(nginx_site, token, definition, {"Accept-Encoding": "gzip"}, options=("--compressed",))
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.body == first.body or "desc=miss" in packed.headers["server-timing"]

"""Pages through HTTP: every row once, whatever the key and whoever writes meanwhile; and no page is ever cut."""

import json
import re

import pytest

from harness import problem
from harness.client import curl

MOST = 1000  # limits.page_rows
BULK = 30000

# name: (type of the key, the key of row i). ON CONFLICT leaves out what comes twice.
KEYS = {
    "bigint": ("bigint", "CASE i WHEN 1 THEN -9223372036854775808 WHEN 2 THEN 9223372036854775807"
               " ELSE (hashint8extended(i, 0) >> (i % 40)::int) END"),
    "int2": ("smallint", "CASE i WHEN 1 THEN -32768 WHEN 2 THEN 32767 ELSE hashint8(i) % 32768 END"),
    "dense": ("int", "i"),
    "text": ('text COLLATE "en-x-icu"',
             "CASE i WHEN 1 THEN '' ELSE chr(65 + (i % 60)::int) || md5(i::text) || '-ü' END"),
    "uuid": ("uuid", "md5(i::text)::uuid"),
    "timestamptz": ("timestamptz", "CASE i WHEN 1 THEN '-infinity' WHEN 2 THEN 'infinity' WHEN 3 THEN '0044-03-15 BC'"
                    " ELSE '2020-01-01'::timestamptz + (hashint8(i) / 1e3) * interval '1 s' END"),
    "date": ("date", "'2000-01-01'::date + (i * 3)::int"),
    "nullable": ("int UNIQUE", "CASE WHEN i % 11 > 0 THEN (i * 7)::int END"),
}

TABLES = "CREATE SCHEMA paged;" + "".join(
    f"CREATE TABLE paged.by_{name} (key {kind}{'' if 'UNIQUE' in kind else ' PRIMARY KEY'}, id bigint, note text);"
    for name, (kind, _) in KEYS.items()) + f"""
CREATE TABLE paged.bulk (id int PRIMARY KEY, note text);
INSERT INTO paged.bulk SELECT i, 'row ' || i FROM generate_series(1, {BULK}) AS i;
CREATE TABLE paged.unknown (id int PRIMARY KEY) WITH (autovacuum_enabled = off);
CREATE TABLE paged.huge (id int PRIMARY KEY);
INSERT INTO paged.huge SELECT generate_series(1, {MOST * 500 + 1});
CREATE TABLE paged.just (id int PRIMARY KEY);
INSERT INTO paged.just SELECT generate_series(1, {MOST});
CREATE TABLE paged.two (a int, b int, PRIMARY KEY (a, b));
CREATE TABLE paged.no_key (a int UNIQUE);
CREATE TABLE paged.odd (a numeric PRIMARY KEY);
CREATE TABLE paged.covering (a int, b text, PRIMARY KEY (a) INCLUDE (b));
INSERT INTO paged.covering SELECT i, i FROM generate_series(1, 9) AS i;
ANALYZE;
INSERT INTO paged.unknown SELECT generate_series(1, 5 * {MOST});
GRANT USAGE ON SCHEMA paged TO sluice;
GRANT SELECT ON ALL TABLES IN SCHEMA paged TO sluice;
"""
REGISTRY = {name: {"name": f"paged.{name}"} for name in
            ("bulk", "huge", "just", "unknown", "two", "no_key", "odd", "covering", *(f"by_{key}" for key in KEYS))}
REGISTRY["by_nullable"]["primary_key"] = "key"
REGISTRY["hidden"] = {"name": "paged.bulk", "columns": ["note"]}


def insert(name, first, last):
    return (f"INSERT INTO paged.by_{name} SELECT {KEYS[name][1]}, i, 'as inserted'"
            f" FROM generate_series({first}, {last}) AS i ON CONFLICT DO NOTHING;")


@pytest.fixture(scope="module")
def site(fleet, postgres):
    postgres.execute(TABLES + "".join(insert(name, 1, 800) for name in KEYS))
    made = fleet.start(settings={"limits": {"page_rows": MOST}, "tables": REGISTRY})
    yield made
    fleet.stop(made, may_die=False)


@pytest.fixture
def get(site, token):
    return lambda path: curl(site.url + path, token)


def rows(answer):
    assert (answer.exit, answer.status) == (0, 200), answer.body
    return [json.loads(line) for line in answer.body.split(b"\n")[:-1]]


def refused(answer, status):
    """A problem, and no export that was begun."""
    assert "sluice-export-id" not in answer.headers
    return problem.check(answer, status)


def follow(get, path):
    """The rows of each page, from one to the next."""
    while path:
        answer = get(path)
        yield rows(answer)
        link = re.fullmatch(r'<(/[^>]+)>; rel="next"', answer.headers.get("link", ""))
        assert link or "link" not in answer.headers
        path = link and link[1]


def ids(postgres, table):
    return [row[0] for row in postgres.execute(f"SELECT id FROM paged.{table} ORDER BY id")]


@pytest.mark.parametrize("name", KEYS)
def test_pages_asked_one_by_one_hold_every_row_once(get, postgres, name):
    total = 10
    seen = []
    for page in range(1, total + 1):
        answer = get(f"/export/by_{name}?page={page}&total_pages={total}")
        assert answer.headers["content-disposition"] == f"attachment; filename=by_{name}_page{page}_of_{total}.jsonl"
        assert (answer.headers["x-page-number"], answer.headers["x-total-pages"]) == (str(page), str(total))
        assert answer.headers["content-type"] == "application/x-ndjson"
        assert ("link" in answer.headers) == (page < total)
        seen += [row["id"] for row in rows(answer)]
    assert sorted(seen) == ids(postgres, f"by_{name}")
    assert len(seen) > 500


@pytest.mark.parametrize("name", KEYS)
def test_links_give_every_row_once_while_rows_change(get, postgres, name):
    table = f"by_{name}"
    before = set(ids(postgres, table))
    seen = []
    pages = follow(get, f"/api/v1/tables/{table}/rows.ndjson?total_pages=6")
    for page, found in enumerate(pages, 1):
        seen += [row["id"] for row in found]
        postgres.execute(insert(name, 1000 * page, 1000 * page + 100)
                         + f"DELETE FROM paged.{table} WHERE id % 13 = {page};"
                         f"UPDATE paged.{table} SET note = 'changed', id = id WHERE id % 3 = {page % 3};")
    assert page == 6
    assert len(seen) == len(set(seen))
    surviving = before & set(ids(postgres, table))
    assert surviving <= set(seen) and 400 < len(surviving) < len(before)
    postgres.execute(f"DELETE FROM paged.{table};" + insert(name, 1, 800))


def test_rows_within_a_page_are_in_the_order_of_the_key(get):
    for found in follow(get, "/api/v1/tables/by_int2/rows.ndjson?total_pages=4&columns=key"):
        keys = [row["key"] for row in found]
        assert keys == sorted(keys) and keys


def test_the_names_of_the_short_route(get, postgres):
    answer = get("/export/by_uuid")
    assert answer.headers["content-disposition"] == "attachment; filename=by_uuid_page1_of_1.jsonl"
    assert (answer.headers["x-page-number"], answer.headers["x-total-pages"]) == ("1", "1")
    assert sorted(row["id"] for row in rows(answer)) == ids(postgres, "by_uuid")


def test_the_link_keeps_what_was_asked(get):
    path = "/api/v1/tables/bulk/rows?columns=note%2Cid&total_pages=40&limit=3"
    answer = get(path)
    assert answer.body.count(b"\r\n") == 4 and answer.body.startswith(b"note,id\r\n")
    pages = list(follow(get, path.replace("rows", "rows.ndjson")))
    assert len(pages) == 40 and all(len(page) == 3 and list(page[0]) == ["note", "id"] for page in pages)
    assert len({row["id"] for page in pages for row in page}) == 120


def test_a_link_that_is_too_long_is_refused(get):
    """Without it a client would take the first page for the last."""
    def path(n, name):
        return "/api/v1/tables/bulk/rows.csv?total_pages=40&columns=" + ",".join(f"id:{name}{i}" for i in range(n))
    assert 'rel="next"' in get(path(700, "c")).headers["link"]
    refused = get(path(500, "éé"))
    assert refused.status == 400 and "link" in refused.json()["detail"]
    assert get(path(500, "éé") + "&page=40").status == 200


def test_pages_without_rows(nginx_site, token):
    for page in (1, 2, 500):
        answer = curl(f"{nginx_site.url}/export/empty?page={page}&total_pages=500", token)
        assert rows(answer) == [] and answer.headers["x-total-pages"] == "500"


def test_more_pages_than_rows(get):
    assert [row["a"] for page in follow(get, "/export/covering?total_pages=20") for row in page] == list(range(1, 10))


@pytest.mark.parametrize("query", ["total_pages=0", "total_pages=501", "page=0", "page=-1&total_pages=5", "page=2",
                                   "page=6&total_pages=5", "page=x", "page=", "total_pages=", "page=1.0",
                                   "page=%201", "page=%2b1", "page=1&page=1", "page=0x1", "pages=1",
                                   "total_pages=99999999999999999999"])
def test_numbers_that_make_no_page_are_400(get, query):
    for path in ("/export/by_dense", "/api/v1/tables/by_dense/rows.csv"):
        assert refused(get(f"{path}?{query}"), 400)["detail"]


def bounds_of(answer):
    assert answer.status == 200, answer.body
    return answer.headers["sluice-bounds"]


def test_a_token_of_another_table_key_or_number_is_400(get):
    bounds = bounds_of(get("/export/by_dense?total_pages=5"))
    assert rows(get(f"/export/by_dense?total_pages=5&page=5&bounds={bounds}"))
    for other in ("by_dense?total_pages=6", "by_dense?total_pages=4", "bulk?total_pages=5", "by_text?total_pages=5",
                  "by_dense?"):
        assert "token" in refused(get(f"/export/{other}&bounds={bounds}"), 400)["detail"]


@pytest.mark.parametrize("table", ["by_dense", "by_text", "by_timestamptz"])
def test_a_damaged_token_is_400(get, table):
    bounds = bounds_of(get(f"/export/{table}?total_pages=3"))
    flipped = bounds[:-3] + ("A" if bounds[-3] != "A" else "B") + bounds[-2:]
    for damaged in (flipped, bounds[:-1], bounds + "A", bounds[4:], "", "x", "%20" + bounds, bounds + "=", "A" * 7000,
                    bounds.swapcase()):
        assert refused(get(f"/export/{table}?total_pages=3&bounds={damaged}"), 400)["detail"]


@pytest.mark.parametrize("table", ["two", "no_key", "odd", "hidden"])
def test_a_table_without_a_key_for_pages_is_422(get, table):
    answer = refused(get(f"/export/{table}?total_pages=2"), 422)
    assert table in answer["detail"] and "ask for it whole" in answer["detail"]
    assert get(f"/api/v1/tables/{table}/rows.csv?limit=1").status == 200


@pytest.mark.parametrize("asked", [1, 10])
def test_too_large_a_page_is_413_and_says_what_would_do(get, asked):
    said = refused(get(f"/export/bulk?total_pages={asked}"), 413)
    assert BULK / asked / 2 < said["estimatedRows"] < BULK / asked * 2 and said["limit"] == MOST
    assert BULK / MOST < said["totalPages"] < 3 * BULK / MOST and str(said["totalPages"]) in said["detail"]
    pages = list(follow(get, f"/export/bulk?total_pages={said['totalPages']}"))
    assert len(pages) == said["totalPages"] and max(map(len, pages)) <= MOST
    assert [row["id"] for page in pages for row in page] == list(range(1, BULK + 1))


def test_a_table_that_was_never_analyzed_is_counted(get):
    said = refused(get("/export/unknown"), 413)
    assert said["estimatedRows"] == 5 * MOST
    assert sum(map(len, follow(get, f"/export/unknown?total_pages={said['totalPages']}"))) == 5 * MOST


def test_more_than_500_pages_would_hold(get):
    said = refused(get("/export/huge?total_pages=2"), 413)
    assert "totalPages" not in said and "500" in said["detail"] and "whole" in said["detail"]
    assert said["estimatedRows"] > MOST


def test_a_page_is_never_cut(get, postgres):
    assert len(rows(get("/export/just"))) == MOST
    assert len(rows(get(f"/export/bulk?limit={MOST}"))) == MOST
    refused(get(f"/export/bulk?limit={MOST + 1}"), 413)
    postgres.execute("INSERT INTO paged.just VALUES (0)")
    said = refused(get("/export/just"), 413)
    assert said["estimatedRows"] > MOST
    assert sum(map(len, follow(get, f"/export/just?total_pages={said['totalPages']}"))) == MOST + 1
    assert get("/api/v1/tables/just/rows.ndjson").body.count(b"\n") == MOST + 1


def test_hidden_keys_show_nowhere(get):
    assert get("/api/v1/tables/hidden").json() == {"key": "hidden", "name": "paged.bulk", "columns": ["note"],
                                                   "primary_key": None}
    answer = get("/api/v1/tables/hidden/rows.ndjson?limit=2")
    assert rows(answer) == [{"note": "row 1"}, {"note": "row 2"}]

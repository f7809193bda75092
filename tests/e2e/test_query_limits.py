"""What a query may cost: the planner is asked before it runs, and what came out too large is refused, never cut off."""

import time

import pytest

from harness import config, problem, process
from harness.client import curl
from harness.faults import rows_url
from harness.query import ask, rows

ROWS = 40000
TABLES = f"""
CREATE TABLE limited (id int PRIMARY KEY, few int, spread int, label text);
INSERT INTO limited SELECT i, i % 4, i, md5(i::text) FROM generate_series(1, {ROWS}) i;
CREATE INDEX ON limited (few, spread);
CREATE TABLE limited_parts (id int, day int, label text, PRIMARY KEY (day, id)) PARTITION BY RANGE (day);
CREATE TABLE limited_low PARTITION OF limited_parts FOR VALUES FROM (0) TO (50);
CREATE TABLE limited_high PARTITION OF limited_parts FOR VALUES FROM (50) TO (100);
INSERT INTO limited_parts SELECT i, i % 100, md5(i::text) FROM generate_series(1, {ROWS}) i;
CREATE VIEW limited_view AS SELECT id, label FROM limited;
CREATE VIEW limited_cte AS WITH made AS MATERIALIZED (SELECT id, label FROM limited) SELECT * FROM made;
CREATE TABLE limited_few (few int PRIMARY KEY, name text, big int);
INSERT INTO limited_few SELECT i, 'few ' || i, i FROM generate_series(0, 3) i;
CREATE EXTENSION postgres_fdw;
CREATE SERVER limited_there FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '{{host}}', port '{{port}}', dbname 'sluice',
    use_remote_estimate 'true');
CREATE USER MAPPING FOR sluice SERVER limited_there OPTIONS (user 'sluice', password_required 'false');
CREATE FOREIGN TABLE limited_foreign (id int, label text) SERVER limited_there OPTIONS (table_name 'limited');
GRANT SELECT ON limited, limited_parts, limited_view, limited_cte, limited_few, limited_foreign TO sluice;
"""
ANALYZE = "VACUUM ANALYZE limited; ANALYZE limited_parts; ANALYZE limited_few"
DROP = """DROP FOREIGN TABLE limited_foreign; DROP SERVER limited_there CASCADE; DROP EXTENSION postgres_fdw;
DROP VIEW limited_view, limited_cte; DROP TABLE limited, limited_parts, limited_few"""
NAMES = ("limited", "limited_parts", "limited_view", "limited_cte", "limited_few", "limited_foreign")
MEGA = 1024 * 1024


def settings(postgres, limits, **more):
    parallel = postgres.conninfo() + (" options='-c max_parallel_workers_per_gather=2 -c parallel_setup_cost=0"
                                      " -c parallel_tuple_cost=0 -c min_parallel_table_scan_size=0 -c enable_indexscan=off'")
    walking = postgres.conninfo() + " options='-c enable_seqscan=off -c enable_bitmapscan=off'"
    tables = {**{name: {"database": "main"} for name in (*config.TABLES, *NAMES)},
              "side_by_side": {"database": "parallel", "name": "limited"}, "walked": {"database": "walking", "name": "limited"}}
    tables["limited"]["joins"] = ["kind:few:limited_few"]
    tables["limited_few"]["joins"] = ["back:big:limited"]
    databases = {"parallel": {"conninfo": parallel}, "walking": {"conninfo": walking}}
    return {"limits": limits, "databases": databases, "tables": tables, "cache": {"keep": "0s"}, **more}


@pytest.fixture(scope="module")
def limited(postgres):
    postgres.execute(TABLES.format(host=postgres.host, port=postgres.port))
    for statement in ANALYZE.split("; "):
        postgres.execute(statement)
    yield
    postgres.execute(DROP)


@pytest.fixture(scope="module")
def scanless(fleet, postgres, limited):
    """No table of more than a megabyte is read whole."""
    site = fleet.start(settings=settings(postgres, {"query_scan": "1M"}))
    yield site
    fleet.stop(site)


@pytest.fixture(scope="module")
def cheap(fleet, postgres, limited):
    site = fleet.start(settings=settings(postgres, {"query_cost": 200}))
    yield site
    fleet.stop(site)


def page(table="limited", limit=5, **members):
    return {"from": table, "page": {"limit": limit}, "count": "none", **members}


def bytes_of(postgres, *tables):
    ((size,),) = postgres.execute("SELECT sum(pg_relation_size(c)) FROM unnest(ARRAY['" + "','".join(tables) + "']::regclass[]) c")
    return int(size)


def refused(site, token, definition, *words, megabytes=None):
    said = problem.check(ask(site, token, definition), 422)
    assert all(word in said["detail"] for word in words), said["detail"]
    if megabytes:
        about = float(said["detail"].split("about ")[1].split(" MB")[0])
        assert megabytes * 0.7 < about < megabytes * 1.5, said["detail"]


def test_a_table_that_would_be_read_whole_is_named(scanless, token, postgres):
    size = bytes_of(postgres, "limited") / 1e6
    assert size > 2
    refused(scanless, token, page(sort=["label"]), "Seq Scan of table limited,", "1.0 MB may be", megabytes=size)
    refused(scanless, token, page(filter={"eq": ["label", "x"]}), "Seq Scan of table limited,", megabytes=size)
    refused(scanless, token, page(select=["few", {"expr": {"max": "label"}, "as": "m"}], groupBy=["few"]), "Seq Scan")


def test_an_index_is_no_whole_reading(scanless, token):
    assert len(rows(scanless, token, page(filter={"eq": ["id", 77]}))) == 1
    assert len(rows(scanless, token, page(filter={"between": ["id", 100, 20000]}, sort=["id"]))) == 5
    assert len(rows(scanless, token, page(filter={"and": [{"eq": ["few", 1]}, {"lt": ["spread", 1000]}]}, sort=["label"]))) == 5
    assert len(rows(scanless, token, page(filter={"or": [{"eq": ["id", 1]}, {"eq": ["id", 2]}]}))) == 2  # bitmaps


def test_an_index_that_is_walked_from_end_to_end_is(scanless, token, postgres):
    """In the order of the key, for a filter that hardly any row passes: nearly every page of the table is read."""
    size = bytes_of(postgres, "limited") / 1e6
    refused(scanless, token, page("walked", filter={"eq": ["label", "x"]}), "Index Scan of table walked,", megabytes=size)
    assert len(rows(scanless, token, page("walked"))) == 5
    assert len(rows(scanless, token, page("walked", filter={"and": [{"eq": ["label", "x"]}, {"lt": ["id", 9]}]}))) == 0


@pytest.mark.parametrize("definition", [
    page(), page(limit=100), page(sort=["id"]), page(sort=[{"column": "id", "direction": "desc"}]), page(filter={"gt": ["spread", 0]}),
    page(select=["id", "kind.name"]), page("limited_parts"), page("limited_view"), page("limited_cte"),
    page(sort=["few", "spread"]),
])
def test_a_limit_that_ends_early_is_no_whole_reading(scanless, token, definition):
    if definition["from"] == "limited_cte":
        # A WITH is made whole, as far as anybody can promise.
        refused(scanless, token, definition, "Seq Scan")
    else:
        assert len(rows(scanless, token, definition)) == definition["page"]["limit"]


def test_pages_by_token_are_none_either(scanless, token):
    definition = page(sort=["few", "spread"], limit=50)
    first = ask(scanless, token, definition).json()
    second = ask(scanless, token, {**definition, "page": {"limit": 50, "after": first["next"]}})
    assert second.status == 200 and len(second.json()["rows"]) == 50


def test_partitions_are_read_together(scanless, token, postgres):
    both, one = bytes_of(postgres, "limited_low", "limited_high") / 1e6, bytes_of(postgres, "limited_low") / 1e6
    assert one > 1.2 and both > 2 * one * 0.9
    refused(scanless, token, page("limited_parts", sort=["label"]), "Seq Scan of table limited_parts,", megabytes=both)
    refused(scanless, token, page("limited_parts", sort=["label"], filter={"lt": ["day", 50]}), "table limited_parts,")


def test_what_a_view_reads_is_the_views(scanless, token, postgres):
    size = bytes_of(postgres, "limited") / 1e6
    refused(scanless, token, page("limited_view", sort=["label"]), "Seq Scan of table limited_view,", megabytes=size)
    refused(scanless, token, page("limited_cte", sort=["label"]), "Seq Scan of table limited_cte,", megabytes=size)


def test_what_stands_elsewhere(scanless, token):
    refused(scanless, token, page("limited_foreign", sort=[{"expr": {"length": "label"}}]), "Foreign Scan of table limited_foreign,")
    assert len(rows(scanless, token, page("limited_foreign", filter={"eq": ["id", 5]}))) == 1


def test_what_is_read_side_by_side(scanless, token, postgres):
    refused(scanless, token, page("side_by_side", sort=["label"]), "Seq Scan of table side_by_side,",
            megabytes=bytes_of(postgres, "limited") / 1e6)


def test_a_joined_table_that_is_read_whole_is_named(scanless, token):
    assert len(rows(scanless, token, page("limited_few", select=["name", "back.label"], sort=["back.label"]))) == 4
    refused(scanless, token, page(select=["id", "kind.name"], sort=["kind.name"]), "Seq Scan of table limited,")


def test_counting_has_a_refusal_of_its_own(scanless, token):
    problem_said = problem.check(ask(scanless, token, {**page(), "count": "exact"}), 422)["detail"]
    assert problem_said.startswith("counting totalRows is refused") and "table limited" in problem_said
    assert problem.check(ask(scanless, token, {"from": "limited", "page": {"limit": 5}}), 422)["detail"] == problem_said
    planned = ask(scanless, token, {**page(), "count": "planned"}).json()
    assert planned["totalRows"] == ROWS and len(planned["rows"]) == 5
    # What an index counts, and a page that shows the end, need no such reading.
    counted = {**page(filter={"lt": ["id", 3000]}), "count": "exact"}
    assert ask(scanless, token, counted).json()["totalRows"] == 2999
    assert ask(scanless, token, {**page("limited_few"), "count": "exact"}).json()["totalRows"] == 4


def test_streams_are_exports(scanless, token):
    answer = ask(scanless, token, {"from": "limited", "select": ["id"], "sort": ["label"]}, params="?format=csv")
    assert answer.status == 200 and answer.body.count(b"\n") == ROWS + 1


def test_a_plan_that_costs_too_much_names_its_dearest_step(cheap, token):
    refused(cheap, token, page(sort=["label"]), "no more than 200 may it", "(")
    refused(cheap, token, page(filter={"eq": ["label", "x"]}), "Seq Scan of table limited")
    refused(cheap, token, page(select=["label", {"expr": {"count": []}, "as": "n"}], groupBy=["label"]), "200 may it")
    assert len(rows(cheap, token, page())) == 5
    assert len(rows(cheap, token, page(filter={"eq": ["id", 77]}, sort=["label"]))) == 1
    said = problem.check(ask(cheap, token, {**page(), "count": "exact"}), 422)["detail"]
    assert said.startswith("counting totalRows is refused") and "200 may it" in said


def test_without_limits_anything_goes(make_site, token, postgres, limited):
    site = make_site(settings=settings(postgres, {"query_cost": 0, "query_scan": 0}))
    assert len(rows(site, token, page(sort=["label"]))) == 5


# ---- time, rows, bytes, policies

def test_a_slow_statement_ends(make_site, token, postgres, limited):
    site = make_site(settings=settings(postgres, {"query_time": "1s"}))
    began = time.monotonic()
    said = problem.check(ask(site, token, page("slow", limit=1000)), 504)
    assert said["type"] == "urn:sluice:problem:timeout" and time.monotonic() - began < 30  # of fifty seconds
    # The session goes on; where all is slow that too may take longer than it may.
    answers = []

    def goes_on():
        answers.append(ask(site, token, page("slow", limit=3)))
        return answers[-1].status == 200
    process.wait_until(goes_on, "three rows")
    assert len(answers[-1].json()["rows"]) == 3


def test_of_two_times_the_shorter_holds(make_site, token, postgres, limited):
    more = settings(postgres, {"query_time": "5min"})
    more["databases"]["main"] = {"statement_timeout": "1s"}
    problem.check(ask(make_site(settings=more), token, page("slow", limit=500)), 504)


@pytest.fixture(scope="module")
def small(fleet, postgres, limited):
    """Small pages, and a policy."""
    policies = {"little": {"tables": ["limited"], "roles": ["*"], "rows": 20, "formats": ["csv", "json"]},
                "no_json": {"tables": ["limited_few"], "roles": ["*"], "formats": ["csv"]}}
    site = fleet.start(settings=settings(postgres, {"query_rows": 300, "query_bytes": 2048}, policies=policies))
    yield site
    fleet.stop(site)


def test_rows_of_a_page(small, token):
    said = problem.check(ask(small, token, page("users", limit=301)), 400)
    assert said["errors"][0]["pointer"] == "/page/limit" and "300" in said["detail"]
    assert len(rows(small, token, page("users", select=["user_id"], limit=100))) == 100


def test_bytes_of_a_page(small, token):
    definition = page("users", select=["user_id", "email"], limit=300)
    said = problem.check(ask(small, token, definition), 413)
    assert said["type"] == "urn:sluice:problem:too-large" and "2048 bytes" in said["detail"]
    assert len(rows(small, token, {**definition, "page": {"limit": 10}})) == 10
    assert ask(small, token, definition, params="?format=csv").body.count(b"\n") == 301  # a stream has no such limit


def test_rows_that_a_policy_allows(small, token):
    assert len(rows(small, token, page(limit=20))) == 20
    problem.check(ask(small, token, page(limit=21)), 413)
    unbounded = {"from": "limited", "select": ["id"]}
    problem.check(ask(small, token, unbounded, params="?format=csv"), 413)
    few = {**unbounded, "filter": {"le": ["id", 20]}}
    assert ask(small, token, few, params="?format=csv").body.count(b"\n") == 21
    problem.check(ask(small, token, {**unbounded, "filter": {"le": ["id", 21]}}, params="?format=csv"), 413)
    assert ask(small, token, {**unbounded, "page": {"limit": 20}}, params="?format=csv").body.count(b"\n") == 21
    problem.check(curl(rows_url(small, "limited", "csv", limit=21), token), 413)


def test_formats_that_a_policy_allows(small, token):
    said = problem.check(ask(small, token, page(), params="?format=xml"), 403)
    assert "csv" in said["detail"] and "json" in said["detail"]
    problem.check(ask(small, token, page(), {"Accept": "application/xml"}), 403)
    assert ask(small, token, page(), params="?format=csv").status == 200
    problem.check(ask(small, token, page("limited_few")), 403)  # a page is JSON
    assert ask(small, token, page("limited_few"), {"Accept": "text/csv"}).status == 200


def test_a_viewer_pages_and_does_not_stream(small, issuer):
    viewer = issuer.token(roles=["viewer"])
    assert len(rows(small, viewer, page())) == 5
    for options in ({"params": "?format=csv"}, {"headers": {"Accept": "text/csv"}}):
        said = problem.check(ask(small, viewer, page(), **options), 403)
        assert "exporter" in said["detail"]
    nobody = issuer.token(roles=["someone"])
    problem.check(ask(small, nobody, page()), 403)

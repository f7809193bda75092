"""validateOnly: what a query would be, judged by EXPLAIN and by the query itself; and that nothing but a sample is run."""

import time

import pytest

from harness import config, problem, process
from harness.query import ask, rows

ROWS = 40000
TABLES = f"""
CREATE TABLE checked_city (city_id int PRIMARY KEY, tenant int NOT NULL, name text, mayor text);
INSERT INTO checked_city SELECT i, i % 2 + 1, 'city ' || i, 'mayor ' || i FROM generate_series(1, 100) i;
CREATE TABLE checked (id int PRIMARY KEY, tenant int NOT NULL, city_id int, email text, born date, amount numeric(9,2), label text);
INSERT INTO checked SELECT i, i % 2 + 1, i % 100 + 1, 'user' || i || '@example.com', date '1970-01-01' + i % 9000, i / 7.0, md5(i::text)
    FROM generate_series(1, {ROWS}) i;
CREATE FUNCTION checked_noted(id int) RETURNS int LANGUAGE plpgsql COST 1 AS
    $$ BEGIN RAISE WARNING 'row % was made', id; RETURN id; END $$;
CREATE VIEW checked_noisy AS SELECT checked_noted(id) AS id, label FROM checked;
CREATE FUNCTION checked_nap(id int) RETURNS int LANGUAGE plpgsql COST 1 AS $$ BEGIN PERFORM pg_sleep(1); RETURN id; END $$;
CREATE VIEW checked_slow AS SELECT checked_nap(id) AS id, tenant FROM checked;
CREATE TABLE checked_many (id int PRIMARY KEY, tenant int NOT NULL, label text);
INSERT INTO checked_many SELECT i, CASE WHEN i <= 100000 THEN 1 ELSE 2 END, repeat('x', CASE WHEN i <= 100000 THEN 200 ELSE 1 END)
    FROM generate_series(1, 200001) i;
GRANT SELECT ON checked, checked_city, checked_noisy, checked_slow, checked_many TO sluice;
"""
DROP = "DROP VIEW checked_noisy, checked_slow; DROP FUNCTION checked_noted, checked_nap; DROP TABLE checked, checked_city, checked_many"
SETTINGS = {
    "tables": {**{name: {"database": "main"} for name in config.TABLES},
               "people": {"database": "main", "name": "checked", "tenant_column": "tenant", "joins": ["city:city_id:cities"]},
               "cities": {"database": "main", "name": "checked_city", "tenant_column": "tenant"},
               "all_people": {"database": "main", "name": "checked", "joins": ["csv_city:city_id:csv_cities"]},
               "ten": {"database": "main", "name": "checked"}, "csv_cities": {"database": "main", "name": "checked_city"},
               "many": {"database": "main", "name": "checked_many", "tenant_column": "tenant"},
               "slow_own": {"database": "main", "name": "checked_slow", "tenant_column": "tenant"},
               "noisy": {"database": "main", "name": "checked_noisy"}, "slowly": {"database": "main", "name": "checked_slow"}},
    "policies": {"people": {"tables": ["people"], "roles": ["*"], "masks": ["email:partial", "born:year"]},
                 "cities": {"tables": ["cities"], "roles": ["*"], "masks": ["mayor:stars"]},
                 "csv": {"tables": ["csv_cities"], "roles": ["*"], "formats": ["csv"]},
                 "ten": {"tables": ["ten"], "roles": ["*"], "rows": 3, "formats": ["json", "csv"]}},
}
MEMBERS = ["valid", "columns", "tenantPredicates", "estimatedRows", "estimatedBytes", "estimatedSeconds", "estimatedCost", "limits",
           "sample"]


@pytest.fixture(scope="module")
def tables(postgres):
    postgres.execute(TABLES)
    postgres.execute("VACUUM ANALYZE checked")
    postgres.execute("ANALYZE checked_many")
    yield
    postgres.execute(DROP)


@pytest.fixture(scope="module")
def checked(fleet, tables):
    site = fleet.start(settings=SETTINGS)
    yield site
    fleet.stop(site)


@pytest.fixture
def token(issuer):
    return issuer.token(tenant_id=2)


def validate(site, token, definition, params="", **options):
    answer = ask(site, token, {**definition, "validateOnly": True}, params=params, **options)
    assert answer.status == 200, answer.body
    said = answer.json()
    assert list(said) == MEMBERS and said["valid"] is True
    return said


def in_time(condition, *args, **options):
    """The first validation of which that is true: what is counted or sampled has two seconds, which may be too few
    where all is slow, and is then left out."""
    found = []

    def is_it():
        found[:] = [validate(*args, **options)]
        return condition(found[0])
    process.wait_until(is_it, "a validation in time", 60)
    return found[0]


def has_sample(said):
    return said["sample"] is not None


def is_estimated(said):
    return said["estimatedRows"] is not None


def tripped(said):
    return [(limit["limit"], limit["of"]) for limit in said["limits"]]


def planned(postgres, sql):
    ((plan,),) = postgres.execute(f"EXPLAIN (FORMAT JSON) {sql}")
    return plan[0]["Plan"]


def near(value, wanted, factor=2.0):
    assert wanted / factor <= value <= wanted * factor, (value, wanted)


def test_behind_every_front(site, token, postgres):
    said = in_time(has_sample, site, token,
                   {"from": "users", "select": ["user_id", "email"], "page": {"limit": 100}, "count": "none"})
    assert [column["name"] for column in said["columns"]] == ["user_id", "email"]
    assert said["tenantPredicates"] == said["limits"] == [] and said["estimatedRows"] == 100
    real = {tuple(row) for row in postgres.execute("SELECT user_id, email FROM users")}
    assert len(said["sample"]) == 10 and {tuple(row.values()) for row in said["sample"]} <= real


def test_columns_masks_and_tenants(checked, token, postgres):
    definition = {"from": "people", "select": ["id", "email", {"column": "born", "as": "year"}, "amount", "city.mayor",
                                               {"expr": {"lower": "email"}, "as": "low"}], "page": {"limit": 50}}
    said = in_time(has_sample, checked, token, definition)
    assert [(column["name"], column["type"], column["mask"]) for column in said["columns"]] == [
        ("id", "int32", None), ("email", "utf8", "partial"), ("year", "utf8", "year"), ("amount", "decimal128", None),
        ("city.mayor", "utf8", "stars"), ("low", "utf8", None)]
    assert (said["columns"][3]["precision"], said["columns"][3]["scale"]) == (9, 2)
    real = ask(checked, token, definition).json()
    assert [{name: value for name, value in column.items() if name != "mask"} for column in said["columns"]] == real["columns"]
    assert said["tenantPredicates"] == [{"table": "people", "column": "tenant", "value": "2"},
                                        {"table": "cities", "column": "tenant", "value": "2"}]
    assert len(said["sample"]) == 10
    own = {row[0]: row for row in postgres.execute("SELECT id, email, born, amount FROM checked WHERE tenant = 2")}
    for row in said["sample"]:
        _, email, born, amount = own[row["id"]]
        assert row["email"] == email[0] + "***@example.com" and row["year"] == str(born.year)
        assert row["amount"] == float(amount) and row["city.mayor"] in ("***", None) and row["low"] == row["email"].lower()


def test_only_the_tables_that_are_reached_have_predicates(checked, token):
    assert [t["table"] for t in validate(checked, token, {"from": "people", "select": ["id"]})["tenantPredicates"]] == ["people"]
    assert validate(checked, token, {"from": "all_people"})["tenantPredicates"] == []


QUERIES = [  # a definition, and the same in SQL
    ({"from": "all_people"}, "SELECT * FROM checked"),
    ({"from": "all_people", "select": ["id", "label"], "filter": {"lt": ["id", 1000]}}, "SELECT id, label FROM checked WHERE id < 1000"),
    ({"from": "all_people", "filter": {"eq": ["city_id", 7]}}, "SELECT * FROM checked WHERE city_id = 7"),
    ({"from": "all_people", "select": ["city_id", {"expr": {"sum": "amount"}, "as": "s"}], "groupBy": ["city_id"]},
     "SELECT city_id, sum(amount) FROM checked GROUP BY 1"),
    ({"from": "all_people", "sort": ["label"], "page": {"limit": 500}}, "SELECT * FROM checked ORDER BY label LIMIT 500"),
    ({"from": "all_people", "filter": {"eq": ["id", 5]}}, "SELECT * FROM checked WHERE id = 5"),
]


@pytest.mark.parametrize("definition, sql", QUERIES)
@pytest.mark.parametrize("form", ["json", "csv", "ndjson", "parquet"])
def test_estimates(checked, token, postgres, definition, sql, form):
    """As EXPLAIN has them, and near what the query is."""
    params = "" if form == "json" else f"?format={form}"
    said = in_time(has_sample, checked, token, {**definition, "count": "none"}, params)
    plan = planned(postgres, sql)
    near(said["estimatedRows"], plan["Plan Rows"], 1.1)
    near(said["estimatedCost"] + 1, plan["Total Cost"] + 1, 2)  # a page is sorted by its key
    ((n,),) = postgres.execute(f"SELECT count(*) FROM ({sql}) AS counted")
    near(said["estimatedRows"], n, 1.5)
    assert 0 <= said["estimatedSeconds"] < 5
    real = ask(checked, token, definition, params=params or "?format=json")
    assert real.status == 200
    if n >= 100 and form != "parquet":  # which has a footer, and packs
        near(said["estimatedBytes"], len(real.body), 1.5)


def test_an_unbounded_page_would_trip(checked, token):
    said = validate(checked, token, {"from": "all_people"})
    assert tripped(said) == [("limits.query_rows", "rows")]
    assert said["limits"][0]["most"] == 5000 and said["limits"][0]["value"] == said["estimatedRows"] == ROWS
    assert tripped(validate(checked, token, {"from": "all_people", "filter": {"lt": ["id", 100]}})) == []
    assert tripped(validate(checked, token, {"from": "all_people", "page": {"limit": 5001}})) == [("limits.query_rows", "rows")]
    assert tripped(validate(checked, token, {"from": "all_people"}, "?format=csv")) == []
    assert tripped(validate(checked, token, {"from": "all_people", "page": {"limit": 5001}}, headers={"Accept": "text/csv"})) == []


def test_groups(checked, token, postgres):
    said = in_time(has_sample, checked, token, {
        "from": "all_people", "groupBy": ["city_id"], "having": {"gt": [{"count": []}, 1]},
        "select": ["city_id", {"expr": {"count": []}, "as": "n"}, {"expr": {"max": "email"}, "as": "m"}],
        "sort": [{"column": "n", "direction": "desc"}], "page": {"limit": 20}})
    real = {tuple(row) for row in postgres.execute("SELECT city_id, count(*), max(email) FROM checked GROUP BY 1")}
    assert len(said["sample"]) == 10 and {tuple(row.values()) for row in said["sample"]} <= real
    assert [column["mask"] for column in said["columns"]] == [None] * 3
    said = in_time(is_estimated, checked, token, {"from": "people", "select": [{"expr": {"count": []}, "as": "n"}]})
    assert said["sample"] == [{"n": ROWS // 2}] and said["estimatedRows"] == 1


def test_limits_that_would_trip_are_those_that_do(make_site, tables, token):
    site = make_site(settings={**SETTINGS, "cache": {"keep": "0s"},
                               "limits": {"query_scan": "1M", "query_cost": 2500, "query_rows": 1000, "query_bytes": 4096}})
    cases = [  # definition, what trips, what the query itself answers
        ({"sort": ["label"], "page": {"limit": 5}, "count": "none"}, ["limits.query_scan"], 422),
        ({"page": {"limit": 5}, "count": "none"}, [], 200),
        ({"page": {"limit": 5}}, ["limits.query_scan"], 422),  # counting
        ({"page": {"limit": 5}, "count": "planned"}, [], 200),
        ({"page": {"limit": 1001}, "count": "none", "select": ["id"]}, ["limits.query_rows", "limits.query_bytes"], 400),
        ({"page": {"limit": 1000}, "count": "none", "select": ["id"]}, ["limits.query_bytes"], 413),
        ({"page": {"limit": 100}, "count": "none", "select": ["id"]}, [], 200),
        ({"page": {"limit": 5}, "count": "none", "groupBy": ["label", "email", "amount"],
          "select": ["label", {"expr": {"count": []}, "as": "n"}]}, ["limits.query_scan", "limits.query_cost"], 422),
    ]
    for members, trips, status in cases:
        definition = {"from": "all_people", **members}
        said = validate(site, token, definition)
        assert [limit["limit"] for limit in said["limits"]] == trips, said["limits"]
        assert ask(site, token, definition).status == status, definition
        for limit in said["limits"]:
            assert limit["value"] > limit["most"]
            assert limit["of"] == ("totalRows" if definition == {"from": "all_people", "page": {"limit": 5}} else "rows")
            assert limit["limit"] != "limits.query_scan" or (limit["table"] == "all_people" and limit["node"].endswith("Scan"))


NUMBERS = ["estimatedRows", "estimatedBytes", "estimatedSeconds", "estimatedCost"]


def test_tenants_rows_are_counted_to_a_hundred_thousand(checked, issuer):
    one, two = issuer.token(tenant_id=1), issuer.token(tenant_id=2)
    assert in_time(is_estimated, checked, one, {"from": "many"}, "?format=csv")["estimatedRows"] == 100000
    said = in_time(has_sample, checked, two, {"from": "many"})
    assert [said[name] for name in NUMBERS] == [None] * 4 and len(said["sample"]) == 10
    assert said["limits"] == [{"limit": "limits.query_rows", "of": "rows", "value": None, "most": 5000}]
    said = in_time(is_estimated, checked, two, {"from": "many", "page": {"limit": 10}})
    assert said["estimatedRows"] == 10 and said["limits"] == [] and said["estimatedBytes"] > 10 and said["estimatedCost"] is None
    assert in_time(is_estimated, checked, two, {"from": "many", "page": {"limit": 10, "offset": 99990}})["estimatedRows"] == 10
    assert validate(checked, two, {"from": "many", "page": {"limit": 10, "offset": 99992}})["estimatedRows"] is None


@pytest.mark.parametrize("form", ["json", "csv", "parquet"])
def test_tenants_bytes_are_those_of_their_own_rows(checked, issuer, form):
    """Others' are long, and so is what the planner takes for a row's width."""
    definition, params = {"from": "many", "select": ["label"], "page": {"limit": 100}}, "" if form == "json" else f"?format={form}"
    for tenant, least, most in ((1, 20000, 30000), (2, 100, 2000)):
        said = in_time(is_estimated, checked, issuer.token(tenant_id=tenant), definition, params)
        assert least <= said["estimatedBytes"] <= most


def test_a_count_of_tenants_rows_that_takes_too_long_is_none(checked, token):
    began = time.monotonic()
    said = validate(checked, token, {"from": "slow_own", "page": {"limit": 50}, "count": "none"})
    assert [said[name] for name in NUMBERS] == [None] * 4 and said["sample"] is None
    assert 1.5 < time.monotonic() - began < 9  # of ten seconds and more
    # A second for the sample's row, and two would be needed for the counting.
    said = in_time(has_sample, checked, token,
                   {"from": "slow_own", "filter": {"gt": ["id", 0]}, "page": {"limit": 1}, "count": "none"})
    assert [said[name] for name in NUMBERS] == [None] * 4 and len(said["sample"]) == 1
    assert len(rows(checked, token, {"from": "cities", "page": {"limit": 5}})) == 5  # with a session as good as new


def test_limits_are_named_without_numbers_where_there_are_tenants(make_site, tables, token):
    for limits, limit in (({"query_scan": "1M"}, "limits.query_scan"), ({"query_cost": 200}, "limits.query_cost")):
        site = make_site(settings={**SETTINGS, "cache": {"keep": "0s"}, "limits": limits})
        most = 1024 * 1024 if "query_scan" in limits else 200
        definition = {"from": "people", "sort": ["label"], "page": {"limit": 5}, "count": "none"}
        said = validate(site, token, definition)
        assert said["limits"] == [{"limit": limit, "of": "rows", "value": None, "most": most}]
        assert [said[name] for name in NUMBERS] == [None] * 4
        detail = problem.check(ask(site, token, definition), 422)["detail"]
        assert "about" not in detail and "Scan" not in detail and "Sort" not in detail and "more than" in detail
        for count in ("exact", "planned"):
            counted = {"from": "people", "page": {"limit": 5}, "count": count}
            said = validate(site, token, counted)
            assert said["limits"] == [{"limit": limit, "of": "totalRows", "value": None, "most": most}]
            detail = problem.check(ask(site, token, counted), 422)["detail"]
            assert detail.startswith("counting totalRows") and "planned" not in detail and "about" not in detail
        # A page that shows the end counts nothing.
        whole = in_time(is_estimated, site, token, {"from": "cities", "page": {"limit": 50}})
        assert whole["limits"] == [] and whole["estimatedRows"] == 50


def test_a_sample_is_json_and_for_those_who_may_have_json(checked, issuer, postgres):
    token = issuer.token(sub="csv_reader", tenant_id=2)
    for definition in ({"from": "csv_cities"}, {"from": "all_people", "select": ["id", "csv_city.name"]}):
        said = validate(checked, token, definition, "?format=csv")
        assert said["sample"] is None and said["estimatedRows"] > 0 and said["estimatedBytes"] > 0
        assert ask(checked, token, definition, params="?format=csv").status == 200
        problem.check(ask(checked, token, {**definition, "validateOnly": True}), 403)  # of a page, which is JSON
    assert in_time(has_sample, checked, token, {"from": "all_people", "select": ["id"]}, "?format=csv")["sample"]
    wanted = {'{"from":"csv_cities","validateOnly":true}': 0, '{"from":"all_people","select":["id"],"validateOnly":true}': 10,
              '{"from":"all_people","select":["id","csv_city.name"],"validateOnly":true}': 0}
    # The workers write the audit when they come to it, each its own lines. Seven requests at least.
    process.wait_until(lambda: postgres.execute("SELECT 1 FROM sluice.audit WHERE subject = 'csv_reader' OFFSET 6"), "all lines")
    process.wait_until(lambda: dict(postgres.execute(SHOWN)) == wanted, "the audit's lines")


SHOWN = """SELECT definition, max(rows) FROM sluice.audit WHERE subject = 'csv_reader' AND definition LIKE '%validateOnly%'
    AND status = 200 GROUP BY definition"""


def test_limits_of_a_policy(checked, token):
    assert tripped(validate(checked, token, {"from": "ten", "page": {"limit": 4}, "count": "none"})) == [("policies.rows", "rows")]
    said = in_time(has_sample, checked, token, {"from": "ten", "page": {"limit": 3}})
    assert tripped(said) == [] and len(said["sample"]) == 3
    said = in_time(has_sample, checked, token, {"from": "ten"}, "?format=csv")
    assert tripped(said) == [("policies.rows", "rows")] and len(said["sample"]) == 3  # no more than they may have
    problem.check(ask(checked, token, {"from": "ten"}, params="?format=csv"), 413)
    few = {"from": "ten", "filter": {"le": ["id", 3]}, "page": {"limit": 9}}
    assert tripped(validate(checked, token, few, "?format=csv")) == []
    assert ask(checked, token, few, params="?format=csv").status == 200


def test_what_the_query_is_refused_for_its_validation_is(checked, token, issuer):
    for definition, params, status in [
            ({"from": "all_people", "select": ["nothing"]}, "", 400), ({"from": "nothing"}, "", 404),
            ({"from": "ten"}, "?format=xml", 403), ({"from": "ten"}, "?format=docx", 406),
            ({"from": "ten"}, "?format=csv&delimiter=", 400), ({"from": "people", "filter": {"eq": ["tenant", 1]}}, "", 403),
            ({"from": "people", "filter": {"gt": ["email", 5]}}, "", 400),
            ({"from": "all_people", "page": {"limit": 1, "after": "nonsense"}}, "", 400)]:
        answer = ask(checked, token, {**definition, "validateOnly": True}, params=params)
        problem.check(answer, status)
    assert ask(checked, token, {"from": "ten", "validateOnly": True}, params="?format=csv&delimiter=%3B").status == 200
    viewer = issuer.token(tenant_id=2, roles=["viewer"])
    problem.check(ask(checked, viewer, {"from": "people", "validateOnly": True}, params="?format=csv"), 403)
    assert in_time(has_sample, checked, viewer, {"from": "people"})["sample"]
    problem.check(ask(checked, issuer.token(), {"from": "people", "validateOnly": True}), 403)  # of no tenant


def test_a_page_behind_a_token(checked, token):
    definition = {"from": "all_people", "select": ["id"], "page": {"limit": 100}, "sort": [{"column": "id", "direction": "desc"}]}
    after = ask(checked, token, definition).json()["next"]
    said = validate(checked, token, {**definition, "page": {"limit": 100, "after": after}})
    assert said["estimatedRows"] == 100 and tripped(said) == []
    assert validate(checked, token, {**definition, "page": {"limit": 100, "offset": 300}})["estimatedRows"] == 100


# ---- nothing else is run

def made(postgres):
    """How many rows of the noisy view the server has made so far."""
    with open(f"{postgres.host}/log", encoding="utf-8") as f:
        return f.read().count("was made")


@pytest.mark.parametrize("members, params", [
    ({}, ""), ({}, "?format=csv"), ({"page": {"limit": 500}}, ""), ({"sort": ["id"], "page": {"limit": 500}}, ""),
    ({"sort": ["label"], "page": {"limit": 500}, "count": "exact"}, ""), ({"page": {"limit": 50, "offset": 1000}}, ""),
])
def test_no_more_rows_are_made_than_the_sample_has(checked, token, postgres, members, params):
    counts = []

    def has_in_time(said):
        counts.append(made(postgres))
        return has_sample(said)
    counts.append(made(postgres))
    said = in_time(has_in_time, checked, token, {"from": "noisy", **members}, params)
    assert len(said["sample"]) == 10 and counts[-1] - counts[-2] == 10
    assert all(0 <= after - before <= 10 for before, after in zip(counts, counts[1:]))


def test_none_at_all_where_each_would_be_read(make_site, checked, token, postgres):
    """Groups need every row; where that costs more than a little there is no sample."""
    postgres.execute("ALTER FUNCTION checked_noted COST 1000")
    try:
        before = made(postgres)
        said = validate(checked, token, {"from": "noisy", "groupBy": ["id"], "select": ["id"], "page": {"limit": 5}})
        assert said["sample"] is None and made(postgres) == before
    finally:
        postgres.execute("ALTER FUNCTION checked_noted COST 1")


def test_tables_are_not_scanned(checked, token, postgres):
    """By the server's own statistics, of a query that would read it all twice."""
    def scanned():
        """A session tells what it did at its end, and until then only when it likes."""
        postgres.execute("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE usename = 'sluice'")
        return postgres.execute("SELECT seq_tup_read + coalesce(idx_tup_fetch, 0) FROM pg_stat_user_tables WHERE relname = 'checked'")[0][0]
    definition = {"from": "all_people", "sort": ["label"], "page": {"limit": 1000}}
    before = scanned()
    for _ in range(3):
        validate(checked, token, definition)
    assert 0 < scanned() - before <= ROWS / 100  # the samples'
    ask(checked, token, definition)
    assert scanned() - before >= ROWS


def test_a_sample_that_takes_too_long_is_none(checked, token):
    began = time.monotonic()
    said = validate(checked, token, {"from": "slowly", "page": {"limit": 50}, "count": "none"})
    assert said["sample"] is None and said["estimatedRows"] == 50
    assert 1.5 < time.monotonic() - began < 9  # of ten seconds
    assert len(in_time(has_sample, checked, token, {"from": "slowly", "page": {"limit": 1}, "count": "none"})["sample"]) == 1
    assert len(rows(checked, token, {"from": "cities", "page": {"limit": 5}})) == 5  # with a session as good as new


def test_what_fails_in_the_sample_is_told(checked, token):
    failing = {"from": "all_people", "select": [{"expr": {"cast": ["label", "date"]}, "as": "d"}], "page": {"limit": 5}}
    problem.check(ask(checked, token, {**failing, "validateOnly": True}), 422)
    problem.check(ask(checked, token, failing), 422)


def test_the_audit_has_the_rows_of_the_sample(checked, issuer, postgres):
    token = issuer.token(sub="validator", tenant_id=2)
    in_time(has_sample, checked, token, {"from": "people", "select": ["id"]}, "?format=csv")
    line = ("query", "csv", 10, '{"from":"people","select":["id"],"validateOnly":true}')
    process.wait_until(lambda: line in postgres.execute(
        "SELECT action, format, rows, definition FROM sluice.audit WHERE subject = 'validator'"), "the audit's line")

"""Rows of one tenant: whatever is asked of whatever route, the caller's own come back, as PostgreSQL says them when it is asked
directly, and nothing that is refused, fails or is counted tells of another's."""

import base64
import csv
import io
import json
import tempfile
import urllib.parse
import xml.etree.ElementTree as ElementTree

import pytest

from harness import problem, process
from harness.arrow import Arrow
from harness.client import curl
from harness.hyparquet import Hyparquet
from harness.query import PATH, ask, bounds_text, pages, rows

A, B = "acme", "umbrella"
UUIDS = {A: "6f1d2a3c-0000-4000-8000-0000000000aa", B: "6f1d2a3c-0000-4000-8000-0000000000bb"}
ODD = ["x' OR '1'='1", "acme'; DROP TABLE ten.orders; --", "$1", "acme\\", '"acme"', "%", "acme ", " acme", "ACME", "größe"]
ROWS = 120  # of each tenant

# Rows of all tenants stand side by side. What stands in another's would fail in a calculation (loud), or be seen (its name).
SQL = """
CREATE SCHEMA ten;
CREATE TYPE ten.house AS ENUM ('acme', 'umbrella', 'initech');
CREATE TABLE ten.firms (id int PRIMARY KEY, name text NOT NULL, boss_id int);
CREATE TABLE ten.people (id int PRIMARY KEY, tenant_id varchar(40), name text, firm_id int);
CREATE TABLE ten.orders (id int PRIMARY KEY, tenant_id text, name text NOT NULL, owner_id int, firm_id int, amount int NOT NULL,
    price numeric(12,2), day date NOT NULL, at timestamptz, code text NOT NULL, word text, key uuid NOT NULL, size bigint NOT NULL);
INSERT INTO ten.firms SELECT i, 'firm ' || i, i FROM generate_series(1, 12) i;
INSERT INTO ten.people SELECT i, (ARRAY['acme', 'umbrella', NULL])[1 + i % 3], 'person ' || i || ' of ' ||
    (ARRAY['acme', 'umbrella', 'nobody'])[1 + i % 3], 1 + i % 12 FROM generate_series(0, 29) i;
CREATE FUNCTION pg_temp.fill(whose text, first int, n int, is_loud bool) RETURNS void LANGUAGE sql AS $$
    INSERT INTO ten.orders SELECT i, whose, 'order ' || i || ' of ' || coalesce(whose, 'nobody'), i % 30, 1 + i % 12, i % 17,
        CASE WHEN i % 7 > 0 THEN i * 1.25 END,
        CASE WHEN is_loud THEN date '300000-01-01' ELSE date '2024-01-01' + i % 400 END,
        CASE WHEN is_loud THEN 'infinity' WHEN i % 5 > 0 THEN timestamptz '2024-01-01 00:00Z' + i * interval '7h' END,
        CASE WHEN is_loud THEN 'no number' ELSE (i % 50)::text END,
        'w' || i % 11, md5(i::text)::uuid,
        CASE WHEN is_loud THEN 9223372036854775807 ELSE i END FROM generate_series(first, first + 3 * (n - 1), 3) i
$$;
SELECT pg_temp.fill('acme', 1000, {rows}, false), pg_temp.fill('umbrella', 1001, {rows}, true), pg_temp.fill(NULL, 1002, {rows}, true);
CREATE TABLE ten.noisy (LIKE ten.orders INCLUDING ALL);
INSERT INTO ten.noisy SELECT * FROM ten.orders;
ALTER TABLE ten.noisy ALTER COLUMN tenant_id TYPE ten.house USING tenant_id::ten.house;
CREATE VIEW ten.noisy_view AS SELECT id, upper(lower(reverse(reverse(tenant_id)))) AS tenant_id, name, amount, code, day, at, size
    FROM ten.orders;
GRANT USAGE ON SCHEMA ten TO sluice;
"""

# Tenant columns by type: the values of two tenants.
TYPES = {"int4": ("int", "7", "8"), "int8": ("bigint", "9007199254740993", "9007199254740992"), "int2": ("smallint", "7", "8"),
         "uuid": ("uuid", UUIDS[A], UUIDS[B]), "text": ("text", A, B), "varchar": ("varchar(20)", A, B),
         "bpchar": ("char(20)", A, B), "house": ("ten.house", A, B), "exact": ("numeric", "7", "8"),
         "day": ("date", "2024-01-01", "2024-01-02")}
KEYS = {"int": "id", "text": "name", "uuid": "key", "date": "day", "timestamptz": "at"}


@pytest.fixture(scope="module")
def made(postgres):
    postgres.execute(SQL.format(rows=ROWS))
    for name, (kind, own, other) in TYPES.items():
        postgres.execute(f"CREATE TABLE ten.by_{name} (id int PRIMARY KEY, tenant {kind}, name text);"
                         f"INSERT INTO ten.by_{name} SELECT i, (ARRAY['{own}', '{other}', NULL])[1 + i % 3]::{kind},"
                         " 'row ' || i FROM generate_series(0, 29) i")
    for number, tenant in enumerate(ODD):
        connection = postgres.connect()
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO ten.by_text VALUES (%s, %s, %s)", (1000 + number, tenant, f"odd {number}"))
        connection.close()
    postgres.execute("GRANT SELECT ON ALL TABLES IN SCHEMA ten TO sluice; ANALYZE")
    yield
    postgres.execute("DROP SCHEMA ten CASCADE")


def table(name, **more):
    return {"name": f"ten.{name}", "tenant_column": "tenant_id", **more}


JOINS = ["owner:owner_id:people", "firm:firm_id:firms"]


@pytest.fixture(scope="module")
def site(fleet, made):
    tables = {"orders": table("orders", joins=JOINS, filters=["whose:tenant_id", "of:tenant_id:in"]),
              "orders_bare": table("orders", columns=["id", "name", "amount", "day", "code"], joins=JOINS),
              "people": table("people", joins=["firm:firm_id:firms"]),
              "people_bare": table("people", columns=["id", "name"]),
              "firms": {"name": "ten.firms", "joins": ["boss:boss_id:people", "bare:boss_id:people_bare"]},
              "noisy": table("noisy", joins=["owner:owner_id:people", "other:id:noisy"]), "noisy_view": table("noisy_view"),
              **{f"orders_{kind}": table("orders", primary_key=key) for kind, key in KEYS.items()},
              **{f"by_{name}": {"name": f"ten.by_{name}", "tenant_column": "tenant"} for name in TYPES}}
    one = fleet.start(settings={"tables": tables})
    yield one
    fleet.stop(one)


@pytest.fixture
def own(issuer):
    return issuer.token(tenant_id=A)


@pytest.fixture
def other(issuer):
    return issuer.token(tenant_id=B)


def one_column(postgres, sql):
    return [row[0] for row in postgres.execute(sql)]


def own_ids(postgres, more="", name="orders", tenant=A):
    return one_column(postgres, f"SELECT id FROM ten.{name} WHERE tenant_id = '{tenant}' {more} ORDER BY id")


def get(site, path, token, **options):
    return curl(site.url + path, token, **options)


def of_table(name):
    return f"/api/v1/tables/{name}/rows"


# ---- every route

def test_the_tables_are_there_for_tenants_alone(site, issuer, own):
    for token, is_there in ((own, True), (issuer.token(), False)):
        listed = {one["key"] for one in get(site, "/api/v1/tables", token).json()["tables"]}
        assert ("orders" in listed) is is_there and "firms" in listed
    assert get(site, "/tables", own).json() == get(site, "/api/v1/tables", own).json()


def test_without_a_tenant_nothing_is_there(site, issuer):
    token = issuer.token()
    for path in ("/api/v1/tables/orders", "/api/v1/tables/orders/schema", "/api/v1/tables/orders/schema.xsd",
                 of_table("orders") + ".csv", "/export/orders", of_table("firms") + ".csv?boss.name=x"):
        problem.check(get(site, path, token), 403)
    for definition in ({"from": "orders"}, {"from": "firms", "select": ["boss.name"]}, {"from": "firms", "sort": ["boss.id"]},
                       {"from": "firms", "filter": {"isNull": "bare.name"}}, {"from": "orders", "validateOnly": True}):
        problem.check(ask(site, token, {**definition, "page": {"limit": 5}}), 403)
    assert get(site, of_table("firms") + ".csv", token).status == 200


def test_schemas_say_nothing_of_rows(site, own, other):
    for path in ("", "/schema", "/schema.xsd"):
        mine, theirs = (get(site, f"/api/v1/tables/orders{path}", token) for token in (own, other))
        assert mine.status == 200 and mine.body == theirs.body


READ = {
    "csv": lambda body: [int(row["id"]) for row in csv.DictReader(io.StringIO(body.decode()))],
    "tsv": lambda body: [int(row["id"]) for row in csv.DictReader(io.StringIO(body.decode()), delimiter="\t")],
    "json": lambda body: [row["id"] for row in json.loads(body)],
    "ndjson": lambda body: [json.loads(line)["id"] for line in body.splitlines()],
    "xml": lambda body: [int(row.find("id").text) for row in ElementTree.XML(body)],
}


@pytest.mark.parametrize("suffix", READ)
def test_rows_in_each_text(site, postgres, own, suffix):
    answer = get(site, of_table("orders") + "." + suffix, own)
    assert answer.status == 200
    assert sorted(READ[suffix](answer.body)) == own_ids(postgres)
    assert b" of umbrella" not in answer.body and b" of nobody" not in answer.body


def test_rows_in_arrow_and_parquet(site, postgres, top, own):
    want = own_ids(postgres)
    for suffix in ("arrow", "arrows", "parquet"):
        answer = get(site, f"{of_table('orders')}.{suffix}" + ("?codec=none&bloom=name" if suffix == "parquet" else ""), own)
        assert answer.status == 200
        path = tempfile.mktemp(dir=top)
        with open(path, "wb") as f:
            f.write(answer.body)
        if suffix == "parquet":
            got = [row["id"] for row in Hyparquet(tempfile.mkdtemp(dir=top)).read(path)["rows"]]
        else:
            names = Arrow(tempfile.mkdtemp(dir=top)).read(path)
            got = next(column["values"] for column in names["columns"] if column["name"] == "id")
        assert sorted(map(int, got)) == want, suffix
        assert b"umbrella" not in answer.body and b"nobody" not in answer.body


def test_rows_with_a_limit_a_filter_and_an_order(site, postgres, own):
    for params, more in (("limit=7", None), ("amount=gt.8", "AND amount > 8"), ("name=like.%25umbrella%25", "AND false"),
                         ("order=name.desc&limit=1000", ""), ("owner.name=like.person%25", "AND owner_id % 3 = 0")):
        got = READ["ndjson"](get(site, f"{of_table('orders')}.ndjson?{params}", own).body)
        assert got == own_ids(postgres)[:7] if more is None else sorted(got) == own_ids(postgres, more), params


def test_counts_are_of_the_own_rows(site, postgres, own):
    for params, more in (("", ""), ("?amount=lt.3", "AND amount < 3")):
        answer = get(site, of_table("orders") + ".csv" + params, own, headers={"Prefer": "count=exact"})
        assert int(answer.headers["x-total-count"]) == len(own_ids(postgres, more))
    planned = get(site, of_table("orders") + ".csv", own, headers={"Prefer": "count=planned"})
    assert abs(int(planned.headers["x-total-count"]) - ROWS) < ROWS / 4


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("route", ("/export/{}", "/api/v1/tables/{}/rows.ndjson"))
def test_pages_by_each_kind_of_key(site, postgres, own, kind, route):
    path, got, bounds = route.format(f"orders_{kind}"), [], ""
    for page in range(1, 6):
        answer = get(site, f"{path}?page={page}&total_pages=5{bounds}", own)
        assert answer.status == 200, answer.body
        got += READ["ndjson"](answer.body)
        bounds = "&bounds=" + answer.headers["sluice-bounds"]
    assert sorted(got) == own_ids(postgres)
    token = bounds_text(answer.headers["sluice-bounds"])
    assert b"umbrella" not in token and b"infinity" not in token and b"300000" not in token


def test_bounds_do_not_move_with_others_rows(site, postgres, own):
    def tokens():
        return {kind: get(site, f"/export/orders_{kind}?page=1&total_pages=4", own).headers["sluice-bounds"] for kind in KEYS}
    before = tokens()
    postgres.execute("INSERT INTO ten.orders SELECT i, tenant, chr(i), 1, 1, 1, 1, date '1990-01-01' + i, timestamptz '1990-01-01' +"
                     " i * interval '200 days', '1', '1', lpad(to_hex(i), 32, 'f')::uuid, 1"
                     " FROM generate_series(33, 120) i, (VALUES ('umbrella'), (NULL)) AS t(tenant) WHERE (tenant IS NULL) = (i % 2 = 0)")
    try:
        assert tokens() == before
    finally:
        postgres.execute("DELETE FROM ten.orders WHERE id < 1000")
    assert len(set(before.values())) == len(KEYS)


def test_bounds_of_another_tenant_show_no_more(site, postgres, own, other):
    for kind in KEYS:
        bounds = get(site, f"/export/orders_{kind}?page=1&total_pages=2", other).headers["sluice-bounds"]
        for page in (1, 2):
            answer = get(site, f"/export/orders_{kind}?page={page}&total_pages=2&bounds={bounds}", own)
            assert answer.status == 200 and set(READ["ndjson"](answer.body)) <= set(own_ids(postgres))


def test_a_page_that_is_too_large_tells_the_own_rows(make_site, made, own):
    site = make_site(settings={"tables": {"orders": table("orders")}, "limits": {"page_rows": 50}})
    said = problem.check(get(site, "/export/orders?page=1&total_pages=1", own), 413)
    assert abs(said["estimatedRows"] - ROWS) < ROWS / 4 and said["limit"] == 50


def test_a_limit_of_rows_counts_the_own(make_site, made, issuer, own):
    site = make_site(settings={"tables": {"orders": table("orders")},
                               "policies": {"few": {"tables": ["orders"], "roles": ["*"], "rows": ROWS}}})
    assert get(site, of_table("orders") + ".csv", own).status == 200


# ---- queries

def test_queries_see_the_own_rows(site, postgres, own):
    definition = {"from": "orders", "select": ["id", "name"], "sort": ["id"], "page": {"limit": 5000}}
    said = ask(site, own, definition).json()
    assert [row["id"] for row in said["rows"]] == own_ids(postgres) and said["totalRows"] == ROWS and said["next"] is None
    answer = ask(site, own, {**definition, "page": {}}, {"Accept": "text/csv"})
    assert READ["csv"](answer.body) == own_ids(postgres)
    answer = curl(site.url + PATH + "?q=" + urllib.parse.quote(json.dumps(definition)), own)
    assert answer.json()["rows"] == said["rows"]


def test_counts_groups_and_extremes(site, postgres, own):
    (want,) = postgres.execute("SELECT count(*), count(price), count(DISTINCT word), sum(amount)::int, min(name), max(name),"
                               f" min(day)::text, max(day)::text, max(size) FROM ten.orders WHERE tenant_id = '{A}'")
    select = [{"expr": {name: of}, "as": f"o{i}"} for i, (name, of) in enumerate((
        ("count", []), ("count", "price"), ("countDistinct", "word"), ("sum", "amount"), ("min", "name"), ("max", "name"),
        ("min", "day"), ("max", "day"), ("max", "size")))]
    assert list(rows(site, own, {"from": "orders", "select": select, "page": {"limit": 5}})[0].values()) == list(want)
    grouped = {"from": "orders", "select": ["tenant_id", "word", {"expr": {"count": []}, "as": "n"}],
               "groupBy": ["tenant_id", "word"], "having": {"gt": [{"count": []}, 2]}, "sort": ["word"], "page": {"limit": 50}}
    want = postgres.execute(f"SELECT tenant_id, word, count(*) FROM ten.orders WHERE tenant_id = '{A}' GROUP BY 1, 2"
                            " HAVING count(*) > 2 ORDER BY 2")
    assert [tuple(row.values()) for row in rows(site, own, grouped)] == [tuple(row) for row in want]


@pytest.fixture
def others_word(postgres):
    """A word in most rows of the other tenant and in none of the caller's, known to the planner's statistics."""
    postgres.execute("UPDATE ten.orders SET word = 'theirs' WHERE tenant_id = 'umbrella'; ANALYZE ten.orders")
    yield "theirs"
    postgres.execute("UPDATE ten.orders SET word = 'w' || id % 11 WHERE word = 'theirs'; ANALYZE ten.orders")


def test_planned_counts_do_not_tell_of_others_values(site, own, others_word):
    for name, column in (("orders", "word"), ("noisy", "other.name")):
        told = []
        for word in (others_word, "nobodys"):
            definition = {"from": name, "filter": {"eq": [column, word]}, "count": "planned", "page": {"limit": 1, "offset": 1}}
            told.append(ask(site, own, definition).json()["totalRows"])
        assert told == [0, 0]
    for word in (others_word, "nobodys"):
        answer = get(site, f"/api/v1/tables/orders/rows.csv?word={word}", own, headers={"Prefer": "count=planned"})
        assert answer.headers["x-total-count"] == "0"


@pytest.mark.parametrize("params", ["", "?format=csv", "?format=parquet"])
@pytest.mark.parametrize("members", [
    {}, {"page": {"limit": 5}}, {"page": {"limit": 5, "offset": 3}}, {"page": {"limit": 1}, "count": "planned"}, {"sort": ["price"]},
    {"select": ["amount", {"expr": {"count": []}, "as": "n"}], "groupBy": ["amount"]}], ids=str)
@pytest.mark.parametrize("name, column", [("orders", "word"), ("noisy", "other.word")])
def test_validations_do_not_tell_of_others_values(site, own, others_word, name, column, members, params):
    told = []
    for word in (others_word, "nobodys"):
        definition = {"from": name, "filter": {"eq": [column, word]}, "validateOnly": True, **members}
        told.append(ask(site, own, definition, params=params).json())
    assert told[0] == told[1] and (told[0]["estimatedRows"], told[0]["estimatedCost"]) == (0, None)


def test_validations_count_the_own_rows(site, own, postgres):
    (there,), = postgres.execute(f"SELECT count(*) FROM ten.orders WHERE tenant_id = '{A}' AND word = 'w3'")
    definition = {"from": "orders", "filter": {"eq": ["word", "w3"]}, "sort": ["price"]}
    pages_asked = [({}, there), ({"limit": 5}, 5), ({"limit": there}, there), ({"limit": 1000, "offset": 4}, there - 4),
                   ({"limit": 5, "offset": there - 2}, 2), ({"limit": 5, "offset": there}, 0), ({"limit": 5, "offset": 10 ** 15}, 0)]
    for page, wanted in pages_asked:
        said = ask(site, own, {**definition, "page": page, "validateOnly": True}).json()
        assert said["estimatedRows"] == wanted, page
        real = ask(site, own, {**definition, "page": {"limit": 1000, **page}}).body
        assert wanted == 0 or said["estimatedBytes"] / 2 < len(real) < said["estimatedBytes"] * 2 + 3500  # with its columns
    for sort in (["price"], ["word"]):
        after = {**definition, "sort": sort, "page": {"limit": 3}}
        left = there
        while after["page"].get("after", "") is not None:
            assert ask(site, own, {**after, "validateOnly": True}).json()["estimatedRows"] == min(left, 3)
            left -= 3
            after["page"] = {"limit": 3, "after": ask(site, own, after).json()["next"]}
        assert left <= 0 and there > 6
    grouped = {"from": "orders", "select": ["word", {"expr": {"count": []}, "as": "n"}], "groupBy": ["word"], "validateOnly": True}
    assert ask(site, own, grouped).json()["estimatedRows"] == 11


def test_planned_counts_and_estimates(site, own):
    said = ask(site, own, {"from": "orders", "count": "planned", "page": {"limit": 5}}).json()
    assert abs(said["totalRows"] - ROWS) < ROWS / 4
    said = ask(site, own, {"from": "orders", "validateOnly": True}).json()
    assert abs(said["estimatedRows"] - ROWS) < ROWS / 4
    assert said["tenantPredicates"] == [{"table": "orders", "column": "tenant_id", "value": A}]
    assert said["sample"] and all(row["tenant_id"] == A for row in said["sample"])


def test_samples_of_joins_and_groups(site, own):
    said = ask(site, own, {"from": "firms", "select": ["id", "boss.name", "boss.tenant_id"], "validateOnly": True}).json()
    assert {row["boss.tenant_id"] for row in said["sample"]} <= {A, None} and any(row["boss.name"] for row in said["sample"])
    assert b"umbrella" not in json.dumps(said["sample"]).encode() and b"nobody" not in json.dumps(said["sample"]).encode()


@pytest.mark.parametrize("sort", (["id"], ["word"], [{"column": "price", "direction": "desc", "nulls": "last"}],
                                  [{"column": "at", "nulls": "first"}, "amount"], ["owner.name"], ["firm.name", "word"]))
def test_tokens_go_on_with_the_own_rows(site, postgres, own, other, sort):
    definition = {"from": "orders", "select": ["id"], "sort": sort}
    got, tokens = [], []
    for page in pages(site, own, definition, 17):
        got += [row["id"] for row in page["rows"]]
        tokens.append(page["next"])
        assert page["totalRows"] == ROWS
    assert sorted(got) == own_ids(postgres) and len(set(got)) == ROWS
    for token in filter(None, tokens):
        assert b"umbrella" not in base64.urlsafe_b64decode(token + "===")
    after = {**definition, "page": {"limit": 17, "after": tokens[0]}}
    said = problem.check(ask(site, other, after), 400)
    assert said["errors"][0]["pointer"] == "/page/after"
    assert ask(site, own, after).status == 200


# ---- joins

def test_joined_rows_are_the_own(site, postgres, own):
    got = rows(site, own, {"from": "firms", "select": ["id", "boss.name", "boss.id", "bare.name"], "sort": ["id"], "page": {"limit": 50}})
    want = postgres.execute("SELECT f.id, p.name, p.id, p.name FROM ten.firms f LEFT JOIN ten.people p ON p.id = f.boss_id"
                            f" AND p.tenant_id = '{A}' ORDER BY f.id")
    assert [tuple(row.values()) for row in got] == [tuple(row) for row in want] and any(row[1] is None for row in want)
    got = rows(site, own, {"from": "orders", "select": ["id", "owner.name", "firm.name", "owner.firm.name"], "sort": ["id"],
                           "page": {"limit": 500}})
    want = postgres.execute("SELECT o.id, p.name, f.name, g.name FROM ten.orders o LEFT JOIN ten.people p ON p.id = o.owner_id"
                            f" AND p.tenant_id = '{A}' LEFT JOIN ten.firms f ON f.id = o.firm_id"
                            f" LEFT JOIN ten.firms g ON g.id = p.firm_id WHERE o.tenant_id = '{A}' ORDER BY o.id")
    assert [tuple(row.values()) for row in got] == [tuple(row) for row in want]


def test_joined_rows_in_filters_groups_and_counts(site, postgres, own):
    join = f"ten.firms f LEFT JOIN ten.people p ON p.id = f.boss_id AND p.tenant_id = '{A}'"
    for condition, sql in (({"like": ["boss.name", "%umbrella%"]}, "false"), ({"isNull": "boss.name"}, "p.name IS NULL"),
                           ({"not": {"isNull": "boss.id"}}, "p.id IS NOT NULL"), ({"ge": ["boss.id", 0]}, "p.id >= 0")):
        said = ask(site, own, {"from": "firms", "select": ["id"], "filter": condition, "sort": ["id"], "page": {"limit": 1}}).json()
        assert said["totalRows"] == postgres.execute(f"SELECT count(*) FROM {join} WHERE {sql}")[0][0], condition
    got = rows(site, own, {"from": "firms", "select": ["boss.tenant_id", {"expr": {"count": "boss.id"}, "as": "n"}],
                           "groupBy": ["boss.tenant_id"], "sort": ["n"], "page": {"limit": 5}})
    assert [tuple(row.values()) for row in got] == [(None, 0), (A, 4)]


# ---- another tenant by its name

def naming(column, value):
    return [{"eq": [column, value]}, {"in": [column, [A, value]]}, {"in": [column, [value]]},
            {"not": {"eq": [column, value]}}, {"or": [{"eq": [column, A]}, {"eq": [column, value]}]},
            {"eq": [{"value": value}, {"column": column}]}]


@pytest.mark.parametrize("name", ("orders", "orders_bare"))
@pytest.mark.parametrize("value", (B, "nobody at all", "", "ACME", "acme "))
def test_another_tenant_is_403(site, own, name, value):
    for condition in naming("tenant_id", value):
        said = problem.check(ask(site, own, {"from": name, "filter": condition, "page": {"limit": 5}}), 403)
        assert said["detail"] == "these are another tenant's rows"
        assert said["errors"][0]["pointer"].startswith("/filter/"), condition
        problem.check(ask(site, own, {"from": name, "filter": condition, "validateOnly": True}), 403)
        problem.check(ask(site, own, {"from": name, "filter": condition}, {"Accept": "text/csv"}), 403)


def test_another_tenant_in_the_rest_of_a_query_is_403(site, own):
    condition = {"eq": ["tenant_id", B]}
    for more in ({"select": [{"expr": condition, "as": "x"}]},
                 {"select": [{"expr": {"count": []}, "as": "n"}], "groupBy": [condition]},
                 {"select": [{"expr": {"count": []}, "as": "n"}], "groupBy": ["tenant_id"], "having": condition},
                 {"select": ["id"], "sort": [{"expr": condition}]}):
        problem.check(ask(site, own, {"from": "orders", **more, "page": {"limit": 5}}), 403)


def test_another_tenant_through_a_join_is_403(site, own):
    for name, column in (("firms", "boss.tenant_id"), ("firms", "bare.tenant_id"), ("orders", "owner.tenant_id"),
                         ("orders_bare", "orders_bare.tenant_id")):
        for condition in naming(column, B):
            problem.check(ask(site, own, {"from": name, "filter": condition, "page": {"limit": 5}}), 403)
    problem.check(get(site, f"{of_table('firms')}.csv?boss.tenant_id={B}", own), 403)


@pytest.mark.parametrize("params", (f"tenant_id={B}", f"tenant_id=eq.{B}", f"tenant_id=in.{A},{B}", f"whose={B}", f"of={A},{B}",
                                    f"owner.tenant_id={B}", f"tenant_id={A}&whose={B}"))
def test_another_tenant_in_a_url_is_403(site, own, params):
    for path in (of_table("orders") + ".csv", of_table("orders") + ".parquet", "/export/orders"):
        problem.check(get(site, f"{path}?{params}", own), 403)
    assert get(site, f"{of_table('orders')}.csv?{params}", own, method="HEAD").status == 403


@pytest.mark.parametrize("name", ("orders", "orders_bare"))
def test_the_own_tenant_may_be_named(site, postgres, own, name):
    want = own_ids(postgres)
    for condition in ({"eq": ["tenant_id", A]}, {"in": ["tenant_id", [A]]}, {"in": ["tenant_id", [A, A]]},
                      {"eq": [{"value": A}, {"column": "tenant_id"}]},
                      {"and": [{"eq": ["tenant_id", A]}, {"ge": ["amount", 0]}]}):
        got = rows(site, own, {"from": name, "select": ["id"], "filter": condition, "sort": ["id"], "page": {"limit": 500}})
        assert [row["id"] for row in got] == want, condition
    assert sorted(READ["csv"](get(site, f"{of_table(name)}.csv?tenant_id={A}", own).body)) == want
    assert rows(site, own, {"from": name, "filter": {"not": {"eq": ["tenant_id", A]}}, "page": {"limit": 5}}) == []


def test_the_own_tenant_of_a_joined_table_leaves_rows_with_one(site, postgres, own):
    want = one_column(postgres, f"SELECT f.id FROM ten.firms f JOIN ten.people p ON p.id = f.boss_id AND p.tenant_id = '{A}'"
                                " ORDER BY 1")
    for column in ("boss.tenant_id", "bare.tenant_id"):
        got = rows(site, own, {"from": "firms", "select": ["id"], "filter": {"eq": [column, A]}, "sort": ["id"], "page": {"limit": 50}})
        assert [row["id"] for row in got] == want, column


def test_a_tenant_column_that_is_not_shown_is_not_shown(site, own):
    for column in ({"select": ["tenant_id"]}, {"sort": ["tenant_id"]}, {"filter": {"gt": ["tenant_id", "a"]}},
                   {"filter": {"like": ["tenant_id", "u%"]}}, {"select": [{"expr": {"max": "tenant_id"}, "as": "x"}]},
                   {"filter": {"isNull": "tenant_id"}}, {"filter": {"eq": ["tenant_id", {"column": "name"}]}}):
        problem.check(ask(site, own, {"from": "orders_bare", **column, "page": {"limit": 5}}), 400)


# ---- tenants of every type, and of none

@pytest.mark.parametrize("name", TYPES)
def test_tenant_columns_of_each_type(site, postgres, issuer, name):
    kind, *tenants = TYPES[name]
    for tenant in tenants:
        token = issuer.token(tenant_id=tenant)
        want = one_column(postgres, f"SELECT id FROM ten.by_{name} WHERE tenant = '{tenant}'::{kind} ORDER BY id")
        assert len(want) == 10
        assert sorted(READ["csv"](get(site, f"{of_table(f'by_{name}')}.csv", token).body)) == want
        answer = get(site, f"/export/by_{name}?page=1&total_pages=1", token)
        assert READ["ndjson"](answer.body) == want
        definition = {"from": f"by_{name}", "select": ["id"], "sort": ["id"], "page": {"limit": 50}}
        assert [row["id"] for row in rows(site, token, definition)] == want
        named = {**definition, "filter": {"eq": ["tenant", tenant]}}
        assert [row["id"] for row in rows(site, token, named)] == want
        for another in tenants:
            if another != tenant:
                problem.check(ask(site, token, {**definition, "filter": {"eq": ["tenant", another]}}), 403)


def test_a_whole_number_names_a_tenant(site, issuer):
    assert len(READ["csv"](get(site, of_table("by_int4") + ".csv", issuer.token(tenant_id=7)).body)) == 10
    definition = {"from": "by_int4", "filter": {"eq": ["tenant", 7]}, "page": {"limit": 50}}
    assert len(rows(site, issuer.token(tenant_id=7), definition)) == 10
    problem.check(ask(site, issuer.token(tenant_id=8), definition), 403)


def test_a_uuid_is_one_however_it_is_spelled(site, issuer):
    token = issuer.token(tenant_id=UUIDS[A].upper())
    definition = {"from": "by_uuid", "filter": {"eq": ["tenant", UUIDS[A]]}, "page": {"limit": 50}}
    assert len(rows(site, token, definition)) == 10


@pytest.mark.parametrize("name, tenant", (
    ("int4", "acme"), ("int4", "99999999999"), ("int4", "7 OR true"), ("int4", "7.0"), ("int4", "0x7"), ("int2", "70000"),
    ("int8", "9223372036854775808"), ("int8", "-"), ("uuid", "acme"), ("uuid", UUIDS[A] + "0"), ("int4", "7\n"), ("int4", " 7")))
def test_a_tenant_that_is_no_value_of_the_type_is_403(site, issuer, name, tenant):
    token = issuer.token(tenant_id=tenant)
    for path in (of_table(f"by_{name}") + ".csv", f"/api/v1/tables/by_{name}", f"/api/v1/tables/by_{name}/schema",
                 f"/export/by_{name}"):
        problem.check(get(site, path, token), 403)
    problem.check(ask(site, token, {"from": f"by_{name}", "page": {"limit": 5}}), 403)
    assert f"by_{name}" not in {one["key"] for one in get(site, "/api/v1/tables", token).json()["tables"]}


@pytest.mark.parametrize("name", ("text", "varchar", "bpchar", "house", "exact", "day"))
@pytest.mark.parametrize("tenant", ODD)
def test_sql_in_a_tenant_is_a_name(site, postgres, issuer, name, tenant):
    connection = postgres.connect()
    with connection.cursor() as cursor:
        kind = TYPES[name][0].split("(")[0] if name in ("text", "varchar", "bpchar") else None
        cursor.execute(f"SELECT id FROM ten.by_{name} WHERE tenant = %s::{'bpchar' if kind == 'char' else kind} ORDER BY id"
                       if kind else "SELECT 1 WHERE %s = ''", (tenant,))
        want = [row[0] for row in cursor.fetchall()]
    connection.close()
    answer = get(site, of_table(f"by_{name}") + ".csv", issuer.token(tenant_id=tenant))
    assert answer.status in ((200,) if kind else (200, 403)), answer.body
    assert answer.status == 403 or sorted(READ["csv"](answer.body)) == want
    if kind:
        definition = {"from": f"by_{name}", "select": ["id"], "sort": ["id"], "page": {"limit": 50}}
        assert [row["id"] for row in rows(site, issuer.token(tenant_id=tenant), definition)] == want
        named = {**definition, "filter": {"eq": ["tenant", tenant]}}
        assert [row["id"] for row in rows(site, issuer.token(tenant_id=tenant), named)] == want


def test_rows_of_nobody(site, issuer):
    for tenant in ("nobody", "null", "NULL", "None"):
        assert rows(site, issuer.token(tenant_id=tenant), {"from": "orders", "page": {"limit": 5}}) == []
    for tenant in ("", [], {}, True, 1.5):
        problem.check(ask(site, issuer.token(tenant_id=tenant), {"from": "orders", "page": {"limit": 5}}), 401)


# ---- what would fail on another tenant's row

LOUD = {
    "cast": {"gt": [{"cast": ["code", "bigint"]}, -1]}, "cast to numeric": {"gt": [{"cast": ["code", "numeric"]}, -1]},
    "cast to a date": {"isNull": {"cast": [{"coalesce": [{"value": None}, "code"]}, "integer"]}},
    "overflow": {"gt": [{"add": ["size", 1]}, 0]}, "product": {"gt": [{"multiply": ["size", 2]}, 0]},
    "narrow": {"gt": [{"cast": ["size", "integer"]}, 0]},
    "trunc": {"gt": [{"date_trunc": ["month", "day"]}, "2000-01-01"]}, "extract": {"gt": [{"extract": ["hour", "day"]}, -1]},
    "timestamp": {"gt": [{"cast": ["day", "timestamp"]}, "2000-01-01"]},
    "divide": {"gt": [{"divide": [1, {"cast": ["code", "bigint"]}]}, -1]},
    "modulo": {"ge": [{"modulo": [{"multiply": ["size", 3]}, "amount"]}, 0]},
    "a boolean": {"not": {"isNull": {"add": ["size", "size"]}}},
    "nested": {"or": [{"eq": ["amount", -1]}, {"in": [{"subtract": [{"cast": ["code", "integer"]}, 1]}, list(range(-5, 99))]}]},
}


def judged(condition):
    """That every row of the own tenant fits the condition that cannot fail on them; isNull of a cast none."""
    return 0 if "isNull" in condition else None


@pytest.mark.parametrize("what", LOUD)
@pytest.mark.parametrize("name", ("orders", "noisy", "noisy_view"))
def test_a_failure_on_another_tenants_row_is_not_told(site, issuer, postgres, what, name):
    condition = LOUD[what]
    token = issuer.token(tenant_id="ACME" if name == "noisy_view" else A)
    said = ask(site, token, {"from": name, "select": ["id"], "filter": condition, "page": {"limit": 500}})
    assert said.status == 200, said.body
    got = [row["id"] for row in said.json()["rows"]]
    assert set(got) <= set(own_ids(postgres)) and said.json()["totalRows"] == len(got)
    if "isNull" not in condition and what not in ("divide", "modulo"):
        assert sorted(got) == own_ids(postgres)
    for more in ({"sort": [{"expr": {"add": ["size", 1]}}]}, {"select": [{"expr": {"cast": ["code", "bigint"]}, "as": "x"}]},
                 {"select": [{"expr": {"count": []}, "as": "n"}]}, {"select": [{"expr": {"sum": {"add": ["size", 1]}}, "as": "n"}]}):
        answer = ask(site, token, {"from": name, "filter": condition, **more, "page": {"limit": 500}})
        assert answer.status == 200, (more, answer.body)
    assert ask(site, token, {"from": name, "filter": condition}, {"Accept": "text/csv"}).status == 200
    assert ask(site, token, {"from": name, "filter": condition, "validateOnly": True}).status == 200


BY_CODE = {"cast": ["code", "bigint"]}


@pytest.mark.parametrize("name", ("orders", "noisy", "noisy_view"))
@pytest.mark.parametrize("definition", (
    {"select": [{"expr": BY_CODE, "as": "x"}, {"expr": {"count": []}, "as": "n"}], "groupBy": [BY_CODE], "sort": ["x"]},
    {"select": ["code", {"expr": BY_CODE, "as": "x"}, {"expr": {"count": []}, "as": "n"}], "groupBy": ["code"]},
    {"select": ["code"], "groupBy": ["code"], "having": {"ge": [BY_CODE, 0]}},
    {"select": ["code"], "groupBy": ["code"], "having": {"and": [{"ge": [BY_CODE, 0]}, {"gt": [{"count": []}, 0]}]}},
    {"select": ["amount"], "groupBy": ["amount"], "having": {"ge": [{"divide": [{"sum": "size"}, {"count": "size"}]}, 0]}},
    {"select": [{"expr": {"divide": [{"sum": "amount"}, {"count": []}]}, "as": "mean"}]},
    {"select": [{"expr": {"divide": [{"sum": "size"}, {"count": "id"}]}, "as": "mean"}, "amount"], "groupBy": ["amount"],
     "sort": [{"expr": {"add": [{"max": "size"}, 1]}}]},
    {"select": [{"expr": {"sum": BY_CODE}, "as": "s"}]},
    {"select": [{"expr": {"add": ["amount", 1]}, "as": "more"}], "groupBy": ["amount"]},
    {"select": [{"expr": {"date_trunc": ["year", "day"]}, "as": "y"}, {"expr": {"count": []}, "as": "n"}],
     "groupBy": [{"date_trunc": ["year", "day"]}]},
    {"select": ["id"], "sort": [{"expr": BY_CODE, "direction": "desc"}]},
    {"select": ["id"], "sort": [{"expr": {"multiply": ["size", 3]}}]},
))
def test_calculations_of_groups_and_sorts(site, issuer, postgres, name, definition):
    """Also page by page, where what is sorted by stands in a condition."""
    token = issuer.token(tenant_id="ACME" if name == "noisy_view" else A)
    whole = rows(site, token, {"from": name, **definition, "page": {"limit": 500}})
    assert whole and len(whole) <= ROWS
    got = [row for page in pages(site, token, {"from": name, **definition}, 4) for row in page["rows"]]
    assert sorted(map(str, got)) == sorted(map(str, whole))
    if definition.get("groupBy") == ["code"]:
        assert {row["code"] for row in whole} == set(one_column(postgres, f"SELECT code FROM ten.orders WHERE tenant_id = '{A}'"))


def test_calculations_over_a_joined_tenants_rows(site, own, postgres):
    want = postgres.execute(f"SELECT count(*) FROM ten.noisy o JOIN ten.noisy p ON p.id = o.id WHERE o.tenant_id = '{A}'")[0][0]
    for condition in ({"ge": [{"cast": ["other.code", "bigint"]}, 0]}, {"gt": [{"add": ["other.size", 1]}, 0]}):
        said = ask(site, own, {"from": "noisy", "select": ["id"], "filter": condition, "page": {"limit": 5}})
        assert said.status == 200 and said.json()["totalRows"] == want, said.body


def test_the_own_failure_is_told(site, other):
    """Without this the tests above would show nothing."""
    for condition in (LOUD["cast"], LOUD["overflow"], LOUD["trunc"]):
        problem.check(ask(site, other, {"from": "orders", "filter": condition, "page": {"limit": 5}}), 422)


# ---- the cache

def test_tenants_do_not_share_the_cache(site, own, other, postgres):
    definition = {"from": "orders", "select": ["id", "name"], "sort": ["id"], "page": {"limit": 11}}
    joined = {"from": "firms", "select": ["id", "boss.name"], "sort": ["id"], "page": {"limit": 11}}
    for one in (definition, joined):
        first = {token: ask(site, token, one).json()["rows"] for token in (own, other)}
        for token in (own, other):
            def is_kept(token=token):  # a worker that had no answer in time does without the cache for a while
                again = ask(site, token, one)
                assert again.json()["rows"] == first[token]
                return "desc=hit" in again.headers["server-timing"]
            process.wait_until(is_kept, "an answer from the cache")
        assert first[own] != first[other]
    etag = ask(site, own, definition).headers["etag"]
    assert ask(site, other, definition, {"If-None-Match": etag}).status == 200
    assert ask(site, own, definition, {"If-None-Match": etag}).status == 304


def test_the_log_tells_no_row(site, own):
    get(site, of_table("orders") + ".csv", own)
    with open(site.path("log", "sluice.log"), encoding="utf-8") as log:
        text = log.read()
    assert text and "order 1" not in text and "person 1" not in text

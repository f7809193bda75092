"""Masks and policies: what a role does not see, it does not see in any format, order, group, count, error, token or log.
Each secret value is a word of its own, so that whatever comes back can be searched for it."""

import base64
import csv
import glob
import hmac
import io
import json
import os
import re
import signal
import tempfile
import xml.etree.ElementTree as ElementTree

import pytest

from harness import problem, process
from harness.arrow import Arrow
from harness.client import curl
from harness.hyparquet import Hyparquet
from harness.query import ask, bounds_text, pages, rows

SECRET = "a secret of more than 32 characters, for the masks alone"
ROWS = 40
MASKS = ("stars", "hash", "partial", "null", "year")

SQL = """
CREATE SCHEMA msk;
CREATE TYPE msk.mood AS ENUM ('secretsad', 'secretglad', 'secretmad');
CREATE TABLE msk.firms (id int PRIMARY KEY, firm text, phone text);
INSERT INTO msk.firms SELECT i, 'secretfirm' || i, 'secretphone' || i || '@exchange' FROM generate_series(1, 5) i;
CREATE TABLE msk.people (id int PRIMARY KEY, mail text, short varchar(40), fixed char(16), amount int, price numeric(14,2), key uuid,
    born date, seen timestamptz, doc jsonb, tags text[], mood msk.mood, plain text, firm_id int);
INSERT INTO msk.people SELECT i,
    CASE i WHEN 1 THEN '' WHEN 2 THEN 'x' WHEN 3 THEN NULL WHEN 4 THEN 'secretone@secrettwo@host.org' WHEN 5 THEN '@secretname'
        WHEN 6 THEN 'q@secrethost' WHEN 7 THEN 'größe@host.org' WHEN 8 THEN 'abc' WHEN 9 THEN 'ab' WHEN 10 THEN 'secretend@'
        WHEN 11 THEN '@' WHEN 12 THEN 'wyz@ok' WHEN 13 THEN ' ' ELSE 'secretmail' || (i % 7) || '@host' || (i % 3) || '.org' END,
    CASE WHEN i % 9 > 0 THEN 'secretshort' || i % 4 END, 'secretfix' || i % 5, 7700000 + i, 8800000 + i * 1.25,
    md5(i::text)::uuid, CASE i WHEN 1 THEN 'infinity' WHEN 2 THEN '0044-03-15 BC' ELSE date '1984-02-29' + i * 100 END,
    CASE WHEN i % 8 > 0 THEN timestamptz '2021-12-31 23:30:00+00' + i * interval '40 days' END,
    jsonb_build_object('secretdoc', 'secretvalue' || i), ARRAY['secrettag' || i, 'secrettag'],
    (ARRAY['secretsad', 'secretglad', 'secretmad'])[1 + i % 3]::msk.mood, 'plain ' || i % 6, 1 + i % 5
    FROM generate_series(1, {rows}) i;
CREATE TABLE msk.keyed (key text PRIMARY KEY, other int);
INSERT INTO msk.keyed SELECT 'secretkey' || i || 'x' || md5(i::text), i FROM generate_series(1, {rows}) i;
GRANT USAGE ON SCHEMA msk TO sluice;
GRANT SELECT ON ALL TABLES IN SCHEMA msk TO sluice;
ANALYZE;
"""

COLUMNS = {"mail": "text", "short": "varchar", "fixed": "bpchar", "amount": "int4", "price": "numeric", "key": "uuid", "born": "date",
           "seen": "timestamptz", "doc": "jsonb", "tags": "text[]", "mood": "mood"}
HIDING = ("stars", "hash", "null")  # of every column, and partial of texts: no part that a search could find is left


def hashed(text):
    key = hmac.digest(SECRET.encode(), b"hash mask", "sha256")
    return None if text is None else hmac.digest(key, text.encode(), "sha256").hex()


def partial(text):
    if text is None:
        return None
    before, at, behind = text.rpartition("@") if "@" in text else (text, "", "")
    return (before[0] if len(before) >= 3 else "") + "***" + (at + behind if before and at else "")


def year(text):
    if text is None or "infinity" in text:
        return None
    number = text.split("-")[0].lstrip("0")
    return "-" + str(int(number)) if text.endswith("BC") else number


MASKED = {"stars": lambda text: "***", "null": lambda text: None, "hash": hashed, "partial": partial, "year": year}


def settings():
    tables = {"people": {"name": "msk.people", "joins": ["firm:firm_id:firms"], "filters": ["address:mail"]},
              "firms": {"name": "msk.firms"}, "keyed": {"name": "msk.keyed"},
              "crew": {"name": "msk.people", "joins": ["firm:firm_id:firms", "hidden:firm_id:hidden", "gone:firm_id:gone"]},
              "hidden": {"name": "msk.firms", "joins": ["on:id:keyed"]}, "gone": {"name": "msk.firms"}, "gone2": {"name": "msk.firms"},
              "noyear": {"name": "msk.people"}, "scoped": {"name": "msk.firms"}, "open": {"name": "msk.firms"}}
    policies = {}
    for mask in MASKS:
        columns = ("born", "seen") if mask == "year" else COLUMNS
        policies[mask] = {"tables": ["people"], "roles": [mask], "masks": [f"{column}:{mask}" for column in columns]}
        policies[f"key-{mask}"] = {"tables": ["keyed"], "roles": [mask], "masks": ["key:stars" if mask == "year" else f"key:{mask}"]}
    policies["all"] = {"tables": ["people", "keyed", "firms"], "roles": ["clear"]}
    policies["firms"] = {"tables": ["firms"], "roles": ["*"], "columns": ["id", "phone"], "masks": ["phone:hash"]}
    policies["crew-a"] = {"tables": ["crew"], "roles": ["a"], "columns": ["id", "mail", "plain"], "masks": ["mail:partial", "plain:stars"]}
    policies["crew-b"] = {"tables": ["crew"], "roles": ["b"], "columns": ["id", "mail", "born"], "masks": ["mail:hash"]}
    policies["crew-c"] = {"tables": ["crew"], "roles": ["c"], "columns": ["mail"]}
    policies["hidden"] = {"tables": ["hidden"], "roles": ["boss"]}
    policies["gone"] = {"tables": ["gone"], "roles": ["*"], "masks": ["nothing:stars"]}
    policies["gone2"] = {"tables": ["gone2"], "roles": ["*"], "columns": ["id", "nothing"]}
    policies["noyear"] = {"tables": ["noyear"], "roles": ["*"], "masks": ["mail:year"]}
    policies["scoped"] = {"tables": ["scoped"], "roles": ["scope:firms.read"]}
    return {"tables": tables, "policies": policies, "secret": {"key": SECRET}}


@pytest.fixture(scope="module")
def made(postgres):
    postgres.execute(SQL.format(rows=ROWS))
    yield
    postgres.execute("DROP SCHEMA msk CASCADE")


@pytest.fixture(scope="module")
def site(fleet, made):
    one = fleet.start(settings=settings(), workers=(2, 1))
    yield one
    fleet.stop(one)


@pytest.fixture
def of(issuer):
    """The token of a role."""
    return lambda *roles: issuer.token(roles=["exporter", *roles])


def get(site, path, token, **options):
    return curl(site.url + path, token, **options)


def export(site, token, suffix, params="", name="people", **options):
    answer = get(site, f"/api/v1/tables/{name}/rows.{suffix}{params}", token, **options)
    assert (answer.exit, answer.status) == (0, 200), answer.body
    return answer


def wanted(postgres, mask, column):
    """By id: what PostgreSQL has as text in UTC, masked by Python."""
    raw = postgres.execute(f"SET timezone = 'UTC'; SELECT id, {column}::text FROM msk.people")
    return {number: MASKED[mask](text) for number, text in raw}


def masked_columns(mask):
    return [column for column in COLUMNS if mask != "year" or column in ("born", "seen")]


# As words of their own: an identifier or a hash may hold the same digits.
TELLING = re.compile(rb"secret(?!\.key|hash|or)[a-z]+|(?<![-0-9a-f])(?:77000[0-9]{2}(?![0-9a-f])|8800[0-9]{3}\.[0-9]"
                     rb"|(?:1984-0[0-9]|198[5-9]-[0-9]{2})-[0-9])")


def check_no_secret(*parts):
    for part in parts:
        data = part if isinstance(part, bytes) else str(part).encode()
        found = TELLING.search(data)
        assert not found, data[max(0, found.start() - 60):found.end() + 60]


# ---- values

@pytest.mark.parametrize("mask", MASKS)
def test_values_in_each_text_format(site, postgres, of, mask):
    want = {column: wanted(postgres, mask, column) for column in masked_columns(mask)}
    token = of(mask)
    read = {"ndjson": [json.loads(line) for line in export(site, token, "ndjson").body.splitlines()],
            "json": export(site, token, "json").json(),
            "csv": list(csv.DictReader(io.StringIO(export(site, token, "csv", "?null=NIL").text()))),
            "tsv": list(csv.DictReader(io.StringIO(export(site, token, "tsv", "?null=NIL").text()), delimiter="\t")),
            "query": rows(site, token, {"from": "people", "page": {"limit": 500}})}
    nil = {"csv": "NIL", "tsv": "NIL"}
    for suffix, got in read.items():
        assert len(got) == ROWS
        for column, values in want.items():
            for row in got:
                value = values[int(row["id"])]
                assert row[column] == (nil.get(suffix) if value is None else value), (suffix, column, row["id"])
    for row in ElementTree.XML(export(site, token, "xml").body):
        for column, values in want.items():
            element, value = row.find(column), values[int(row.find("id").text)]
            assert (element.text or "") == (value or ""), (column, row.find("id").text)
            assert (value is None) == bool(element.attrib)


@pytest.mark.parametrize("mask", MASKS)
def test_values_in_arrow_and_parquet(site, postgres, top, of, mask):
    want = {column: wanted(postgres, mask, column) for column in masked_columns(mask)}
    for suffix, params in (("arrow", ""), ("arrows", ""), ("parquet", "?codec=none&statistics=true&nested=list&bloom=mail,amount,key"),
                           ("parquet", "?dictionary=false&codec=none")):
        if mask == "year" and "bloom" in params:
            params = params.split("&bloom")[0]
        answer = export(site, of(mask), suffix, params)
        path = tempfile.mktemp(dir=top)
        with open(path, "wb") as f:
            f.write(answer.body)
        if suffix == "parquet":
            got = Hyparquet(tempfile.mkdtemp(dir=top)).read(path)["rows"]
        else:
            columns = {column["name"]: column["values"] for column in Arrow(tempfile.mkdtemp(dir=top)).read(path)["columns"]}
            got = [dict(zip(columns, values)) for values in zip(*columns.values())]
        assert len(got) == ROWS
        for row in got:
            for column, values in want.items():
                assert row[column] == values[int(row["id"])], (suffix, column)
        if mask in HIDING:
            check_no_secret(answer.body)


@pytest.mark.parametrize("mask", HIDING)
def test_no_byte_of_any_answer_holds_a_secret(site, of, mask):
    token = of(mask)
    for suffix in ("csv", "tsv", "json", "ndjson", "xml"):
        answer = export(site, token, suffix, "?order=mail", headers={"Prefer": "count=exact"})
        check_no_secret(answer.body, answer.headers)
    for definition in ({"sort": ["mail", "amount", "key"]}, {"select": ["id", {"expr": {"lower": "mail"}, "as": "l"}]},
                       {"select": [{"expr": {"coalesce": ["mail", "short"]}, "as": "c"}]},
                       {"select": [{"expr": {"cast": ["doc", "text"]}, "as": "c"}]}):
        answer = ask(site, token, {"from": "people", **definition, "page": {"limit": 9}})
        check_no_secret(answer.body, answer.headers, base64.urlsafe_b64decode((answer.json()["next"] or "") + "==="))
        answer = ask(site, token, {"from": "people", **definition, "validateOnly": True})
        assert answer.status == 200 and answer.json()["sample"]
        check_no_secret(answer.body)


# ---- schemas

@pytest.mark.parametrize("mask", MASKS)
def test_schemas_say_text(site, of, mask):
    said = get(site, "/api/v1/tables/people/schema", of(mask)).json()
    clear = get(site, "/api/v1/tables/people/schema", of("clear")).json()
    assert said["fingerprint"] != clear["fingerprint"]
    columns = {column["name"]: column for column in said["columns"]}
    for column in masked_columns(mask):
        assert (columns[column]["type"], columns[column]["nullable"]) == ("utf8", mask != "stars"), column
        assert columns[column]["source_type"] == "text" if "source_type" in columns[column] else True
    assert columns["id"]["type"] == "int32"
    xsd = get(site, "/api/v1/tables/people/schema.xsd", of(mask))
    check_no_secret(xsd.body)
    assert xsd.body != get(site, "/api/v1/tables/people/schema.xsd", of("clear")).body
    export_head = get(site, "/api/v1/tables/people/rows.csv", of(mask), method="HEAD")
    assert export_head.headers["sluice-schema"] == said["fingerprint"]
    assert export(site, of(mask), "csv").headers["sluice-schema"] == said["fingerprint"]
    validated = ask(site, of(mask), {"from": "people", "validateOnly": True}).json()
    assert {column["name"]: column["mask"] for column in validated["columns"]} == {
        **dict.fromkeys(columns), **dict.fromkeys(masked_columns(mask), mask)}


def test_another_roles_schema_does_not_match(site, of):
    clear = get(site, "/api/v1/tables/people/schema", of("clear")).json()["fingerprint"]
    path = "/api/v1/tables/people/rows.csv"
    assert get(site, path, of("clear"), headers={"If-Schema-Match": f'"{clear}"'}).status == 200
    said = problem.check(get(site, path, of("stars"), headers={"If-Schema-Match": f'"{clear}"'}), 412)
    check_no_secret(json.dumps(said))


# ---- what is computed is computed of the masked value

@pytest.mark.parametrize("mask", MASKS)
def test_filters_see_the_masked_value(site, postgres, of, mask):
    column = "born" if mask == "year" else "mail"
    want = wanted(postgres, mask, column)
    token = of(mask)

    def ids(condition):
        return {row["id"] for row in rows(site, token, {"from": "people", "select": ["id"], "filter": condition, "page": {"limit": 500}})}
    for value in {*filter(None, want.values()), "secretmail2@host2.org", "1984-06-08"}:
        assert ids({"eq": [column, value]}) == {number for number, text in want.items() if text == value}
        answer = export(site, token, "ndjson", f"?{column}=eq.{curl_text(value)}")
        assert {json.loads(line)["id"] for line in answer.body.splitlines()} == {
            number for number, text in want.items() if text == value}
    assert ids({"isNull": column}) == {number for number, text in want.items() if text is None}
    assert ids({"like": [column, "%secret%"]}) == {number for number, text in want.items() if text and "secret" in text}
    assert ids({"eq": [{"length": column}, 3]}) == {number for number, text in want.items() if text is not None and len(text) == 3}


def curl_text(value):
    return "".join(f"%{byte:02X}" for byte in value.encode())


@pytest.mark.parametrize("mask", MASKS)
def test_order_groups_and_extremes_are_of_the_masked_value(site, postgres, of, mask):
    for column in masked_columns(mask):
        want, token = wanted(postgres, mask, column), of(mask)
        got = rows(site, token, {"from": "people", "select": ["id", column], "sort": [column], "page": {"limit": 500}})
        # PostgreSQL's C collation, NULL last, then the primary key.
        ordered = sorted(want.items(), key=lambda item: (item[1] is None, (item[1] or "").encode(), item[0]))
        assert [(row["id"], row[column]) for row in got] == ordered, column
        got = rows(site, token, {"from": "people", "select": [column, {"expr": {"count": []}, "as": "n"}], "groupBy": [column],
                                 "page": {"limit": 500}})
        assert {row[column]: row["n"] for row in got} == {value: list(want.values()).count(value) for value in want.values()}
        got = rows(site, token, {"from": "people", "select": [
            {"expr": {"min": column}, "as": "least"}, {"expr": {"max": column}, "as": "most"},
            {"expr": {"countDistinct": column}, "as": "n"}, {"expr": {"count": column}, "as": "some"}], "page": {"limit": 5}})
        texts = sorted((text for text in want.values() if text is not None), key=str.encode)
        assert list(got[0].values()) == [texts[0] if texts else None, texts[-1] if texts else None, len(set(texts)), len(texts)]


def test_calculations_with_masked_numbers_are_refused(site, of):
    for expr in ({"add": ["amount", 1]}, {"sum": "amount"}, {"avg": "price"}, {"extract": ["year", "born"]},
                 {"date_trunc": ["year", "seen"]}):
        said = problem.check(ask(site, of("hash"), {"from": "people", "select": [{"expr": expr, "as": "x"}], "page": {"limit": 5}}), 400)
        check_no_secret(json.dumps(said))
    for condition in ({"gt": ["amount", 7700010]}, {"contains": ["doc", {"secretdoc": "secretvalue1"}]}):
        answer = ask(site, of("stars"), {"from": "people", "select": ["id"], "filter": condition, "page": {"limit": 5}})
        assert answer.status == 400


@pytest.mark.parametrize("mask", HIDING)
def test_errors_do_not_hold_what_a_row_holds(site, of, mask):
    for condition in ({"gt": [{"cast": ["mail", "integer"]}, 1]}, {"gt": [{"cast": ["born", "date"]}, "2000-01-01"]},
                      {"eq": [{"cast": ["key", "uuid"]}, "6f1d2a3c-0000-4000-8000-0000000000aa"]}):
        answer = ask(site, of(mask), {"from": "people", "select": ["id"], "filter": condition, "page": {"limit": 5}})
        assert answer.status in (200, 422), answer.body
        check_no_secret(answer.body)


# ---- joins

def test_joined_columns_are_masked_and_hidden(site, postgres, of):
    got = rows(site, of("stars"), {"from": "people", "select": ["id", "firm.phone", "firm.id"], "sort": ["id"], "page": {"limit": 500}})
    want = postgres.execute("SELECT p.id, f.phone, f.id FROM msk.people p LEFT JOIN msk.firms f ON f.id = p.firm_id ORDER BY 1")
    assert [tuple(row.values()) for row in got] == [(number, hashed(phone), firm) for number, phone, firm in want]
    for part in ({"select": ["firm.firm"]}, {"filter": {"eq": ["firm.firm", "secretfirm1"]}}, {"sort": ["firm.firm"]},
                 {"filter": {"like": ["firm.firm", "secretfirm1"]}}):
        said = problem.check(ask(site, of("stars"), {"from": "people", **part, "page": {"limit": 5}}), 400)
        assert said["detail"] == 'table firms has no column "firm.firm"'
    for part in ({"filter": {"like": ["firm.phone", "secret%"]}}, {"filter": {"eq": ["firm.phone", "secretphone1@exchange"]}}):
        assert rows(site, of("stars"), {"from": "people", **part, "page": {"limit": 5}}) == []
    assert len(rows(site, of("clear"), {"from": "people", "filter": {"eq": ["firm.firm", "secretfirm1"]}, "page": {"limit": 50}})) == 8
    grouped = rows(site, of("hash"), {"from": "people", "select": ["firm.phone", {"expr": {"count": []}, "as": "n"}],
                                      "groupBy": ["firm.phone"], "sort": ["firm.phone"], "page": {"limit": 50}})
    assert [row["firm.phone"] for row in grouped] == sorted(hashed(f"secretphone{i}@exchange") for i in range(1, 6))


# ---- a masked primary key

@pytest.mark.parametrize("mask", ("stars", "hash", "partial", "null"))
def test_a_masked_key_cuts_no_pages_and_orders_nothing(site, of, mask):
    token = of(mask)
    for path in ("/export/keyed?page=1&total_pages=3", "/api/v1/tables/keyed/rows.csv?page=1&total_pages=2"):
        said = problem.check(get(site, path, token), 422)
        check_no_secret(json.dumps(said))
    assert get(site, "/api/v1/tables/keyed", token).json()["primary_key"] is None
    answer = export(site, token, "ndjson", "?limit=7", name="keyed")
    assert "sluice-bounds" not in answer.headers and answer.body.count(b"\n") == 7
    by_key = sorted(range(1, ROWS + 1), key=lambda i: f"secretkey{i}x")
    assert [json.loads(line)["other"] for line in answer.body.splitlines()] != by_key[:7]
    page = ask(site, token, {"from": "keyed", "select": ["other"], "page": {"limit": 7}}).json()
    assert [row["other"] for row in page["rows"]] != by_key[:7]
    for sort in ([], ["other"], ["key"], [{"column": "key", "direction": "desc"}]):
        got = []
        for page in pages(site, token, {"from": "keyed", "select": ["other", "key"], "sort": sort}, 9):
            got += [row["other"] for row in page["rows"]]
            cursor = base64.urlsafe_b64decode((page["next"] or "") + "===")
            check_no_secret(cursor)
            assert not re.search(b"[0-9a-f]{32}", cursor), cursor
        assert sorted(got) == list(range(1, ROWS + 1)), sort
    clear = export(site, of("clear"), "csv", "?page=1&total_pages=2", name="keyed")
    assert b"secretkey" in bounds_text(clear.headers["sluice-bounds"])
    bounds = clear.headers["sluice-bounds"]
    problem.check(get(site, f"/export/keyed?page=1&total_pages=2&bounds={bounds}", token), 422)


def test_parquet_names_no_masked_key_as_sorted(site, top, of):
    path = tempfile.mktemp(dir=top)
    with open(path, "wb") as f:
        f.write(export(site, of("hash"), "parquet", "?limit=7", name="keyed").body)
    metadata = json.dumps(Hyparquet(tempfile.mkdtemp(dir=top)).read(path)["metadata"])
    assert '"column_idx": 0' not in metadata


@pytest.mark.parametrize("mask", MASKS)
def test_tokens_hold_masked_values_alone(site, of, mask):
    token = of(mask)
    for column in masked_columns(mask):
        got = []
        for page in pages(site, token, {"from": "people", "select": ["id"], "sort": [column]}, 11):
            got += [row["id"] for row in page["rows"]]
            cursor = base64.urlsafe_b64decode((page["next"] or "") + "===")
            if mask in (*HIDING, "year"):
                check_no_secret(cursor)
        assert sorted(got) == list(range(1, ROWS + 1)), column


def test_a_token_of_another_role_does_not_hold(site, of):
    definition = {"from": "people", "select": ["id"], "sort": ["mail"]}
    tokens = {role: next(pages(site, of(role), definition, 5))["next"] for role in ("clear", "hash", "stars")}
    for role, after in tokens.items():
        for other in tokens:
            answer = ask(site, of(other), {**definition, "page": {"limit": 5, "after": after}})
            assert answer.status == (200 if role == other else 400), (role, other)


# ---- the cache

def test_each_role_has_its_own_answers(site, of):
    for definition in ({"from": "people", "select": ["id", "mail", "amount"], "sort": ["id"], "page": {"limit": 20}},
                       {"from": "people", "select": ["id", "firm.phone"], "sort": ["id"], "page": {"limit": 20}}):
        roles = [(), ("clear",), *((mask,) for mask in MASKS), ("stars", "clear")]
        first = {role: ask(site, of(*role), definition) for role in roles if role}
        assert ask(site, of(), definition).status == 404
        for role, answer in first.items():
            def is_kept(role=role, answer=answer):  # a worker that had no answer in time does without the cache for a while
                again = ask(site, of(*role), definition)
                assert again.json()["rows"] == answer.json()["rows"]
                return "desc=hit" in again.headers["server-timing"]
            process.wait_until(is_kept, "an answer from the cache")
        if "mail" in definition["select"]:
            clear = first[("clear",)].json()["rows"]
            assert first[("stars", "clear")].json()["rows"] == clear
            for mask in MASKS[:4]:
                assert first[(mask,)].json()["rows"] != clear
                if mask in HIDING:
                    check_no_secret(first[(mask,)].body)


# ---- one hash everywhere

def test_hashes_are_the_same_in_every_worker_and_after_a_restart(make_site, made, of):
    site = make_site(settings={**settings(), "cache": {"keep": 0}}, workers=(3, 1))
    want = {row["mail"] for row in rows(site, of("hash"), {"from": "people", "page": {"limit": 500}})}
    assert hashed("abc") in want
    old = site.workers("stream")
    for _ in range(8):
        assert {json.loads(line)["mail"] for line in export(site, of("hash"), "ndjson").body.splitlines()} == want
    for pid in old:
        os.kill(pid, signal.SIGTERM)
    process.wait_until(lambda: len(site.workers("stream")) == 3 and not set(old) & set(site.workers("stream")), "new workers")
    for _ in range(4):
        assert {json.loads(line)["mail"] for line in export(site, of("hash"), "ndjson").body.splitlines()} == want


# ---- policies

def columns_of(site, token, name="crew"):
    return [column["name"] for column in get(site, f"/api/v1/tables/{name}/schema", token).json()["columns"]]


def test_columns_and_masks_of_several_roles_add_up(site, of):
    assert columns_of(site, of("a")) == ["id", "mail", "plain"]
    assert columns_of(site, of("b")) == ["id", "mail", "born"]
    assert columns_of(site, of("a", "b")) == columns_of(site, of("b", "a")) == ["id", "mail", "born", "plain"]
    assert columns_of(site, of("c")) == ["mail"]

    def seen(*roles):
        return export(site, of(*roles), "ndjson", name="crew").body.splitlines()
    row = {roles: json.loads(next(line for line in seen(*roles) if b'"id":4' in line[:8])) for roles in (("a",), ("b",), ("a", "b"),
                                                                                                 ("a", "c"))}
    assert row[("a",)] == {"id": 4, "mail": "s***@host.org", "plain": "***"}
    assert row[("b",)]["mail"] == hashed("secretone@secrettwo@host.org")
    assert row[("a", "b")]["mail"] == "s***@host.org" and row[("a", "b")]["plain"] == "***"
    assert row[("a", "c")] == {"id": 4, "mail": "secretone@secrettwo@host.org", "plain": "***"}


def test_columns_that_are_not_shown_are_as_unknown_ones(site, of):
    for name in ("short", "amount", "nothing"):
        for part in ({"select": [name]}, {"select": ["id"], "filter": {"eq": [name, "x"]}}, {"select": ["id"], "sort": [name]},
                     {"select": ["id"], "filter": {"isNull": name}}, {"select": [{"expr": {"max": name}, "as": "m"}]},
                     {"select": ["id"], "groupBy": [name]}):
            said = problem.check(ask(site, of("a"), {"from": "crew", **part, "page": {"limit": 5}}), 400)
            assert said["detail"] == f'table crew has no column "{name}"'
        for params in (f"columns={name}", f"{name}=x", f"order={name}", f"{name}=is.null"):
            said = problem.check(get(site, f"/api/v1/tables/crew/rows.csv?{params}", of("a")), 400)
            assert said["detail"] == f'table crew has no column "{name}"'
        said = problem.check(get(site, f"/api/v1/tables/crew/schema?columns={name}", of("a")), 400)
        assert said["detail"] == f'table crew has no column "{name}"'


def same(site, token, path, hidden, unknown):
    answers = [get(site, path.format(name), token) for name in (hidden, unknown)]
    texts = [re.sub(r'"traceId":"[0-9a-f]+"', "", answer.text().replace(name, "NAME")) for answer, name in zip(answers, (hidden, unknown))]
    assert answers[0].status == answers[1].status and texts[0] == texts[1], texts
    return answers[0].status


PATHS = ("/api/v1/tables/{}", "/api/v1/tables/{}/schema", "/api/v1/tables/{}/schema.xsd", "/api/v1/tables/{}/rows.csv", "/export/{}",
         "/export/{}?page=1&total_pages=2", "/api/v1/tables/{}/rows.csv?x=between.1", "/api/v1/tables/{}/rows.csv?columns=x",
         "/api/v1/tables/{}/rows.csv?order=", "/api/v1/tables/{}/schema?columns=x", "/api/v1/tables/{}/rows.parquet?bloom=x",
         "/api/v1/tables/{}/rows.csv?x=1&limit=-1")


@pytest.mark.parametrize("name", ("hidden", "people", "scoped"))
def test_hidden_tables_are_as_unknown_ones(site, of, name):
    token = of("a")
    assert {same(site, token, path, name, "unknown") for path in PATHS} <= {404, 400}
    listed = get(site, "/api/v1/tables", token).json()
    assert name not in {table["key"] for table in listed["tables"]} and listed["count"] == len(listed["tables"])
    texts = []
    for table in (name, "unknown"):
        for part in ({}, {"select": ["x"]}, {"validateOnly": True}, {"filter": {"eq": ["x.y", 1]}}):
            said = problem.check(ask(site, token, {"from": table, **part, "page": {"limit": 5}}), 404)
            del said["traceId"]
            texts.append(json.dumps(said).replace(table, "NAME"))
    assert len(set(texts)) == 1
    assert get(site, "/api/v1/tables/hidden", of("boss")).status == 200


@pytest.mark.parametrize("way", ("hidden", "gone"))
def test_hidden_tables_are_not_joined(site, of, way):
    texts = []
    for name in (way, "unknown"):
        for part in ({"select": ["id", f"{name}.phone"]}, {"select": ["id"], "filter": {"isNull": f"{name}.phone"}},
                     {"select": ["id"], "sort": [f"{name}.phone"]}, {"select": ["id"], "sort": [f"{name}.on.other"]},
                     {"select": ["id", f"{name}.zzz.phone"]}):
            said = problem.check(ask(site, of("a"), {"from": "crew", **part, "page": {"limit": 5}}), 400)
            del said["traceId"]
            texts.append((json.dumps(part).replace(name, "NAME"), json.dumps(said).replace(name, "NAME")))
        said = problem.check(get(site, f"/api/v1/tables/crew/rows.csv?{name}.phone=x", of("a")), 400)
        assert said["detail"] == f'table crew has no join "{name}"'
    half = len(texts) // 2
    if way == "gone":  # of a closed table the joins are there
        texts = [text for text in texts if "zzz" not in text[0] and ".on." not in text[0]]
        half = len(texts) // 2
    assert texts[:half] == texts[half:]


def test_everybody_and_scopes(site, issuer, of):
    listed = {table["key"] for table in get(site, "/api/v1/tables", of()).json()["tables"]}
    assert listed >= {"firms", "open"} and not listed & {"hidden", "people", "scoped", "crew", "gone", "gone2", "noyear"}
    token = issuer.token(scope="firms.read other")
    assert get(site, "/api/v1/tables/scoped", token).status == 200
    problem.check(get(site, "/api/v1/tables/scoped", issuer.token(roles=["exporter", "firms.read", "scope:firms.read"])), 404)
    problem.check(get(site, "/api/v1/tables/scoped", issuer.token(scope="firms.reader")), 404)
    problem.check(get(site, "/api/v1/tables/hidden", issuer.token(roles=["exporter", "admin"])), 404)


@pytest.mark.parametrize("name, why", (("gone", "nothing"), ("gone2", "nothing"), ("noyear", "has no year")))
def test_a_policy_that_does_not_fit_closes_the_table(site, of, name, why):
    for path in PATHS[:6]:
        assert get(site, path.format(name), of("a")).status == 404, path
    said = problem.check(ask(site, of("a"), {"from": name, "page": {"limit": 5}}), 404)
    assert why not in json.dumps(said)
    assert name not in {table["key"] for table in get(site, "/api/v1/tables", of("a")).json()["tables"]}
    with open(site.path("log", "sluice.log"), encoding="utf-8") as log:
        lines = [json.loads(line) for line in log if line.endswith("\n")]
        causes = [line for line in lines if line["msg"] == "a registered table is not available"]
    assert any(line["table"] == name and why in line["cause"] for line in causes)


def test_a_column_that_goes_closes_the_table(make_site, postgres, made, of):
    postgres.execute("CREATE TABLE msk.moving (id int PRIMARY KEY, mail text); INSERT INTO msk.moving VALUES (1, 'secretmoving');"
                     "GRANT SELECT ON msk.moving TO sluice")
    site = make_site(settings={"tables": {"moving": {"name": "msk.moving"}}, "secret": {"key": SECRET},
                               "policies": {"m": {"tables": ["moving"], "roles": ["*"], "masks": ["mail:hash"]}}})
    definition = {"from": "moving", "page": {"limit": 5}}
    assert rows(site, of(), definition) == [{"id": 1, "mail": hashed("secretmoving")}]
    postgres.execute("ALTER TABLE msk.moving RENAME mail TO email")
    problem.check(get(site, "/api/v1/tables/moving/rows.csv", of()), 404)
    problem.check(ask(site, of(), {**definition, "select": ["email"]}), 404)
    problem.check(ask(site, of(), {**definition, "filter": {"isNull": "email"}}), 404)
    postgres.execute("DROP TABLE msk.moving")


# ---- what is written down

def test_no_log_and_no_audit_holds_a_secret(site, postgres, of):
    """Runs after the others, and after requests that name the values themselves."""
    for mask in HIDING:
        rows(site, of(mask), {"from": "people", "filter": {"eq": ["mail", "nothing of it"]}, "page": {"limit": 5}})
        ask(site, of(mask), {"from": "people", "filter": {"gt": [{"cast": ["mail", "integer"]}, 1]}, "page": {"limit": 5}})
        export(site, of(mask), "csv", "?mail=secretmail1@host1.org")
    for path in glob.glob(site.path("log", "*")) + glob.glob(site.path("front", "*.log")):
        with open(path, "rb") as f:
            check_no_secret(f.read())
    found = postgres.execute("SELECT a::text FROM sluice.audit a WHERE table_key IN ('people', 'keyed', 'firms') OR joined <> ''")
    assert len(found) > 50
    for line, in found:
        # What was asked of the columns of the clear is told; of masked ones it is not.
        if "secretfirm1" not in line:
            check_no_secret(line)

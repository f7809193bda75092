"""The short routes to exports as jobs: CSV by parameters, exports in every format that the request for their download runs,
what is refused, and who may have what. test_direct.py has what can go wrong on the way."""

import csv
import hashlib
import io
import json
import subprocess
import uuid
import xml.etree.ElementTree as ElementTree
from datetime import datetime

import pytest

from harness import faults, judge, problem, process
from harness.alias import ask, ask_csv, job, made, remove, status, url, wait_status
from harness.arrow import Arrow
from harness.client import curl
from harness.duckdb import DuckDB
from harness.worker import Worker, run_once

TABLES = {"users": {"filters": ["min_ltv:lifetime_value:ge"]}, "records": {}, "endless": {}, "masked": {"name": "public.users"},
          "few": {"name": "public.users"}, "purposeful": {"name": "public.users", "purpose": "required"}, "hidden": {"name": "public.users"},
          "firms": {"name": "ali.firms", "tenant_column": "tenant"}, "projects": {}, **{name: None for name in ("empty", "slow", "some_users")}}
POLICIES = {"masked": {"tables": ["masked"], "roles": ["*"], "masks": ["email:stars"], "formats": ["csv", "json"]},
            "few": {"tables": ["few"], "roles": ["*"], "rows": 100}, "hidden": {"tables": ["hidden"], "roles": ["nobody"]}}
FIRMS = """
CREATE SCHEMA ali; CREATE TABLE ali.firms (id int PRIMARY KEY, tenant text, name text);
INSERT INTO ali.firms SELECT i, 't' || i % 2, 'firm ' || i FROM generate_series(1, 10) AS i;
GRANT USAGE ON SCHEMA ali TO sluice; GRANT SELECT ON ali.firms TO sluice;
"""


@pytest.fixture(scope="module")
def place(fleet, postgres):
    postgres.execute(FIRMS)
    site = fleet.start(settings={"tables": TABLES, "policies": POLICIES, "aliases": {"table": "records", "csv_table": "users"}},
                       workers=(2, 2))
    yield site
    fleet.stop(site, may_die=False)


@pytest.fixture(scope="module")
def worker(place):
    run = Worker(place, 1)
    yield run
    run.stop()


def lines(body, delimiter=",", quote='"'):
    return list(csv.reader(io.StringIO(body.decode()), delimiter=delimiter, quotechar=quote))


# ---- CSV by parameters

QUERY = "?country_code=US&min_ltv=100&columns=user_id:ID,email&delimiter=;&quoteChar='&order=user_id.desc"


def test_csv_from_the_request_to_the_file(place, worker, postgres, token):
    answer = ask_csv(place, token, QUERY)
    assert answer.status == 202 and int(answer.headers["retry-after"]) >= 1, answer.body
    made_id = answer.json()["exportId"]
    assert answer.json() == {"exportId": made_id, "status": "pending"}
    assert answer.headers["location"] == f"/exports/{made_id}/status"
    said = wait_status(place, token, made_id, "completed", "failed", seconds=30)
    want = postgres.execute("SELECT user_id, email FROM users WHERE country_code = 'US' AND lifetime_value >= 100"
                            " ORDER BY user_id DESC")
    assert list(said) == ["exportId", "status", "progress", "error", "createdAt", "completedAt"]
    assert said["progress"] == {"totalRows": len(want), "processedRows": len(want), "percentage": 100}
    assert said["status"] == "completed" and said["error"] is None
    assert datetime.fromisoformat(said["createdAt"]) < datetime.fromisoformat(said["completedAt"])
    body = curl(url(place, made_id), token)
    assert body.status == 200 and body.headers["content-disposition"] == "attachment; filename=users.csv"
    assert lines(body.body, ";", "'") == [["ID", "email"], *([str(a), b] for a, b in want)] and len(want) > 10
    again = ask_csv(place, token, QUERY)
    assert (again.status, again.json()) == (202, {"exportId": made_id, "status": "completed"})
    assert remove(place, token, made_id).status == 204
    problem.check(curl(f"{place.url}/exports/{made_id}/status", token), 404)


@pytest.mark.parametrize("query", [
    "?name=ilike.a%25&user_id=between.10,9000&order=country_code.desc.nullslast,user_id", "?email=not.null&limit=7&login_count=ge.3",
    "?country_code=in.US,DE&user_id=gt.500&order=user_id", "?columns=user_id,%22email%22:%22E,%20mail%22&user_id=eq.77"])
def test_filters_are_those_of_rows(place, worker, token, query):
    wanted = curl(f"{place.url}/api/v1/tables/users/rows.csv{query}", token)
    assert wanted.status == 200 and wanted.body.count(b"\n") > 1
    made_id = ask_csv(place, token, query).json()["exportId"]
    wait_status(place, token, made_id, "completed", "failed", seconds=30)
    assert curl(url(place, made_id), token).body == wanted.body


def test_csv_options_and_compression(place, worker, token):
    query = "?user_id=lt.50&order=user_id&dialect=excel-eu&compression=gzip&level=5&header=false"
    made_id = ask_csv(place, token, query).json()["exportId"]
    wait_status(place, token, made_id, "completed", "failed", seconds=30)
    answer = curl(url(place, made_id), token)
    assert answer.headers["content-type"] == "application/gzip"
    plain = subprocess.run(["gzip", "-dc"], input=answer.body, stdout=subprocess.PIPE, check=True).stdout
    assert plain == curl(f"{place.url}/api/v1/tables/users/rows.csv{query.replace('&compression=gzip&level=5', '')}", token).body
    assert job(place, token, made_id)["request"] == {
        "queryDefinition": {"from": "users", "filter": {"lt": ["user_id", "50"]}, "sort": ["user_id"]}, "format": "csv",
        "compression": "gzip", "level": 5, "options": {"dialect": "excel-eu", "header": "false"}}


@pytest.mark.parametrize("query, names", [
    ("?delimiter=long", "delimiter"), ("?quoteChar=ab", "quote"), ("?colour=red", "colour"), ("?columns=user_id,colour", "colour"),
    ("?columns=", "columns"), ("?limit=0", "limit"), ("?order=colour", "colour"), ("?compression=rar", "compression"),
    ("?compression=gzip&level=99", "level"), ("?level=1", "level"), ("?codec=zstd", "codec"), ("?user_id=in.\"1", "user_id")],
    ids=str)
def test_csv_that_cannot_be(place, token, query, names):
    assert names in problem.check(ask_csv(place, token, query), 400)["detail"]


def test_csv_takes_no_body(place, token):
    for data in (b"{}", b'{"columns": ["user_id"]}', b"country_code=US"):
        assert "no body" in problem.check(ask_csv(place, token, "", {"Content-Type": "application/json"}, data), 400)["detail"]
    assert ask_csv(place, token, "?limit=1", data=b"").status == 202


def test_csv_that_is_not_done_is_425_and_is_canceled(place, token):
    made_id = ask_csv(place, token, "?table=endless").json()["exportId"]
    answer = curl(url(place, made_id), token)
    assert problem.check(answer, 425) and int(answer.headers["retry-after"]) > 0
    assert remove(place, token, made_id).status == 204
    said = wait_status(place, token, made_id, "cancelled")
    assert said["completedAt"] and said["error"] is None
    problem.check(curl(url(place, made_id), token), 409)


def test_what_has_expired(place, token, postgres):
    made_id = made(place, token, format="csv")
    postgres.execute(f"UPDATE sluice.jobs SET state = 'expired' WHERE id = '{made_id}'")
    said = status(place, token, made_id)
    assert (said["status"], said["error"]) == ("failed", "this export has expired")
    problem.check(curl(url(place, made_id), token), 410)
    made_id = made(place, token, format="csv")
    postgres.execute(f"UPDATE sluice.jobs SET expires = now() WHERE id = '{made_id}'")
    problem.check(curl(url(place, made_id), token), 410)
    said = status(place, token, made_id)
    assert (said["status"], said["error"]) == ("failed", "this export has expired") and said["completedAt"]


# ---- which table

def test_which_table(make_site, token):
    site = make_site(settings={"tables": {"users": {}, "records": {}}})
    assert "aliases.table" in problem.check(ask(site, token, format="csv"), 400)["detail"]
    assert "aliases.csv_table" in problem.check(ask_csv(site, token), 400)["detail"]
    assert job(site, token, made(site, token, format="csv", table="records"))["request"]["queryDefinition"] == {"from": "records"}
    assert ask_csv(site, token, "?table=users&limit=1").status == 202


def test_the_only_table(make_site, token):
    alone = {name: None for name in ("projects", "records", "empty", "endless", "slow", "some_users")}
    site = make_site(settings={"tables": alone})
    assert curl(url(site, made(site, token, format="csv")), token).body.startswith(b"user_id,")
    assert job(site, token, ask_csv(site, token).json()["exportId"])["request"]["queryDefinition"]["from"] == "users"


def test_a_setting_must_name_a_table(place, tmp_path):
    with open(place.config, encoding="utf-8") as f:
        text = f.read()
    path = tmp_path / "wrong.conf"
    path.write_text(text.replace('"csv_table": "users"', '"csv_table": "user"'))
    done = subprocess.run([f"{place.prefix}/bin/sluice", "-c", path, "config"], capture_output=True, text=True, check=False)
    assert done.returncode != 0 and '"aliases.csv_table" names no table: "user"' in done.stderr


# ---- every format

RENAMED = [{"source": "name", "target": "Name"}, {"source": "project_id", "target": "ID"}, {"source": "budget"}]


def fetched(place, token, **members):
    answer = curl(url(place, made(place, token, **members)), token)
    assert (answer.exit, answer.status) == (0, 200), answer.body[:300]
    return answer


def by_id(body):
    return sorted(map(json.loads, body.splitlines()), key=lambda row: row["record_id"])


def test_all_columns_in_text(site, postgres, token):
    """Nested ones among them."""
    for name, wanted in (("csv", judge.csv(postgres, "records")), ("ndjson", judge.ndjson(postgres, "records"))):
        answer = fetched(site, token, format=name, table="records")
        assert answer.headers["content-disposition"] == f"attachment; filename=records.{name}"
        if name == "csv":
            assert sorted(answer.body.split(b"\r\n")) == sorted(wanted.split(b"\r\n"))
        else:
            assert by_id(answer.body) == by_id(wanted)


def renamed_rows(postgres):
    return sorted(postgres.execute("SELECT name, project_id, coalesce(budget::text, '') FROM projects"))


def test_renamed_columns_as_json(place, token, postgres):
    rows = json.loads(fetched(place, token, format="json", table="projects", columns=RENAMED).body, parse_float=str, parse_int=str)
    assert all(list(row) == ["Name", "ID", "budget"] for row in rows)
    assert sorted((row["Name"], int(row["ID"]), row["budget"] or "") for row in rows) == renamed_rows(postgres)


def test_renamed_columns_as_xml(place, token, postgres, tmp_path):
    path = tmp_path / "projects.xml"
    path.write_bytes(fetched(place, token, format="xml", table="projects", columns=RENAMED).body)
    subprocess.run(["xmllint", "--noout", "--huge", path], check=True)
    rows = [[(cell.tag, cell.text) for cell in row] for row in ElementTree.parse(path).getroot()]
    assert all([tag for tag, _ in row] == ["Name", "ID", "budget"] for row in rows)
    assert sorted((name, int(number), value or "") for (_, name), (_, number), (_, value) in rows) == renamed_rows(postgres)


def test_renamed_columns_as_parquet(place, token, postgres, tmp_path):
    path = tmp_path / "projects.parquet"
    path.write_bytes(fetched(place, token, format="parquet", table="projects", columns=RENAMED).body)
    folder = tmp_path / "duckdb"
    folder.mkdir()
    names, rows = DuckDB(str(folder)).ask(f"SELECT column_name FROM (DESCRIBE SELECT * FROM '{path}')",
                                          f"SELECT Name, ID::text, coalesce(budget::text, '') FROM '{path}'")
    assert [name for name, in names] == ["Name", "ID", "budget"]
    assert sorted((name, int(number), value) for name, number, value in rows) == renamed_rows(postgres)


def test_renamed_columns_as_arrow(place, token, postgres, tmp_path):
    folder = tmp_path / "arrow"
    folder.mkdir()
    paths = [tmp_path / f"projects.{name}" for name in ("arrow", "arrows")]
    for path in paths:
        path.write_bytes(fetched(place, token, format=path.suffix[1:], table="projects", columns=RENAMED).body)
    for read in Arrow(str(folder)).read_beginnings([(path, None) for path in paths]):
        assert [column["name"] for column in read["columns"]] == ["Name", "ID", "budget"]
        assert sorted(zip(read["columns"][0]["values"], map(int, read["columns"][1]["values"]))) == [
            (name, number) for name, number, _ in renamed_rows(postgres)]


def test_tsv_and_compression(place, token, postgres):
    want = renamed_rows(postgres)
    for kind, command in ((None, ["cat"]), ("none", ["cat"]), ("gzip", ["gzip", "-dc"]), ("zstd", ["zstd", "-dc"])):
        answer = fetched(place, token, format="tsv", table="projects", columns=RENAMED, compression=kind)
        assert "content-encoding" not in answer.headers
        plain = subprocess.run(command, input=answer.body, stdout=subprocess.PIPE, check=True).stdout
        head, *rows = lines(plain, "\t")
        assert head == ["Name", "ID", "budget"]
        assert sorted((name, int(number), value) for name, number, value in rows) == want
    coded = curl(url(place, made(place, token, format="csv", table="users")), token, options=["--compressed"])
    assert coded.headers["content-encoding"] and coded.body.startswith(b"user_id,")


# ---- what is refused

@pytest.mark.parametrize("members, pointer", [
    ({}, ""), ({"format": 7}, "/format"), ({"format": "wav"}, "/format"), ({"format": "csv", "colour": 1}, "/colour"),
    ({"format": "csv", "columns": []}, "/columns"), ({"format": "csv", "columns": "id"}, "/columns"),
    ({"format": "csv", "columns": ["id"]}, "/columns/0"), ({"format": "csv", "columns": [{"target": "x"}]}, "/columns/0"),
    ({"format": "csv", "columns": [{"source": 7}]}, "/columns/0/source"),
    ({"format": "csv", "columns": [{"source": "user_id"}, {"source": "colour"}]}, "/columns/1/source"),
    ({"format": "csv", "columns": [{"source": "user_id", "colour": 1}]}, "/columns/0/colour"),
    ({"format": "csv", "columns": [{"source": "user_id", "target": ""}]}, "/columns/0/target"),
    ({"format": "csv", "compression": "rar"}, "/compression"), ({"format": "parquet", "compression": "gzip"}, "/compression"),
    ({"format": "csv", "table": 1}, "/table")], ids=str)
def test_a_body_that_cannot_be(place, token, members, pointer):
    said = problem.check(ask(place, token, **{"table": "users", **members}), 400)
    assert said["errors"][0]["pointer"] == pointer


def test_what_is_no_body_at_all(place, token):
    for body in (b"", b"{", b"[]", b'{"format": "csv", "format": "csv"}', b"\xff"):
        problem.check(ask(place, token, body), 400)
    problem.check(ask(place, token, b'"' + b"x" * (1 << 20) + b'"'), 413)
    problem.check(ask(place, token, format="csv", columns=[{"source": "email", "target": "a"}, {"source": "user_id", "target": "a"}],
                      table="users"), 400)
    problem.check(ask(place, token, format="csv", table="nowhere"), 404)
    problem.check(curl(f"{place.url}/exports?table=users", token, "POST", data=b'{"format": "csv"}'), 400)
    problem.check(curl(f"{place.url}/exports/nothing/status", token), 404)
    problem.check(curl(f"{place.url}/exports/{uuid.uuid4()}/status", token), 404)
    assert "DELETE" in curl(f"{place.url}/exports/{uuid.uuid4()}", token).headers["allow"]


# ---- asked twice

def test_a_key_stands_for_one_export(place, token):
    key = {"Idempotency-Key": str(uuid.uuid4())}
    first, again = (ask(place, token, headers=key, format="csv", table="users") for _ in range(2))
    assert (first.status, again.status) == (201, 201) and first.json() == again.json()
    problem.check(ask(place, token, headers=key, format="tsv", table="users"), 422)
    problem.check(ask_csv(place, token, "", key), 422)
    curl(url(place, first.json()["exportId"]), token)
    assert ask(place, token, headers=key, format="csv", table="users").json() == {**first.json(), "status": "completed"}
    assert made(place, token, format="csv", table="users") != made(place, token, format="csv", table="users")
    csv_key = {"Idempotency-Key": str(uuid.uuid4())}
    two = [ask_csv(place, token, "?limit=5", csv_key) for _ in range(2)]
    assert two[0].json()["exportId"] == two[1].json()["exportId"] and two[1].status == 202
    problem.check(ask_csv(place, token, "?limit=6", csv_key), 422)


# ---- who may

def test_others_see_nothing(place, issuer, token):
    made_id, other = made(place, token, format="csv", table="users"), issuer.token(sub="somebody else")
    for method, path in (("GET", "/status"), ("GET", "/download"), ("HEAD", "/download"), ("DELETE", "")):
        answer = curl(f"{place.url}/exports/{made_id}{path}", other, method)
        assert answer.status == 404
    admin = issuer.token(sub="an admin", roles=["admin"])
    assert status(place, admin, made_id)["status"] == "pending"
    assert curl(url(place, made_id), admin).status == 404  # rows are their owner's
    viewer = issuer.token(roles=["viewer"])
    problem.check(ask(place, viewer, format="csv"), 403)
    problem.check(ask_csv(place, viewer), 403)
    assert ask(place, None, format="csv").status == 401


def test_policies_hold(place, token):
    for answer in (ask(place, token, format="csv", table="hidden"), ask_csv(place, token, "?table=hidden")):
        problem.check(answer, 404)
    problem.check(ask(place, token, format="parquet", table="masked"), 403)
    rows = lines(fetched(place, token, format="csv", table="masked", columns=[{"source": "email"}]).body)
    assert rows[0] == ["email"] and {row[0] for row in rows[1:]} == {"***"}


def test_too_many_rows_are_found_out_when_it_runs(place, token):
    made_id = made(place, token, format="csv", table="few")
    assert curl(url(place, made_id), token, "HEAD").status == 413
    assert status(place, token, made_id)["status"] == "pending"
    said = problem.check(curl(url(place, made_id), token), 413)
    found = status(place, token, made_id)
    assert (found["status"], found["error"]) == ("failed", said["detail"])


def test_rows_are_the_callers_tenants(place, issuer, token):
    problem.check(ask(place, token, format="csv", table="firms"), 403)
    own = issuer.token(sub="of a tenant", tenant_id="t1")
    rows = lines(fetched(place, own, format="csv", table="firms").body)
    assert {row[1] for row in rows[1:]} == {"t1"} and len(rows) == 6


def test_the_purpose_is_that_of_the_request(place, token, postgres):
    problem.check(ask(place, token, format="csv", table="purposeful"), 400)
    made_id = ask(place, token, headers={"Sluice-Purpose": "invoices"}, format="csv", table="purposeful").json()["exportId"]
    answer = curl(url(place, made_id), token)
    assert answer.status == 200
    assert audited(postgres, answer)[3] == "invoices"


def audited(postgres, answer):
    """The line of a download."""
    found = []

    def is_there():
        found[:] = postgres.execute("SELECT action, table_key, definition, purpose, rows, bytes, format FROM sluice.audit"
                                    f" WHERE id = '{answer.headers['sluice-export-id']}'")
        return found
    process.wait_until(is_there, "its line", 5)
    return found[0]


def test_the_audit_has_what_was_asked_and_taken(place, token, postgres):
    made_id = made(place, token, format="csv", table="users", columns=[{"source": "email", "target": "Mail"}, {"source": "user_id"}])
    answer = curl(url(place, made_id), token)
    action, table, definition, _, rows, size, name = audited(postgres, answer)
    assert (action, table, rows, size, name) == ("export", "users", 20000, len(answer.body), "csv")
    assert json.loads(definition) == {"export": made_id, "queryDefinition": {
        "from": "users", "select": [{"column": "email", "as": "Mail"}, "user_id"]}}
    subject = f"auditee-{uuid.uuid4()}"
    made_id = ask_csv(place, place.issuer.token(sub=subject), "?country_code=US&limit=1").json()["exportId"]
    where = f"FROM sluice.audit WHERE subject = '{subject}'"
    process.wait_until(lambda: postgres.execute(f"SELECT 1 {where}"), "its line", 5)
    ((definition, action),) = postgres.execute(f"SELECT definition, action {where}")
    assert action == "job" and json.loads(definition) == {"export": made_id, "queryDefinition": {
        "from": "users", "filter": {"eq": ["country_code", "US"]}, "page": {"limit": 1}}}


def test_its_outcome_can_be_asked(place, token):
    answer = fetched(place, token, format="ndjson", table="users")
    how = faults.ended(place, token, answer.headers["sluice-export-id"])
    assert (how["state"], how["sha256"], how["rows"]) == ("succeeded", hashlib.sha256(answer.body).hexdigest(), 20000)
    assert how["bytes"] == len(answer.body)


def has_none(place, token, made_id):
    """Whoever asks for a file is not told to wait for one."""
    job_url = f"{place.url}/api/v1/exports/{made_id}"
    for answer in (curl(f"{job_url}/files/1", token), curl(f"{job_url}/manifest", token),
                   curl(f"{job_url}/links", token, "POST", data=b"{}")):
        problem.check(answer, 404)


def test_no_worker_runs_it_and_it_has_no_files(place, token):
    made_id = made(place, token, format="csv", table="users")
    assert run_once(place).returncode == 0
    shown = job(place, token, made_id)
    assert (shown["state"], shown["direct"], shown["files"], shown["attempts"]) == ("queued", True, [], 0)
    has_none(place, token, made_id)
    assert curl(url(place, made_id), token).status == 200
    shown = job(place, token, made_id)
    assert (shown["state"], shown["files"], shown["progress"]["percent"]) == ("succeeded", [], 100)
    has_none(place, token, made_id)
    assert curl(f"{place.url}/api/v1/exports/{made_id}/download", token).status == 200
    assert remove(place, token, made_id).status == 204
    problem.check(curl(url(place, made_id), token), 404)

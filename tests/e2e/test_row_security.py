"""The database knows whom a request is for: session variables and roles of the token's claims, real row-level security
(CREATE POLICY), by both wires and through PgBouncer in transaction mode. What may not be taken is refused; the
connection's own role, which owns nothing but may see all the rows here, never stands in."""

import concurrent.futures
import json
import os
import tempfile

import pytest

from harness import problem, query
from harness.client import curl
from harness.pooler import Pooler

# Names that SQL, or a list of settings, would read as something else.
ODD = ["it's", 'say "hi"', "x'; RESET ROLE; --", "back\\slash", "$1", "größe", "a,b=c", " ", "\t", "null", "%s"]
TENANTS = ["acme", "umbrella", "7", *ODD]
ROWS = 40  # of each tenant

# `sluice` is exempt from the policies of `open`, so that a role that was not taken would show.
SQL = '''
CREATE SCHEMA sec;
CREATE TABLE sec.docs (id serial PRIMARY KEY, tenant text NOT NULL, body text);
CREATE TABLE sec.team (id int PRIMARY KEY, secret text);
CREATE TABLE sec.closed (id int PRIMARY KEY);
CREATE VIEW sec.whoami WITH (security_barrier) AS SELECT 1 AS id, current_user::text AS who, session_user::text AS owner,
    current_setting('app.tenant', true) AS tenant;
INSERT INTO sec.team VALUES (1, 'red'), (2, 'blue');
INSERT INTO sec.closed VALUES (1);
ALTER TABLE sec.docs ENABLE ROW LEVEL SECURITY;
ALTER TABLE sec.team ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON sec.docs USING (tenant = current_setting('app.tenant'));
CREATE ROLE team_red;
CREATE ROLE team_blue;
CREATE ROLE "Odd 'role' ""x""";
CREATE ROLE {longest};
CREATE ROLE stranger;
GRANT team_red, team_blue, "Odd 'role' ""x""", {longest} TO sluice;
CREATE POLICY red ON sec.team TO team_red USING (secret = 'red');
CREATE POLICY blue ON sec.team TO team_blue USING (secret = 'blue');
CREATE POLICY all_of_it ON sec.team TO sluice USING (true);
GRANT USAGE ON SCHEMA sec TO PUBLIC;
GRANT SELECT ON sec.docs, sec.team, sec.whoami TO PUBLIC;
GRANT SELECT ON sec.closed TO sluice;
'''
LONGEST = "r" * 63
DATABASES = ("fast", "plain", "pooled")
SESSION = ["app.tenant:tenant_id", "app.caller:sub"]


@pytest.fixture(scope="module")
def secured(postgres):
    postgres.execute(SQL.format(longest=LONGEST))
    for tenant in TENANTS:
        connection = postgres.connect()
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO sec.docs (tenant, body) SELECT %s, md5(i::text) FROM generate_series(1, %s) i",
                           (tenant, ROWS))
        connection.close()
    yield
    postgres.execute("DROP SCHEMA sec CASCADE")


@pytest.fixture(scope="module")
def pooler(top, postgres):
    made = Pooler(tempfile.mkdtemp(dir=top), postgres, 1)
    os.chmod(made.top, 0o755)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def site(fleet, secured, postgres, pooler):
    """Of each wire two databases: one that sets a variable, one that sets a role as well; and one that sets neither."""
    direct = postgres.conninfo()
    databases, tables = {"bare": {"conninfo": direct}}, {"bare_whoami": {"database": "bare", "name": "sec.whoami"},
                                                         "bare_team": {"database": "bare", "name": "sec.team"}}
    for wire in DATABASES:
        one = {"conninfo": pooler.conninfo() if wire == "pooled" else direct,
               "wire": "plain" if wire == "plain" else "fast"}
        databases[f"{wire}_s"] = {**one, "session": SESSION}
        databases[f"{wire}_r"] = {**one, "role_claim": "db.role"}
        databases[f"{wire}_b"] = {**one, "role_claim": "db.role", "session": "app.tenant:tenant_id"}
        tables[f"{wire}_docs"] = {"database": f"{wire}_s", "name": "sec.docs"}
        tables[f"{wire}_team"] = {"database": f"{wire}_r", "name": "sec.team"}
        tables[f"{wire}_closed"] = {"database": f"{wire}_r", "name": "sec.closed"}
        for kind in "srb":
            tables[f"{wire}_{kind}_whoami"] = {"database": f"{wire}_{kind}", "name": "sec.whoami"}
    made = fleet.start(settings={"databases": databases, "metadata": {"database": "main"},
                                 "tables": {**{name: {"database": "main"} for name in
                                               ("users", "projects", "records", "empty", "endless", "slow", "some_users")},
                                            **tables}}, workers=(2, 1))
    yield made
    fleet.stop(made)


def ask(site, table, token, suffix="ndjson"):
    return curl(f"{site.url}/api/v1/tables/{table}/rows.{suffix}", token)


def rows(site, table, token):
    answer = ask(site, table, token)
    assert (answer.exit, answer.status) == (0, 200), answer.body
    return [json.loads(line) for line in answer.body.splitlines()]


def refused(site, table, token, part):
    said = problem.check(ask(site, table, token), 403)
    assert part in said["detail"]
    assert "stranger" not in said["detail"] and "team_" not in said["detail"]


@pytest.mark.parametrize("wire", DATABASES)
@pytest.mark.parametrize("tenant", TENANTS)
def test_a_tenant_sees_its_own_rows(site, issuer, wire, tenant):
    seen = rows(site, f"{wire}_docs", issuer.token(tenant_id=tenant))
    assert len(seen) == ROWS and {row["tenant"] for row in seen} == {tenant}
    one = rows(site, f"{wire}_s_whoami", issuer.token(tenant_id=tenant))[0]
    assert (one["who"], one["tenant"]) == ("sluice", tenant)


def test_a_whole_number_is_a_text_there(site, issuer):
    seen = rows(site, "fast_docs", issuer.token(tenant_id=7))
    assert len(seen) == ROWS and {row["tenant"] for row in seen} == {"7"}
    assert rows(site, "fast_docs", issuer.token(tenant_id="nobody's")) == []


@pytest.mark.parametrize("wire", DATABASES)
def test_one_connection_serves_many_callers(site, issuer, wire):
    """Nothing of one request is left for the next, side by side and one after another."""
    tokens = {tenant: issuer.token(tenant_id=tenant, db={"role": "team_red"}) for tenant in TENANTS}

    def seen(tenant):
        docs = {row["tenant"] for row in rows(site, f"{wire}_docs", tokens[tenant])}
        who = rows(site, f"{wire}_b_whoami", tokens[tenant])[0]
        return docs == {tenant} and (who["who"], who["tenant"]) == ("team_red", tenant)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert all(pool.map(seen, TENANTS * 2))
    # The next one has no variable, nor a role, of the one before.
    bare = rows(site, "bare_whoami", issuer.token())[0]
    assert (bare["who"], bare["tenant"] or "") == ("sluice", "")


def test_the_pooler_gets_its_server_back_as_it_was(site, issuer, pooler):
    assert rows(site, "pooled_b_whoami", issuer.token(tenant_id="acme", db={"role": "team_red"}))[0]["who"] == "team_red"
    assert pooler.on_each_server("SELECT current_user::text, coalesce(current_setting('app.tenant', true), '')") == [
        ("sluice", "")]


@pytest.mark.parametrize("wire", DATABASES)
def test_a_role_sees_what_the_database_grants_it(site, issuer, wire):
    for role, secret in (("team_red", ["red"]), ("team_blue", ["blue"]), ('Odd \'role\' "x"', []), (LONGEST, [])):
        token = issuer.token(db={"role": role})
        assert [row["secret"] for row in rows(site, f"{wire}_team", token)] == secret
        one = rows(site, f"{wire}_r_whoami", token)[0]
        assert (one["who"], one["owner"]) == (role, "sluice")
    # What the connection's own role would have seen.
    assert len(rows(site, "bare_team", issuer.token())) == 2


@pytest.mark.parametrize("wire", DATABASES)
@pytest.mark.parametrize("role", ["none", "None", "NONE", "stranger", "postgres", "nobody", "team_red ", "TEAM_RED",
                                  "\"team_red\"", "team_red, team_blue", "team_red'; SET ROLE none; --", "default",
                                  "public", LONGEST + "r", "r" * 4000, "größe", "\t", " "])
def test_a_role_that_may_not_be_taken_is_refused(site, issuer, wire, role):
    for table in ("team", "r_whoami", "b_whoami"):
        refused(site, f"{wire}_{table}", issuer.token(tenant_id="acme", db={"role": role}), "role")
    assert [row["secret"] for row in rows(site, f"{wire}_team", issuer.token(db={"role": "team_red"}))] == ["red"]


@pytest.mark.parametrize("wire", DATABASES)
def test_a_missing_claim_is_refused(site, issuer, wire):
    for claims in ({}, {"db": None}, {"db": "team_red"}, {"db": {}}, {"db": {"role": ""}}, {"db": {"role": ["team_red"]}},
                   {"db": {"role": None}}, {"db.role": "team_red"}, {"db": {"role": True}}):
        refused(site, f"{wire}_team", issuer.token(**claims), "no claim db.role")
        refused(site, f"{wire}_b_whoami", issuer.token(tenant_id="acme", **claims), "no claim db.role")
    refused(site, f"{wire}_docs", issuer.token(), "no claim tenant_id")
    refused(site, f"{wire}_b_whoami", issuer.token(db={"role": "team_red"}), "no claim tenant_id")


@pytest.mark.parametrize("tenant", ["", True, 1.5, ["acme"], {"a": 1}, "a\0b"])
def test_a_tenant_that_cannot_be_read_is_no_token(site, issuer, tenant):
    problem.check(ask(site, "fast_docs", issuer.token(tenant_id=tenant)), 401)


def test_a_role_that_is_gone(site, issuer, postgres):
    postgres.execute("CREATE ROLE passing; GRANT passing TO sluice")
    token = issuer.token(db={"role": "passing"})
    for wire in DATABASES:
        assert rows(site, f"{wire}_r_whoami", token)[0]["who"] == "passing"
    postgres.execute("DROP ROLE passing")
    for wire in DATABASES:
        refused(site, f"{wire}_r_whoami", token, "role")


@pytest.mark.parametrize("wire", DATABASES)
def test_what_the_role_may_not_read(site, issuer, wire):
    refused(site, f"{wire}_closed", issuer.token(db={"role": "team_red"}), "role")


@pytest.mark.parametrize("wire", DATABASES)
def test_the_planner_does_not_tell_of_rows_that_are_not_shown(site, issuer, postgres, wire):
    """Its statistics are of everybody's rows."""
    postgres.execute("ANALYZE sec.docs; ANALYZE sec.team")

    def asked(token, table, column, value, **members):
        answer = query.ask(site, token, {"from": table, "filter": {"eq": [column, value]}, **members})
        assert answer.status == 200, answer.body
        return answer.json()
    for table, column, theirs, token in ((f"{wire}_docs", "tenant", "umbrella", issuer.token(tenant_id="acme")),
                                         (f"{wire}_team", "secret", "blue", issuer.token(db={"role": "team_red"}))):
        for value in (theirs, "nobody's"):
            said = asked(token, table, column, value, validateOnly=True)
            assert [said[f"estimated{of}"] for of in ("Rows", "Bytes", "Seconds", "Cost")] == [0, 0, 0, None]
            assert asked(token, table, column, value, page={"limit": 1, "offset": 1}, count="planned")["totalRows"] == 0
            answer = curl(f"{site.url}/api/v1/tables/{table}/rows.csv?{column}={value.replace(chr(39), '%27')}", token,
                          headers={"Prefer": "count=planned"})
            assert answer.headers["x-total-count"] == "0"
    assert asked(issuer.token(tenant_id="acme"), f"{wire}_docs", "tenant", "acme", validateOnly=True)["estimatedRows"] == ROWS
    # A database that knows nobody shows everybody the same.
    assert asked(issuer.token(), "bare_team", "secret", "blue", validateOnly=True)["estimatedCost"] > 0


def test_every_route_is_asked_as_the_caller(site, issuer):
    bad, good = issuer.token(db={"role": "stranger"}), issuer.token(db={"role": "team_red"}, tenant_id="acme")
    for path in ("", "/schema", "/schema.xsd", "/rows.csv", "/rows.parquet", "/rows.csv?page=1&total_pages=2"):
        url = f"{site.url}/api/v1/tables/fast_team{path}"
        problem.check(curl(url, bad), 403)
        assert curl(url, good).status == 200
    problem.check(curl(f"{site.url}/export/fast_team?page=1&total_pages=1", bad), 403)
    head = curl(f"{site.url}/api/v1/tables/fast_team/rows.csv", bad, method="HEAD")
    assert head.status == 403

    # The list has what each database takes the caller for.
    def listed(token):
        answer = curl(f"{site.url}/api/v1/tables", token)
        assert answer.status == 200
        return {table["key"] for table in answer.json()["tables"]}
    assert {"fast_team", "plain_team", "pooled_docs", "bare_team", "users"} <= listed(good)
    without = listed(bad)
    assert "bare_team" in without and not [key for key in without if key.startswith(DATABASES)]

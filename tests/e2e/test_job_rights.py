"""Files of exports as jobs, and whoever comes for them with other rights than those they were made with: of the same user, since others
are told of no job at all."""

import json

import pytest

from harness import config, problem
from harness.client import curl
from harness.worker import run_once

EXPORTS = "/api/v1/exports"
WORKS = {"from": "works", "select": ["project_id", "owner.email"], "page": {"limit": 3}}
USERS = {"from": "people", "select": ["user_id", "email"], "page": {"limit": 3}}
FIRMS = {"from": "firms"}
TABLES = {"people": {"name": "public.users"}, "works": {"name": "public.projects", "joins": ["owner:owner_id:people"]},
          "firms": {"name": "rig.firms", "tenant_column": "tenant"},
          "slow_firms": {"name": "rig.slow_firms", "primary_key": "id", "tenant_column": "tenant"}}
POLICIES = {"clear": {"tables": ["people"], "roles": ["clear"]},
            "stars": {"tables": ["people"], "roles": ["stars"], "masks": ["email:stars"]},
            "few": {"tables": ["people"], "roles": ["few"], "rows": 3},
            "narrow": {"tables": ["people"], "roles": ["narrow"], "columns": ["user_id"]},
            "json": {"tables": ["people"], "roles": ["json"], "formats": ["json"]}}


@pytest.fixture(scope="module")
def rows(postgres):
    postgres.execute("CREATE SCHEMA rig; CREATE TABLE rig.firms (id int PRIMARY KEY, tenant text);"
                     "INSERT INTO rig.firms SELECT i, 't' || i % 2 FROM generate_series(1, 10) i;"
                     "CREATE VIEW rig.slow_firms AS SELECT *, pg_sleep(0.6)::text AS rest FROM rig.firms;"
                     "GRANT USAGE ON SCHEMA rig TO sluice; GRANT SELECT ON rig.firms, rig.slow_firms TO sluice")
    yield
    postgres.execute("DROP SCHEMA rig CASCADE")


def start(fleet):
    settings = {"tables": TABLES, "policies": POLICIES, "roles": {"exporter": ["exporter"]}}
    return fleet.start(settings=settings, workers=(1, 1))


@pytest.fixture(scope="module")
def place(fleet, rows):
    site = start(fleet)
    yield site
    fleet.stop(site, may_die=False)


def token(site, *roles, tenant=None):
    return site.issuer.token(sub="of many roles", roles=["exporter", *roles], tenant_id=tenant)


def ask(site, bearer, query, headers=None):
    body = json.dumps({"queryDefinition": query, "format": "csv"}).encode()
    answer = curl(site.url + EXPORTS, bearer, "POST", {"Content-Type": "application/json", **(headers or {})}, body)
    assert answer.status in (200, 202), answer.body
    return answer


def made(site, bearer, query):
    job = ask(site, bearer, query).json()["id"]
    assert run_once(site).returncode == 0
    return f"{site.url}{EXPORTS}/{job}"


def statuses(url, bearer):
    """Of all ways to what it holds."""
    gets = [curl(f"{url}/{path}", bearer).status for path in ("files/1", "download", "manifest")]
    return [*gets, curl(f"{url}/download", bearer, "HEAD").status, curl(f"{url}/links", bearer, "POST", data=b"{}").status]


GIVEN, REFUSED = [200, 200, 200, 200, 201], [403] * 5


@pytest.mark.parametrize("query", [USERS, WORKS], ids=["table", "join"])
def test_a_file_is_given_to_who_has_the_rights_it_was_made_with(place, query):
    url = made(place, token(place, "clear"), query)
    assert statuses(url, token(place, "clear")) == statuses(url, token(place, "clear", "stars")) == GIVEN
    for roles in ((), ("stars",), ("few",), ("narrow",), ("json",), ("narrow", "stars")):
        assert statuses(url, token(place, *roles)) == REFUSED, roles
    said = problem.check(curl(f"{url}/download", token(place)), 403)
    assert said["detail"] == "this export was made with rights that the token does not give; ask for it anew"


def test_who_has_more_rights_has_those_of_less(place):
    for role in ("stars", "few"):
        url = made(place, token(place, role), USERS)
        assert statuses(url, token(place, "clear")) == GIVEN
    assert statuses(made(place, token(place, "stars"), USERS), token(place, "few")) == REFUSED


@pytest.mark.parametrize("tenant", ["t1", None])
def test_a_file_is_of_one_tenant(place, tenant):
    url = made(place, token(place, tenant="t0"), FIRMS)
    assert statuses(url, token(place, tenant="t0")) == GIVEN
    assert statuses(url, token(place, tenant=tenant)) == REFUSED
    assert b"t0" not in curl(f"{url}/manifest", token(place, tenant=tenant)).body


def test_a_run_of_a_schedule_has_its_tenants_rows(place):
    asked = {"name": "firms", "cron": "@yearly", "export": {"queryDefinition": FIRMS, "format": "csv"}}
    schedules = f"{place.url}/api/v1/schedules"
    schedule = curl(schedules, token(place, tenant="t0"), "POST", data=json.dumps(asked).encode()).json()
    run = curl(f"{schedules}/{schedule['id']}/runs", token(place, tenant="t1"), "POST", data=b"")
    assert run.status == 202 and run_once(place).returncode == 0
    url = place.url + run.headers["location"]
    assert statuses(url, token(place, tenant="t1")) == REFUSED and statuses(url, token(place, tenant="t0")) == GIVEN


def test_the_same_request_with_other_rights_is_another(place):
    """Also where the rights are those on a table that is joined."""
    assert ask(place, token(place, "clear"), WORKS | {"page": {"limit": 4}}).status == 202
    other = ask(place, token(place, "stars"), WORKS | {"page": {"limit": 4}})
    assert other.status == 202
    assert ask(place, token(place, "stars"), WORKS | {"page": {"limit": 4}}).json()["id"] == other.json()["id"]
    ask(place, token(place, "clear"), WORKS, {"Idempotency-Key": "of a join"})
    body = json.dumps({"queryDefinition": WORKS, "format": "csv"}).encode()
    problem.check(curl(place.url + EXPORTS, token(place, "stars"), "POST", {"Idempotency-Key": "of a join"}, body), 422)


def test_what_is_for_another_purpose_is_another(place):
    """Whose line in the audit says so."""
    query, bearer = USERS | {"page": {"limit": 2}}, token(place, "clear")
    ids = [ask(place, bearer, query, {"Sluice-Purpose": purpose}).json()["id"] for purpose in ("billing", "mail", "billing")]
    assert ids[0] == ids[2] != ids[1] and ask(place, bearer, query).json()["id"] not in ids


def reconfigure(site, changes):
    for pool in list(site.pools.values()):
        pool.stop()
    config.write(site.config, config.merge(site.settings, changes))
    for pool in ("stream", "control"):
        site.start_pool(pool, 1)


CLOSED = {"policy": {"policies": {"clear": {"roles": ["others"]}}},
          "mask": {"policies": {"clear": {"masks": ["email:stars"]}}},
          "columns": {"policies": {"clear": {"columns": ["user_id"]}}},
          "rows": {"policies": {"clear": {"rows": 2}}},
          "formats": {"policies": {"clear": {"formats": ["json"]}}},
          "tenants": {"tables": {"people": {"tenant_column": "country_code"}}}}


def test_what_the_configuration_has_closed_is_given_to_nobody(fleet, rows):
    """Whatever it gives now to the claims that the file was made with."""
    site = start(fleet)
    bearer = token(site, "clear", tenant="US")
    url = made(site, bearer, WORKS)
    link = site.url + curl(f"{url}/links", bearer, "POST", data=b"{}").json()["url"]
    for name, changes in CLOSED.items():
        reconfigure(site, changes)
        problem.check(curl(link), 410)
        assert statuses(url, bearer) == REFUSED, name
    reconfigure(site, {"roles": {"exporter": ["others"]}})
    problem.check(curl(link), 410)
    reconfigure(site, {"policies": {"few": {"roles": ["few", "clear"]}}})
    assert statuses(url, bearer) == GIVEN and curl(link).status == 200
    fleet.stop(site)


def test_a_subject_of_another_issuer_is_another(fleet, rows):
    """Who is of that name there is not whose files they are, nor whose request it was."""
    site = start(fleet)
    url = made(site, token(site, "clear"), USERS | {"page": {"limit": 6}})
    other = "https://another.test/"
    reconfigure(site, {"auth": {"issuer": other}})
    theirs = site.issuer.token(sub="of many roles", roles=["exporter", "clear"], iss=other)
    assert statuses(url, theirs) == REFUSED
    assert statuses(made(site, theirs, USERS | {"page": {"limit": 6}}), theirs) == GIVEN
    fleet.stop(site)


def test_what_a_job_of_an_older_version_was_made_with_is_not_known(place, postgres):
    """Then what its owner is given now counts."""
    url = made(place, token(place, "clear"), USERS | {"page": {"limit": 5}})
    postgres.execute(f"UPDATE sluice.jobs SET rights = NULL WHERE id = '{url.rsplit('/', 1)[1]}'")
    assert statuses(url, token(place, "clear")) == GIVEN and statuses(url, token(place, "stars")) == REFUSED


def test_what_has_expired_is_told_with_the_same_rights(place, postgres):
    """The manifest is still there then, and its ranges are values of rows."""
    url = made(place, token(place, tenant="t0"), FIRMS | {"select": ["id"]})
    postgres.execute(f"UPDATE sluice.jobs SET expires = now() - interval '1 s' WHERE id = '{url.rsplit('/', 1)[1]}'")
    problem.check(curl(f"{url}/manifest", token(place, tenant="t1")), 403)
    assert curl(f"{url}/manifest", token(place, tenant="t0")).status == 200


def estimates(site, bearer, query):
    """Of its rows: when it was asked for, and when it is done."""
    asked = ask(site, bearer, query).json()
    assert run_once(site).returncode == 0
    done = curl(f"{site.url}{EXPORTS}/{asked['id']}", bearer).json()
    assert done["state"] == "succeeded", done
    return [job["progress"]["estimatedRows"] for job in (asked, done)]


def test_what_the_planner_expects_where_others_have_rows_is_not_told(place, make_site):
    """Its statistics are of all rows: whether others have such, a condition's estimate would tell."""
    assert estimates(place, token(place, "clear"), USERS) == [3, 3]
    assert estimates(place, token(place, tenant="t1"), {"from": "slow_firms"}) == [None, None]  # so slow that it tells how far it is
    known = make_site(settings={"tables": TABLES, "roles": {"exporter": ["exporter"]},
                                "databases": {"main": {"session": ["rig.caller:sub"]}}}, workers=(1, 1))
    assert estimates(known, token(known), USERS) == [None, None]

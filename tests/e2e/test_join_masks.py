"""A join goes by a column's value, and shows it as the key of the row that it finds: what a caller may not see as it is, no join goes
by; whatever of the query the join's name stands in."""

import urllib.parse

import pytest

from harness import problem
from harness.client import curl
from harness.query import ask, rows

JOIN = "owner:owner_id:users"
POLICIES = {"masked": {"tables": ["works"], "roles": ["masked"], "masks": ["owner_id:hash"]},
            "hidden": {"tables": ["works"], "roles": ["hidden"], "columns": ["project_id"]},
            "plain": {"tables": ["works"], "roles": ["plain"], "columns": ["project_id", "owner_id"]},
            "far": {"tables": ["stars"], "roles": ["far"], "masks": ["owner_id:null"]},
            "near": {"tables": ["nears"], "roles": ["far"]}}


@pytest.fixture(scope="module")
def site(fleet):
    tables = {"works": {"name": "public.projects", "joins": [JOIN]}, "stars": {"name": "public.projects", "joins": [JOIN]},
              "nears": {"name": "public.users", "joins": ["work:user_id:stars"]},
              "listed": {"name": "public.projects", "columns": ["project_id"], "joins": [JOIN]}}
    one = fleet.start(settings={"tables": tables, "policies": POLICIES, "secret": {"key": "s" * 40},
                                "roles": {"exporter": ["masked", "hidden", "plain", "far"]}}, workers=(1, 1))
    yield one
    fleet.stop(one)


WAYS = [{"select": ["project_id", "owner.user_id"]}, {"filter": {"eq": ["owner.user_id", 7]}}, {"sort": ["owner.user_id"]},
        {"select": [{"expr": {"max": "owner.user_id"}}]}, {"select": [{"expr": {"count": []}}], "groupBy": ["owner.user_id"]},
        {"select": [{"expr": {"count": []}}], "having": {"gt": [{"min": "owner.user_id"}, 7]}}, {"validateOnly": True,
                                                                                              "select": ["owner.email"]}]


@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.parametrize("role", ["masked", "hidden"])
def test_no_join_goes_by_what_is_masked_or_hidden(site, issuer, role, way):
    token = issuer.token(roles=[role])
    said = problem.check(ask(site, token, {"from": "works", "page": {"limit": 5}, **way}), 400)
    assert said["detail"] == 'table works has no join "owner"'
    if "filter" in way:
        problem.check(curl(f"{site.url}/api/v1/tables/works/rows.csv?{urllib.parse.quote('owner.user_id')}=7", token), 400)


def test_what_a_caller_sees_is_gone_by(site, issuer):
    token = issuer.token(roles=["plain"])
    got = rows(site, token, {"from": "works", "select": ["owner_id", "owner.user_id"], "page": {"limit": 50}})
    assert got and all(row["owner_id"] == row["owner.user_id"] for row in got)
    token = issuer.token(roles=["masked", "plain"])  # rights add up
    assert len(rows(site, token, {"from": "works", "select": ["owner.user_id"], "page": {"limit": 50}})) == len(got)


def test_what_the_registry_does_not_list_is_its_own_affair(site, issuer):
    got = rows(site, issuer.token(roles=["plain"]), {"from": "listed", "select": ["owner.user_id"], "page": {"limit": 5}})
    assert all(row["owner.user_id"] for row in got)


def test_a_join_behind_a_join(site, issuer):
    token = issuer.token(roles=["far"])
    definition = {"from": "nears", "select": ["user_id", "work.project_id"], "page": {"limit": 5}}
    assert len(rows(site, token, definition)) == 5
    said = problem.check(ask(site, token, {**definition, "select": ["work.owner.email"]}), 400)
    assert said["detail"] == 'table stars has no join "owner"'


LIMITED = {"from": "works", "select": ["project_id", "owner.email"], "page": {"limit": 5}}


@pytest.fixture(scope="module")
def limited(fleet):
    tables = {"works": {"name": "public.projects", "joins": [JOIN, "asked:owner_id:asked", "few:owner_id:few"]},
              "asked": {"name": "public.users", "purpose": "required"}, "few": {"name": "public.users"}}
    one = fleet.start(settings={"tables": tables, "policies": {
        "users": {"tables": ["users"], "roles": ["*"], "formats": ["json", "parquet"]},
        "few": {"tables": ["few"], "roles": ["*"], "rows": 3}}}, workers=(1, 1))
    yield one
    fleet.stop(one)


def test_a_joined_table_is_had_in_its_own_formats_alone(limited, token):
    assert len(rows(limited, token, LIMITED)) == 5
    stream = {key: LIMITED[key] for key in ("from", "select")}
    assert ask(limited, token, stream, params="?format=parquet").status == 200
    problem.check(ask(limited, token, stream, params="?format=csv"), 403)
    problem.check(curl(f"{limited.url}/api/v1/tables/works/rows.csv?owner.email=x", token), 403)
    assert ask(limited, token, {**stream, "select": ["project_id"]}, params="?format=csv").status == 200


def test_a_joined_table_needs_its_purpose_also_where_an_answer_was_kept(limited, token):
    definition = {**LIMITED, "select": ["asked.email"]}
    for _ in range(3):
        assert ask(limited, token, definition, {"Sluice-Purpose": "audit of projects"}).status == 200
        problem.check(ask(limited, token, definition), 400)


def test_a_joined_table_limits_rows(limited, token):
    definition = {**LIMITED, "select": ["project_id", "few.email"]}
    for _ in range(2):
        problem.check(ask(limited, token, definition), 413)
        assert len(rows(limited, token, {**definition, "page": {"limit": 3}})) == 3
    stream = {key: definition[key] for key in ("from", "select")}
    problem.check(ask(limited, token, stream, params="?format=csv"), 413)
    assert len(ask(limited, token, {**definition, "validateOnly": True}).json()["sample"]) == 3

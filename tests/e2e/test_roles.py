"""What a token's roles and scopes open of the routes, what policies leave of the list of tables, and that a configuration
which cannot be meant so is refused at the start."""

import json

import pytest

from harness import config, problem
from harness.client import curl

VIEWER = ("/api/v1/tables", "/tables", "/api/v1/tables/users", "/api/v1/tables/users/schema",
          "/api/v1/tables/users/schema.xsd")
EXPORTER = ("/api/v1/tables/users/rows.csv?limit=1", "/api/v1/tables/users/rows", "/export/empty?page=1&total_pages=1",
            "/api/v1/exports/00000000-0000-4000-8000-000000000000")
POLICIES = {"readers": {"tables": ["projects", "empty"], "roles": ["reader", "scope:crm.read"]},
            "everybody": {"tables": "empty", "roles": "*"}}


def test_without_a_role(nginx_site, issuer):
    for claims in ({"roles": None}, {"roles": []}, {"roles": ["other", "scope:sluice.admin", "*"]},
                   {"roles": None, "scope": "viewer openid"}):
        for path in VIEWER + EXPORTER:
            said = problem.check(curl(nginx_site.url + path, issuer.token(**claims)), 403)
            needed = "viewer" if path in VIEWER else "exporter"
            assert said["detail"] == f"this needs the role {needed}, which the token does not give"


@pytest.mark.parametrize("claims", [{"roles": ["viewer"]}, {"roles": "viewer"},
                                    {"roles": None, "scope": "openid sluice.view"}])
def test_a_viewer(nginx_site, issuer, claims):
    token = issuer.token(**claims)
    assert [curl(nginx_site.url + path, token).status for path in VIEWER] == [200] * len(VIEWER)
    for path in EXPORTER:
        assert "exporter" in problem.check(curl(nginx_site.url + path, token), 403)["detail"]


@pytest.mark.parametrize("claims", [{"roles": ["exporter"]}, {"roles": ["admin"]},
                                    {"roles": None, "scope": ["sluice.export"]}, {"roles": None, "scope": "sluice.admin"}])
def test_an_exporter(nginx_site, issuer, claims):
    token = issuer.token(**claims)
    assert [curl(nginx_site.url + path, token).status for path in VIEWER] == [200] * len(VIEWER)
    assert [curl(nginx_site.url + path, token).status for path in EXPORTER] == [200, 200, 200, 404]


@pytest.mark.parametrize("claims", [{"roles": 5}, {"roles": ["exporter", None]}, {"roles": {"exporter": True}},
                                    {"scope": 5}, {"tenant_id": ""}, {"tenant_id": True}])
def test_a_claim_of_another_form_makes_no_token(nginx_site, issuer, claims):
    answer = curl(nginx_site.url + EXPORTER[0], issuer.token(**claims))
    problem.check(answer, 401)
    assert "invalid_token" in answer.headers["www-authenticate"]


def test_methods_of_a_path(nginx_site, token):
    answer = curl(f"{nginx_site.url}/api/v1/tables", token, method="DELETE")
    problem.check(answer, 405)
    assert answer.headers["allow"] == "GET, HEAD"
    answer = curl(f"{nginx_site.url}/api/v1/query", token, method="PUT", data=b"{}")
    problem.check(answer, 405)
    assert sorted(answer.headers["allow"].split(", ")) == ["GET", "HEAD", "POST"]


def test_a_table_of_others_is_not_there(make_site, issuer):
    site = make_site(settings={"policies": POLICIES, "tables": {**config.TABLES, "users": {"tenant_column": "country_code"}}},
                     workers=(1, 1))

    def listed(**claims):
        return {table["key"] for table in curl(f"{site.url}/api/v1/tables", issuer.token(**claims)).json()["tables"]}
    rest = {"records", "endless", "slow", "some_users"}
    assert listed() == rest | {"empty"}
    assert listed(roles=["admin"]) == rest | {"empty"}
    assert listed(roles=["viewer", "reader"], tenant_id="US") == rest | {"empty", "projects", "users"}
    assert listed(scope="crm.read") == rest | {"empty", "projects"}
    for path in ("", "/schema", "/schema.xsd", "/rows.csv", "/rows.parquet?limit=1"):
        hidden = problem.check(curl(f"{site.url}/api/v1/tables/projects{path}", issuer.token()), 404)
        absent = problem.check(curl(f"{site.url}/api/v1/tables/nowhere{path}", issuer.token()), 404)
        assert hidden["detail"] == absent["detail"].replace("nowhere", "projects")
        problem.check(curl(f"{site.url}/api/v1/tables/users{path}", issuer.token()), 403)


@pytest.mark.parametrize("changes, part", [
    ({"policies": {"p": {"tables": "users", "roles": "*", "masks": "email:star"}}}, "must be COLUMN:MASK"),
    ({"policies": {"p": {"tables": "users", "roles": "*", "masks": "email:hash"}}}, "needs secret.key"),
    ({"policies": {"p": {"tables": "users", "roles": "*", "formats": ["csv", "xls"]}}}, 'no format "xls"'),
    ({"policies": {"p": {"tables": "user", "roles": "*"}}}, 'did you mean "users"?'),
    ({"tables": {"users": {"filters": "min:lifetime_value:atleast"}}}, "NAME:COLUMN:OPERATOR"),
    ({"secret": {"key": "short"}}, "32 characters"),
])
def test_what_cannot_be_meant_so(nginx_site, tmp_path, changes, part):
    path = tmp_path / "sluice.conf"
    path.write_text(json.dumps(config.merge(nginx_site.settings, changes)))
    done = nginx_site.sluice("-c", str(path), "config", check=False)
    assert (done.returncode, done.stdout) == (1, "") and part in done.stderr

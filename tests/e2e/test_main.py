"""The main way through: who is there, what there is, and tables as files, behind each web server."""

import pytest

from harness import judge
from harness.client import curl


def test_health_needs_no_token(site):
    answer = curl(site.url + "/health")
    assert (answer.exit, answer.status) == (0, 200)
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.json()["status"] == "ok"


def test_tables_are_those_of_the_configuration(site, token):
    answer = curl(site.url + "/api/v1/tables", token)
    assert (answer.exit, answer.status) == (0, 200)
    assert b"users" in answer.body and b"records" in answer.body
    assert b"unlisted" not in answer.body
    assert curl(site.url + "/tables", token).body == answer.body


@pytest.mark.parametrize("table", ["users", "projects", "records", "empty"])
def test_csv_is_what_psql_says(site, token, postgres, table):
    answer = curl(f"{site.url}/api/v1/tables/{table}/rows.csv", token)
    assert (answer.exit, answer.status) == (0, 200)
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.body == judge.csv(postgres, table)


@pytest.mark.parametrize("table", ["users", "projects", "records", "empty"])
def test_ndjson_is_what_psql_says(site, token, postgres, table):
    answer = curl(f"{site.url}/api/v1/tables/{table}/rows.ndjson", token)
    assert (answer.exit, answer.status) == (0, 200)
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    assert answer.body == judge.ndjson(postgres, table)


@pytest.mark.parametrize("authorization", [None, "Bearer", "Bearer nonsense", "Basic dTpw"])
def test_without_a_token_401(site, authorization):
    headers = {"Authorization": authorization} if authorization else {}
    answer = curl(site.url + "/api/v1/tables/users/rows.csv", headers=headers)
    assert (answer.exit, answer.status) == (0, 401)
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert b"example." not in answer.body


@pytest.mark.parametrize("table", ["nowhere", "unlisted", "pg_class"])
def test_an_unknown_table_is_404(site, token, table):
    answer = curl(f"{site.url}/api/v1/tables/{table}/rows.csv", token)
    assert (answer.exit, answer.status) == (0, 404)
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert answer.json()["status"] == 404

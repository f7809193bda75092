"""Filters, joins and an order in the URL of rows, judged by PostgreSQL asked directly."""

import csv
import io
import urllib.parse

import pytest

from harness import problem
from harness.client import curl

FILTERS = ["tier:subscription_tier", "min_ltv:lifetime_value:ge", "country:country_code:in"]


@pytest.fixture(scope="module")
def aliased(fleet):
    """With the names of an older client declared, and a join."""
    made = fleet.start(settings={"tables": {
        "users": {"name": "public.users", "filters": FILTERS},
        "projects": {"name": "public.projects", "joins": ["owner:owner_id:users"]}}})
    yield made
    fleet.stop(made, may_die=False)


def get(site, token, table="users", **params):
    return curl(f"{site.url}/api/v1/tables/{table}/rows.csv?{urllib.parse.urlencode(params)}", token)


def ids(answer):
    assert answer.status == 200, answer.body
    return [int(row[0]) for row in list(csv.reader(io.StringIO(answer.text())))[1:]]


CASES = [
    ({"country_code": "US"}, "country_code = 'US'"),
    ({"lifetime_value": "gte.1000"}, "lifetime_value >= 1000"),
    ({"lifetime_value": "lt.10.5"}, "lifetime_value < 10.5"),
    ({"country_code": "in.US,DE", "is_active": "true"}, "country_code IN ('US', 'DE') AND is_active"),
    ({"subscription_tier": "ne.free"}, "subscription_tier <> 'free'"),
    ({"signup_date": "between.2020-01-01,2020-12-31"}, "signup_date BETWEEN '2020-01-01' AND '2020-12-31'"),
    ({"last_login": "is.null"}, "last_login IS NULL"),
    ({"last_login": "not.null"}, "last_login IS NOT NULL"),
    ({"email": "like.%@example.com"}, "email LIKE '%@example.com'"),
    ({"name": "ilike.%A_A%"}, "name ILIKE '%A_A%'"),
    ({"last_login": "ge.2024-01-01T00:00:00Z"}, "last_login >= '2024-01-01T00:00:00Z'"),
    ({"tier": "free", "min_ltv": "100"}, "subscription_tier = 'free' AND lifetime_value >= 100"),
    ({"country": "US,DE"}, "country_code IN ('US', 'DE')"),
]


@pytest.mark.parametrize("params, where", CASES, ids=lambda value: str(value))
def test_a_filter_is_the_servers_own(aliased, postgres, token, params, where):
    want = [row[0] for row in postgres.execute(f"SELECT user_id FROM users WHERE {where} ORDER BY user_id")]
    assert 0 < len(want) < 20000
    assert ids(get(aliased, token, columns="user_id", order="user_id", **params)) == want
    assert sorted(ids(get(aliased, token, columns="user_id", **params))) == want


def test_an_order(aliased, postgres, token):
    answer = get(aliased, token, columns="user_id", limit=50,
                 order="subscription_tier,last_login.desc.nullslast,user_id.desc")
    want = postgres.execute("SELECT user_id FROM users ORDER BY subscription_tier, last_login DESC NULLS LAST,"
                            " user_id DESC LIMIT 50")
    assert ids(answer) == [row[0] for row in want]


def test_pages_of_filtered_rows_hold_each_once(aliased, postgres, token):
    found = []
    for page in range(1, 6):
        found += ids(get(aliased, token, columns="user_id", country_code="US", total_pages=5, page=page))
    assert found == [row[0] for row in postgres.execute("SELECT user_id FROM users WHERE country_code = 'US' ORDER BY 1")]


def test_joins_in_columns_filters_and_order(aliased, postgres, token):
    answer = get(aliased, token, "projects", columns="project_id,owner.email:mail", order="owner.lifetime_value.desc,project_id",
                 **{"owner.country_code": "in.US,DE,FR"})
    want = postgres.execute("SELECT project_id, email FROM projects JOIN users ON user_id = owner_id"
                            " WHERE country_code IN ('US', 'DE', 'FR') ORDER BY lifetime_value DESC, project_id")
    assert answer.status == 200, answer.body
    assert list(csv.reader(io.StringIO(answer.text()))) == [["project_id", "mail"], *[[str(a), b] for a, b in want]]
    assert want


@pytest.mark.parametrize("params", [
    {"colour": "red"}, {"user_id": "ge.ten"}, {"user_id": "gte."}, {"order": "colour"}, {"order": "user_id.up"},
    {"owner.email": "x"}, {"country_code": "in."}, {"signup_date": "between.2020-01-01"}, {"min_ltv": "lots"},
    {"is_active": "perhaps"}, {"email": "like.x\\"}], ids=str)
def test_what_cannot_be_is_400(aliased, token, params):
    said = problem.check(get(aliased, token, **params), 400)
    assert "\n" not in said["detail"]


def test_a_value_that_is_none_of_its_type_is_422(aliased, token):
    said = problem.check(get(aliased, token, signup_date="ge.tomorrow-ish"), 422)
    assert "value" in said["detail"]

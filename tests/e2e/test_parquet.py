"""Parquet as others read it: DuckDB's counts, sums, types and values are PostgreSQL's."""

import pytest

from harness.client import curl
from harness.duckdb import DuckDB

USERS = """SELECT count(*)::text, sum(user_id)::text, sum(lifetime_value)::text, sum(login_count)::text,
    count(last_login)::text, min(signup_date)::text, max(signup_date)::text, count(DISTINCT email)::text, min(name),
    max(name), {epoch}::text, sum(CASE WHEN is_active THEN 1 END)::text FROM {table}"""


@pytest.fixture(scope="module")
def duckdb(tmp_path_factory):
    return DuckDB(str(tmp_path_factory.mktemp("duckdb")))


@pytest.fixture
def export(nginx_site, token, tmp_path):
    """export(table, options): the path of a file."""
    def get(name, options="", site=nginx_site):
        answer = curl(f"{site.url}/api/v1/tables/{name}/rows.parquet{options}", token)
        assert (answer.exit, answer.status) == (0, 200), answer.body[:300]
        path = tmp_path / f"{name}.parquet"
        path.write_bytes(answer.body)
        return str(path)
    return get


def test_users(duckdb, export, postgres):
    path = export("users")
    (found,) = duckdb.ask(USERS.format(table=f"'{path}'", epoch="epoch_us(max(last_login))"))
    expected = postgres.execute(USERS.format(
        table="public.users", epoch="(extract(epoch FROM max(last_login)) * 1000000)::bigint"))
    assert found == [list(row) for row in expected]

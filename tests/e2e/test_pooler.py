"""PgBouncer between Sluice and the database, in transaction mode: two servers for eight workers. Outcomes are kept
past it, since the lock of a running one is a session's."""

import concurrent.futures
import os
import tempfile
import time

import pytest

from harness import config, faults, judge, process
from harness.client import Download, curl
from harness.faults import FEW, check_failed, check_good, check_problem, check_query_gone, rows_url, wait_query
from harness.pooler import Pooler
from harness.reader import Reader

SERVERS = 2


@pytest.fixture(scope="module")
def pooler(top, postgres):
    made = Pooler(tempfile.mkdtemp(dir=top), postgres, SERVERS)
    os.chmod(made.top, 0o755)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def pooled_site(fleet, fault_settings, pooler, postgres):
    settings = config.merge(fault_settings, {
        "databases": {"main": {"conninfo": pooler.conninfo()}, "plain": {"conninfo": pooler.conninfo()},
                      "timed": {"conninfo": pooler.conninfo()}, "outcomes": {"conninfo": postgres.conninfo()}},
        "metadata": {"database": "outcomes"},
        "tables": {"plain_users": {"database": "plain", "name": "public.users"}}})
    site = fleet.start(settings=settings, workers=(8, 1))
    yield site
    fleet.stop(site)


@pytest.fixture(autouse=True)
def nothing_kept(pooled_site, pooler, postgres):
    """After every test the pooler's servers are as they were: no transaction, no setting of ours, all to be had."""
    yield
    process.wait_until(lambda: all(state == "idle" for _, state, _ in postgres.sessions()), "sessions idle")
    for settings in pooler.on_each_server(
            "SELECT current_setting('TimeZone'), current_setting('statement_timeout'), current_setting('jit'),"
            " current_setting('transaction_read_only'), current_setting('client_connection_check_interval')"):
        assert settings == ("Europe/Vilnius", "0", "on", "off", "0")


@pytest.mark.parametrize("table, suffix", [("users", "csv"), ("records", "ndjson"), ("plain_users", "csv")])
def test_whole_tables(pooled_site, token, postgres, table, suffix):
    answer = curl(rows_url(pooled_site, table, suffix), token)
    assert (answer.exit, answer.status) == (0, 200)
    right = judge.csv if suffix == "csv" else judge.ndjson
    assert answer.body == right(postgres, table.removeprefix("plain_"))
    assert faults.ended(pooled_site, token, answer.headers["sluice-export-id"])["state"] == "succeeded"


def test_tables_are_described(pooled_site, token):
    assert curl(f"{pooled_site.url}/api/v1/tables", token).status == 200
    assert curl(f"{pooled_site.url}/api/v1/tables/users/schema", token).status == 200


def test_pages_side_by_side(pooled_site, token, postgres):
    first = curl(rows_url(pooled_site, "users", "ndjson", page=1, total_pages=8), token)
    bounds = first.headers["sluice-bounds"]

    def page(n):
        answer = curl(rows_url(pooled_site, "users", "ndjson", page=n, total_pages=8, bounds=bounds), token)
        assert (answer.exit, answer.status) == (0, 200)
        return answer.body
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        pages = list(pool.map(page, range(1, 9)))
    assert sorted(b"".join(pages).splitlines()) == sorted(judge.ndjson(postgres, "users").splitlines())


def test_more_downloads_than_servers(pooled_site, token, numbers):
    """They wait for one another, and all arrive."""
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: curl(rows_url(pooled_site, "numbers"), token), range(8)))
    whole = numbers.csv()
    assert all((answer.exit, answer.status) == (0, 200) and answer.body == whole for answer in answers)


def test_errors(pooled_site, token, numbers, postgres):
    for table, status, is_begun in (("broken_early", 422, False), ("broken_late", 422, True),
                                    ("plain_broken_late", 422, True), ("timed_waiting", 504, False),
                                    ("timed_pausing", 504, True)):
        url = rows_url(pooled_site, table)
        answer = faults.begun(pooled_site, url, token) if is_begun else curl(url, token)
        check_failed(pooled_site, token, answer, status, numbers, is_begun)
        check_good(pooled_site, token, numbers)
    with Download(rows_url(pooled_site, "pausing"), token) as download:
        download.wait_received()
        faults.terminate(postgres, "pausing")
        answer = download.answer()
    check_failed(pooled_site, token, answer, 502, numbers)
    check_good(pooled_site, token, numbers)


@pytest.mark.parametrize("table", ["endless", "pausing", "plain_pausing", "waiting", "sorting"])
def test_a_client_that_hangs_up(pooled_site, token, numbers, postgres, table):
    view = table.removeprefix("plain_")
    with Download(rows_url(pooled_site, table), token) as download:
        wait_query(postgres, view)
        time.sleep(0.1)
        download.hang_up()
        check_query_gone(postgres, view)
    check_good(pooled_site, token, numbers)


def test_a_client_that_hangs_up_while_it_waits_for_its_turn(pooled_site, token, numbers):
    url = rows_url(pooled_site, "numbers")
    with Reader(url, token) as first, Reader(url, token) as second:
        first.read(1)
        second.read(1)
        with Download(rows_url(pooled_site, "few"), token) as third, \
                Download(rows_url(pooled_site, "few"), token) as fourth:
            time.sleep(0.3)
            assert third.is_running() and fourth.is_running()
            third.hang_up()
            assert first.rest() == numbers.csv()
            assert fourth.answer().body == numbers.csv(FEW)
        assert second.rest() == numbers.csv()


def test_it_is_restarted_between_two_requests(pooled_site, token, numbers, pooler):
    check_good(pooled_site, token, numbers)
    pooler.stop()
    check_problem(curl(rows_url(pooled_site, "few"), token), 503)
    pooler.start()
    for _ in range(8):  # each worker in turn, or some of them twice
        check_good(pooled_site, token, numbers)

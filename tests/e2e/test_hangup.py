"""The client goes away: its query is not left to run, and its worker is free at once."""

import time

import pytest

from harness import faults, process
from harness.client import Download
from harness.faults import check_good, check_query_gone, rows_url, wait_query
from harness.reader import Reader


@pytest.fixture
def nginx_fault_site(fault_sites):
    return fault_sites("nginx")


def test_while_rows_stream(streaming_site, token, numbers, postgres):
    with Download(rows_url(streaming_site, "endless"), token) as download:
        download.wait_received(1000000)
        assert faults.queries(postgres, "endless")
        download.hang_up()
        check_query_gone(postgres, "endless")
    check_good(streaming_site, token, numbers)


def test_while_it_does_not_read(streaming_site, token, numbers, postgres):
    """Everything between it and the database is full, and the worker waits to write."""
    with Reader(rows_url(streaming_site, "endless"), token) as reader:
        reader.read(1)
        wait_query(postgres, "endless")
        time.sleep(0.5)
        reader.hang_up()
        check_query_gone(postgres, "endless")
    check_good(streaming_site, token, numbers)


@pytest.mark.parametrize("table", ["waiting", "plain_waiting", "sorting"])
def test_before_the_first_row(nginx_fault_site, token, numbers, postgres, table):
    """While the query sleeps or sorts. Apache notices only when it has something to pass on."""
    view = table.removeprefix("plain_")
    with Download(rows_url(nginx_fault_site, table), token) as download:
        wait_query(postgres, view)
        time.sleep(0.2)
        assert faults.queries(postgres, view) and download.received() == 0
        download.hang_up()
        check_query_gone(postgres, view)
    check_good(nginx_fault_site, token, numbers)


@pytest.mark.parametrize("table", ["pausing", "plain_pausing"])
def test_between_two_rows(nginx_fault_site, token, numbers, postgres, table):
    with Download(rows_url(nginx_fault_site, table), token) as download:
        download.wait_received()
        time.sleep(0.2)
        download.hang_up()
        check_query_gone(postgres, "pausing")
    check_good(nginx_fault_site, token, numbers)


def test_while_pages_are_planned(nginx_fault_site, token, numbers, postgres):
    with Download(rows_url(nginx_fault_site, "sorting", total_pages=4), token) as download:
        wait_query(postgres, "sorting")
        download.hang_up()
        check_query_gone(postgres, "sorting")
    check_good(nginx_fault_site, token, numbers)


@pytest.mark.parametrize("n", [1, 100, 1000, 120000])
@pytest.mark.parametrize("table", ["relayed", "relayed_plain"])
def test_while_the_database_does_not_answer(nginx_fault_site, token, numbers, relay, postgres, table, n):
    """In the handshake, the lookup of the table, the rows: the worker is free though the network still stalls."""
    relay.drop()
    relay.fail_after(n, "stall")
    with Download(rows_url(nginx_fault_site, table), token) as download:
        assert relay.stalled.wait(10 * process.PATIENCE)
        time.sleep(0.1)
        download.hang_up()
        started = time.monotonic()
        check_good(nginx_fault_site, token, numbers)
        assert time.monotonic() - started < 2 * process.PATIENCE
    check_query_gone(postgres, "few")
    relay.release()

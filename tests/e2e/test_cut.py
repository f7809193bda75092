"""A transfer that breaks off half-way is seen to be broken off, or is a problem from the start; what did arrive is
how the right bytes begin; and the next one, by the same worker, is whole."""

import os
import signal
import subprocess
import tempfile
import time

import pytest

from harness import faults, process
from harness.client import Download, curl
from harness.faults import check_failed, check_good, check_problem, rows_url
from harness.reader import Cut, Reader


@pytest.mark.parametrize("table", ["pausing", "plain_pausing"])
def test_a_backend_that_is_terminated(fault_site, token, numbers, postgres, table):
    with Download(rows_url(fault_site, table), token) as download:
        faults.wait_query(postgres, "pausing")
        if fault_site.front != "mod_fcgid":
            download.wait_received()
        faults.terminate(postgres, "pausing")
        answer = download.answer()
    check_failed(fault_site, token, answer, 502, numbers)
    check_good(fault_site, token, numbers, after=answer)


def test_a_backend_that_is_terminated_at_full_speed(streaming_site, token, numbers, postgres):
    with Reader(rows_url(streaming_site, "endless"), token) as reader:
        reader.read(100000)
        faults.terminate(postgres, "endless")
        with pytest.raises(Cut):
            reader.rest()
        assert numbers.has_prefix(reader.body)
    how = faults.ended(streaming_site, token, reader.export_id)
    assert how["state"] == "failed" and how["error"]["status"] == 502
    check_good(streaming_site, token, numbers)


def test_a_value_that_cannot_be_computed_in_the_first_rows(fault_site, token, numbers):
    answer = curl(rows_url(fault_site, "broken_early"), token)
    check_failed(fault_site, token, answer, 422, numbers, is_begun=False)
    check_good(fault_site, token, numbers, after=answer)


@pytest.mark.parametrize("table", ["broken_late", "plain_broken_late"])
def test_a_value_that_cannot_be_computed_half_way(fault_site, token, numbers, table):
    answer = curl(rows_url(fault_site, table), token)
    check_failed(fault_site, token, answer, 422, numbers)
    assert len(answer.body) < len(numbers.csv(faults.LATE))
    check_good(fault_site, token, numbers, after=answer)


def test_a_statement_that_takes_too_long_before_its_first_row(fault_site, token, numbers):
    answer = curl(rows_url(fault_site, "timed_waiting"), token)
    check_failed(fault_site, token, answer, 504, numbers, is_begun=False)
    check_good(fault_site, token, numbers, after=answer)


def test_a_statement_that_takes_too_long_half_way(fault_site, token, numbers):
    # Where all is slow the time may be over before a row has come.
    answer = faults.begun(fault_site, rows_url(fault_site, "timed_pausing"), token)
    check_failed(fault_site, token, answer, 504, numbers)
    assert faults.TIMEOUT <= answer.seconds < 30  # of a minute
    check_good(fault_site, token, numbers, after=answer)


@pytest.mark.workers_die
@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGSEGV])
def test_a_worker_that_dies(make_site, fault_settings, front, token, numbers, postgres, signum):
    # Without the sanitizer's own handler, whose report would be taken for one of a bug.
    site = make_site(front=front, settings=fault_settings, workers=(1, 1), env={"ASAN_OPTIONS": "handle_segv=0"})
    with Download(rows_url(site, "pausing"), token) as download:
        faults.wait_query(postgres, "pausing")
        if front != "mod_fcgid":
            download.wait_received()
        export_id = faults.running_id(postgres, "pausing")
        for pid in site.workers("stream"):
            os.kill(pid, signum)
        answer = download.answer()
    if front == "mod_fcgid":  # Apache's own answer, since nobody else is there to give one
        assert answer.exit == 0 and answer.status in (500, 503)
    else:
        assert answer.status == 200 and answer.exit != 0
        assert numbers.has_prefix(answer.body)
    how = faults.ended(site, token, export_id, 5)
    assert how["state"] == "failed" and "died" in how["error"]["detail"]
    faults.check_query_gone(postgres, "pausing")
    check_good(site, token, numbers)


@pytest.mark.workers_die
@pytest.mark.parametrize("table", ["waiting", "sorting"])
def test_a_worker_that_dies_before_the_first_row(make_site, fault_settings, token, postgres, table):
    """Nobody cancels its query; the database finds out by itself, and looks once a second."""
    site = make_site(settings=fault_settings, workers=(1, 1))
    with Download(rows_url(site, table), token) as download:
        faults.wait_query(postgres, table)
        time.sleep(0.2)
        export_id = faults.running_id(postgres, table)
        os.kill(site.workers("stream")[0], signal.SIGKILL)
        answer = download.answer()
    assert answer.exit == 0 and answer.status == 502
    faults.check_query_gone(postgres, table)
    how = faults.ended(site, token, export_id, 5)
    assert how["state"] == "failed" and "died" in how["error"]["detail"]


@pytest.mark.workers_die
def test_a_worker_that_dies_while_it_sends_a_staged_body(make_site, fault_settings, front, token, numbers):
    """Nothing is put behind what was sent: it could be taken for the rest."""
    site = make_site(front=front, settings=fault_settings)
    with Reader(rows_url(site, "numbers"), token, version=11 if front == "mod_fcgid" else 10) as reader:
        reader.read(1)
        for pid in site.workers("stream"):
            os.kill(pid, signal.SIGKILL)
        with pytest.raises(Cut):
            reader.rest()
        assert numbers.has_prefix(reader.body)
    how = faults.ended(site, token, reader.export_id, 5)
    assert how["state"] == "failed" and "died" in how["error"]["detail"]


def test_a_body_larger_than_the_stage_may_hold(fault_sites, token, numbers):
    site = fault_sites("mod_fcgid")
    answer = curl(rows_url(site, "endless"), token)
    check_failed(site, token, answer, 507, numbers)
    check_good(site, token, numbers, after=answer)


@pytest.fixture
def small_stage(top):
    """A file system with a megabyte of room."""
    path = tempfile.mkdtemp(dir=top)
    if not process.is_root() or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=1777", "none", path],
                                               capture_output=True, check=False).returncode:
        pytest.skip("file systems cannot be mounted here")
    yield path
    # Until the last process that had a file there has ended.
    process.wait_until(lambda: subprocess.run(["umount", path], capture_output=True, check=False).returncode == 0, "umount")


def test_a_stage_without_room(small_stage, fleet, fault_settings, token, numbers):
    site = fleet.start(front="mod_fcgid", settings={**fault_settings, "stage": {"dir": small_stage}})
    try:
        answer = curl(rows_url(site, "numbers"), token)
        check_failed(site, token, answer, 507, numbers)
        process.wait_until(lambda: os.statvfs(small_stage).f_bfree == os.statvfs(small_stage).f_blocks, "room")
        few = curl(rows_url(site, "few"), token)
        assert (few.exit, few.status, few.body) == (0, 200, numbers.csv(faults.FEW))
    finally:  # before the file system goes
        fleet.stop(site)


def test_a_stage_that_is_not_there(make_site, fault_settings, token, numbers):
    site = make_site(front="mod_fcgid", settings={**fault_settings, "stage": {"dir": "/nowhere"}})
    answer = curl(rows_url(site, "numbers"), token)
    check_failed(site, token, answer, 507, numbers)


def spread(total, n):
    """About n numbers below total: dense at both ends, where messages are short, and sparse between."""
    edge = n // 4
    inner = range(edge, total - edge, max(1, total // (n - 2 * edge)))
    return sorted({*range(1, edge * 7, 7), *inner, *range(total - edge * 3, total, 3)})


@pytest.mark.parametrize("table", ["relayed", "relayed_plain"])
@pytest.mark.parametrize("how", ["reset", "close"])
def test_a_network_that_fails_after_n_bytes(fault_site, token, numbers, relay, table, how):
    """Between messages and within them: in the handshake, the lookup of the table, the rows, the last answer. (A
    short answer may break off with nothing of it sent: no status.)"""
    relay.drop()
    relay.fail_after(None, None)
    whole = numbers.csv(faults.FEW)
    good = curl(rows_url(fault_site, table), token)
    assert (good.exit, good.status, good.body) == (0, 200, whole)
    total = relay.passed
    assert total > len(whole)
    relay.drop()
    statuses = set()
    for n in spread(total, 24 if fault_site.front == "nginx" else 8):
        relay.fail_after(n, how)
        answer = curl(rows_url(fault_site, table), token)
        statuses.add(answer.status)
        if answer.status in (0, 200):
            assert answer.exit != 0, n
            assert fault_site.front != "mod_fcgid"
            assert whole.startswith(answer.body), n
        else:
            check_problem(answer, answer.status)
            assert answer.status in (502, 503), n
    assert statuses - {0} == ({502, 503} if fault_site.front == "mod_fcgid" else {200, 502, 503})
    relay.fail_after(None, None)
    good = curl(rows_url(fault_site, table), token)
    assert (good.exit, good.status, good.body) == (0, 200, whole)


@pytest.mark.parametrize("table", ["relayed", "relayed_plain"])
def test_a_network_that_stalls_and_then_closes(fault_site, token, numbers, relay, table):
    relay.drop()
    relay.fail_after(120000, "stall")
    with Download(rows_url(fault_site, table), token) as download:
        assert relay.stalled.wait(10 * process.PATIENCE)
        time.sleep(0.3)
        assert download.is_running()
        relay.release()
        answer = download.answer()
    check_failed(fault_site, token, answer, 502, numbers)
    check_good(fault_site, token, numbers, after=answer)


@pytest.mark.parametrize("table", ["few", "broken_late"])
def test_http_1_0(fault_site, token, numbers, table):
    """Its bodies end where the connection does, unless they have a length."""
    answer = curl(rows_url(fault_site, table), token, options=["--http1.0"])
    if table == "few":
        assert (answer.exit, answer.status, answer.body) == (0, 200, numbers.csv(faults.FEW))
        assert int(answer.headers["content-length"]) == len(answer.body)
    else:
        check_failed(fault_site, token, answer, 422, numbers, is_begun=False)

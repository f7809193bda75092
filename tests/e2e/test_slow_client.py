"""Clients that are slow, and many: what they get is steady, what they cost is constant."""

import contextlib
import hashlib
import os
import signal
import statistics
import time

import pytest

from harness import config, faults, process
from harness.client import Download, curl
from harness.faults import check_failed, check_good, check_query_gone, queries, rows_url
from harness.reader import Cut, Reader

MIB = 1024  # KiB
MANY = 60
LONG = 1000000  # rows: some 40 MB, more than what fits in between the worker and a client
LIMITED = ["--limit-rate", "4M"]  # a client that is slow where every client is; it may be paused


def check_memory(pid):
    """Returns the most that it ever had. RssAnon is its own, the rest is shared with the other workers."""
    assert process.status(pid, "VmHWM") < 20 * MIB
    assert process.status(pid, "RssAnon") < 8 * MIB
    return process.status(pid, "VmHWM")


@pytest.fixture
def memory_counts(prefix):
    if faults.is_sanitized(prefix):
        pytest.skip("the sanitizers' own memory is not Sluice's")


def test_a_megabyte_a_second(streaming_site, prefix, token, numbers, postgres):
    """It is there whenever the client reads, and what the client does not read is not kept for it. (As a rule: a machine
    that stands still for a moment keeps both of them waiting.)"""
    started, lates = time.monotonic(), []
    with Reader(rows_url(streaming_site, "endless"), token) as reader:
        for i in range(1, 31):
            reader.read((1 << 20) // 10)
            lates.append(time.monotonic() - started - i / 10)
            time.sleep(max(0, -lates[-1]))
        assert statistics.median(lates) < 0.5, lates
        assert numbers.has_prefix(reader.body)
        (worker,) = streaming_site.workers("stream")
        if not faults.is_sanitized(prefix):
            check_memory(worker)
    check_query_gone(postgres, "endless")


@pytest.mark.usefixtures("memory_counts")
@pytest.mark.parametrize("suffix", ["csv", "ndjson"])
def test_ten_times_the_rows_take_no_more_memory(make_site, front, token, suffix):
    site = make_site(front=front, workers=(1, 1))
    highest = []
    for rows in (2000, 20000):
        answer = curl(rows_url(site, "records", suffix, limit=rows, digest="sha-256"), token)
        assert (answer.exit, answer.status) == (0, 200)
        highest.append(max(check_memory(worker) for worker in site.workers("stream")))  # mod_fcgid may start more
    assert highest[1] - highest[0] < 1 * MIB


def test_many_slow_downloads(make_site, fault_settings, front, prefix, token, postgres):
    """All are served, where there are workers for all; health and the list of tables have workers of their own. (Behind
    mod_fcgid there are eight, and the others wait for their turn, which comes though they have gone.)"""
    settings = config.merge(fault_settings, {"metadata": {"database": ""}})
    site = make_site(front=front, settings=settings, workers=(MANY, 1))
    table, part = ("numbers", {"limit": 80000}) if front == "mod_fcgid" else ("endless", {})
    with contextlib.ExitStack() as stack:
        downloads = [stack.enter_context(Download(rows_url(site, table, **part), token, ["--limit-rate", "100K"], 600))
                     for _ in range(MANY)]
        if front == "mod_fcgid":
            process.wait_until(lambda: any(download.received() for download in downloads), "a byte for somebody")
        else:
            for download in downloads:
                download.wait_received(1000)
            assert len(queries(postgres, table)) == MANY
        asked = [curl(site.url + "/health") for _ in range(10)]
        assert all((health.exit, health.status) == (0, 200) for health in asked)
        assert statistics.median(health.seconds for health in asked) < 1
        assert curl(site.url + "/api/v1/tables", token).status == 200
        if not faults.is_sanitized(prefix):
            for pid in site.workers():
                check_memory(pid)
        for download in downloads:
            download.popen.kill()
    check_query_gone(postgres, table, 120 if front == "mod_fcgid" else 2)


@pytest.fixture
def make_hasty(make_site, fault_settings, streaming_front):
    """make_hasty(section={…}): a site for which every client is slow after half a second; one worker."""
    def make(**settings):
        stage = {"slow_rate": "1G", "slow_after": "500ms", "max_bytes": "8G", **settings.pop("stage", {})}
        return make_site(front=streaming_front, settings=config.merge(fault_settings, {"stage": stage, **settings}),
                         workers=(1, 1))
    return make


def staged(site):
    """Whether a worker of the site has a body on disk."""
    stage = site.settings["stage"]["dir"]
    return any(path.startswith(stage) for pid in site.workers("stream") for path in process.open_files(pid))


def wait_staged(site):
    process.wait_until(lambda: staged(site), "the rest of the rows on disk")


@contextlib.contextmanager
def paused(download):
    """It has begun, and reads nothing within the block: so it is slow, however slow the database is."""
    download.wait_received()
    download.pause()
    yield
    download.go_on()


def wait_database_free(site, postgres, download):
    """The transaction has ended, and the body is still being sent. Returns how much of it had come by then."""
    with paused(download):
        wait_staged(site)
        process.wait_until(lambda: all(state == "idle" for _, state, _ in postgres.sessions()), "sessions idle", 60)
        assert staged(site) and download.is_running()
        return download.received()


def check_stage_left(site, seconds=2):
    process.wait_until(lambda: not staged(site), "the staged body has gone", seconds)


def test_the_database_does_not_wait_for_it(make_hasty, prefix, token, numbers, postgres):
    site = make_hasty()
    with Download(rows_url(site, "endless", limit=LONG, digest="sha-256"), token, LIMITED) as download:
        assert wait_database_free(site, postgres, download) < len(numbers.csv(LONG)) / 2
        answer = download.answer()
    assert (answer.exit, answer.status) == (0, 200)
    assert answer.body == numbers.csv(LONG)
    how = faults.ended(site, token, answer.headers["sluice-export-id"])
    assert (how["state"], how["rows"], how["bytes"]) == ("succeeded", LONG, len(answer.body))
    assert how["sha256"] == hashlib.sha256(answer.body).hexdigest()
    (worker,) = site.workers("stream")
    if not faults.is_sanitized(prefix):
        check_memory(worker)
    check_good(site, token, numbers, after=answer)


def test_one_that_reads_on_after_a_pause(make_hasty, token, numbers, postgres):
    """While rows still come: then they are sent as they come again."""
    site = make_hasty()
    with Reader(rows_url(site, "endless"), token) as reader:
        reader.read(1)
        wait_staged(site)
        end = time.monotonic() + 20 * process.PATIENCE
        while staged(site):
            reader.read(1 << 20)
            assert time.monotonic() < end
        reader.read(1 << 20)
        assert numbers.has_prefix(reader.body)
        assert queries(postgres, "endless")
    check_query_gone(postgres, "endless")


def test_more_than_may_wait(make_hasty, token, numbers, postgres):
    site = make_hasty(stage={"max_bytes": "16M"})
    with Download(rows_url(site, "endless"), token, LIMITED) as download:
        with paused(download):
            check_query_gone(postgres, "endless", 20)
        answer = download.answer()
    assert answer.exit == 18
    check_failed(site, token, answer, 507, numbers)
    check_good(site, token, numbers, after=answer)


def test_a_backend_that_is_terminated_while_rows_wait(make_hasty, token, numbers, postgres):
    """What waits is not sent: the client sees at once that nothing more will come of it."""
    site = make_hasty()
    with Download(rows_url(site, "endless"), token, LIMITED) as download:
        with paused(download):
            wait_staged(site)
        faults.terminate(postgres, "endless")
        check_stage_left(site)
        answer = download.answer()
    check_failed(site, token, answer, 502, numbers)
    check_good(site, token, numbers, after=answer)


def test_a_backend_that_is_terminated_while_nobody_reads(make_hasty, token, numbers, postgres):
    site = make_hasty()
    with Reader(rows_url(site, "endless"), token) as reader:
        reader.read(1)
        wait_staged(site)
        faults.terminate(postgres, "endless")
        how = faults.ended(site, token, reader.export_id, 10)
        assert how["state"] == "failed" and how["error"]["status"] == 502
        check_stage_left(site, 4)
        with pytest.raises(Cut):
            reader.rest()
        assert numbers.has_prefix(reader.body)
    check_good(site, token, numbers)


def test_hanging_up_while_rows_come_to_disk(make_hasty, token, numbers, postgres):
    site = make_hasty()
    with Download(rows_url(site, "endless"), token, LIMITED) as download:
        with paused(download):
            wait_staged(site)
        download.hang_up()
        check_query_gone(postgres, "endless")
        check_stage_left(site)
    check_good(site, token, numbers)


def test_hanging_up_while_the_rest_is_sent(make_hasty, token, numbers, postgres):
    site = make_hasty()
    with Download(rows_url(site, "endless", limit=LONG), token, LIMITED) as download:
        export_id = download.header("sluice-export-id")
        wait_database_free(site, postgres, download)
        download.hang_up()
        check_stage_left(site)
    how = faults.ended(site, token, export_id)
    assert (how["state"], how["error"]["status"]) == ("failed", 499)
    check_good(site, token, numbers)


@pytest.mark.workers_die
@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGKILL])
def test_a_worker_that_leaves_while_the_rest_is_sent(make_hasty, token, numbers, postgres, signum):
    """Told to, it waits no longer than it may; killed, it leaves nothing on disk either."""
    site = make_hasty(worker={"stop_timeout": "1s"})
    with Download(rows_url(site, "endless", limit=LONG), token, ["--limit-rate", "1M"]) as download:
        wait_database_free(site, postgres, download)
        (worker,) = site.workers("stream")
        os.kill(worker, signum)
        process.wait_until(lambda: not process.is_there(worker), f"worker {worker} has left", 5)
        assert not os.listdir(site.settings["stage"]["dir"])
        answer = download.answer()
    assert answer.status == 200 and answer.exit != 0
    assert numbers.has_prefix(answer.body)
    how = faults.ended(site, token, answer.headers["sluice-export-id"])
    assert how["state"] == "failed"
    check_good(site, token, numbers)


@pytest.mark.workers_die
def test_a_worker_that_may_take_its_time_to_leave(make_hasty, token, numbers, postgres):
    site = make_hasty()
    with Download(rows_url(site, "endless", limit=LONG), token, ["--limit-rate", "8M"]) as download:
        wait_database_free(site, postgres, download)
        (worker,) = site.workers("stream")
        os.kill(worker, signal.SIGTERM)
        answer = download.answer()
    assert (answer.exit, answer.body) == (0, numbers.csv(LONG))
    process.wait_until(lambda: not process.is_there(worker), f"worker {worker} has left", 5)

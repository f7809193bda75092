"""Clients that are slow, and many: what they get is steady, what they cost is constant."""

import contextlib
import time

import pytest

from harness import config, faults, process
from harness.client import Download, curl
from harness.faults import check_query_gone, queries, rows_url
from harness.reader import Reader

MIB = 1024  # KiB
MANY = 60


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
    """It is there whenever the client reads, and what the client does not read is not kept for it."""
    started = time.monotonic()
    with Reader(rows_url(streaming_site, "endless"), token) as reader:
        for i in range(1, 31):
            reader.read((1 << 20) // 10)
            late = time.monotonic() - started - i / 10
            assert late < 0.5
            time.sleep(max(0, -late))
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
        (worker,) = site.workers("stream")
        highest.append(check_memory(worker))
    assert highest[1] - highest[0] < 1 * MIB


def test_many_slow_downloads(make_site, fault_settings, front, prefix, token, postgres):
    """All are served, where there are workers for all; health and the list of tables have workers of their own. (Behind
    mod_fcgid there are eight, and the others wait for their turn, which comes though they have gone.)"""
    settings = config.merge(fault_settings, {"metadata": {"database": ""}})
    site = make_site(front=front, settings=settings, workers=(MANY, 1))
    table, part = ("numbers", {"limit": 80000}) if front == "mod_fcgid" else ("endless", {})
    with contextlib.ExitStack() as stack:
        downloads = [stack.enter_context(Download(rows_url(site, table, **part), token, ["--limit-rate", "100K"]))
                     for _ in range(MANY)]
        if front == "mod_fcgid":
            downloads[0].wait_received()
        else:
            for download in downloads:
                download.wait_received(1000)
            assert len(queries(postgres, table)) == MANY
        for _ in range(10):
            health = curl(site.url + "/health")
            assert (health.exit, health.status) == (0, 200) and health.seconds < 1
        assert curl(site.url + "/api/v1/tables", token).status == 200
        if not faults.is_sanitized(prefix):
            for pid in site.workers():
                check_memory(pid)
        for download in downloads:
            download.popen.kill()
    check_query_gone(postgres, table, 20 if front == "mod_fcgid" else 2)

"""Exports as jobs where there is not room for all: on disk, in memory, and of turns."""

import collections
import contextlib
import csv
import json
import os
import subprocess
import time

import pytest

from harness import process
from harness.faults import is_sanitized
from harness.job_bench import LEASE, Bench

DISK = 24 << 20
MEMORY = 32 << 10  # KiB
MANY = 50
LIMIT = 3  # limits.jobs

TABLES = """
CREATE VIEW fat AS SELECT id, repeat(md5(id::text), 32) AS filler FROM generate_series(1, 40000) AS id;
CREATE TABLE keyless AS SELECT CASE WHEN n % 7 > 0 THEN n END AS n, n AS row FROM generate_series(1, 9000) AS n;
CREATE TABLE sometimes AS TABLE keyless;
CREATE UNIQUE INDEX ON sometimes (n);
ANALYZE keyless, sometimes;
CREATE VIEW late AS SELECT id, '' AS filler FROM accounts WHERE id < 3 AND pause(0) = '';
GRANT SELECT ON fat, keyless, sometimes, late TO sluice;
"""


@pytest.fixture(scope="module")
def tables(bank_servers):
    bank_servers[0].execute(TABLES)
    return {"tables": {name: {"database": "main", "name": f"public.{name}", **key} for name, key in
                       (("bank", {"primary_key": "id"}), ("fat", {"primary_key": "id"}), ("keyless", {"primary_key": "n"}),
                        ("sometimes", {"primary_key": "n"}), ("late", {"primary_key": "id"}))}}


@pytest.fixture
def small_disk(top):
    """A file system of its own, with little room."""
    image, at = os.path.join(top, "disk.img"), os.path.join(top, "disk")
    with open(image, "wb") as f:
        f.truncate(DISK)
    os.makedirs(at, exist_ok=True)
    subprocess.run(["mkfs.ext4", "-q", "-F", "-m", "0", image], check=True)
    mounted = subprocess.run(["mount", "-o", "loop", image, at], capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"file systems cannot be mounted here: {mounted.stderr.strip()}")
    process.give(at, process.user_or_self("www-data"))
    yield at
    # A process that was killed may still be on its way out.
    process.wait_until(lambda: subprocess.run(["umount", at], check=False, stderr=subprocess.DEVNULL).returncode == 0, "umount")


@pytest.fixture
def small(top, prefix, issuer, bank_servers, tables, small_disk):
    folder = os.path.join(top, "jobs-small")
    os.mkdir(folder)
    made = Bench(folder, prefix, issuer, *bank_servers, settings=tables, stage=small_disk)
    yield made
    made.close()


def test_a_full_disk_fails_the_job_alone(small):
    small.work(2)
    little = small.create()
    job, beside = small.create("fat"), small.create(format="ndjson", parallel=2)
    (told,) = small.wait_ended([job])
    assert told["state"] == "failed" and told["attempts"] == 3, told
    assert told["error"]["status"] == 507 and told["error"]["detail"] == "there is no room for the export on disk"
    # Whom the full disk has struck too is not tried again before its time, which is when there is room.
    for other in small.wait_ended([beside, little]):
        assert other["state"] == "succeeded", other
        small.check_accounts(other["id"])
    after = small.create()
    assert small.wait_ended([after])[0]["state"] == "succeeded"
    small.check_quiet()


@pytest.mark.parametrize("settings, status, detail, attempts", [
    ({"max_bytes": "1M"}, 413, "the export is larger than an export may be", 1),
    ({"budget": "1M"}, 507, "the space for exports is used up; room is made as others expire or are removed", 3)],
    ids=["max_bytes", "budget"])
def test_a_limit_is_told_loudly(bench, tables, settings, status, detail, attempts):
    bench.run("TRUNCATE sluice.jobs CASCADE")
    subprocess.run(["find", bench.stage, "-type", "f", "-delete"], check=True)
    bench.configure({**tables, "jobs": settings})
    bench.work()
    job, other = bench.create("fat", parallel=2), bench.create()
    told, beside = bench.wait_ended([job, other])
    assert told["state"] == "failed" and told["attempts"] == attempts, told
    assert (told["error"]["status"], told["error"]["detail"]) == (status, detail)
    assert beside["state"] == "succeeded"
    bench.check_quiet()


@pytest.mark.parametrize("table", ["keyless", "sometimes"])
@pytest.mark.parametrize("format", ["csv", "json"])
def test_rows_without_a_key_are_in_some_part(bench, tables, table, format):
    bench.configure(tables)
    bench.work()
    job = bench.create(table, format=format, parallel=3)
    assert bench.wait_ended([job])[0]["state"] == "succeeded"
    rows = []
    for path in bench.files(job):
        with open(path, encoding="utf-8") as f:
            rows += [int(row["row"]) for row in (csv.DictReader(f) if format == "csv" else json.load(f))]
    assert sorted(rows) == list(range(1, 9001)) and len(bench.recorded_parts(job)) >= 3


def vmhwm(pids):
    found = {}
    for pid in pids:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError, ValueError):  # it has ended
            found[pid] = process.status(pid, "VmHWM")
    return found


@pytest.mark.slow
def test_fifty_at_once(bench, tables, prefix, writer):
    """By tenants with many, some and one: in turns, within the limits of each, and of memory."""
    bench.configure({**tables, "limits": {"jobs": LIMIT}, "jobs": {"lease": "60s"}})
    share = {"many": MANY - 14, "some": 12, "two": 2}
    formats = ("csv", "tsv", "ndjson", "json", "xml")
    jobs = {bench.create("bank" if n % 2 else "fat", tenant=tenant, format=formats[n % 5], parallel=1 + n % 2): tenant
            for tenant, count in share.items() for n in range(count)}
    assert len(jobs) == MANY
    bench.work(6)
    most, running = {}, collections.Counter()

    def all_ended():
        for pid, kib in vmhwm(bench.leaders() + bench.parts()).items():
            most[pid] = max(kib, most.get(pid, 0))
        for row in bench.run("SELECT tenant, count(*) AS n FROM sluice.jobs WHERE state = 'running' GROUP BY tenant"):
            running[row["tenant"]] = max(running[row["tenant"]], row["n"])
        return not bench.run("SELECT 1 FROM sluice.jobs WHERE state IN ('queued', 'running') LIMIT 1")
    process.wait_until(all_ended, "their ends", 120)
    told = [bench.read(job) for job in jobs]
    assert {job["state"] for job in told} == {"succeeded"} and {job["attempts"] for job in told} == {1}
    assert max(running.values()) == LIMIT, running
    # Nobody waited for all of those who had come before.
    order = [job["tenant"] for job in sorted(told, key=lambda job: job["started"])]
    assert order.index("two") < 12 and order.index("some") < 12 and "two" not in order[14:], order
    for job in jobs:
        bench.files(job)
    if not is_sanitized(prefix):
        assert len(most) > 20 and max(most.values()) < MEMORY, most
    bench.check_quiet()


@pytest.mark.slow
def test_a_look_at_the_tables_may_take_longer_than_a_lease(bench, tables):
    """It keeps the lease, and hears that the export is canceled."""
    bench.configure(tables)
    bench.work()
    with bench.held():
        job = bench.create("late", parallel=2)
        process.wait_until(bench.waiting, "its query")
        time.sleep(LEASE + 1)
        told = bench.read(job)
        assert told["state"] == "running" and told["is_held"] and told["attempts"] == 1 and not bench.parts(), told
        bench.run("UPDATE sluice.jobs SET cancel_requested = true WHERE id = %s", (job,))
        bench.wait_state(job, "canceled", seconds=10)
        process.wait_until(lambda: not bench.waiting(), "the query's end", 10)
    process.wait_until(lambda: not bench.busy_sessions(), "the transactions' end", 10)
    assert not bench.notes(job)
    bench.check_quiet()

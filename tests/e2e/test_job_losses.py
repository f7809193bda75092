"""What becomes of an export when one thing is lost: a part, its leader, a session of the database, one database or the whole
machine, for a moment or for good."""

import contextlib
import os
import signal
import threading
import time
from datetime import datetime

import pytest

from harness import process
from harness.job_bench import kill
from harness.pooler import Pooler

SLOW = {"table": "slow_bank", "parallel": 2}  # four parts, two at a time, of more than a second each


def begun(bench, n=1, **wanted):
    """A job of which n parts are being made."""
    job = bench.create(**{**SLOW, **wanted})
    process.wait_until(lambda: len(bench.parts()) >= n, "parts")
    return job


def succeeded(bench, job):
    (told,) = bench.wait_ended([job])
    assert told["state"] == "succeeded", told
    bench.check_accounts(job)
    bench.check_quiet()
    return told


def leaders_session(bench):
    """The pid of the one session with the rows that does nothing, while all parts are held."""
    found = []

    def is_there():
        found[:] = bench.source.execute("SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'sluice/%'"
                                        " AND state = 'idle in transaction'")
        return len(found) == 1
    process.wait_until(is_there, "the leader's session")
    return found[0][0]


def wait_waiting(bench, n):
    process.wait_until(lambda: len(bench.waiting()) == n, f"{n} parts that are held")
    return bench.waiting()


@pytest.mark.slow
def test_a_leader_that_sleeps_past_its_lease_changes_nothing_any_more(bench, writer):
    sleeper = bench.work()
    with bench.held():
        job = begun(bench, 2)
        (leader,), parts = sleeper.pids()
        kill(leader, signal.SIGSTOP)
        kill(parts[0])  # the other goes on, and is too late
    bench.work()
    process.wait_until(lambda: bench.read(job)["fence"] == 2, "the second lease")
    told = succeeded_beside(bench, job)
    before = bench.read(job), bench.recorded_parts(job)
    kill(leader, signal.SIGCONT)
    process.wait_until(lambda: not bench.parts(), "the end of its parts")
    process.wait_until(lambda: "no longer this worker" in log(bench), "what it says of it")
    assert (bench.read(job), bench.recorded_parts(job)) == before
    assert told["attempts"] == 2 and bench.notes(job) == ["attempt 1: its worker was lost"]
    bench.check_accounts(job)
    bench.check_quiet()


def succeeded_beside(bench, job):
    """While another is stopped, and holds what it holds."""
    told = bench.wait_state(job, "succeeded", "failed")
    assert told["state"] == "succeeded", told
    bench.check_accounts(job)
    bench.check_litter()
    return told


def log(bench):
    with open(bench.path("log", "sluice.log"), encoding="utf-8") as f:
        return f.read()


@pytest.mark.slow
@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGSTOP])
def test_only_the_part_that_was_lost_is_made_again(bench, writer, signum):
    """One that is stopped for the time of a lease is as good as dead."""
    bench.work()
    with bench.held():
        job = begun(bench, 2, table="half_bank")
        process.wait_until(lambda: len(bench.recorded_parts(job)) == 2, "two parts", 20)
        wait_waiting(bench, 2)
        kept = bench.recorded_parts(job)
        kill(bench.parts()[0], signum)
    told = succeeded(bench, job)
    assert told["attempts"] == 1 and bench.notes(job) == ["the process of a part was lost; the part is made again"]
    assert {n: part for n, part in bench.recorded_parts(job).items() if n in kept} == kept and len(bench.recorded_parts(job)) == 4


@pytest.mark.slow
def test_a_part_that_the_database_breaks_off_is_made_again(bench, writer):
    bench.work()
    with bench.held():
        job = begun(bench, 2)
        bench.source.execute(f"SELECT pg_terminate_backend({wait_waiting(bench, 2)[0]})")
    told = succeeded(bench, job)
    assert told["attempts"] == 1 and bench.notes(job) == ["the database broke off a part; the part is made again"]


@pytest.mark.slow
def test_without_the_leaders_session_its_parts_count_for_nothing(bench, writer):
    """The snapshot is gone: what is read later would be of another time."""
    bench.work()
    with bench.held():
        job = begun(bench, 2)
        wait_waiting(bench, 2)
        time.sleep(0.5)  # its parts are under the snapshot, and mostly found to be
        bench.source.execute(f"SELECT pg_terminate_backend({leaders_session(bench)})")
    told = succeeded(bench, job)
    assert told["attempts"] == 2
    (said,) = bench.notes(job)
    assert said in ("attempt 1: the snapshot that was to be read is no longer there",
                    "attempt 1: the connection to the database was lost", "attempt 1: the database ended the connection")


def test_a_leader_that_is_lost_begins_anew_and_three_times_is_enough(bench):
    bench.work(2)
    seen = []
    with bench.held():
        job = bench.create(**SLOW)
        for attempt in (1, 2, 3):
            process.wait_until(lambda: bench.read(job)["attempts"] == attempt and bench.parts(), "an attempt")  # pylint: disable=cell-var-from-loop
            told = bench.read(job)
            seen.append(told["snapshot"])
            leader = int(told["worker"].rpartition(":")[2])
            kill(leader)
            process.wait_until(lambda: not process.is_there(leader), "its end")  # pylint: disable=cell-var-from-loop
            # Time is not waited for, unless it has passed already.
            bench.run("UPDATE sluice.jobs SET lease_until = clock_timestamp() WHERE id = %s AND fence = %s AND state = 'running'",
                      (job, told["fence"]))
            bench.run("SELECT pg_notify('sluice_jobs', 'queued')")
        told = bench.wait_state(job, "failed")
    assert len(set(seen)) == 3 and told["attempts"] == 3
    assert bench.notes(job) == [f"attempt {n}: its worker was lost" for n in (1, 2, 3)]
    assert told["error"]["status"] == 500 and told["error"]["detail"], told["error"]
    process.wait_until(lambda: not bench.busy_sessions(), "no transaction", 10)


@pytest.mark.slow
def test_work_goes_on_while_the_jobs_database_is_away(bench, writer):
    """For less than a lease: nobody else has come for the job, and what was not said is said later."""
    bench.configure({"jobs": {"lease": "60s"}})
    bench.work()
    with bench.held():
        job = begun(bench, 2, table="half_bank")
        process.wait_until(lambda: len(bench.recorded_parts(job)) == 2, "two parts")
        wait_waiting(bench, 2)
        bench.kept.kill()
    process.wait_until(lambda: not any(map(process.is_there, bench.parts())), "the end of the parts that were begun")
    bench.kept.start()
    told = succeeded(bench, job)
    assert told["attempts"] == 1 and not bench.notes(job)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["together", "apart"])
def test_a_reboot(benches, writer, how):
    bench = benches[how]
    bench.work(2)
    with bench.held():
        jobs = [begun(bench, 2), *(bench.create(subject=f"s{n}", parallel=2) for n in range(5))]
        for worker in bench.workers:
            os.killpg(worker.process.pid, signal.SIGKILL)
        for server in {bench.source, bench.kept}:
            server.kill()
    bench.stop_workers()
    for server in {bench.source, bench.kept}:
        server.start()
    bench.work(2)
    for job in jobs:
        succeeded(bench, job)
    assert bench.notes(jobs[0]) == ["attempt 1: its worker was lost"]
    bench.close()


def test_what_passes_is_tried_three_times_ever_later(bench):
    bench.work()
    bench.source.stop()
    job = bench.create()
    delays = []
    for attempt in (1, 2):
        process.wait_until(lambda: len(bench.notes(job)) == attempt, "a try")  # pylint: disable=cell-var-from-loop
        told = bench.read(job)
        assert (told["attempts"], told["state"]) == (attempt, "queued")
        delays.append((told["available"] - datetime.fromisoformat(told["notes"][-1]["at"])).total_seconds())
        bench.make_due([job])
    told = bench.wait_state(job, "failed")
    bench.source.start()
    assert told["attempts"] == 3 and told["error"]["status"] == 503, told
    assert 7.4 < delays[0] < 12.6 and 14.9 < delays[1] < 25.1, delays
    assert bench.notes(job) == [f"attempt {n}: the database cannot be reached" for n in (1, 2)]
    bench.check_quiet()


def test_who_changes_the_table_does_not_wait_for_the_export(bench):
    """Parts that begin then would wait for the change, the change for their leader, and the leader for them; and so would everybody
    who wants the table."""
    bench.work()
    with contextlib.closing(bench.source.connect()) as changer:
        with bench.held():
            job = begun(bench, 2)
            wait_waiting(bench, 2)
            changing = threading.Thread(target=execute, args=(changer, "ALTER TABLE accounts ADD COLUMN note text"))
            changing.start()
            process.wait_until(lambda: bench.source.execute("SELECT 1 FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'"),
                               "the change that waits")
        changing.join(20 * process.PATIENCE)
        is_done = not changing.is_alive()
        if not is_done:
            bench.run("UPDATE sluice.jobs SET cancel_requested = true WHERE id = %s", (job,))
        changing.join()
        execute(changer, "ALTER TABLE accounts DROP COLUMN note")
    assert is_done
    told = succeeded(bench, job)
    assert told["attempts"] == 2 and bench.notes(job) == ["attempt 1: the database has locked what the query needs"]


def test_a_pooler_with_too_few_servers_is_told_of(bench, top):
    """The leader has the only one, and its part waits for another: not for as long as the pooler would let it."""
    folder = os.path.join(top, "jobs-pooler")
    os.mkdir(folder)
    pooler = Pooler(folder, bench.source, 1)
    try:
        bench.configure({"databases": {"main": {"conninfo": pooler.conninfo(), "connect_timeout": "1s"},
                                       "kept": {"conninfo": bench.kept.conninfo()}}})
        bench.work()
        job = bench.create()
        process.wait_until(lambda: len(bench.notes(job)) == 3, "the end of an attempt")
    finally:
        pooler.stop()
    again = ["the database broke off a part; the part is made again"] * 2
    assert bench.notes(job) == [*again, "attempt 1: the database has no connection to spare"]
    bench.configure({})
    bench.stop_workers()
    bench.work()
    succeeded(bench, job)


def execute(connection, sql):
    with connection.cursor() as cursor:
        cursor.execute(sql)


@pytest.mark.parametrize("spoil, mend", [
    ("REVOKE SELECT ON bank FROM sluice", "GRANT SELECT ON bank TO sluice"),
    ("ALTER FUNCTION pause RENAME TO rest; CREATE FUNCTION pause(float8) RETURNS text LANGUAGE sql AS 'SELECT (1 / 0)::text';"
     " ALTER VIEW bank RENAME TO good; CREATE VIEW bank AS SELECT id, balance, pause(0) AS pause FROM accounts; GRANT SELECT ON bank TO sluice",
     "DROP VIEW bank; ALTER VIEW good RENAME TO bank; DROP FUNCTION pause; ALTER FUNCTION rest RENAME TO pause")],
    ids=["denied", "no value"])
def test_what_stays_wrong_is_told_at_once(bench, spoil, mend):
    bench.work()
    bench.source.execute(spoil)
    try:
        job = bench.create()
        told = bench.wait_state(job, "failed", "succeeded")
    finally:
        bench.source.execute(mend)
    assert told["state"] == "failed" and told["attempts"] == 1 and told["error"]["detail"], told
    assert "SELECT" not in str(told["error"]) and "bank" not in str(told["error"])
    bench.check_quiet()

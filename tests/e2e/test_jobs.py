"""The store of jobs by itself (lib/job/job_*.c, etc/schema/0005_jobs.sql): made once, claimed once, in turns, and changed by nobody
whose lease has passed.

The calls come from tests/unit/job_tool.c, each tool a process with a session of its own. Time is not waited for but set back in
the rows.
"""

import collections
import contextlib
import hashlib
import json
import os
import signal
import subprocess
from datetime import datetime
from pathlib import Path

import psycopg2
import pytest

from harness import config, process
from harness.postgres import Postgres

ROOT = Path(__file__).resolve().parents[2]
MOST = 3  # limits.jobs, here
LEASE = 17  # jobs.lease, in seconds


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """The tool, with sanitizers."""
    folder = tmp_path_factory.mktemp("job_tool")
    (folder / "config.h").touch()
    libpq = subprocess.run(["pkg-config", "--cflags", "libpq"], capture_output=True, text=True, check=True).stdout.split()
    subprocess.run(
        ["cc", "-std=gnu17", "-D_GNU_SOURCE", "-g", "-fsanitize=address,undefined", f"-I{ROOT}", f"-I{folder}", *libpq,
         "-o", folder / "job_tool", ROOT / "tests/unit/job_tool.c", *ROOT.glob("lib/base/*.c"), *(ROOT / f"lib/job/job_{name}.c" for name in ("queue", "state", "store", "sweep")), ROOT / "lib/job/list_page.c",
         ROOT / "lib/job/metadata.c", ROOT / "lib/job/problem.c", ROOT / "lib/source/postgres_connect.c",
         "-lpq", "-ljson-c", "-lcrypto", "-lz"], check=True)
    return folder / "job_tool"


def migrate(prefix, conf):
    subprocess.run([os.path.join(prefix, "bin", "sluice"), "-c", conf, "migrate"], check=True, stdout=subprocess.DEVNULL,
                   env={**os.environ, "SLUICE_SCHEMA_DIR": os.path.join(prefix, "share", "sluice", "schema")})


def write_conf(folder, postgres, dbname):
    path = os.path.join(folder, "sluice.conf")
    config.write(path, {**config.default(folder, postgres), "metadata": {"database": "kept"}, "limits": {"jobs": MOST}, "jobs": {"lease": f"{LEASE}s"},
                        "databases": {"kept": {"conninfo": postgres.conninfo(dbname=dbname)}}})
    return path


class Database:
    """A metadata database of this file's own."""

    def __init__(self, postgres, conf):
        self.postgres, self.conf = postgres, conf

    def execute(self, sql):
        return self.postgres.execute(sql, dbname="jobs")

    def one(self, sql):
        (row,) = self.execute(sql)
        return row[0] if len(row) == 1 else row

    def pass_lease(self, job):
        """As if its worker had not been heard of for long."""
        self.execute(f"UPDATE sluice.jobs SET lease_until = now() - interval '1 s' WHERE id = '{job}'")

    def make_due(self):
        self.execute("UPDATE sluice.jobs SET available = now() WHERE state = 'queued'")


@pytest.fixture(scope="module")
def migrated(top, prefix, postgres):
    folder = os.path.join(top, "jobs")
    os.mkdir(folder)
    postgres.execute("CREATE DATABASE jobs", dbname="postgres")
    postgres.execute("GRANT CREATE ON DATABASE jobs TO sluice", dbname="postgres")
    conf = write_conf(folder, postgres, "jobs")
    migrate(prefix, conf)
    yield Database(postgres, conf)
    process.wait_until(lambda: not postgres.execute("SELECT FROM pg_stat_activity WHERE datname = 'jobs'", dbname="postgres"),
                       "the end of the sessions")
    postgres.execute("DROP DATABASE jobs", dbname="postgres")


@pytest.fixture
def db(migrated):
    migrated.execute("TRUNCATE sluice.jobs CASCADE")
    return migrated


class Refused(Exception):
    """A call that failed: the error's name, as problems have it."""


Lease = collections.namedtuple("Lease", "id fence attempt")


class Tool:
    def __init__(self, program, conf):
        self.running = subprocess.Popen([program, conf], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def send(self, *words):
        self.running.stdin.write("\t".join("-" if word is None else str(word) for word in words) + "\n")
        self.running.stdin.flush()

    def receive(self):
        answer = self.running.stdout.readline().rstrip("\n")
        if answer.startswith("! "):
            raise Refused(answer.split()[1])
        return answer

    def ask(self, *words):
        self.send(*words)
        return self.receive()

    def send_create(self, subject="ann", tenant=None, payload="p", key=None, estimate=-1, keep=3600, direct=0):
        self.send("create", subject, tenant, hashlib.sha256(str(payload).encode()).hexdigest(), key, estimate, keep, direct)

    def receive_create(self):
        made, job = self.receive().split()
        return made == "1", job

    def create(self, **wanted):
        self.send_create(**wanted)
        return self.receive_create()

    def make(self, **wanted):
        made, job = self.create(**wanted)
        assert made
        return job

    def read(self, job, subject="ann"):
        state, _, text = self.ask("read", job, subject).partition(" ")
        found = json.loads(text)
        assert found["state"] == state
        return found

    def list(self, subject="ann", state=None, token=None, limit=100):
        return json.loads(self.ask("list", subject, state, token, limit))

    def receive_claim(self):
        answer = self.receive()
        return None if answer == "none" else Lease(*answer.split()[:3])

    def claim(self, only=None):
        self.send("claim", only)
        return self.receive_claim()

    def beat(self, lease, rows=0, size=0, estimate=-1):
        return self.ask("beat", lease.id, lease.fence, rows, size, estimate) == "1"

    def end(self, lease, state="succeeded", reason=None, rows=10, size=100, files=None):
        return self.ask("end", lease.id, lease.fence, state, reason, rows, size, (state == "succeeded") if files is None else files)

    def stop(self):
        self.running.stdin.close()
        self.running.stdout.close()
        assert self.running.wait(20 * process.PATIENCE) == 0


@pytest.fixture
def start(program, migrated):
    tools = []

    def start(conf=migrated.conf):
        tools.append(Tool(program, conf))
        return tools[-1]
    yield start
    with contextlib.ExitStack() as stack:
        for tool in tools:
            stack.callback(tool.stop)


@pytest.fixture
def tool(start, db):
    return start()


@pytest.fixture(scope="module")
def crowd(program, migrated):
    tools = [Tool(program, migrated.conf) for _ in range(20)]
    yield tools
    with contextlib.ExitStack() as stack:
        for tool in tools:
            stack.callback(tool.stop)


@pytest.fixture
def twenty(crowd, db):
    """Connected, so that what they do at once they do at once."""
    for one in crowd:
        one.list()
    return crowd


def refused(name, call, *args, **kwargs):
    with pytest.raises(Refused) as caught:
        call(*args, **kwargs)
    assert caught.value.args == (name,)


# ---- made

def test_a_key_stands_for_one_job(tool):
    job = tool.make(key="k", payload=1)
    assert tool.create(key="k", payload=1) == (False, job)
    refused("unprocessable", tool.create, key="k", payload=2)
    others = {tool.make(key="K", payload=1), tool.make(key="k", payload=2, subject="ben"), tool.make(key="k2", payload=1)}
    assert len(others | {job}) == 4
    # However it ended; but no longer when it is not there any more.
    tool.end(tool.claim(), "failed", "x")
    assert tool.read(job)["state"] == "failed"
    assert tool.create(key="k", payload=1) == (False, job)
    assert tool.ask("remove", job, "ann") == "2"
    assert tool.create(key="k", payload=2)[0]


@pytest.mark.parametrize("key", ["", "k" * 256])
def test_a_key_has_a_length(tool, key):
    refused("bad-request", tool.create, key=key)


def test_without_a_key_the_payload_stands_for_the_job(tool, db):
    job = tool.make(payload=1)
    assert tool.create(payload=1) == (False, job)
    assert tool.make(payload=2) and tool.make(payload=1, subject="ben") and tool.make(payload=1, key="k")
    db.execute(f"UPDATE sluice.jobs SET created = now() - interval '59 min' WHERE id = '{job}'")
    db.execute("DELETE FROM sluice.jobs WHERE idempotency_key = 'k'")
    assert tool.create(payload=1) == (False, job)
    db.execute(f"UPDATE sluice.jobs SET created = now() - interval '61 min' WHERE id = '{job}'")
    assert tool.create(payload=1)[0]


@pytest.mark.parametrize("state, stands", [("succeeded", True), ("failed", False), ("canceled", False)])
def test_a_job_that_came_to_nothing_does_not_stand_for_another(tool, state, stands):
    job = tool.make()
    assert tool.end(tool.claim(), state, "x" if state == "failed" else None) == state
    made, other = tool.create()
    assert made is not stands and (other == job) is stands


def test_a_job_that_is_being_canceled_does_not_stand_for_another(tool):
    tool.make()
    lease = tool.claim()
    assert tool.ask("remove", lease.id, "ann") == "1"
    assert tool.create()[0]


@pytest.mark.parametrize("key", [None, "k"])
def test_many_at_once_make_one_job(twenty, db, key):
    for one in twenty:
        one.send_create(key=key)
    answers = [one.receive_create() for one in twenty]
    assert sum(made for made, _ in answers) == 1
    assert {(job,) for _, job in answers} == set(db.execute("SELECT id::text FROM sluice.jobs"))


def test_many_at_once_with_one_key_and_other_payloads(twenty, db):
    for n, one in enumerate(twenty):
        one.send_create(key="k", payload=n)
    said = collections.Counter()
    for one in twenty:
        try:
            said[one.receive_create()[0]] += 1
        except Refused as refusal:
            said[refusal.args[0]] += 1
    assert said == {True: 1, "unprocessable": 19} and db.one("SELECT count(*) FROM sluice.jobs") == 1


def test_one_that_is_still_being_made_is_a_conflict(tool, db):
    connection = db.postgres.connect(dbname="jobs")
    connection.autocommit = False
    with contextlib.closing(connection), connection.cursor() as cursor:
        cursor.execute("SELECT sluice.job_create(gen_random_uuid(), 'ann', NULL, '{}', '{}', sha256('p'), 'k', false, NULL, '1 h', '1 h')")
        refused("conflict", tool.create, key="k")
        assert tool.create(key="k", subject="ben")[0]
        connection.rollback()
    assert tool.create(key="k")[0]


# ---- claimed

def test_no_job_is_claimed_twice(twenty, db):
    for n in range(15):
        twenty[0].make(subject=f"s{n}")
    for one in twenty:
        one.send("claim", None)
    claims = [lease.id for lease in (one.receive_claim() for one in twenty) if lease]
    assert len(claims) == len(set(claims)) == 15
    assert db.one("SELECT count(*) FROM sluice.jobs WHERE state = 'running' AND fence = 1 AND attempts = 1") == 15


def test_tenants_take_turns(tool, db):
    """One has many jobs that came first, one some, one a single one that came last; a caller of no tenant counts as one."""
    names = {}
    for tenant, n in (("many", 8), ("some", 3), (None, 1), ("last", 1)):
        for i in range(n):
            names[tool.make(tenant=tenant, payload=(tenant, i), subject="sub")] = (tenant, i)
    order = []
    while lease := tool.claim():
        order.append(names[lease.id])
    assert order == [("many", 0), ("some", 0), (None, 0), ("last", 0),
                     ("many", 1), ("some", 1), ("many", 2), ("some", 2)]
    # There are MOST of "many" now: the next has to wait for one of them to end, whatever else is free.
    (first,) = [job for job, name in names.items() if name == ("many", 1)]
    assert tool.end(Lease(first, 1, 1)) == "succeeded"
    assert names[tool.claim().id] == ("many", 3) and tool.claim() is None


def test_at_once_no_tenant_gets_more_than_its_share(twenty, db):
    for n in range(30):
        twenty[0].make(tenant=f"t{n % 3}", payload=n)
    for one in twenty:
        one.send("claim", None)
    assert sum(one.receive_claim() is not None for one in twenty) == 3 * MOST
    assert db.execute("SELECT count(*) FROM sluice.jobs WHERE state = 'running' GROUP BY tenant") == [(MOST,)] * 3


def test_a_tenant_is_not_a_subject_of_that_name(tool):
    for n in range(MOST):
        tool.make(tenant="x", payload=n)
        tool.make(subject="x", payload=n)
    assert [tool.claim() is not None for _ in range(2 * MOST + 1)] == [True] * 2 * MOST + [False]


def test_a_row_that_is_locked_is_passed_over(tool, db):
    first, second = tool.make(payload=1), tool.make(payload=2)
    connection = db.postgres.connect(dbname="jobs")
    connection.autocommit = False
    with contextlib.closing(connection), connection.cursor() as cursor:
        cursor.execute(f"SELECT FROM sluice.jobs WHERE id = '{first}' FOR UPDATE")
        assert tool.claim().id == second
        connection.rollback()
    assert tool.claim().id == first


def test_a_direct_job_is_claimed_by_its_name_alone(tool, db):
    job = tool.make(direct=1)
    assert tool.claim() is None
    lease = tool.claim(job)
    assert lease.id == job and tool.claim(job) is None
    db.pass_lease(job)
    assert tool.claim() is None and tool.read(job)["state"] == "failed"
    assert tool.claim(tool.make(payload=2)) is None


@pytest.mark.parametrize("end", ["succeeded", "failed", "lost"])
def test_a_direct_job_is_claimed_again(start, tool, db, end):
    job = tool.make(direct=1)
    for n in range(1, 6):  # more than the attempts of another job
        lease = tool.claim(job)
        assert (lease.fence, lease.attempt) == (str(n), str(n)) and start().claim(job) is None
        if end == "lost":
            db.pass_lease(job)
        else:
            assert tool.end(lease, end, "broken" if end == "failed" else None) == end
    shown = tool.read(job)
    assert shown["direct"] is True and shown["state"] == (end if end != "lost" else "queued")
    assert len(shown["notes"]) == (4 if end == "lost" else 0)


@pytest.mark.parametrize("change", ["state = 'canceled'", "deleted = now()", "expires = now()"])
def test_a_direct_job_that_is_over_is_not_claimed(tool, db, change):
    job = tool.make(direct=1)
    db.execute(f"UPDATE sluice.jobs SET {change}")
    assert tool.claim(job) is None


def test_a_direct_job_that_was_canceled_and_lost_stays_canceled(tool, db):
    job = tool.make(direct=1)
    tool.claim(job)
    assert tool.ask("remove", job, "ann") == "1"
    db.pass_lease(job)
    assert tool.claim(job) is None and tool.read(job)["state"] == "canceled"


def test_without_a_key_each_direct_job_is_its_own(tool):
    assert tool.make(direct=1) != tool.make(direct=1)
    made, job = tool.create(direct=1, key="k")
    assert made and tool.create(direct=1, key="k") == (False, job)


def test_a_lease_that_passed_is_given_to_another(start, tool, db):
    other, job = start(), tool.make()
    old = tool.claim()
    tool.beat(old, rows=50, size=500)
    assert other.claim() is None
    db.pass_lease(job)
    assert tool.read(job)["state"] == "queued"  # nobody works on it
    new = other.claim()
    assert (new.id, int(new.fence), new.attempt) == (job, int(old.fence) + 1, "2")
    shown = tool.read(job)
    assert shown["state"] == "running" and shown["progress"]["rows"] == 0 and shown["attempts"] == 2
    assert [note["text"] for note in shown["notes"]] == ["attempt 1: its worker was lost"]
    assert other.end(new) == "succeeded"


def test_a_lease_is_as_long_as_the_settings_say(tool, db):
    left = "SELECT extract(epoch FROM lease_until - beat) FROM sluice.jobs"
    tool.make()
    lease = tool.claim()
    assert db.one(left) == LEASE
    db.execute("UPDATE sluice.jobs SET lease_until = lease_until - interval '9 s'")
    tool.beat(lease)
    assert abs(db.one(left) - LEASE) < 1


def test_a_clock_that_is_set_back(start, tool, db):
    """By a day: what waits is not tried a day later, and who is lost does not have the job for a day."""
    lost, kept = tool.make(payload="lost"), tool.make(payload="kept")
    assert tool.claim().id == lost
    lease = tool.claim()
    waits = tool.make(payload="waits")
    db.execute("UPDATE sluice.jobs SET created = created + d, available = available + d, claimed = claimed + d, beat = beat + d,"
               " lease_until = lease_until + d FROM (SELECT interval '1 day') AS day(d)")
    assert lease.id == kept and start().claim().id == waits
    assert db.execute("SELECT count(*) FROM sluice.jobs WHERE state = 'running'"
                      f" AND lease_until <= clock_timestamp() + interval '{LEASE} s'") == [(3,)]
    tool.beat(lease)
    db.pass_lease(lost)
    assert start().claim().id == lost and tool.end(lease) == "succeeded"


CALLS = {
    "beat": lambda tool, lease: tool.beat(lease, 7, 7),
    "note": lambda tool, lease: tool.ask("note", lease.id, lease.fence, "late"),
    "snapshot": lambda tool, lease: tool.ask("snapshot", lease.id, lease.fence, "late"),
    "part": lambda tool, lease: tool.ask("part", lease.id, lease.fence, 1, None, None),
    "succeeded": lambda tool, lease: tool.end(lease),
    "failed": lambda tool, lease: tool.end(lease, "failed", "late"),
    "canceled": lambda tool, lease: tool.end(lease, "canceled"),
    "queued": lambda tool, lease: tool.end(lease, "queued", "late"),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("after", ["passed", "claimed", "ended", "requeued"])
def test_a_stale_fence_changes_nothing(start, tool, db, call, after):
    other, job = start(), tool.make()
    lease = tool.claim()
    db.pass_lease(job)
    if after in ("claimed", "ended"):
        new = other.claim()
        assert new.id == job and (after == "claimed" or other.end(new, "failed", "x") == "failed")
    if after == "requeued":
        assert other.ask("leases") == "1"
    everything = ("SELECT to_json(j)::text, (SELECT count(*) FROM sluice.job_parts), (SELECT count(*) FROM sluice.job_files)"
                  " FROM sluice.jobs j")
    before = db.one(everything)
    refused("conflict", call, tool, lease)
    assert db.one(everything) == before


def test_three_attempts_are_lost(tool, db):
    job = tool.make()
    for attempt in "123":
        assert tool.claim().attempt == attempt
        db.pass_lease(job)
    assert tool.claim() is None
    shown = tool.read(job)
    assert shown["state"] == "failed" and shown["attempts"] == 3 and len(shown["notes"]) == 3
    assert shown["error"]["status"] == 500 and shown["error"]["type"] == "urn:sluice:problem:internal"


def test_a_transient_error_is_tried_again_later(tool, db):
    job = tool.make()
    for attempt, seconds in ((1, 10), (2, 20)):
        assert tool.end(tool.claim(), "queued", "the database failed") == "queued"
        assert tool.claim() is None
        assert db.one("SELECT extract(epoch FROM available - (notes->-1->>'at')::timestamptz)"
                      f" BETWEEN {seconds * .75 - .1} AND {seconds * 1.25 + .1} FROM sluice.jobs")
        shown = tool.read(job)
        assert shown["attempts"] == attempt and shown["nextAttemptAt"] and shown["error"] is None
        assert shown["notes"][-1]["text"] == f"attempt {attempt}: the database failed"
        db.make_due()
    assert tool.end(tool.claim(), "queued", "the database failed") == "failed"
    assert tool.read(job)["error"] == {"type": "urn:sluice:problem:database", "title": "The database failed", "status": 502,
                                       "detail": "the database failed"}


def test_a_worker_that_is_stopped_costs_no_attempt(tool, db):
    job = tool.make()
    for fence in range(1, 6):
        lease = tool.claim()
        assert (lease.id, lease.fence, lease.attempt) == (job, str(fence), "1")
        assert tool.end(lease, "queued") == "queued"


# ---- run

def test_progress_of_a_job(tool, db):
    job = tool.make(estimate=1000)
    assert tool.read(job)["progress"] == {"rows": 0, "estimatedRows": 1000, "bytes": 0, "percent": None, "rowsPerSecond": None,
                                          "etaSeconds": None}
    lease = tool.claim()
    db.execute("UPDATE sluice.jobs SET claimed = claimed - interval '10 s'")
    assert tool.beat(lease, rows=200, size=4000) is False
    db.execute("UPDATE sluice.jobs SET claimed = beat - interval '10 s'")
    assert tool.read(job)["progress"] == {"rows": 200, "estimatedRows": 1000, "bytes": 4000, "percent": 20, "rowsPerSecond": 20,
                                          "etaSeconds": 40}
    tool.beat(lease, rows=5000, size=9000)
    shown = tool.read(job)["progress"]
    assert (shown["percent"], shown["etaSeconds"]) == (99, None)
    tool.beat(lease, rows=5000, size=9000, estimate=10**17)
    assert tool.read(job)["progress"]["percent"] == 0
    assert tool.end(lease, rows=5000, size=9000, files=2) == "succeeded"
    shown = tool.read(job)
    ended, started, created = (datetime.fromisoformat(shown[name]) for name in ("endedAt", "startedAt", "createdAt"))
    assert shown["progress"]["percent"] == 100 and ended >= started >= created
    assert shown["schema"] == "print" and shown["lossy"] == ["a"] and shown["error"] is None
    assert [(f["n"], f["name"], f["media"], f["bytes"]) for f in shown["files"]] == [
        (1, 'users "é".csv', "text/csv", 1000), (2, 'users "é".csv', "text/csv", 1001)]
    assert "path" not in json.dumps(shown["files"])


def test_percent_is_null_when_nothing_is_known(tool):
    job = tool.make()
    tool.beat(tool.claim(), rows=10)
    assert tool.read(job)["progress"]["percent"] is None


def test_parts_are_those_of_one_snapshot(tool, db):
    job = tool.make()
    lease = tool.claim()
    assert tool.ask("snapshot", lease.id, lease.fence, "one") == "done"
    assert tool.ask("part", lease.id, lease.fence, 2, 10, None) == "done"
    assert tool.ask("part", lease.id, lease.fence, 1, None, 9) == "done"
    assert tool.ask("part", lease.id, lease.fence, 1, None, 10) == "done"
    assert [(p["n"], p["first"], p["last"]) for p in json.loads(tool.ask("parts", job))] == [(1, None, "10"), (2, "10", None)]
    db.pass_lease(job)
    new = tool.claim()
    assert len(json.loads(tool.ask("parts", job))) == 2
    assert tool.ask("snapshot", new.id, new.fence, "two") == "done"
    assert tool.ask("parts", job) == "[]"


# ---- canceled, removed

def test_what_removing_does(tool):
    job = tool.make()
    refused("not-found", tool.ask, "remove", job, "ben")
    assert tool.ask("remove", job, "ann") == "0"
    assert tool.read(job)["state"] == "canceled" and tool.claim() is None
    assert tool.ask("remove", job, "ann") == "2"
    refused("not-found", tool.read, job)
    refused("not-found", tool.ask, "remove", job, "ann")
    assert tool.list()["exports"] == []


@pytest.mark.parametrize("end", [("succeeded",), ("failed", "x"), ("canceled",), ("queued", "x")], ids=lambda end: end[0])
def test_a_running_job_is_canceled_by_its_worker(start, tool, db, end):
    other, job = start(), tool.make()
    lease = tool.claim()
    assert tool.ask("heard") == "0" and tool.beat(lease) is False
    assert other.ask("remove", job, "ann") == other.ask("remove", job, None) == "1"
    process.wait_until(lambda: tool.ask("heard") == "1", "word of it")
    assert tool.beat(lease) is True
    assert tool.read(job)["state"] == "running" and tool.read(job)["cancelRequested"] is True
    assert tool.end(lease, *end) == "canceled"
    shown = tool.read(job)
    assert (shown["state"], shown["error"], shown["files"]) == ("canceled", None, [])
    assert db.one("SELECT count(*) FROM sluice.job_files") == 0


def test_a_canceled_job_whose_worker_is_lost(tool, db):
    one, two = tool.make(payload=1), tool.make(payload=2)
    leases = [tool.claim(), tool.claim()]
    assert tool.ask("remove", one, "ann") == "1"
    db.pass_lease(one)
    db.pass_lease(two)
    assert tool.ask("remove", two, "ann") == "0"  # nobody could be told
    assert tool.claim() is None
    assert tool.read(one)["state"] == tool.read(two)["state"] == "canceled"
    for lease in leases:
        refused("conflict", tool.end, lease)


# ---- shown

def test_others_see_nothing_and_an_admin_all(tool):
    job = tool.make()
    refused("not-found", tool.read, job, "ben")
    assert tool.list("ben")["exports"] == []
    assert tool.read(job, None)["subject"] == "ann"
    tool.make(subject="ben")
    assert [j["subject"] for j in tool.list(None)["exports"]] == ["ben", "ann"]


@pytest.mark.parametrize("subject", ["ann", None])
def test_pages_hold_each_job_once_whatever_is_made_meanwhile(tool, db, subject):
    db.execute("INSERT INTO sluice.jobs (id, subject, principal, request, payload, state, created, expires)"
               " SELECT gen_random_uuid(), 'ann', '{}', '{}', sha256(n::text::bytea), 'queued',"
               " '2024-01-01'::timestamptz + n / 4 * interval '1 microsecond', 'infinity' FROM generate_series(1, 50) AS n")
    wanted = [job for job, in db.execute("SELECT id::text FROM sluice.jobs ORDER BY created DESC, id DESC")]
    token, seen = None, []
    for n in range(8):
        page = tool.list(subject, token=token, limit=7)
        seen += [job["id"] for job in page["exports"]]
        token = page["nextPageToken"]
        tool.make(payload=("new", n))
    assert token is None and seen == wanted
    assert len(tool.list(subject, limit=58)["exports"]) == 58 and tool.list(subject, limit=58)["nextPageToken"] is None
    assert tool.list(subject, limit=57)["nextPageToken"]


def test_a_list_of_one_state(tool, db):
    jobs = [tool.make(payload=n) for n in range(4)]
    running = [tool.claim(), tool.claim()]
    tool.end(tool.claim())
    assert [j["id"] for j in tool.list(state="running")["exports"]] == [jobs[1], jobs[0]]
    db.pass_lease(running[0].id)
    assert [j["id"] for j in tool.list(state="running")["exports"]] == [jobs[1]]
    assert [j["id"] for j in tool.list(state="queued")["exports"]] == [jobs[3], jobs[0]]
    assert [j["id"] for j in tool.list(state="succeeded")["exports"]] == [jobs[2]]


@pytest.mark.parametrize("token", ["", "x", "MTIz", "MTIzOng", "YTpi", "OTk5OTk5OTk5OTk5OTk5OTk5OjAwMDAwMDAwLTAwMDAtMDAwMC0wMDAwLTAwMDAwMDAwMDAwMA",
                                   "MTowMDAwMDAwMC0wMDAwLTAwMDAtMDAwMC0wMDAwMDAwMDAwMDAA"])
def test_a_token_that_is_none(tool, token):
    refused("bad-request", tool.list, token=token)


# ---- told

def test_a_worker_that_waits_is_woken(start, tool):
    """It would wait ten minutes: a test that ends has been woken."""
    worker = start()
    assert worker.claim() is None
    worker.send("wait", 600000)
    tool.make()
    assert worker.receive() == "waited"
    lease = worker.claim()
    assert lease and worker.ask("wait", 0) == "waited"


def test_what_was_told_before_the_wait_is_not_lost(start, tool):
    worker = start()
    assert worker.claim() is None
    tool.make()
    worker.ask("list", None, None, None, 1)  # what was told comes with the answer
    assert worker.ask("wait", 600000) == "waited" and worker.claim()


@pytest.mark.parametrize("change", ["available = now() + interval '300 ms'",
                                    "state = 'running', fence = 1, lease_until = now() + interval '300 ms'"])
def test_a_worker_wakes_for_what_comes_due(start, tool, db, change):
    job, worker = tool.make(), start()
    db.execute(f"UPDATE sluice.jobs SET {change}")
    claims = []

    def claimed():
        claims.append(worker.claim())
        return claims[-1] or (worker.ask("wait", 600000) and None)
    process.wait_until(claimed, "the claim")
    assert claims[-1].id == job and len(claims) <= 4


# ---- swept

def fill(db, n, state="queued", **values):
    """n jobs at once, of ten tenants."""
    values = {"expires": "now() + interval '1 hour'", **values}
    db.execute(f"INSERT INTO sluice.jobs (id, subject, tenant, principal, request, payload, state, {', '.join(values)})"
               " SELECT gen_random_uuid(), 'ann', 't' || i % 10, '{}', '{}', sha256(i::text::bytea),"
               f" '{state}', {', '.join(values.values())} FROM generate_series(1, {n}) AS i")


@pytest.fixture
def statements(db):
    """How many jobs each statement has changed, or removed."""
    db.execute("CREATE TABLE statements (n bigint); GRANT INSERT ON statements TO sluice;"
               "CREATE FUNCTION note_changed() RETURNS trigger LANGUAGE plpgsql AS"
               " $$ BEGIN INSERT INTO statements SELECT count(*) FROM changed; RETURN NULL; END $$;"
               "CREATE TRIGGER note_update AFTER UPDATE ON sluice.jobs REFERENCING OLD TABLE AS changed"
               " FOR EACH STATEMENT EXECUTE FUNCTION note_changed();"
               "CREATE TRIGGER note_delete AFTER DELETE ON sluice.jobs REFERENCING OLD TABLE AS changed"
               " FOR EACH STATEMENT EXECUTE FUNCTION note_changed()")
    yield lambda: [n for n, in db.execute("WITH told AS (DELETE FROM statements RETURNING n) SELECT n FROM told WHERE n > 0")]
    db.execute("DROP TRIGGER note_update ON sluice.jobs; DROP TRIGGER note_delete ON sluice.jobs;"
               "DROP FUNCTION note_changed; DROP TABLE statements")


def test_many_at_once_are_no_more_than_a_statement_has_time_for(tool, db, statements):
    fill(db, 20001, expires="now()")
    assert len(tool.ask("expire").split()) == 20002 and tool.ask("expire").split() == ["0"]
    assert sorted(statements()) == [1, 10000, 10000]
    assert tool.ask("purge", 0) == "20001" and sorted(statements()) == [1, 10000, 10000]
    fill(db, 10001)
    assert tool.ask("erase", "ann") == "10001" and sorted(statements()) == [1, 10000]
    assert db.one("SELECT count(*) FROM sluice.jobs WHERE state = 'canceled' AND deleted IS NOT NULL") == 10001


def pages_read(db, sql, n=2):
    """By the n-th call in a session, when the server knows its catalogs; and how many pages the jobs have."""
    db.execute("ANALYZE sluice.jobs")
    with contextlib.closing(db.postgres.connect(dbname="jobs")) as session, session.cursor() as cursor:
        for _ in range(n):
            cursor.execute("EXPLAIN (ANALYZE, BUFFERS, FORMAT json) " + sql)
            ((plan,),), = cursor.fetchall()
    return (plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"],
            db.one("SELECT pg_relation_size('sluice.jobs') / 8192"))


def test_a_turn_is_found_without_a_look_at_all_that_wait(tool, db):
    fill(db, 20000)
    read, pages = pages_read(db, "SELECT sluice.job_claim('w', interval '1 h', 3, 3, '{}')")
    assert db.one("SELECT count(*) FROM sluice.jobs WHERE state = 'running'") == 2
    assert 0 < read < pages / 2, (read, pages)


def test_a_schedule_is_run_without_a_look_at_all_its_runs(tool, db):
    schedule = "00000000-0000-4000-8000-000000000000"
    db.execute("INSERT INTO sluice.schedules (id, subject, principal, name, cron, time_zone, export, increments, enabled, next_run)"
               f" VALUES ('{schedule}', 'ann', '{{}}', 'n', '@daily', 'UTC', '{{}}', false, true, now())")
    fill(db, 20000, "canceled", schedule=f"'{schedule}'", ended="now()")
    run = "sluice.schedule_run(id, revision, gen_random_uuid(), '{}', interval '1 h', NULL) FROM sluice.schedules"
    assert db.one(f"SELECT {run}") == "made"
    read, pages = pages_read(db, f"SELECT {run}")
    assert db.one(f"SELECT {run}") == "busy"
    db.execute("DELETE FROM sluice.schedules")
    assert 0 < read < pages / 2, (read, pages)


def test_what_has_expired_is_told_and_then_forgotten(tool, db):
    done, waits, runs, failed, stays = (tool.make(payload=n, subject="ann" if n else "x") for n in range(5))
    assert tool.claim().id == done
    assert tool.end(Lease(done, 1, 1)) == "succeeded"
    running = {tool.claim().id for _ in range(2)}
    db.execute(f"UPDATE sluice.jobs SET state = 'failed' WHERE id IN ('{failed}') AND state = 'running'")
    assert running == {waits, runs}
    tool.end(Lease(waits, 1, 1), "queued")
    lease = Lease(runs, 1, 1)
    db.execute(f"UPDATE sluice.jobs SET expires = now() - interval '1 min' WHERE id <> '{stays}'")
    assert set(tool.ask("kept").split()) == {done, waits, runs, failed, stays}
    *ids, n = tool.ask("expire").split()
    assert n == "3" and set(ids) == {done, waits, failed}
    assert set(tool.ask("kept").split()) == {runs, stays}
    assert tool.beat(lease) is False and tool.claim().id == stays
    assert tool.ask("purge", 3600) == "0" and tool.ask("purge", 30) == "3"
    assert tool.end(lease) == "succeeded" and tool.ask("purge", 30) == "0"
    assert tool.ask("remove", runs, "ann") == "2" and tool.ask("purge", 30) == "0"
    assert tool.ask("purge", 0) == "1"


def test_what_is_over_is_told_before_it_is_swept(tool, db):
    """Whatever becomes of the sweeper and the workers, nobody waits for what never comes, or is promised files that are not given."""
    done, waits, lost, runs = (tool.make(payload=n) for n in range(4))
    assert tool.end(tool.claim()) == "succeeded"
    assert tool.end(tool.claim(), "queued", "the database failed") == "queued"
    assert {tool.claim().id, tool.claim().id} == {lost, runs}
    db.pass_lease(lost)
    assert [tool.read(job)["state"] for job in (done, waits, lost, runs)] == ["succeeded", "queued", "queued", "running"]
    db.execute("UPDATE sluice.jobs SET expires = now() - interval '1 s'")
    shown = [tool.read(job) for job in (done, waits, lost, runs)]
    assert [one["state"] for one in shown] == ["expired", "expired", "expired", "running"]
    assert [one["files"] for one in shown] == [[]] * 4
    assert [one["progress"]["percent"] for one in shown] == [None] * 4 and shown[1]["nextAttemptAt"] is None
    assert shown[1]["endedAt"] == shown[1]["expiresAt"] and shown[3]["endedAt"] is None
    assert [one["id"] for one in tool.list(state="expired")["exports"]] == [lost, waits, done]
    assert tool.list(state="queued")["exports"] == tool.list(state="succeeded")["exports"] == []


# ---- what the database itself holds to

STATES = ["queued", "running", "succeeded", "failed", "canceled", "expired"]
MOVES = {("queued", "running"), ("queued", "canceled"), ("queued", "expired"), ("running", "queued"), ("running", "succeeded"),
         ("running", "failed"), ("running", "canceled"), ("succeeded", "expired")}
DIRECT_MOVES = MOVES | {("succeeded", "running"), ("failed", "running")}


@pytest.mark.parametrize("direct, moves", [(0, MOVES), (1, DIRECT_MOVES)], ids=["job", "direct"])
def test_no_other_change_of_state_is_possible(tool, db, direct, moves):
    job = tool.make(direct=direct)
    for old in STATES:
        for new in STATES:
            if old == new:
                continue
            db.execute("ALTER TABLE sluice.jobs DISABLE TRIGGER job_moved")
            db.execute(f"UPDATE sluice.jobs SET state = '{old}', ended = CASE WHEN '{old}' NOT IN ('queued', 'running') THEN now() END,"
                       f" lease_until = CASE '{old}' WHEN 'running' THEN now() END")
            db.execute("ALTER TABLE sluice.jobs ENABLE TRIGGER job_moved")
            change = (f"UPDATE sluice.jobs SET state = '{new}', fence = fence + 1,"
                      f" lease_until = CASE '{new}' WHEN 'running' THEN now() END WHERE id = '{job}'")
            if (old, new) in moves:
                db.execute(change)
            else:
                with pytest.raises(psycopg2.errors.CheckViolation):
                    db.execute(change)
    with pytest.raises(psycopg2.errors.CheckViolation):
        db.execute("UPDATE sluice.jobs SET fence = fence - 1")


def test_a_crash_of_the_server_takes_back_nothing(top, prefix, start, tool):
    """Though the session does not wait for the disk: what was told to the caller, and the fence that was given out, are there."""
    folder = os.path.join(top, "crash")
    os.mkdir(folder)
    server = Postgres(folder, 1, settings="wal_writer_delay = 10s\nsynchronous_commit = off\n")
    found = "SELECT state || CASE WHEN deleted IS NULL THEN '' ELSE ' removed' END, fence FROM sluice.jobs ORDER BY created"
    leases = []

    def crash():
        server.stop(signal.SIGQUIT)
        server.start()

    try:
        conf = write_conf(folder, server, "sluice")
        migrate(prefix, conf)
        one = start(conf)
        steps = [
            (lambda: one.make(payload=1), [("queued", 0)]),
            (lambda: leases.append(one.claim()), [("running", 1)]),
            (lambda: one.end(leases[0]), [("succeeded", 1)]),
            (lambda: one.ask("remove", one.make(payload=2), "ann"), [("succeeded", 1), ("canceled", 0)]),
            (lambda: one.ask("remove", leases[0].id, "ann"), [("succeeded removed", 1), ("canceled", 0)])]
        for step, after in steps:
            step()
            crash()
            assert server.execute(found) == after
    finally:
        server.stop()


def test_what_a_worker_did_not_hear_it_may_say_again(tool, db):
    """Its session died behind the commit: the end that was kept is no other's."""
    tool.make()
    lease = tool.claim()
    tool.end(lease, files=2)
    kept = db.execute("SELECT to_json(f)::text FROM sluice.job_files f ORDER BY n")
    assert tool.end(lease, files=2) == "succeeded" and len(kept) == 2
    assert db.execute("SELECT to_json(f)::text FROM sluice.job_files f ORDER BY n") == kept
    refused("conflict", tool.end, lease, "failed", "x")


def test_a_session_that_dies_is_replaced(start, tool, db):
    worker = start()
    assert worker.claim() is None
    old = [pid for pid, _ in db.execute("SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity"
                                        " WHERE datname = 'jobs' AND usename = 'sluice'")]
    process.wait_until(lambda: not any(map(process.is_there, old)), "the ends of the sessions")
    assert worker.ask("wait", 600000) == "waited"  # what was told meanwhile nobody knows
    assert worker.ask("wait", 0) == "waited"
    assert worker.claim() is None
    worker.send("wait", 600000)
    tool.make()
    assert worker.receive() == "waited" and worker.claim()

"""A bench for jobs: databases that may be killed, a stage, workers; no web server. Jobs are put where sluice.fcgi puts them.

What they export are accounts, between which a writer moves money all the while: under one snapshot their balances sum to TOTAL.
A pytest plugin: conftest.py names it.
"""

import collections
import contextlib
import csv
import hashlib
import json
import os
import random
import signal
import threading
import time
import uuid

import psycopg2
import psycopg2.extras
import pytest

from . import checks, config, process
from .postgres import Postgres
from .site import ENVIRONMENT
from .worker import Worker

ACCOUNTS = 8000
TOTAL = ACCOUNTS * 1000
ENDED = ("succeeded", "failed", "canceled", "expired")
LEASE = int(2 + process.PATIENCE)  # jobs.lease, in seconds: longer than a busy machine keeps a leader from its beats
HOLD = 1751084900  # the advisory lock that whoever pauses waits for: see held()

# The pause takes no part in what a planner may leave out, nor in where the key's bounds are: it comes with the rows. Of half_bank
# the first two of four parts are made also while the others are held.
TABLES = f"""
CREATE TABLE accounts (id int PRIMARY KEY, balance int NOT NULL);
INSERT INTO accounts SELECT n, 1000 FROM generate_series(1, {ACCOUNTS}) AS n;
CREATE FUNCTION pause(seconds float8) RETURNS text STABLE LANGUAGE plpgsql AS
    'BEGIN PERFORM pg_advisory_xact_lock_shared({HOLD}), pg_sleep(seconds); RETURN ''''; END';
CREATE FUNCTION pause_unheld(seconds float8) RETURNS text STABLE LANGUAGE plpgsql AS
    'BEGIN PERFORM pg_sleep(seconds); RETURN ''''; END';
CREATE VIEW bank AS SELECT id, balance, CASE WHEN id % 200 = 0 THEN pause(0.01) ELSE '' END AS pause FROM accounts;
CREATE VIEW slow_bank AS SELECT id, balance, CASE WHEN id % 80 = 0 THEN pause(0.05) ELSE '' END AS pause FROM accounts;
CREATE VIEW half_bank AS SELECT id, balance, CASE WHEN id % 80 > 0 THEN '' WHEN id > {ACCOUNTS} * 5 / 8 THEN pause(0.05)
    ELSE pause_unheld(0.05) END AS pause FROM accounts;
GRANT SELECT ON accounts, bank, slow_bank, half_bank TO sluice;
"""


class Bench:
    def __init__(self, top, prefix, issuer, source, kept, settings=None, stage=None):
        """top: an empty directory. source, kept: of the rows, and of the jobs; both may be one."""
        self.top, self.prefix, self.source, self.kept = top, prefix, source, kept
        self.issuer, self.reader = issuer, checks.LogReader()
        self.user = process.user_or_self("www-data")
        self.env = dict(ENVIRONMENT)
        self.config = self.path("sluice.conf")
        self.stage = stage or self.path("stage")
        self.workers, self.workers_n = [], 0
        for name in ("log", "state", "stage"):
            os.makedirs(self.path(name), exist_ok=True)
            process.give(self.path(name), self.user)
        issuer.write_jwks(self.path("jwks.json"))
        self.configure(settings or {})
        self.sluice_migrate()

    def path(self, *names):
        return os.path.join(self.top, *names)

    def configure(self, settings):
        base = config.default(self.top, self.source)
        base["tables"] = {name: {"database": "main", "name": f"public.{name}", "primary_key": "id"}
                          for name in ("bank", "slow_bank", "half_bank")}
        config.write(self.config, config.merge(base, {
            "databases": {"main": {"conninfo": self.source.conninfo()}, "kept": {"conninfo": self.kept.conninfo()}},
            "metadata": {"database": "kept"}, "stage": {"dir": self.stage},
            **{name: value for name, value in settings.items() if name != "jobs"},
            "jobs": {"lease": f"{LEASE}s", **settings.get("jobs", {})}}))

    def sluice_migrate(self):
        process.run([os.path.join(self.prefix, "bin", "sluice"), "-c", self.config, "migrate"],
                    {"SLUICE_SCHEMA_DIR": os.path.join(self.prefix, "share", "sluice", "schema")})

    # ---- workers

    def work(self, n=1):
        self.workers_n += 1
        self.workers.append(Worker(self, n, f"worker{self.workers_n}"))
        return self.workers[-1]

    def leaders(self):
        return [pid for worker in self.workers for pid in worker.pids()[0]]

    def parts(self):
        return [pid for worker in self.workers for pid in worker.pids()[1]]

    def stop_workers(self):
        while self.workers:
            self.workers.pop().stop()

    # ---- jobs

    def create(self, table="bank", subject="ann", tenant=None, **request):
        """Its id."""
        wanted = {"queryDefinition": {"from": table}, "format": "csv", **request}
        claims = {"sub": subject, "roles": ["exporter"], **({"tenant_id": tenant} if tenant else {})}
        job = str(uuid.uuid4())
        self.run("SELECT sluice.job_create(%s, %s, %s, %s, %s, %s, %s, false, NULL, '1 h', '0 s')",
                 (job, subject, tenant, json.dumps({"subject": subject, "issuer": "x", "claims": claims}), json.dumps(wanted),
                  hashlib.sha256(job.encode()).digest(), job))
        return job

    def run(self, sql, params=()):
        """The rows, as dicts."""
        connection = self.kept.connect()
        try:
            with connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cursor:
                cursor.execute(sql, params)
                return cursor.fetchall() if cursor.description else None
        finally:
            connection.close()

    def read(self, job):
        (row,) = self.run("SELECT *, lease_until > clock_timestamp() AS is_held FROM sluice.jobs WHERE id = %s", (job,))
        return row

    def notes(self, job):
        return [note["text"] for note in self.read(job)["notes"]]

    def recorded_parts(self, job):
        return {row["n"]: row for row in self.run("SELECT * FROM sluice.job_parts WHERE job = %s", (job,))}

    @contextlib.contextmanager
    def held(self):
        """with bench.held(): nobody gets past a pause, so that what is being made does not end before it is meant to."""
        with contextlib.closing(self.source.connect()) as connection, connection.cursor() as cursor:
            cursor.execute(f"SELECT pg_advisory_lock({HOLD})")
            yield

    def waiting(self):
        """Pids of the sessions that held() keeps from their rows, in the order in which their transactions began."""
        return [pid for pid, in self.source.execute(
            "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'sluice/%' AND wait_event_type = 'Lock'"
            " AND wait_event = 'advisory' AND query LIKE '%\"public\".%' ORDER BY xact_start")]

    def make_due(self, jobs):
        """Those that wait for their next attempt need not wait longer, and workers need not find that out by themselves."""
        self.run("WITH due AS (UPDATE sluice.jobs SET available = clock_timestamp()"
                 " WHERE state = 'queued' AND available > clock_timestamp() AND id = ANY(%s::uuid[]) RETURNING id)"
                 " SELECT pg_notify('sluice_jobs', 'queued') FROM due", (list(jobs),))

    def wait_state(self, job, *states, seconds=30):
        process.wait_until(lambda: self.read(job)["state"] in states, f"{job} is {states}", seconds)
        return self.read(job)

    def wait_ended(self, jobs, seconds=60):
        """Their states, once all have ended; none of them waits for its next attempt longer than it must."""
        def ended():
            self.make_due(jobs)
            return not self.run("SELECT 1 FROM sluice.jobs WHERE id = ANY(%s::uuid[]) AND NOT state = ANY(%s)",
                                (list(jobs), list(ENDED)))
        try:
            process.wait_until(ended, "the jobs' ends", seconds)
        except TimeoutError:
            raise AssertionError(f"stuck: {self.run('SELECT * FROM sluice.jobs WHERE id = ANY(%s::uuid[])', (list(jobs),))}") from None
        return [self.read(job) for job in jobs]

    # ---- what became of them

    def files(self, job):
        """Paths of its files, in order; they are what was recorded."""
        paths = []
        for row in self.run("SELECT * FROM sluice.job_files WHERE job = %s ORDER BY n", (job,)):
            paths.append(os.path.join(self.stage, row["path"]))
            with open(paths[-1], "rb") as f:
                data = f.read()
            assert (len(data), hashlib.sha256(data).hexdigest()) == (row["bytes"], row["sha256"]), row
        return paths

    def check_accounts(self, job):
        """Every account once, and no money made or lost."""
        rows = []
        for path in self.files(job):
            with open(path, encoding="utf-8", newline="") as f:
                rows += [(int(row["id"]), int(row["balance"])) for row in (csv.DictReader(f) if is_csv(path) else map(json.loads, f))]
                f.seek(0)
        twice = [key for key, n in collections.Counter(key for key, _ in rows).items() if n > 1]
        assert not twice, f"twice: {twice[:9]}"
        assert sorted(key for key, _ in rows) == list(range(1, ACCOUNTS + 1))
        assert sum(balance for _, balance in rows) == TOTAL
        told = self.read(job)
        assert told["rows"] == ACCOUNTS, told
        parts = self.recorded_parts(job)
        assert sum(part["rows"] for part in parts.values()) == ACCOUNTS and sorted(parts) == list(range(1, len(parts) + 1)), parts
        assert {part["fence"] for part in parts.values()} == {told["fence"]}, parts

    def litter(self):
        """Files of the stage that no job has recorded."""
        wanted = {row["path"] for row in self.run("SELECT path FROM sluice.job_files")}
        found = {os.path.relpath(os.path.join(folder, name), self.stage)
                 for folder, _, names in os.walk(os.path.join(self.stage, "jobs")) for name in names}
        return found - wanted

    def busy_sessions(self):
        """Sessions of the workers that are in a transaction."""
        return [row for server in {self.source, self.kept} for row in server.execute(
            "SELECT pid, application_name, state, query FROM pg_stat_activity WHERE usename = 'sluice' AND state <> 'idle'"
            " AND backend_type = 'client backend'")]

    def check_quiet(self):
        """Nobody works, and nothing is left of those who did."""
        process.wait_until(lambda: not self.parts(), "no part is made", 10)
        process.wait_until(lambda: not self.busy_sessions(), "no transaction", 10)
        self.check_litter()

    def check_litter(self):
        """A job's end is noted before its folder is cleared up."""
        with contextlib.suppress(TimeoutError):
            process.wait_until(lambda: not self.litter(), "nothing is left lying about", 5)
        assert not self.litter()

    def logs(self):
        return [self.path("log", name) for name in os.listdir(self.path("log"))]

    def close(self):
        self.stop_workers()
        self.reader.check(self, may_die=True)
        for server in {self.source, self.kept}:
            process.wait_until(lambda: not server.sessions(), "the end of the sessions", 10)  # pylint: disable=cell-var-from-loop


def is_csv(path):
    with open(path, "rb") as f:
        return not f.read(1).startswith(b"{")


class Writer:
    """Moves money between accounts until it is stopped, whatever becomes of the server meanwhile."""

    def __init__(self, postgres):
        self.postgres, self.is_stopped, self.moved = postgres, False, 0
        self.thread = threading.Thread(target=self._write, daemon=True)
        self.thread.start()

    def _write(self):
        rng = random.Random(1)
        while not self.is_stopped:
            try:
                connection = psycopg2.connect(self.postgres.conninfo("postgres"))
            except psycopg2.OperationalError:
                time.sleep(0.05)
                continue
            try:
                self._move_all(connection, rng)
            except psycopg2.Error:
                pass
            finally:
                connection.close()

    def _move_all(self, connection, rng):
        with connection.cursor() as cursor:
            while not self.is_stopped:
                giver, taker = sorted(rng.sample(range(1, ACCOUNTS + 1), 2))
                sum_ = rng.randint(-50, 50)
                cursor.execute("UPDATE accounts SET balance = balance - %s WHERE id = %s", (sum_, giver))
                cursor.execute("UPDATE accounts SET balance = balance + %s WHERE id = %s", (sum_, taker))
                connection.commit()
                self.moved += 1
                time.sleep(0.001)

    def stop(self):
        self.is_stopped = True
        self.thread.join(10)


def kill(pid, signum=signal.SIGKILL):
    try:
        os.kill(pid, signum)
    except ProcessLookupError:
        pass


@pytest.fixture(scope="session")
def bank_servers(top):
    """One that keeps rows, and may keep jobs, and one that keeps jobs alone. Tests may kill them; they run when one begins."""
    made = []
    for name in ("bank", "kept"):
        os.mkdir(os.path.join(top, name))
        made.append(Postgres(os.path.join(top, name), 20))
    made[0].execute(TABLES)
    yield made
    for server in made:
        server.stop()


@pytest.fixture(scope="session")
def benches(top, prefix, issuer, bank_servers):
    """"together": one database for rows and jobs; "apart": two."""
    made = {}
    for name, kept in (("together", bank_servers[0]), ("apart", bank_servers[1])):
        os.mkdir(os.path.join(top, f"jobs-{name}"))
        made[name] = Bench(os.path.join(top, f"jobs-{name}"), prefix, issuer, bank_servers[0], kept)
    return made


@pytest.fixture
def bench(benches):
    """Rows in one database and jobs in another, without a worker."""
    yield benches["apart"]
    benches["apart"].configure({})
    benches["apart"].close()


@pytest.fixture
def writer(bank_servers):
    made = Writer(bank_servers[0])
    yield made
    made.stop()

"""Sites that can be made to fail: tables that break at a known row, a database behind a relay, limits that are
soon reached. A pytest plugin: conftest.py names it."""

import hashlib
import json
import os
import signal

import pytest

from . import config, process, site as sites
from .client import curl
from .postgres import Postgres
from .relay import Relay

ROWS = 200000
FEW = 3000
PAUSE = 20000  # the row before which `pausing` sleeps
EARLY, LATE = 100, 100000  # the rows that `broken_early` and `broken_late` cannot compute
STAGE = 16 << 20  # bytes: what one body may weigh
TIMEOUT = 0.7  # seconds: of a statement in the database `timed`

# Each has the same rows as `numbers`, up to where it fails.
VIEW = """
CREATE VIEW fault.{name} AS SELECT id, CASE WHEN id = {row} THEN ({event})::text ELSE md5(id::text) END AS filler
    FROM (SELECT generate_series(1, {rows}) AS id) AS made_one_by_one;
"""

VIEWS = {
    "numbers": (0, "0", ROWS),
    "few": (0, "0", FEW),
    "broken_early": (EARLY, f"1 / ({EARLY} - id)", 2 * EARLY),
    "broken_late": (LATE, f"1 / ({LATE} - id)", ROWS),
    "pausing": (PAUSE, "pg_sleep(60)", ROWS),
    "waiting": (1, "pg_sleep(60)", ROWS),
    "endless": (0, "0", 10**12),
}

SORTING = """
CREATE VIEW fault.sorting AS SELECT id, md5(id::text) AS filler
    FROM (SELECT generate_series(1, 20000000) AS id) AS made_one_by_one ORDER BY md5(id::text);
"""

# Key in the configuration: database and view. The rest is in the database `main`, under the view's own name.
ELSEWHERE = {
    "timed_pausing": ("timed", "pausing"),
    "timed_waiting": ("timed", "waiting"),
    "relayed": ("relayed", "few"),
    "relayed_plain": ("relayed_plain", "few"),
    "plain_pausing": ("plain", "pausing"),
    "plain_waiting": ("plain", "waiting"),
    "plain_broken_late": ("plain", "broken_late"),
}


def create_views(postgres):
    views = "".join(VIEW.format(name=name, row=row, event=event, rows=rows)
                    for name, (row, event, rows) in VIEWS.items())
    postgres.execute("CREATE SCHEMA fault;" + views + SORTING +
                     "GRANT USAGE ON SCHEMA fault TO sluice; GRANT SELECT ON ALL TABLES IN SCHEMA fault TO sluice")


def settings(postgres, relay):
    direct = postgres.conninfo()
    relayed = f"host=127.0.0.1 port={relay.port} user=sluice dbname={postgres.database} sslmode=disable"
    tables = {name: {"database": "main", "name": f"fault.{name}"} for name in (*VIEWS, "sorting")}
    tables |= {key: {"database": database, "name": f"fault.{view}"}
               for key, (database, view) in ELSEWHERE.items()}
    tables["sorting"]["primary_key"] = "id"
    return {
        "databases": {
            "timed": {"conninfo": direct, "statement_timeout": f"{int(TIMEOUT * 1000)}ms"},
            "plain": {"conninfo": direct, "wire": "plain"},
            "relayed": {"conninfo": relayed},
            "relayed_plain": {"conninfo": relayed, "wire": "plain"},
        },
        "tables": {**{name: {"database": "main"} for name in config.TABLES}, **tables},
        # Nobody is slow before a test says so.
        "stage": {"max_bytes": STAGE, "slow_after": "1h"},
    }


def rows_url(site, table, suffix="csv", **params):
    query = "&".join(f"{name}={value}" for name, value in params.items())
    return f"{site.url}/api/v1/tables/{table}/rows.{suffix}{'?' if query else ''}{query}"


class Numbers:
    """The right bytes of `numbers`, and of every view before it fails."""

    def __init__(self):
        self.lines, self.csv_bytes = 0, b"id,filler\r\n"

    def grow(self, rows):
        if rows > self.lines:
            more = (f"{i},{hashlib.md5(str(i).encode()).hexdigest()}\r\n"
                    for i in range(self.lines + 1, rows + 1))
            self.csv_bytes += "".join(more).encode()
            self.lines = rows

    def csv(self, rows=ROWS):
        """The first so many rows."""
        self.grow(rows)
        return b"".join(line + b"\n" for line in self.csv_bytes.split(b"\n", rows + 1)[:rows + 1])

    def has_prefix(self, body):
        """Is it how an export of numbers begins?"""
        while len(self.csv_bytes) < len(body):
            self.grow(self.lines + 100000)
        return self.csv_bytes.startswith(body)


def log_records(site):
    with open(site.path("log", "sluice.log"), encoding="utf-8") as f:
        return [json.loads(line) for line in f if line.endswith("\n")]  # the last may be half written


def log_of(site, export_id):
    """The line of a request, written when its answer has been sent."""
    found = []

    def written():
        found[:] = [record for record in log_records(site) if record.get("id") == export_id]
        return found
    process.wait_until(written, f"a log line about {export_id}")
    return found[-1]


def outcome(site, token, export_id):
    return curl(f"{site.url}/api/v1/exports/{export_id}", token)


def ended(site, token, export_id, seconds=20):
    """The outcome of an export that is no longer running."""
    found = []

    def is_over():
        answer = outcome(site, token, export_id)
        assert (answer.exit, answer.status) == (0, 200), answer
        found[:] = [answer.json()]
        return found[0]["state"] != "running"
    process.wait_until(is_over, f"the end of {export_id}", seconds)
    return found[0]


def check_problem(answer, status):
    """A whole answer that says what went wrong, and nothing of where."""
    assert (answer.exit, answer.status) == (0, status), (answer.exit, answer.status, answer.body[:300])
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status and problem["title"] and problem["detail"]
    assert problem["type"].startswith("urn:sluice:problem:")
    for secret in (b"fault.", b"SELECT", b"pg_", b"/tmp/", b"127.0.0.1"):
        assert secret not in answer.body


def check_failed(site, token, answer, status, numbers, is_begun=True):
    """An export that failed, with `status` had there been time to say so: seen to be broken off, or a problem;
    what arrived is right as far as it goes; and its outcome can be asked. is_begun: rows were on their way."""
    if is_begun and site.front != "mod_fcgid":
        assert answer.status == 200 and answer.exit != 0, (answer.exit, answer.status, answer.body[:300])
        assert numbers.has_prefix(answer.body)
    else:
        check_problem(answer, status)
    how = ended(site, token, answer.headers["sluice-export-id"])
    assert how["state"] == "failed"
    assert how["error"]["status"] == status and how["error"]["title"] and how["error"]["detail"]


def check_same_worker(site, before, after):
    """Two answers of a pool of one, which has not died in between. (mod_fcgid starts another when it has not seen yet
    that the first is free.)"""
    was, now = (log_of(site, answer.headers["sluice-export-id"])["pid"] for answer in (before, after))
    assert now == was or (site.front == "mod_fcgid" and process.is_there(was))


def begun(site, url, token):
    """The answer of one that was cut by a clock, and not before its first rows were on their way, where rows are sent
    as they come; the clock may be faster than the machine."""
    for _ in range(10):
        answer = curl(url, token)
        if answer.status == 200 or site.front == "mod_fcgid":
            break
    return answer


def check_good(site, token, numbers, after=None):
    """A good export; after: the answer that it follows, by the same worker."""
    good = curl(rows_url(site, "few"), token)
    assert (good.exit, good.status, good.body) == (0, 200, numbers.csv(FEW))
    if after:
        check_same_worker(site, after, good)


def queries(postgres, table, states="'active', 'idle in transaction'"):
    """The pids of the sessions of Sluice's that are at work on a view. (Between the preparation of a statement and its
    execution a session is idle in its transaction for a moment.)"""
    return [pid for pid, in postgres.execute(
        f"SELECT pid FROM pg_stat_activity WHERE usename = 'sluice' AND state IN ({states})"
        f" AND query LIKE '%\"fault\".\"{table}\"%'")]


def terminate(postgres, table):
    """As an administrator does."""
    for pid in queries(postgres, table):
        postgres.execute(f"SELECT pg_terminate_backend({pid})")


def running_id(postgres, table):
    """The id of the one export that is at work on a view: its session is named after it."""
    (pid,) = queries(postgres, table)
    ((name,),) = postgres.execute(f"SELECT application_name FROM pg_stat_activity WHERE pid = {pid}")
    return name.removeprefix("sluice/")


def leave(pid):
    """Ask an idle worker to leave, and wait until it has."""
    os.kill(pid, signal.SIGTERM)
    process.wait_until(lambda: not process.is_there(pid), f"the end of worker {pid}")


def wait_query(postgres, table):
    process.wait_until(lambda: queries(postgres, table), f"a query on {table}")


def check_query_gone(postgres, table, seconds=2):
    process.wait_until(lambda: not queries(postgres, table, "'active'"), f"the end of the query on {table}", seconds)


def is_sanitized(prefix):
    """Whether memory is what it is in production."""
    with open(os.path.join(prefix, "libexec", "sluice", "sluice.fcgi"), "rb") as f:
        return b"__asan_init" in f.read()


@pytest.fixture(scope="session")
def numbers():
    return Numbers()


@pytest.fixture(scope="session")
def relay(postgres):
    made = Relay(os.path.join(postgres.host, f".s.PGSQL.{postgres.port}"))
    yield made
    made.stop()


@pytest.fixture(scope="session")
def fault_settings(postgres, relay):
    create_views(postgres)
    return settings(postgres, relay)


@pytest.fixture(scope="session")
def fault_sites(fleet, fault_settings):
    made = {}

    def of(front):
        if front not in made:
            made[front] = fleet.start(front=front, settings=fault_settings, workers=(1, 1))
        return made[front]
    return of


@pytest.fixture
def fault_site(fault_sites, front):
    """Behind each web server in turn, with a single worker for streams."""
    return fault_sites(front)


@pytest.fixture
def streaming_site(fault_sites, streaming_front):
    """The same behind the web servers that pass rows on as they come."""
    return fault_sites(streaming_front)


@pytest.fixture(params=[front for front in sites.FRONTS if front != "mod_fcgid"])
def streaming_front(request):
    return request.param


@pytest.fixture(scope="session")
def spare_postgres(top):
    """One that tests may stop and start; it runs whenever a test begins."""
    path = os.path.join(top, "spare")
    os.mkdir(path)
    server = Postgres(path, 20)
    create_views(server)
    yield server
    server.stop()

"""What the bench starts: a private PostgreSQL with its tables in memory, tokens, and a Node server as a peer.
Sluice and nginx come from the end-to-end tests' Site."""

import functools
import json
import os
import shutil
import subprocess
import time

import jwt

from harness import client, process
from harness.config import AUDIENCE, ISSUER
from harness.postgres import SOURCE, Postgres

from . import machine

GIB = 2**30

# Laid over those of the end-to-end tests (no fsync, a minimal WAL). Parallelism is as PostgreSQL comes; statistics
# and hint bits are made once, after loading; then nothing works in the background.
SETTINGS = """
shared_buffers = '{shared_mib}MB'
random_page_cost = 1.1
jit = off
max_parallel_workers_per_gather = 2
autovacuum = off
checkpoint_timeout = '1h'
max_wal_size = '32GB'
timezone = 'UTC'
"""

WIDE = """
CREATE UNLOGGED TABLE {name} AS
    SELECT i AS id, 'row ' || i AS name, i * 7919 % 1000 AS part, date '2020-01-01' + (i % 2000)::int AS day,
        (i % 100000)::numeric(12,2) AS amount
    FROM generate_series(1::bigint, {rows}) AS i;
"""


def run_group(name, command, log, env=None, seconds=None):
    """The exit status of a command that starts others, its output in a file; they all end with it, also when it is
    given up. subprocess.TimeoutExpired after so many seconds."""
    group = process.Process(name, command, log, env, os.path.dirname(log))
    try:
        return group.popen.wait(seconds)
    finally:
        group.stop()


class Database(Postgres):
    """The end-to-end tests' server, with PostgreSQL's own parallelism and enough memory for the tables."""

    def __init__(self, top, rows):
        self.shared = min(2 * GIB, machine.memory_total() // 4)
        super().__init__(top, rows, SETTINGS.format(shared_mib=self.shared // 2**20))
        self.execute("CREATE EXTENSION pg_prewarm; CHECKPOINT")

    def add_table(self, name, create):
        """create: SQL that makes the table `name`, readable for Sluice afterwards."""
        self.execute(create)
        self.execute(f"VACUUM (FREEZE, ANALYZE) {name}")
        self.execute(f"GRANT SELECT ON {name} TO sluice")

    def add_wide(self, name, rows):
        self.add_table(name, WIDE.format(name=name, rows=rows))

    def prewarm(self, table):
        self.execute(f"SELECT pg_prewarm('{table}')")

    def size(self, table):
        """Bytes of its rows."""
        return self.execute(f"SELECT pg_relation_size('{table}')")[0][0]

    def version(self):
        return self.execute("SHOW server_version")[0][0].split()[0]

    def environment(self):
        """For libpq's programs, and for Node's pg."""
        return {"PGHOST": self.host, "PGPORT": str(self.port), "PGUSER": "postgres", "PGDATABASE": self.database,
                "PGTZ": "UTC"}

    def busy(self):
        """Sluice's sessions that run a query."""
        return sum(state != "idle" for _, state, _ in self.sessions())

    def wait_quiet(self):
        process.wait_until(lambda: self.busy() == 0, "no export runs", 30)


class Issuer:
    """Tokens by etc/token. Has the face of the end-to-end tests' issuer."""

    def __init__(self, top):
        self.top = top
        self._token("key", top)
        self.value = self._token("sign", top, "--iss", ISSUER, "--aud", AUDIENCE, "--sub", "bench",
                                 "--roles", "exporter", "--days", "2")

    @staticmethod
    def _token(*args):
        return subprocess.run([os.path.join(SOURCE, "etc", "token"), *args], stdout=subprocess.PIPE, text=True,
                              check=True).stdout.strip()

    def tenant(self, name):
        """A token of an analyst of that tenant."""
        with open(os.path.join(self.top, "jwks.json"), encoding="utf-8") as f:
            kid = json.load(f)["keys"][0]["kid"]
        with open(os.path.join(self.top, "signing.pem"), encoding="utf-8") as f:
            key = f.read()
        now = int(time.time())
        return jwt.encode({"iss": ISSUER, "aud": AUDIENCE, "sub": f"analyst of {name}", "tenant_id": name,
                           "roles": ["viewer"], "iat": now, "nbf": now, "exp": now + 2 * 86400}, key, "RS256",
                          {"kid": kid})

    def write_jwks(self, path):
        shutil.copy(os.path.join(self.top, "jwks.json"), path)


class Node:
    """server.mjs, where node and npm can be had. `why` says why it cannot, else it is None."""

    def __init__(self, top, database, processes=1):
        self.server, self.port = None, process.free_port()
        self.why = self._install(top)
        if self.why:
            return
        env = {**database.environment(), "PORT": str(self.port), "PROCESSES": str(processes)}
        self.server = process.Process("node", ["node", os.path.join(top, "server.mjs")],
                                      os.path.join(top, "log"), env)
        try:
            self.server.wait_ready(functools.partial(process.accepts, ("127.0.0.1", self.port)))
        except BaseException:
            self.stop()
            raise

    @staticmethod
    def _install(top):
        if not shutil.which("node") or not shutil.which("npm"):
            return "node and npm are not installed"
        source = os.path.join(SOURCE, "tests", "bench", "node")
        for name in os.listdir(source):
            shutil.copy(os.path.join(source, name), top)
        # A registry that cannot be reached is given up soon.
        command = ["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error", "--fetch-retries=1",
                   "--fetch-timeout=20000"]
        log = os.path.join(top, "npm.log")
        try:
            failed = run_group("npm", command, log, seconds=180)
        except subprocess.TimeoutExpired:
            return "npm ci took longer than 180 s"
        return f"npm ci failed: {reason(log)}" if failed else None

    def url(self, table):
        return f"http://127.0.0.1:{self.port}/{table}.csv"

    def stop(self):
        if self.server:
            self.server.stop()
            self.server = None


def reason(log):
    """The line of npm's that names the error."""
    with open(log, encoding="utf-8", errors="replace") as f:
        lines = f.read().splitlines()
    return next((line for line in lines if " code " in line), "see npm ci")


def curl(url, token=None, options=()):
    """The command line of a download that throws the body away, and fails when it breaks off."""
    return client.command(url, token, options=["-f", "-o", "/dev/null", *options])

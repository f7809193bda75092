"""A private PostgreSQL: unix socket, and TCP with TLS on 127.0.0.1; ended and forgotten with the tests."""

import contextlib
import glob
import os
import shutil
import signal
import subprocess

import psycopg2

from . import process

SOURCE = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
PASSWORD = "correct-horse-battery-staple"

# The time zone is one that nobody would take for UTC.
SETTINGS = """
fsync = off
full_page_writes = off
synchronous_commit = off
wal_level = minimal
max_wal_senders = 0
max_connections = 200
max_parallel_workers_per_gather = 0
synchronize_seqscans = off
log_min_messages = warning
timezone = 'Europe/Vilnius'
ssl = on
ssl_cert_file = 'server.crt'
ssl_key_file = 'server.key'
"""

# Whoever can reach the socket in the tests' own directory is one of the tests; TCP asks for TLS and a password.
HBA = """
local all all trust
hostssl all all 127.0.0.1/32 scram-sha-256
"""

# Tables that no sample has: one without an end, one that takes its time, one without rows, one that is not
# in the configuration.
TABLES = """
CREATE VIEW endless AS SELECT id, md5(id::text) AS filler
    FROM (SELECT generate_series(1, 1000000000000) AS id) AS made_one_by_one;
CREATE VIEW slow AS SELECT id, pg_sleep(0.05)::text AS filler
    FROM (SELECT generate_series(1, 1000) AS id) AS made_one_by_one;
CREATE TABLE empty (id int PRIMARY KEY, name text);
CREATE TABLE unlisted AS SELECT 'nobody may see this' AS secret;
"""


def bindir():
    """Of the newest PostgreSQL there is."""
    found = glob.glob("/usr/lib/postgresql/*/bin/initdb")
    if not found:
        raise FileNotFoundError("no PostgreSQL under /usr/lib/postgresql")
    return os.path.dirname(max(found, key=lambda path: float(path.split("/")[4])))


class Postgres:
    database = "sluice"

    def __init__(self, top, rows, settings=""):
        """top: an empty directory of its own. rows: of the sample tables. settings: lines of postgresql.conf that
        come after those of every test."""
        self.user = process.user_or_self("postgres")
        self.data = os.path.join(top, "data")
        self.host = top
        self.port = process.free_port()
        self.server = None
        process.give(top, self.user)
        self._run([os.path.join(bindir(), "initdb"), "-D", self.data, "-U", "postgres", "-E", "UTF8",
                   "--locale=C", "--auth=trust", "--no-sync"])
        self._certificate()
        self._append("postgresql.conf", SETTINGS + settings + f"\nlisten_addresses = '127.0.0.1'\nport = {self.port}\n"
                     f"unix_socket_directories = '{top}'\n")
        self._append("pg_hba.conf", HBA, mode="w")
        try:
            self.start()
            self.execute(f"CREATE ROLE sluice LOGIN PASSWORD '{PASSWORD}'", dbname="postgres")
            self.execute("CREATE DATABASE sluice", dbname="postgres")
            self.psql("-v", f"rows={rows}", "-f", os.path.join(SOURCE, "etc", "sample.sql"))
            self.execute(TABLES)
            self.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO sluice;"
                         "GRANT CREATE ON DATABASE sluice TO sluice")
        except BaseException:
            self.stop()
            raise

    def _run(self, command):
        done = subprocess.run(process.as_user(self.user, command), cwd="/", capture_output=True,
                              text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{command[0]} failed:\n{done.stdout}{done.stderr}")

    def _append(self, name, text, mode="a"):
        with open(os.path.join(self.data, name), mode, encoding="utf-8") as f:
            f.write(text)

    def _certificate(self):
        """An authority, and the server's certificate signed by it."""
        make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
        ca = [f"{self.data}/ca.crt", f"{self.data}/ca.key"]
        self._run([*make, "-subj", "/CN=Tests", "-out", ca[0], "-keyout", ca[1]])
        self._run([*make, "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost",
                   "-CA", ca[0], "-CAkey", ca[1], "-keyout", f"{self.data}/server.key",
                   "-out", f"{self.data}/server.crt"])
        # Where everybody may read it; the data directory is closed.
        shutil.copyfile(ca[0], f"{self.host}/ca.crt")

    def start(self):
        command = [os.path.join(bindir(), "postgres"), "-D", self.data]
        self.server = process.Process("postgres", process.as_user(self.user, command),
                                      os.path.join(self.host, "log"))
        self.server.wait_ready(self._answers, 60)

    def _answers(self):
        try:
            self.connect(dbname="postgres").close()
        except psycopg2.OperationalError:
            return False
        return True

    def stop(self, signum=signal.SIGINT):
        """SIGINT is PostgreSQL's fast shutdown: sessions are ended, not waited for. SIGQUIT is the immediate one."""
        if self.server:
            self.server.stop(signum, 60)
            self.server = None

    def kill(self):
        """As if the machine had lost it: all of its processes at once. The first is stopped before, so that it makes no more of
        them meanwhile; some may end by themselves."""
        os.kill(self.server.pid, signal.SIGSTOP)
        process.wait_until(lambda: process.is_stopped(self.server.pid), "the first of its processes is stopped")
        pids = [*process.children(self.server.pid), self.server.pid]
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.server.popen.wait()
        self.server = None
        process.wait_until(lambda: not any(map(process.is_there, pids)), "the end of its processes", 10)

    def conninfo(self, user="sluice", dbname=database):
        return f"host={self.host} port={self.port} user={user} dbname={dbname}"

    def conninfo_tls(self, dbname=database):
        return (f"host=127.0.0.1 port={self.port} user=sluice password={PASSWORD} dbname={dbname} "
                f"sslmode=verify-full sslrootcert={self.host}/ca.crt")

    def connect(self, user="postgres", dbname=database):
        connection = psycopg2.connect(self.conninfo(user, dbname))
        connection.autocommit = True
        return connection

    def execute(self, sql, dbname=database):
        connection = self.connect(dbname=dbname)
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql)
                return cursor.fetchall() if cursor.description else None
        finally:
            connection.close()

    def psql(self, *args):
        """psql's standard output, bytes."""
        command = ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", *args]
        env = {**os.environ, "PGHOST": self.host, "PGPORT": str(self.port), "PGUSER": "postgres",
               "PGDATABASE": self.database, "PGTZ": "UTC"}
        return subprocess.run(command, env=env, stdout=subprocess.PIPE, check=True).stdout

    def sessions(self):
        """Sluice's: (application_name, state, query) of each."""
        return self.execute("SELECT application_name, state, query FROM pg_stat_activity"
                            " WHERE usename = 'sluice' AND backend_type = 'client backend'")

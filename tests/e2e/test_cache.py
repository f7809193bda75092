"""The cache of answers: first in the metadata database and by itself (lib/job/cache_database.c), what it keeps, and that whatever
happens to the server is a miss and no more; in Redis tests/unit/test_cache.c asks the same. Then behind queries, in both.

By itself the calls come from tests/unit/cache_tool.c, each tool a process with a connection of its own.
"""

import contextlib
import os
import random
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from harness import config, process
from harness.query import ask
from harness.redis import Redis

ROOT = Path(__file__).resolve().parents[2]
KEY, OTHER = "0123456789abcdef" * 4, "f" * 64
MOST_BYTES, MOST_ANSWERS = 64 << 20, 1000  # that all may keep together, here
WAIT_MS = 2000  # that a call may take, here: longer than a busy machine lets a process stand still
DOWN = 5  # seconds without a call after one that failed (lib/job/cache.c)
QUIET = 60  # seconds between two lines about that


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """The tool with sanitizers, with a small limit, and with patience."""
    folder = tmp_path_factory.mktemp("cache_tool")
    (folder / "config.h").touch()
    libpq = subprocess.run(["pkg-config", "--cflags", "libpq"], capture_output=True, text=True, check=True).stdout.split()
    subprocess.run(
        ["cc", "-std=gnu17", "-D_GNU_SOURCE", "-g", "-fsanitize=address,undefined", f'-DCACHE_DATABASE_BYTES="{MOST_BYTES}"',
         f'-DCACHE_DATABASE_ANSWERS="{MOST_ANSWERS}"', f"-DCACHE_WAIT_MS={WAIT_MS}",
         f"-I{ROOT}", f"-I{folder}", *libpq, "-o", folder / "cache_tool", ROOT / "tests/unit/cache_tool.c",
         *ROOT.glob("lib/base/*.c"), *ROOT.glob("lib/job/cache*.c"), ROOT / "lib/job/metadata.c",
         ROOT / "lib/source/postgres_connect.c", "-lpq", "-ljson-c", "-lcrypto", "-lz"], check=True)
    return folder / "cache_tool"


class Database:
    """A metadata database of this file's own."""

    def __init__(self, postgres, conf, log):
        self.postgres, self.conf, self.log = postgres, conf, log

    def execute(self, sql):
        return self.postgres.execute(sql, dbname="cached")

    def backends(self):
        return [pid for pid, in self.execute("SELECT pid FROM pg_stat_activity WHERE datname = 'cached' AND usename = 'sluice'")]

    def said(self):
        return Path(self.log).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def migrated(top, prefix, postgres):
    folder = os.path.join(top, "cached")
    os.mkdir(folder)
    postgres.execute("CREATE DATABASE cached", dbname="postgres")
    postgres.execute("GRANT CREATE ON DATABASE cached TO sluice", dbname="postgres")
    conf = os.path.join(folder, "sluice.conf")
    config.write(conf, {**config.default(folder, postgres), "metadata": {"database": "kept"},
                        "databases": {"kept": {"conninfo": postgres.conninfo(dbname="cached")}}})
    subprocess.run([os.path.join(prefix, "bin", "sluice"), "-c", conf, "migrate"], check=True, stdout=subprocess.DEVNULL,
                   env={**os.environ, "SLUICE_SCHEMA_DIR": os.path.join(prefix, "share", "sluice", "schema")})
    yield Database(postgres, conf, os.path.join(folder, "tool.log"))
    process.wait_until(lambda: not postgres.execute("SELECT FROM pg_stat_activity WHERE datname = 'cached'", dbname="postgres"),
                       "the end of the sessions")
    postgres.execute("DROP DATABASE cached", dbname="postgres")


@pytest.fixture
def db(migrated):
    migrated.execute("TRUNCATE sluice.cache")
    Path(migrated.log).write_text("", encoding="utf-8")
    return migrated


class Tool:
    def __init__(self, program, db):
        with open(db.log, "ab") as log:
            self.running = subprocess.Popen([program, db.conf], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                                            text=True)

    def ask(self, *words):
        self.running.stdin.write(" ".join(words) + "\n")
        self.running.stdin.flush()
        return self.running.stdout.readline().rstrip("\n")

    def put(self, key, value=b"value"):
        assert self.ask("put", key, value.hex()) == "put"

    def get(self, key):
        answer = self.ask("get", key)
        return None if answer == "miss" else bytes.fromhex(answer.removeprefix("hit "))

    def stop(self):
        self.running.stdin.close()
        self.running.stdout.close()
        assert self.running.wait(20 * process.PATIENCE) == 0


@pytest.fixture
def start(program, db):
    tools = []

    def start():
        tools.append(Tool(program, db))
        return tools[-1]
    yield start
    for tool in tools:
        tool.stop()


@pytest.fixture
def tool(start):
    return start()


# ---- what is kept

@pytest.mark.parametrize("value", [
    b"", b"v", b"\0a\0", bytes(range(256)) * 100, b"\\x00", random.Random(1).randbytes(4 << 20)], ids=len)
def test_what_one_process_puts_another_gets(start, db, value):
    one, two = start(), start()
    assert two.get(KEY) is None
    one.put(KEY, b"before")
    one.put(KEY, value)
    assert two.get(KEY) == one.get(KEY) == value
    assert two.get(OTHER) is None
    assert db.execute("SELECT key, octet_length(value) FROM sluice.cache") == [(KEY, len(value))]
    assert db.said() == ""


def test_an_answer_is_kept_for_a_time(tool, db):
    tool.put(KEY)
    assert db.execute("SELECT expires - now() BETWEEN '9 min' AND '10 min' FROM sluice.cache") == [(True,)]
    db.execute("UPDATE sluice.cache SET expires = now()")
    assert tool.get(KEY) is None
    tool.put(KEY, b"again")
    assert tool.get(KEY) == b"again"
    tool.put(OTHER, b"x" * ((4 << 20) + 1))
    assert tool.get(OTHER) is None and db.said() == ""


def test_what_has_expired_is_deleted_bit_by_bit(tool, db):
    db.execute("INSERT INTO sluice.cache SELECT encode(sha256(n::text::bytea), 'hex'), 'v', now() FROM generate_series(1, 50) AS n")
    for _ in range(32):
        tool.put(KEY)
    assert db.execute("SELECT count(*) FROM sluice.cache") == [(1,)]


@pytest.mark.parametrize("n, size", [(MOST_BYTES >> 20, 1 << 20), (MOST_ANSWERS, 1)])
def test_nothing_is_added_to_what_is_too_much(start, db, n, size):
    db.execute(f"INSERT INTO sluice.cache SELECT encode(sha256(n::text::bytea), 'hex'), decode(repeat('00', {size}), 'hex'),"
               f" now() + '1 h' FROM generate_series(1, {n}) AS n")
    tool = start()
    tool.put(KEY)
    assert tool.get(KEY) == b"value"
    tool = start()
    tool.put(OTHER)
    assert tool.get(OTHER) is None and tool.get(KEY) == b"value"
    assert db.said().count("sluice.cache holds all that it may") == 1
    # What has expired counts no longer once it has been deleted, and that goes on.
    db.execute(f"UPDATE sluice.cache SET expires = now() WHERE key <> '{KEY}'")
    for _ in range(32):
        tool.put(OTHER)
    assert tool.get(OTHER) == b"value"


# ---- what happens to the server

def after_the_pause(tool, key, since):
    """Nothing is asked at first, though the server would answer; then it is. since: before the call that waited in vain."""
    process.wait_until(lambda: tool.get(key), "another try")
    assert time.monotonic() - since > DOWN + 0.9 * WAIT_MS / 1000


@contextlib.contextmanager
def locked(db):
    connection = db.postgres.connect(dbname="cached")
    connection.autocommit = False
    with connection.cursor() as cursor:
        cursor.execute("LOCK TABLE sluice.cache")
    yield
    connection.close()


def test_a_statement_that_waits_is_given_up(start, db):
    reader, writer = start(), start()
    reader.put(KEY)
    writer.put(KEY)
    since = time.monotonic()
    with locked(db):
        assert reader.get(KEY) is None
        writer.put(OTHER)
    after_the_pause(reader, KEY, since)
    assert db.said().count("the cache is down") == 2


@contextlib.contextmanager
def stopped(pids):
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def test_a_server_that_hangs_is_given_up(start, db):
    """Before it has read what it is sent, too."""
    reader, writer = start(), start()
    reader.put(KEY)
    assert writer.get(KEY) == b"value"
    assert len(db.backends()) == 2
    since = time.monotonic()
    with stopped(db.backends()):
        assert reader.get(KEY) is None
        writer.put(OTHER, b"x" * (4 << 20))
    after_the_pause(reader, KEY, since)
    assert db.said().count("the cache is down") == 2


def test_a_server_that_does_not_let_anybody_in_is_given_up(start, db):
    tool = start()
    with stopped([int(Path(db.postgres.data, "postmaster.pid").read_text(encoding="ascii").split()[0])]):
        assert tool.get(KEY) is None
    assert db.said().count("the cache is down") == 1


def test_a_session_that_was_ended_is_begun_again(tool, db):
    tool.put(KEY)
    db.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'cached' AND usename = 'sluice'")
    process.wait_until(lambda: not db.backends(), "its end")
    assert tool.get(KEY) == b"value"
    assert len(db.backends()) == 1 and db.said() == ""


def test_a_schema_that_was_not_migrated_is_a_miss(tool, db):
    db.execute("ALTER TABLE sluice.cache RENAME TO other")
    try:
        assert tool.get(KEY) is None
        tool.put(KEY)
        assert db.said().count("the cache is down") == 1
    finally:
        db.execute("ALTER TABLE sluice.other RENAME TO cache")


# ---- behind queries

DEFINITION = {"from": "users", "select": ["user_id", "email"], "sort": [{"column": "user_id"}], "page": {"limit": 50}}


@pytest.fixture
def redis(tmp_path_factory, top):
    path = os.path.join(top, f"redis{time.monotonic_ns()}")
    os.mkdir(path)
    server = Redis(path)
    yield server
    server.stop()


def is_hit(site, token, definition=None):
    """Whether it was answered from the cache; it must be answered, and well."""
    answer = ask(site, token, definition or DEFINITION)
    assert answer.status == 200, answer.body
    assert [row["user_id"] for row in answer.json()["rows"]] == list(range(1, (definition or DEFINITION)["page"]["limit"] + 1))
    return re.search(r"cache;desc=(\w+)", answer.headers["server-timing"])[1] == "hit"


def wait_for_hit(site, token, definition=None):
    """A worker that had no answer in time does without the cache for a while."""
    process.wait_until(lambda: is_hit(site, token, definition), "an answer from the cache")


def keys_in(place, postgres):
    if isinstance(place, Redis):
        return place.cli("KEYS", "*").split()
    return [key for key, in postgres.execute("SELECT 'sluice:q:' || key FROM sluice.cache")]


@pytest.fixture(params=("redis", "database"))
def place(request):
    return request.getfixturevalue("redis") if request.param == "redis" else None


def test_an_answer_is_found_again(make_site, place, token, postgres):
    site = make_site(settings={"cache": {"redis": place.url}} if place else None)
    postgres.execute("TRUNCATE sluice.cache")
    assert keys_in(place, postgres) == [] and not is_hit(site, token)
    wait_for_hit(site, token)
    (key,) = keys_in(place, postgres)
    assert re.fullmatch("sluice:q:[0-9a-f]{64}", key)
    other = {**DEFINITION, "page": {"limit": 49}}
    assert not is_hit(site, token, other)
    wait_for_hit(site, token, other)
    assert len(keys_in(place, postgres)) == 2
    if place:
        assert 0 < int(place.cli("PTTL", key)) <= 600_000
        assert keys_in(None, postgres) == []


@pytest.mark.parametrize("change", ["columns", "primary_key", "joins", "conninfo"])
def test_what_was_kept_is_not_for_another_configuration(make_site, redis, token, postgres, change):
    definition = {"from": "users", "page": {"limit": 5}}
    changes = {"columns": ["user_id", "name"], "primary_key": "email", "joins": ["self:user_id:users"]}
    same = {"cache": {"redis": redis.url}, "secret": {"key": "k" * 40}}
    other = {"databases": {"main": {"conninfo": postgres.conninfo() + " application_name=another"}}} \
        if change == "conninfo" else {"tables": {"users": {change: changes[change]}}}
    for _ in range(2):  # the second is a site as the first: what it asks was kept
        site = make_site(settings=same, workers=(1, 1))
        wait_for_hit(site, token, definition)
    assert redis.cli("DBSIZE") == "1"
    site = make_site(settings=config.merge(same, other), workers=(1, 1))
    answer = ask(site, token, definition)
    assert answer.status == 200 and "cache;desc=miss" in answer.headers["server-timing"]
    if change == "columns":
        assert set(answer.json()["rows"][0]) == {"user_id", "name"}
    process.wait_until(lambda: "cache;desc=hit" in ask(site, token, definition).headers["server-timing"], "an answer of its own")
    assert redis.cli("DBSIZE") == "2"


@pytest.mark.parametrize("settings", [{"keep": "0"}, {"max_bytes": 100}], ids=str)
def test_nothing_is_kept_where_nothing_may_be(make_site, redis, token, settings):
    site = make_site(settings={"cache": {"redis": redis.url, **settings}}, workers=(1, 1))
    assert not any(is_hit(site, token) for _ in range(3))
    assert redis.cli("DBSIZE") == "0"


def test_queries_are_answered_whatever_becomes_of_redis(make_site, redis, token):
    site, began = make_site(settings={"cache": {"redis": redis.url}}, workers=(1, 1)), time.monotonic()
    wait_for_hit(site, token)
    redis.server.popen.send_signal(signal.SIGSTOP)
    try:
        assert not is_hit(site, token)
    finally:
        redis.server.popen.send_signal(signal.SIGCONT)
    wait_for_hit(site, token)
    redis.stop()
    assert not is_hit(site, token)
    assert not is_hit(site, token)
    redis.start()
    wait_for_hit(site, token)
    with open(site.path("log", "sluice.log"), encoding="utf-8") as f:
        assert 1 <= sum("the cache is down" in line for line in f) <= 1 + (time.monotonic() - began) // QUIET


def test_a_place_that_cannot_be_understood_ends_the_responder(nginx_site, tmp_path):
    path = tmp_path / "sluice.conf"
    config.write(path, config.merge(nginx_site.settings, {
        "cache": {"redis": "redis://:open-sesame@"}, "state": {"dir": str(tmp_path)}, "log": None}))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "sock"))
        listener.listen()
        done = subprocess.run([nginx_site.program], stdin=listener, capture_output=True, text=True, timeout=60,
                              env={**os.environ, "SLUICE_CONFIG": path}, check=False)
    assert done.returncode == 78 and "cache.redis: must be" in done.stderr and "sesame" not in done.stderr
    done = subprocess.run([os.path.join(nginx_site.prefix, "bin", "sluice"), "-c", path, "config"],
                          capture_output=True, text=True, check=True)
    assert '"redis"' in done.stdout and "sesame" not in done.stdout

"""Pages (lib/query/page.h) against a real PostgreSQL: whatever the keys and their distribution, the pages of one token
hold every row once, also while rows come, change and go between two of them.

The statements, tokens and conditions come from tests/unit/page_tool.c, which speaks JSON lines.
SLUICE_SEED picks other random values than the usual ones.
"""

import json
import os
import random
import signal
import subprocess
import tempfile
import uuid
from pathlib import Path

import psycopg2
import pytest

from harness import process
from harness.postgres import bindir

# They try the SQL, not the build: the tool has its sanitizers always.
pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
SEED = os.environ.get("SLUICE_SEED", "1")
TOTALS = (1, 2, 3, 7, 10, 500)


# ---- the two processes: PostgreSQL and the tool


def make_locales(folder):
    """glibc's locales for this server alone; the names of those that could be made."""
    folder.mkdir()
    made = []
    for name in ("en_US", "cs_CZ"):
        done = subprocess.run(
            ["localedef", "--no-archive", "-i", name, "-f", "UTF-8", folder / f"{name}.utf8"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        if done.returncode == 0:
            made.append(f"{name}.utf8")
    return made


@pytest.fixture(scope="module")
def db():
    """A server of this file's own, since it has locales that the machine need not have."""
    with tempfile.TemporaryDirectory(prefix="slp-", dir="/tmp") as folder:
        locales = make_locales(Path(folder) / "locale")
        user = process.user_or_self("postgres")
        process.give(folder, user)
        subprocess.run(process.as_user(user, [
            os.path.join(bindir(), "initdb"), "-D", f"{folder}/data", "-U", "postgres", "-A", "trust", "-E", "UTF8",
            "--locale=C", "--no-sync"]), cwd="/", stdout=subprocess.DEVNULL, check=True)
        server = process.Process("postgres", process.as_user(user, [
            os.path.join(bindir(), "postgres"), "-D", f"{folder}/data", "-k", folder,
            *(word for setting in ("listen_addresses=", "fsync=off", "autovacuum=off") for word in ("-c", setting))]),
            f"{folder}/log", env={"LOCPATH": f"{folder}/locale"})
        try:
            server.wait_ready(lambda: connects(folder), 60)
            connection = connect(folder)
            make_collations(connection, locales)
            yield Database(connection)
            connection.close()
        finally:
            server.stop(signal.SIGINT)


@pytest.fixture(scope="module")
def tool():
    """ask(request) of a running page_tool, built for this."""
    with tempfile.TemporaryDirectory(prefix="slp-", dir="/tmp") as folder:
        program = Path(folder) / "page_tool"
        sources = [*ROOT.glob("lib/base/*.c"), *ROOT.glob("lib/rows/*.c"), *ROOT.glob("lib/query/page*.c")]
        subprocess.run(
            ["cc", "-std=gnu17", "-D_GNU_SOURCE", "-g", "-fsanitize=address,undefined", f"-I{ROOT}", "-o", program,
             ROOT / "tests/unit/page_tool.c", *sources, "-ljson-c", "-lcrypto", "-lz"], check=True)
        with subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
            def ask(request):
                running.stdin.write(json.dumps(request) + "\n")
                running.stdin.flush()
                return json.loads(running.stdout.readline())
            yield ask
            running.stdin.close()
        assert running.returncode == 0


COLLATIONS = {
    "shifted": "provider = icu, locale = 'und-u-ka-shifted'",
    "insensitive": "provider = icu, locale = 'und-u-ks-level2', deterministic = false",
    "danish": "provider = icu, locale = 'da'",
    "en_US.utf8": "locale = 'en_US.utf8'",
    "cs_CZ.utf8": "locale = 'cs_CZ.utf8'",
}


def connect(host):
    connection = psycopg2.connect(host=host, port=5432, user="postgres", dbname="postgres",
                                  options="-c datestyle=ISO -c timezone=UTC")
    connection.autocommit = True
    return connection


def connects(host):
    try:
        connect(host).close()
    except psycopg2.OperationalError:
        return False
    return True


def make_collations(connection, locales):
    with connection.cursor() as cur:
        cur.execute("CREATE EXTENSION citext")
        for name, how in COLLATIONS.items():
            if name in locales or not name.endswith(".utf8"):
                cur.execute(f'CREATE COLLATION "{name}" ({how})')


class Database:
    """Statements with $n parameters, which psycopg2 does not know, by PREPARE and EXECUTE."""

    def __init__(self, connection):
        self.cur = connection.cursor()
        self.prepared = {}

    def run(self, sql, params=()):
        name = self.prepared.get(sql)
        if not name:
            name = self.prepared[sql] = f"p{len(self.prepared)}"
            self.cur.execute(f"PREPARE {name} AS {sql}")
        arguments = self.cur.mogrify("(" + ", ".join(["%s"] * len(params)) + ")", params) if params else b""
        self.cur.execute(b"EXECUTE " + name.encode() + arguments)
        return self.cur.fetchall()

    def do(self, sql, params=None):
        self.cur.execute(sql, params)
        return self.cur.fetchall() if self.cur.description else None

    def forget(self):
        self.cur.execute("DEALLOCATE ALL")
        self.prepared = {}


# ---- a table and its pages


class Paged:
    """A table with an id, a key k and a note, and the pages of it."""

    def __init__(self, ask, db, kind, nullable=True, rows=-1, blocks=0, relation="t"):
        self.ask = ask
        self.db = db
        self.relation = relation
        self.key = {"table": f'"public"."{relation}"', "column": '"k"', "type": kind,
                    "nullable": nullable, "rows": rows, "blocks": blocks}

    def token(self, total):
        statement = self.ask({"do": "bounds", "total": total, **self.key})
        row = self.db.run(statement["sql"], statement["params"])
        assert len(row) == 1
        return self.ask({"do": "token", "total": total, "row": row[0], **self.key})

    def conditions(self, token, total):
        answer = self.ask({"do": "pages", "total": total, "token": token["token"], **self.key})
        assert "error" not in answer
        assert answer.get("values") == token.get("values")
        assert len(answer["pages"]) == total
        return answer["pages"]

    def select(self, page, what="id"):
        return self.db.run(f'SELECT {what} FROM "{self.relation}" WHERE {page["sql"]}', page["params"])

    def pages(self, token, total):
        return [[row[0] for row in self.select(page)] for page in self.conditions(token, total)]


# ---- keys: a column's type, how it is spelled for page_key_type, and values as text

LETTERS = "abcdefghijklmnopqrstuvwxyzABCXYZ0123456789 -_.,'\"\\%éèêëàâçñöüßøåæłđčšžАБя中文字😀"


def word(rng, low, high, letters=LETTERS):
    return "".join(rng.choice(letters) for _ in range(rng.randint(low, high)))


def distinct(make, n):
    found = dict.fromkeys(make() for _ in range(n))
    return list(found)


def integers(low, high, n):
    def make(rng):
        edges = [low, high, low + 1, high - 1, 0]
        return [str(v) for v in dict.fromkeys(edges + [rng.randint(low, high) for _ in range(n)])]
    return make


def moments(low, high, zone, n=1200):
    """Timestamps of all precisions between two years; negative ones are BC."""
    def one(rng):
        year = rng.randint(low, high)
        text = f"{abs(year) or 1:04}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"
        if zone is not None:
            text += f" {rng.randrange(24):02}:{rng.randrange(60):02}:{rng.randrange(60):02}"
            text += rng.choice(["", ".5", ".000001", f".{rng.randrange(10 ** 6):06}"]) + zone
        return text + (" BC" if year < 0 else "")
    return lambda rng: distinct(lambda: one(rng), n)


def uuid7(rng, n):
    start = 1_700_000_000_000
    return [str(uuid.UUID(int=(start + i // 50) << 80 | 7 << 76 | rng.getrandbits(12) << 64 | 2 << 62 |
                          rng.getrandbits(62))) for i in range(n)]


EDGES = {
    "date": ["4714-11-24 BC", "5874897-12-31", "infinity", "-infinity", "0001-01-01", "0001-12-31 BC"],
    "timestamp": ["4714-11-24 00:00:00 BC", "294276-12-31 23:59:59.999999", "infinity", "-infinity",
                  "2000-01-01 00:00:00", "1999-12-31 23:59:59.999999", "0001-02-29 00:00:00 BC"],
}
PREFIX = "https://example.com/" + "long-common-prefix/" * 9 + "é/"

# name: column definition, type's name, values of a random generator, are they distinct?
KEYS = {
    "smallint": ("smallint", "smallint", integers(-2 ** 15, 2 ** 15 - 1, 1500)),
    "integer": ("integer", "integer", integers(-2 ** 31, 2 ** 31 - 1, 1500)),
    "bigint": ("bigint", "bigint", integers(-2 ** 63, 2 ** 63 - 1, 1500)),
    "bigint-dense": ("bigint", "bigint", lambda r: [str(v) for v in range(-700, 801)]),
    "bigint-few": ("bigint", "bigint", lambda r: ["-9223372036854775808", "-9223372036854775807"]),
    "bigint-top": ("bigint", "bigint", lambda r: [str(2 ** 63 - 1 - i) for i in range(5)]),
    "bigint-sparse": ("bigint", "bigint", lambda r: [str(3 ** r.randint(0, 39)) for _ in range(400)]),
    "integer-one": ("integer", "integer", lambda r: ["-5"]),
    "integer-none": ("integer", "integer", lambda r: []),
    "integer-null": ("integer", "integer", lambda r: [None] * 20),
    "integer-some-null": ("integer", "integer", lambda r: [None, "7", None, "-7", "0"] * 9),
    "text-none": ("text", "text", lambda r: []),
    "text-one": ("text", "text", lambda r: ["é"]),
    "text-null": ("text", "text", lambda r: [None] * 20),
    "text-empty": ("text", "text", lambda r: ["", "", "", None, ""]),
    "text-ascii": ("text", "text", lambda r: distinct(lambda: word(r, 1, 20, LETTERS[:26]), 1500)),
    "text-c": ('text COLLATE "C"', "text", lambda r: distinct(lambda: word(r, 0, 12), 1500)),
    "text-duplicates": ("text", "text", lambda r: [word(r, 0, 1, "abé") for _ in range(900)] + [None] * 9),
    "text-prefix": ("text", "text", lambda r: distinct(lambda: PREFIX + word(r, 0, 9), 1500)),
    "text-numbers": ("text", "text", lambda r: [f"user{i:07}" for i in range(1500)]),
    "varchar": ("character varying(40)", "character varying",
                lambda r: distinct(lambda: word(r, 0, 40), 1200)),
    "char": ("character(12)", "character",
             lambda r: [word(r, 0, 8) + " " * r.randint(0, 4) for _ in range(1200)]),
    "char-icu": ('character(12) COLLATE "en-x-icu"', "character",
                 lambda r: [word(r, 0, 8, "ab -é") + " " * r.randint(0, 4) for _ in range(1200)]),
    "bpchar": ("bpchar", "bpchar", lambda r: [word(r, 0, 4) + " " * r.randint(0, 4) for _ in range(800)]),
    "name": ("name", "name", lambda r: distinct(lambda: word(r, 0, 15), 1200)),
    "citext": ("citext", "citext", lambda r: [word(r, 0, 4, "aAbBéÉ-") for _ in range(1200)]),
    "uuid": ("uuid", "uuid", lambda r: [str(uuid.UUID(int=r.getrandbits(128))) for _ in range(1500)]),
    "uuid7": ("uuid", "uuid", lambda r: sorted(uuid7(r, 1500))),
    "uuid-edges": ("uuid", "uuid", lambda r: [str(uuid.UUID(int=v)) for v in (
        0, 1, 255, 256, 2 ** 64, 2 ** 127, 2 ** 128 - 2, 2 ** 128 - 1)]),
    "uuid-counted": ("uuid", "uuid", lambda r: [str(uuid.UUID(int=i << 32)) for i in range(1200)]),
    "date": ("date", "date", lambda r: EDGES["date"] + moments(-4700, 9999, None)(r)),
    "date-wide": ("date", "date", lambda r: EDGES["date"] + moments(1, 5874896, None)(r)),
    "timestamp": ("timestamp", "timestamp without time zone",
                  lambda r: EDGES["timestamp"] + moments(1990, 2030, "")(r)),
    "timestamp-wide": ("timestamp", "timestamp without time zone", moments(-4700, 294275, "")),
    "timestamptz": ("timestamptz", "timestamp with time zone",
                    lambda r: EDGES["timestamp"] + moments(-44, 2100, "+00")(r)),
    "timestamptz-null": ("timestamptz", "timestamp with time zone",
                         lambda r: [None, "infinity", "-infinity", None, "2024-02-29 12:00:00+00"] * 3),
}
REPEATED = {"bigint-sparse", "integer-some-null", "text-duplicates", "text-empty", "char", "char-icu", "bpchar",
            "citext", "timestamptz-null"}
for collation in ("en-x-icu", "de-x-icu", "shifted", "insensitive", "danish", "en_US.utf8", "cs_CZ.utf8"):
    KEYS[f"text-{collation}"] = (f'text COLLATE "{collation}"', "text",
                                 lambda r: distinct(lambda: word(r, 0, 10), 1200))
    # contractions (ch, aa), ignorable signs, letters that differ in case or accent alone
    KEYS[f"text-hard-{collation}"] = (
        f'text COLLATE "{collation}"', "text",
        lambda r: distinct(lambda: word(r, 0, 7, "aAcChHáč- 'dzž"), 1500) + ["", None])
    REPEATED.add(f"text-hard-{collation}")
# A vowel that is written before its consonant sorts behind it, so that a prefix can sort behind the whole.
KEYS["text-thai"] = ('text COLLATE "en-x-icu"', "text", lambda r: distinct(lambda: word(r, 0, 7, "เแโกขคง"), 1500))
KEYS["text-prefix-icu"] = ('text COLLATE "en-x-icu"', "text", KEYS["text-prefix"][2])
REPEATED.add("text-insensitive")


@pytest.fixture(params=KEYS)
def keys(request, db):
    """A filled table and a generator of more values like its own."""
    name = request.param
    column, kind, make = KEYS[name]
    for collation in ("en_US.utf8", "cs_CZ.utf8"):
        if collation in column and not db.do("SELECT 1 FROM pg_collation WHERE collname = %s", (collation,)):
            pytest.skip(f"no locale {collation}")
    rng = random.Random(f"{SEED} {name}")
    db.do("DROP TABLE IF EXISTS t CASCADE")
    db.do(f"CREATE TABLE t (id serial, k {column}, note integer DEFAULT 0)")
    insert(db, column, make(rng), rng)
    if rng.random() < 0.5:
        db.do("CREATE INDEX ON t (k)")
    yield name, column, kind, make, rng
    db.forget()


def insert(db, column, values, rng):
    values = list(values)
    rng.shuffle(values)
    db.do(f"INSERT INTO t (k) SELECT v::{column.split(' COLLATE')[0]} FROM unnest(%s::text[]) AS v", (values,))


def check_sizes(sizes, what):
    """Of a factor of 2 of equal."""
    equal = sum(sizes) / len(sizes)
    assert min(sizes) >= equal / 2 and max(sizes) <= equal * 2, f"{what}: {min(sizes)} {equal} {max(sizes)}"


# ---- the properties


@pytest.mark.parametrize("total", TOTALS)
def test_every_row_once(keys, tool, db, total):
    name, _, kind, _, _ = keys
    paged = Paged(tool, db, kind)
    token = paged.token(total)
    assert "error" not in token and len(token["token"]) <= 6000
    pages = paged.pages(token, total)
    everything = [row[0] for row in db.do("SELECT id FROM t ORDER BY id")]
    assert sorted(i for page in pages for i in page) == everything
    with_key, sorts = db.do("SELECT count(k), count(DISTINCT k) FROM t")[0]
    nulls = {row[0] for row in db.do("SELECT id FROM t WHERE k IS NULL")}
    assert nulls <= set(pages[-1])
    if name not in REPEATED:
        assert with_key == sorts
        if kind not in ("smallint", "integer", "bigint") and with_key >= total:
            check_sizes([len(set(page) - nulls) for page in pages], name)


@pytest.mark.parametrize("total", TOTALS)
def test_while_rows_change(keys, tool, db, total):
    _, column, kind, make, rng = keys
    paged = Paged(tool, db, kind)
    token = paged.token(total)
    before = {row[0] for row in db.do("SELECT id FROM t")}
    order = list(enumerate(paged.conditions(token, total)))
    rng.shuffle(order)
    changes = set(rng.sample(range(total), min(total, 6)))
    seen = []
    for step, (_, page) in enumerate(order):
        if step in changes:
            insert(db, column, make(rng)[:80], rng)
            insert(db, column, rng.sample(make(rng) or [None], 1), rng)
            db.do("UPDATE t SET note = note + 1 WHERE id %% 3 = %s", (rng.randrange(3),))
            db.do("DELETE FROM t WHERE id %% 17 = %s", (rng.randrange(17),))
        seen += [row[0] for row in paged.select(page)]
    assert len(seen) == len(set(seen))
    surviving = before & {row[0] for row in db.do("SELECT id FROM t")}
    assert surviving <= set(seen)


def test_bounds_are_the_servers_spelling(keys, tool, db):
    _, column, kind, _, _ = keys
    values = Paged(tool, db, kind).token(500).get("values", [])
    column = {"name": "text", "character(12)": "bpchar"}.get(column.split(" COLLATE")[0], column)
    for value, spelled in db.do(f"SELECT v, v::{column}::text FROM unnest(%s::text[]) AS v", (values,)):
        assert value == spelled


def test_an_index_serves_a_page(keys, tool, db):
    _, _, kind, _, _ = keys
    db.do("CREATE INDEX ON t (k)")
    paged = Paged(tool, db, kind)
    conditions = [page for page in paged.conditions(paged.token(7), 7)[:-1] if page["params"]]
    for page in conditions[:1]:
        paged.select(page)
        sql = f'SELECT id FROM "t" WHERE {page["sql"]}'
        db.do("SET enable_seqscan = off")
        db.do("SET plan_cache_mode = force_generic_plan")
        plan = db.do(f"EXPLAIN EXECUTE {db.prepared[sql]} (NULL, NULL)")
        db.do("RESET ALL")
        assert plan and any("Index Cond" in row[0] for row in plan)


def test_no_null_condition_where_there_is_none(tool, db):
    db.do("DROP TABLE IF EXISTS t CASCADE")
    db.do("CREATE TABLE t (id serial, k text NOT NULL)")
    paged = Paged(tool, db, "text", nullable=False)
    assert [page["sql"] for page in paged.conditions(paged.token(3), 3)] == ["false"] * 3
    db.do("INSERT INTO t (k) VALUES ('b'), ('a'), ('c'), ('d')")
    conditions = paged.conditions(paged.token(3), 3)
    assert "NULL" not in json.dumps(conditions)
    assert sorted(row[0] for page in conditions for row in paged.select(page, "k")) == ["a", "b", "c", "d"]
    db.forget()


def test_ends_are_closed(tool, db):
    """Rows that come later, outside of MIN and MAX, are on no page."""
    db.do("DROP TABLE IF EXISTS t CASCADE")
    db.do("CREATE TABLE t (id serial, k date)")
    db.do("INSERT INTO t (k) SELECT '2024-01-01'::date + i FROM generate_series(0, 99) AS i")
    paged = Paged(tool, db, "date")
    token = paged.token(10)
    db.do("INSERT INTO t (k) VALUES ('2023-12-31'), ('2024-04-10'), ('infinity'), ('-infinity')")
    assert [len(page) for page in paged.pages(token, 10)] == [10] * 10
    db.forget()


def test_long_keys_are_refused(tool, db):
    """Keys that part only behind 600 characters that have nothing in common with their neighbours'."""
    rng = random.Random(SEED)
    db.do("DROP TABLE IF EXISTS t CASCADE")
    db.do("CREATE TABLE t (id serial, k text)")
    pairs = [word(rng, 600, 600) for _ in range(250)]
    insert(db, "text", [pair + end for pair in pairs for end in "ab"], rng)
    paged = Paged(tool, db, "text")
    answer = paged.token(500)
    assert answer["status"] == 422 and "fewer pages" in answer["error"]
    assert sorted(i for page in paged.pages(paged.token(2), 2) for i in page) == list(range(1, 501))
    db.forget()


# ---- tables large enough to be sampled

LARGE = 260_000
LARGE_KEYS = {
    # in the order of the disk, as most keys of time are; and not
    "timestamptz": ("timestamptz", "timestamp with time zone",
                    "'2020-01-01'::timestamptz + i * interval '7.1 s'"),
    "uuid": ("uuid", "uuid", "md5(i::text)::uuid"),
    "uuid-in-order": ("uuid", "uuid", "lpad(to_hex(i * 1000), 32, '0')::uuid"),
    "text": ('text COLLATE "en-x-icu"', "text", "'Straße ' || md5(i::text)"),
}


@pytest.mark.parametrize("name", LARGE_KEYS)
@pytest.mark.parametrize("relation", ("t", "v"))
def test_sampled(tool, db, name, relation):
    column, kind, expression = LARGE_KEYS[name]
    db.do("DROP TABLE IF EXISTS t CASCADE")
    db.do(f"CREATE TABLE t (id serial, k {column}, note text)")
    db.do(f"INSERT INTO t (k, note) SELECT {expression}, repeat('x', 60) FROM generate_series(1, {LARGE}) AS i")
    db.do("ANALYZE t")
    db.do("CREATE INDEX ON t (k)")
    db.do("CREATE VIEW v AS SELECT * FROM t")
    rows, blocks = db.do("SELECT reltuples::bigint, relpages FROM pg_class WHERE oid = 't'::regclass")[0]
    paged = Paged(tool, db, kind, rows=rows, blocks=blocks if relation == "t" else 0, relation=relation)
    for total in (2, 10, 100):
        statement = tool({"do": "bounds", "total": total, **paged.key})["sql"]
        assert ("TABLESAMPLE" in statement) == (relation == "t" and total < 50)
        assert "random()" in statement
        conditions = paged.conditions(paged.token(total), total)
        sizes = [paged.select(page, "count(*)")[0][0] for page in conditions]
        assert sum(sizes) == LARGE
        check_sizes(sizes, (name, total))
    db.forget()

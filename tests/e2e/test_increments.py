"""Increments: exports of what has changed since the one before, taken while others write, judged by the table itself."""

import contextlib
import os
import random
import signal
import threading
import uuid

import psycopg2
import pytest

from harness import problem, process
from harness.increments import TABLES, ask, changed, ended, settings, stamps, take
from harness.postgres import Postgres
from harness.worker import Worker


@pytest.fixture(scope="module")
def source(top):
    path = os.path.join(top, "changing")
    os.mkdir(path)
    # Autovacuum has transactions of its own, and what is committed beside one that is open comes with the next increment.
    server = Postgres(path, 10, "max_prepared_transactions = 10\nautovacuum = off\n")
    server.execute(TABLES)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def place(fleet, postgres, source):
    made = fleet.start(workers=(1, 2), settings=settings(source, postgres.conninfo()))
    yield made
    fleet.stop(made, may_die=False)


@pytest.fixture(scope="module")
def worker(place):
    made = Worker(place, 2)
    yield made
    made.stop()


def test_what_has_changed_comes_once(place, worker, source, token):
    rows, cursor = take(place, token, "things", "start")
    assert stamps(rows) == list(range(1, 1001))
    nothing, cursor = take(place, token, "things", cursor)
    assert nothing == []
    source.execute("UPDATE things SET stamp = 2001 WHERE id = 7; INSERT INTO things VALUES (5000, 2002);"
                   "DELETE FROM things WHERE id = 9; UPDATE others SET stamp = stamp")
    rows, cursor = take(place, token, "things", cursor)
    assert stamps(rows) == [2001, 2002]
    assert take(place, token, "things", cursor)[0] == []


class Writer(threading.Thread):
    """Inserts and changes rows that no other writer has, in transactions of every kind, until it is told to stop."""

    def __init__(self, source, n, of):
        super().__init__(daemon=True)
        self.source, self.n, self.of, self.random = source, n, of, random.Random(n)
        self.is_over, self.failure, self.prepared, self.next_id = threading.Event(), None, 0, 1000000 + n

    def run(self):
        try:
            connection = self.source.connect()
            with connection.cursor() as cursor:
                while not self.is_over.is_set():
                    self.transaction(cursor.execute)
                if self.prepared:
                    self.end_prepared(cursor.execute)
            connection.close()
        except psycopg2.Error as failure:
            self.failure = failure

    def stop(self):
        self.is_over.set()
        self.join(30 * process.PATIENCE)
        assert self.failure is None and not self.is_alive(), self.failure

    def write(self, execute):
        if self.random.random() < 0.3:
            execute(f"INSERT INTO things VALUES ({self.next_id}, nextval('stamps'))")
            self.next_id += self.of
        else:
            first = self.random.randrange(1000)
            execute(f"UPDATE things SET stamp = nextval('stamps') WHERE id % {self.of} = {self.n}"
                    f" AND id BETWEEN {first} AND {first + 20} AND id NOT IN (1, 2, 3)")

    def end_prepared(self, execute):
        execute(f"{self.random.choice(('COMMIT', 'COMMIT', 'ROLLBACK'))} PREPARED 'of writer {self.n}'")
        self.prepared = 0

    def transaction(self, execute):
        kind = self.random.choice(("one", "one", "long", "savepoints", "rollback", "prepared"))
        if self.prepared:  # holds its rows: nothing else may change them meanwhile
            self.is_over.wait(self.random.random() * 0.3)
            self.end_prepared(execute)
            return
        execute("BEGIN")
        self.write(execute)
        if kind == "long":
            self.is_over.wait(self.random.random() * 1.5)
            self.write(execute)
        if kind == "savepoints":
            for _ in range(5):
                execute("SAVEPOINT s")
                self.write(execute)
                execute(self.random.choice(("ROLLBACK TO s", "RELEASE s", "SELECT 1")))
                self.is_over.wait(0.02)
        if kind == "prepared":
            execute(f"PREPARE TRANSACTION 'of writer {self.n}'")
            self.prepared = 1
        else:
            execute("ROLLBACK" if kind == "rollback" else "COMMIT")


def test_a_chain_beside_writers_has_each_version_once(place, worker, source, token):
    """While `late` is open, greater stamps than its own have been committed: a column of when a row was changed, asked for what
    is greater than the greatest seen, would never show what it commits then."""
    source.execute("CREATE SEQUENCE stamps START 10000")
    writers = [Writer(source, n, 5) for n in range(5)]
    for one in writers:
        one.start()
    cursor, chain = "start", []
    for turn in range(8):
        with contextlib.closing(source.connect()) as late:
            late.autocommit = False
            with late.cursor() as write:
                write.execute("SAVEPOINT s; UPDATE things SET stamp = nextval('stamps') WHERE id IN (1, 2, 3) RETURNING stamp")
                mine = [stamp for stamp, in write.fetchall()]
            process.wait_until(lambda: source.execute("SELECT max(stamp) FROM things")[0][0] > max(mine), "greater stamps")
            rows, cursor = take(place, token, "things", cursor, parallel=1 + turn % 3)
            assert not set(mine) & set(stamps(rows))
            chain.append(rows)
            late.commit()
    for one in writers:
        one.stop()
    for _ in range(2):
        rows, cursor = take(place, token, "things", cursor)
        chain.append(rows)
    assert chain[-1] == [] and len([rows for rows in chain[1:] if rows]) >= 2
    every = [stamp for rows in chain for stamp in stamps(rows)]
    assert len(every) == len(set(every))
    assert {int(row[0]): int(row[1]) for rows in chain for row in rows} == dict(source.execute("SELECT id, stamp FROM things"))


def test_what_a_table_must_be(place, source, token):
    for table in ("seen", "few_columns", "outside", "mixed"):
        said = problem.check(ask(place, token, table, "start"), 422)
        assert "no increments" in said["detail"] and ("xmin" in said["detail"]) == (table == "few_columns")
    source.execute("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC")
    try:
        assert "which cluster" in problem.check(ask(place, token, "things", "start"), 422)["detail"]
    finally:
        source.execute("GRANT EXECUTE ON FUNCTION pg_control_system() TO PUBLIC")


def test_column_grants_with_the_system_columns(place, worker, source, token):
    source.execute("GRANT SELECT (xmin, tableoid) ON few_columns TO sluice; INSERT INTO few_columns VALUES (1, 1)")
    rows, cursor = take(place, token, "few_columns", "start")
    assert stamps(rows) == [1]
    source.execute("REVOKE SELECT (xmin) ON few_columns FROM sluice")
    problem.check(ask(place, token, "few_columns", cursor), 422)


def test_a_materialized_view_comes_anew_when_it_is_refreshed(place, worker, source, token):
    rows, cursor = take(place, token, "kept", "start")
    assert take(place, token, "kept", cursor)[0] == []
    source.execute("REFRESH MATERIALIZED VIEW kept")
    assert len(take(place, token, "kept", cursor)[0]) == source.execute("SELECT count(*) FROM kept")[0][0] >= len(rows)


def test_what_vacuum_moves_has_not_changed(place, worker, source, token):
    cursor = take(place, token, "others", "start")[1]
    source.execute("INSERT INTO others SELECT i, i FROM generate_series(1, 100) i; DELETE FROM others WHERE id % 2 = 0")
    rows, cursor = take(place, token, "others", cursor)
    assert stamps(rows) == list(range(1, 100, 2))
    source.execute("VACUUM FULL others")
    source.execute("VACUUM (FREEZE) others")
    rows, cursor = take(place, token, "others", cursor)
    assert rows == []
    source.execute("BEGIN; TRUNCATE others; COPY others FROM PROGRAM 'echo 5,6' WITH (FORMAT csv, FREEZE); COMMIT")
    assert stamps(take(place, token, "others", cursor)[0]) == [6]
    source.execute("ALTER TABLE others ALTER stamp TYPE int")
    assert stamps(take(place, token, "others", cursor)[0]) == [6]


def test_partitions_and_children_bring_their_rows(place, worker, source, token):
    source.execute("INSERT INTO cut VALUES (1, 1); CREATE TABLE later (LIKE cut INCLUDING ALL); INSERT INTO later VALUES (101, 2)")
    rows, cursor = take(place, token, "cut", "start")
    assert stamps(rows) == [1]
    source.execute("ALTER TABLE cut ATTACH PARTITION later FOR VALUES FROM (100) TO (200)")
    rows, after = take(place, token, "cut", cursor)
    assert stamps(rows) == [2]
    source.execute("UPDATE cut SET stamp = stamp + 10; INSERT INTO cut VALUES (102, 13)")
    assert stamps(take(place, token, "cut", after, parallel=3)[0]) == [11, 12, 13]
    source.execute("INSERT INTO parent VALUES (1, 1); CREATE TABLE child (LIKE parent); INSERT INTO child VALUES (2, 2)")
    rows, cursor = take(place, token, "parent", "start")
    assert stamps(rows) == [1]
    source.execute("ALTER TABLE child INHERIT parent")
    rows, cursor = take(place, token, "parent", cursor)
    assert stamps(rows) == [2]
    assert take(place, token, "parent", cursor)[0] == []
    assert stamps(take(place, token, "parent", "start")[0]) == [1, 2]


def test_a_partition_that_is_attached_too_late_for_an_increment(place, worker, source, token):
    """Its rows are older than the increment; that they are the table's is not, while the transaction is open."""
    source.execute("CREATE TABLE last (LIKE cut INCLUDING ALL); INSERT INTO last VALUES (901, 901)")
    cursor = take(place, token, "cut", "start")[1]
    with contextlib.closing(source.connect()) as early, contextlib.closing(source.connect()) as attaching:
        early.autocommit = attaching.autocommit = False
        early.cursor().execute("INSERT INTO others VALUES (77, 77)")
        attaching.cursor().execute("ALTER TABLE cut ATTACH PARTITION last FOR VALUES FROM (900) TO (1000)")
        attaching.commit()
        rows, cursor = take(place, token, "cut", cursor)
        assert rows == []
        early.commit()
    assert stamps(take(place, token, "cut", cursor)[0]) == [901]


def test_cursors_that_are_not_for_this(place, worker, source, token):
    cursor = take(place, token, "things", "start")[1]
    problem.check(ask(place, token, "others", cursor), 422)
    for wrong in ("", "startt", "START", cursor[:-1], cursor + "A", ("B" if cursor[20] == "A" else "A").join(
            (cursor[:20], cursor[21:])), cursor + "=", "A" * 20000):
        said = problem.check(ask(place, token, "things", wrong), 400)
        assert said["errors"][0]["pointer"] == "/since"
    assert problem.check(ask(place, token, "things", None), 400)["errors"][0]["pointer"] == "/since"
    paged = ask(place, token, "things", cursor, definition={"sort": ["id"], "page": {"limit": 10}})
    assert "page" in problem.check(paged, 400)["errors"][0]["detail"]


def test_cursors_of_elsewhere(place, worker, source, token):
    cursor = take(place, token, "things", "start")[1]
    assert ask(place, token, "things", changed(cursor, 7, 1)).status == 202
    for number, text in ((1, "another database"), (2, "failed over"), (3, "another database"), (4, "replaced"),
                         (5, "you may see"), (6, "set back")):
        said = problem.check(ask(place, token, "things", changed(cursor, number, 1 << 20)), 410)
        assert text in said["detail"] and "start" in said["detail"]
    assert ask(place, token, "things", cursor).status == 202


def test_a_table_that_takes_anothers_place(place, worker, source, token):
    source.execute("CREATE TABLE replaced (id int, stamp int); CREATE TABLE behind (id int, stamp int); GRANT SELECT ON replaced,"
                   " behind TO sluice; INSERT INTO replaced VALUES (1, 1); INSERT INTO behind VALUES (2, 2)")
    cursor = take(place, token, "replaced", "start")[1]
    source.execute("ALTER TABLE replaced RENAME TO away; ALTER TABLE behind RENAME TO replaced")
    assert "replaced" in problem.check(ask(place, token, "replaced", cursor), 410)["detail"]
    assert stamps(take(place, token, "replaced", "start")[0]) == [2]


def test_asking_twice(place, worker, source, token):
    first = ask(place, token, "things", "start", fileName="twice")
    again = ask(place, token, "things", "start", fileName="twice")
    assert (first.status, again.status) == (202, 200) and first.json()["id"] == again.json()["id"]
    cursor = ended(place, token, first.json()["id"])["nextCursor"]
    # Nothing has happened, and still it is another cursor, so that what comes then is not the same request.
    second = ended(place, token, ask(place, token, "things", cursor).json()["id"])["nextCursor"]
    assert second != cursor
    assert ask(place, token, "things", second).status == 202
    assert ask(place, token, "things", second).status == 200


def test_whose_rows_and_what_of_them(place, worker, source, issuer):
    mine, others = issuer.token(tenant_id="firm 0"), issuer.token(tenant_id="firm 1")
    source.execute("UPDATE things SET stamp = nextval('stamps') WHERE id = 1")
    asked = {"definition": {"select": ["id", "stamp", "secret", "other.stamp"]}, "parallel": 2}
    rows, cursor = take(place, mine, "owned", "start", **asked)
    assert stamps(rows) == list(range(2, 101, 2)) and {row[2] for row in rows} == {"***"}
    source.execute("UPDATE owned SET stamp = stamp + 1000 WHERE id IN (5, 6); UPDATE things SET stamp = nextval('stamps')")
    joined = source.execute("SELECT stamp FROM things WHERE id = 7")[0][0]
    rows, after = take(place, mine, "owned", cursor, **asked)
    assert rows == [["6", "1006", "***", str(joined)]]
    counted = {"select": [{"expr": {"count": []}, "as": "one"}, {"expr": {"count": []}, "as": "n"}]}
    assert take(place, mine, "owned", cursor, definition=counted)[0] == [["1", "1"]]
    assert take(place, mine, "owned", after, definition=counted)[0] == [["0", "0"]]
    assert "you may see" in problem.check(ask(place, others, "owned", cursor), 410)["detail"]


def test_a_limit_of_rows_is_of_the_increment(place, worker, source, token):
    cursor = take(place, token, "limited", "start")[1]
    for _ in range(3):
        source.execute("INSERT INTO limited SELECT FROM generate_series(1, 4)")
        rows, cursor = take(place, token, "limited", cursor, format="csv")
        assert len(rows) == 4
    answer = ask(place, token, "limited", "start", {"Idempotency-Key": str(uuid.uuid4())})
    assert ended(place, token, answer.json()["id"])["error"]["status"] == 413


def test_numbers_that_a_crash_gives_out_again(place, worker, source, token):
    """What is in no log on the disk never was, and what comes after the crash is numbered as it was."""
    cursor = take(place, token, "crashed", "start")[1]
    source.execute("ALTER SYSTEM SET wal_writer_delay = '3s'")
    source.execute("SELECT pg_reload_conf()")
    source.execute("ALTER SYSTEM RESET wal_writer_delay")
    for _ in range(30):
        source.execute("BEGIN; INSERT INTO crashed VALUES (DEFAULT, 0); ROLLBACK")
    source.execute("INSERT INTO crashed VALUES (1000, 1)")
    rows, cursor = take(place, token, "crashed", cursor)
    assert stamps(rows) == [1]
    source.stop(signal.SIGQUIT)
    source.start()
    assert source.execute("SELECT id FROM crashed") == [(1000,)]
    for stamp in range(2, 10):
        source.execute(f"INSERT INTO crashed VALUES (DEFAULT, {stamp})")
    assert stamps(take(place, token, "crashed", cursor)[0]) == list(range(2, 10))

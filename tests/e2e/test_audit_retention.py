"""Retention of the audit (audit.keep, etc/schema/0010_audit_anchor.sql): what goes, what stays of it, and that nobody else can
remove lines and pass for it.

The sites of this file have an audit of their own, whose lines are laid out by the test: days old, with hashes made here.
"""

import concurrent.futures
import datetime
import hashlib
import json
import os
import re
import subprocess
import threading
import uuid

import pytest

from harness import config, process
from harness.client import curl
from harness.faults import rows_url

COLUMNS = ("seq", "at", "id", "subject", "tenant", "action", "table_key", "joined", "definition", "format", "purpose",
           "address", "status", "outcome", "reason", "rows", "bytes", "ms", "previous", "hash")
DATABASE = "retained"
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
DAY = datetime.timedelta(days=1)
MINUTE = datetime.timedelta(minutes=1)
LONGEST = 120 * process.PATIENCE  # seconds that a program may take
KEEP = 30  # days, of the site


@pytest.fixture(scope="module")
def place(fleet, postgres):
    postgres.execute(f"CREATE DATABASE {DATABASE}", dbname="postgres")
    postgres.execute(f"GRANT CREATE ON DATABASE {DATABASE} TO sluice", dbname="postgres")
    tables = {name: {"database": "main"} for name in config.TABLES}
    site = fleet.start(workers=(4, 1), settings={
        "databases": {"kept": {"conninfo": postgres.conninfo(dbname=DATABASE)}}, "metadata": {"database": "kept"},
        "tables": tables, "audit": {"keep": f"{KEEP}d"}})
    yield site
    fleet.stop(site)
    postgres.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)", dbname="postgres")


def sql(postgres, text):
    return postgres.execute(text, dbname=DATABASE)


def parts(values):
    made = [None if value is None else str(value).encode() for value in values]
    return b"".join(b"-" if part is None else b"%d:%s" % (len(part), part) for part in made)


def chain(ages, seq=1, previous=bytes(32)):
    """Lines so many days old, in this order, as they would have been written."""
    made, now = [], datetime.datetime.now(datetime.timezone.utc)
    for n, age in enumerate(ages, seq):
        line = dict.fromkeys(COLUMNS) | {
            "seq": n, "at": now - age * DAY, "id": str(uuid.uuid4()), "subject": "somebody", "action": "export",
            "table_key": "users", "definition": "{}", "status": 200, "outcome": "ok", "rows": n, "bytes": 9, "ms": 1}
        text = [n, (line["at"] - EPOCH) // datetime.timedelta(microseconds=1), *(line[name] for name in COLUMNS[2:18])]
        line |= {"previous": previous, "hash": hashlib.sha256(previous + parts(text)).digest()}
        previous = line["hash"]
        made.append(line)
    return made


def insert(postgres, lines):
    connection = postgres.connect(dbname=DATABASE)
    with connection.cursor() as cursor:
        for line in lines:
            cursor.execute(f"INSERT INTO sluice.audit VALUES ({', '.join(['%s'] * len(COLUMNS))})", list(line.values()))
    connection.commit()
    connection.close()


TRIGGERS = (("audit", "audit_refuse"), ("audit", "audit_removed"), ("audit_anchor", "audit_anchor_refuse"))


def tamper(postgres, text):
    """As a superuser can, with the triggers off."""
    off = "".join(f"ALTER TABLE sluice.{table} DISABLE TRIGGER {name};" for table, name in TRIGGERS)
    on = "".join(f"ALTER TABLE sluice.{table} ENABLE ALWAYS TRIGGER {name};" for table, name in TRIGGERS)
    sql(postgres, f"{off}{text};{on}")


@pytest.fixture
def site(place, postgres):
    """With an empty audit."""
    tamper(postgres, "TRUNCATE sluice.audit; UPDATE sluice.audit_anchor SET seq = 0, hash = decode(repeat('00', 32), 'hex'),"
                     " at = NULL")
    return place


AGES = [40, 39, 38, 37, 36, 20, 10, 5, 2, 0]  # five lines are too old


@pytest.fixture
def old(site, postgres):
    insert(postgres, chain(AGES))
    assert verify(site)[0] == 0
    return site


def start(site, **settings):
    path = site.config
    if settings:
        path = site.path("sweep.conf")
        config.write(path, config.merge(site.settings, settings))
    return subprocess.Popen([os.path.join(site.prefix, "sbin", "sluice-sweep"), "-c", path], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, env={**os.environ, **site.env})


def sweep(site, **settings):
    """How many lines went."""
    ran = start(site, **settings)
    out, err = ran.communicate(timeout=LONGEST)
    assert (ran.returncode, err) == (0, ""), (out, err)
    return int(re.search(r", audit pruned (\d+)\n$", out)[1])


def verify(site, *args):
    done = site.sluice("audit", "verify", *args, check=False)
    assert done.stderr == "" and done.stdout.count("\n") == 1, done
    assert (done.returncode == 0) == (" hold; head " in done.stdout), done
    return done.returncode, done.stdout


def seqs(postgres):
    return [seq for (seq,) in sql(postgres, "SELECT seq FROM sluice.audit ORDER BY seq")]


# ---- what goes

def test_old_lines_go_and_the_rest_holds(old, postgres):
    ((through, until),) = sql(postgres, "SELECT encode(hash, 'hex'), to_char(at AT TIME ZONE 'UTC',"
                                        " 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') FROM sluice.audit WHERE seq = 5")
    assert sweep(old) == 5
    assert seqs(postgres) == [6, 7, 8, 9, 10, 11]
    ((action, definition, rows, status),) = sql(
        postgres, "SELECT action, definition, rows, status FROM sluice.audit WHERE seq = 11")
    assert (action, rows, status) == ("retention", 5, 200)
    assert json.loads(definition) == {"first": 1, "through": f"5:{through}", "until": until}
    ((seq, kept_hash, at),) = sql(postgres, "SELECT seq, encode(hash, 'hex'), at FROM sluice.audit_anchor")
    assert (seq, kept_hash) == (5, through)
    said = verify(old)
    assert said[0] == 0
    assert re.fullmatch(r"lines 1 to 5 were removed by retention on (\S+Z); 6 lines hold; head 11:[0-9a-f]{64}\n", said[1]), said
    assert at.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ") in said[1]
    assert sweep(old) == 0 and seqs(postgres)[-1] == 11  # and leaves no line about nothing


def test_lines_are_added_behind_it_and_go_again(old, postgres, token):
    assert sweep(old) == 5
    assert curl(rows_url(old, "users", limit=3), token).status == 200
    process.wait_until(lambda: seqs(postgres)[-1] == 12, "a line")
    assert verify(old)[0] == 0
    assert sweep(old, audit={"keep": "6d"}) == 2
    status, said = verify(old)
    assert status == 0 and said.startswith("lines 1 to 7 were removed by retention on ") and "; 6 lines hold; head 13:" in said
    assert seqs(postgres) == [8, 9, 10, 11, 12, 13]


def test_nothing_goes_unless_it_is_set(old, postgres):
    assert sweep(old, audit={"keep": "0"}) == 0
    assert sweep(old, audit={"keep": "1y"}) == 0
    assert sweep(old, audit={"keep": "290000y"}) == 0
    assert seqs(postgres) == list(range(1, 11))


def test_whole_days_go(site, postgres):
    """A line that is older than the limit by hours alone stays until its day has gone."""
    def now():
        return datetime.datetime.now(datetime.timezone.utc)
    process.wait_until(lambda: (now() + MINUTE).date() == now().date(), "a day that does not end meanwhile", 65)
    midnight = now().replace(hour=0, minute=0, second=0, microsecond=0) - KEEP * DAY
    age = (now() - midnight) / DAY
    insert(postgres, chain([age + 0.01, age - 0.0001, 1]))
    assert sweep(site) == 1 and seqs(postgres) == [2, 3, 4]


def test_only_a_beginning_goes(site, postgres):
    """Whatever the clock was when: behind a line that stays nothing goes."""
    insert(postgres, chain([40, 39, 10, 38, 37, 1]))
    assert sweep(site) == 2 and seqs(postgres) == [3, 4, 5, 6, 7]
    assert verify(site)[0] == 0


def test_all_lines_may_be_old(site, postgres):
    """The newest stays until there is one behind it."""
    assert sweep(site) == 0 and seqs(postgres) == []
    insert(postgres, chain([40, 39]))
    assert sweep(site) == 2 and seqs(postgres) == [3, 4]
    assert verify(site)[1].startswith("lines 1 to 2 were removed")


def test_many_go_in_pieces(site, postgres, token):
    """While others add theirs, and two sweepers are at it."""
    insert(postgres, chain([40] * 21000 + [1]))
    answers, done = [], threading.Event()

    def ask():
        while not done.is_set():
            answers.append(curl(rows_url(site, "users", limit=1), token).status)

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(ask) for _ in range(4)]
        try:
            process.wait_until(lambda: len(answers) >= 8, "requests")
            ran = [start(site) for _ in range(3)]
            ended = [one.communicate(timeout=LONGEST) + (one.returncode,) for one in ran]
        finally:
            done.set()
        for one in asking:
            one.result()
    assert [end[1:] for end in ended] == [("", 0)] * 3, ended
    assert sum(int(n) for out, _, _ in ended for n in re.findall(r"audit pruned (\d+)", out)) == 21000
    process.wait_until(lambda: seqs(postgres)[-1] == 21001 + 3 + len(answers), "a line of each")
    assert seqs(postgres)[0] == 21001 and set(answers) == {200}
    told = sql(postgres, "SELECT definition::json->>'first', rows FROM sluice.audit WHERE action = 'retention' ORDER BY seq")
    assert told == [("1", 10000), ("10001", 10000), ("20001", 1000)]
    assert verify(site)[1].startswith("lines 1 to 21000 were removed by retention on ")


def test_who_exported_goes_on(old, postgres):
    def who():
        return old.sluice("audit", "who-exported", "--table", "users").stdout.splitlines()[1:]

    before = who()
    assert len(before) == 10
    sweep(old)
    assert who() == before[5:] and seqs(postgres)[-1] == 11


def test_writers_wait_for_no_more_than_the_last_step(old, postgres):
    """Not for the removal, which is the longer part: here one that does not end."""
    holder = postgres.connect(dbname=DATABASE)
    holder.set_session(autocommit=False)
    with holder.cursor() as cursor:
        cursor.execute("SELECT FROM sluice.audit WHERE seq = 5 FOR UPDATE")
        ran = start(old)
        waiting = ("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT sluice.audit_prune%'"
                   " AND wait_event_type = 'Lock'")
        process.wait_until(lambda: sql(postgres, waiting) == [(1,)], "a sweeper that waits")
        assert sql(postgres, "SELECT pg_try_advisory_lock(1936487785, 1635083369)") == [(True,)]
    holder.rollback()
    holder.close()
    assert ran.communicate(timeout=LONGEST)[1] == "" and ran.returncode == 0
    assert verify(old)[1].startswith("lines 1 to 5 ")


# ---- who else removes

def test_others_remove_nothing(old, postgres):
    for text in ("DELETE FROM sluice.audit", "DELETE FROM sluice.audit WHERE seq <= 5", "TRUNCATE sluice.audit",
                 "UPDATE sluice.audit SET rows = 0", "SET session_replication_role = replica; DELETE FROM sluice.audit",
                 "UPDATE sluice.audit_anchor SET seq = 3", "DELETE FROM sluice.audit_anchor", "TRUNCATE sluice.audit_anchor",
                 "INSERT INTO sluice.audit_anchor (one, seq, hash) VALUES (true, 1, sha256(''))",
                 "SET sluice.audit_prune = '1'; DELETE FROM sluice.audit",
                 "SELECT sluice.audit_prune('30 days', 3); DELETE FROM sluice.audit WHERE seq <= 5"):
        with pytest.raises(Exception, match="only added to"):
            sql(postgres, f"BEGIN; {text}; COMMIT")
    for text in ("UPDATE sluice.audit SET rows = 0", "TRUNCATE sluice.audit", "TRUNCATE sluice.audit_anchor"):
        with pytest.raises(Exception, match="only added to"):
            sql(postgres, f"BEGIN; {AS_IF} {text}; COMMIT")
    assert seqs(postgres) == list(range(1, 11)) and verify(old)[0] == 0


AS_IF = "SELECT set_config('sluice.audit_prune', pg_current_xact_id()::text, true);"


@pytest.mark.parametrize("where", ["seq = 5", "seq BETWEEN 2 AND 5", "seq = 10", "seq IN (1, 3)", "seq > 5", "true"])
def test_who_passes_for_it_removes_a_beginning_only(old, postgres, where):
    with pytest.raises(Exception, match="nothing but the oldest lines"):
        sql(postgres, f"BEGIN; {AS_IF} DELETE FROM sluice.audit WHERE {where}; COMMIT")
    assert seqs(postgres) == list(range(1, 11)) and verify(old)[0] == 0


def test_who_passes_for_it_leaves_a_line(old, postgres):
    sql(postgres, f"BEGIN; {AS_IF} DELETE FROM sluice.audit WHERE seq <= 9; COMMIT")
    assert seqs(postgres) == [10, 11]
    assert verify(old)[1].startswith("lines 1 to 9 were removed by retention on ")


MARK = "(SELECT hash FROM sluice.audit WHERE seq = {0})"
TAMPERINGS = {  # behind a retention of lines 1 to 5; the line that is found
    "a line of the rest deleted": ("DELETE FROM sluice.audit WHERE seq = 8", "at line 9"),
    "more of the beginning deleted": ("DELETE FROM sluice.audit WHERE seq <= 7", "at line 8"),
    "and the anchor moved": (f"UPDATE sluice.audit_anchor SET seq = 7, hash = {MARK.format(7)};"
                             "DELETE FROM sluice.audit WHERE seq <= 7", "at line 8"),
    "the anchor's number changed": ("UPDATE sluice.audit_anchor SET seq = 4", "at line 6"),
    "the anchor's hash changed": ("UPDATE sluice.audit_anchor SET hash = sha256(hash)", "at line 6"),
    "the anchor set back": ("UPDATE sluice.audit_anchor SET seq = 0, hash = decode(repeat('00', 32), 'hex')", "at line 6"),
    "the anchor deleted": ("DELETE FROM sluice.audit_anchor", "at line 6"),
    "what says so deleted": ("DELETE FROM sluice.audit WHERE seq = 11", "at line 6"),
    "what says so changed": ("UPDATE sluice.audit SET definition = replace(definition, '\"first\":1', '\"first\":2')"
                             " WHERE seq = 11", "at line 11"),
    "all deleted": ("DELETE FROM sluice.audit", "at line 6"),
    "all deleted, and the anchor": ("DELETE FROM sluice.audit; DELETE FROM sluice.audit_anchor", "before line 1"),
}


@pytest.mark.parametrize("text, found", TAMPERINGS.values(), ids=TAMPERINGS)
def test_another_removal_is_found(old, postgres, text, found):
    sweep(old)
    try:
        tamper(postgres, text)
        status, said = verify(old)
        assert status == 1 and said.startswith(f"broken {found}"), said
    finally:
        if "DELETE FROM sluice.audit_anchor" in text:
            tamper(postgres, "INSERT INTO sluice.audit_anchor (seq, hash) VALUES (0, sha256(''))")


def test_a_removal_before_there_was_any_is_found(old, postgres):
    tamper(postgres, f"UPDATE sluice.audit_anchor SET seq = 5, hash = {MARK.format(5)}, at = now();"
                     "DELETE FROM sluice.audit WHERE seq <= 5")
    status, said = verify(old)
    assert status == 1 and said.startswith("broken at line 6 of ") and "no line says that retention has removed it" in said


def test_heads_that_were_kept(old, postgres):
    heads = {seq: f"{seq}:{digest}" for seq, digest in sql(postgres, "SELECT seq, encode(hash, 'hex') FROM sluice.audit")}
    sweep(old)
    for seq in (5, 6, 10):
        assert verify(old, "--head", heads[seq])[0] == 0
    status, said = verify(old, "--head", heads[4])
    assert status == 1 and said.startswith("not known: line 4, which --head names, is one of the lines 1 to 5 "), said
    wrong = heads[5][:-1] + ("0" if heads[5][-1] != "0" else "1")
    status, said = verify(old, "--head", wrong)
    assert status == 1 and said.startswith("broken before line 6: "), said
    # Who may write everything computes it all anew, with an anchor of their own; a head tells.
    tamper(postgres, "TRUNCATE sluice.audit; UPDATE sluice.audit_anchor SET seq = 0, hash = decode(repeat('00', 32), 'hex')")
    insert(postgres, chain(AGES))
    sweep(old)
    assert verify(old)[0] == 0
    status, said = verify(old, "--head", heads[10])
    assert status == 1 and said.startswith("broken at line 10 of ") and "--head" in said, said


def test_a_database_from_before(old, postgres):
    """Of a metadata database without the table neither takes a thing for granted."""
    sql(postgres, "ALTER TABLE sluice.audit_anchor RENAME TO audit_anchor_away")
    try:
        done = old.sluice("audit", "verify", check=False)
        assert (done.returncode, done.stdout) == (1, "") and "sluice migrate" in done.stderr
        ran = start(old)
        out, err = ran.communicate(timeout=LONGEST)
        assert (ran.returncode, out) == (1, "") and "sluice migrate" in err and err.count("\n") == 1
    finally:
        sql(postgres, "ALTER TABLE sluice.audit_anchor_away RENAME TO audit_anchor")

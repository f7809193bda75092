"""Increments where the numbers of transactions end, and on a standby."""

import contextlib
import copy
import os
import shutil
import subprocess

import pytest

from harness import problem, process
from harness.increments import TABLES, ask, changed, fields, settings, stamps, take
from harness.postgres import Postgres, bindir
from harness.worker import Worker


def number_on(server, number):
    """The next transaction's number, as if so many had been, and VACUUM had done its part on the way."""
    for (name,) in server.execute("SELECT datname FROM pg_database WHERE datallowconn"):
        server.execute("VACUUM (FREEZE)", dbname=name)
    segment = os.path.join(server.data, "pg_xact", f"{number // (32768 * 32):04X}")
    server.stop()
    if not os.path.exists(segment):
        with open(segment, "wb") as f:
            f.write(bytes(262144))
        process.give(segment, server.user)
    subprocess.run(process.as_user(server.user, [os.path.join(bindir(), "pg_resetwal"), "-x", str(number), server.data]),
                   cwd="/", check=True, capture_output=True)
    server.start()


@pytest.mark.slow
def test_the_32_bits_of_xmin_run_over(fleet, postgres, top, token):
    path = os.path.join(top, "old")
    os.mkdir(path)
    server = Postgres(path, 10, "autovacuum = off\n")
    site = worker = None
    try:
        server.execute(TABLES)
        number_on(server, 1500000000)
        server.execute("INSERT INTO others VALUES (1, 1)")
        number_on(server, 3000000000)
        number_on(server, 4294967296 - 60)
        postgres.execute("CREATE DATABASE aside OWNER sluice")
        site = fleet.start(workers=(1, 2), settings=settings(server, postgres.conninfo(dbname="aside")))
        worker = Worker(site, 1)
        rows, cursor = take(site, token, "others", "start")
        assert stamps(rows) == [1] and len(take(site, token, "things", "start")[0]) == 1000
        seen = []
        for turn in range(6):
            want = list(range(100 * turn, 100 * turn + 20))
            for stamp in want:
                server.execute(f"INSERT INTO others VALUES ({stamp + 10}, {stamp})")
            with contextlib.closing(server.connect()) as late:
                late.autocommit = False
                late.cursor().execute(f"INSERT INTO others VALUES ({10000 + turn}, {-1 - turn})")
                rows, cursor = take(site, token, "others", cursor, parallel=1 + turn % 2)
                late.commit()
            assert stamps(rows) == [-turn, *want][turn == 0:]
            seen += [low for low, in server.execute("SELECT pg_current_xact_id()::text::bigint >> 32")]
        assert set(seen) == {0, 1}
        assert stamps(take(site, token, "others", cursor)[0]) == [-6]
        assert len(take(site, token, "others", "start")[0]) == 1 + 6 * 21
        assert "too old" in problem.check(ask(site, token, "others", changed(cursor, 6, -2100000000)), 410)["detail"]
        assert len(take(site, token, "others", changed(cursor, 6, -1900000000))[0]) == 6 * 21
    finally:
        if worker:
            worker.stop()
        if site:
            fleet.stop(site, may_die=False)
        server.stop()


# Transactions are counted: autovacuum has some of its own.
REPLICATION = """
wal_level = replica
max_wal_senders = 4
autovacuum = off
"""


def standby_of(primary, top):
    """A second server that follows: a copy of the first as it was when it stopped."""
    made = copy.copy(primary)
    made.host, made.data, made.port = top, os.path.join(top, "data"), process.free_port()
    primary.stop()
    shutil.copytree(primary.data, made.data)
    with open(os.path.join(made.data, "standby.signal"), "w", encoding="ascii"):
        pass
    with open(os.path.join(made.data, "postgresql.conf"), "a", encoding="utf-8") as f:
        f.write(f"port = {made.port}\nunix_socket_directories = '{top}'\n"
                f"primary_conninfo = 'host={primary.host} port={primary.port} user=postgres'\n")
    for path in (top, made.data):
        process.give(path, made.user)
    for folder, folders, files in os.walk(made.data):
        for name in folders + files:
            process.give(os.path.join(folder, name), made.user)
    with open(os.path.join(primary.data, "pg_hba.conf"), "a", encoding="ascii") as f:
        f.write("local replication all trust\n")
    primary.start()
    made.start()
    return made


@pytest.mark.slow
def test_on_a_standby_until_it_is_promoted(fleet, postgres, top, token):
    paths = [os.path.join(top, name) for name in ("primary", "standby")]
    for path in paths:
        os.mkdir(path)
    primary = Postgres(paths[0], 10, REPLICATION)
    standby = site = worker = None
    try:
        primary.execute(TABLES)
        standby = standby_of(primary, paths[1])

        def caught_up():
            position = primary.execute("SELECT pg_current_wal_insert_lsn()")[0][0]
            process.wait_until(lambda: standby.execute(f"SELECT pg_last_wal_replay_lsn() >= '{position}'")[0][0], "the standby")
        postgres.execute("CREATE DATABASE beside OWNER sluice")
        site = fleet.start(workers=(1, 2), settings=settings(standby, postgres.conninfo(dbname="beside")))
        worker = Worker(site, 1)
        rows, cursor = take(site, token, "others", "start", parallel=2)
        assert rows == []
        primary.execute("INSERT INTO others VALUES (1, 1)")
        caught_up()
        rows, cursor = take(site, token, "others", cursor)
        assert stamps(rows) == [1]
        standby.execute("SELECT pg_wal_replay_pause()")
        primary.execute("INSERT INTO others VALUES (2, 2)")
        # As of a primary that is five transactions ahead: they are had, and what comes behind them is wanted.
        rows, ahead = take(site, token, "others", changed(cursor, 6, 5))
        assert rows == [] and fields(ahead)[6] == fields(cursor)[6] + 5
        standby.execute("SELECT pg_wal_replay_resume()")
        caught_up()
        for i in range(3, 8):
            primary.execute(f"INSERT INTO others VALUES ({i}, {i})")
        caught_up()
        assert stamps(take(site, token, "others", ahead)[0]) == [7]
        rows, cursor = take(site, token, "others", cursor)
        assert stamps(rows) == [2, 3, 4, 5, 6, 7]
        standby.execute("SELECT pg_promote()")
        assert "failed over" in problem.check(ask(site, token, "others", cursor), 410)["detail"]
        standby.execute("INSERT INTO others VALUES (8, 8)")
        assert stamps(take(site, token, "others", "start")[0]) == list(range(1, 9))
    finally:
        if worker:
            worker.stop()
        if site:
            fleet.stop(site, may_die=False)
        for server in (standby, primary):
            if server:
                server.stop()

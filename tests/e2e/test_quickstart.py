"""etc/quickstart: from a checkout to a first export, in a folder whose name has a space."""

import json
import os
import re
import shutil
import socket
import subprocess

import pytest

from harness import process
from harness.client import curl
from harness.postgres import SOURCE

# It builds by itself.
pytestmark = pytest.mark.slow

ROWS = 3000


def quickstart(*args):
    return subprocess.run([os.path.join(SOURCE, "etc", "quickstart"), *map(str, args)], cwd="/",
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


def environment(path):
    """What the file DIR/env exports, as a shell reads it."""
    done = subprocess.run(["sh", "-c", '. "$0"; env -0', path], capture_output=True, text=True, check=True)
    return dict(line.split("=", 1) for line in done.stdout.split("\0") if line)


def pids(path):
    """Of the processes that DIR/run names."""
    run = os.path.join(path, "run")
    found = {}
    for name in os.listdir(run):
        if name.endswith(".pid"):
            with open(os.path.join(run, name), encoding="ascii") as f:
                found[name[:-len(".pid")]] = int(f.read().split()[0])
    return found


def has_ended(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
            return f.read().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.fixture(scope="module")
def running(top):
    """(DIR, what the first run said); stopped again, and nothing of it left running."""
    path = os.path.join(top, "a quick start")
    port = process.free_port()
    done = quickstart("--dir", path, "--port", port, "--rows", ROWS)
    try:
        assert done.returncode == 0, done.stdout + done.stderr
        started = pids(path)
        assert sorted(started) == ["control", "nginx", "postgres", "stream", "worker"]
        with open(os.path.join(path, "run", "sockets"), encoding="utf-8") as f:
            sockets = f.read().strip()
        yield path, done.stdout
    finally:
        stopped = quickstart("stop", "--dir", path)
    assert (stopped.returncode, stopped.stderr) == (0, "")
    assert stopped.stdout.startswith("Stopped.")
    assert [name for name, pid in started.items() if not has_ended(pid)] == []
    assert not os.path.exists(sockets)
    assert not os.path.exists(os.path.join(path, "env"))


def test_the_first_export_is_there(running):
    path, said = running
    with open(os.path.join(path, "users.csv"), "rb") as f:
        lines = f.read().split(b"\r\n")
    assert len(lines) == ROWS + 2 and lines[-1] == b""
    assert f"{ROWS:,} rows, " in said and " rows/s, " in said and " MB/s" in said
    assert lines[1].decode() in said
    assert "Whole: " in said


def test_its_environment_is_all_that_a_client_needs(running):
    path, _ = running
    env = environment(os.path.join(path, "env"))
    answer = curl(env["SLUICE_URL"] + "/api/v1/tables/records/rows.ndjson", env["SLUICE_TOKEN"])
    assert (answer.exit, answer.status, answer.body.count(b"\n")) == (0, 200, ROWS)
    names = ("PGHOST", "PGPORT", "PGUSER", "PGDATABASE")
    counted = subprocess.run(["psql", "-X", "-A", "-t", "-c", "SELECT count(*) FROM users"], text=True,
                             env={**os.environ, **{name: env[name] for name in names}},
                             capture_output=True, check=True)
    assert counted.stdout == f"{ROWS}\n"


@pytest.mark.parametrize("page, examples_n", [("aliases", 2), ("increments", 1), ("query", 1), ("schedules", 1)])
def test_the_examples_of_the_pages_need_nothing_more(running, page, examples_n):
    path, _ = running
    env = environment(os.path.join(path, "env"))
    with open(os.path.join(SOURCE, "docs", f"{page}.md"), encoding="utf-8") as f:
        blocks = re.findall(r"(?m)(?:^ {4}.*\n)+", f.read())
    examples = [block for block in blocks if "curl" in block]
    assert len(examples) == examples_n
    for block in examples:
        done = subprocess.run(["sh", "-euc", block], env={**os.environ, **env}, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "") and json.loads(done.stdout), (block, done)


def test_tokens_are_for_their_owner_alone(running):
    path, _ = running
    for role in ("viewer", "exporter", "admin"):
        token = os.path.join(path, "tokens", role)
        assert os.stat(token).st_mode & 0o777 == 0o600
        assert os.path.getsize(token) > 100
    assert os.stat(os.path.join(path, "keys", "signing.pem")).st_mode & 0o777 == 0o600
    assert os.stat(os.path.join(path, "env")).st_mode & 0o777 == 0o600


def test_run_twice_it_says_that_it_is_running(running):
    path, _ = running
    before = pids(path)
    again = quickstart("--dir", path, "--rows", ROWS)
    assert again.returncode == 0
    assert f"Sluice is running on {environment(os.path.join(path, 'env'))['SLUICE_URL']}" in again.stdout
    assert "quickstart stop" in again.stdout
    assert pids(path) == before


def test_a_port_in_use_is_said(top):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = quickstart("--dir", os.path.join(top, "in use"), "--port", port)
    assert done.returncode == 1
    assert f"port {port} of 127.0.0.1 is in use" in done.stderr


def test_why_a_step_failed_is_said(top):
    """A checkout that was built in itself, as one for good is, cannot be built beside itself as well: configure says so."""
    source = os.path.join(top, "checkout")
    shutil.copytree(os.path.join(SOURCE, "etc"), os.path.join(source, "etc"))
    why = 'configure: error: source directory already configured; run "make distclean" there first'
    for name, text in (("autogen.sh", ""), ("configure", f"echo '{why}' >&2; exit 1\n")):
        with open(os.path.join(source, name), "w", encoding="utf-8") as f:
            f.write(f"#!/bin/sh\n{text}")
        os.chmod(os.path.join(source, name), 0o755)
    done = subprocess.run([os.path.join(source, "etc", "quickstart"), "--dir", os.path.join(top, "failing"), "--port",
                           str(process.free_port())], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert 'the step "build" failed\n' in done.stderr and f"  | {why}\n" in done.stderr, done.stderr


def test_stop_where_nothing_is(top):
    done = quickstart("stop", "--dir", os.path.join(top, "nowhere"))
    assert done.returncode == 1
    assert "there is no quickstart" in done.stderr

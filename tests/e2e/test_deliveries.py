"""What really left of downloads: told by the web server's log, where it sends them, and taken into the audit by the sweeper;
counted by Sluice where it sends them itself."""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import uuid

import pytest

from harness import config, process
from harness.client import curl
from harness.postgres import SOURCE
from harness.staged import CONTENT, export, run

BIG = 32 << 20
TABLE = "delivered"  # of one test alone
PART = 3 << 20  # what a client takes before it hangs up
FRONTS = ("nginx", "mod_proxy_fcgi", "mod_fcgid")
GIVEN = {"nginx": {"completed": "OK", "seconds": 0.2}, "apache": {"connection": "+", "wire": 10**9, "microseconds": 200000}}


def start_site(fleet, front, sendfile=True):
    site = fleet.start(front=front, sendfile=sendfile, workers=(2, 1), settings={"tables": {TABLE: {"name": "public.users"}}})
    site.settings = config.merge(site.settings, {"audit": {"deliveries": site.path("front", "deliveries.log")}})
    config.write(site.config, site.settings)  # for the sweeper alone
    shutil.copy(os.path.join(site.prefix, "sbin", "sluice-sweep"), site.path("sweeper"))
    process.give(site.path("front"), site.user)  # as a group of its own may read it
    return site


@pytest.fixture(scope="module", params=FRONTS)
def place(request, fleet):
    site = start_site(fleet, request.param)
    yield site
    fleet.stop(site)


@pytest.fixture(scope="module")
def behind_nginx(fleet):
    site = start_site(fleet, "nginx")
    yield site
    fleet.stop(site)


def log_of(site):
    return site.settings["audit"]["deliveries"]


def sweep(site, settings=None, status=0):
    """Both figures of its one line."""
    done = subprocess.run(process.as_user(site.user, [site.path("sweeper")]), capture_output=True, text=True, check=False,
                          env={**os.environ, **site.env, "SLUICE_CONFIG": settings or site.config}, timeout=60 * process.PATIENCE)
    assert done.returncode == status and (status or not done.stderr), done
    told = dict(part.rsplit(" ", 1) for part in done.stdout.strip().split(", ") if "deliveries" in part)
    return int(told["deliveries noted"]), int(told["deliveries unknown"])


def lines(site, job_id, action="delivered"):
    """In the order of the requests: two workers' lines come in either order, an identifier begins with its time."""
    found = site.postgres.execute(
        "SELECT id, subject, status, bytes, outcome, address, ms FROM sluice.audit"
        f" WHERE definition::jsonb ->> 'export' = '{job_id}' AND action = '{action}' ORDER BY id")
    return [dict(zip(("id", "subject", "status", "bytes", "outcome", "address", "ms"), line)) for line in found]


def handed_over(site, job_id, n):
    """The audit's lines of so many downloads: a worker may write them when the client has all already."""
    found = []

    def noted():
        found[:] = [line for line in lines(site, job_id, "download") if line["outcome"] == "handed-over"]
        return len(found) >= n
    process.wait_until(noted, "the audit's lines of what was handed over")
    assert len(found) == n
    return found


def logged(site, n):
    """Once the web server has written n lines in all: it does so when it has sent the last byte, not when that has come."""
    def written():
        try:
            with open(log_of(site), encoding="utf-8") as f:
                return f.read().split("\n")[:-1]
        except FileNotFoundError:
            return []
    process.wait_until(lambda: len(written()) >= n, f"{n} lines of the web server's log")
    assert len(written()) == n
    return [json.loads(line) for line in written()]


def count(site):
    try:
        with open(log_of(site), "rb") as f:
            return f.read().count(b"\n")
    except FileNotFoundError:
        return 0


def url_of(site, job_id):
    return f"{site.url}/api/v1/exports/{job_id}/files/1"


def cut(site, job_id, token, take=PART, headers=()):
    """What a client had that closed its connection after so many bytes; it takes no more than it asks for."""
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        s.connect(("127.0.0.1", site.port))
        head = "".join(f"{name}: {value}\r\n" for name, value in headers)
        s.sendall(f"GET /api/v1/exports/{job_id}/files/1 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
                  f"{head}\r\n".encode())
        answer = http.client.HTTPResponse(s)
        answer.begin()
        assert answer.status in (200, 206)
        got = 0
        while got < take:
            got += len(answer.read(min(65536, take - got)))
        answer.close()
    return got


# ---- by the web server

def test_what_left_is_in_the_audit(place, token):
    """All, a part, and a download that its client gave up."""
    before = count(place)
    small, big = export(place), export(place, b"x" * 65536, BIG, media="application/octet-stream")
    assert curl(url_of(place, small), token).body == CONTENT
    assert curl(url_of(place, small), token, "HEAD").status == 200
    assert len(curl(url_of(place, small), token, headers={"Range": "bytes=100-1099"}).body) == 1000
    assert len(curl(url_of(place, small), token, headers={"Range": "bytes=-5"}).body) == 5
    assert curl(url_of(place, small), token, headers={"Range": "bytes=99999999-"}).status == 416
    assert curl(url_of(place, small), token, headers={"Accept-Encoding": "gzip"}).status == 200  # Sluice sends it, but mod_fcgid
    got = cut(place, big, token)
    part = cut(place, big, token, 1 << 20, [("Range", f"bytes={1 << 20}-")])
    asked = [handed_over(place, small, 3 + (place.front == "mod_fcgid")), handed_over(place, big, 2)]
    sent = sum(map(len, asked))
    records = logged(place, before + sent)[before:]
    assert sweep(place) == (sent, 0)
    told = lines(place, small)
    assert [(line["status"], line["bytes"], line["outcome"]) for line in told[:3]] == [
        (200, len(CONTENT), "ok"), (206, 1000, "ok"), (206, 5, "ok")]
    assert [line["id"] for line in told] == [line["id"] for line in asked[0]] and {line["address"] for line in told} == {"127.0.0.1"}
    whole, rest = lines(place, big)
    assert (whole["status"], whole["outcome"], rest["status"], rest["outcome"]) == (200, "cut", 206, "cut")
    counted = {record["id"]: record.get("wire", record["bytes"]) for record in records}
    for line, had in ((whole, got), (rest, part)):
        assert had <= line["bytes"] <= counted[line["id"]] and line["bytes"] < BIG - (4 << 20)
        assert line["subject"] == "tester"
    assert [line["bytes"] for line in asked[1]] == [BIG, BIG - (1 << 20)]
    assert sweep(place) == (0, 0)
    os.remove(place.path("stage", "jobs", big, "file-1"))


def test_a_download_goes_on_where_it_was_cut(place, token, tmp_path):
    """And the audit has both halves."""
    before, job_id = count(place), export(place)
    target = tmp_path / "users.csv"
    took = cut(place, job_id, token, 200000)
    target.write_bytes(CONTENT[:took])
    rest = curl(url_of(place, job_id), token, options=("-C", str(took)))
    assert rest.status == 206 and target.read_bytes() + rest.body == CONTENT
    handed_over(place, job_id, 2)
    logged(place, before + 2)
    assert sweep(place) == (2, 0)
    first, second = lines(place, job_id)
    assert took <= first["bytes"] <= len(CONTENT)
    assert (second["bytes"], second["outcome"]) == (len(CONTENT) - took, "ok")


def test_the_rest_of_the_site_is_not_in_that_log(place, token):
    before = count(place)
    assert curl(f"{place.url}/api/v1/tables", token).status == 200
    assert curl(f"{place.url}/api/v1/tables/users/rows.csv?limit=1", token).status == 200
    assert curl(url_of(place, str(uuid.uuid4())), token).status == 404
    assert curl(f"{place.url}/api/v1/tables", token, headers={"Sluice-Delivery": str(uuid.uuid4())}).status == 200
    job_id = export(place, b"")
    assert curl(url_of(place, job_id), token).status == 200
    handed_over(place, job_id, 1)
    assert [record["status"] for record in logged(place, before + 1)[before:]] == [200]
    assert sweep(place) == (1, 0)
    assert [(line["bytes"], line["outcome"]) for line in lines(place, job_id)] == [(0, "ok")]


# ---- the log, as it may be

class Log:
    """One of the test's own, and downloads to tell of in it."""

    def __init__(self, site, token, folder):
        self.site, self.token, self.top = site, token, str(folder)
        self.path = os.path.join(self.top, "deliveries.log")
        self.settings = os.path.join(self.top, "sluice.conf")
        config.write(self.settings, config.merge(site.settings, {"audit": {"deliveries": self.path}}))
        self.job = export(site)

    def handed_over(self, n):
        """The ids of so many downloads."""
        all_of_them = len(lines(self.site, self.job, "download")) + n
        for _ in range(n):
            assert curl(url_of(self.site, self.job), self.token).status == 200
        process.wait_until(lambda: len(lines(self.site, self.job, "download")) == all_of_them, "lines of the audit")
        return [line["id"] for line in lines(self.site, self.job, "download")][-n:]

    def write(self, *texts, name="deliveries.log", mode="a"):
        with open(os.path.join(self.top, name), mode + "b") as f:
            f.write(b"".join(text if isinstance(text, bytes) else text.encode() for text in texts))

    def sweep(self, status=0):
        return sweep(self.site, self.settings, status)

    def told(self):
        return [line["id"] for line in lines(self.site, self.job)]


def record(download, front="nginx", **changes):
    values = {"id": download, "time": 1700000000.25, "status": 200, "bytes": len(CONTENT), **GIVEN[front], **changes}
    return json.dumps(values) + "\n"


@pytest.fixture
def log(behind_nginx, token):
    folder = behind_nginx.path(f"log-{uuid.uuid4()}")
    os.mkdir(folder, 0o755)
    return Log(behind_nginx, token, folder)


@pytest.mark.parametrize("front, changes, expected", [
    ("nginx", {}, (200, len(CONTENT), "ok", 200)),
    ("nginx", {"completed": ""}, (200, len(CONTENT), "cut", 200)),
    ("nginx", {"bytes": 7, "completed": ""}, (200, 7, "cut", 200)),
    ("nginx", {"bytes": 7}, (200, 7, "cut", 200)),
    ("nginx", {"bytes": 10**12}, (200, 10**12, "ok", 200)),  # more than it was to send is not hidden
    ("nginx", {"status": 403, "bytes": 153}, (403, 0, "cut", 200)),
    ("nginx", {"seconds": 86400.5}, (200, len(CONTENT), "ok", 86400500)),
    ("apache", {}, (200, len(CONTENT), "ok", 200)),
    ("apache", {"connection": "X", "wire": 5000}, (200, 5000, "cut", 200)),
    ("apache", {"connection": "-", "wire": 5000}, (200, 5000, "cut", 200)),
    ("apache", {"connection": "X"}, (200, len(CONTENT), "cut", 200)),
    ("apache", {"status": 404, "bytes": 200}, (404, 0, "cut", 200)),
], ids=str)
def test_what_a_record_says(log, front, changes, expected):
    (download,) = log.handed_over(1)
    log.write(record(download, front, **changes))
    assert log.sweep() == (1, 0)
    (line,) = lines(log.site, log.job)
    assert (line["status"], line["bytes"], line["outcome"], line["ms"]) == expected and line["id"] == download


def test_lines_that_are_none(log):
    first, second, third = log.handed_over(3)
    sent_by_sluice = curl(url_of(log.site, log.job), log.token, headers={"Accept-Encoding": "gzip"})
    assert sent_by_sluice.status == 200
    process.wait_until(lambda: len(lines(log.site, log.job, "download")) == 4, "a line of the audit")
    own = lines(log.site, log.job, "download")[-1]["id"]
    log.write(b"\xff\0\0garbage\n", record(first), "\n", "{}\n", "[]\n", "x" * 10000 + "\n")
    wrong = [{"status": "200"}, {"status": 99}, {"bytes": -1}, {"bytes": 1e30}, {"bytes": "1"}, {"time": None}, {"id": "-"},
             {"id": first + "'"}, {"seconds": None}, {"id": None}]
    log.write(*(record(second, **changes) for changes in wrong))
    log.write(record(second, "apache", wire="-"), record(second)[:-2] + "\n", record(second)[:-2] + "\0}\n")
    assert log.sweep() == (1, 5 + 2 + len(wrong) + 3)  # of the longest line there are three pieces
    # Ids of no download, of one that Sluice has sent, and of another request.
    log.write(record(uuid.uuid4().hex), record(str(uuid.uuid4())), record(own), record(third.upper()))
    assert log.sweep() == (1, 3)
    assert log.told() == [first, third]
    assert log.sweep() == (0, 0)
    verified = log.site.sluice("audit", "verify", check=False)
    assert verified.returncode == 0, verified


def test_a_line_is_read_when_it_has_its_end(log):
    first, second = log.handed_over(2)
    log.write(record(first)[:40])
    assert log.sweep() == (0, 0)
    log.write(record(first)[40:], record(second)[:-1])
    assert log.sweep() == (1, 0)
    log.write("\n")
    assert log.sweep() == (1, 0)
    assert log.told() == [first, second]


def test_a_line_that_is_before_its_download_waits(log):
    """A worker writes its line when it has answered, and the web server may have sent all of the file by then."""
    first, second = log.handed_over(2)
    unknown, now = str(uuid.uuid4()), time.time()
    log.write(record(first, time=now), record(unknown, time=now), record(second, time=now))
    assert log.sweep() == (1, 0) and log.sweep() == (0, 0)
    log.site.postgres.execute("INSERT INTO sluice.audit (seq, at, id, action, status, outcome, rows, bytes, ms, previous, hash)"
                              f" VALUES (1000000000, now(), '{unknown}', 'download', 200, 'handed-over', 0, 5, 1,"
                              " sha256(''), sha256(''))")
    try:
        assert log.sweep() == (2, 0)
    finally:
        log.site.postgres.execute("ALTER TABLE sluice.audit DISABLE TRIGGER audit_refuse;"
                                  " DELETE FROM sluice.audit WHERE seq >= 1000000000;"
                                  " ALTER TABLE sluice.audit ENABLE ALWAYS TRIGGER audit_refuse")


def test_one_of_the_future_does_not_hold_up_the_others(log):
    (download,) = log.handed_over(1)
    log.write(record(str(uuid.uuid4()), time=time.time() + 1000), record(download))
    assert log.sweep() == (1, 1)


def test_who_exported_tells_what_left(log):
    """Of a table's rows."""
    def who():
        said = log.site.sluice("audit", "who-exported", "--table", TABLE).stdout
        return [tuple(row.split("\t")[i] for i in (1, 3, 5, 6)) for row in said.splitlines()[1:]]
    run(log.site.postgres, "UPDATE sluice.jobs SET request = %s WHERE id = %s",
        json.dumps({"queryDefinition": {"from": TABLE}, "format": "csv"}), log.job)
    first, _ = log.handed_over(2)
    assert who() == [("tester", "download", str(len(CONTENT)), "handed-over")] * 2
    log.write(record(first, bytes=77, completed=""))
    assert log.sweep() == (1, 0)
    assert who() == [("tester", "download", "77", "cut"), ("tester", "download", str(len(CONTENT)), "handed-over")]


# ---- rotation

@pytest.mark.skipif(not process.is_root(), reason="nginx's workers are then the user that it was started by")
def test_nginx_goes_on_in_the_new_file(behind_nginx, token):
    """In a directory as the units make it: its workers, which are others, open the file by its path."""
    with open(os.path.join(SOURCE, "etc", "systemd", "sluice-stream.service"), encoding="utf-8") as f:
        mode = int(re.search(r"^ExecStartPre=.*install -d .* -m (\d+) /var/log/sluice$", f.read(), re.M)[1], 8)
    site, folder = behind_nginx, behind_nginx.path("front")
    job_id, was = export(site, b""), os.stat(folder)
    os.chown(folder, 0, 0)
    os.chmod(folder, mode)
    try:
        os.rename(log_of(site), site.path("front", "rotated"))
        with open(log_of(site), "x", encoding="utf-8"):
            os.chmod(log_of(site), 0o640)
        os.kill(site.server.pid, signal.SIGUSR1)

        def is_noted():
            return curl(url_of(site, job_id), token).status == 200 and count(site) > 0
        process.wait_until(is_noted, "a line in the new file")
    finally:
        os.chown(folder, was.st_uid, was.st_gid)
        os.chmod(folder, was.st_mode & 0o7777)


def rename(log, to="deliveries.log.1"):
    os.rename(log.path, os.path.join(log.top, to))


def copy(log, to="deliveries.log.1"):
    shutil.copy(log.path, os.path.join(log.top, to))
    os.truncate(log.path, 0)


@pytest.mark.parametrize("rotate", [rename, copy])
@pytest.mark.parametrize("name", ["deliveries.log.1", "deliveries.log-20261121"])
def test_rotated(log, rotate, name):
    """Nothing is lost of what was not read when it was, nor twice there."""
    ids = log.handed_over(6)
    log.write(record(ids[0]), record(ids[1]))
    assert log.sweep() == (2, 0)
    log.write(record(ids[2]))
    rotate(log, name)
    log.write(record(ids[3]))
    if rotate is rename:
        log.write(record(ids[4]), name=name)  # until it is told to, a web server goes on with the file it has open
    assert log.sweep() == (3 if rotate is rename else 2, 0)
    if rotate is rename:
        log.write(record(ids[5]), name=name)
    log.write("", *(record(n) for n in ids[5:] if rotate is not rename))
    assert log.sweep() == (1, 0)
    assert sorted(log.told()) == sorted(ids if rotate is rename else ids[:4] + ids[5:])
    assert log.sweep() == (0, 0)


def test_rotated_twice_since(log):
    ids = log.handed_over(3)
    log.write(record(ids[0]))
    rename(log, "deliveries.log.2")
    log.write(record(ids[1]))
    rename(log)
    log.write(b"\x1f\x8b\x08", name="deliveries.log.3.gz")
    log.write(record(ids[2]))
    assert log.sweep() == (3, 0)
    assert sorted(log.told()) == sorted(ids)


def test_cut_off_and_longer_than_before(log):
    """By its size alone one could not tell."""
    ids = log.handed_over(4)
    log.write(record(ids[0]))
    assert log.sweep() == (1, 0)
    os.truncate(log.path, 0)
    log.write(*(record(n) for n in ids[1:]))
    assert log.sweep() == (3, 0)
    assert log.told() == ids


def test_the_inode_of_one_that_was_removed(log):
    ids = log.handed_over(3)
    log.write(record(ids[0]))
    assert log.sweep() == (1, 0)
    os.remove(log.path)
    log.write(record(ids[1]), record(ids[2]))
    assert log.sweep() == (2, 0)


# ---- the sweeper

def test_killed_before_it_knew_how_far_it_was(log):
    """The lines were written: they are not, again."""
    ids = log.handed_over(3)
    log.write(*(record(n) for n in ids))
    assert log.sweep() == (3, 0)
    log.site.postgres.execute(f"DELETE FROM sluice.delivery_logs WHERE first = '{ids[0]}'")
    assert log.sweep() == (0, 0)
    assert log.told() == ids


def test_several_at_once(log):
    ids = log.handed_over(20)
    log.write(*(record(n) for n in ids))
    command = log_command(log)
    said = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=log_env(log))
            for _ in range(4)]
    for one in said:
        out, err = one.communicate(timeout=60 * process.PATIENCE)
        assert (one.returncode, err) == (0, ""), (out, err)
    assert sorted(log.told()) == sorted(ids)


def log_command(log):
    return process.as_user(log.site.user, [shutil.copy(os.path.join(log.site.prefix, "bin", "sluice"), log.top),
                                           "audit", "deliveries"])


def log_env(log):
    return {**os.environ, **log.site.env, "SLUICE_CONFIG": log.settings}


def test_by_hand(log):
    first, second = log.handed_over(2)
    log.write(record(first), "garbage\n", record(str(uuid.uuid4())), name="kept")
    nothing = subprocess.run([*log_command(log), "/nowhere/at all"], env=log_env(log), capture_output=True, text=True, check=False)
    assert (nothing.returncode, nothing.stdout, nothing.stderr) == (1, "", "sluice: /nowhere/at all: No such file or directory\n")
    said = log.site.sluice("audit", "deliveries", os.path.join(log.top, "kept"))
    assert said.stdout == "noted 1, known 0, of no download 1, not readable 1\n"
    log.write(record(second), record(first))
    said = subprocess.run(log_command(log), env=log_env(log), capture_output=True, text=True, check=True)
    assert said.stdout == "noted 1, known 1, of no download 0, not readable 0\n"
    said = subprocess.run(log_command(log), env=log_env(log), capture_output=True, text=True, check=True)
    assert said.stdout == "noted 0, known 0, of no download 0, not readable 0\n"
    config.write(log.settings, config.merge(log.site.settings, {"audit": {"deliveries": ""}}))
    failed = subprocess.run(log_command(log), env=log_env(log), capture_output=True, text=True, check=False)
    assert failed.returncode == 1 and "audit.deliveries" in failed.stderr


def test_what_is_no_log_is_told(log):
    assert log.sweep() == (0, 0)  # not there yet
    log.write("127.0.0.1 - - GET /\n" * 200)
    log.sweep(status=1)
    os.remove(log.path)
    os.mkdir(log.path)
    log.sweep(status=1)
    os.rmdir(log.path)
    if process.is_root():
        log.write(record(str(uuid.uuid4())))
        os.chmod(log.path, 0o600)
        log.sweep(status=1)
        (download,) = log.handed_over(1)
        log.write(record(download), name="deliveries.log.1")
        assert log.sweep(status=1) == (1, 0)  # the others are read


# ---- by Sluice

@pytest.fixture(scope="module", params=FRONTS)
def unaided(request, fleet):
    site = fleet.start(front=request.param, sendfile=False)
    yield site
    fleet.stop(site)


def test_sluice_counts_what_it_sends(unaided, token):
    small, big = export(unaided), export(unaided, b"x" * 65536, BIG, media="application/octet-stream")
    assert len(curl(url_of(unaided, small), token, headers={"Range": "bytes=100-1099"}).body) == 1000
    assert curl(url_of(unaided, small), token, "HEAD").status == 200
    got = cut(unaided, big, token)
    for job_id, action in ((small, "download"), (small, "head"), (big, "download")):
        process.wait_until(lambda of=(job_id, action): lines(unaided, *of), "its line")
    (line,) = lines(unaided, small, "download")
    assert (line["status"], line["bytes"], line["outcome"]) == (206, 1000, "ok")
    (head,) = lines(unaided, small, "head")
    assert (head["status"], head["bytes"], head["outcome"]) == (200, 0, "ok")
    (line,) = lines(unaided, big, "download")
    assert got <= line["bytes"] < BIG
    assert (line["status"], line["outcome"]) == (200, "client-gone")
    os.remove(unaided.path("stage", "jobs", big, "file-1"))

"""Files of exports: validators, conditions, ranges, resumed downloads; sent by the web server or by Sluice, the same to a client."""

import base64
import contextlib
import gzip
import hashlib
import json
import os
import random
import re
import subprocess
import urllib.parse
import uuid
from email.utils import formatdate

import pytest
import requests

from harness import process, raw
from harness.client import Download, command
from harness.reader import Cut, Reader
from harness.staged import CONTENT, ENDED, digest, export, file_row, insert, job, run, stage

SIZE = len(CONTENT)
DATE, BEFORE, AFTER = (formatdate(ENDED + n, usegmt=True) for n in (0, -1, 1))
WAYS = [(front, sendfile) for front in ("nginx", "mod_proxy_fcgi", "mod_fcgid") for sendfile in (True, False)]
BIG = 48 << 20


def etag_of(content=CONTENT):
    return f'"sha256-{digest(content)[:32]}"'


ETAG = etag_of()


@pytest.fixture(scope="module", params=WAYS, ids=lambda way: f"{way[0]}-{'itself' if way[1] else 'sluice'}")
def way(request, fleet):
    """A site whose web server sends files itself, or leaves it to Sluice."""
    front, sendfile = request.param
    site = fleet.start(front=front, sendfile=sendfile)
    yield site
    fleet.stop(site)


@pytest.fixture(scope="module")
def exporter(issuer):
    return issuer.token()


def path_of(site, job_id, n=1):
    return site.path("stage", "jobs", job_id, f"file-{n}")


def url_of(site, job_id, n=1):
    return f"{site.url}/api/v1/exports/{job_id}/files/{n}"


def ask(url, token, method="GET", **headers):
    """With the body as it came; a header that came twice has both values."""
    sent = {"Authorization": f"Bearer {token}", "Accept-Encoding": "identity",
            **{name.replace("_", "-"): value for name, value in headers.items()}}
    answer = requests.request(method, url, headers=sent, stream=True, timeout=30 * process.PATIENCE)
    answer.body = answer.raw.read(decode_content=False)
    return answer


@pytest.fixture(scope="module")
def one(way):
    return export(way)


CODED = f'W/"sha256-{digest(CONTENT)[:32]}-gzip"'


def varies(answer):
    return [name.strip() for name in answer.headers["Vary"].split(",")]


def check_headers(answer, job_id, content=CONTENT):
    """What every whole or partial answer has."""
    repr_digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
    expected = {"ETag": etag_of(content), "Last-Modified": DATE,
                "Repr-Digest": f"sha-256=:{repr_digest}:", "Content-Type": "text/csv; charset=utf-8",
                "Content-Disposition": "attachment; filename=users.csv", "Cache-Control": "private, no-store",
                "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Sluice-Export-Id": job_id,
                "Content-Encoding": None}
    assert varies(answer) == ["Authorization", "Accept-Encoding"]
    assert {name: answer.headers.get(name) for name in expected} == expected
    # nginx says so where it is of use.
    allowed = ["bytes"] if answer.status_code == 200 and content else ["bytes", None]
    assert answer.headers.get("Accept-Ranges") in allowed


def test_whole(way, one, exporter):
    answer = ask(url_of(way, one), exporter)
    assert (answer.status_code, answer.body) == (200, CONTENT)
    assert answer.headers["Content-Length"] == str(SIZE)
    check_headers(answer, one)
    assert "X-Accel-Redirect" not in answer.headers and "X-Sendfile" not in answer.headers


@pytest.mark.parametrize("route", ["/exports", "/api/v1/exports"])
def test_download_of_the_only_file(way, one, exporter, route):
    answer = ask(f"{way.url}{route}/{one}/download", exporter)
    assert (answer.status_code, answer.body) == (200, CONTENT)
    check_headers(answer, one)


def test_head(way, one, exporter):
    answer = ask(url_of(way, one), exporter, "HEAD", Range="bytes=0-9")
    assert (answer.status_code, answer.body) == (200, b"")
    assert answer.headers["Content-Length"] == str(SIZE)
    check_headers(answer, one)


# What is asked; the status; of 206 the first byte and how many.
RANGES = [
    ({"Range": "bytes=0-0"}, 206, 0, 1),
    ({"Range": "bytes=0-499"}, 206, 0, 500),
    ({"Range": "bytes=70000-200000"}, 206, 70000, 130001),
    ({"Range": "bytes=1000-"}, 206, 1000, SIZE - 1000),
    ({"Range": "bytes=-1"}, 206, SIZE - 1, 1),
    ({"Range": f"bytes=-{SIZE + 5}"}, 206, 0, SIZE),
    ({"Range": "bytes=0-"}, 206, 0, SIZE),
    ({"Range": f"bytes={SIZE - 1}-{SIZE * 9}"}, 206, SIZE - 1, 1),
    ({"Range": "bytes=5-99999999999999999999999"}, 206, 5, SIZE - 5),
    ({"Range": "BYTES=7-8"}, 206, 7, 2),
    ({"Range": "bytes= 7-8 ,"}, 206, 7, 2),
    ({"Range": "bytes=0-1,5-6"}, 200, 0, SIZE),
    ({"Range": "bytes=0-,0-,0-,0-"}, 200, 0, SIZE),
    ({"Range": "lines=0-1"}, 200, 0, SIZE),
    ({"Range": f"bytes={SIZE}-"}, 416, 0, 0),
    ({"Range": "bytes=-0"}, 416, 0, 0),
    ({"Range": "bytes=2-1"}, 416, 0, 0),
    ({"Range": "bytes=a-b"}, 416, 0, 0),
    ({"Range": "bytes="}, 416, 0, 0),
    ({"Range": "bytes=3-9", "If-Range": ETAG}, 206, 3, 7),
    ({"Range": "bytes=3-9", "If-Range": DATE}, 206, 3, 7),
    ({"Range": "bytes=3-9", "If-Range": f"W/{ETAG}"}, 200, 0, SIZE),
    ({"Range": "bytes=3-9", "If-Range": '"other"'}, 200, 0, SIZE),
    ({"Range": "bytes=3-9", "If-Range": BEFORE}, 200, 0, SIZE),
    ({"Range": "bytes=3-9", "If-Range": AFTER}, 200, 0, SIZE),
    ({"Range": "bytes=3-9", "If-Range": "junk"}, 200, 0, SIZE),
    ({"Range": f"bytes={SIZE}-", "If-Range": '"other"'}, 200, 0, SIZE),
    ({"Range": "bytes=0-1,5-6", "If-Range": '"other"'}, 200, 0, SIZE),
    ({"Range": "bytes=3-9", "If-Match": ETAG}, 206, 3, 7),
    ({"Range": "bytes=3-9", "If-None-Match": '"other"'}, 206, 3, 7),
    ({"Range": "bytes=3-9", "If-Modified-Since": BEFORE}, 206, 3, 7),
    ({"Range": "bytes=3-9", "If-Unmodified-Since": AFTER}, 206, 3, 7),
    ({"If-Match": ETAG}, 200, 0, SIZE),
    ({"If-Match": "*"}, 200, 0, SIZE),
    ({"If-None-Match": '"other", "one"'}, 200, 0, SIZE),
    ({"If-None-Match": '"other"', "If-Modified-Since": AFTER}, 200, 0, SIZE),
    # What nginx itself would call the file: by its own time, which is not the export's.
    ({"If-None-Match": f'"{ENDED - 1:x}-{SIZE:x}"'}, 200, 0, SIZE),
    ({"Range": "bytes=3-9", "If-Range": f'"{ENDED - 1:x}-{SIZE:x}"'}, 200, 0, SIZE),
    ({"If-Modified-Since": BEFORE}, 200, 0, SIZE),
    ({"If-Modified-Since": "junk"}, 200, 0, SIZE),
    ({"If-Unmodified-Since": DATE}, 200, 0, SIZE),
    ({"If-Match": '"other"'}, 412, 0, 0),
    ({"If-Match": f"W/{ETAG}"}, 412, 0, 0),
    ({"If-Unmodified-Since": BEFORE}, 412, 0, 0),
    ({"Range": f"bytes={SIZE}-", "If-Match": '"other"'}, 412, 0, 0),
    ({"If-None-Match": ETAG}, 304, 0, 0),
    ({"If-None-Match": f'"other", W/{ETAG}'}, 304, 0, 0),
    ({"If-None-Match": "*"}, 304, 0, 0),
    ({"If-Modified-Since": DATE}, 304, 0, 0),
    ({"If-Modified-Since": AFTER}, 304, 0, 0),
    ({"Range": "bytes=3-9", "If-None-Match": ETAG}, 304, 0, 0),
]


def check_answer(answer, job_id, status, first, length):
    assert answer.status_code == status
    extent = answer.headers.get("Content-Range")
    if status in (200, 206):
        assert answer.body == CONTENT[first:first + length]
        assert answer.headers["Content-Length"] == str(length)
        assert extent == (f"bytes {first}-{first + length - 1}/{SIZE}" if status == 206 else None)
        check_headers(answer, job_id)
    elif status == 304:
        assert answer.body == b"" and extent is None
        assert (answer.headers["ETag"], answer.headers["Cache-Control"]) == (ETAG, "private, no-store")
    else:
        assert json.loads(answer.body)["status"] == status
        assert extent == (f"bytes */{SIZE}" if status == 416 else None)


def test_ranges_and_conditions(way, one, exporter):
    """The same to a client whoever sends the bytes."""
    for headers, status, first, length in RANGES:
        answer = ask(url_of(way, one), exporter, **headers)
        try:
            check_answer(answer, one, status, first, length)
        except AssertionError as failure:
            raise AssertionError(f"{headers}: {answer.status_code} {dict(answer.headers)}") from failure


def test_any_part(way, one, exporter):
    chance = random.Random(5)
    for _ in range(20):
        first = chance.randrange(SIZE)
        last = chance.randrange(first, SIZE)
        answer = ask(url_of(way, one), exporter, Range=f"bytes={first}-{last}")
        check_answer(answer, one, 206, first, last - first + 1)


def test_resumed_by_curl(way, one, exporter, tmp_path):
    """curl -C - after a cut, and once more when there is nothing left."""
    target = tmp_path / "users.csv"
    for had in (0, 1, SIZE // 3, SIZE - 1, SIZE):
        target.write_bytes(CONTENT[:had])
        line = command(url_of(way, one), exporter, options=("-C", "-", "-o", str(target), "--max-time", "60"))
        subprocess.run(line, stdin=subprocess.DEVNULL, check=True)
        assert digest(target.read_bytes()) == digest(CONTENT), had


def test_resumed_after_a_real_cut(way, exporter, tmp_path):
    """As often as it takes, each time from where the last one was given up."""
    chance = random.Random(9)
    content = chance.randbytes(24 << 20)
    job_id = export(way, content, media="application/octet-stream")
    target = tmp_path / "blob"
    for rate in ("1M", "2M"):
        line = command(url_of(way, job_id), exporter, options=("-N", "-C", "-", "-o", str(target), "--limit-rate", rate))
        had = target.stat().st_size if target.exists() else 0
        with subprocess.Popen(line, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as curl:
            process.wait_until(lambda: target.exists() and target.stat().st_size > had, "some of it")
            curl.kill()
        assert had < target.stat().st_size < len(content)
    subprocess.run(command(url_of(way, job_id), exporter, options=("-C", "-", "-o", str(target))), check=True)
    assert digest(target.read_bytes()) == digest(content)


@pytest.mark.parametrize("headers", [{}, {"Accept-Encoding": "gzip"}, {"If-None-Match": ETAG}, {"If-Match": '"other"'},
                                     {"If-Modified-Since": DATE}], ids=str)
def test_head_is_as_get(way, one, exporter, headers):
    """All of its headers but those of the connection, of the moment, and of a body without a known length."""
    def told(method):
        answer = ask(url_of(way, one), exporter, method, **headers)
        aside = {"date", "connection", "keep-alive", "transfer-encoding", "sluice-delivery", "content-length"
                 if "gzip" in answer.headers.get("Content-Encoding", "") or answer.status_code == 412 else ""}
        return answer.status_code, {name.lower(): value for name, value in answer.headers.items() if name.lower() not in aside}
    assert told("HEAD") == told("GET")


def test_http_1_0(way, one, exporter, tmp_path):
    target = tmp_path / "users.csv"
    for options, expected in (((), CONTENT), (("-r", "5-1004"), CONTENT[5:1005]), (("--compressed",), CONTENT)):
        line = command(url_of(way, one), exporter, options=("-0", "-f", "-o", str(target), *options))
        subprocess.run(line, stdin=subprocess.DEVNULL, check=True)
        assert target.read_bytes() == expected, options


@pytest.mark.parametrize("fields", [
    [("Range", "bytes=0-9"), ("Range", "bytes=0-")], [("Range", "bytes=0-"), ("Range", "bytes=0-9")],
    [("Range", "bytes=0-9"), ("If-Range", '"other"'), ("If-Range", ETAG)],
    [("Range", "bytes=0-9"), ("If-Range", f"{ETAG} ")], [("Range", "bytes=0-9"), ("If-Range", f"{ETAG}, {ETAG}")],
    [("Request-Range", "bytes=0-9")], [("Range", "bytes=0-9"), ("Request-Range", "bytes=0-99")],
], ids=str)
def test_what_two_could_read_differently(way, exporter, fields):
    """The web server sends what Sluice has said: what its line of the audit has."""
    job_id = export(way)
    answer = raw.ask(way, f"/api/v1/exports/{job_id}/files/1", [("Authorization", f"Bearer {exporter}".encode()), *(
        (name, value.encode()) for name, value in fields)])
    if answer.status == 400:
        return  # nginx takes no second If-Range
    assert answer.status in (200, 206, 416)
    if answer.status == 206:
        first, last = map(int, answer.headers["content-range"].split(" ")[1].split("/")[0].split("-"))
        assert answer.body == CONTENT[first:last + 1]
    elif answer.status == 200:
        assert answer.body == CONTENT
    # With Request-Range, which Apache alone knows, it is the web server's log that has it.
    if fields[0][0] != "Request-Range":
        process.wait_until(lambda: audited(way, job_id), "its line")
        ((status, sent, _, _),) = audited(way, job_id)
        assert (status, 0 if status == 416 else sent) == (answer.status, 0 if status == 416 else len(answer.body))


def audited(way, job_id):
    return run(way.postgres, "SELECT status, bytes, outcome, definition::json FROM sluice.audit"
               " WHERE definition::jsonb ->> 'export' = %s AND action = 'download'", job_id)


def test_far_into_a_large_file(way, exporter):
    """Past what 32 bits can say, and sizes past 4 GiB."""
    size = 5 * 2**30
    job_id = export(way, b"begin", size)
    answer = ask(url_of(way, job_id), exporter, Range="bytes=4294967290-4294967299")
    assert (answer.status_code, answer.body) == (206, bytes(10))
    assert answer.headers["Content-Range"] == f"bytes 4294967290-4294967299/{size}"
    answer = ask(url_of(way, job_id), exporter, "HEAD")
    assert answer.headers["Content-Length"] == str(size)
    os.remove(path_of(way, job_id))


def test_empty_file(way, exporter):
    job_id = export(way, b"")
    answer = ask(url_of(way, job_id), exporter)
    assert (answer.status_code, answer.body, answer.headers["Content-Length"]) == (200, b"", "0")
    check_headers(answer, job_id, b"")
    answer = ask(url_of(way, job_id), exporter, Range="bytes=-5")
    assert (answer.status_code, answer.body) == (200, b"")
    answer = ask(url_of(way, job_id), exporter, Range="bytes=0-")
    assert (answer.status_code, answer.headers["Content-Range"]) == (416, "bytes */0")


@pytest.mark.parametrize("name", ["a\r\nX-Injected: 1\r\n\r\n.csv", 'a"; filename="b.exe', "a\\b/c%41.csv", "\u202egpj.exe",
                                  "x" * 200 + ".csv", "名前 🧾.csv", "\x7f\x01.csv", "a;b,c='d'.csv"], ids=ascii)
def test_hostile_names(way, exporter, name):
    """One header, whose quoted name is plain and whose other one is the name to the byte."""
    answer = ask(url_of(way, export(way, name=name)), exporter)
    assert (answer.status_code, answer.body) == (200, CONTENT) and "X-Injected" not in answer.headers
    disposition = answer.headers["Content-Disposition"]
    found = re.fullmatch(r"attachment; filename=(?:[\w.-]+|\"([\w.-]+)\"; filename\*=UTF-8\'\'([\w.%-]+))", disposition, re.ASCII)
    assert found, disposition
    if found[2]:
        assert urllib.parse.unquote(found[2], errors="strict") == name


def test_names(way, exporter):
    job_id = export(way, name='Kundų "sąrašas".csv')
    answer = ask(url_of(way, job_id), exporter)
    assert answer.headers["Content-Disposition"] == (
        "attachment; filename=\"Kund___s_ra_as_.csv\"; filename*=UTF-8''Kund%C5%B3%20%22s%C4%85ra%C5%A1as%22.csv")


# ---- coded on the way

def test_coded(way, one, exporter):
    answer = ask(url_of(way, one), exporter, Accept_Encoding="gzip")
    assert answer.status_code == 200
    if way.front == "mod_fcgid":  # a body whose length is not known could be cut unseen
        assert answer.body == CONTENT
        check_headers(answer, one)
        return
    assert answer.headers["Content-Encoding"] == "gzip"
    assert (answer.headers["ETag"], answer.headers["Accept-Ranges"]) == (CODED, "none")
    assert "Repr-Digest" not in answer.headers and "Content-Length" not in answer.headers
    assert varies(answer) == ["Authorization", "Accept-Encoding"]
    assert gzip.decompress(answer.body) == CONTENT
    answer = ask(url_of(way, one), exporter, Accept_Encoding="gzip", If_None_Match=CODED)
    assert (answer.status_code, answer.headers["ETag"]) == (304, CODED)


def test_not_coded(way, one, exporter):
    """Parts, what the client has as it is, and what is no text."""
    answer = ask(url_of(way, one), exporter, Accept_Encoding="gzip", Range="bytes=0-99")
    check_answer(answer, one, 206, 0, 100)
    answer = ask(url_of(way, one), exporter, Accept_Encoding="gzip", If_None_Match=ETAG)
    check_answer(answer, one, 304, 0, 0)
    answer = ask(url_of(way, one), exporter, Accept_Encoding="gzip", If_Match=ETAG)
    check_answer(answer, one, 200, 0, SIZE)
    packed = export(way, name="users.csv.gz", media="application/gzip")
    answer = ask(url_of(way, packed), exporter, Accept_Encoding="gzip")
    assert (answer.body, answer.headers.get("Content-Encoding")) == (CONTENT, None)
    assert (answer.headers["ETag"], varies(answer)) == (ETAG, ["Authorization"])


# ---- what is not there, or not as it was

def check_refused(answer, status):
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert json.loads(answer.body)["status"] == status
    assert "ETag" not in answer.headers and "Content-Disposition" not in answer.headers
    return answer


def test_missing(way, exporter):
    job_id = export(way)
    os.remove(path_of(way, job_id))
    check_refused(ask(url_of(way, job_id), exporter), 410)
    assert ask(url_of(way, job_id), exporter, "HEAD").status_code == 410


@pytest.mark.parametrize("change", [-1, 1, -SIZE])
def test_of_another_size(way, exporter, change):
    job_id = export(way)
    os.truncate(path_of(way, job_id), SIZE + change)
    check_refused(ask(url_of(way, job_id), exporter), 500)
    assert ask(url_of(way, job_id), exporter, "HEAD").status_code == 500


def test_another_kind_of_file(way, exporter):
    job_id = export(way)
    path = path_of(way, job_id)
    os.remove(path)
    os.symlink(way.config, path)
    check_refused(ask(url_of(way, job_id), exporter), 500)
    os.remove(path)
    os.mkfifo(path)
    check_refused(ask(url_of(way, job_id), exporter), 500)


def test_nothing_outside_the_stage(way, exporter):
    for path in ("../sluice.conf", "jobs/../../sluice.conf", way.config, "./jobs", "jobs//x"):
        job_id = job(way.postgres)
        insert(way.postgres, "job_files", job=job_id, n=1, name="x", path=path, media="text/csv",
               bytes=os.path.getsize(way.config), sha256=digest(b""))
        check_refused(ask(url_of(way, job_id), exporter), 500)


@contextlib.contextmanager
def slow(way, token):
    """A download of BIG bytes that has begun; it and whose file it is."""
    job_id = export(way, b"x" * 65536, BIG, media="application/octet-stream")
    with Download(url_of(way, job_id), token, options=("--limit-rate", "1M")) as download:
        download.wait_received()
        yield download, job_id
    os.remove(path_of(way, job_id))


def test_cut_while_it_is_sent(way, exporter):
    """One that loses its end meanwhile does not arrive looking whole."""
    job_id = export(way, b"x" * 65536, BIG, media="application/octet-stream")
    with Reader(url_of(way, job_id), exporter) as reader:
        reader.read(1)
        os.truncate(path_of(way, job_id), 1 << 20)
        with pytest.raises(Cut):
            reader.rest()
        assert (reader.status, reader.response.headers["Content-Length"]) == (200, str(BIG)) and len(reader.body) < BIG


def test_who_sends(way, exporter):
    """Where the web server does, Sluice is done long before the client."""
    with slow(way, exporter) as (download, job_id):
        if way.sendfile:
            process.wait_until(lambda: audited(way, job_id), "Sluice is done")
        assert download.is_running()
        assert [(line[1], line[2]) for line in audited(way, job_id)] == [(BIG, "handed-over")] * way.sendfile


# ---- who, and when

@pytest.fixture(scope="module")
def behind_nginx(fleet):
    return fleet.of("nginx")


@pytest.mark.parametrize("state, expires, of_file, of_download, retry", [
    ("queued", "infinity", 409, 425, "5"), ("running", "infinity", 409, 425, "5"),
    ("failed", "infinity", 409, 409, None), ("canceled", "infinity", 409, 409, None),
    ("expired", "infinity", 410, 410, None), ("succeeded", "-infinity", 410, 410, None)])
def test_states(behind_nginx, exporter, state, expires, of_file, of_download, retry):
    job_id = job(behind_nginx.postgres, state=state, expires=expires)
    for url, status in ((url_of(behind_nginx, job_id), of_file),
                        (f"{behind_nginx.url}/exports/{job_id}/download", of_download)):
        answer = check_refused(ask(url, exporter), status)
        assert answer.headers.get("Retry-After") == retry


def test_of_others(behind_nginx, issuer):
    """As if it were not there, to whoever did not make it; and no more once its owner has removed it."""
    job_id = export(behind_nginx)
    url = url_of(behind_nginx, job_id)
    check_refused(ask(url, issuer.token(sub="somebody else")), 404)
    check_refused(ask(url, issuer.token(roles=["viewer"])), 403)
    check_refused(ask(url, "junk"), 401)
    assert ask(url, issuer.token()).status_code == 200
    run(behind_nginx.postgres, "UPDATE sluice.jobs SET deleted = now() WHERE id = %s", job_id)
    check_refused(ask(url, issuer.token()), 404)


@pytest.mark.parametrize("n", ["0", "2", "01", "+1", "1x", "-1", "9999999999999999999999"])
def test_no_such_file(behind_nginx, exporter, n):
    check_refused(ask(url_of(behind_nginx, export(behind_nginx), n), exporter), 404)


def test_no_such_job(behind_nginx, exporter):
    for job_id in (str(uuid.uuid4()), "junk", "0" * 36):
        check_refused(ask(url_of(behind_nginx, job_id), exporter), 404)
    check_refused(ask(url_of(behind_nginx, export(behind_nginx)) + "?x=1", exporter), 400)


def test_several_files(behind_nginx, exporter):
    job_id = export(behind_nginx)
    stage(behind_nginx, job_id, 2, b"second")
    file_row(behind_nginx.postgres, job_id, 2, b"second")
    answer = check_refused(ask(f"{behind_nginx.url}/exports/{job_id}/download", exporter), 422)
    assert "files/1 to files/2" in json.loads(answer.body)["detail"]
    assert ask(url_of(behind_nginx, job_id, 2), exporter).body == b"second"


@pytest.mark.parametrize("front", ["nginx"])
def test_the_stage_is_not_open(site, exporter):
    """What nginx sends from is not there for who asks for it by its name."""
    job_id = export(site)
    for before in ("/sluice-stage", "/%73luice-stage", "//sluice-stage", "/./sluice-stage", "/x/../sluice-stage",
                   "/api/v1/../../sluice-stage", "/sluice-stage/x/..", "/sluice-stage/"):
        answer = raw.ask(site, f"{before}/jobs/{job_id}/file-1", [("Authorization", f"Bearer {exporter}".encode()), (
            "X-Accel-Redirect", f"/sluice-stage/jobs/{job_id}/file-1".encode())])
        assert answer.status == 404 and CONTENT[:100] not in answer.body, before


def test_is_audited(behind_nginx, exporter):
    job_id = export(behind_nginx)
    answer = ask(url_of(behind_nginx, job_id), exporter, Range="bytes=0-99")
    assert answer.status_code == 206
    process.wait_until(lambda: audited(behind_nginx, job_id), "its line")
    assert audited(behind_nginx, job_id) == [(206, 100, "handed-over", {"export": job_id, "file": 1})]

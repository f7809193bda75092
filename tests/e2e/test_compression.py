"""Compression, in its two meanings that are never mixed: of the transfer (Accept-Encoding) and of the file (compression=)."""

import gzip
import hashlib
import subprocess

import pytest

from harness import faults, problem, process
from harness.client import Download, curl

ROWS = "/api/v1/tables/users/rows"


def unpack_zstd(data):
    return subprocess.run(["zstd", "-dcq"], input=data, stdout=subprocess.PIPE, check=True).stdout


@pytest.fixture
def get(site, token):
    """Behind each web server in turn."""
    return lambda path, *more, **named: curl(site.url + path, token, *more, **named)


@pytest.fixture
def ask(nginx_site, token):
    return lambda path, *more, **named: curl(nginx_site.url + path, token, *more, **named)


@pytest.fixture(scope="module")
def plain(fleet, issuer):
    answer = curl(fleet.of("nginx").url + ROWS + ".csv", issuer.token())
    assert (answer.exit, answer.status) == (0, 200)
    return answer.body


# ---- the transfer

def test_content_codings(get, plain):
    for accept, coding, unpack in (("gzip", "gzip", gzip.decompress), ("zstd", "zstd", unpack_zstd),
                                   ("br, zstd;q=0.5, gzip;q=0.1", "zstd", unpack_zstd),
                                   ("gzip;q=0.5, zstd;q=0.4", "gzip", gzip.decompress),
                                   ("gzip, deflate, br", "gzip", gzip.decompress)):
        answer = get(f"{ROWS}.csv", headers={"Accept-Encoding": accept})
        assert (answer.exit, answer.status) == (0, 200)
        assert answer.headers["content-encoding"] == coding, accept
        assert answer.headers["content-type"].startswith("text/csv")
        assert answer.headers["content-disposition"] == "attachment; filename=users.csv"
        assert "Accept-Encoding" in answer.headers["vary"]
        assert unpack(answer.body) == plain
        assert len(answer.body) < len(plain) * 0.6


def test_no_coding_unless_it_is_asked_for(get, plain):
    for accept in ("", "identity", "br", "gzip;q=0", "gzip;q=0.3, identity;q=0.5", "deflate"):
        answer = get(f"{ROWS}.csv", headers={"Accept-Encoding": accept} if accept else None)
        assert answer.body == plain and "content-encoding" not in answer.headers, accept
        assert "Accept-Encoding" in answer.headers["vary"]


def test_nothing_acceptable(ask):
    assert "identity" not in problem.check(ask(f"{ROWS}.csv", headers={"Accept-Encoding": "br, identity;q=0"}),
                                           406)["title"]


def test_curl_unpacks_it_by_itself(get, plain):
    answer = get(f"{ROWS}.csv", options=["--compressed"])
    assert answer.body == plain and answer.headers["content-encoding"] in ("gzip", "zstd")


def test_head_says_the_same(get):
    for path, accept in (("rows.csv", "gzip"), ("rows.ndjson?compression=zstd", "gzip"), ("rows.csv", "")):
        url, headers = f"/api/v1/tables/users/{path}", {"Accept-Encoding": accept}
        head, body = get(url, method="HEAD", headers=headers), get(url, headers=headers)
        for name in ("content-type", "content-encoding", "content-disposition", "vary"):
            assert head.headers.get(name) == body.headers.get(name), (path, name)


# ---- the file

FILES = (("gzip", "gz", "application/gzip"), ("zstd", "zst", "application/zstd"), ("zip", "zip", "application/zip"))


def unpacked(kind, path, member):
    """The file by the tools that people have."""
    command = {"gzip": ["gzip", "-dc"], "zstd": ["zstd", "-dcq"], "zip": ["unzip", "-p"]}[kind]
    if kind == "zip":
        names = subprocess.run(["unzip", "-Z1", path], stdout=subprocess.PIPE, check=True, text=True).stdout
        assert names.split() == [member]
        subprocess.run(["unzip", "-tq", path], stdout=subprocess.DEVNULL, check=True)
    return subprocess.run([*command, path], stdout=subprocess.PIPE, check=True).stdout


@pytest.mark.parametrize("kind, suffix, media", FILES)
def test_a_compressed_file(get, plain, tmp_path, kind, suffix, media):
    for path in (f"{ROWS}.csv?compression={kind}", f"{ROWS}.csv.{suffix}"):
        # Whatever the transfer could carry: a file is not compressed twice.
        answer = get(path, headers={"Accept-Encoding": "gzip, zstd"})
        assert (answer.exit, answer.status) == (0, 200)
        assert answer.headers["content-type"] == media and "content-encoding" not in answer.headers
        assert answer.headers["content-disposition"] == f"attachment; filename=users.csv.{suffix}"
        assert "Accept-Encoding" not in answer.headers["vary"]
        name = tmp_path / f"file.{suffix}"
        name.write_bytes(answer.body)
        assert unpacked(kind, name, "users.csv") == plain


def test_of_a_page(ask):
    answer = ask("/export/users?page=2&total_pages=4&compression=gzip&limit=10")
    assert answer.headers["content-disposition"] == "attachment; filename=users_page2_of_4.jsonl.gz"
    assert gzip.decompress(answer.body) == ask("/export/users?page=2&total_pages=4&limit=10").body
    assert ask("/export/users?format=csv&limit=2").headers["content-disposition"] == (
        "attachment; filename=users_page1_of_1.csv")


def test_levels(ask, plain):
    sizes = {}
    for kind, levels in (("gzip", (1, 9)), ("zstd", (1, 19))):
        for level in levels:
            answer = ask(f"{ROWS}.csv?compression={kind}&level={level}&limit=5000")
            unpack = gzip.decompress if kind == "gzip" else unpack_zstd
            assert plain.startswith(unpack(answer.body))
            sizes[kind, level] = len(answer.body)
        assert sizes[kind, levels[0]] > sizes[kind, levels[1]]
    # Some bytes more wherever the database pauses: what there is is given out.
    coded = len(ask(f"{ROWS}.csv?level=9&limit=5000", headers={"Accept-Encoding": "gzip"}).body)
    assert abs(coded - sizes["gzip", 9]) < abs(coded - sizes["gzip", 1]) / 4


def test_what_is_refused(ask):
    for query, status, says in (("compression=bzip2", 400, "none, gzip"), ("compression=", 400, "gzip"),
                                ("compression=gzip&level=99", 400, "level"), ("level=3", 400, "compression"),
                                ("compression=gzip&level=x", 400, "level")):
        assert says in problem.check(ask(f"{ROWS}.csv?{query}"), status)["detail"], query
    assert "agree" in problem.check(ask(f"{ROWS}.csv.gz?compression=zstd"), 400)["detail"]
    assert "agree" in problem.check(ask(f"{ROWS}.csv.gz?compression=none"), 400)["detail"]
    for path in (f"{ROWS}.csv.bz2", f"{ROWS}.gz", f"{ROWS}.csv.", f"{ROWS}.csv.gz.gz"):
        problem.check(ask(path), 406)


def test_an_empty_table(ask, tmp_path):
    for kind, suffix, _ in FILES:
        name = tmp_path / f"file.{suffix}"
        name.write_bytes(ask(f"/api/v1/tables/empty/rows.ndjson.{suffix}").body)
        assert unpacked(kind, name, "empty.ndjson") == b""


def test_the_digest_is_of_what_was_sent(site, token):
    for headers, query in (({"Accept-Encoding": "gzip"}, ""), ({}, "&compression=zip")):
        answer = curl(f"{site.url}{ROWS}.csv?digest=sha-256{query}", token, headers=headers)
        how = faults.ended(site, token, answer.headers["sluice-export-id"])
        assert how["sha256"] == hashlib.sha256(answer.body).hexdigest() and how["bytes"] == len(answer.body)


# ---- an export that fails

@pytest.mark.parametrize("query, accept", [("", "gzip"), ("", "zstd"), ("?compression=gzip", ""),
                                           ("?compression=zstd", ""), ("?compression=zip", "")])
def test_a_failed_one_has_no_end(streaming_site, token, tmp_path, query, accept):
    """Broken off, and what came cannot be taken for a whole file by those who unpack it."""
    answer = curl(f"{streaming_site.url}/api/v1/tables/broken_late/rows.csv{query}", token,
                  headers={"Accept-Encoding": accept})
    assert (answer.exit, answer.status) in ((18, 200), (92, 200)), answer
    kind = accept or query.split("=")[1]
    name = tmp_path / "part"
    name.write_bytes(answer.body)
    command = {"gzip": ["gzip", "-tq"], "zstd": ["zstd", "-tq"], "zip": ["unzip", "-tqq"]}[kind]
    with open(name, "rb") as f:
        done = subprocess.run([*command, *([name] if kind == "zip" else [])], stdin=f, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, check=False)
    assert done.returncode != 0
    how = faults.ended(streaming_site, token, answer.headers["sluice-export-id"])
    assert (how["state"], how["error"]["status"]) == ("failed", 422)


def test_slow_rows_are_not_kept_back(streaming_site, token, postgres):
    """The compressor gives out what it has when the database pauses."""
    with Download(f"{streaming_site.url}/api/v1/tables/pausing/rows.csv", token,
                  options=["-H", "Accept-Encoding: gzip"]) as download:
        download.wait_received()
        faults.terminate(postgres, "pausing")
        download.answer()


def test_memory_of_a_worker(fleet, prefix, token):
    """A compressor is as constant as all else; more than its default level costs what its makers say."""
    if faults.is_sanitized(prefix):
        pytest.skip("the sanitizers' own memory would be measured")
    site = fleet.start(workers=(1, 1))
    for query in ("compression=gzip", "compression=zstd", "compression=zip", "compression=gzip&level=9"):
        answer = curl(f"{site.url}{ROWS}.csv?{query}", token)
        assert (answer.exit, answer.status) == (0, 200)
        peak = max(process.status(pid, "VmHWM") for pid in site.workers("stream"))
        assert peak < 20 * 1024, query
    fleet.stop(site, may_die=False)

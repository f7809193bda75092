"""The manifest of an export, from a real worker, and what `sluice verify` says by it of the files as they were downloaded."""

import json
import os
import subprocess

import pytest

from harness import process, problem
from harness.client import curl
from harness.worker import Worker

EXPORTS = "/api/v1/exports"
TABLES = {"users": {"name": "public.users"}, "slow": {"name": "public.slow"}, "veiled": {"name": "public.users"},
          "unlisted": {"name": "public.users", "columns": ["name", "email"]}}
POLICIES = {"plain": {"tables": ["users", "slow", "unlisted"], "roles": ["*"]},
            "veiled": {"tables": ["veiled"], "roles": ["*"], "masks": ["user_id:hash"]}}
SECRET = "a secret of more than 32 characters, for the masks alone"


@pytest.fixture(scope="module")
def place(fleet):
    made = fleet.start(settings={"tables": TABLES, "policies": POLICIES, "secret": {"key": SECRET}}, workers=(2, 2))
    yield made
    fleet.stop(made, may_die=False)


@pytest.fixture(scope="module")
def worker(place):
    made = Worker(place, 1)
    yield made
    made.stop()


def create(site, token, **body):
    answer = curl(site.url + EXPORTS, token, "POST", {"Content-Type": "application/json"}, json.dumps(body).encode())
    assert answer.status in (200, 202), answer.body
    return f"{site.url}{EXPORTS}/{answer.json()['id']}"


def done(site, token, **body):
    """The URL of a job that has succeeded, and the job."""
    url = create(site, token, **body)
    process.wait_until(lambda: curl(url, token).json()["state"] not in ("queued", "running"), "the job's end", 30)
    job = curl(url, token).json()
    assert job["state"] == "succeeded", job
    return url, job


def manifest_of(url, token):
    answer = curl(f"{url}/manifest", token)
    assert answer.status == 200 and answer.headers["content-type"].startswith("application/json"), answer.body
    return answer.json()


def download(url, token, job, folder):
    """The manifest and the files beside each other, as they came."""
    (folder / "manifest.json").write_bytes(curl(f"{url}/manifest", token).body)
    for one in job["files"]:
        answer = curl(f"{url}/files/{one['n']}", token)
        assert answer.status == 200
        (folder / one["name"]).write_bytes(answer.body)


def verify(site, folder):
    program = os.path.join(site.prefix, "bin", "sluice")
    said = subprocess.run([program, "verify", "manifest.json", str(folder)], capture_output=True, text=True, cwd=folder,
                          timeout=60 * process.PATIENCE, check=False)
    return said.returncode, said.stdout.splitlines(), said.stderr


def flip(path, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


USERS = {"from": "users", "select": ["user_id", "email"]}


@pytest.mark.parametrize("compression", [None, "gzip"])
def test_a_joined_file(place, worker, token, tmp_path, compression):
    url, job = done(place, token, queryDefinition=USERS, format="csv", parallel=2, fileName="people",
                    **({"compression": compression} if compression else {}))
    said = manifest_of(url, token)
    assert (said["version"], said["job"], said["lossy"]) == (1, job["id"], [])
    assert said["request"] == job["request"] and said["request"]["queryDefinition"] == USERS
    assert said["schema"] == job["schema"] and len(said["schema"]) == 24
    assert said["snapshot"] and said["createdBy"].startswith("sluice ")
    assert said["files"] == [{name: one[name] for name in ("name", "media", "bytes", "sha256")} for one in job["files"]]
    assert said["totals"] == {"rows": 20000, "bytes": job["files"][0]["bytes"], "parts": 4, "files": 1}
    parts = said["parts"]
    # A range ends where the next begins; all together are the table's.
    assert (parts[0]["first"], parts[-1]["last"]) == ("1", "20000")
    assert [part["last"] for part in parts[:-1]] == [part["first"] for part in parts[1:]]
    assert [part["rows"] for part in parts[:-1]] == [int(part["last"]) - int(part["first"]) for part in parts[:-1]]

    download(url, token, job, tmp_path)
    name, sizes = job["files"][0]["name"], [part["bytes"] for part in parts]
    assert verify(place, tmp_path) == (0, [f'"{name}": whole, {sum(sizes)} bytes, 4 parts'], "")
    flip(tmp_path / name, sizes[0] + sizes[1] // 2)
    assert verify(place, tmp_path) == (
        1, [f'"{name}": part 2 ({sizes[1]} bytes from byte {sizes[0]} on) is not what was written'], "")


def test_files_of_one_part_each(place, worker, token, tmp_path):
    url, job = done(place, token, queryDefinition=USERS, format="parquet", parallel=2, fileName="people")
    said = manifest_of(url, token)
    assert [part["file"] for part in said["parts"]] == [1, 2] and said["totals"]["rows"] == 20000
    assert [part["sha256"] for part in said["parts"]] == [one["sha256"] for one in job["files"]]
    download(url, token, job, tmp_path)
    whole = [f'"people-{n}.parquet": whole, {one["bytes"]} bytes, 1 parts' for n, one in enumerate(job["files"], 1)]
    assert verify(place, tmp_path) == (0, whole, "")
    flip(tmp_path / "people-2.parquet", 1000)
    status, lines, _ = verify(place, tmp_path)
    assert (status, lines[0]) == (1, whole[0]) and lines[1].startswith('"people-2.parquet": part 2 ')


@pytest.mark.parametrize("table", ["veiled", "unlisted"])
def test_a_key_that_may_not_be_seen_is_not_told(place, worker, token, tmp_path, table):
    """It cuts nothing: what would have been the ranges stands nowhere."""
    url, job = done(place, token, queryDefinition={"from": table, "select": ["email"]}, format="csv", parallel=2)
    said = manifest_of(url, token)
    assert [(part["first"], part["last"], part["rows"]) for part in said["parts"]] == [(None, None, 20000)]
    download(url, token, job, tmp_path)
    assert verify(place, tmp_path)[0] == 0


def test_whose_it_is(place, worker, issuer, token, tmp_path):
    """An admin may check the files, but sees no values of rows, which the ranges are."""
    url, job = done(place, token, queryDefinition=USERS, format="tsv", parallel=2)
    mine = manifest_of(url, token)
    problem.check(curl(f"{url}/manifest", issuer.token(sub="somebody else")), 404)
    problem.check(curl(f"{url}/manifest", issuer.token(roles=["viewer"])), 403)
    admin = issuer.token(sub="an admin", roles=["admin"])
    hidden = [{**part, "first": None, "last": None} for part in mine["parts"]]
    assert manifest_of(url, admin) == {**mine, "parts": hidden} and hidden != mine["parts"]
    download(url, token, job, tmp_path)
    (tmp_path / "manifest.json").write_bytes(curl(f"{url}/manifest", admin).body)
    assert verify(place, tmp_path)[0] == 0
    assert curl(url, token, "DELETE").status == 204
    for whose in (token, admin):
        problem.check(curl(f"{url}/manifest", whose), 404)


def test_files_that_have_expired(place, worker, postgres, token):
    """They are gone, but whoever has them can still check them."""
    url, job = done(place, token, queryDefinition=USERS, format="ndjson", parallel=2)
    said = manifest_of(url, token)
    postgres.execute(f"UPDATE sluice.jobs SET state = 'expired' WHERE id = '{job['id']}'")
    problem.check(curl(f"{url}/files/1", token), 410)
    assert manifest_of(url, token) == said
    postgres.execute(f"DELETE FROM sluice.job_files WHERE job = '{job['id']}'")
    problem.check(curl(f"{url}/manifest", token), 410)


def test_what_has_none(place, worker, token):
    """While it runs, when it was canceled, when it is none at all."""
    url = create(place, token, queryDefinition={"from": "slow"}, format="csv")
    process.wait_until(lambda: curl(url, token).json()["state"] == "running", "its start", 30)
    answer = curl(f"{url}/manifest", token)
    assert problem.check(answer, 409)["detail"] == "this export is not done yet: it is running"
    assert int(answer.headers["retry-after"]) >= 1
    assert curl(url, token, "DELETE").status == 204
    process.wait_until(lambda: curl(url, token).json()["state"] == "canceled", "the job's end", 30)
    assert "was canceled" in problem.check(curl(f"{url}/manifest", token), 409)["detail"]
    for job in ("00000000-0000-4000-8000-000000000000", "none"):
        problem.check(curl(f"{place.url}{EXPORTS}/{job}/manifest", token), 404)
    problem.check(curl(f"{url}/manifest?colour=1", token), 400)

"""Exports as jobs, from the request to the file: run by real workers, judged by PostgreSQL asked directly."""

import csv
import gzip
import hashlib
import io
import json
import os
import signal
import subprocess

import pytest

from harness import problem, process
from harness.client import curl
from harness.worker import Worker

EXPORTS = "/api/v1/exports"


@pytest.fixture(scope="module")
def place(fleet):
    made = fleet.start(settings={"tables": {"users": {"name": "public.users"}, "slow": {"name": "public.slow"},
                                            "endless": {"name": "public.endless"}}}, workers=(2, 2))
    yield made
    fleet.stop(made, may_die=False)


@pytest.fixture(scope="module")
def worker(place):
    made = Worker(place, 2)
    yield made
    made.stop()


def create(site, token, headers=None, **body):
    return curl(site.url + EXPORTS, token, "POST", {"Content-Type": "application/json", **(headers or {})},
                json.dumps(body).encode())


def state_of(site, token, job):
    answer = curl(f"{site.url}{EXPORTS}/{job}", token)
    assert answer.status == 200, answer.body
    return answer.json()


def ended(site, token, job, seconds=30):
    process.wait_until(lambda: state_of(site, token, job)["state"] not in ("queued", "running"), "the job's end", seconds)
    return state_of(site, token, job)


def made(site, token, **body):
    """A job that succeeds."""
    answer = create(site, token, **body)
    assert answer.status == 202, answer.body
    job = ended(site, token, answer.json()["id"])
    assert job["state"] == "succeeded", job
    return job


def download(site, token, job):
    answer = curl(f"{site.url}{EXPORTS}/{job['id']}/download", token)
    assert answer.status == 200, answer.body
    assert hashlib.sha256(answer.body).hexdigest() == job["files"][0]["sha256"]
    return answer.body


USERS = {"from": "users", "select": ["user_id", "email"]}


def test_a_job_from_the_request_to_the_file(place, worker, postgres, token):
    answer = create(place, token, queryDefinition={**USERS, "filter": {"eq": ["country_code", "US"]}}, format="csv",
                    fileName="people of today")
    assert answer.status == 202 and int(answer.headers["retry-after"]) >= 1
    said = answer.json()
    assert answer.headers["location"] == f"{EXPORTS}/{said['id']}" and said["state"] in ("queued", "running", "succeeded")
    job = ended(place, token, said["id"])
    assert job["state"] == "succeeded" and job["progress"]["percent"] == 100, job
    assert [one["name"] for one in job["files"]] == ["people of today.csv"]
    rows = list(csv.reader(io.StringIO(download(place, token, job).decode())))
    want = postgres.execute("SELECT user_id, email FROM users WHERE country_code = 'US' ORDER BY user_id")
    assert rows[0] == ["user_id", "email"]
    assert sorted(rows[1:], key=lambda row: int(row[0])) == [[str(a), b] for a, b in want]
    assert job["progress"]["rows"] == len(want)


@pytest.mark.parametrize("wanted", [
    {"format": "csv", "parallel": 3}, {"format": "ndjson", "parallel": 2, "compression": "gzip"},
    {"format": "tsv", "compression": "zstd"}], ids=str)
def test_parts_are_joined_and_hold_each_row_once(place, worker, token, wanted):
    job = made(place, token, queryDefinition={"from": "users", "select": ["user_id"]}, **wanted)
    body = download(place, token, job)
    if wanted.get("compression") == "gzip":
        body = gzip.decompress(body)
    elif wanted.get("compression") == "zstd":
        body = unpack_zstd(body)
    lines = body.decode().splitlines()
    ids = [json.loads(line)["user_id"] for line in lines] if wanted["format"] == "ndjson" else [
        int(line) for line in lines[1:]]
    assert sorted(ids) == list(range(1, 20001)) and len(job["files"]) == 1


def unpack_zstd(body):
    return subprocess.run(["zstd", "-dc"], input=body, stdout=subprocess.PIPE, check=True).stdout


def test_parts_of_other_formats_are_files(place, worker, token):
    job = made(place, token, queryDefinition={"from": "users", "select": ["user_id"]}, format="json", parallel=2)
    assert [one["name"] for one in job["files"]] == ["users-1.json", "users-2.json"]
    found = []
    for n in (1, 2):
        answer = curl(f"{place.url}{EXPORTS}/{job['id']}/files/{n}", token)
        found += [row["user_id"] for row in answer.json()]
    assert sorted(found) == list(range(1, 20001))


@pytest.mark.parametrize("body, pointer", [
    ({}, ""), ({"queryDefinition": USERS}, ""), ({"queryDefinition": USERS, "format": "wav"}, "/format"),
    ({"queryDefinition": {"from": "users", "select": ["colour"]}, "format": "csv"}, "/queryDefinition/select/0"),
    ({"queryDefinition": USERS, "format": "csv", "colour": 1}, "/colour"),
    ({"queryDefinition": USERS, "format": "csv", "fileName": "../x"}, "/fileName"),
    ({"queryDefinition": USERS, "format": "csv", "parallel": 99}, "/parallel"),
    ({"queryDefinition": USERS, "format": "parquet", "compression": "gzip"}, "/compression"),
    ({"queryDefinition": USERS, "format": "csv", "options": {"delimiter": "long"}}, "/options"),
    ({"queryDefinition": USERS, "format": "csv", "options": {"null": 1e200}}, "/options/null"),
    ({"queryDefinition": USERS, "format": "csv", "options": {"null": 10 ** 20}}, "/options/null"),
    ({"queryDefinition": USERS, "format": "csv", "expiresIn": "900d"}, "/expiresIn")], ids=str)
def test_what_cannot_be_is_told_at_once(place, token, body, pointer):
    said = problem.check(create(place, token, **body), 400)
    assert said["errors"][0]["pointer"] == pointer
    problem.check(create(place, token, queryDefinition={"from": "nowhere"}, format="csv"), 404)


@pytest.mark.parametrize("key", ["k\udcff", "\udcc3", "k" * 256])
def test_a_key_that_cannot_be_kept(place, token, key):
    problem.check(create(place, token, {"Idempotency-Key": key}, queryDefinition=USERS, format="csv"), 400)


def test_more_rows_than_can_be_counted(make_site, postgres, token):
    """As the planner has it, of what was joined without a condition by mistake."""
    postgres.execute("CREATE VIEW vast AS SELECT a.id FROM endless a, endless b; GRANT SELECT ON vast TO sluice")
    try:
        job = create(make_site(settings={"tables": {"vast": {"name": "public.vast"}}}), token,
                     queryDefinition={"from": "vast"}, format="csv")
        assert job.status == 202 and job.json()["progress"]["estimatedRows"] == 9 * 10 ** 18
    finally:
        postgres.execute("DROP VIEW vast; DELETE FROM sluice.jobs WHERE state = 'queued'")


def test_a_running_job_is_canceled(place, worker, postgres, token):
    job = create(place, token, queryDefinition={"from": "endless"}, format="csv").json()["id"]
    process.wait_until(lambda: state_of(place, token, job)["progress"]["rows"] > 0, "rows", 40)
    assert curl(f"{place.url}{EXPORTS}/{job}", token, "DELETE").status == 204
    process.wait_until(lambda: not [one for one in postgres.sessions() if "endless" in one[2] and one[1] == "active"],
                       "the query's end", 10)
    assert ended(place, token, job)["state"] == "canceled"
    left = os.path.join(place.settings["stage"]["dir"], "jobs", job)
    process.wait_until(lambda: not os.path.isdir(left) or not os.listdir(left), "no files", 5)


@pytest.mark.slow
@pytest.mark.workers_die
def test_a_part_whose_process_is_killed_is_made_again(place, worker, token):
    job = create(place, token, queryDefinition={"from": "slow"}, format="csv").json()["id"]
    process.wait_until(lambda: worker.pids()[1], "a part's process", 20)
    os.kill(worker.pids()[1][0], signal.SIGKILL)
    ended_job = ended(place, token, job, 120)
    assert ended_job["state"] == "succeeded" and ended_job["progress"]["rows"] == 1000
    assert any("made again" in note["text"] for note in ended_job["notes"])


def test_others_see_nothing_of_a_job(place, worker, issuer, token):
    job = made(place, token, queryDefinition={"from": "users", "select": ["user_id"]}, format="tsv",
               options={"header": "false"})
    other = issuer.token(sub="somebody else")
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/download"), ("GET", "/files/1")):
        problem.check(curl(f"{place.url}{EXPORTS}/{job['id']}{path}", other, method), 404)
    assert job["id"] not in curl(place.url + EXPORTS, other).text()
    mine = curl(f"{place.url}{EXPORTS}?state=succeeded", token).json()["exports"]
    assert job["id"] in [one["id"] for one in mine]
    assert curl(f"{place.url}{EXPORTS}/{job['id']}", token, "DELETE").status == 204
    problem.check(curl(f"{place.url}{EXPORTS}/{job['id']}", token), 404)


def test_the_same_again_is_the_first_job(place, worker, token):
    body = {"queryDefinition": {"from": "users", "select": ["name"]}, "format": "csv"}
    first = create(place, token, **body)
    again = create(place, token, **body)
    assert (first.status, again.status) == (202, 200) and first.json()["id"] == again.json()["id"]
    keyed = [create(place, token, {"Idempotency-Key": "k1"}, **body) for _ in range(2)]
    assert keyed[0].json()["id"] == keyed[1].json()["id"] != first.json()["id"]
    other = {**body, "format": "tsv"}
    problem.check(create(place, token, {"Idempotency-Key": "k1"}, **other), 422)


def test_a_page_of_long_requests_is_a_short_one(place, issuer):
    """Each of nearly 1 MiB: of many of these the answer, and whoever makes it, would be of any size."""
    bearer = issuer.token(sub="asks for much")

    def request(n):
        values = [f"{value}" + "x" * 900 for value in range(999)]
        return {"queryDefinition": {"from": "users", "filter": {"in": ["name", [*values, f"{n}"]]}}, "format": "csv"}

    def schedule(n):
        body = json.dumps({"name": f"{n}", "cron": "@yearly", "export": request(n)}).encode()
        return curl(f"{place.url}/api/v1/schedules", bearer, "POST", data=body).json()["id"]

    asked = [create(place, bearer, **request(n)).json()["id"] for n in range(8)]
    schedules = [schedule(n) for n in range(6)]
    for path, name, ids in ((EXPORTS, "exports", asked), ("/api/v1/schedules", "schedules", schedules)):
        pages, token = [], ""
        while token is not None:
            answer = curl(f"{place.url}{path}?pageSize=200{token and '&pageToken=' + token}", bearer)
            assert answer.status == 200 and len(answer.body) < 6 << 20
            pages.append([one["id"] for one in answer.json()[name]])
            token = answer.json()["nextPageToken"]
        assert [one for page in pages for one in page] == ids[::-1] and [len(page) for page in pages] == [5, len(ids) - 5]
    assert [curl(f"{place.url}{EXPORTS}/{one}", bearer, "DELETE").status for one in asked] == [204] * 8

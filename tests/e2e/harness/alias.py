"""The short routes to exports as jobs (docs/aliases.md)."""

import json

from . import process
from .client import curl


def ask(site, token, body=None, headers=None, **members):
    """POST /exports."""
    text = json.dumps(members).encode() if body is None else body
    return curl(f"{site.url}/exports", token, "POST", {"Content-Type": "application/json", **(headers or {})}, text)


def made(site, token, **members):
    """The id of one that is made."""
    answer = ask(site, token, **members)
    assert (answer.status, answer.json()["status"]) == (201, "pending"), answer.body
    job = answer.json()["exportId"]
    assert list(answer.json()) == ["exportId", "status"] and answer.headers["location"] == f"/exports/{job}/status"
    return job


def ask_csv(site, token, query="", headers=None, data=None):
    """POST /exports/csv."""
    return curl(f"{site.url}/exports/csv{query}", token, "POST", headers, data)


def url(site, job):
    return f"{site.url}/exports/{job}/download"


def remove(site, token, job):
    return curl(f"{site.url}/exports/{job}", token, "DELETE")


def status(site, token, job):
    answer = curl(f"{site.url}/exports/{job}/status", token)
    assert answer.status == 200, answer.body
    return answer.json()


def wait_status(site, token, job, *wanted, seconds=10):
    found = []

    def is_so():
        found[:] = [status(site, token, job)]
        return found[0]["status"] in wanted
    process.wait_until(is_so, f"{job} is {wanted}", seconds)
    return found[0]


def job(site, token, job_id):
    """As /api/v1/exports shows it."""
    answer = curl(f"{site.url}/api/v1/exports/{job_id}", token)
    assert answer.status == 200, answer.body
    return answer.json()

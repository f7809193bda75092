"""Exports that are done, with files of their own, put where a worker would have put them."""

import hashlib
import os
import uuid
from email.utils import formatdate

from . import process

CONTENT = b"".join(b"%d,a line of text\r\n" % n for n in range(60000))
ENDED = 1700000000
REQUEST = '{"queryDefinition": {"from": "users"}, "format": "csv"}'


def digest(content):
    return hashlib.sha256(content).hexdigest()


def run(postgres, sql, *values):
    connection = postgres.connect()
    try:
        with connection.cursor() as cursor:
            cursor.execute("SET session_replication_role = replica")  # a job may begin in any state
            cursor.execute(sql, values)
            return cursor.fetchall() if cursor.description else None
    finally:
        connection.close()


def insert(postgres, table, **values):
    names, marks = ", ".join(values), ", ".join(["%s"] * len(values))
    run(postgres, f"INSERT INTO sluice.{table} ({names}) VALUES ({marks})", *values.values())


def job(postgres, state="succeeded", subject="tester", expires="infinity", **more):
    """A row of a job; its id."""
    job_id = str(uuid.uuid4())
    values = {"id": job_id, "subject": subject, "principal": '{"claims": {}}', "request": REQUEST, "payload": bytes(32),
              "state": state, "expires": expires, **more}
    if state not in ("queued", "running"):
        values["ended"] = formatdate(ENDED)
    if state == "running":
        values["lease_until"] = "infinity"
    insert(postgres, "jobs", **values)
    return job_id


def stage(site, job_id, n, content=CONTENT, size=None):
    """The file, with the rights that the workers' user makes it with; size: of one with a hole at its end."""
    folder = site.path("stage", "jobs", job_id)
    for path in (os.path.dirname(folder), folder):
        if not os.path.isdir(path):
            os.mkdir(path, 0o700)
            process.give(path, site.user)
    path = os.path.join(folder, f"file-{n}")
    with open(path, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as f:
        f.write(content)
        if size:
            f.truncate(size)
    os.utime(path, (ENDED - 1, ENDED - 1))
    process.give(path, site.user)
    return path


def file_row(postgres, job_id, n=1, content=CONTENT, size=None, name="users.csv", media="text/csv; charset=utf-8"):
    insert(postgres, "job_files", job=job_id, n=n, name=name, path=f"jobs/{job_id}/file-{n}", media=media,
           bytes=size or len(content), sha256=digest(content))


def export(site, content=CONTENT, size=None, **more):
    """A job that is done, with one file; its id."""
    job_id = job(site.postgres)
    stage(site, job_id, 1, content, size)
    file_row(site.postgres, job_id, 1, content, size, **more)
    return job_id

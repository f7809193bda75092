"""What became of an export can be asked afterwards, by who made it: GET /api/v1/exports/{Sluice-Export-Id}."""

import datetime
import hashlib

import pytest

from harness import faults, process
from harness.client import Download, curl
from harness.faults import check_problem, outcome, rows_url

NEVER_MADE = "00000000-0000-7000-8000-000000000000"


@pytest.mark.parametrize("suffix, table, rows", [("csv", "few", faults.FEW), ("ndjson", "numbers", faults.ROWS),
                                                 ("csv", "empty", 0)])
def test_of_a_good_one(fault_site, token, suffix, table, rows):
    answer = curl(rows_url(fault_site, table, suffix, digest="sha-256"), token)
    assert (answer.exit, answer.status) == (0, 200)
    how = faults.ended(fault_site, token, answer.headers["sluice-export-id"])
    assert (how["state"], how["error"]) == ("succeeded", None)
    assert (how["table"], how["format"], how["rows"]) == (table, suffix, rows)
    assert how["bytes"] == len(answer.body)
    assert how["sha256"] == hashlib.sha256(answer.body).hexdigest()
    began, ended, expires = (datetime.datetime.fromisoformat(how[name]) for name in ("startedAt", "endedAt", "expiresAt"))
    assert began < ended < expires


def test_of_a_part(fault_site, token):
    answer = curl(rows_url(fault_site, "users", limit=10), token)
    how = faults.ended(fault_site, token, answer.headers["sluice-export-id"])
    assert (how["state"], how["rows"], how["bytes"]) == ("succeeded", 10, len(answer.body))
    assert how["sha256"] is None  # nobody asked


def test_while_it_runs(fault_site, token, postgres):
    with Download(rows_url(fault_site, "pausing", digest="sha-256"), token) as download:
        faults.wait_query(postgres, "pausing")
        export_id = faults.running_id(postgres, "pausing")
        answer = outcome(fault_site, token, export_id)
        how = answer.json()
        assert how["id"] == export_id
        assert (how["state"], how["rows"], how["bytes"], how["sha256"]) == ("running", None, None, None)
        assert how["endedAt"] is None and how["error"] is None
        faults.terminate(postgres, "pausing")
        download.answer()
    how = faults.ended(fault_site, token, export_id)
    assert (how["state"], how["error"]["status"], how["sha256"]) == ("failed", 502, None)


def test_of_one_whose_client_hung_up(streaming_site, token, postgres):
    with Download(rows_url(streaming_site, "pausing"), token) as download:
        download.wait_received()
        export_id = download.header("sluice-export-id")
        download.hang_up()
        how = faults.ended(streaming_site, token, export_id)
    assert (how["state"], how["error"]["type"]) == ("failed", "urn:sluice:problem:client-gone")


def test_bytes_of_a_failed_one_are_those_that_left(fault_site, token):
    answer = curl(rows_url(fault_site, "broken_late"), token)
    how = faults.ended(fault_site, token, answer.headers["sluice-export-id"])
    assert how["state"] == "failed" and how["error"]["status"] == 422
    assert 0 < how["rows"] < faults.LATE
    if fault_site.front == "mod_fcgid":
        assert how["bytes"] == 0
    else:
        assert len(answer.body) <= how["bytes"]


def test_is_for_who_made_it_alone(fault_site, token, issuer):
    export_id = curl(rows_url(fault_site, "few"), token).headers["sluice-export-id"]
    assert outcome(fault_site, token, export_id).status == 200
    answer = outcome(fault_site, issuer.token(sub="somebody-else"), export_id)
    check_problem(answer, 404)
    assert answer.json()["detail"] == outcome(fault_site, token, NEVER_MADE).json()["detail"]
    assert outcome(fault_site, None, export_id).status == 401


@pytest.mark.parametrize("export_id", [NEVER_MADE, "nonsense", "00000000-0000-7000-8000-00000000000g", "%27"])
def test_of_an_unknown_one(fault_site, token, export_id):
    check_problem(outcome(fault_site, token, export_id), 404)


def test_is_kept_no_longer_than_configured(make_site, front, token, postgres):
    site = make_site(front=front, settings={"metadata": {"keep": "1s"}})
    export_id = curl(rows_url(site, "empty"), token).headers["sluice-export-id"]
    process.wait_until(lambda: outcome(site, token, export_id).status == 404, "it is no longer kept")
    check_problem(outcome(site, token, export_id), 404)
    # A process deletes what has expired when it notes its first export.
    assert postgres.execute(f"SELECT count(*) FROM sluice.outcomes WHERE id = '{export_id}'") == [(1,)]
    if front != "mod_fcgid":
        for pid in site.workers("stream"):
            faults.leave(pid)
        curl(rows_url(site, "empty"), token)
        assert postgres.execute(f"SELECT count(*) FROM sluice.outcomes WHERE id = '{export_id}'") == [(0,)]


def test_is_404_where_none_is_kept(make_site, token):
    site = make_site(settings={"metadata": {"database": ""}})
    answer = curl(rows_url(site, "users"), token)
    assert (answer.exit, answer.status) == (0, 200)
    check_problem(outcome(site, token, answer.headers["sluice-export-id"]), 404)


# ---- that cannot be kept

def locks(postgres):
    return postgres.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")[0][0]


@pytest.fixture
def one_worker(fleet):
    site = fleet.start(workers=(1, 1))
    yield site
    fleet.stop(site)


def test_an_end_that_cannot_be_noted_does_not_run_for_ever(one_worker, token, postgres):
    """The file arrived, the log tells, and nobody is told that it still runs."""
    url = f"{one_worker.url}/api/v1/tables/users/rows.csv?limit=3"
    before = locks(postgres)
    postgres.execute("CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''no''; END';"
                     "CREATE TRIGGER refuse BEFORE UPDATE ON sluice.outcomes EXECUTE FUNCTION refuse()")
    try:
        answers = [curl(url, token) for _ in range(3)]
        assert all((answer.exit, answer.status) == (0, 200) for answer in answers)
        process.wait_until(lambda: locks(postgres) == before, "the end of the locks")
        for answer in answers:
            how = faults.ended(one_worker, token, answer.headers["sluice-export-id"])
            assert how["state"] == "failed" and "died" in how["error"]["detail"]
    finally:
        postgres.execute("DROP FUNCTION refuse() CASCADE")
    answer = curl(url, token)
    assert faults.ended(one_worker, token, answer.headers["sluice-export-id"])["state"] == "succeeded"


@pytest.mark.parametrize("change, back", [
    ("ALTER TABLE sluice.outcomes RENAME COLUMN lossy TO other", "ALTER TABLE sluice.outcomes RENAME COLUMN other TO lossy"),
    ("ALTER TABLE sluice.schemas RENAME TO others", "ALTER TABLE sluice.others RENAME TO schemas"),
    ("ALTER TABLE sluice.audit RENAME TO others", "ALTER TABLE sluice.others RENAME TO audit"),
    ("ALTER TABLE sluice.cache RENAME TO others", "ALTER TABLE sluice.others RENAME TO cache"),
    ("ALTER TABLE sluice.links RENAME TO others", "ALTER TABLE sluice.others RENAME TO links"),
    ("ALTER SCHEMA sluice RENAME TO other", "ALTER SCHEMA other RENAME TO sluice")])
def test_a_schema_that_was_not_migrated_is_refused(fleet, token, postgres, change, back):
    """Nothing is exported whose outcome could not be asked, and the answer says what to do."""
    site = fleet.start(workers=(1, 1))
    postgres.execute(change)
    try:
        answer = curl(f"{site.url}/api/v1/tables/users/rows.csv?limit=3", token)
        check_problem(answer, 503)
        assert "sluice migrate" in answer.json()["detail"]
    finally:
        postgres.execute(back)
    assert curl(f"{site.url}/api/v1/tables/users/rows.csv?limit=3", token).status == 200
    fleet.stop(site)

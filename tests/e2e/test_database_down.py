"""The database, or the one that outcomes are kept in, is not there: said at once, and over as soon as it is back."""

import signal
import time

import pytest

from harness import checks, faults, process
from harness.client import Download, curl
from harness.faults import FEW, check_failed, check_problem, outcome, rows_url
from harness.reader import Reader


@pytest.fixture
def spare(spare_postgres):
    """It runs when a test begins, and nobody is busy there after it."""
    if not spare_postgres.server:
        spare_postgres.start()
    yield spare_postgres
    if not spare_postgres.server:
        spare_postgres.start()
    checks.check_sessions(spare_postgres, 10)


def settings_of(rows_from, outcomes_in, **more):
    tables = {name: {"database": "main", "name": f"fault.{name}"} for name in ("few", "numbers", "pausing")}
    tables["plain_few"] = {"database": "plain", "name": "fault.few"}
    return {"databases": {"main": {"conninfo": rows_from.conninfo(), **more},
                          "plain": {"conninfo": rows_from.conninfo(), "wire": "plain"},
                          "outcomes": {"conninfo": outcomes_in.conninfo()}},
            "metadata": {"database": "outcomes"},
            "tables": {**dict.fromkeys(("projects", "records", "empty", "endless", "slow", "some_users")),
                       "users": {"database": "main"}, **tables}}


@pytest.fixture
def make_fragile(make_site, fault_settings, front, spare, postgres):
    """Of a site whose rows come from the database that tests may stop."""
    def make():
        return make_site(front=front, settings=settings_of(spare, postgres), workers=(1, 1))
    return make


def good(site, token, numbers, table="few"):
    answer = curl(rows_url(site, table), token)
    assert (answer.exit, answer.status, answer.body) == (0, 200, numbers.csv(FEW)), answer
    return answer


def workers(site):
    return {pool: site.workers(pool) for pool in ("stream", "control")}


def check_workers(site, before):
    """None has died. (mod_fcgid starts another when it has not seen yet that the first is free.)"""
    now = workers(site)
    assert all(set(before[pool]) <= set(now[pool]) for pool in before) and (now == before or site.front == "mod_fcgid")


def check_unavailable(answer):
    check_problem(answer, 503)
    assert int(answer.headers["retry-after"]) > 0
    assert b"spare" not in answer.body


def test_it_is_down_and_comes_back(make_fragile, token, numbers, spare):
    site = make_fragile()
    good(site, token, numbers)
    assert curl(site.url + "/api/v1/tables", token).status == 200
    before = workers(site)
    spare.stop()
    for path in ("tables", "tables/few", "tables/few/schema"):
        check_unavailable(curl(f"{site.url}/api/v1/{path}", token))
    for table in ("few", "plain_few", "few"):
        check_unavailable(curl(rows_url(site, table), token))
    check_unavailable(curl(rows_url(site, "users", page=1, total_pages=2), token))
    assert curl(site.url + "/health").json()["status"] == "ok"
    spare.start()
    good(site, token, numbers)
    good(site, token, numbers, "plain_few")
    assert curl(site.url + "/api/v1/tables", token).status == 200
    check_workers(site, before)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGQUIT])
def test_it_is_restarted_between_two_requests(make_fragile, token, numbers, spare, signum):
    """The workers hold sessions that have died."""
    site = make_fragile()
    good(site, token, numbers)
    good(site, token, numbers, "plain_few")
    assert curl(site.url + "/api/v1/tables", token).status == 200
    before = workers(site)
    spare.stop(signum)
    spare.start()
    good(site, token, numbers)
    good(site, token, numbers, "plain_few")
    assert curl(site.url + "/api/v1/tables", token).status == 200
    check_workers(site, before)


def test_it_is_stopped_at_once_while_rows_stream(make_fragile, token, numbers, spare):
    site = make_fragile()
    with Download(rows_url(site, "pausing"), token) as download:
        faults.wait_query(spare, "pausing")
        if site.front != "mod_fcgid":
            download.wait_received()
        spare.stop(signal.SIGQUIT)
        answer = download.answer()
    check_failed(site, token, answer, 502, numbers)
    check_unavailable(curl(rows_url(site, "few"), token))
    spare.start()
    faults.check_same_worker(site, answer, good(site, token, numbers))


def test_it_takes_no_more_sessions(make_fragile, token, numbers, spare):
    site = make_fragile()
    spare.execute("ALTER DATABASE sluice CONNECTION LIMIT 0", dbname="postgres")
    check_unavailable(curl(rows_url(site, "few"), token))
    spare.execute("ALTER DATABASE sluice CONNECTION LIMIT -1", dbname="postgres")
    good(site, token, numbers)


def test_it_does_not_answer(make_site, fault_settings, token, numbers, relay):
    databases = {"relayed": {**fault_settings["databases"]["relayed"], "connect_timeout": "1s"}}
    site = make_site(settings={**fault_settings, "databases": {**fault_settings["databases"], **databases}})
    took = []
    for _ in range(5):  # one of them at least is not kept waiting by anybody else
        relay.fail_after(1, "stall")
        started = time.monotonic()
        check_unavailable(curl(rows_url(site, "relayed"), token))
        took.append(time.monotonic() - started)
        relay.release()
        if took[-1] < 2:
            break
    assert 1 <= min(took) < 2, took
    good(site, token, numbers, "relayed")


@pytest.fixture
def forgetful_site(make_site, fault_settings, front, spare, postgres):
    """Outcomes are kept in the database that tests may stop."""
    return make_site(front=front, settings=settings_of(postgres, spare), workers=(1, 1))


def test_outcomes_cannot_be_kept(forgetful_site, token, numbers, spare):
    """Nothing is exported whose outcome could not be asked."""
    before = good(forgetful_site, token, numbers).headers["sluice-export-id"]
    assert faults.ended(forgetful_site, token, before)["state"] == "succeeded"
    spare.stop()
    for _ in range(2):
        check_unavailable(curl(rows_url(forgetful_site, "few"), token))
    check_unavailable(outcome(forgetful_site, token, before))
    assert curl(forgetful_site.url + "/api/v1/tables", token).status == 200
    assert curl(forgetful_site.url + "/health").status == 200
    spare.start()
    assert outcome(forgetful_site, token, before).json()["state"] == "succeeded"
    after = good(forgetful_site, token, numbers).headers["sluice-export-id"]
    assert faults.ended(forgetful_site, token, after)["state"] == "succeeded"


def warnings_of(site):
    return [(one["id"], one["msg"]) for one in faults.log_records(site) if one["level"] == "warn"]


def test_outcomes_are_lost_while_rows_stream(forgetful_site, token, numbers, spare):
    """The rows arrive all the same, and the log tells."""
    with Reader(rows_url(forgetful_site, "numbers"), token) as reader:
        reader.read(1)
        spare.stop()
        assert reader.rest() == numbers.csv()
    faults.log_of(forgetful_site, reader.export_id)
    process.wait_until(lambda: len(warnings_of(forgetful_site)) == 2, "the audit's warning")
    assert warnings_of(forgetful_site) == [(reader.export_id, "the outcome of an export could not be noted"),
                                           (reader.export_id, "a line of the audit could not be written")]
    spare.start()
    good(forgetful_site, token, numbers)


def test_outcomes_are_restarted_while_rows_stream(forgetful_site, token, numbers, spare):
    with Reader(rows_url(forgetful_site, "numbers"), token) as reader:
        reader.read(1)
        spare.stop()
        spare.start()
        assert reader.rest() == numbers.csv()
    assert faults.ended(forgetful_site, token, reader.export_id)["state"] == "succeeded"

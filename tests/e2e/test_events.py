"""Events of a job, from the request to its end: in order, at once, no longer than there is something to say."""

import contextlib
import http.client
import os
import signal
import time
import uuid

import pytest

from harness import config, problem, process
from harness.client import curl
from harness.events import Listener
from harness.worker import Worker
from test_exports import create, ended, state_of

EXPORTS = "/api/v1/exports"
TABLES = {name: {"name": f"public.{name}", "database": "main"} for name in ("users", "endless", "watched")}

# Each row is slept for, and so wide that the database does not keep many back. The last one waits for whoever has the lock.
GATE = 1735549300
WATCHED = f"""
CREATE VIEW watched AS SELECT id, repeat('x', 20000) || pg_sleep(0.03)
        || CASE WHEN id = 170 THEN pg_advisory_xact_lock_shared({GATE})::text ELSE '' END AS filler
    FROM (SELECT generate_series(1, 170) AS id) AS made_one_by_one;
GRANT SELECT ON watched TO sluice;
"""

SOME = {"queryDefinition": {"from": "watched"}, "format": "csv"}
QUICK = {"queryDefinition": {"from": "users", "select": ["user_id"]}, "format": "csv"}
ENDLESS = {"queryDefinition": {"from": "endless"}, "format": "csv"}


def start(fleet, front, **limits):
    return fleet.start(front=front, settings={"tables": TABLES, "limits": limits}, workers=(3, 2))


@pytest.fixture(scope="module", autouse=True)
def watched(postgres):
    postgres.execute(WATCHED)
    yield
    postgres.execute("DROP VIEW watched")


@pytest.fixture(scope="module")
def places(fleet):
    """By web server: a site and its worker."""
    made = {}

    def get(front):
        if front not in made:
            site = start(fleet, front)
            made[front] = site, Worker(site, 2)
        return made[front][0]
    yield get
    for site, worker in made.values():
        worker.stop()
        fleet.stop(site, may_die=False)


@pytest.fixture
def place(places):
    return places("nginx")


def path(job):
    return f"{EXPORTS}/{job}/events"


def make(site, token, **body):
    answer = create(site, token, {"Idempotency-Key": str(uuid.uuid4())}, **body)
    assert answer.status == 202, answer.body
    return answer.json()["id"]


def check_order(jobs):
    """What a job may be one after the other, how far it is, and that it is all there only at the end."""
    states = [job["state"] for job in jobs]
    assert states == sorted(states, key=["queued", "running", "succeeded"].index), states
    for before, after in zip(jobs, jobs[1:]):
        assert before != after
        assert after["progress"]["rows"] >= before["progress"]["rows"]
        if before["progress"]["percent"] is not None:
            assert after["progress"]["percent"] >= before["progress"]["percent"]
    assert all(job["progress"]["percent"] != 100 for job in jobs[:-1])
    assert jobs[-1]["progress"]["percent"] == 100


def followed(listener, gate):
    """The events; the gate is closed until it was told how far the job is."""
    events, told = [], set()
    for event in listener:
        events.append(event)
        told.add(event.job()["progress"]["rows"])
        if len(told) > 2:
            gate.close()
    assert len(told) > 2 and gate.closed, "how far it is was not told while it ran"
    return events


@pytest.mark.parametrize("front", ["nginx", "mod_proxy_fcgi"])
def test_a_job_is_followed_to_its_end(places, postgres, front, token):
    site = places(front)
    with contextlib.closing(postgres.connect()) as gate:
        gate.cursor().execute(f"SELECT pg_advisory_lock({GATE})")
        job = make(site, token, **SOME)
        with Listener(site, path(job), token) as listener:
            headers = listener.answer.headers
            assert listener.status == 200 and headers["content-type"] == "text/event-stream"
            assert headers["cache-control"] == "no-store" and "content-length" not in headers
            assert "sluice-export-id" not in headers
            events = followed(listener, gate)
    assert listener.whole and listener.retry
    assert [event.name for event in events] == ["progress"] * (len(events) - 1) + ["end"]
    check_order([event.job() for event in events])
    assert len({event.id for event in events}) == len(events)
    assert events[-1].job() == state_of(site, token, job)


def test_where_events_would_be_held_back_each_answer_is_one(places, token):
    site = places("mod_fcgid")
    job = make(site, token, **SOME)
    events, last = [], None
    while not events or events[-1].name != "end":
        with Listener(site, path(job), token, last) as listener:
            assert listener.status == 200 and "content-length" in listener.answer.headers
            some = list(listener)
        assert len(some) <= 1 and listener.retry
        events += some
        last = listener.last_id or last
        time.sleep(0.2)
    check_order([event.job() for event in events])
    with Listener(site, path(job), token, last) as listener:
        assert listener.status == 204


def test_an_ended_job_is_one_event(place, token):
    job = make(place, token, **QUICK)
    want = ended(place, token, job)
    with Listener(place, path(job), token) as listener:
        (event,) = listener
    assert event.name == "end" and event.job() == want and listener.whole
    with Listener(place, path(job), token, event.id) as listener:
        assert listener.status == 204
    with Listener(place, path(job), token, "of something else, and much too long") as listener:
        assert [one.id for one in listener] == [event.id]
    head = curl(place.url + path(job), token, "HEAD")
    assert head.status == 200 and head.headers["content-type"] == "text/event-stream"


def test_a_cancel_is_seen_at_once(place, token):
    job = make(place, token, **ENDLESS)
    with Listener(place, path(job), token) as listener:
        canceled = None
        for event in listener:
            if event.job()["state"] == "running" and canceled is None:
                canceled = time.monotonic()
                assert curl(f"{place.url}{EXPORTS}/{job}", token, "DELETE").status == 204
            if event.job()["cancelRequested"]:
                break
        assert time.monotonic() - canceled < 2 * process.PATIENCE
        last = event if event.name == "end" else list(listener)[-1]
    assert last.name == "end" and last.job()["state"] == "canceled"


def test_whose_it_is(place, issuer, token):
    job = make(place, token, **QUICK)
    ended(place, token, job)
    problem.check(curl(place.url + path(job), issuer.token("another")), 404, path(job))
    assert curl(place.url + path(job), issuer.token(roles=["admin"])).status == 200
    problem.check(curl(place.url + path(job), issuer.token(roles=["viewer"])), 403)
    problem.check(curl(place.url + path(job)), 401)
    problem.check(curl(place.url + path("nothing"), token), 404)
    problem.check(curl(place.url + path(job) + "?since=1", token), 400)


def test_it_is_no_export_but_leaves_a_line(place, postgres, issuer):
    watcher = issuer.token("a watcher")
    job = make(place, watcher, **QUICK)
    ended(place, watcher, job)
    assert curl(place.url + path(job), watcher).status == 200
    process.wait_until(lambda: postgres.execute(
        f"SELECT 1 FROM sluice.audit WHERE action = 'watch' AND definition::text LIKE '%{job}%'"), "a line in the audit")
    assert postgres.execute("SELECT 1 FROM sluice.outcomes WHERE sub = 'a watcher'") == []


@pytest.fixture(scope="module")
def unattended(postgres):
    """Settings with a metadata database of its own, where nobody runs jobs."""
    postgres.execute("CREATE DATABASE unattended", dbname="postgres")
    postgres.execute("GRANT CREATE ON DATABASE unattended TO sluice", dbname="postgres")
    return {"databases": {"kept": {"conninfo": postgres.conninfo(dbname="unattended")}}, "metadata": {"database": "kept"},
            "tables": {**{name: {"database": "main"} for name in config.TABLES}, **TABLES}}


@pytest.fixture
def lone(make_site, unattended):
    def get(**limits):
        return make_site(settings={**unattended, "limits": limits}, workers=(3, 1))
    return get


LOCKS = "locktype = 'advisory' AND classid = 1702260340"  # lib/job/slot.h


@pytest.mark.parametrize("front", ["nginx", "mod_proxy_fcgi"])
def test_a_hang_up_ends_the_stream(places, postgres, front, token):
    """Apache notices when it has something to pass on: how far a job is that runs is told every other second."""
    site = places(front)
    job = make(site, token, **ENDLESS)
    with Listener(site, path(job), token) as listener:
        next(iter(listener))
        assert postgres.execute("SELECT pid FROM pg_locks WHERE " + LOCKS)
        listener.hang_up()
        process.wait_until(lambda: not postgres.execute("SELECT pid FROM pg_locks WHERE " + LOCKS), "the slot",
                           4 if front == "nginx" else 12)
    assert curl(f"{site.url}{EXPORTS}/{job}", token, "DELETE").status == 204


def is_free(site, job, token):
    with Listener(site, path(job), token) as listener:
        return listener.status == 200


def test_slots_run_out_and_are_free_after_a_hang_up(lone, token):
    site = lone(events=2)
    job = make(site, token, **QUICK)
    with Listener(site, path(job), token) as first, Listener(site, path(job), token) as second:
        assert (first.status, second.status) == (200, 200)
        refused = curl(site.url + path(job), token)
        problem.check(refused, 503)
        assert int(refused.headers["retry-after"]) >= 1
        assert curl(site.url + path(job), token, "HEAD").status == 200
        first.hang_up()
        process.wait_until(lambda: is_free(site, job, token), "a slot of whoever hung up", 4)


@pytest.mark.workers_die
def test_slots_are_free_when_their_process_dies(lone, postgres, token):
    site = lone(events=1)
    job = make(site, token, **QUICK)
    with Listener(site, path(job), token) as listener:
        next(iter(listener))
        ((holder,),) = postgres.execute("SELECT pid FROM pg_locks WHERE " + LOCKS)
        assert not is_free(site, job, token)
        for pid in site.workers("stream"):
            os.kill(pid, signal.SIGKILL)
        process.wait_until(lambda: holder not in [one[0] for one in postgres.execute(
            "SELECT pid FROM pg_stat_activity")], "the session's end")
    process.wait_until(lambda: is_free(site, job, token), "the dead one's slot")


def test_none_are_allowed(lone, token):
    site = lone(events=0)
    problem.check(curl(site.url + path(make(site, token, **QUICK)), token), 503)


def test_a_stream_ends_by_itself_and_goes_on(lone, token):
    site = lone(events_time="1s")
    job = make(site, token, **QUICK)
    with Listener(site, path(job), token) as listener:
        (event,) = listener
    assert listener.whole and event.name == "progress"
    with Listener(site, path(job), token, event.id) as listener:
        assert not list(listener), "it was told before"
    assert curl(f"{site.url}{EXPORTS}/{job}", token, "DELETE").status == 204
    with Listener(site, path(job), token, event.id) as listener:
        (event,) = listener
    assert event.name == "end" and event.job()["state"] == "canceled"


def test_a_removed_job_ends_the_stream(lone, postgres, token):
    site = lone(events_time="1h")
    job = make(site, token, **QUICK)
    with Listener(site, path(job), token) as listener:
        events = iter(listener)
        next(events)
        postgres.execute(f"DELETE FROM sluice.jobs WHERE id = '{job}'", dbname="unattended")
        assert not list(events) and listener.whole


@pytest.mark.workers_die
def test_a_worker_told_to_stop_ends_its_stream(lone, token):
    site = lone(events_time="1h")
    job = make(site, token, **QUICK)
    with Listener(site, path(job), token) as listener:
        events = iter(listener)
        next(events)
        old = site.workers("stream")
        for pid in old:
            os.kill(pid, signal.SIGTERM)
        assert not list(events) and listener.whole
    process.wait_until(lambda: not any(map(process.is_there, old)), "the workers leave", 2)


@pytest.mark.workers_die
def test_a_stream_whose_slot_is_lost_ends(lone, postgres, token):
    site = lone(events=1, events_time="1h")
    job = make(site, token, **QUICK)
    with Listener(site, path(job), token) as listener:
        events = iter(listener)
        next(events)
        postgres.execute("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE " + LOCKS)
        with contextlib.suppress(http.client.HTTPException, ConnectionError):
            assert not list(events)
    # The session tells its end before it lets go.
    process.wait_until(lambda: is_free(site, job, token), "the slot")


@pytest.mark.slow
def test_a_silent_stream_is_kept_alive(lone, token):
    site = lone(events_time="18s")
    job = make(site, token, **QUICK)
    with Listener(site, path(job), token) as listener:
        assert len(list(listener)) == 1
    assert listener.whole and listener.comments == 1

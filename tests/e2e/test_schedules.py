"""Schedules: made, changed and removed by the API, run by real workers. What is due is made so in the metadata database."""

import csv
import io
import json
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from harness import config, problem, process
from harness.client import curl
from harness.worker import Worker, run_once

SCHEDULES = "/api/v1/schedules"
EXPORTS = "/api/v1/exports"
USERS = {"queryDefinition": {"from": "users", "select": ["user_id"]}, "format": "csv"}


@pytest.fixture(scope="module")
def place(fleet, postgres):
    postgres.execute("CREATE TABLE growing (id int PRIMARY KEY, note text);"
                     "CREATE VIEW grown AS SELECT id, note FROM growing;"
                     "GRANT SELECT ON growing, grown TO sluice")
    made = fleet.start(workers=(1, 2), settings={"tables": {"growing": {"name": "public.growing"},
                                                            "grown": {"name": "public.grown"}}})
    yield made
    postgres.execute("DROP TABLE growing CASCADE")
    fleet.stop(made, may_die=False)


@pytest.fixture(autouse=True)
def none_before(postgres):
    """What another test has left is not due in this one."""
    yield
    postgres.execute("DELETE FROM sluice.schedules; DELETE FROM sluice.jobs")


@pytest.fixture
def workers(place):
    made = Worker(place, 2)
    yield made
    made.stop()


def ask(site, token, method, path, body=None, headers=None):
    return curl(site.url + path, token, method, {"Content-Type": "application/json", **(headers or {})},
                None if body is None else json.dumps(body).encode())


def made(site, token, **body):
    answer = ask(site, token, "POST", SCHEDULES, {"name": "users", "cron": "@yearly", "export": USERS, **body})
    assert answer.status == 201, answer.body
    assert answer.headers["location"] == f"{SCHEDULES}/{answer.json()['id']}"
    return answer.json()


def read(site, token, schedule):
    answer = curl(f"{site.url}{SCHEDULES}/{schedule['id']}", token)
    assert answer.status == 200, answer.body
    return answer.json()


def change(site, token, schedule, body):
    answer = ask(site, token, "PATCH", f"{SCHEDULES}/{schedule['id']}", body, {"Content-Type": "application/merge-patch+json"})
    assert answer.status == 200, answer.body
    return answer.json()


def at(text):
    return datetime.fromisoformat(text)


def be_due(postgres, schedule, ago="1 minute"):
    postgres.execute(f"UPDATE sluice.schedules SET next_run = now() - interval '{ago}' WHERE id = '{schedule['id']}'")


def runs(site, token, schedule):
    """Oldest first."""
    answer = curl(f"{site.url}{EXPORTS}?schedule={schedule['id']}", token)
    assert answer.status == 200, answer.body
    return answer.json()["exports"][::-1]


def wait_settled(postgres):
    """What is committed beside a transaction that is open, whosever it is, comes with the next increment: such as a line of the
    audit, which is written behind the answer."""
    ((now,),) = postgres.execute("SELECT pg_current_xact_id()::text::bigint")
    process.wait_until(lambda: postgres.execute(
        f"SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint > {now}")[0][0], "the end of what was open")


def at_minutes(postgres, *minutes):
    """A cron expression of times that are so many minutes from now, within an hour."""
    ((now,),) = postgres.execute("SELECT extract(minute FROM now())::int")
    return ",".join(str((now + n) % 60) for n in minutes) + " * * * *"


def once(site):
    ran = run_once(site)
    assert (ran.returncode, ran.stderr) == (0, ""), ran.stderr


def run_due(site, token, postgres, schedule):
    """Its next run, ended."""
    before = len(runs(site, token, schedule))
    wait_settled(postgres)
    be_due(postgres, schedule)
    once(site)
    there = runs(site, token, schedule)
    assert len(there) == before + 1
    return there[-1]


# ---- asked for

def test_what_is_asked_for_is_shown(place, token):
    said = made(place, token, name="nightly users", cron="15 3 * * mon-fri", timeZone="Europe/Berlin")
    assert said == read(place, token, said)
    assert (said["name"], said["cron"], said["timeZone"]) == ("nightly users", "15 3 * * mon-fri", "Europe/Berlin")
    assert said["export"] == USERS and said["enabled"] is True and said["increments"] is False
    assert said["lastRunAt"] is None and said["lastExport"] is None and said["nextCursor"] is None and said["notes"] == []
    assert at(said["nextRunAt"]).astimezone(ZoneInfo("Europe/Berlin")).strftime("%H:%M:%S") == "03:15:00"
    assert made(place, token)["timeZone"] == "UTC"
    off = made(place, token, enabled=False)
    assert off["nextRunAt"] is None and off["enabled"] is False


@pytest.mark.parametrize("changes, status, pointer", [
    ({"name": None}, 400, ""), ({"name": ""}, 400, "/name"), ({"name": 1}, 400, "/name"),
    ({"cron": None}, 400, ""), ({"cron": "61 * * * *"}, 400, "/cron"), ({"cron": "0 0 30 2 *"}, 400, "/cron"),
    ({"timeZone": "Mars/Olympus"}, 400, "/timeZone"), ({"timeZone": "../etc/passwd"}, 400, "/timeZone"),
    ({"export": None}, 400, ""), ({"export": []}, 400, "/export"), ({"colour": 1}, 400, "/colour"),
    ({"increments": "yes"}, 400, "/increments"), ({"enabled": 1}, 400, "/enabled"),
    ({"export": {**USERS, "format": "wav"}}, 400, "/export/format"),
    ({"export": {**USERS, "since": "start"}}, 400, "/export/since"),
    ({"export": {**USERS, "fileName": "users {when}"}}, 400, "/export/fileName"),
    ({"export": {**USERS, "fileName": "x" * 190 + "{date}-{time}"}}, 400, "/export/fileName"),
    ({"export": {**USERS, "queryDefinition": {"from": "users", "select": ["colour"]}}}, 400,
     "/export/queryDefinition/select/0"),
    ({"export": {**USERS, "queryDefinition": {"from": "nowhere"}}}, 404, None)], ids=str)
def test_what_cannot_be_is_told_at_once(place, token, changes, status, pointer):
    body = {"name": "n", "cron": "@daily", "export": USERS, **changes}
    said = problem.check(ask(place, token, "POST", SCHEDULES, {k: v for k, v in body.items() if v is not None}), status)
    assert pointer is None or said["errors"][0]["pointer"] == pointer, said
    assert curl(place.url + SCHEDULES, token).json()["schedules"] == []


def test_they_are_listed_in_pages_newest_first(place, token):
    ids = [made(place, token)["id"] for _ in range(5)][::-1]
    found, page = [], ""
    while page is not None:
        answer = curl(f"{place.url}{SCHEDULES}?pageSize=2{page}", token).json()
        found += [one["id"] for one in answer["schedules"]]
        page = answer["nextPageToken"] and f"&pageToken={answer['nextPageToken']}"
    assert found == ids
    problem.check(curl(f"{place.url}{SCHEDULES}?pageToken=x", token), 400)


def test_nobody_else_has_them_and_an_admin_sees_them(place, issuer, postgres, token):
    mine = made(place, token)
    path = f"{SCHEDULES}/{mine['id']}"
    other, admin = issuer.token(sub="somebody else"), issuer.token(sub="boss", roles=["admin"])
    for method, more, body in (("GET", "", None), ("PATCH", "", {"name": "x"}), ("DELETE", "", None), ("POST", "/runs", None)):
        problem.check(ask(place, other, method, path + more, body), 404)
    assert curl(place.url + SCHEDULES, other).json()["schedules"] == []
    problem.check(curl(place.url + SCHEDULES, issuer.token(roles=["viewer"], scope="")), 403)
    assert read(place, admin, mine)["id"] == mine["id"]
    assert [one["id"] for one in curl(place.url + SCHEDULES, admin).json()["schedules"]] == [mine["id"]]
    problem.check(ask(place, admin, "PATCH", path, {"name": "x"}), 403)
    problem.check(ask(place, admin, "PATCH", path, {"enabled": True}), 403)
    problem.check(ask(place, admin, "POST", path + "/runs"), 404)
    assert change(place, admin, mine, {"enabled": False})["enabled"] is False
    assert postgres.execute("SELECT principal->>'subject' FROM sluice.schedules")[0][0] != "boss"
    assert ask(place, admin, "DELETE", path).status == 204
    problem.check(curl(place.url + path, token), 404)


# ---- run

def test_what_is_due_is_run_once_and_dated(place, postgres, token):
    one = made(place, token, timeZone="Pacific/Kiritimati",
               export={**USERS, "fileName": "users {date} {time} {", "compression": "gzip"})
    assert run_once(place).returncode == 0 and runs(place, token, one) == []
    began = postgres.execute("SELECT to_char(now() AT TIME ZONE 'Pacific/Kiritimati', 'YYYY-MM-DD HH24MISS')")[0][0]
    job = run_due(place, token, postgres, one)
    done = postgres.execute("SELECT to_char(now() AT TIME ZONE 'Pacific/Kiritimati', 'YYYY-MM-DD HH24MISS')")[0][0]
    name = re.fullmatch(r"users (\S+ \d{6}) \{\.csv\.gz", job["files"][0]["name"])
    assert began <= name[1] <= done
    assert job["state"] == "succeeded" and job["schedule"] == one["id"] and job["progress"]["rows"] == 20000
    said = read(place, token, one)
    assert said["lastExport"]["id"] == job["id"] and said["lastExport"]["state"] == "succeeded" and said["lastRunAt"]
    assert said["nextRunAt"] == one["nextRunAt"]
    once(place)
    assert len(runs(place, token, one)) == 1


def test_the_same_again_is_another_run(place, postgres, token):
    """Though the request is the same, of the same user, and within an hour."""
    one = made(place, token)
    first, second = [run_due(place, token, postgres, one)["id"] for _ in range(2)]
    asked = ask(place, token, "POST", EXPORTS, USERS)
    assert asked.status == 202 and len({first, second, asked.json()["id"]}) == 3


@pytest.fixture
def database_ahead(postgres):
    """Its clock, as Sluice's sessions have it, is an hour before that of the workers' host."""
    postgres.execute("CREATE SCHEMA ahead; GRANT USAGE ON SCHEMA ahead TO sluice;"
                     "CREATE FUNCTION ahead.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS"
                     " $$ SELECT pg_catalog.clock_timestamp() + interval '1 hour' $$;"
                     "ALTER ROLE sluice IN DATABASE sluice SET search_path = ahead, pg_catalog, public")
    yield
    postgres.execute("ALTER ROLE sluice IN DATABASE sluice RESET search_path; DROP SCHEMA ahead CASCADE")


def test_a_worker_whose_clock_is_behind_the_databases_makes_each_run_once(place, postgres, token, database_ahead):
    one = made(place, token, cron=at_minutes(postgres, 20, 40))
    be_due(postgres, one)
    once(place)
    assert len(runs(place, token, one)) == 1 and read(place, token, one)["notes"] == []
    assert postgres.execute("SELECT next_run > now() + interval '1 hour' FROM sluice.schedules") == [(True,)]


def test_when_the_first_run_is_goes_by_the_clock_that_it_is_due_by(place, postgres, token, database_ahead):
    """By the web server's it would be due at once, or, the other way round, late."""
    postgres.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'sluice' AND datname = 'sluice'")
    one = made(place, token, cron="@hourly")
    ahead = "SELECT bool_and(next_run > now() + interval '1 hour' AND next_run <= now() + interval '2 hours') FROM sluice.schedules"
    assert postgres.execute(ahead) == [(True,)]
    change(place, token, one, {"cron": "@yearly"})
    change(place, token, one, {"cron": "@hourly"})
    assert postgres.execute(ahead) == [(True,)]


@pytest.mark.parametrize("known", ["last_run", "changed"])
def test_a_clock_that_is_set_back(place, postgres, token, workers, known):
    """By ten days: as if no worker had been there meanwhile."""
    one = made(place, token, cron=at_minutes(postgres, 30))
    postgres.execute(f"UPDATE sluice.schedules SET next_run = next_run + interval '10 days', {known} = now() + interval '10 days'")
    process.wait_until(lambda: runs(place, token, one), "its run")
    assert postgres.execute("SELECT next_run > now() AND next_run <= now() + interval '1 hour' FROM sluice.schedules") == [(True,)]
    assert len(runs(place, token, one)) == 1


def test_missed_runs_are_caught_up_with_by_one(place, postgres, token):
    one = made(place, token, cron=at_minutes(postgres, 30))
    be_due(postgres, one, "10 days")
    once(place)
    once(place)
    assert len(runs(place, token, one)) == 1
    assert postgres.execute("SELECT next_run > now() AND next_run <= now() + interval '1 hour' FROM sluice.schedules") == [(True,)]


def test_of_many_workers_one_makes_each_run(place, postgres, token):
    several = [made(place, token, name=str(n)) for n in range(5)]
    workers = Worker(place, 8)
    try:
        for rounds in range(1, 4):
            postgres.execute("UPDATE sluice.schedules SET next_run = now() - interval '1 s'")
            process.wait_until(lambda: all(
                [one["state"] for one in runs(place, token, schedule)] == ["succeeded"] * rounds for schedule in several),
                "a run of each", 30)
    finally:
        workers.stop()
    assert postgres.execute("SELECT count(*), count(DISTINCT schedule) FROM sluice.jobs") == [(15, 5)]


def test_workers_that_wait_are_told(place, workers, postgres, token):
    """Of a schedule that is made, and then of its time."""
    one = made(place, token)
    postgres.execute(f"UPDATE sluice.schedules SET next_run = now() + interval '1 s' WHERE id = '{one['id']}'")
    process.wait_until(lambda: [run["state"] for run in runs(place, token, one)] == ["succeeded"], "the run", 10)


def test_a_run_is_skipped_while_the_one_before_has_not_ended(place, postgres, token):
    one = made(place, token)
    first = ask(place, token, "POST", f"{SCHEDULES}/{one['id']}/runs")
    assert first.status == 202 and first.headers["location"] == f"{EXPORTS}/{first.json()['id']}"
    assert first.json()["schedule"] == one["id"] and first.json()["state"] == "queued"
    problem.check(ask(place, token, "POST", f"{SCHEDULES}/{one['id']}/runs"), 409)
    be_due(postgres, one)
    once(place)
    assert [run["id"] for run in runs(place, token, one)] == [first.json()["id"]]
    said = read(place, token, one)
    assert "skipped" in said["notes"][0]["text"] and said["nextRunAt"] == one["nextRunAt"]
    assert run_due(place, token, postgres, one)["state"] == "succeeded"


def test_notes_do_not_pile_up(place, postgres, token):
    one = made(place, token)
    for n in range(25):
        postgres.execute(f"UPDATE sluice.schedules SET notes = sluice.schedule_note(notes, 'n{n}')")
    assert [note["text"] for note in read(place, token, one)["notes"]] == [f"n{n}" for n in range(5, 25)]


# ---- changed

def test_a_change_changes_what_it_says(place, postgres, token):
    one = made(place, token, export={**USERS, "fileName": "a", "options": {"header": "false"}})
    be_due(postgres, one)
    said = change(place, token, one, {"name": "other", "export": {"fileName": None, "options": {"delimiter": ";"}}})
    assert said["name"] == "other" and said["export"] == {**USERS, "options": {"header": "false", "delimiter": ";"}}
    assert at(said["nextRunAt"]) < at(one["createdAt"]), "what is due stays so"
    moved = change(place, token, one, {"cron": "@monthly", "timeZone": None})
    assert at(moved["nextRunAt"]) > at(one["createdAt"]) and moved["timeZone"] == "UTC"
    assert change(place, token, one, {"enabled": False})["nextRunAt"] is None
    once(place)
    assert runs(place, token, one) == []
    assert at(change(place, token, one, {"enabled": True})["nextRunAt"]) > at(one["createdAt"])
    path = f"{SCHEDULES}/{one['id']}"
    said = problem.check(ask(place, token, "PATCH", path, {"export": {"format": "wav"}}), 400)
    assert said["errors"][0]["pointer"] == "/export/format"
    problem.check(ask(place, token, "PATCH", path, {"cron": None}), 400)
    problem.check(ask(place, token, "PATCH", path, []), 400)
    assert read(place, token, one)["export"]["format"] == "csv"


def test_jobs_outlive_their_schedule(place, postgres, token):
    one = made(place, token)
    job = run_due(place, token, postgres, one)
    assert ask(place, token, "DELETE", f"{SCHEDULES}/{one['id']}").status == 204
    problem.check(ask(place, token, "DELETE", f"{SCHEDULES}/{one['id']}"), 404)
    assert [run["id"] for run in runs(place, token, one)] == [job["id"]]
    problem.check(curl(f"{place.url}{EXPORTS}?schedule=x", token), 400)


def test_all_of_it_is_in_the_audit(place, postgres, token):
    one = made(place, token)
    change(place, token, one, {})
    job = ask(place, token, "POST", f"{SCHEDULES}/{one['id']}/runs").json()["id"]
    ask(place, token, "DELETE", f"{SCHEDULES}/{one['id']}")
    # Each of two workers writes what it has answered, behind the answer.
    lines = f"SELECT action, definition::text FROM sluice.audit WHERE definition::text LIKE '%{one['id']}%'"
    process.wait_until(lambda: len(postgres.execute(lines)) >= 4, "their lines", 5)
    found = dict(postgres.execute(lines))
    assert len(postgres.execute(lines)) == 4 and sorted(found) == ["job", "reschedule", "schedule", "unschedule"]
    assert job in found["job"]


# ---- whose rights

@contextmanager
def configured(site, changes):
    """What workers that start now read."""
    path = site.path("changed.conf")
    config.write(path, config.merge(site.settings, changes))
    process.give(path, site.user)
    old, site.config = site.config, path
    yield
    site.config = old


@pytest.mark.parametrize("changes, status", [
    ({"roles": {"exporter": ["nobody"], "admin": []}}, 403),
    ({"policies": {"p": {"tables": ["users"], "roles": ["*"], "formats": ["parquet"]}}}, 403),
    ({"policies": {"p": {"tables": ["users"], "roles": ["nobody"]}}}, 404),
    ({"tables": {"users": None}}, 404)], ids=str)
def test_rights_are_those_of_the_run(place, postgres, token, changes, status):
    one = made(place, token)
    with configured(place, changes):
        job = run_due(place, token, postgres, one)
    assert job["state"] == "failed" and job["error"]["status"] == status and job["files"] == [], job
    said = read(place, token, one)
    assert said["lastExport"]["error"]["status"] == status and said["enabled"] is True
    assert run_due(place, token, postgres, one)["state"] == "succeeded"


def test_what_is_not_renewed_is_disabled(place, postgres, token):
    one = made(place, token)
    renewed = at(one["renewBy"]) - at(one["renewedAt"])
    assert renewed == timedelta(days=90)
    postgres.execute(f"UPDATE sluice.schedules SET renewed = now() - interval '{90 * 24} hours 1 second'")
    problem.check(ask(place, token, "POST", f"{SCHEDULES}/{one['id']}/runs"), 409)
    be_due(postgres, one)
    once(place)
    said = read(place, token, one)
    assert said["enabled"] is False and "renewed" in said["notes"][0]["text"] and runs(place, token, one) == []
    said = change(place, token, one, {"enabled": True})
    assert at(said["renewedAt"]) > at(one["renewedAt"])
    assert run_due(place, token, postgres, one)["state"] == "succeeded"
    postgres.execute("UPDATE sluice.schedules SET renewed = now() - interval '10 years'")
    with configured(place, {"schedules": {"renew_within": 0}}):
        assert run_due(place, token, postgres, one)["state"] == "succeeded"


def test_a_change_keeps_the_claims_of_its_token(place, issuer, postgres, token):
    one = made(place, token)
    assert change(place, issuer.token(extra="new"), one, {})["nextRunAt"] == one["nextRunAt"]
    assert postgres.execute("SELECT principal->'claims'->>'extra' FROM sluice.schedules") == [("new",)]


def test_a_purpose_is_kept(make_site, postgres, token):
    site = make_site(settings={"tables": {"users": {"name": "public.users", "purpose": "required"}}})
    body = {"name": "n", "cron": "@yearly", "export": USERS}
    problem.check(ask(site, token, "POST", SCHEDULES, body), 400)
    answer = ask(site, token, "POST", SCHEDULES, body, {"Sluice-Purpose": "billing"})
    assert answer.status == 201, answer.body
    change(site, token, answer.json(), {"name": "m"})
    assert postgres.execute("SELECT principal->>'purpose' FROM sluice.schedules") == [("billing",)]
    assert run_due(site, token, postgres, answer.json())["state"] == "succeeded"


def test_a_user_has_no_more_than_so_many(make_site, issuer, token):
    site = make_site(settings={"limits": {"schedules": 2}})
    body = {"name": "n", "cron": "@yearly", "export": USERS}
    assert [ask(site, token, "POST", SCHEDULES, body).status for _ in range(4)] == [201, 201, 422, 422]
    made(site, issuer.token(sub="another"))


def test_nor_when_they_are_asked_for_at_once(place, postgres):
    sql = ("SELECT sluice.schedule_create(gen_random_uuid(), 's', NULL, '{}', 'n', '@daily', 'UTC', '{}', false, true,"
           " now() + interval '1 day', 1)")
    with ThreadPoolExecutor(1) as pool, closing(postgres.connect()) as first:
        first.autocommit = False
        with first.cursor() as cursor:
            cursor.execute(sql)
            assert cursor.fetchall() == [(True,)]
        second = pool.submit(postgres.execute, sql)
        process.wait_until(lambda: second.done() or postgres.execute(
            "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'advisory' AND query LIKE '%schedule_create%'"), "the second")
        first.commit()
        assert second.result() == [(False,)]


@pytest.mark.parametrize("by", ["subject", "tenant"])
def test_purge_removes_them(place, issuer, postgres, token, by):
    who = "to be forgotten"
    theirs = issuer.token(sub=who) if by == "subject" else issuer.token(tenant_id=who)
    one, other = made(place, theirs), made(place, issuer.token(sub="stays"))
    run_due(place, theirs, postgres, one)
    be_due(postgres, one)
    assert place.sluice("purge", f"--{by}", who).stdout == (
        "exports removed: 1; sluice-sweep removes their files\nschedules removed: 1\n")
    problem.check(curl(f"{place.url}{SCHEDULES}/{one['id']}", theirs), 404)
    once(place)
    assert runs(place, theirs, one) == [] and read(place, issuer.token(sub="stays"), other)
    definition = postgres.execute("SELECT definition FROM sluice.audit WHERE action = 'purge' ORDER BY seq DESC LIMIT 1")[0][0]
    assert json.loads(definition) == {by: who, "exports": 1, "schedules": 1}


# ---- increments

GROWING = {"queryDefinition": {"from": "growing"}, "format": "csv"}


@pytest.fixture
def growing(postgres):
    postgres.execute("TRUNCATE growing; INSERT INTO growing VALUES (1, 'a'), (2, 'a')")


def rows(site, token, job):
    assert job["state"] == "succeeded", job
    answer = curl(f"{site.url}{EXPORTS}/{job['id']}/download", token)
    return sorted(csv.reader(io.StringIO(answer.text())))[:-1]


def test_each_run_takes_what_came_since_the_one_before(place, postgres, token, growing):
    one = made(place, token, export=GROWING, increments=True)
    first = run_due(place, token, postgres, one)
    assert first["request"]["since"] == "start" and rows(place, token, first) == [["1", "a"], ["2", "a"]]
    assert read(place, token, one)["nextCursor"] == first["nextCursor"] is not None
    postgres.execute("INSERT INTO growing VALUES (3, 'b'); UPDATE growing SET note = 'b' WHERE id = 1")
    second = run_due(place, token, postgres, one)
    assert second["request"]["since"] == first["nextCursor"] and rows(place, token, second) == [["1", "b"], ["3", "b"]]
    third = run_due(place, token, postgres, one)
    assert rows(place, token, third) == [] and third["nextCursor"]


def test_a_run_that_failed_is_taken_again_by_the_next(place, postgres, token, growing):
    one = made(place, token, export=GROWING, increments=True)
    first = run_due(place, token, postgres, one)
    postgres.execute("INSERT INTO growing VALUES (3, 'b')")
    with configured(place, {"tables": {"growing": None}}):
        assert run_due(place, token, postgres, one)["state"] == "failed"
    assert read(place, token, one)["nextCursor"] == first["nextCursor"]
    assert rows(place, token, run_due(place, token, postgres, one)) == [["3", "b"]]


def test_changes_that_begin_from_the_start(place, postgres, token, growing):
    one = made(place, token, export=GROWING, increments=True)
    run_due(place, token, postgres, one)
    assert change(place, token, one, {"export": {"format": "tsv", "fileName": "x"}, "cron": "@monthly"})["nextCursor"]
    change(place, token, one, {"export": {"format": "csv"}})
    assert rows(place, token, run_due(place, token, postgres, one)) == []
    where = {"filter": {"gt": ["id", 1]}}
    assert change(place, token, one, {"export": {"queryDefinition": where}})["nextCursor"] is None
    assert rows(place, token, run_due(place, token, postgres, one)) == [["2", "a"]]
    assert change(place, token, one, {"nextCursor": None})["nextCursor"] is None
    assert rows(place, token, run_due(place, token, postgres, one)) == [["2", "a"]]
    problem.check(ask(place, token, "PATCH", f"{SCHEDULES}/{one['id']}", {"nextCursor": "x"}), 400)
    change(place, token, one, {"increments": False})
    assert change(place, token, one, {"increments": True})["nextCursor"] is None


def test_a_run_from_before_such_a_change_does_not_move_the_cursor(place, postgres, token, growing):
    one = made(place, token, export=GROWING, increments=True)
    job = ask(place, token, "POST", f"{SCHEDULES}/{one['id']}/runs").json()
    change(place, token, one, {"export": {"queryDefinition": {"filter": {"gt": ["id", 1]}}}})
    once(place)
    assert [(run["id"], run["state"]) for run in runs(place, token, one)] == [(job["id"], "succeeded")]
    assert read(place, token, one)["nextCursor"] is None


def test_what_has_no_increments_is_refused(place, token):
    body = {"name": "n", "cron": "@daily", "export": {"queryDefinition": {"from": "grown"}, "format": "csv"}}
    problem.check(ask(place, token, "POST", SCHEDULES, {**body, "increments": True}), 422)
    one = made(place, token, **body)
    problem.check(ask(place, token, "PATCH", f"{SCHEDULES}/{one['id']}", {"increments": True}), 422)

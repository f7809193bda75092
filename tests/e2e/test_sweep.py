"""sluice-sweep: what is removed, what is left alone, and what it says."""

import json
import os
import re
import shutil
import subprocess
import time
import uuid

import pytest

from harness import config, problem, process
from harness.client import curl
from harness.worker import Worker

EXPORTS = "/api/v1/exports"
LOCK = "1937204592, 1785684595"  # lib/job/job_sweep.c
AGO_S = 3700  # more than the hour after which nobody writes any more


@pytest.fixture(scope="module")
def place(fleet):
    made = fleet.start(workers=(1, 2))
    shutil.copy(os.path.join(made.prefix, "sbin", "sluice-sweep"), made.path("sweeper"))
    yield made
    fleet.stop(made, may_die=False)


@pytest.fixture(scope="module")
def worker(place):
    made = Worker(place, 2)
    yield made
    made.stop()


def start(site, settings=None):
    return subprocess.Popen(process.as_user(site.user, [site.path("sweeper")]), stdout=subprocess.PIPE, text=True,
                            stderr=subprocess.PIPE, env={**os.environ, **site.env, "SLUICE_CONFIG": settings or site.config})


def counts(out):
    """{"jobs expired": 1, …} of the one line that was said."""
    assert re.fullmatch(r"[a-z]+ [a-z]+ \d+(?: \(\d+ bytes\))?(?:, [a-z]+ [a-z]+ \d+(?: \(\d+ bytes\))?)*\n", out), out
    return {name: int(n) for name, n in re.findall(r"([a-z]+ [a-z]+) (\d+)", out)}


def sweep(site):
    ran = start(site)
    out, err = ran.communicate(timeout=60)
    assert (ran.returncode, err) == (0, ""), (out, err)
    return counts(out)


def create(site, token, table, **body):
    answer = curl(site.url + EXPORTS, token, "POST", {"Content-Type": "application/json", "Idempotency-Key": str(uuid.uuid4())},
                  json.dumps({"queryDefinition": {"from": table}, "format": "csv", **body}).encode())
    assert answer.status == 202, answer.body
    return answer.json()["id"]


def state_of(site, token, job):
    return curl(f"{site.url}{EXPORTS}/{job}", token).json()["state"]


def finished(site, token, **body):
    job = create(site, token, "users", **body)
    process.wait_until(lambda: state_of(site, token, job) == "succeeded", "a finished export")
    return job


def folder(site, job):
    return os.path.join(site.settings["stage"]["dir"], "jobs", job)


def age(path):
    """As if nothing there had changed for more than an hour."""
    then = time.time() - AGO_S
    for top, _, names in os.walk(path):
        for name in names:
            os.utime(os.path.join(top, name), (then, then))
    os.utime(path, (then, then))


def litter(site, name="part-0001.7"):
    """What a job left that nobody knows."""
    path = folder(site, str(uuid.uuid4()))
    os.makedirs(path)
    with open(os.path.join(path, name), "wb") as f:
        f.write(bytes(1000))
    process.give(path, site.user)
    return path


def old_litter(site):
    path = litter(site)
    age(path)
    return path


def test_leases_end_and_the_forgotten_are_forgotten(place, postgres, token):
    """The first, while there are no workers: a claim ends leases too."""
    def job(state, more, values):
        return postgres.execute(
            f"INSERT INTO sluice.jobs (id, subject, principal, request, payload, state, expires{more})"
            f" VALUES (gen_random_uuid(), 'sweep', '{{}}', '{{}}', decode(repeat('00', 32), 'hex'), '{state}', {values})"
            " RETURNING id")[0][0]

    week = "now() - interval '7 days 1 minute'"
    lost = job("running", ", direct, lease_until", "now() + interval '1 day', true, now() - interval '1 s'")
    old = job("expired", ", ended", f"{week}, now()")
    removed = job("failed", ", ended, deleted", f"now() + interval '1 day', now(), {week}")
    lately = job("expired", ", ended", "now() - interval '6 days', now()")
    postgres.execute("INSERT INTO sluice.outcomes (id, state, sub, route, ended, expires)"
                     " SELECT gen_random_uuid(), 'failed', 'sweep', '/', now(), now() + n * interval '1 hour'"
                     " FROM unnest(ARRAY[-1, 1]) n")
    said = sweep(place)
    assert said["leases ended"] == 1 and said["jobs forgotten"] == 2 and said["outcomes forgotten"] >= 1, said
    there = dict(postgres.execute("SELECT id, state FROM sluice.jobs WHERE subject = 'sweep'"))
    assert there == {lost: "failed", lately: "expired"} and not {old, removed} & set(there)
    assert postgres.execute("SELECT count(*) FROM sluice.outcomes WHERE sub = 'sweep'") == [(1,)]
    postgres.execute("DELETE FROM sluice.jobs WHERE subject = 'sweep'")


def test_what_has_expired_goes_and_says_so(place, worker, postgres, token):
    gone, stays = finished(place, token), finished(place, token, format="tsv")
    assert os.listdir(folder(place, gone))
    postgres.execute(f"UPDATE sluice.jobs SET expires = now() - interval '1 second' WHERE id = '{gone}'")
    age(folder(place, stays))
    said = sweep(place)
    assert said["jobs expired"] == 1 and said["files removed"] >= 1, said
    assert not os.path.exists(folder(place, gone))
    problem.check(curl(f"{place.url}{EXPORTS}/{gone}/download", token), 410)
    assert state_of(place, token, gone) == "expired"
    assert curl(f"{place.url}{EXPORTS}/{stays}/download", token).status == 200
    assert sweep(place)["files removed"] == 0


def test_files_of_a_removed_export_go_whatever_their_age(place, worker, postgres, token):
    job = finished(place, token)
    postgres.execute(f"UPDATE sluice.jobs SET deleted = now() WHERE id = '{job}'")
    assert sweep(place)["files removed"] >= 1
    assert not os.path.exists(folder(place, job))


def test_litter_goes_after_an_hour(place, worker, token):
    old, fresh, job = old_litter(place), litter(place), finished(place, token)
    half = [os.path.join(folder(place, job), name) for name in ("file-1.1.0.tmp", "file-1.2.0.tmp")]
    for path in half:
        with open(path, "wb"):
            pass
    os.utime(half[0], (time.time() - AGO_S,) * 2)
    said = sweep(place)
    assert not os.path.exists(old) and os.path.exists(fresh)
    assert [os.path.exists(path) for path in half] == [False, True]
    assert said["litter removed"] == 3, said  # a directory and a file in it, and a half-written one
    assert curl(f"{place.url}{EXPORTS}/{job}/download", token).status == 200
    shutil.rmtree(fresh)


def test_an_export_that_runs_is_left_alone(place, worker, postgres, token):
    job = create(place, token, "slow")
    process.wait_until(lambda: state_of(place, token, job) == "running" and os.path.isdir(folder(place, job)), "a running one")
    postgres.execute(f"UPDATE sluice.jobs SET expires = now() - interval '1 second' WHERE id = '{job}'")
    age(folder(place, job))
    said = sweep(place)
    assert said["jobs expired"] == said["leases ended"] == 0, said
    assert os.path.isdir(folder(place, job))
    assert postgres.execute(f"SELECT state FROM sluice.jobs WHERE id = '{job}'") == [("running",)]
    curl(f"{place.url}{EXPORTS}/{job}", token, "DELETE")
    process.wait_until(lambda: state_of(place, token, job) == "canceled", "its end")


def test_while_one_is_at_it_another_leaves(place, postgres):
    path = old_litter(place)
    holder = postgres.connect()
    try:
        holder.cursor().execute(f"SELECT pg_advisory_lock({LOCK})")
        ran = start(place)
        assert ran.communicate(timeout=60) == ("another sluice-sweep is at it\n", "") and ran.returncode == 0
        assert os.path.exists(path)
    finally:
        holder.close()
    both = [start(place) for _ in range(2)]
    ended = [one.communicate(timeout=60) + (one.returncode,) for one in both]
    assert [end[1:] for end in ended] == [("", 0)] * 2, ended
    assert not os.path.exists(path)


@pytest.fixture
def role_without_list(postgres):
    """It may end leases, but not read which jobs were removed, so the list of those to be kept fails."""
    columns = postgres.execute("SELECT string_agg(quote_ident(column_name), ',') FROM information_schema.columns WHERE"
                               " table_schema = 'sluice' AND table_name = 'jobs' AND column_name <> 'deleted'")[0][0]
    postgres.execute("CREATE ROLE no_list LOGIN; GRANT USAGE ON SCHEMA sluice TO no_list;"
                     "GRANT SELECT ON ALL TABLES IN SCHEMA sluice TO no_list; REVOKE SELECT ON sluice.jobs FROM no_list;"
                     f"GRANT SELECT ({columns}), UPDATE ON sluice.jobs TO no_list")
    yield "no_list"
    postgres.execute("DROP OWNED BY no_list; DROP ROLE no_list")


def sweep_in_vain(site, conninfo):
    """What standard error says; nothing is removed."""
    settings, path = site.path("in_vain.conf"), old_litter(site)
    config.write(settings, config.merge(site.settings, {"databases": {"main": {"conninfo": conninfo}}}))
    ran = start(site, settings)
    out, err = ran.communicate(timeout=60)
    assert ran.returncode == 1 and out == "" and err.count("\n") == 1 and err.startswith("sluice-sweep: "), (out, err)
    assert os.path.exists(path)
    shutil.rmtree(path)
    return err


def test_nothing_goes_while_there_is_no_database(place):
    sweep_in_vain(place, f"host=127.0.0.1 port={process.free_port()} dbname=none")


def test_nothing_goes_without_the_list_of_jobs(place, postgres, role_without_list):
    assert "permission denied for table jobs" in sweep_in_vain(place, postgres.conninfo(role_without_list))


def test_it_is_called_with_options_alone(place):
    for args, status in ((["--help"], 0), (["--version"], 0), (["now"], 2), (["--now"], 2), (["-c", "/nowhere"], 1)):
        ran = subprocess.run([place.path("sweeper"), *args], capture_output=True, text=True, check=False)
        assert ran.returncode == status and bool(ran.stdout) == (status == 0), ran


@pytest.mark.parametrize("by", ["subject", "tenant"])
def test_all_of_a_user_or_tenant_is_removed(place, worker, postgres, issuer, token, by):
    who = f"forget \"me\" {uuid.uuid4()}"
    theirs = issuer.token(sub=who) if by == "subject" else issuer.token(tenant_id=who)
    done, others, running = finished(place, theirs), finished(place, token), create(place, theirs, "slow")
    process.wait_until(lambda: state_of(place, theirs, running) == "running", "a running one")
    waits = postgres.execute("INSERT INTO sluice.jobs (id, subject, tenant, principal, request, payload, state, direct, expires)"
                             f" VALUES (gen_random_uuid(), '{who}', '{who}', '{{}}', '{{}}', decode(repeat('00', 32), 'hex'),"
                             " 'queued', true, now() + interval '1 day') RETURNING id")[0][0]
    assert place.sluice("purge", f"--{by}", who).stdout == "exports removed: 3; sluice-sweep removes their files\n"
    assert postgres.execute(f"SELECT state FROM sluice.jobs WHERE id = '{waits}'") == [("canceled",)]
    for job in (done, running, waits):
        problem.check(curl(f"{place.url}{EXPORTS}/{job}", theirs), 404)
    problem.check(curl(f"{place.url}{EXPORTS}/{done}/download", theirs), 404)
    process.wait_until(lambda: postgres.execute(f"SELECT state FROM sluice.jobs WHERE id = '{running}'") == [("canceled",)],
                       "the running one's end")
    sweep(place)
    assert not os.path.exists(folder(place, done)) and not os.path.exists(folder(place, running))
    assert curl(f"{place.url}{EXPORTS}/{others}/download", token).status == 200
    lines = postgres.execute("SELECT definition, tenant, outcome FROM sluice.audit WHERE action = 'purge'"
                             " ORDER BY seq DESC LIMIT 1")
    assert [(json.loads(one), *more) for one, *more in lines] == [
        ({by: who, "exports": 3}, who if by == "tenant" else None, "ok")]
    assert place.sluice("purge", f"--{by}", who).stdout.startswith("exports removed: 0;")
    assert "lines hold" in place.sluice("audit", "verify").stdout


def test_what_purge_cannot_mean_is_refused(place, postgres):
    before = postgres.execute("SELECT count(*) FROM sluice.jobs WHERE deleted IS NOT NULL")
    for args in ([], ["--subject", "a", "--tenant", "b"], ["--subject", ""], ["--tenant", ""]):
        ran = place.sluice("purge", *args, check=False)
        assert ran.returncode == 2 and "one of --subject and --tenant" in ran.stderr, ran
    assert postgres.execute("SELECT count(*) FROM sluice.jobs WHERE deleted IS NOT NULL") == before

"""sluice-sweep: what is removed, what is left alone, and what it says."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
import uuid

import pytest

from harness import config, problem, process
from harness.client import curl
from harness.postgres import SOURCE
from harness import worker as worker_module
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
    out, err = ran.communicate(timeout=60 * process.PATIENCE)
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
    sweep(place)  # what other tests have left

    def job(state, more, values):
        return postgres.execute(
            f"INSERT INTO sluice.jobs (id, subject, principal, request, payload, state, expires{more})"
            f" VALUES (gen_random_uuid(), 'sweep', '{{}}', '{{}}', decode(repeat('00', 32), 'hex'), '{state}', {values})"
            " RETURNING id")[0][0]

    week = "now() - interval '604860 seconds'"  # a week of days may have an hour less
    lost = job("running", ", direct, lease_until", "now() + interval '1 day', true, now() - interval '1 s'")
    old = job("expired", ", ended", f"{week}, now()")
    removed = job("failed", ", ended, deleted", f"now() + interval '1 day', now(), {week}")
    lately = job("expired", ", ended", "now() - interval '6 days', now()")
    postgres.execute("INSERT INTO sluice.outcomes (id, state, sub, route, ended, expires)"
                     " SELECT gen_random_uuid(), 'failed', 'sweep', '/', now(), now() + n * interval '1 hour'"
                     " FROM unnest(ARRAY[-1, 1]) n")
    said = sweep(place)
    assert said["leases ended"] == 1 and said["jobs forgotten"] >= 2 and said["outcomes forgotten"] >= 1, said
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


@pytest.mark.parametrize("state", ["failed", "canceled"])
def test_what_a_failed_one_left_goes_at_once(place, worker, postgres, token, state):
    """Without the hour, once no worker of it can be at work any more."""
    job = finished(place, token)
    postgres.execute("ALTER TABLE sluice.jobs DISABLE TRIGGER job_moved;"
                     f"UPDATE sluice.jobs SET state = '{state}', ended = now() - interval '20 seconds' WHERE id = '{job}';"
                     "ALTER TABLE sluice.jobs ENABLE TRIGGER job_moved")
    assert sweep(place)["files removed"] == 0 and os.listdir(folder(place, job))
    postgres.execute(f"UPDATE sluice.jobs SET ended = now() - interval '61 seconds' WHERE id = '{job}'")
    assert sweep(place)["files removed"] == 1 and not os.path.exists(folder(place, job))


@pytest.fixture
def apart(make_site, postgres):
    """A site with a metadata database of its own, where no other worker takes its jobs."""
    postgres.execute("CREATE DATABASE swept", dbname="postgres")
    postgres.execute("GRANT CREATE ON DATABASE swept TO sluice", dbname="postgres")
    site = make_site(workers=(1, 1), settings={
        "databases": {"kept": {"conninfo": postgres.conninfo(dbname="swept")}}, "metadata": {"database": "kept"},
        "tables": {name: {"database": "main"} for name in config.TABLES}})
    shutil.copy(os.path.join(site.prefix, "sbin", "sluice-sweep"), site.path("sweeper"))
    yield site
    site.stop()
    postgres.execute("DROP DATABASE swept WITH (FORCE)", dbname="postgres")


def as_nobody_else(site, command, **env):
    """Ended well and said nothing on standard error; what it said."""
    ran = subprocess.run(command, env={**site.env, **env}, capture_output=True, text=True, check=False, cwd="/")
    assert (ran.returncode, ran.stderr) == (0, ""), ran
    return ran.stdout


@pytest.mark.parametrize("first", ["root", "user"])
@pytest.mark.parametrize("group", ["of the server", "of the workers"])
def test_on_a_fresh_machine(apart, token, first, group):
    """Before there was a worker it makes nothing that stands in a worker's way; then it removes what workers make."""
    if not process.is_root():
        pytest.skip("only root can be two users")
    site, stage = apart, apart.settings["stage"]["dir"]
    if group == "of the server":
        shutil.chown(stage, group=site.user)
        os.chmod(stage, 0o710)
    command = [site.path("sweeper"), "-c", site.config]
    said = as_nobody_else(site, command if first == "root" else process.as_user(site.user, command))
    assert set(counts(said).values()) == {0} and os.listdir(stage) == []
    worker = Worker(site, 1)
    try:
        job = finished(site, token)
    finally:
        worker.stop()
    modes = {0o710, 0o640} if group == "of the server" else {0o700, 0o600}
    paths = [os.path.dirname(folder(site, job)), folder(site, job), *(e.path for e in os.scandir(folder(site, job)))]
    assert {os.stat(path).st_mode & 0o777 for path in paths} == modes
    assert {os.stat(path).st_uid for path in paths} == {os.stat(stage).st_uid}
    assert curl(f"{site.url}{EXPORTS}/{job}/download", token).status == 200
    curl(f"{site.url}{EXPORTS}/{job}", token, "DELETE")
    other = process.as_user(site.user, command) if first == "root" else command
    assert counts(as_nobody_else(site, other))["files removed"] == 1 and not os.path.exists(folder(site, job))


def test_a_worker_of_roots_leaves_what_others_can_use(apart, token):
    if not process.is_root():
        pytest.skip("only root can be two users")
    job = create(apart, token, "users")
    as_nobody_else(apart, [os.path.join(apart.prefix, "sbin", "sluice-worker"), "--once"], SLUICE_CONFIG=apart.config)
    assert state_of(apart, token, job) == "succeeded"
    stage = os.stat(apart.settings["stage"]["dir"])
    for path in (os.path.dirname(folder(apart, job)), folder(apart, job), *(e.path for e in os.scandir(folder(apart, job)))):
        assert os.stat(path).st_uid == stage.st_uid
    assert curl(f"{apart.url}{EXPORTS}/{job}/download", token).status == 200
    job = create(apart, token, "projects")
    worker = Worker(apart, 1)
    try:
        process.wait_until(lambda: state_of(apart, token, job) == "succeeded", "a worker that is not root")
    finally:
        worker.stop()


def test_the_line_of_cron(apart, postgres, token):
    """As cron runs it: by /bin/sh, with the file's environment and no other, a secret among it."""
    with open(os.path.join(SOURCE, "etc", "cron.d", "sluice"), encoding="utf-8") as f:
        lines = [line for line in f.read().splitlines() if line and not line.startswith("#")]
    env = dict(line.split("=", 1) for line in lines[:-1])
    assert set(env) == {"PATH", "SLUICE_CONFIG"}
    minute, user, command = re.fullmatch(r"(\S+) \* \* \* \* (\S+) (.+)", lines[-1]).groups()
    assert (minute, user) == ("*/5", "sluice")
    programs, said = apart.path("sbin"), apart.path("log", "syslog")
    os.mkdir(programs)
    shutil.copy(apart.path("sweeper"), os.path.join(programs, "sluice-sweep"))
    with open(os.path.join(programs, "logger"), "w", encoding="utf-8") as f:
        f.write(f"#!/bin/sh\n[ \"$*\" = '-t sluice-sweep' ] && cat >>{said}\n")
    os.chmod(os.path.join(programs, "logger"), 0o755)
    config.write(apart.path("cron.conf"), config.merge(apart.settings, {
        "secret": {"key": "env:SLUICE_SECRET"}, "databases": {"kept": {"conninfo": "env:SLUICE_KEPT"}}}))
    env |= {"PATH": f"{programs}:{env['PATH']}", "SLUICE_CONFIG": apart.path("cron.conf"), "HOME": "/nonexistent"}
    given = {"SLUICE_SECRET": "x" * 32, "SLUICE_KEPT": postgres.conninfo(dbname="swept")}

    def cron(**more):
        ran = subprocess.run(process.as_user(apart.user, ["/bin/sh", "-c", command]), env={**env, **more}, cwd="/",
                             capture_output=True, text=True, check=False)
        assert ran.stdout == ""
        return ran.stderr

    assert cron(**given) == ""
    with open(said, encoding="utf-8") as f:
        assert set(counts(f.read()).values()) == {0}
    err = cron()  # a mail of one line, that says what is missing
    assert err.count("\n") == 1 and err.startswith("sluice-sweep: ") and "SLUICE_" in err, err


def test_many_at_once_while_exports_are_made(apart, postgres, token):
    """Nothing that is wanted goes, and all that is not goes, once."""
    worker = Worker(apart, 2)
    try:
        gone = [finished(apart, token, fileName=f"gone {n}") for n in range(3)]
        postgres.execute("UPDATE sluice.jobs SET expires = now() - interval '1 second'", dbname="swept")
        jobs, ran = [], []
        for n in range(6):
            jobs.append(create(apart, token, "users", fileName=f"kept {n}", parallel=2))
            ran += [start(apart) for _ in range(3)]
        said = [one.communicate(timeout=60 * process.PATIENCE) + (one.returncode,) for one in ran]
        assert [end[1:] for end in said] == [("", 0)] * len(ran), said
        done = [counts(out) for out, _, _ in said if out != "another sluice-sweep is at it\n"]
        assert sum(one["jobs expired"] for one in done) == sum(one["files removed"] for one in done) == len(gone)
        assert sum(one["litter removed"] for one in done) == sum(one["leases ended"] for one in done) == 0
        for job in jobs:
            process.wait_until(lambda job=job: state_of(apart, token, job) == "succeeded", "an export")
            assert curl(f"{apart.url}{EXPORTS}/{job}/download", token).body.count(b"\n") == 20001
        assert sorted(os.listdir(os.path.dirname(folder(apart, jobs[0])))) == sorted(jobs)
    finally:
        worker.stop()


def test_on_a_full_disk(apart, postgres, token):
    """Where nothing can be written, room is made."""
    stage = apart.settings["stage"]["dir"]
    if not process.is_root() or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m,mode=1777", "none", stage],
                                               capture_output=True, check=False).returncode:
        pytest.skip("file systems cannot be mounted here")
    try:
        worker = Worker(apart, 1)
        try:
            job = finished(apart, token)
        finally:
            worker.stop()
        with open(os.path.join(stage, "full"), "wb") as f, pytest.raises(OSError):
            while True:
                f.write(bytes(65536))
                f.flush()
        assert os.statvfs(stage).f_bavail == 0
        postgres.execute("UPDATE sluice.jobs SET expires = now() - interval '1 second'", dbname="swept")
        said = sweep(apart)
        assert said["jobs expired"] == said["files removed"] == 1 and os.statvfs(stage).f_bavail > 0
        assert not os.path.exists(folder(apart, job))
    finally:
        subprocess.run(["umount", stage], check=True)


def test_a_worker_that_wakes_up_after_its_files_are_gone(apart, postgres, token):
    """It was given up while it slept; it leaves nothing, and goes on with the next job."""
    config.write(apart.config, config.merge(apart.settings, {"jobs": {"lease": "3s"}}))
    site, one = apart, Worker(apart, 1)
    pids = []
    try:
        job = create(site, token, "slow")
        process.wait_until(lambda: state_of(site, token, job) == "running" and os.path.isdir(folder(site, job))
                           and one.pids()[1], "a running one")
        postgres.execute(f"UPDATE sluice.jobs SET attempts = 3 WHERE id = '{job}'", dbname="swept")
        loops, parts = one.pids()
        pids = loops + parts
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        process.wait_until(lambda: sweep(site)["leases ended"] == 1, "the end of its lease")
        assert state_of(site, token, job) == "failed"
        process.wait_until(lambda: sweep(site) and not os.path.exists(folder(site, job)), "its files' end")
        while pids:
            os.kill(pids.pop(), signal.SIGCONT)
        after = finished(site, token)
        assert not os.path.exists(folder(site, job)) and state_of(site, token, job) == "failed"
        assert curl(f"{site.url}{EXPORTS}/{after}/download", token).status == 200
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
        one.stop()


def test_while_one_is_at_it_another_leaves(place, postgres):
    path = old_litter(place)
    holder = postgres.connect()
    try:
        holder.cursor().execute(f"SELECT pg_advisory_lock({LOCK})")
        ran = start(place)
        assert ran.communicate(timeout=60 * process.PATIENCE) == ("another sluice-sweep is at it\n", "") and ran.returncode == 0
        assert os.path.exists(path)
        holder.cursor().execute(f"SELECT pg_advisory_unlock({LOCK})")
    finally:
        holder.close()
    both = [start(place) for _ in range(2)]
    ended = [one.communicate(timeout=60 * process.PATIENCE) + (one.returncode,) for one in both]
    assert [end[1:] for end in ended] == [("", 0)] * 2, ended
    assert not os.path.exists(path)


@pytest.fixture
def role_without_list(postgres):
    """It may end leases, but not read which jobs were removed, so the list of those to be kept fails."""
    columns = postgres.execute("SELECT string_agg(quote_ident(column_name), ',') FROM information_schema.columns WHERE"
                               " table_schema = 'sluice' AND table_name = 'jobs' AND column_name <> 'deleted'")[0][0]
    postgres.execute("CREATE ROLE no_list LOGIN; GRANT USAGE ON SCHEMA sluice TO no_list;"
                     "GRANT SELECT ON ALL TABLES IN SCHEMA sluice TO no_list; REVOKE SELECT ON sluice.jobs FROM no_list;"
                     f"GRANT SELECT ({columns}), UPDATE ON sluice.jobs TO no_list; GRANT UPDATE ON sluice.schedules TO no_list")
    yield "no_list"
    postgres.execute("DROP OWNED BY no_list; DROP ROLE no_list")


def sweep_in_vain(site, conninfo):
    """What standard error says; nothing is removed."""
    settings, path = site.path("in_vain.conf"), old_litter(site)
    config.write(settings, config.merge(site.settings, {"databases": {"main": {"conninfo": conninfo}}}))
    ran = start(site, settings)
    out, err = ran.communicate(timeout=60 * process.PATIENCE)
    assert ran.returncode == 1 and out == "" and err.count("\n") == 1 and err.startswith("sluice-sweep: "), (out, err)
    assert os.path.exists(path)
    shutil.rmtree(path)
    return err


def test_nothing_goes_while_there_is_no_database(place):
    sweep_in_vain(place, f"host=127.0.0.1 port={process.free_port()} dbname=none")


def test_nothing_goes_without_the_list_of_jobs(place, postgres, role_without_list):
    assert "permission denied for table jobs" in sweep_in_vain(place, postgres.conninfo(role_without_list))


def test_a_stage_that_cannot_be_had(apart, postgres, token):
    """The sweeper does what can be done without it. Of workers none is started; each says once what is missing."""
    stage = apart.settings["stage"]["dir"]
    program = shutil.copy(os.path.join(apart.prefix, "sbin", "sluice-worker"), apart.path("worker"))
    job = create(apart, token, "users", expiresIn="1s")
    postgres.execute("UPDATE sluice.jobs SET expires = now() - interval '1 second'", dbname="swept")
    os.rename(stage, stage + ".away")
    try:
        ran = start(apart)
        out, err = ran.communicate(timeout=60 * process.PATIENCE)
        assert (ran.returncode, err) == (1, f"sluice-sweep: stage.dir: {stage}: No such file or directory\n")
        assert counts(out)["jobs expired"] == 1 and state_of(apart, token, job) == "expired"
        for args in ([], ["-n", "2"], ["--once"]):
            ran = subprocess.run(process.as_user(apart.user, [program, *args]), capture_output=True, text=True, check=False,
                                 timeout=60 * process.PATIENCE, env={**os.environ, **apart.env, "SLUICE_CONFIG": apart.config})
            assert (ran.returncode, ran.stdout) == (1, "")
            assert ran.stderr == f"sluice-worker: stage.dir: {stage}: No such file or directory\n"
    finally:
        os.rename(stage + ".away", stage)


def test_who_has_forgotten_the_workers_is_told(apart, postgres, token):
    def said():
        ran = start(apart)
        out, err = ran.communicate(timeout=60 * process.PATIENCE)
        assert ran.returncode == 0
        return counts(out)["jobs waiting"], err

    assert said() == (0, "")
    create(apart, token, "users")
    create(apart, token, "projects")
    assert said() == (2, "")
    postgres.execute("UPDATE sluice.jobs SET available = now() - interval '61 minutes'", dbname="swept")
    waiting, err = said()
    assert waiting == 2 and re.fullmatch(r"sluice-sweep: 2 exports have been due .*: is sluice-worker run\?\n", err), err
    postgres.execute("INSERT INTO sluice.jobs (id, subject, principal, request, payload, state, expires, ended, beat)"
                     " VALUES (gen_random_uuid(), 'busy', '{}', '{}', decode(repeat('00', 32), 'hex'), 'failed',"
                     " now() + interval '1 day', now(), now() - interval '59 minutes')", dbname="swept")
    assert said() == (2, "")  # there is one, and it has much to do


def test_who_has_forgotten_the_sweeper_is_told(apart, postgres, token):
    create(apart, token, "users")
    for ago, told in ((None, 0), ("23 hours", 0), ("25 hours", 1)):
        if ago:
            postgres.execute(f"UPDATE sluice.jobs SET expires = now() - interval '{ago}'", dbname="swept")
        assert worker_module.run_once(apart).returncode == 0
        with open(apart.path("log", "sluice.log"), encoding="utf-8") as f:
            lines = [json.loads(line) for line in f]
        assert [(one["level"], one["exports"]) for one in lines if "sluice-sweep" in one["msg"]] == [("warn", 1)] * told


def test_a_worker_without_its_database_does_not_fill_the_log(apart):
    """It tries once a second, and tells once a minute."""
    config.write(apart.path("down.conf"), config.merge(apart.settings, {
        "databases": {"kept": {"conninfo": f"host=127.0.0.1 port={process.free_port()} dbname=none"}}}))
    program = shutil.copy(os.path.join(apart.prefix, "sbin", "sluice-worker"), apart.path("worker"))
    worker = process.Process("worker", process.as_user(apart.user, [program]), apart.path("log", "worker.err"),
                             {**apart.env, "SLUICE_CONFIG": apart.path("down.conf")})
    try:
        time.sleep(5)
        assert worker.is_alive()
    finally:
        worker.stop()
    with open(apart.path("log", "sluice.log"), encoding="utf-8") as f:
        lines = [json.loads(line) for line in f]
    assert sorted(line["msg"] for line in lines if line["level"] == "warn") == ["the queue of jobs cannot be asked", "what is due of schedules could not be run"]


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
        ({by: who, "exports": 3, "schedules": 0}, who if by == "tenant" else None, "ok")]
    assert place.sluice("purge", f"--{by}", who).stdout.startswith("exports removed: 0;")
    assert "lines hold" in place.sluice("audit", "verify").stdout


def test_what_purge_cannot_mean_is_refused(place, postgres):
    before = postgres.execute("SELECT count(*) FROM sluice.jobs WHERE deleted IS NOT NULL")
    for args in ([], ["--subject", "a", "--tenant", "b"], ["--subject", ""], ["--tenant", ""]):
        ran = place.sluice("purge", *args, check=False)
        assert ran.returncode == 2 and "one of --subject and --tenant" in ran.stderr, ran
    assert postgres.execute("SELECT count(*) FROM sluice.jobs WHERE deleted IS NOT NULL") == before

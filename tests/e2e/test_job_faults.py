"""Exports as jobs, while workers and databases are killed at random moments, and somebody moves money between the accounts that are
exported: what succeeds is right, nothing is stuck, and nothing is left lying about.

SLUICE_FAULT_ROUNDS: how many rounds; the ordinary run makes a few.
"""

import os
import random
import time

import pytest

from harness import process
from harness.job_bench import kill

ROUNDS = int(os.environ.get("SLUICE_FAULT_ROUNDS", "5"))


@pytest.fixture(scope="module")
def noted():
    """What the jobs of all rounds say of what befell them."""
    texts = []
    yield texts
    assert any("lost" in text for text in texts), "nobody was struck while at work"


def kill_server(server, rng):
    if rng.random() < 0.5:
        server.kill()
    else:
        server.stop(process.signal.SIGQUIT)
    time.sleep(rng.choice((0, 0.3)))
    server.start()


def is_at_work(bench):
    return bench.parts() or not bench.run("SELECT 1 FROM sluice.jobs WHERE state IN ('queued', 'running') LIMIT 1")


def strike(bench, what, rng):
    if what == "parent":
        worker = rng.choice(bench.workers)
        kill(worker.process.pid)
        worker.process.popen.wait()
        bench.workers.remove(worker)
        bench.work(2)
    elif what in ("leader", "part"):
        process.wait_until(lambda: is_at_work(bench), "somebody to be struck")
        pids = bench.leaders() if what == "leader" else bench.parts()
        if pids:
            kill(rng.choice(pids))
    elif what == "all":
        for pid in [worker.process.pid for worker in bench.workers] + bench.leaders() + bench.parts():
            kill(pid)
        kill_server(bench.source, rng)
        bench.stop_workers()
        bench.work(2)
    else:
        kill_server(getattr(bench, what), rng)


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_a_round(benches, writer, noted, seed):
    rng = random.Random(seed)
    bench = benches[rng.choice(sorted(benches))]
    bench.work(2)
    bench.work(2)
    jobs = [bench.create(format=rng.choice(("csv", "ndjson")), parallel=rng.randint(1, 3), tenant=f"t{n % 3}") for n in range(8)]
    struck = [rng.choice(("parent", "leader", "part", "part", "source", "kept", "all")) for _ in range(2)]
    for what in struck:
        time.sleep(rng.uniform(0, 0.9))
        strike(bench, what, rng)
        # However long a server was away, and how often it was tried in vain meanwhile: that is another test's.
        bench.run("UPDATE sluice.jobs SET attempts = 0 WHERE state = 'queued'")
    for job in bench.wait_ended(jobs):
        assert job["state"] == "succeeded", (struck, job)
        bench.check_accounts(job["id"])
        noted.extend(note["text"] for note in job["notes"])
    bench.check_quiet()
    assert writer.moved > 0
    bench.close()

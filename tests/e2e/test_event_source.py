"""Events of a job, by the rules of an EventSource: a parser, and a client that comes again, which are not ours."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import process
from harness.node import Node
from harness.worker import Worker
from test_events import SOME, check_order, make, path, start, watched  # pylint: disable=unused-import


@pytest.fixture(scope="module")
def judge(tmp_path_factory):
    return Node(tmp_path_factory.mktemp("node"), "events.mjs")


def test_what_an_event_source_makes_of_it(fleet, judge, watched, postgres, token):
    """It comes again when a stream ends, names what it knows, and stays away when it is told to."""
    site = start(fleet, "nginx", events_time="1s")
    worker = None
    try:
        job = make(site, token, **SOME)
        asked = json.dumps({"url": site.url + path(job), "token": token})
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(judge.run, asked)
            process.wait_until(lambda: answer.done() or postgres.execute(
                f"SELECT 1 FROM sluice.audit WHERE action = 'watch' AND definition::text LIKE '%{job}%'"), "the first stream's end")
            worker = Worker(site, 1)
            said = [json.loads(line) for line in answer.result()]
    finally:
        if worker:
            worker.stop()
        fleet.stop(site)
    events = [one for one in said if one["type"] in ("progress", "end")]
    assert [one["type"] for one in events] == ["progress"] * (len(events) - 1) + ["end"]
    check_order([one["job"] for one in events])
    assert sum(one["type"] == "open" for one in said) > 1
    assert said[-1] == {"type": "error", "code": 204, "closed": True}

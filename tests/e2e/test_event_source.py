"""Events of a job, by the rules of an EventSource: a parser, and a client that comes again, which are not ours."""

import json

import pytest

from harness.node import Node
from harness.worker import Worker
from test_events import SOME, check_order, make, path, start, watched  # pylint: disable=unused-import


@pytest.fixture(scope="module")
def judge(tmp_path_factory):
    return Node(tmp_path_factory.mktemp("node"), "events.mjs")


def test_what_an_event_source_makes_of_it(fleet, judge, watched, token):
    """It comes again when a stream ends, names what it knows, and stays away when it is told to."""
    site = start(fleet, "nginx", events_time="1s")
    worker = Worker(site, 1)
    try:
        job = make(site, token, **SOME)
        asked = json.dumps({"url": site.url + path(job), "token": token})
        said = [json.loads(line) for line in judge.run(asked)]
    finally:
        worker.stop()
        fleet.stop(site)
    events = [one for one in said if one["type"] in ("progress", "end")]
    assert [one["type"] for one in events] == ["progress"] * (len(events) - 1) + ["end"]
    check_order([one["job"] for one in events])
    assert sum(one["type"] == "open" for one in said) > 1
    assert said[-1] == {"type": "error", "code": 204, "closed": True}

"""Exports that the request for their download runs: canceled, given up and killed half-way, asked for by several at once. What breaks
off is seen to, the state says so, and it can be fetched again."""

import os
import signal
import threading
import time

import pytest

from harness import faults, problem, process
from harness.alias import job, made, remove, status, url, wait_status
from harness.client import Download, curl
from harness.reader import Cut, Reader


@pytest.fixture(scope="module")
def places(fleet, fault_settings):
    """A site behind each web server, by its name."""
    running = {}

    def of(front):
        if front not in running:
            running[front] = fleet.start(front=front, settings=fault_settings, workers=(3, 1))
        return running[front]
    yield of
    for site in running.values():
        fleet.stop(site, may_die=False)


@pytest.fixture
def place(places, front):
    return places(front)


@pytest.fixture
def streaming(places, streaming_front):
    return places(streaming_front)


@pytest.fixture
def nginx(places):
    return places("nginx")


def check_whole(site, token, made_id, numbers):
    answer = curl(url(site, made_id), token)
    assert (answer.exit, answer.status, answer.body) == (0, 200, numbers.csv())
    # Behind mod_fcgid the client has the last byte before that is noted.
    assert wait_status(site, token, made_id, "completed")["progress"] == {
        "totalRows": faults.ROWS, "processedRows": faults.ROWS, "percentage": 100}


def test_fetched_as_often_as_one_likes(place, token, numbers):
    made_id = made(place, token, format="csv", table="numbers")
    head = curl(url(place, made_id), token, "HEAD")
    assert (head.status, head.headers["content-type"]) == (200, "text/csv; charset=utf-8")
    assert status(place, token, made_id)["status"] == "pending" and job(place, token, made_id)["attempts"] == 0
    for n in range(1, 3):
        check_whole(place, token, made_id, numbers)
        assert job(place, token, made_id)["attempts"] == n
    assert remove(place, token, made_id).status == 204
    problem.check(curl(url(place, made_id), token), 404)


def test_canceled_while_rows_stream(streaming, token, numbers, postgres):
    made_id = made(streaming, token, format="csv", table="endless")
    with Download(url(streaming, made_id), token) as download:
        download.wait_received(1000000)
        said = wait_status(streaming, token, made_id, "processing")
        process.wait_until(lambda: status(streaming, token, made_id)["progress"]["processedRows"] > 0, "progress", 5)
        assert said["completedAt"] is None
        assert remove(streaming, token, made_id).status == 204
        process.wait_until(lambda: not download.is_running(), "the end of the stream", 2)
        answer = download.answer()
    assert answer.exit != 0 and numbers.has_prefix(answer.body)
    faults.check_query_gone(postgres, "endless")
    assert wait_status(streaming, token, made_id, "cancelled")["error"] is None
    problem.check(curl(url(streaming, made_id), token), 409)
    how = faults.ended(streaming, token, answer.headers["sluice-export-id"])
    assert (how["state"], how["error"]["detail"]) == ("failed", "the export was canceled")


@pytest.mark.parametrize("table", ["waiting", "sorting", "pausing"])
def test_canceled_before_anything_has_left(place, token, postgres, table):
    """While the query waits, or its rows are staged for mod_fcgid: the client is told."""
    if table == "pausing" and place.front != "mod_fcgid":
        pytest.skip("the first rows leave before the pause")
    made_id = made(place, token, format="csv", table=table)
    with Download(url(place, made_id), token) as download:
        faults.wait_query(postgres, table)
        assert remove(place, token, made_id).status == 204
        process.wait_until(lambda: not download.is_running(), "the end of the stream", 3)
        answer = download.answer()
    assert problem.check(answer, 409)["detail"] == "the export was canceled"
    faults.check_query_gone(postgres, table)
    assert wait_status(place, token, made_id, "cancelled")


def test_canceled_between_two_rows(streaming, token, numbers, postgres):
    made_id = made(streaming, token, format="csv", table="pausing")
    with Download(url(streaming, made_id), token) as download:
        download.wait_received()
        assert remove(streaming, token, made_id).status == 204
        process.wait_until(lambda: not download.is_running(), "the end of the stream", 3)
        answer = download.answer()
    assert answer.exit != 0 and numbers.has_prefix(answer.body)
    faults.check_query_gone(postgres, "pausing")


def test_canceled_while_the_client_does_not_read(streaming, token, numbers, postgres):
    made_id = made(streaming, token, format="csv", table="endless")
    with Reader(url(streaming, made_id), token) as reader:
        reader.read(100000)
        time.sleep(1)
        assert remove(streaming, token, made_id).status == 204
        wait_status(streaming, token, made_id, "cancelled", seconds=6)
        faults.check_query_gone(postgres, "endless")
        with pytest.raises(Cut):
            reader.rest()
        assert numbers.has_prefix(reader.body)


def test_given_up_and_fetched_again(streaming, token, postgres):
    made_id = made(streaming, token, format="csv", table="endless")
    for _ in range(2):
        with Download(url(streaming, made_id), token) as download:
            download.wait_received(1000000)
            download.hang_up()
            faults.check_query_gone(postgres, "endless")
        assert wait_status(streaming, token, made_id, "failed")["error"] == "the client hung up"


def test_broken_off_by_the_database(place, token, numbers):
    made_id = made(place, token, format="csv", table="broken_late")
    for _ in range(2):
        faults.check_failed(place, token, curl(url(place, made_id), token), 422, numbers)
        said = wait_status(place, token, made_id, "failed")
        assert said["error"] and said["completedAt"] and said["progress"]["percentage"] != 100


def test_several_at_once(place, token, numbers):
    """One has it, and the others are told to come again."""
    made_id = made(place, token, format="csv", table="numbers")
    answers = []

    def fetch():
        answers.append(curl(url(place, made_id), token))
    threads = [threading.Thread(target=fetch) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    good = [answer for answer in answers if answer.status == 200]
    assert good and all((answer.exit, answer.body) == (0, numbers.csv()) for answer in good)
    for answer in answers:
        if answer.status != 200:
            assert problem.check(answer, 409) and int(answer.headers["retry-after"]) > 0
    wait_status(place, token, made_id, "completed")
    check_whole(place, token, made_id, numbers)


def test_while_another_has_it(streaming, token, postgres):
    made_id = made(streaming, token, format="csv", table="endless")
    with Download(url(streaming, made_id), token) as download:
        download.wait_received()
        for method in (None, "HEAD"):
            answer = curl(url(streaming, made_id), token, method)
            assert answer.status == 409 and int(answer.headers["retry-after"]) > 0
        assert download.is_running() and job(streaming, token, made_id)["attempts"] == 1
        download.hang_up()
    faults.check_query_gone(postgres, "endless")


LEASE = int(2 + process.PATIENCE)  # seconds: longer than a busy machine keeps a worker from its beats


def leased(settings):
    return {**settings, "jobs": {"lease": f"{LEASE}s"}}


@pytest.mark.workers_die
def test_killed_and_fetched_again(make_site, fault_settings, token, postgres):
    site = make_site(settings=leased(fault_settings), workers=(2, 1))
    made_id = made(site, token, format="csv", table="endless")
    with Download(url(site, made_id), token) as download:
        download.wait_received(1000000)
        ((holder,),) = postgres.execute(f"SELECT worker FROM sluice.jobs WHERE id = '{made_id}'")
        os.kill(int(holder.rpartition(":")[2]), signal.SIGKILL)
        assert download.answer().exit != 0
    wait_status(site, token, made_id, "pending", seconds=LEASE + 3)  # nobody has it any more
    with Download(url(site, made_id), token) as download:
        download.wait_received(1000000)
        shown = job(site, token, made_id)
        assert (shown["state"], shown["attempts"]) == ("running", 2)
        assert [note["text"] for note in shown["notes"]] == ["attempt 1: its worker was lost"]
        download.hang_up()
    faults.check_query_gone(postgres, "endless")


def test_the_lease_is_kept_while_nothing_moves(make_site, fault_settings, token, postgres):
    """Beyond its length: the query waits, or the client does."""
    site = make_site(settings=leased(fault_settings), workers=(3, 1))
    waiting, endless = (made(site, token, format="csv", table=name) for name in ("waiting", "endless"))
    with Download(url(site, waiting), token) as download, Reader(url(site, endless), token) as reader:
        faults.wait_query(postgres, "waiting")
        reader.read(1)
        time.sleep(LEASE + 1)
        for made_id in (waiting, endless):
            shown = job(site, token, made_id)
            assert (shown["state"], shown["attempts"]) == ("running", 1)
            assert curl(url(site, made_id), token).status == 409
        download.hang_up()
        reader.hang_up()
    faults.check_query_gone(postgres, "waiting")
    faults.check_query_gone(postgres, "endless")


def test_a_lease_that_was_lost_ends_the_stream(nginx, token, numbers, postgres):
    """Its job is another's then: what the first still sends would be nobody's."""
    made_id = made(nginx, token, format="csv", table="endless")
    with Download(url(nginx, made_id), token) as download:
        download.wait_received(1000000)
        postgres.execute(f"UPDATE sluice.jobs SET lease_until = now() WHERE id = '{made_id}'")
        process.wait_until(lambda: not download.is_running(), "the end of the stream", 5)
        answer = download.answer()
    assert answer.exit != 0 and numbers.has_prefix(answer.body)
    faults.check_query_gone(postgres, "endless")
    assert status(nginx, token, made_id)["status"] == "pending"

"""SIGTERM: an idle worker leaves at once, a busy one when its download is done, but no later than it may."""

import concurrent.futures
import os
import random
import signal
import socket
import time

import pytest

from harness import fastcgi, faults, process
from harness.client import Download, curl
from harness.faults import check_good, check_problem, rows_url
from harness.reader import Cut, Reader

LEAVES = 3  # seconds: at once, where other processes want to run too

pytestmark = pytest.mark.workers_die


def wait_gone(pids, seconds=LEAVES):
    process.wait_until(lambda: not any(process.is_there(pid) for pid in pids), f"{pids} have left", seconds)


def test_a_busy_worker_finishes_first(fault_site, token, numbers):
    with Reader(rows_url(fault_site, "numbers"), token) as reader:
        reader.read(1)
        workers = fault_site.workers("stream")  # one of them is busy; mod_fcgid may have started more
        for worker in workers:
            os.kill(worker, signal.SIGTERM)
        process.wait_until(lambda: sum(map(process.is_there, workers)) == 1, "those that are idle leave", LEAVES)
        time.sleep(0.3)
        assert sum(map(process.is_there, workers)) == 1
        assert reader.rest() == numbers.csv()
    wait_gone(workers)
    check_good(fault_site, token, numbers)
    assert not set(fault_site.workers("stream")) & set(workers)


def test_a_pool_finishes_first(make_site, fault_settings, streaming_front, token, numbers):
    site = make_site(front=streaming_front, settings=fault_settings, workers=(2, 1))
    workers = site.workers("stream")
    with Reader(rows_url(site, "numbers"), token) as reader:
        reader.read(1)
        os.kill(site.pools["stream"].pid, signal.SIGTERM)
        process.wait_until(lambda: sum(map(process.is_there, workers)) == 1, "the idle worker leaves", LEAVES)
        time.sleep(0.2)
        assert reader.rest() == numbers.csv()
    wait_gone(workers)
    process.wait_until(lambda: not site.pools["stream"].is_alive(), "the pool leaves", LEAVES)
    assert curl(rows_url(site, "few"), token).status in (502, 503)
    assert curl(site.url + "/health").status == 200


@pytest.fixture
def hasty_site(make_site, fault_settings, front):
    """Whose workers may take a second to finish."""
    return make_site(front=front, settings={**fault_settings, "worker": {"stop_timeout": "1s"}}, workers=(1, 1))


def check_stopped(site, token, export_id):
    how = faults.ended(site, token, export_id)
    assert (how["state"], how["error"]["status"]) == ("failed", 503)
    assert how["error"]["detail"] == "the server is being stopped"


def test_a_client_that_does_not_read_is_cut_off(hasty_site, token, numbers, postgres):
    table = "numbers" if hasty_site.front == "mod_fcgid" else "endless"
    with Reader(rows_url(hasty_site, table), token) as reader:
        reader.read(1)
        (worker,) = hasty_site.workers("stream")
        time.sleep(0.5)
        os.kill(worker, signal.SIGTERM)
        wait_gone([worker], 1 + LEAVES)
        faults.check_query_gone(postgres, table)
        with pytest.raises(Cut):
            reader.rest()
        assert numbers.has_prefix(reader.body)
    check_stopped(hasty_site, token, reader.export_id)


@pytest.mark.parametrize("table", ["endless", "pausing"])
def test_a_download_that_takes_too_long_is_cut_off(make_site, fault_settings, streaming_front, token, numbers,
                                                   postgres, table):
    """While rows come, and between two of them."""
    settings = {**fault_settings, "worker": {"stop_timeout": "1s"}}
    site = make_site(front=streaming_front, settings=settings, workers=(1, 1))
    with Download(rows_url(site, table), token, ["--limit-rate", "20M"]) as download:
        download.wait_received()
        (worker,) = site.workers("stream")
        os.kill(worker, signal.SIGTERM)
        wait_gone([worker], 1 + LEAVES)
        faults.check_query_gone(postgres, table)
        answer = download.answer()
    assert answer.status == 200 and answer.exit != 0
    assert table == "endless" or numbers.has_prefix(answer.body)
    check_stopped(site, token, answer.headers["sluice-export-id"])


def test_one_that_has_not_begun_is_answered(hasty_site, token, postgres):
    with Download(rows_url(hasty_site, "waiting"), token) as download:
        faults.wait_query(postgres, "waiting")
        (worker,) = hasty_site.workers("stream")
        os.kill(worker, signal.SIGTERM)
        answer = download.answer()
    wait_gone([worker])
    faults.check_query_gone(postgres, "waiting")
    check_problem(answer, 503)
    assert int(answer.headers["retry-after"]) > 0
    check_stopped(hasty_site, token, answer.headers["sluice-export-id"])


@pytest.fixture
def start_worker(nginx_site, tmp_path):
    """start_worker() -> (process, path of its socket): a worker without a pool, idle."""
    started = []

    def start():
        path = str(tmp_path / f"{len(started)}")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen()
            env = {**nginx_site.env, "SLUICE_CONFIG": nginx_site.config}
            worker = process.Process("worker", [nginx_site.program], f"{path}.log", env, stdin=listener)
        started.append(worker)
        return worker, path
    yield start
    for worker in started:
        worker.stop()
        with open(worker.log, encoding="utf-8") as f:
            assert f.read() == ""


def test_an_idle_worker_leaves_at_once(start_worker):
    took = []
    for _ in range(10):
        worker, path = start_worker()
        assert b"200" in fastcgi.ask(path, "/health")
        started = time.monotonic()
        worker.popen.send_signal(signal.SIGTERM)
        assert worker.popen.wait(LEAVES * process.PATIENCE) == 0
        took.append(time.monotonic() - started)
        if took[-1] < 0.5:
            break
    assert min(took) < 0.5, took


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGUSR1, signal.SIGQUIT])
def test_a_signal_while_it_starts(start_worker, signum):
    """Wherever it comes: the worker dies of it, or leaves."""
    workers = []
    for i in range(20):
        worker, _ = start_worker()
        workers.append(worker)
        time.sleep(i * 0.002)
        worker.popen.send_signal(signum)
    for worker in workers:
        assert worker.popen.wait(20 * process.PATIENCE) in (0, -signum)


def test_a_signal_between_accept_and_read(start_worker):
    """Wherever it comes: before a connection, on a silent one, within a request, behind it."""
    workers = [start_worker() for _ in range(50)]
    for _, path in workers:
        assert b"200" in fastcgi.ask(path, "/health")
    whole = fastcgi.request("/health")
    connections, ends = [], {}
    for i, (worker, path) in enumerate(workers):
        connections.append(fastcgi.connect(path))
        connections[-1].sendall(whole[:(0, 8, len(whole) - 8, len(whole), len(whole))[i % 5]])
        time.sleep(random.random() * 0.001)
        worker.popen.send_signal(signal.SIGTERM)
        ends[worker] = time.monotonic() + LEAVES * process.PATIENCE
    for worker, end in ends.items():
        assert worker.popen.wait(max(0.01, end - time.monotonic())) == 0
    for connection in connections:
        connection.close()


def test_workers_that_leave_after_so_many_requests(make_site, streaming_front, token, postgres):
    site = make_site(front=streaming_front, settings={"worker": {"max_requests": 20}}, workers=(3, 1))

    def ask(_):
        with Reader(rows_url(site, "projects", limit=5), token) as reader:
            return reader.status, reader.rest().count(b"\r\n")
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(200)))
    assert answers == [(200, 6)] * 200

    def lives():
        return [record["requests"] for record in faults.log_records(site) if record["msg"] == "left"]
    # Of three that still live none has served as many.
    process.wait_until(lambda: len(lives()) >= 8, "those that leave say so")
    assert set(lives()) == {20}

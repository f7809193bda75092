"""The formats side by side: figures that are those of a download, one benchmark at a time, and nobody's but an admin's."""

import os
import signal
import threading

import pytest

from harness import config, faults, problem, process
from harness.client import Download, curl

BENCHMARK = "/api/v1/exports/benchmark"
FORMATS = ["csv", "tsv", "ndjson", "json", "xml", "parquet", "arrow", "arrows"]
ROWS = 20000  # of users
SLOT = "locktype = 'advisory' AND classid = 1651401576"  # lib/job/slot.h

TABLES = {"users": {"name": "public.users"}, "many": {"name": "public.many"}, "endless": {"name": "public.endless"},
          "broken": {"name": "public.broken"}, "growing": {"name": "public.growing"},
          "limited": {"name": "public.users"}, "masked": {"name": "public.users"}}
POLICIES = {"limited": {"tables": ["limited"], "roles": ["*"], "rows": 7, "formats": ["csv", "json"]},
            "masked": {"tables": ["masked"], "roles": ["*"], "columns": ["user_id", "email"], "masks": ["email:stars"]}}
MADE = """
CREATE TABLE many AS SELECT id, md5(id::text) AS filler FROM generate_series(1, 250000) AS id;
ALTER TABLE many ADD PRIMARY KEY (id);
CREATE VIEW broken AS SELECT id, 1 / (id - 50) AS filler FROM (SELECT generate_series(1, 100) AS id) AS made_one_by_one;
CREATE TABLE growing (id serial PRIMARY KEY);
INSERT INTO growing SELECT FROM generate_series(1, 1000);
GRANT SELECT ON many, broken, growing TO sluice;
"""


@pytest.fixture(scope="module", autouse=True)
def made(postgres):
    postgres.execute(MADE)
    yield
    postgres.execute("DROP TABLE many, growing; DROP VIEW broken")


@pytest.fixture(scope="module")
def places(fleet):
    """By web server."""
    made_ones = {}

    def get(front):
        if front not in made_ones:
            made_ones[front] = fleet.start(front=front, settings={"tables": TABLES, "policies": POLICIES}, workers=(3, 2))
        return made_ones[front]
    yield get
    for site in made_ones.values():
        fleet.stop(site, may_die=False)


@pytest.fixture
def place(places):
    return places("nginx")


@pytest.fixture
def admin(issuer):
    return issuer.token("an admin", roles=["admin"])


def ask(site, token, query, path=BENCHMARK, **options):
    return curl(f"{site.url}{path}?{query}", token, **options)


def results(answer):
    assert answer.status == 200, answer.body
    return {one["format"]: one for one in answer.json()["results"]}


def test_figures_are_those_of_a_download(places, front, admin):
    site = places(front)
    answer = ask(site, admin, "table=users&formats=json,csv,parquet,xml", "/exports/benchmark")
    said = answer.json()
    assert list(said) == ["table", "rows", "limit", "results"]
    assert (said["table"], said["rows"], said["limit"]) == ("users", ROWS, 100000)
    assert [one["format"] for one in said["results"]] == ["csv", "json", "xml", "parquet"]
    for one in said["results"]:
        assert list(one) == ["format", "compression", "durationSeconds", "rows", "bytes", "rowsPerSecond",
                             "peakMemoryBytes", "error"]
        download = curl(f"{site.url}/api/v1/tables/users/rows.{one['format']}?limit=100000", admin)
        assert download.status == 200
        assert (one["rows"], one["bytes"]) == (ROWS, len(download.body)), one["format"]
        assert one["compression"] is None and one["error"] is None
        assert one["durationSeconds"] > 0
        assert abs(one["rowsPerSecond"] - ROWS / one["durationSeconds"]) <= 0.001 * one["rowsPerSecond"] + 1
        assert 1 << 20 < one["peakMemoryBytes"] < 1 << 30


def test_all_formats_with_no_more_rows_than_asked_for(place, admin):
    found = results(ask(place, admin, "table=users&rows=500"))
    assert list(found) == FORMATS
    assert {one["rows"] for one in found.values()} == {500}
    for name, one in found.items():
        if name not in ("arrow", "arrows"):
            assert one["bytes"] == len(curl(f"{place.url}/api/v1/tables/users/rows.{name}?limit=500", admin).body)


def test_five_times_the_rows_take_no_more_memory(make_site, admin, prefix):
    if faults.is_sanitized(prefix):
        pytest.skip("the sanitizers' own memory would be measured")
    # Processes begin with the memory of their parent, which is the same one here.
    place = make_site(settings={"tables": TABLES}, workers=(1, 1))
    few = results(ask(place, admin, "table=many&rows=50000&formats=csv,json,xml"))
    many = results(ask(place, admin, "table=many&rows=250000&formats=csv,json,xml,parquet"))
    # That the figure tells one format from another: this one holds a row group.
    assert many.pop("parquet")["peakMemoryBytes"] > many["csv"]["peakMemoryBytes"] + (2 << 20)
    for name, one in many.items():
        assert one["rows"] == 250000 and one["bytes"] > 4 * few[name]["bytes"]
        assert one["peakMemoryBytes"] < few[name]["peakMemoryBytes"] + (1 << 20), name


def test_all_have_the_same_rows_while_they_change(place, postgres, admin):
    stop = threading.Event()

    def write():
        connection = postgres.connect()
        connection.autocommit = True
        with connection.cursor() as cursor:
            while not stop.is_set():
                cursor.execute("INSERT INTO growing DEFAULT VALUES")
        connection.close()

    def count():
        return postgres.execute("SELECT count(*) FROM growing")[0][0]
    first = count()
    writer = threading.Thread(target=write)
    writer.start()
    try:
        process.wait_until(lambda: count() > first, "the first row")
        for _ in range(5):  # the writer may have been kept from writing
            found = results(ask(place, admin, "table=growing"))
            last = count()
            assert len({one["rows"] for one in found.values()}) == 1
            if found["csv"]["rows"] < last:
                break
    finally:
        stop.set()
        writer.join()
    assert first < found["csv"]["rows"] < last


def test_rights_hold(place, issuer, admin, token):
    for refused in (token, issuer.token(roles=["viewer"])):
        problem.check(ask(place, refused, "table=users"), 403)
    problem.check(curl(place.url + BENCHMARK), 401)
    found = results(ask(place, admin, "table=limited"))
    assert list(found) == ["csv", "json"] and {one["rows"] for one in found.values()} == {7}
    (masked,) = results(ask(place, admin, "table=masked&formats=csv")).values()
    download = curl(f"{place.url}/api/v1/tables/masked/rows.csv?limit=100000", admin)
    assert masked["bytes"] == len(download.body) and b"***" in download.body


def test_a_format_that_fails_does_not_end_the_others(place, admin):
    found = results(ask(place, admin, "table=limited&formats=csv,xml"))
    assert found["csv"]["rows"] == 7 and found["xml"]["error"]["status"] == 403 and found["xml"]["rows"] is None
    answer = ask(place, admin, "table=broken&formats=csv,json")
    assert answer.json()["rows"] is None
    assert all(one["error"]["status"] == 422 and one["bytes"] is None for one in results(answer).values())
    assert not problem.TELLING.search(answer.text())


@pytest.mark.parametrize("query, status", [
    ("table=nowhere", 404), ("", 400), ("table=users&formats=wav", 400), ("table=users&formats=", 400),
    ("table=users&formats=csv,,json", 400), ("table=users&rows=0", 400), ("table=users&rows=x", 400), ("colour=red", 400)])
def test_what_cannot_be(place, admin, query, status):
    problem.check(ask(place, admin, query), status)


def test_the_only_table_need_not_be_named(make_site, admin):
    site = make_site(settings={"tables": {name: None for name in config.TABLES if name != "users"}}, workers=(1, 1))
    assert ask(site, admin, "formats=csv").json()["table"] == "users"


def test_the_table_of_the_aliases(make_site, admin):
    site = make_site(settings={"aliases": {"table": "projects"}}, workers=(1, 1))
    assert ask(site, admin, "formats=csv").json()["table"] == "projects"
    assert ask(site, admin, "formats=csv&table=users").json()["table"] == "users"


def test_head_runs_nothing(place, postgres, admin):
    with Running(place, admin, postgres):
        head = ask(place, admin, "table=users", method="HEAD")
        assert (head.status, head.headers["content-type"]) == (200, "application/json")


class Running:
    """A benchmark that does not come to an end, until it is hung up."""

    def __init__(self, site, token, postgres):
        self.download = Download(f"{site.url}{BENCHMARK}?table=endless&formats=csv&rows=1000000000000", token)
        self.postgres = postgres

    def __enter__(self):
        self.download.__enter__()
        process.wait_until(self.queries, "the query")
        return self

    def __exit__(self, *failure):
        self.download.__exit__(*failure)
        process.wait_until(lambda: not self.queries() and not held(self.postgres), "the query's end", 10)

    def queries(self):
        return [one for one in self.postgres.sessions() if "endless" in one[2] and one[1] == "active"]


def held(postgres):
    return postgres.execute(f"SELECT pid FROM pg_locks WHERE {SLOT}")


def end_workers(site, signum):
    old = site.workers("stream")
    for pid in old:
        os.kill(pid, signum)
    return old


def wait_replaced(site, old):
    """What the pool says of it is in its log then."""
    process.wait_until(lambda: not set(old) & set(site.workers("stream")) and len(site.workers("stream")) == len(old),
                       "new workers")


def parts(site):
    """The processes that measure."""
    return [child for worker in site.workers("stream") for child in process.children(worker)]


def test_one_at_a_time(place, postgres, admin):
    with Running(place, admin, postgres):
        refused = ask(place, admin, "table=users", "/exports/benchmark")
        problem.check(refused, 409)
        assert int(refused.headers["retry-after"]) >= 1
    assert ask(place, admin, "table=users&formats=csv&rows=1").status == 200


def test_a_hang_up_ends_it(place, postgres, admin):
    with Running(place, admin, postgres):
        (part,) = parts(place)
    assert not process.is_there(part)


@pytest.mark.workers_die
def test_it_dies_with_its_parent(place, postgres, admin):
    with Running(place, admin, postgres):
        (part,) = parts(place)
        old = end_workers(place, signal.SIGKILL)
        process.wait_until(lambda: not process.is_there(part), "its end", 2)
        wait_replaced(place, old)


@pytest.mark.workers_die
def test_a_hang_up_ends_what_began_after_a_stop(place, postgres, admin):
    """What its parent was told, the process was not: it is ended all the same."""
    query = "table=endless&formats=csv,json&rows=1000000000000"
    with Download(f"{place.url}{BENCHMARK}?{query}", admin):
        process.wait_until(lambda: parts(place), "the first process")
        (first,) = parts(place)
        old = end_workers(place, signal.SIGTERM)
        os.kill(first, signal.SIGKILL)
        process.wait_until(lambda: parts(place) not in ([], [first]), "the second process")
        (second,) = parts(place)
    process.wait_until(lambda: not process.is_there(second), "its end", 5)
    process.wait_until(lambda: not held(postgres), "the slot", 5)
    wait_replaced(place, old)


def test_a_process_that_is_lost_is_told(place, postgres, admin):
    answers = []
    asked = threading.Thread(target=lambda: answers.append(
        ask(place, admin, "table=endless&formats=csv,json&rows=1000000000000")))
    asked.start()
    killed = []
    while len(killed) < 2:
        process.wait_until(lambda: [pid for pid in parts(place) if pid not in killed], "a process")
        killed += [pid for pid in parts(place) if pid not in killed]
        os.kill(killed[-1], signal.SIGKILL)
    asked.join()
    found = results(answers[0])
    assert [one["error"]["status"] for one in found.values()] == [500, 500]
    process.wait_until(lambda: not [one for one in postgres.sessions() if "endless" in one[2]], "the query's end", 10)

"""The database by TCP, with a password (SCRAM) and TLS whose certificate is verified: the same bytes as by the unix
socket, read by Sluice's own reader and by libpq."""

import os
import subprocess

import pytest

from harness import config, faults, judge, process
from harness.client import Download, curl
from harness.faults import check_failed, check_problem, check_query_gone, rows_url, wait_query
from harness.postgres import PASSWORD

WIRES = ("fast", "plain")
CELL = 5 << 20  # bytes
BIG = """
CREATE TABLE IF NOT EXISTS fault.big AS SELECT id, repeat(chr(64 + id), {cell} + id) AS filler,
    decode(repeat(lpad(to_hex(id), 2, '0'), {cell}), 'hex') AS bytes FROM generate_series(1, 4) AS id;
GRANT SELECT ON fault.big TO sluice;
"""


@pytest.fixture(scope="module")
def other_ca(top):
    """An authority that has signed nothing."""
    path = os.path.join(top, "other-ca.crt")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=other",
                    "-keyout", os.devnull, "-out", path], check=True, capture_output=True)
    return path


@pytest.fixture(scope="module")
def tls_site(fleet, fault_settings, postgres, other_ca):
    postgres.execute(BIG.format(cell=CELL))
    tls = postgres.conninfo_tls()
    databases = {f"tls_{wire}": {"conninfo": tls, "wire": wire} for wire in WIRES}
    databases["secret"] = {"conninfo": "env:TLS_CONNINFO"}
    databases["strange"] = {"conninfo": tls.replace(f"{postgres.host}/ca.crt", other_ca)}
    databases["mistaken"] = {"conninfo": tls.replace(PASSWORD, "mistaken")}
    databases["open"] = {"conninfo": tls.replace("verify-full", "disable")}
    names = {"users": "public.users", "records": "public.records", "big": "fault.big", "pausing": "fault.pausing",
             "broken_late": "fault.broken_late", "endless": "fault.endless"}
    tables = {f"{key}_{wire}": {"database": f"tls_{wire}", "name": name}
              for key, name in names.items() for wire in WIRES}
    tables |= {name: {"database": name, "name": "fault.few"} for name in ("secret", "strange", "mistaken", "open")}
    tables["big"] = {"database": "main", "name": "fault.big"}
    site = fleet.start(settings=config.merge(fault_settings, {"databases": databases, "tables": tables}),
                       env={"TLS_CONNINFO": tls}, workers=(1, 1))
    yield site
    fleet.stop(site)


def is_encrypted(postgres, table):
    """Of the sessions that are at work on a view."""
    pids = ", ".join(map(str, faults.queries(postgres, table)))
    return postgres.execute("SELECT DISTINCT ssl, client_addr IS NOT NULL FROM pg_stat_activity"
                            f" JOIN pg_stat_ssl USING (pid) WHERE pid IN ({pids})")


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("table, suffix", [("users", "csv"), ("records", "csv"), ("records", "ndjson")])
def test_the_same_bytes(tls_site, token, postgres, table, suffix, wire):
    answer = curl(rows_url(tls_site, f"{table}_{wire}", suffix), token)
    assert (answer.exit, answer.status) == (0, 200)
    assert answer.body == (judge.csv if suffix == "csv" else judge.ndjson)(postgres, table)


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("suffix", ["csv", "ndjson"])
def test_big_cells(tls_site, token, postgres, suffix, wire):
    """Each many times what a TLS record or a socket holds."""
    by_socket = curl(rows_url(tls_site, "big", suffix), token)
    answer = curl(rows_url(tls_site, f"big_{wire}", suffix), token)
    assert (answer.exit, answer.status, by_socket.exit, by_socket.status) == (0, 200, 0, 200)
    assert answer.body == by_socket.body and len(answer.body) > 4 * CELL * 2
    assert answer.body.count(b"A" * (CELL + 1)) == 1 and answer.body.count(b"D" * (CELL + 4)) == 1


@pytest.mark.parametrize("wire", WIRES)
def test_it_is_encrypted_and_can_be_cancelled(tls_site, token, postgres, wire):
    with Download(rows_url(tls_site, f"pausing_{wire}"), token) as download:
        wait_query(postgres, "pausing")
        download.wait_received()
        assert is_encrypted(postgres, "pausing") == [(True, True)]
        download.hang_up()
        check_query_gone(postgres, "pausing")


@pytest.mark.parametrize("wire", WIRES)
def test_it_breaks_off(tls_site, token, numbers, postgres, wire):
    answer = curl(rows_url(tls_site, f"broken_late_{wire}"), token)
    check_failed(tls_site, token, answer, 422, numbers)
    with Download(rows_url(tls_site, f"pausing_{wire}"), token) as download:
        download.wait_received()
        faults.terminate(postgres, "pausing")
        answer = download.answer()
    check_failed(tls_site, token, answer, 502, numbers)


def test_a_client_that_hangs_up_while_rows_stream(tls_site, token, postgres):
    with Download(rows_url(tls_site, "endless_fast"), token) as download:
        download.wait_received(1000000)
        download.hang_up()
        check_query_gone(postgres, "endless")


def test_a_connection_string_from_the_environment(tls_site, token, numbers):
    answer = curl(rows_url(tls_site, "secret"), token)
    assert (answer.exit, answer.status, answer.body) == (0, 200, numbers.csv(faults.FEW))


@pytest.mark.parametrize("table", ["strange", "mistaken", "open"])
def test_a_server_that_is_not_to_be_trusted_or_does_not_trust(tls_site, token, table):
    """Another authority, another password, no TLS: never a word of it in the answer, but in the log."""
    answer = curl(rows_url(tls_site, table), token)
    check_problem(answer, 503)
    traced = answer.json()["traceId"]
    process.wait_until(lambda: [record for record in faults.log_records(tls_site)
                                if record.get("id", "").replace("-", "") == traced and record.get("cause")],
                       "the cause in the log")


def asked_for_within(port):
    """Seconds until the system asks whether the server is there, of each connection to it on which nothing comes (proc(5))."""
    with open("/proc/net/tcp", encoding="ascii") as f:
        lines = [line.split() for line in f][1:]
    timers = [line[5].split(":") for line in lines if line[3] == "01" and int(line[2].split(":")[1], 16) == port]
    return [int(when, 16) / 100 for kind, when in timers if kind == "02"]


@pytest.mark.parametrize("wire", WIRES)
def test_a_server_that_is_gone_without_a_word_is_missed_soon(tls_site, token, postgres, wire):
    """Nothing is sent that it would have to confirm while its rows are waited for."""
    with Download(rows_url(tls_site, f"pausing_{wire}"), token):
        wait_query(postgres, "pausing")
        process.wait_until(lambda: asked_for_within(postgres.port), "a connection on which nothing comes")
        assert max(asked_for_within(postgres.port), default=0) <= 30
    check_query_gone(postgres, "pausing")

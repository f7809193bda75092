"""Who may ask, and how often: tokens at each web server, keys that change, limits that all workers share."""

import base64
import concurrent.futures
import hashlib
import hmac
import json
import os
import signal
import time
import uuid

import pytest
from cryptography.hazmat.primitives import serialization

from harness import problem, process
from harness.client import curl
from harness.key_server import KeyServer
from harness.tokens import Issuer

ASK = "/api/v1/tables/users/rows.csv?limit=1"
WINDOW = 600  # seconds: longer than any test
SHORT = 4  # seconds


def segment(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def by_hand(issuer, header, key=None):
    """A token that holds but for its header and signature: an HMAC with the key, or none."""
    payload = issuer.token().split(".")[1]
    signed = f"{segment(json.dumps(header).encode())}.{payload}"
    signature = segment(hmac.new(key, signed.encode(), hashlib.sha256).digest()) if key else ""
    issuer.issued.add(f"{signed}.{signature or 'none'}")
    return f"{signed}.{signature}"


@pytest.fixture(scope="module")
def stranger():
    """Another issuer's keys under the same names."""
    return Issuer()


@pytest.fixture(scope="module")
def false_tokens(issuer, stranger):
    now = int(time.time())
    public = issuer.keys["rs"].public_key().public_bytes(serialization.Encoding.PEM,
                                                         serialization.PublicFormat.SubjectPublicKeyInfo)
    good = issuer.token()
    head, payload, signature = good.split(".")
    return {
        "expired": issuer.token(exp=now - 3600), "not yet": issuer.token(nbf=now + 3600),
        "without exp": issuer.token(exp=None), "another audience": issuer.token(aud="other"),
        "another issuer": issuer.token(iss="https://else.test/"),
        "without sub": issuer.token(sub=None), "a stranger's": stranger.token(),
        "an unknown key": issuer.token(headers={"kid": "x"}),
        "another type of key": issuer.token(kid="es", headers={"kid": "rs"}),
        "alg none": by_hand(issuer, {"alg": "none", "kid": "rs"}),
        "HS256 by the public key": by_hand(issuer, {"alg": "HS256", "kid": "rs"}, public),
        "another payload": f"{head}.{segment(b'{}')}.{signature}", "cut": good[:-8], "unsigned": f"{head}.{payload}.",
        "two parts": f"{head}.{payload}"}


def test_false_tokens_are_401_with_a_challenge(site, issuer, false_tokens):
    assert curl(site.url + ASK, issuer.token(kid="es")).status == 200
    for what, token in false_tokens.items():
        answer = curl(site.url + ASK, token)
        said = problem.check(answer, 401, "/api/v1/tables/users/rows.csv")
        challenge = answer.headers["www-authenticate"]
        assert challenge.startswith('Bearer realm="sluice", error="invalid_token", error_description="'), what
        assert challenge.endswith(f'"{said["detail"]}"'.replace("\\", "'")), (what, challenge)


def test_a_token_that_is_too_long_is_401(site, issuer):
    """mod_proxy_fcgi keeps headers of that length to itself."""
    problem.check(curl(site.url + ASK, issuer.token() + "A" * 17000), 401)


def test_every_route_but_the_open_ones_asks_for_a_token(site):
    for path in (ASK, "/tables", "/api/v1/tables", "/api/v1/tables/users", "/api/v1/tables/users/schema",
                 "/export/users", "/api/v1/tables/nowhere/rows.csv",
                 "/api/v1/exports/01a1f8d1-bb4d-70d7-bb11-e570b06a88f6"):
        answer = curl(site.url + path)
        problem.check(answer, 401)
        assert answer.headers["www-authenticate"] == 'Bearer realm="sluice"'
    for path in ("/", "/health", "/api/v1/health"):
        assert curl(site.url + path).status == 200
        assert curl(site.url + path, "nonsense").status == 200


def status_of(site, token):
    return curl(site.url + ASK, token).status


def until(site, token, status):
    process.wait_until(lambda: status_of(site, token) == status, f"status {status}")


# ---- keys that change

def test_keys_change_in_the_file(make_site, issuer, stranger):
    site, later = make_site(), stranger
    before, after = issuer.token(), later.token()
    issuer.issued |= later.issued
    assert (status_of(site, before), status_of(site, after)) == (200, 401)
    later.write_jwks(site.path("new.json"))
    os.replace(site.path("new.json"), site.path("jwks.json"))
    for _ in range(6):
        assert (status_of(site, before), status_of(site, after)) == (401, 200)
    with open(site.path("jwks.json"), "w", encoding="utf-8") as f:
        f.write("half a {")
    assert status_of(site, after) == 200
    issuer.write_jwks(site.path("jwks.json"))
    assert (status_of(site, before), status_of(site, after)) == (200, 401)


@pytest.fixture
def keys(top, issuer):
    server = KeyServer(f"{top}/keys", issuer.jwks())
    yield server
    server.stop()


@pytest.mark.workers_die
def test_keys_come_by_https(make_site, issuer, stranger, keys):
    auth = {"jwks": keys.url, "ca": keys.ca, "refresh": "1s", "timeout": "30s"}
    site = make_site(settings={"auth": auth}, workers=(3, 1))
    assert keys.asked == 0
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: status_of(site, issuer.token()), range(16))) == {200}
    assert keys.asked == 1

    keys.document = {"keys": [{**key, "kid": key["kid"] + "2"} for key in stranger.jwks()["keys"]]}
    before, after = issuer.token(), stranger.token(headers={"kid": "rs2"})
    issuer.issued |= stranger.issued
    assert status_of(site, before) == 200
    until(site, after, 200)
    assert [status_of(site, token) for token in (before, after) * 4] == [401, 200] * 4
    fetched = keys.asked

    # The issuer is down: who is known stays known, also to a worker that has just begun.
    keys.stop()
    for pid in site.workers():
        os.kill(pid, signal.SIGKILL)
    until(site, after, 200)
    time.sleep(1.1)
    answer = curl(site.url + ASK, issuer.token(headers={"kid": "unknown"}))
    assert problem.check(answer, 401) and answer.seconds < 5 * process.PATIENCE
    assert [status_of(site, after) for _ in range(4)] == [200] * 4
    assert keys.asked == fetched


def test_an_issuer_that_cannot_be_trusted_gives_no_keys(make_site, issuer, keys):
    site = make_site(settings={"auth": {"jwks": keys.url, "timeout": "2s"}}, workers=(1, 1))
    answer = curl(site.url + ASK, issuer.token())
    problem.check(answer, 503)
    assert int(answer.headers["retry-after"]) >= 1 and keys.asked == 0
    assert curl(site.url + "/health").status == 200


# ---- limits

@pytest.fixture(scope="module")
def limited(fleet):
    """Ten requests, over four workers of two pools."""
    made = fleet.start(settings={"limits": {"requests": 10, "window": f"{WINDOW}s"}}, workers=(3, 1))
    yield made
    fleet.stop(made, may_die=False)


def rate(answer):
    """(limit, window, remaining, seconds to the reset); both families of headers say the same."""
    said = answer.headers
    policy = [part.split("=") for part in said["ratelimit-policy"].split(";")]
    now = [part.split("=") for part in said["ratelimit"].split(";")]
    assert (policy[0], policy[1][0], policy[2][0]) == (['"default"'], "q", "w")
    assert (now[0], now[1][0], now[2][0]) == (['"default"'], "r", "t")
    older = [said[f"x-ratelimit-{name}"] for name in ("limit", "remaining", "reset")]
    assert older == [policy[1][1], now[1][1], now[2][1]]
    return int(policy[1][1]), int(policy[2][1]), int(now[1][1]), int(now[2][1])


def too_many(answer):
    problem.check(answer, 429)
    limit, window, remaining, reset = rate(answer)
    assert remaining == 0 and int(answer.headers["retry-after"]) == reset
    assert 1 <= reset <= window
    assert limit


def test_exactly_ten_pass_and_are_counted_down(limited, issuer):
    token = issuer.token(sub="in order")
    paths = (ASK, "/tables", "/nowhere/rows", "/api/v1/tables/nowhere/rows.csv",
             "/api/v1/tables/users/rows.csv?limit=x", "/health", "/")
    left, began = 10, time.monotonic()
    while left:
        for path in paths:
            answer = curl(limited.url + path, token)
            if path in ("/nowhere/rows", "/health", "/"):  # nobody is asked there, so nobody is counted
                assert "ratelimit" not in answer.headers and "x-ratelimit-limit" not in answer.headers
            elif left:
                left -= 1
                limit, window, remaining, reset = rate(answer)
                assert (limit, window, remaining) == (10, WINDOW, left)
                assert WINDOW - (time.monotonic() - began) <= reset <= WINDOW
                assert answer.status in (200, 400, 404)
    for path in (ASK, "/tables", "/export/users"):
        too_many(curl(limited.url + path, token))
    assert curl(limited.url + "/health", token).status == 200


def test_exactly_ten_pass_of_many_at_once(limited, issuer):
    tokens = {name: issuer.token(sub=name) for name in ("ada", "ben")}
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        asked = [(name, path) for name in tokens for path in [ASK] * 10 + ["/tables"] * 4]
        answers = list(pool.map(lambda one: (one[0], curl(limited.url + one[1], tokens[one[0]])), asked))
    for name in tokens:
        passed = [rate(answer)[2] for whose, answer in answers if whose == name and answer.status == 200]
        assert sorted(passed) == list(range(10))
    refused = [answer for _, answer in answers if answer.status != 200]
    assert len(refused) == 8
    for answer in refused:
        too_many(answer)


def test_false_tokens_count_for_the_address(limited, issuer):
    others = issuer.token(sub="not concerned")
    expired = [issuer.token(sub=f"nobody {i}", exp=1) for i in range(12)]
    answers = [curl(limited.url + ASK, token) for token in [None, *expired]]
    assert [answer.status for answer in answers] == [401] * 10 + [429] * 3
    assert [rate(answer)[2] for answer in answers[:10]] == list(range(9, -1, -1))
    assert all("www-authenticate" in answer.headers for answer in answers[:10])
    for answer in answers[10:]:
        too_many(answer)
    assert curl(limited.url + ASK, others).status == 200


@pytest.mark.workers_die
def test_a_limit_outlives_the_workers(limited, issuer):
    token = issuer.token(sub="patient")
    assert [rate(curl(limited.url + ASK, token))[2] for _ in range(7)] == list(range(9, 2, -1))
    old = limited.workers()
    for pid in old:
        os.kill(pid, signal.SIGKILL)
    process.wait_until(lambda: len(set(limited.workers()) - set(old)) == 4, "new workers")
    assert [curl(limited.url + ASK, token).status for _ in range(5)] == [200] * 3 + [429] * 2


def test_a_window_passes(make_site, issuer):
    site = make_site(settings={"limits": {"requests": 2, "window": f"{SHORT}s"}})

    def three():
        """Of a caller of their own; False when the window may have passed before the third."""
        began, token = time.monotonic(), issuer.token(sub=str(uuid.uuid4()))
        asked[:] = [token, *(curl(site.url + ASK, token) for _ in range(3))]
        return time.monotonic() - began < SHORT
    asked = []
    process.wait_until(three, "three requests in one window")
    token, *answers = asked
    assert [answer.status for answer in answers] == [200, 200, 429]
    too_many(answers[2])
    assert rate(answers[2])[:2] == (2, SHORT)
    time.sleep(int(answers[2].headers["retry-after"]))
    again = curl(site.url + ASK, token)
    assert again.status == 200 and rate(again)[2] == 1

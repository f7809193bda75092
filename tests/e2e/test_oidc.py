"""A real issuer: it is found by its discovery document alone, and its keys change while many ask."""

import concurrent.futures
import os
import signal
import threading
import time

import jwt
import pytest

from harness import problem, process
from harness.client import curl
from harness.node import Node
from harness.oidc import Oidc

ROWS = "/api/v1/tables/users/rows.csv?limit=3"
DOCUMENT = "/.well-known/openid-configuration"
REFRESH = 1  # second


@pytest.fixture(scope="module")
def node(top):
    path = os.path.join(top, "oidc")
    os.mkdir(path)
    return Node(path, "issuer.mjs")


@pytest.fixture
def oidc(node, issuer, request):
    path = os.path.join(node.top, request.node.name)
    os.mkdir(path)
    made = Oidc(node, path, issuer.issued)
    yield made
    made.stop()


@pytest.fixture
def make_oidc_site(make_site, oidc):
    """A site that knows of the issuer what its operator is told: the name, and who vouches for its host."""
    def make(workers=(4, 1), **auth):
        auth = {"jwks": "", "issuer": oidc.url, "ca": oidc.ca, "timeout": "30s", **auth}
        return make_site(settings={"auth": auth}, workers=workers)
    return make


def status_of(site, token, path=ROWS):
    return curl(site.url + path, token).status


def asked(oidc):
    return oidc.asked(DOCUMENT), oidc.asked("/jwks")


def kid_of(token):
    return jwt.get_unverified_header(token)["kid"]


def test_a_token_from_the_issuer_gets_rows(make_oidc_site, oidc):
    site = make_oidc_site()
    assert asked(oidc) == (0, 0)
    token = oidc.token()
    assert jwt.get_unverified_header(token) == {"alg": "RS256", "typ": "at+jwt", "kid": "first"}
    answer = curl(site.url + ROWS, token)
    assert (answer.exit, answer.status) == (0, 200), answer.body
    assert len(answer.body.splitlines()) == 4
    assert asked(oidc) == (1, 1)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: status_of(site, oidc.token()), range(16))) == {200}
    assert asked(oidc) == (1, 1)

    head, payload, signature = token.split(".")
    other = oidc.token().split(".")
    problem.check(curl(site.url + ROWS, f"{head}.{other[1]}.{signature}"), 401)
    problem.check(curl(site.url + ROWS, f"{head}.{payload}.{other[2]}"), 401)


def test_both_algorithms(make_oidc_site, oidc):
    oidc.tell("publish", kid="second", alg="ES256")
    site = make_oidc_site()
    assert status_of(site, oidc.token()) == 200
    oidc.tell("sign", kid="second")
    token = oidc.token()
    assert jwt.get_unverified_header(token)["alg"] == "ES256"
    assert status_of(site, token) == 200
    assert asked(oidc) == (1, 1)


def test_a_scope_alone_is_a_grant(make_oidc_site, oidc):
    """The client has neither a role nor a tenant."""
    site = make_oidc_site()
    assert status_of(site, oidc.token("scoped", "sluice.export")) == 200
    problem.check(curl(site.url + ROWS, oidc.token("scoped")), 403)
    view = oidc.token("scoped", "sluice.view")
    problem.check(curl(site.url + ROWS, view), 403)
    assert status_of(site, view, "/api/v1/tables") == 200


def test_an_issuer_by_another_name_is_not_this_one(make_oidc_site, oidc):
    """Its document says which it is, to the letter."""
    site = make_oidc_site(issuer=oidc.url + "/", workers=(1, 1))
    answer = curl(site.url + ROWS, oidc.token())
    problem.check(answer, 503)
    assert asked(oidc) == (1, 0)


# ---- keys that change

def test_many_workers_wait_for_one_answer(make_oidc_site, oidc):
    """A key that nobody was told of signs at once, for eight clients at a time, and the issuer is slow."""
    site = make_oidc_site(refresh=f"{REFRESH}s")
    assert status_of(site, oidc.token()) == 200
    time.sleep(REFRESH * 1.1)
    before = asked(oidc)
    oidc.tell("slow", ms=700)
    oidc.tell("publish", kid="second", alg="ES256")
    oidc.tell("sign", kid="second")
    tokens = [oidc.token() for _ in range(8)]
    assert {kid_of(token) for token in tokens} == {"second"}
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda token: status_of(site, token), tokens)) == [200] * 8
    assert asked(oidc) == (before[0], before[1] + 1)


class Load:
    """Clients that get a token and use it, over and over, until stop()."""

    def __init__(self, site, oidc, clients):
        self.site, self.oidc = site, oidc
        self.failed, self.kids = [], []
        self.rounds = [0] * clients
        self.ending = threading.Event()
        self.pool = concurrent.futures.ThreadPoolExecutor(clients)
        self.work = [self.pool.submit(self._work, i) for i in range(clients)]

    def _work(self, i):
        while not self.ending.is_set():
            token = self.oidc.token()
            answer = curl(self.site.url + ROWS, token)
            self.kids.append(kid_of(token))
            if (answer.exit, answer.status) != (0, 200):
                self.failed.append((kid_of(token), answer.status, answer.body))
            self.rounds[i] += 1

    def wait_rounds(self, n=2):
        """Until every client has done so many more: with two, one of them began after the call."""
        until = [done + n for done in self.rounds]
        process.wait_until(lambda: all(a >= b for a, b in zip(self.rounds, until))
                           or any(work.done() for work in self.work), "rounds", 60)

    def stop(self):
        """Raises what a client could not go on after."""
        self.ending.set()
        self.pool.shutdown()
        for work in self.work:
            work.result()


def rotate(oidc, load, old, new, alg):
    """As an issuer should: the new key is in the set for auth.refresh before it signs, the old one as long as its tokens
    are used."""
    oidc.tell("publish", kid=new, alg=alg)
    time.sleep(REFRESH * 1.2)
    oidc.tell("sign", kid=new)
    load.wait_rounds()
    oidc.tell("withdraw", kid=old)
    load.wait_rounds()


def test_keys_rotate_under_load(make_oidc_site, oidc):
    site = make_oidc_site(refresh=f"{REFRESH}s")
    begin = time.monotonic()
    load = Load(site, oidc, 8)
    try:
        load.wait_rounds()
        first = oidc.token()
        rotate(oidc, load, "first", "second", "ES256")
        rotate(oidc, load, "second", "third", "RS256")
        time.sleep(max(0, 10 - (time.monotonic() - begin)))
    finally:
        load.stop()
    assert load.failed == []
    assert set(load.kids) == {"first", "second", "third"} and len(load.kids) >= 8 * 8
    document, keys = asked(oidc)
    assert document == 1 and 3 <= keys <= 1 + (time.monotonic() - begin) / REFRESH

    # What the issuer has withdrawn ends with the next fetch.
    problem.check(curl(site.url + ROWS, first), 401)


def test_strangers_do_not_keep_new_keys_out(make_oidc_site, oidc, issuer):
    """Tokens with unknown keys use up every fetch that is due, and still a key that was published in time is known."""
    site = make_oidc_site(refresh=f"{REFRESH}s")
    assert status_of(site, oidc.token()) == 200
    ending, stranger = threading.Event(), issuer.token(iss=oidc.url, headers={"kid": "stranger"})

    def pester():
        while not ending.is_set():
            assert status_of(site, stranger) == 401
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        pests = [pool.submit(pester) for _ in range(2)]
        try:
            for i in range(3):
                oidc.tell("publish", kid=f"key {i}", alg="ES256")
                time.sleep(REFRESH * 1.2)
                oidc.tell("sign", kid=f"key {i}")
                assert [status_of(site, oidc.token()) for _ in range(4)] == [200] * 4
        finally:
            ending.set()
        for pest in pests:
            pest.result()


@pytest.mark.workers_die
def test_the_issuer_is_down(make_oidc_site, oidc, issuer):
    """Who is known stays known, also to a worker that has just begun."""
    site = make_oidc_site(refresh=f"{REFRESH}s")
    token = oidc.token()
    assert status_of(site, token) == 200
    oidc.stop()
    old = site.workers()
    for pid in old:
        os.kill(pid, signal.SIGKILL)
    process.wait_until(lambda: len(set(site.workers()) - set(old)) == 5, "new workers")
    process.wait_until(lambda: status_of(site, token) == 200, "an answer")
    time.sleep(REFRESH * 1.1)
    problem.check(curl(site.url + ROWS, issuer.token(iss=oidc.url, headers={"kid": "unknown"})), 401)
    assert [status_of(site, token) for _ in range(8)] == [200] * 8

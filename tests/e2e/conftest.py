"""Fixtures of the end-to-end tests. Sluice is taken from where it is installed: $SLUICE_PREFIX."""

import itertools
import os
import shutil
import signal
import tempfile

import pytest

from harness import checks, site as sites
from harness.postgres import Postgres
from harness.tokens import Issuer

ROWS = 20000

pytest_plugins = ["harness.faults", "harness.job_bench"]


def pytest_configure():
    """Asked to end, pytest takes down what the fixtures started, as it does for Ctrl-C."""
    for signum in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, signal.default_int_handler)


@pytest.fixture(scope="session")
def prefix():
    path = os.path.abspath(os.environ.get("SLUICE_PREFIX", "/usr/local"))
    if not os.access(os.path.join(path, "bin", "sluice"), os.X_OK):
        pytest.exit(f"no Sluice in SLUICE_PREFIX={path}: `tests/run e2e` builds and installs one", 3)
    return path


@pytest.fixture(scope="session")
def top():
    """Short, since paths of unix sockets are; open, since the servers run as users of their own."""
    path = tempfile.mkdtemp(prefix="sluice-e2e.", dir="/tmp")
    os.chmod(path, 0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="session")
def postgres(top):
    path = os.path.join(top, "pg")
    os.mkdir(path)
    server = Postgres(path, ROWS)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def issuer():
    return Issuer()


class Fleet:
    """Every site of the session, and what their logs said."""

    def __init__(self, top, prefix, postgres, issuer):
        self.top, self.prefix, self.postgres, self.issuer = top, prefix, postgres, issuer
        self.shared, self.live, self.reader = {}, [], checks.LogReader()
        self.numbers = itertools.count()

    def start(self, **options):
        path = os.path.join(self.top, f"site{next(self.numbers)}")
        os.mkdir(path)
        site = sites.Site(path, self.prefix, self.postgres, self.issuer, **options)
        self.live.append(site)
        return site

    def of(self, front):
        """The one that the tests share, with the default configuration."""
        if front not in self.shared:
            self.shared[front] = self.start(front=front)
        return self.shared[front]

    def stop(self, site, may_die=True):
        """The sanitizers speak last when a worker leaves, so the logs are read after that."""
        self.live.remove(site)
        site.stop()
        self.reader.check(site, may_die)

    def check(self, may_die):
        for site in self.live:
            self.reader.check(site, may_die)
            checks.check_files(site)
        checks.check_sessions(self.postgres, sum(checks.sessions_max(site) for site in self.live))


@pytest.fixture(scope="session")
def fleet(top, prefix, postgres, issuer):
    made = Fleet(top, prefix, postgres, issuer)
    yield made
    failures = []
    for site in list(made.live):
        try:
            made.stop(site)
        except AssertionError as failure:
            failures.append(failure)
    assert not failures, failures


@pytest.fixture(params=sites.FRONTS)
def front(request):
    """Each web server in turn."""
    return request.param


@pytest.fixture
def site(fleet, front):
    """The default site behind each web server in turn."""
    return fleet.of(front)


@pytest.fixture
def nginx_site(fleet):
    """The default site, for what does not depend on the web server."""
    return fleet.of("nginx")


@pytest.fixture
def make_site(fleet):
    """make_site(front=…, settings={…}, env={…}, workers=(2, 1)): a site of the test's own, gone after it."""
    made = []

    def make(**options):
        made.append(fleet.start(**options))
        return made[-1]
    yield make
    for one in made:
        fleet.stop(one)


@pytest.fixture
def token(issuer):
    """One that holds, for a user of its own."""
    return issuer.token()


@pytest.fixture(autouse=True)
def nothing_left(request):
    """After every test that had a site: clean logs, no busy session, no open file."""
    yield
    if "fleet" in request.fixturenames:
        may_die = request.node.get_closest_marker("workers_die") is not None
        request.getfixturevalue("fleet").check(may_die)

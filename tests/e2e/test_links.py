"""Links (lib/access/link.h, lib/job/link_store.h, etc/schema/0006_links.sql): who may follow one, how often, and how long.

The calls come from tests/unit/link_tool.c, each a process with a session of its own.
"""

import json
import os
import subprocess
import time
import uuid
from pathlib import Path

import pytest

from harness import config, process

ROOT = Path(__file__).resolve().parents[2]
SECRET = "a secret of more than thirty-two characters"
OTHER_SECRET = "another secret of more than thirty-two characters"
NOBODY = "01890a5d-ac96-774b-bcce-b302099a8057"


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """The tool, with sanitizers."""
    folder = tmp_path_factory.mktemp("link_tool")
    (folder / "config.h").touch()
    libpq = subprocess.run(["pkg-config", "--cflags", "libpq"], capture_output=True, text=True, check=True).stdout.split()
    subprocess.run(
        ["cc", "-std=gnu17", "-D_GNU_SOURCE", "-g", "-fsanitize=address,undefined", f"-I{ROOT}", f"-I{folder}", *libpq,
         "-o", folder / "link_tool", ROOT / "tests/unit/link_tool.c", *ROOT.glob("lib/base/*.c"),
         *(ROOT / "lib" / name for name in ("access/link.c", "access/secret_key.c", "job/link_store.c", "job/metadata.c",
                                            "source/postgres_connect.c")),
         "-lpq", "-ljson-c", "-lcrypto"], check=True)
    return folder / "link_tool"


class Links:
    """A metadata database of this file's own, with a job of two files in it, and the tool."""

    def __init__(self, program, folder, postgres):
        self.program, self.folder, self.postgres = program, folder, postgres
        self.conf = self.write("sluice.conf", key=SECRET)

    def write(self, name, **secret):
        path = os.path.join(self.folder, name)
        config.write(path, {**config.default(self.folder, self.postgres), "metadata": {"database": "kept"}, "secret": secret,
                            "databases": {"kept": {"conninfo": self.postgres.conninfo(dbname="links"),
                                                   "connect_timeout": "60s"}}})  # of fifty at once one may be slow
        return path

    def execute(self, sql):
        return self.postgres.execute(sql, dbname="links")

    def start(self, *words, conf=None):
        return subprocess.Popen([self.program, conf or self.conf, *map(str, words)], stdout=subprocess.PIPE, text=True)

    def ask(self, *words, conf=None):
        with self.start(*words, conf=conf) as tool:
            answer = tool.stdout.read().rstrip("\n")
        assert tool.returncode == 0
        return answer

    def make(self, file=1, keep=3600, uses=0, address="-", conf=None):
        token = self.ask("create", self.job, file, "ann", int(time.time()) + keep, uses, address, conf=conf)
        assert not token.startswith("error"), token
        return token

    def status(self, how, token, client="192.0.2.1", conf=None):
        """200, or that of the refusal."""
        answer = self.ask(how, token, client, conf=conf)
        return int(answer.split()[1]) if answer.startswith("error") else 200

    def listed(self):
        return json.loads(self.ask("list", self.job))

    def reset(self):
        self.execute("TRUNCATE sluice.jobs CASCADE")
        self.job = str(uuid.uuid4())
        self.execute(f"""INSERT INTO sluice.jobs (id, subject, principal, request, payload, state, ended, expires)
            VALUES ('{self.job}', 'ann', '{{}}', '{{}}', sha256(''), 'succeeded', now(), now() + interval '1 day')""")
        self.execute(f"""INSERT INTO sluice.job_files SELECT '{self.job}', n, 'f', 'p', 'text/csv', 1, repeat('0', 64)
            FROM generate_series(1, 2) n""")


@pytest.fixture(scope="module")
def store(top, prefix, postgres, program):
    folder = os.path.join(top, "links")
    os.mkdir(folder)
    postgres.execute("CREATE DATABASE links", dbname="postgres")
    postgres.execute("GRANT CREATE ON DATABASE links TO sluice", dbname="postgres")
    store = Links(program, folder, postgres)
    subprocess.run([os.path.join(prefix, "bin", "sluice"), "-c", store.conf, "migrate"], check=True, stdout=subprocess.DEVNULL,
                   env={**os.environ, "SLUICE_SCHEMA_DIR": os.path.join(prefix, "share", "sluice", "schema")})
    yield store
    process.wait_until(lambda: not postgres.execute("SELECT FROM pg_stat_activity WHERE datname = 'links'", dbname="postgres"),
                       "the end of the sessions")
    postgres.execute("DROP DATABASE links", dbname="postgres")


@pytest.fixture
def links(store):
    store.reset()
    return store


def test_a_link_gives_its_file(links):
    token = links.make(file=2)
    assert links.ask("take", token, "192.0.2.1") == f"{links.job} 2 ann"
    assert [links.status(how, token) for how in ("look", "continue", "take", "take")] == [200] * 4
    assert links.status("take", token[:-1] + ("A" if token[-1] != "A" else "B")) == 403
    assert links.ask("create", links.job, 3, "ann", 9999999999, 0, "-") == "error 404 the export has no such file"
    assert links.ask("create", NOBODY, 1, "ann", 9999999999, 0, "-").startswith("error 404")


def test_of_fifty_at_once_ten_get_through(links):
    token = links.make(uses=10)
    running = [links.start("take", token, f"192.0.2.{i}") for i in range(50)]
    answers = [tool.communicate(timeout=60 * process.PATIENCE)[0].split() for tool in running]
    assert all(tool.returncode == 0 for tool in running)
    assert sum(answer[0] == links.job for answer in answers) == 10
    assert sum(answer[:2] == ["error", "410"] for answer in answers) == 40
    assert links.execute("SELECT uses_left FROM sluice.links") == [(0,)]


def test_a_look_uses_nothing_up(links):
    token = links.make(uses=1)
    assert [links.status("look", token) for _ in range(3)] == [200] * 3
    assert links.status("take", token) == 200
    assert links.status("take", token) == 410
    assert links.status("look", token, "192.0.2.2") == 410


def test_a_download_that_broke_off_goes_on(links):
    """Whoever has used the link, and nobody else: else what is behind the first byte would be free."""
    token = links.make(uses=2)
    assert links.status("take", token, "192.0.2.1") == 200
    assert [links.status("continue", token, "192.0.2.1") for _ in range(3)] == [200] * 3
    assert links.listed()[0]["usesLeft"] == 1
    assert links.status("continue", token, "192.0.2.2") == 200  # its first: a use
    assert links.listed()[0]["usesLeft"] == 0
    assert links.status("continue", token, "192.0.2.3") == 410
    assert links.status("continue", token, "192.0.2.2") == 200
    assert links.status("look", token, "192.0.2.1") == 200
    assert links.status("take", token, "192.0.2.1") == 410
    # Whose address is not known has not been here.
    token = links.make(uses=1)
    assert [links.status("continue", token, "unix:") for _ in range(2)] == [200, 410]


@pytest.mark.parametrize("address, client, status", [
    ("192.0.2.7", "192.0.2.7", 200), ("192.0.2.7", "::ffff:192.0.2.7", 200), ("192.0.2.7", "192.0.2.8", 403),
    ("::ffff:192.0.2.7", "::FFFF:192.0.2.7", 200), ("::ffff:192.0.2.7", "192.0.2.8", 403),
    ("192.0.2.7", "unix:", 403), ("192.0.2.0/24", "192.0.2.8", 200), ("192.0.2.9/24", "192.0.2.8", 200),
    ("192.0.2.0/24", "192.0.3.8", 403), ("2001:db8::/32", "2001:db8::1", 200), ("2001:db8::/32", "2001:db9::1", 403),
    ("0.0.0.0/0", "192.0.2.8", 200), ("0.0.0.0/0", "2001:db8::1", 403)])
def test_addresses(links, address, client, status):
    token = links.make(uses=3, address=address)
    assert [links.status(how, token, client) for how in ("look", "take")] == [status] * 2
    assert links.listed()[0]["usesLeft"] == (2 if status == 200 else 3)


@pytest.mark.parametrize("address", ["", "somebody", "192.0.2", "192.0.2.1/33", "192.0.2.1/", "192.0.2.1/-1", "192.0.2.1/8x",
                                     "2001:db8::/129", "192.0.2.1 ", "1" * 60])
def test_no_addresses(links, address):
    assert links.ask("create", links.job, 1, "ann", 9999999999, 0, address).startswith("error 422"), address


@pytest.mark.parametrize("uses", [-1, 1000001])
def test_no_uses(links, uses):
    assert links.ask("create", links.job, 1, "ann", 9999999999, uses, "-").startswith("error 422")


def test_an_end(links):
    revoked, expired, gone = (links.make() for _ in range(3))
    assert links.ask("revoke", links.job, revoked) == ""
    assert links.ask("revoke", links.job, revoked) == ""
    assert links.ask("revoke", NOBODY, expired).startswith("error 404")
    assert links.status("take", revoked) == 410
    assert links.status("take", links.make(keep=-1)) == 410
    # Both the token and the row say when.
    links.execute("UPDATE sluice.links SET expires = now() WHERE revoked IS NULL")
    assert links.status("take", expired) == 410
    links.execute("DELETE FROM sluice.jobs")
    assert links.status("take", gone) == 410


def test_the_list(links):
    assert links.listed() == []
    links.make(uses=5, address="192.0.2.0/24")
    links.ask("revoke", links.job, links.make(file=2))
    links.make(keep=-1)
    assert links.status("take", links.make(uses=1)) == 200
    listed = links.listed()
    assert [(link["file"], link["usesLeft"], link["address"], link["state"]) for link in listed] == [
        (1, 0, None, "used"), (1, None, None, "expired"), (2, None, None, "revoked"), (1, 5, "192.0.2.0/24", "active")]
    assert {link["createdBy"] for link in listed} == {"ann"}
    assert len({link["id"] for link in listed}) == 4


def test_another_secret(links):
    token = links.make()
    rotated = links.write("rotated.conf", key=OTHER_SECRET, previous=SECRET)
    later = links.write("later.conf", key=OTHER_SECRET)
    assert links.status("take", token, conf=rotated) == 200
    assert links.status("take", token, conf=later) == 403
    token = links.make(conf=rotated)
    assert [links.status("take", token, conf=conf) for conf in (rotated, later, links.conf)] == [200, 200, 403]

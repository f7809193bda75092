"""The secret of a host: hash masks are HMAC-SHA-256 as Python has it, and the processes of a host, which all start at
once, share one secret; a file that is not to be trusted stops the start."""

import hmac
import json
import os
import stat
import subprocess

import pytest

from harness import config, process
from harness.client import curl

SECRET = "a secret of exactly 32 characters, and then some: größer als ein Block von SHA-256"
TEXTS = ["jane@example.com", "", " ", "größe", "naïve\u0301", "\U0001f600", "it's", 'say "hi"', "back\\slash", "\\x41",
         "\\000", "$1", "a\nb\tc", "x" * 10000, "jane@example.com"]

SQL = """
CREATE SCHEMA hid;
CREATE TABLE hid.people (id int PRIMARY KEY, name text, fixed char(8), amount numeric(12,2), born date, seen timestamptz);
CREATE TABLE hid.plain AS TABLE hid.people;
GRANT USAGE ON SCHEMA hid TO sluice;
"""


@pytest.fixture(scope="module")
def people(postgres):
    postgres.execute(SQL)
    with postgres.connect() as connection, connection.cursor() as cursor:
        for number, text in enumerate([*TEXTS, None]):
            cursor.execute("INSERT INTO hid.people VALUES (%s, %s, %s, %s, date '1984-02-29' + %s, '2024-01-01 00:00+00')",
                           (number, text, "ab", number * 1.25 if number else None, number))
    postgres.execute("GRANT SELECT ON ALL TABLES IN SCHEMA hid TO sluice")
    yield
    postgres.execute("DROP SCHEMA hid CASCADE")


def hashed(text):
    """What a mask makes of a text: HMAC under the key that the secret gives for hash masks."""
    if text is None:
        return None
    key = hmac.digest(SECRET.encode(), b"hash mask", "sha256")
    return hmac.digest(key, text.encode(), "sha256").hex()


def rows(site, token, table="people"):
    answer = curl(f"{site.url}/api/v1/tables/{table}/rows.ndjson", token)
    assert answer.status == 200, answer.body
    return {row["id"]: row for row in map(json.loads, answer.body.splitlines())}


def settings(**secret):
    columns = ("name", "fixed", "amount", "born", "seen")
    return {**({"secret": secret} if secret else {}),
            "tables": {"people": {"name": "hid.people"}},
            "policies": {"hidden": {"tables": ["people"], "roles": ["*"],
                                    "masks": [f"{column}:hash" for column in columns]}}}


def test_hash_masks_are_hmac(make_site, people, issuer):
    site = make_site(settings=settings(key=SECRET))
    found = rows(site, issuer.token())
    assert len(found) == len(TEXTS) + 1
    for number, text in enumerate([*TEXTS, None]):
        assert found[number]["name"] == hashed(text)
    assert found[0]["name"] == found[len(TEXTS) - 1]["name"] and len({row["name"] for row in found.values()}) == len(TEXTS)
    assert found[0]["amount"] is None
    assert [found[4][name] for name in ("amount", "born", "seen")] == [
        hashed(text) for text in ("5.00", "1984-03-04", "2024-01-01 00:00:00+00")]
    assert found[0]["fixed"] == hashed("ab")
    assert not os.path.exists(site.path("state", "secret"))


def path_of(site):
    """Where the file is, once a worker has made it."""
    path = site.path("state", "secret")
    process.wait_until(lambda: os.path.exists(path), path)
    return path


def lines(site, message):
    with open(site.path("log", "sluice.log"), encoding="utf-8") as log:
        return sum(json.loads(line)["msg"] == message for line in log if line.endswith("\n"))


def test_processes_share_one_file(make_site):
    site = make_site(workers=(6, 3))
    found = os.stat(path_of(site))
    assert stat.S_IMODE(found.st_mode) == 0o600 and found.st_size == 32
    process.wait_until(lambda: lines(site, "started") == 9, "9 workers have started")
    assert [name for name in os.listdir(site.path("state")) if name.startswith("secret")] == ["secret"]


def start_by_hand(site):
    """A worker on a socket of its own, in the foreground."""
    command = ["spawn-fcgi", "-n", "-s", site.path("run", "hand.sock")]
    if process.is_root():
        command += ["-u", site.user, "-U", site.user]
    return subprocess.run([*command, "--", site.program], env={**os.environ, **site.env, "SLUICE_CONFIG": site.config},
                          capture_output=True, text=True, check=False, timeout=60 * process.PATIENCE)


@pytest.mark.parametrize("mode, size, fault", ((0o644, 32, "0600"), (0o600, 31, "32 bytes"), (0o600, 0, "32 bytes")))
def test_a_file_not_to_be_trusted_stops_the_start(make_site, mode, size, fault):
    site = make_site()
    path = path_of(site)
    os.chmod(path, mode)
    os.truncate(path, size)
    done = start_by_hand(site)
    assert done.returncode != 0
    assert f"{path}: " in done.stderr and fault in done.stderr, done.stderr


def test_a_short_secret_stops_the_start(make_site):
    site = make_site()
    short = config.merge(site.settings, {"secret": {"key": "0123456789abcdef0123456789abcde"}})
    config.write(site.config, short)
    done = start_by_hand(site)
    assert done.returncode != 0
    assert "secret.key" in done.stderr and "0123456789" not in done.stderr, done.stderr

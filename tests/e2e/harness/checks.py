"""What must hold after every test: the logs are clean, no session of the database is left busy, nothing is staged,
no connection left open."""

import os
import re

from . import process
from .postgres import PASSWORD

# Lines of a program that has gone wrong, whatever its answer was.
WRONG = re.compile(r"Assertion .* failed|Sanitizer|runtime error:|stack smashing|free\(\): |malloc\(\): |"
                   r"exited on signal|segfault|\[emerg\]|AH00052")
DIED = re.compile(r"Child\[\d+\] died|Spawning child\[\d+\] failed")


class LogReader:
    """Reads what was added to a site's logs since it last looked."""

    def __init__(self):
        self.offsets = {}

    def new_text(self, path):
        start = self.offsets.get(path, 0)
        try:
            with open(path, "rb") as f:
                f.seek(start)
                data = f.read()
        except FileNotFoundError:
            return ""
        self.offsets[path] = start + len(data)
        return data.decode("utf-8", "replace")

    def check(self, site, may_die=False):
        for path in site.logs():
            text = self.new_text(path)
            name = os.path.basename(path)
            found = WRONG.search(text)
            assert not found, f"{name}: {text[max(0, found.start() - 500):found.end() + 3000]}"
            assert may_die or not DIED.search(text), f"{name}: a worker died:\n{text[-2000:]}"
            check_secrets(name, text, site.issuer)


def check_secrets(name, text, issuer):
    """Neither a token nor its signature alone, nor a password. (Some tests' tokens have none, or a word's.)"""
    for token in issuer.issued:
        assert token not in text, f"{name}: holds a token"
        signature = token.rsplit(".", 1)[-1]
        assert len(signature) < 20 or signature not in text, f"{name}: holds a token's signature"
    assert PASSWORD not in text, f"{name}: holds the database's password"


def sessions_max(site):
    """One for each worker and use: a database's rows, outcomes, the cache."""
    return len(site.workers()) * (len(site.settings["databases"]) + 2)


def check_sessions(postgres, most, seconds=5):
    """Workers keep sessions, but idle ones without a transaction and without locks; and not more than `most`."""
    def quiet():
        sessions = postgres.sessions()
        return all(state == "idle" for _, state, _ in sessions) and len(sessions) <= most
    try:
        process.wait_until(quiet, "sessions idle", seconds)
    except TimeoutError:
        raise AssertionError(f"sessions left in the database: {postgres.sessions()}") from None

    def locks():
        return postgres.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")[0][0]
    try:
        process.wait_until(lambda: not locks(), "no locks", seconds)  # an answered request may still be written down
    except TimeoutError:
        raise AssertionError(f"{locks()} advisory locks left") from None


def check_files(site, seconds=20):
    """No staged body is left, with a name or without, and a worker has no more sockets than it listens on and
    sessions it may keep."""
    stage = site.settings["stage"]["dir"]

    def left():
        # The files of jobs stay.
        found = [name for name in os.listdir(stage) if name != "jobs"] if os.path.isdir(stage) else []
        for pid in site.workers():
            files = process.open_files(pid)
            found += [path for path in files if path.startswith(stage + "/")]
            sockets = [path for path in files if path.startswith("socket:")]
            found += sockets[1 + len(site.settings["databases"]) + 2:]  # sessions_max of one, and its own socket
        return found
    try:
        process.wait_until(lambda: not left(), "files closed", seconds)
    except TimeoutError:
        raise AssertionError(f"left open: {left()}") from None

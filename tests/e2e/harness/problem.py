"""What every problem (RFC 9457) must be, and must not tell."""

import json
import re

# SQL, where the database is, where files are.
TELLING = re.compile(r"SELECT|FROM|WHERE|pg_|psql|libpq|SQLSTATE|host=|dbname|conninfo|PGSQL|/tmp|/run/|\.conf|\.c:")


def check(answer, status, path=None):
    """The problem's members. path: what `instance` must be."""
    assert (answer.exit, answer.status) == (0, status), answer.body
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert int(answer.headers["content-length"]) == len(answer.body)
    said = answer.json()
    assert list(said)[:6] == ["type", "title", "status", "detail", "instance", "traceId"]
    assert said["type"].startswith("urn:sluice:problem:") and said["title"] and said["detail"]
    assert said["status"] == status
    assert path is None or said["instance"] == path
    assert re.fullmatch("[0-9a-f]{32}", said["traceId"])
    # The path is the client's own: in a token that is a part of it may stand anything.
    assert not TELLING.search(answer.text().replace(json.dumps(said["instance"]), "")), answer.text()
    return said

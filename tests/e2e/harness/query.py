"""Asking the query service."""

import base64
import json
import zlib

from .client import curl

PATH = "/api/v1/query"


def ask(site, token, definition, headers=None, params="", **options):
    """POST a definition; the curl.Answer."""
    data = definition if isinstance(definition, bytes) else json.dumps(definition).encode()
    return curl(site.url + PATH + params, token, "POST", {"Content-Type": "application/json", **(headers or {})},
                data, **options)


def rows(site, token, definition, **options):
    """The page's rows, of a query that must succeed."""
    answer = ask(site, token, definition, **options)
    assert answer.status == 200, answer.body
    return answer.json()["rows"]


def bounds_text(token):
    """What a token of page bounds holds."""
    data = base64.urlsafe_b64decode(token + "===")
    at = data.find(b"x\xda")
    return data if at < 0 else zlib.decompress(data[at:])


def pages(site, token, definition, limit=1000):
    """Every page in turn, by its tokens."""
    after = {}
    while True:
        answer = ask(site, token, {**definition, "page": {"limit": limit, **after}})
        assert answer.status == 200, answer.body
        page = answer.json()
        yield page
        if page["next"] is None:
            return
        assert len(page["rows"]) == limit
        after = {"after": page["next"]}

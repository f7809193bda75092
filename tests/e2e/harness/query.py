"""Asking the query service."""

import json

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

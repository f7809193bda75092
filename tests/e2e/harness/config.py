"""The configuration files of the tests."""

import json

from .tokens import AUDIENCE, ISSUER

TABLES = {
    "users": {"name": "public.users"},
    "projects": {"name": "public.projects"},
    "records": {"name": "public.records"},
    "empty": {"name": "public.empty"},
    "endless": {"name": "public.endless"},
    "slow": {"name": "public.slow"},
    "some_users": {"name": "public.users", "columns": ["email", "user_id"], "primary_key": "user_id"},
}


def default(top, postgres):
    """As a site in the directory `top` has it: its own state, stage, log and key set."""
    return {
        "log": {"file": f"{top}/log/sluice.log"},
        "auth": {"jwks": f"file:{top}/jwks.json", "issuer": ISSUER, "audience": AUDIENCE},
        "limits": {"requests": 0},
        "worker": {"max_requests": 0},  # one that left in the middle of the tests would look as if it had died
        "state": {"dir": f"{top}/state"},
        "stage": {"dir": f"{top}/stage"},
        "metadata": {"database": "main"},
        "databases": {"main": {"conninfo": postgres.conninfo()}},
        "tables": TABLES,
    }


def merge(base, changes):
    """`base` with `changes` laid over it, section by section; None takes a key away."""
    merged = dict(base)
    for key, value in changes.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = merge(merged[key], value)
        else:
            merged[key] = value
    return merged


def write(path, settings):
    with open(path, "w", encoding="utf-8") as f:
        json.dump(settings, f, indent="\t")

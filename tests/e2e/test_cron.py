"""Cron expressions (lib/job/cron.h) against a judge that goes by the clock: it walks minute by minute through real time, asks
Python's zoneinfo what clocks show, and calls a minute due when they show, or have skipped, one that the expression names and
that they did not show before.

The times come from tests/unit/cron_tool.c. SLUICE_SEED picks other random expressions than the usual ones.
"""

import os
import random
import subprocess
import tempfile
from datetime import datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

# They try the arithmetic, not the build: the tool has its sanitizers always.
pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
SEED = os.environ.get("SLUICE_SEED", "1")
MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
WEEKDAYS = "sun mon tue wed thu fri sat".split()

# Zones and the days about which their clocks change: gaps and folds of an hour, of half an hour, at midnight, of a day.
PLACES = (
    ("UTC", "2024-02-27"),
    ("+05:30", "2023-12-30"),
    ("Europe/Berlin", "2024-03-30"),
    ("Europe/Berlin", "2024-10-26"),
    ("America/New_York", "2024-03-09"),
    ("America/New_York", "2024-11-02"),
    ("Australia/Lord_Howe", "2024-04-05"),
    ("Australia/Lord_Howe", "2024-10-05"),
    ("America/Sao_Paulo", "2018-11-03"),  # midnight is skipped
    ("America/Havana", "2024-11-02"),  # midnight comes twice
    ("Africa/Casablanca", "2024-03-09"),
    ("Antarctica/Troll", "2024-03-30"),  # two hours
    ("Asia/Kathmandu", "1985-12-31"),  # a quarter of an hour
    ("Pacific/Apia", "2011-12-29"),  # a day is skipped
    ("America/Caracas", "2007-12-08"),  # back by half an hour
)


@pytest.fixture(scope="module")
def tool():
    """ask(zone, after, n, expression) of a running cron_tool, built for this."""
    with tempfile.TemporaryDirectory(prefix="slc-", dir="/tmp") as folder:
        program = Path(folder) / "cron_tool"
        subprocess.run(
            ["cc", "-std=gnu17", "-D_GNU_SOURCE", "-g", "-fsanitize=address,undefined", f"-I{ROOT}", "-o", program,
             ROOT / "tests/unit/cron_tool.c", ROOT / "lib/job/cron.c", *ROOT.glob("lib/base/*.c"), "-ljson-c"], check=True)
        with subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
            def ask(zone, after, n, expression):
                running.stdin.write(f"{zone} {after} {n} {expression}\n")
                running.stdin.flush()
                return running.stdout.readline().rstrip("\n")

            yield ask
            running.stdin.close()
        assert running.returncode == 0


# ---- the judge


def number(text, names, first):
    return first + names.index(text.lower()) if text.lower() in names else int(text)


def values(field, first, last, names=()):
    """The set that a field names."""
    found = set()
    for item in field.split(","):
        span, _, step = item.partition("/")
        low, _, high = span.partition("-")
        if span == "*":
            low, high = first, last
        else:
            low = number(low, names, first)
            high = number(high, names, first) if high else low
        found.update(range(low, high + 1, int(step or 1)))
    return found


def names_minute(expression):
    """A function: whether the expression names a time that clocks show."""
    minute, hour, day, month, weekday = expression.split()
    minutes, hours, days = values(minute, 0, 59), values(hour, 0, 23), values(day, 1, 31)
    months, weekdays = values(month, 1, 12, MONTHS), {v % 7 for v in values(weekday, 0, 7, WEEKDAYS)}
    either = day[0] != "*" and weekday[0] != "*"

    def names(t):
        a, b = t.day in days, t.isoweekday() % 7 in weekdays
        return (t.minute in minutes and t.hour in hours and t.month in months
                and ((a or b) if either else (a and b)))

    return names


def tz_of(zone):
    if zone[0] == "+":
        return timezone(timedelta(hours=int(zone[1:3]), minutes=int(zone[4:])))
    return ZoneInfo(zone)


def walk(zone, begin, minutes):
    """For each minute after `begin` (UTC): its seconds since 1970 and the times that clocks show or skip then, for the first time."""
    tz, minute = tz_of(zone), timedelta(minutes=1)
    shown = max((begin - i * minute).astimezone(tz).replace(tzinfo=None) for i in range(3000))
    steps = []
    for i in range(1, minutes + 1):
        t = begin + i * minute
        local, new = t.astimezone(tz).replace(tzinfo=None), []
        while shown < local:
            shown += minute
            new.append(shown)
        steps.append((int(t.timestamp()), new))
    return steps


# ---- random expressions


def some_field(rng, first, last, names=()):
    def one():
        v = rng.randint(first, last)
        return rng.choice((str.upper, str.lower))(names[v - first]) if names and v - first < len(names) and rng.random() < .3 else str(v)

    def item():
        kind = rng.random()
        if kind < .6:
            return one()
        low = rng.randint(first, last)
        span = f"{low}-{rng.randint(low, last)}"
        return span + (f"/{rng.randint(1, last - first)}" if kind > .8 else "")

    kind = rng.random()
    if kind < .4:
        return "*"
    if kind < .55:
        return f"*/{rng.randint(1, (last - first) // 2)}"
    return ",".join(item() for _ in range(rng.randint(1, 3)))


def some_expression(rng):
    return " ".join((
        some_field(rng, 0, 59), some_field(rng, 0, 23),
        "*" if rng.random() < .5 else some_field(rng, 1, 31),
        "*" if rng.random() < .8 else some_field(rng, 1, 12, MONTHS),
        "*" if rng.random() < .5 else some_field(rng, 0, 7, WEEKDAYS)))


@pytest.mark.parametrize("zone, day", PLACES)
def test_due_minutes(tool, zone, day):
    rng = random.Random(f"{SEED} {zone} {day}")
    begin = datetime.fromisoformat(f"{day}T00:00:00+00:00") + timedelta(minutes=rng.randint(0, 600))
    steps = walk(zone, begin, 4 * 1440)
    due_n = 0
    for _ in range(60):
        expression = some_expression(rng)
        names = names_minute(expression)
        due = [at for at, new in steps if any(map(names, new))]
        due_n += len(due)
        begin_s = int(begin.timestamp())
        got = tool(zone, begin_s, len(due) + 1, expression)
        if got.startswith("error"):
            assert not due, (expression, got)
            continue
        got = [int(t) for t in got.split()]
        assert got[:-1] == due, (zone, begin, expression)
        assert got[-1] > steps[-1][0], (zone, begin, expression)
        # From any moment, not only from one that was due.
        for moment in (rng.randint(begin_s, steps[-1][0]) for _ in range(5)):
            behind = [t for t in due if t > moment]
            if behind:
                assert int(tool(zone, moment, 1, expression)) == behind[0], (zone, moment, expression)
    assert due_n > 1000


def test_years_in_utc(tool):
    """Days that are rare: whole days for 30 years."""
    rng = random.Random(f"{SEED} years")
    first = datetime(1990, 1, 1, tzinfo=timezone.utc)
    days = [first + timedelta(days=i) for i in range(1, 11000)]
    for _ in range(60):
        fields = some_expression(rng).split()
        expression = " ".join(["0", "0", *fields[2:]])
        names = names_minute(expression)
        due = [int(t.timestamp()) for t in days if names(t)]
        got = tool("UTC", int(first.timestamp()), len(due), expression)
        if got.startswith("error"):
            assert not due
            continue
        assert [int(t) for t in got.split()] == due, expression

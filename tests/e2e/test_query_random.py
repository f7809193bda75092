"""Random definitions, valid and not. The valid ones are told in SQL of another form as they are made (all joined columns in one
materialized table, every literal typed), and PostgreSQL, asked directly, must say the same: as one page, as pages by
their tokens, as pages by offset, and as a stream. Junk is refused, and never takes a worker or the database for broken.

SLUICE_RANDOM=5000 asks more; SLUICE_SEED=7 begins elsewhere. A failure names its seed.
"""

import copy
import decimal
import http.client
import json
import os
import random

import pytest

from harness.query import PATH

COUNT = int(os.environ.get("SLUICE_RANDOM", "400"))
SEED = int(os.environ.get("SLUICE_SEED", "1"))
ROWS = 90

SQL = """
CREATE SCHEMA rnd;
CREATE TYPE rnd.mood AS ENUM ('sad', 'ok', 'happy');
CREATE TYPE rnd.pair AS (a int, b text);
CREATE TABLE rnd.c (id bigint PRIMARY KEY, label text, amount numeric);
CREATE TABLE rnd.b (id int PRIMARY KEY, name varchar(30), num int, at timestamptz, ok bool, c_id bigint);
CREATE TABLE rnd.a (id int PRIMARY KEY, i int, l bigint NOT NULL, s smallint, n numeric(12,3), f double precision, t text, v varchar(20),
    ch char(3), ok bool, d date, ts timestamp, tz timestamptz, u uuid, j jsonb, b_id int, e rnd.mood, arr int[], pt point, by bytea,
    js json, iv interval, tm time, ip inet, p rnd.pair, r int4range, bits bit(3), m money, ttz timetz, o oid, x xml);
SELECT setseed(0.5);
INSERT INTO rnd.c SELECT i, (ARRAY['red', 'green', NULL, 'Blue', ''])[1 + i % 5], i * 1.10 FROM generate_series(1, 8) i;
INSERT INTO rnd.b SELECT i, (ARRAY['Ann', 'bob', 'Ann', NULL, 'Žofie', 'it''s', '100%', 'a_b'])[1 + i % 8], i % 4,
    CASE WHEN i % 6 > 0 THEN timestamptz '2023-11-30 22:15:00.5+00' + i * interval '19 days' END, (ARRAY[true, false, NULL])[1 + i % 3],
    CASE WHEN i % 5 > 0 THEN 1 + i % 10 END FROM generate_series(1, 20) i;
INSERT INTO rnd.a SELECT i, CASE WHEN i % 7 > 0 THEN i % 5 - 2 END, (i * 37) % 101, CASE WHEN i % 4 > 0 THEN i % 3 END,
    CASE WHEN i % 9 > 0 THEN (i % 13) * 0.125 - 0.5 END, CASE WHEN i % 5 > 0 THEN (i % 11) * 0.25 - 1 END,
    (ARRAY['', 'x', 'Xy', NULL, 'größe', 'a%b', 'a_b', 'back\\slash', ' pad ', '"q"', '42'])[1 + i % 11],
    CASE WHEN i % 6 > 0 THEN 'v' || i % 9 END, (ARRAY['ab', 'c', NULL])[1 + i % 3], (ARRAY[true, false, NULL])[1 + i % 3],
    CASE WHEN i % 8 > 0 THEN date '2023-12-25' + i % 20 END,
    CASE WHEN i % 7 > 0 THEN timestamp '2024-02-28 23:59:59.123456' + (i % 10) * interval '11 hours' END,
    CASE WHEN i % 5 > 0 THEN timestamptz '2024-03-31 00:30:00+00' + (i % 12) * interval '31 days' END,
    CASE WHEN i % 4 > 0 THEN md5((i % 10)::text)::uuid END,
    (ARRAY['{{"k": 1, "l": [1, 2]}}', '{{"k": "x"}}', '[1, 2, 3]', 'null', NULL, '{{"k": {{"n": null}}}}'])[1 + i % 6]::jsonb,
    CASE WHEN i % 10 > 0 THEN 1 + i % 23 END, (ARRAY['sad', 'ok', NULL])[1 + i % 3]::rnd.mood, ARRAY[i % 3, i], point(i, 1),
    decode(md5(i::text), 'hex'), '{{"a": 1}}', i % 4 * interval '1 day', time '10:00' + i * interval '1 min', '10.0.0.1',
    ROW(i, 'x')::rnd.pair, int4range(i, i + 2), B'101', i, '10:00+02', i, '<a/>' FROM generate_series(1, {rows}) i;
GRANT USAGE ON SCHEMA rnd TO sluice;
GRANT SELECT ON ALL TABLES IN SCHEMA rnd TO sluice;
ANALYZE rnd.a; ANALYZE rnd.b; ANALYZE rnd.c;
"""

TABLES = {"a": {"name": "rnd.a", "joins": ["owner:b_id:b"]}, "b": {"name": "rnd.b", "joins": ["col:c_id:c"]}, "c": {"name": "rnd.c"}}

OWN = {
    "a": {"id": "int", "i": "int", "l": "int", "s": "int", "n": "numeric", "f": "float", "t": "text", "v": "text", "ch": "text", "ok": "bool",
          "d": "date", "ts": "ts", "tz": "tz", "u": "uuid", "j": "jsonb", "b_id": "int"},
    "b": {"id": "int", "name": "text", "num": "int", "at": "tz", "ok": "bool", "c_id": "int"},
    "c": {"id": "int", "label": "text", "amount": "numeric"},
}
REACHED = {"a": {"": "a", "owner.": "b", "owner.col.": "c"}, "b": {"": "b", "col.": "c"}, "c": {"": "c"}}
COLUMNS = {root: {path + name: kind for path, table in paths.items() for name, kind in OWN[table].items()}
           for root, paths in REACHED.items()}
ODD = ["e", "arr", "pt", "by", "js", "iv", "tm", "ip", "p", "r", "bits", "m", "ttz", "o", "x"]


def base(root):
    """The table with every column that can be reached, by subqueries."""
    key = {"owner.": "(SELECT {0} FROM rnd.b AS y WHERE y.id = z.b_id)",
           "owner.col.": "(SELECT {0} FROM rnd.c AS w WHERE w.id = (SELECT y.c_id FROM rnd.b AS y WHERE y.id = z.b_id))",
           "col.": "(SELECT {0} FROM rnd.c AS w WHERE w.id = z.c_id)"}
    items = [f'{key[path].format(name) if path else name} AS "{path}{name}"'
             for path, table in REACHED[root].items() for name in OWN[table]]
    return f"WITH base AS MATERIALIZED (SELECT {', '.join(items)} FROM rnd.{root} AS z) "


class Term:
    """One expression: as a definition has it, as SQL, and its kind. is_column, is_literal: where a string would say it."""

    def __init__(self, said, sql, kind, is_column=False, is_literal=False, aggregates=False):
        self.said, self.sql, self.kind = said, sql, kind
        self.is_column, self.is_literal, self.aggregates = is_column, is_literal, aggregates

    def at(self, literals):
        """In a place where a string is a literal, or a column."""
        if self.is_column and literals:
            return {"column": self.said}
        if self.is_literal and isinstance(self.said, str) and not literals:
            return {"value": self.said}
        return self.said


NUMBERS = ("int", "numeric", "float")
TIMES = ("date", "ts", "tz")
SQL_TYPE = {"int": "bigint", "numeric": "numeric", "float": "float8", "text": "text", "bool": "bool", "date": "date", "ts": "timestamp",
            "tz": "timestamptz", "uuid": "uuid", "jsonb": "jsonb"}
VALUES = {
    "int": [0, 1, -1, 2, 3, 50, 2.5, "1", 99999999999], "numeric": [0, 0.125, -0.5, 1.1, "0.250", 7], "float": [0.25, 1, -0.75, "0.5", 1e3],
    "text": ["", "x", "Xy", "größe", "a%b", "it's", "back\\slash", "v3", "Ann", "42", "$1", "red"], "bool": [True, False],
    "date": ["2023-12-31", "2024-01-02"], "ts": ["2024-03-01T10:59:59.123456", "2024-03-02"], "tz": ["2024-05-01T00:00:00Z", "2024-03-31T02:30:00+02:00"],
    "uuid": ["c4ca4238-a0b9-2382-0dcc-509a6f75849b", "C81E728D-9D4C-2F63-6F06-7F89CC14862C"],
}


def quote(text):
    return "E'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


class Maker:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.root = self.random.choice(["a", "a", "a", "b", "c"])
        self.columns = COLUMNS[self.root]

    def chance(self, one_in):
        return self.random.randrange(one_in) == 0

    def column(self, kinds):
        found = [name for name, kind in self.columns.items() if kind in kinds]
        if not found:
            return None
        name = self.random.choice(found)
        return Term(name, f'"{name}"', self.columns[name], is_column=True)

    def literal(self, kind):
        """Beside a value of that kind, whose type it takes."""
        value = self.random.choice(VALUES[kind])
        if kind == "int":
            of = "numeric" if isinstance(value, float) else "bigint"
        else:
            of = SQL_TYPE[kind]
        if isinstance(value, bool):
            return Term(value, str(value).lower(), kind, is_literal=True)
        text = value if isinstance(value, str) else repr(value)
        return Term(value, f"{quote(text)}::{of}", "numeric" if of == "numeric" else kind, is_literal=True)

    def value(self, kinds, depth):
        """A column or what is computed; never a literal alone."""
        makers = {"numbers": self.number, "text": self.text, "times": self.time}
        kind = self.random.choice(kinds)
        if depth > 0 and self.chance(2):
            group = "numbers" if kind in NUMBERS else "times" if kind in TIMES else kind
            if group in makers:
                made = makers[group](depth - 1)
                if made and made.kind in kinds:
                    return made
            if kind == "bool" and self.chance(2):
                condition = self.condition(depth - 1)
                return Term(condition.said, condition.sql, "bool")
            if self.chance(3):
                made = self.coalesce(kinds, depth - 1)
                if made:
                    return made
        return self.column(kinds) or self.column(list(SQL_TYPE))

    def number(self, depth):
        what = self.random.choice(["add", "subtract", "multiply", "divide", "modulo", "length", "extract", "cast"])
        if what == "length":
            a = self.value(["text"], depth)
            return Term({"length": a.at(False)}, f"length(({a.sql})::text)::bigint", "int") if a.kind == "text" else None
        if what == "extract":
            a, unit = self.value(TIMES, depth), self.random.choice(["year", "month", "day", "dow", "epoch", "hour", "second", "isoyear"])
            if a.kind not in TIMES:
                return None
            cast = "::timestamp" if a.kind == "date" else ""
            return Term({"extract": [unit, a.at(False)]}, f"date_part('{unit}', {a.sql}{cast})::numeric"
                        if unit not in ("second", "epoch") else f"extract({unit} from {a.sql}{cast})::numeric", "numeric")
        a = self.value(NUMBERS, depth)
        if a.kind not in NUMBERS:
            return None
        if what == "cast":
            to = self.random.choice(["bigint", "integer", "numeric", "double"])
            kind = {"double": "float", "numeric": "numeric"}.get(to, "int")
            return Term({"cast": [a.at(False), to]}, f"({a.sql})::{'float8' if kind == 'float' else to}", kind)
        b = self.literal(a.kind) if self.chance(2) else self.value(NUMBERS, depth)
        if b.kind not in NUMBERS or (what == "modulo" and "float" in (a.kind, b.kind)):
            return None
        kind = "float" if "float" in (a.kind, b.kind) else "int" if (a.kind, b.kind) == ("int", "int") and what != "divide" else "numeric"
        sign = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/", "modulo": "%"}[what]
        x, y, of = f"({a.sql})::{SQL_TYPE[kind]}", f"({b.sql})::{SQL_TYPE[kind]}", SQL_TYPE[kind]
        if what in ("divide", "modulo"):
            return Term({what: [a.at(False), b.at(False)]}, f"(CASE {y} WHEN 0 THEN NULL ELSE {x} {sign} {y} END)::{of}", kind)
        return Term({what: [a.at(False), b.at(False)]}, f"({x} {sign} {y})", kind)

    def text(self, depth):
        what = self.random.choice(["lower", "upper", "trim", "cast"])
        a = self.value(["text"] if what != "cast" else ["text", "int", "numeric", "date", "uuid", "bool", "jsonb", "ts"], depth)
        if what == "cast":
            return Term({"cast": [a.at(False), "text"]}, f"({a.sql})::text", "text")
        if a.kind != "text":
            return None
        function = "btrim" if what == "trim" else what
        return Term({what: self.random.choice([a.at(False), [a.at(False)]])}, f"{function}(({a.sql})::text)", "text")

    def time(self, depth):
        a = self.value(TIMES, depth)
        if a.kind not in TIMES:
            return None
        if self.chance(2):
            to, kind = self.random.choice([("date", "date"), ("timestamp", "ts"), ("timestamptz", "tz")])
            return Term({"cast": [a.at(False), to]}, f"({a.sql})::{to}", kind)
        unit = self.random.choice(["year", "quarter", "month", "week", "day", "hour"])
        if a.kind == "tz":
            return Term({"date_trunc": [unit, a.at(False)]}, f"date_trunc('{unit}', {a.sql}, 'UTC')", "tz")
        return Term({"date_trunc": [unit, a.at(False)]}, f"date_trunc('{unit}', ({a.sql})::timestamp)", "ts")

    def coalesce(self, kinds, depth):
        a = self.value(kinds, depth)
        if a.kind not in VALUES:
            return None
        rest = [self.column([a.kind]) for _ in range(self.random.randrange(2))] + [self.literal(a.kind)]
        if any(term is None or term.kind != a.kind for term in rest):
            return None
        return Term({"coalesce": [term.at(False) for term in [a, *rest]]}, f"coalesce({', '.join(t.sql for t in [a, *rest])})", a.kind)

    def condition(self, depth, value=None):
        """value: what makes the compared ones."""
        value = value or self.value
        if depth > 0 and self.chance(2):
            what = self.random.choice(["and", "or", "not"])
            parts = [self.condition(depth - 1, value) for _ in range(1 if what == "not" else self.random.randrange(1, 4))]
            sql = f"(NOT {parts[0].sql})" if what == "not" else "(" + f" {what.upper()} ".join(part.sql for part in parts) + ")"
            said = [part.said for part in parts]
            return Term({what: said[0] if len(said) == 1 and self.chance(2) else said}, sql, "condition")
        a = value([*SQL_TYPE], depth)
        what = self.random.choice(["eq", "ne", "lt", "le", "gt", "ge", "in", "between", "isNull", "like", "ilike", "contains"])
        if what == "isNull":
            return Term({"isNull": a.at(False)}, f"(({a.sql}) IS NOT DISTINCT FROM NULL)", "condition")
        if what == "contains" and a.kind == "jsonb":
            held = self.random.choice([{"k": 1}, [1], {}, "x", 2, {"k": {"n": None}}, None])
            return Term({"contains": [a.at(False), held]}, f"({a.sql} @> {quote(json.dumps(held))}::jsonb)", "condition")
        if what in ("like", "ilike") and a.kind == "text":
            pattern = self.random.choice(["%", "x%", "%\\%%", "_", "%a\\_b%", "", "%Ö%", "%ö%", "v_"])
            return Term({what: [a.at(False), pattern]}, f"(({a.sql})::text {what.upper()} {quote(pattern)})", "condition")
        if a.kind not in VALUES:
            return self.condition(depth, value)
        if what == "in":
            items = [self.literal(a.kind) for _ in range(self.random.randrange(1, 4))]
            said = [item.said for item in items]
            sql = " OR ".join(f"({a.sql}) = {item.sql}" for item in items)
            return Term({"in": [a.at(False), said] if self.chance(2) else [a.at(False), *said]}, f"({sql})", "condition")
        if what == "between":
            low, high = self.literal(a.kind), self.literal(a.kind)
            return Term({"between": [a.at(False), low.said, high.said]}, f"(({a.sql}) >= {low.sql} AND ({a.sql}) <= {high.sql})", "condition")
        if what not in ("eq", "ne", "lt", "le", "gt", "ge"):
            what = "ge"
        sign = {"eq": "=", "ne": "<>", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}[what]
        if self.chance(3) and value == self.value:  # pylint: disable=comparison-with-callable
            alike = NUMBERS if a.kind in NUMBERS else TIMES if a.kind in TIMES else [a.kind]
            b = self.column(alike) or self.literal(a.kind)
            return Term({what: [a.at(False), b.at(True)]}, f"(({a.sql}) {sign} ({b.sql}))", "condition")
        b = self.literal(a.kind)
        if self.chance(5):
            return Term({what: [b.at(False), a.at(True)]}, f"({b.sql} {sign} ({a.sql}))", "condition")
        return Term({what: [a.at(False), b.said]}, f"(({a.sql}) {sign} {b.sql})", "condition")

    def aggregate(self, depth=1):
        what = self.random.choice(["count", "countAll", "countDistinct", "sum", "avg", "min", "max"])
        if what == "countAll":
            return Term({"count": self.random.choice([[], "*"])}, "count(*)", "int", aggregates=True)
        kinds = NUMBERS if what in ("sum", "avg") else ("text", *NUMBERS, *TIMES) if what in ("min", "max") else list(SQL_TYPE)
        a = self.value(kinds, depth)
        if a.kind not in kinds:
            return self.aggregate(depth)
        if what in ("count", "countDistinct"):
            sql = f"count({'DISTINCT ' if what == 'countDistinct' else ''}{a.sql})"
            return Term({what: a.at(False)}, sql, "int", aggregates=True)
        if what in ("sum", "avg"):
            of = "float8" if a.kind == "float" else "numeric"
            return Term({what: [a.at(False)]}, f"{what}(({a.sql})::{of})", "float" if a.kind == "float" else "numeric", aggregates=True)
        return Term({what: a.at(False)}, f"{what}({'(' + a.sql + ')::text' if a.kind == 'text' else a.sql})", a.kind, aggregates=True)

    # ---- the whole

    def make(self):
        grouped = self.chance(3)
        self.groups, having = [], None
        if grouped:
            self.groups = [self.value(list(SQL_TYPE), self.random.randrange(2)) for _ in range(self.random.randrange(3))]
            outputs = [t for t in self.groups if self.chance(2)] + [self.aggregate() for _ in range(self.random.randrange(1, 3))]
            if self.chance(3):
                having = self.condition(1, lambda kinds, depth: self.aggregate(0))
        else:
            outputs = [self.value(list(SQL_TYPE), self.random.randrange(3)) for _ in range(self.random.randrange(1, 5))]
        self.outputs = outputs
        select = []
        for i, term in enumerate(outputs):
            if term.is_column:
                select.append({"column": term.said, "as": f"o{i}"})
            else:
                select.append({"expr": term.said, "as": f"o{i}"})
        self.said = {"from": self.root, "select": select}
        where = self.condition(self.random.randrange(4)) if self.chance(2) else None
        if where:
            self.said["filter"] = where.said
        if self.groups:
            self.said["groupBy"] = [term.at(False) for term in self.groups]
        if having:
            self.said["having"] = having.said
        order = self.sort(outputs, grouped)
        key = "base.id" if not grouped else None
        tie = [key] if key else [term.sql for term in self.groups]
        sql = f"FROM base{f' WHERE {where.sql}' if where else ''}"
        if self.groups:
            sql += " GROUP BY " + ", ".join(term.sql for term in self.groups)
        if having:
            sql += f" HAVING {having.sql}"
        names = ", ".join(f"{spelled(term)} AS o{i}" for i, term in enumerate(outputs))
        everything = [*order, *tie]
        self.sql = f"{base(self.root)}SELECT {names} {sql}" + (f" ORDER BY {', '.join(everything)}" if everything else "")
        return self

    def sort(self, outputs, grouped):
        order, said = [], []
        for _ in range(self.random.randrange(3)):
            if self.chance(2):
                i = self.random.randrange(len(outputs))
                term, item = outputs[i], {"column": f"o{i}"}
            elif grouped:
                term = self.random.choice([*self.groups, self.aggregate()])
                item = {"column": term.said} if term.is_column else {"expr": term.said}
            else:
                term = self.value(list(SQL_TYPE), 1)
                item = {"column": term.said} if term.is_column else {"expr": term.said}
            direction, nulls = self.random.choice([None, "asc", "desc"]), self.random.choice([None, None, "first", "last"])
            item.update({name: word for name, word in (("direction", direction), ("nulls", nulls)) if word})
            said.append(item)
            order.append(term.sql + (" DESC" if direction == "desc" else "") + (f" NULLS {nulls.upper()}" if nulls else ""))
        if said:
            self.said["sort"] = said
        return order


def spelled(term):
    """As text that Python can compare with JSON."""
    if term.kind == "ts":
        return f"replace(({term.sql})::text, ' ', 'T')"
    if term.kind == "tz":
        return f"replace(replace(({term.sql})::text, ' ', 'T'), '+00', 'Z')"
    return term.sql if term.kind == "text" else f"({term.sql})::text"  # which would strip char(n)


def read(text, kind):
    if text is None:
        return None
    if kind in ("int", "numeric"):
        return decimal.Decimal(text)
    if kind == "float":
        return float(text) + 0.0  # -0 equals 0: which of them is the greatest is the plan's choice
    if kind == "bool":
        return text == "true"
    if kind == "jsonb":
        return json.dumps(json.loads(text), sort_keys=True)
    return text


def got_value(value, kind):
    if value is None and kind == "jsonb":
        return None
    if kind == "jsonb":
        return json.dumps(value, sort_keys=True, default=float)
    if kind == "float":
        return value if value is None else float(value) + 0.0
    if kind in ("int", "numeric") and value is not None:
        assert not isinstance(value, (bool, str))
        return decimal.Decimal(value)
    return value


@pytest.fixture(scope="module")
def site(fleet, postgres):
    postgres.execute(SQL.format(rows=ROWS))
    one = fleet.start(settings={"tables": TABLES, "cache": {"keep": 0}}, workers=(2, 1))
    yield one
    fleet.stop(one)
    postgres.execute("DROP SCHEMA rnd CASCADE")


@pytest.fixture
def judge(postgres):
    connection = postgres.connect()
    with connection.cursor() as cursor:
        cursor.execute("SET timezone = 'UTC'")
        yield cursor
    connection.close()


class Door:
    """One connection for all requests."""

    def __init__(self, site, token):
        self.connection, self.token = http.client.HTTPConnection("127.0.0.1", site.port, timeout=60), token

    def post(self, data, params=""):
        self.connection.request("POST", PATH + params, data if isinstance(data, bytes) else json.dumps(data).encode(),
                                {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"})
        answer = self.connection.getresponse()
        return answer.status, answer.read()


@pytest.fixture
def door(site, token):
    made = Door(site, token)
    yield made
    made.connection.close()


def rows_of(found, outputs):
    return [[got_value(row[f"o{i}"], term.kind) for i, term in enumerate(outputs)] for row in found]


def page(door, maker, **asked):
    status, body = door.post({**maker.said, "page": asked})
    assert status == 200, body
    return json.loads(body, parse_float=decimal.Decimal)


def check(door, judge, maker):
    judge.execute(maker.sql)
    want = [[read(text, term.kind) for text, term in zip(row, maker.outputs)] for row in judge.fetchall()]
    if any("jsonb" == term.kind for term in maker.outputs):
        want = [[None if value == "null" else value for value in row] for row in want]  # JSON's null reads as NULL
    whole = page(door, maker, limit=5000)
    assert rows_of(whole["rows"], maker.outputs) == want
    assert whole["totalRows"] == len(want) and whole["next"] is None
    limit = maker.random.choice([1, 3, 7, 20]) if len(want) < 20 else maker.random.choice([7, 20, 50])
    got, after = [], {}
    while True:
        one = page(door, maker, limit=limit, **after)
        got += rows_of(one["rows"], maker.outputs)
        assert one["totalRows"] == len(want)
        if not one["next"]:
            break
        after = {"after": one["next"]}
    assert got == want
    skipped = maker.random.randrange(len(want) + 2)
    assert rows_of(page(door, maker, limit=limit, offset=skipped)["rows"], maker.outputs) == want[skipped:skipped + limit]
    status, body = door.post(maker.said, "?format=ndjson")
    assert status == 200, body
    streamed = rows_of([json.loads(line, parse_float=decimal.Decimal) for line in body.splitlines()], maker.outputs)
    assert sorted(map(repr, streamed)) == sorted(map(repr, want))


def test_random_definitions(door, judge):
    for seed in range(SEED * 1000000, SEED * 1000000 + COUNT):
        maker = Maker(seed).make()
        try:
            check(door, judge, maker)
        except Exception as failure:
            raise AssertionError(f"seed {seed}: {json.dumps(maker.said, ensure_ascii=False)}\n{maker.sql}\n{failure}") from failure


# ---- junk

def places(node, path=()):
    yield path
    if isinstance(node, dict):
        for name in node:
            yield from places(node[name], (*path, name))
    elif isinstance(node, list):
        for i, item in enumerate(node):
            yield from places(item, (*path, i))


def junk(generator, definition):
    """One to three changes."""
    made = copy.deepcopy(definition)
    names = [*COLUMNS["a"], *ODD, "nothing", "owner", "owner.col", "owner.col.id.x", ".", "", "*"]
    operations = ["add", "divide", "lower", "length", "coalesce", "cast", "date_trunc", "extract", "count", "sum", "min", "and", "not",
                  "eq", "lt", "in", "between", "like", "isNull", "contains", "modulo", "avg", "countDistinct", "drop"]
    for _ in range(generator.randrange(1, 4)):
        path = generator.choice(list(places(made)))
        column = generator.choice(names)
        new = generator.choice([
            None, True, -1, 1e300, 99999999999999999999, "", "x", "\u0000", "\ud800", [], {}, [[]], column, {"column": column}, {"value": column},
            {"column": generator.choice(ODD)}, {generator.choice(operations): column}, {generator.choice(operations): [column, 1]},
            {generator.choice(operations): [column, generator.choice(["text", "year", "x", "1"])]},
            {generator.choice(operations): [generator.choice(ODD), generator.choice(["text", "1", "a", "{1}", "(1,2)"])]},
            {generator.choice(operations): [generator.choice(ODD), {"column": generator.choice(ODD)}]},
            {"cast": [column, generator.choice(["integer", "uuid", "boolean", "date", "text", "double", "timestamptz"])]},
            {generator.choice(["min", "max", "sum", "count", "countDistinct"]): generator.choice(ODD)}])
        if not path:
            continue
        parent = made
        try:
            for step in path[:-1]:
                parent = parent[step]
            if generator.randrange(6) == 0:
                del parent[path[-1]]
            else:
                parent[path[-1]] = new
        except (KeyError, IndexError, TypeError):
            continue
    return made


def test_junk_is_never_our_failure(door):
    counts = {}
    for seed in range(SEED * 1000000, SEED * 1000000 + 3 * COUNT):
        generator = random.Random(seed)
        definition = {**Maker(seed).make().said, "page": {"limit": 5}}
        made = junk(generator, definition)
        if generator.randrange(5) == 0 and isinstance(made, dict):
            made["validateOnly"] = True
        params = generator.choice(["", "", "?format=ndjson"])
        data = json.dumps(made).encode()
        if generator.randrange(20) == 0:
            data = data[:generator.randrange(len(data))]
        status, body = door.post(data, params)
        counts[status] = counts.get(status, 0) + 1
        assert status in (200, 400, 404, 413, 422), f"seed {seed}: {status} {data.decode()}\n{body[:500]}"
        if status >= 400:
            assert json.loads(body)["status"] == status
    assert counts.get(200, 0) > COUNT / 10 and counts[400] > COUNT / 2, counts


def test_odd_types_in_every_place(door):
    for column in ODD:
        for definition in (
                {"select": [column]}, {"select": [{"expr": {"cast": [column, "text"]}, "as": "x"}], "sort": ["x"]}, {"sort": [column]},
                {"select": [{"expr": {"count": column}, "as": "n"}]}, {"select": [{"expr": {"countDistinct": column}, "as": "n"}]},
                {"select": [{"expr": {"min": column}, "as": "n"}]}, {"select": [{"expr": {"max": column}, "as": "n"}]},
                {"select": [column, {"expr": {"count": []}, "as": "n"}], "groupBy": [column]}, {"filter": {"isNull": column}},
                {"filter": {"eq": [column, "x"]}}, {"filter": {"eq": [column, {"column": column}]}}, {"filter": {"in": [column, ["x", "1"]]}},
                {"filter": {"between": [column, "a", "b"]}}, {"filter": {"like": [column, "%"]}}, {"filter": {"contains": [column, {}]}},
                {"select": [{"expr": {"coalesce": [column, {"value": "x"}]}, "as": "c"}]}, {"filter": {"eq": [column, 1]}},
                {"select": [{"expr": {"cast": [column, "integer"]}, "as": "c"}]}, {"select": ["id"], "sort": ["ok", column]},
                {"select": [{"expr": {"sum": column}, "as": "c"}]}, {"filter": {"gt": [{"length": column}, 1]}}, {"filter": column and {"not": {"column": column}}}):
            for more, params in (({"page": {"limit": 5}}, ""), ({"validateOnly": True}, ""), ({}, "?format=parquet")):
                status, body = door.post({"from": "a", **definition, **more}, params)
                assert status in (200, 400, 422), (status, column, definition, body)
            status, body = door.post({"from": "a", **definition, "page": {"limit": 5}})
            token = json.loads(body).get("next") if status == 200 else None
            if token:
                status, body = door.post({"from": "a", **definition, "page": {"limit": 5, "after": token}})
                assert status == 200, (column, definition, body)

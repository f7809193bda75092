"""Queries on what a table rarely has: every type as a sort key whose pages add up, operations that a type has not, tables
that others inherit from."""

import itertools

import pytest

from harness import problem
from harness.query import ask, pages, rows

ROWS = 40
# A value each, by the row's number; what is not there is NULL.
TYPES = {
    "small": ("int2", "i % 3"),
    "big": ("int8", "(ARRAY[9223372036854775807, -9223372036854775808, NULL, 0])[1 + i % 4]"),
    "exact": ("numeric", "(ARRAY['NaN', 'Infinity', '-Infinity', NULL, '0.1', '1e300']::numeric[])[1 + i % 6]"),
    "single": ("real", "(ARRAY['NaN', 'Infinity', '-Infinity', NULL, '0.1', '-0']::real[])[1 + i % 6]"),
    "double": ("float8", "(ARRAY['NaN', 'Infinity', '-Infinity', NULL, '0.1', '5e-324', '-0']::float8[])[1 + i % 7]"),
    "word": ("text", r"(ARRAY[NULL, '', 'ä''\"\\', 'Z', E'a\n\tb'])[1 + i % 5]"),
    "padded": ("char(5)", "(ARRAY['a', 'a  ', NULL, 'b', ''])[1 + i % 5]"),
    "folded": ("text COLLATE odd.folded", "(ARRAY['A', 'a', 'B', NULL, 'b'])[1 + i % 5]"),
    "mood": ("odd.mood", "(ARRAY['sad', 'ok', 'happy', NULL]::odd.mood[])[1 + i % 4]"),
    "list": ("text[]", '''(ARRAY['{}', NULL, '{NULL,"a,b"}', '{x}'])[1 + i % 4]::text[]'''),
    "bits": ("bit(3)", "(i % 8)::bit(3)"),
    "net": ("inet", "('10.0.0.' || i % 4 || '/' || 24 + i % 2)::inet"),
    "cash": ("money", "(i % 3)::money"),
    "zoned": ("timetz", "(ARRAY['10:00+02', '08:00+00', '10:00-03', NULL]::timetz[])[1 + i % 4]"),
    "clock": ("time", "(ARRAY['10:00', '24:00', NULL]::time[])[1 + i % 3]"),
    "at": ("timestamp", "(ARRAY['2020-01-01', 'infinity', '-infinity', NULL, '4713-01-01 BC']::timestamp[])[1 + i % 5]"),
    "when": ("timestamptz", "(ARRAY['2020-01-01', 'infinity', '-infinity', NULL, '1880-01-01']::timestamptz[])[1 + i % 5]"),
    "day": ("date", "(ARRAY['2020-01-01', 'infinity', '-infinity', NULL, '4713-01-01 BC', '5874897-12-31']::date[])[1 + i % 6]"),
    "span": ("interval", "(ARRAY['1 mon', '30 days', '720:00:00', NULL, '-1 mon +1 day -00:00:01']::interval[])[1 + i % 5]"),
    "key": ("uuid", "CASE WHEN i % 3 > 0 THEN md5((i % 4)::text)::uuid END"),
    "doc": ("jsonb", """(ARRAY['{"a":1}', 'null', '[1,2]', NULL, '1e100']::jsonb[])[1 + i % 5]"""),
    "raw": ("bytea", r"(ARRAY['\x00ff', '\x', NULL, '\x5c27']::bytea[])[1 + i % 4]"),
    "flag": ("bool", "(ARRAY[true, false, NULL])[1 + i % 3]"),
    "letter": ('"char"', """(ARRAY['a', '', NULL]::"char"[])[1 + i % 3]"""),
    "range": ("int4range", "int4range(i % 3, 5)"),
    "pair": ("odd.pair", "(ARRAY[ROW(1, NULL), ROW(2, 'b'), ROW(NULL, NULL), NULL]::odd.pair[])[1 + i % 4]"),
    "tags": ("odd.hstore", "(ARRAY['a=>1', 'b=>NULL, a=>2', '', NULL]::odd.hstore[])[1 + i % 4]"),
    "tag_list": ("odd.hstore[]", """(ARRAY['{a=>1}', '{"b=>2","a=>3"}', NULL])[1 + i % 3]::odd.hstore[]"""),
    "distant": ("odd.citext", "(ARRAY['a', 'B', 'c', 'A', NULL, 'b'])[1 + i % 6]"),
    "point": ("point", "point(i, 2)"),
}
UNSORTED = ("point",)

SQL = """
CREATE SCHEMA odd;
CREATE COLLATION odd.folded (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE EXTENSION IF NOT EXISTS hstore;
CREATE EXTENSION IF NOT EXISTS citext;
ALTER EXTENSION hstore SET SCHEMA odd;
ALTER EXTENSION citext SET SCHEMA odd;
CREATE TYPE odd.mood AS ENUM ('sad', 'ok', 'happy');
CREATE TYPE odd.pair AS (a int, b text);
CREATE TABLE odd.types (id int PRIMARY KEY, {columns});
INSERT INTO odd.types SELECT i, {values} FROM generate_series(1, {rows}) i;
CREATE TABLE odd.parent (id int PRIMARY KEY, grp int);
CREATE TABLE odd.child () INHERITS (odd.parent);
INSERT INTO odd.parent SELECT i, i % 3 FROM generate_series(1, 20) i;
INSERT INTO odd.child SELECT i, i % 3 FROM generate_series(1, 20) i;
CREATE TABLE odd.wide ({wide}, PRIMARY KEY (a0));
INSERT INTO odd.wide (a0) VALUES (1), (2);
GRANT USAGE ON SCHEMA odd TO sluice;
GRANT SELECT ON ALL TABLES IN SCHEMA odd TO sluice;
"""


@pytest.fixture(scope="module")
def site(fleet, postgres):
    postgres.execute(SQL.format(columns=", ".join(f'"{name}" {kind}' for name, (kind, _) in TYPES.items()),
                                values=", ".join(value for _, value in TYPES.values()), rows=ROWS,
                                wide=", ".join(f"a{i} int" for i in range(1600))))
    one = fleet.start(settings={"tables": {"types": {"name": "odd.types"}, "parent": {"name": "odd.parent"},
                                           "wide": {"name": "odd.wide"}}}, workers=(1, 1))
    yield one
    fleet.stop(one)
    for name in ("hstore", "citext"):
        postgres.execute(f"ALTER EXTENSION {name} SET SCHEMA public")
    postgres.execute("DROP SCHEMA odd CASCADE")


@pytest.mark.parametrize("more", [{"select": ["id"]}, {}], ids=["hidden", "shown"])
@pytest.mark.parametrize("name", sorted(set(TYPES) - set(UNSORTED)))
def test_pages_by_a_column_of_any_type_have_every_row_once(site, postgres, token, name, more):
    for direction, nulls in (("asc", "last"), ("asc", "first"), ("desc", "last"), ("desc", "first")):
        sort = [{"column": name, "direction": direction, "nulls": nulls}]
        got = [row["id"] for page in pages(site, token, {"from": "types", "sort": sort, **more}, 13) for row in page["rows"]]
        assert got == [id for id, in postgres.execute(
            f'SELECT id FROM odd.types ORDER BY "{name}" {direction} NULLS {nulls}, id')]


@pytest.mark.parametrize("limit", [1, 7])
def test_pages_that_begin_among_nulls_of_a_composite(site, postgres, token, limit):
    """Of which IS NULL and IS NOT NULL say something else."""
    for direction, nulls in (("asc", "last"), ("asc", "first"), ("desc", "last"), ("desc", "first")):
        definition = {"from": "types", "select": ["id"], "sort": [{"column": "pair", "direction": direction, "nulls": nulls}]}
        some = itertools.islice(pages(site, token, definition, limit), ROWS + 1)  # wrong ones need have no end
        got = [row["id"] for page in some for row in page["rows"]]
        assert got == [id for id, in postgres.execute(f"SELECT id FROM odd.types ORDER BY pair {direction} NULLS {nulls}, id")]


def test_pages_by_what_is_made_of_an_extensions_type(site, postgres, token):
    definition = {"from": "types", "select": ["id"], "sort": [{"expr": {"coalesce": ["distant", "distant"]}}]}
    got = [row["id"] for page in pages(site, token, definition, 7) for row in page["rows"]]
    assert got == [id for id, in postgres.execute("SELECT id FROM odd.types ORDER BY distant, id")]


@pytest.mark.parametrize("name", sorted(set(TYPES) - set(UNSORTED)))
def test_pages_of_groups_have_every_row(site, token, name):
    definition = {"from": "types", "select": [{"column": name, "as": "of"}, {"expr": {"count": []}, "as": "n"}],
                  "groupBy": [name]}
    assert sum(row["n"] for page in pages(site, token, definition, 2) for row in page["rows"]) == ROWS


@pytest.mark.parametrize("definition", [
    {"sort": ["point"]},
    {"filter": {"eq": ["pair", "(1,)"]}},
    {"filter": {"like": ["folded", "a%"]}},
    {"select": [{"expr": {"cast": ["double", "timestamp"]}}]},
    {"select": [{"expr": {"coalesce": ["mood", "net"]}}]},
    {"filter": {"eq": ["mood", {"column": "net"}]}},
    {"select": [{"expr": {"max": "pair"}}]},
], ids=str)
def test_what_a_type_cannot_do_is_the_definitions_fault(site, token, definition):
    problem.check(ask(site, token, {"from": "types", "page": {"limit": 5}, **definition}), 422)


def test_more_columns_than_the_database_can_send_are_refused(site, token):
    definition = {"from": "wide", "page": {"limit": 5}}
    assert len(rows(site, token, definition)[0]) == 1600
    names = [f"a{i}" for i in range(1000)]
    problem.check(ask(site, token, {**definition, "select": [{"column": name, "as": f"x{name}"} for name in names],
                                    "sort": [{"expr": {"add": [name, 1]}} for name in names]}), 422)


def test_a_table_that_others_inherit_from(site, token):
    for sort in ([], ["id"], ["grp"]):
        got = [row["id"] for page in pages(site, token, {"from": "parent", "sort": sort}, 3) for row in page["rows"]]
        assert sorted(got) == sorted([*range(1, 21), *range(1, 21)])

"""Whatever a caller writes, where a name, a value, a word or a key may stand, is data: PostgreSQL's own log says which
statements it was sent, and none of them holds a piece of it. What can be answered has the rows that PostgreSQL gives
for bound parameters; all else is refused; nothing is changed."""

import csv
import http.client
import io
import itertools
import json
import os
import re
import urllib.parse

import psycopg2
import pytest

from harness import checks, process
from harness.postgres import Postgres

MARK = "zq7Mark"

PAYLOADS = [
    "'", "''", '"', '""', "`", "\\", "\\\\", "\\'", '\\"', "';",
    "'; DROP TABLE canary; --", '"; DROP TABLE canary; --',
    "'); DELETE FROM canary; --", "' OR '1'='1", "') OR 1=1 --", "\" OR \"\"=\"", "' UNION SELECT secret FROM unlisted --",
    "--", "-- \n", "/*", "*/", "/* x */", "#", "$$", "$x$ y $x$", "$1", "$1::text", "$999", ":name", "?",
    "%s", "%(x)s", "%n%n", "%", "_", "{0}", "${x}", "E'\\''", "U&'\\0027'", "x'27'", "chr(39)", "pg_sleep(10)",
    "(SELECT 1)", "1;SELECT 1", "NULL",
    "\n; SELECT 1", "\r\nX-Injected: 1", "\t", "\x01\x1f\x7f", "\u0085", "\u2028\u2029", "\ufeff",
    "\u2019", "\u02bc", "\uff07", "\uff02", "\u02ba", "\u0437\u0430", "\u202e' OR 1=1", "\u2066\u2069\u200f",
    "e\u0301", "\u00e9", "\u0130\u0131\u00df\ufb01",
    "\U0001f600", "\U0010ffff", "\uffff", "a.b", "a,b", "a:b", "x" * 40, "}", "{\"a\":1}", "]", "",
]
HOSTILE = [text + MARK + text for text in PAYLOADS]



def some(cases, case, parts):
    """A share of the hostile texts, another one for each case in turn: all of them, over `parts` cases."""
    return HOSTILE[list(cases).index(case) % parts::parts]


# Columns whose names are hostile themselves; they are in the catalog, and so may be asked for.
ODD_COLUMNS = ['x\'; DROP TABLE canary; --', 'a"b', "$1", "%s", "select", "back\\slash", "\u202eodd", "a.b", "sp ace",
               "count", "*"]

SQL = """
CREATE TABLE canary (id int PRIMARY KEY, secret text);
INSERT INTO canary SELECT i, md5(i::text) FROM generate_series(1, 100) i;
ALTER TABLE canary OWNER TO sluice;
CREATE TABLE target (id int PRIMARY KEY, name text, doc jsonb, amount numeric, born date, owner_id int, {odd});
CREATE TABLE people (id int PRIMARY KEY, email text);
INSERT INTO people VALUES (1, 'one@example.com'), (2, 'two@example.com');
GRANT SELECT ON target, people TO sluice;
"""

STATE = """SELECT (SELECT md5(string_agg(canary::text, ',' ORDER BY id)) FROM canary),
    (SELECT md5(string_agg(relname || relkind::text || relowner || coalesce(relacl::text, ''), ',' ORDER BY oid))
        FROM pg_class WHERE relnamespace = 'public'::regnamespace),
    (SELECT string_agg(rolname || rolsuper, ',' ORDER BY 1) FROM pg_roles), (SELECT count(*) FROM target)"""

LOG_SETTINGS = """
log_destination = 'jsonlog'
logging_collector = on
log_directory = 'log'
log_filename = 'statements'
log_rotation_age = 0
log_rotation_size = 0
log_statement = all
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
"""


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def plain(statement):
    """Without what differs from one time to the next."""
    statement = re.sub("'sluice/[0-9a-f-]{36}'", "'sluice/ID'", statement)
    return re.sub(r"statement_timeout = \d+;", "statement_timeout = N;", statement)


class StatementLog:
    """What PostgreSQL was sent in the name of `sluice`, without the values that were bound, and without the line that the
    audit owes of every request."""

    def __init__(self, postgres):
        self.postgres, self.path = postgres, os.path.join(postgres.data, "log", "statements.json")
        self.numbers = itertools.count()

    def here(self):
        """The end, once it holds all that was sent before: Sluice's workers note what they have sent when the answer has
        been read, and the server's own collector writes the log when it comes to it."""
        checks.check_sessions(self.postgres, 100)
        word = f"so far {next(self.numbers)}.".encode()
        self.postgres.execute(f"SELECT '{word.decode()}'")
        found = []

        def is_there():
            offset = max(0, os.path.getsize(self.path) - 100000)
            data = self._read(offset)
            end = data.find(b"\n", data.find(word)) + 1 if word in data else 0
            found[:] = [offset + end] if end else []
            return found
        process.wait_until(is_there, "the log")
        return found[0]

    def _read(self, offset):
        with open(self.path, "rb") as f:
            f.seek(offset)
            return f.read()

    def since(self, offset, judges=False):
        """judges: what the tests sent by themselves, and nothing else."""
        found = set()
        self.here()
        for line in self._read(offset).decode(errors="replace").split("\n")[:-1]:
            said = json.loads(line)
            if said.get("user") != "sluice" or (said.get("application_name") == "judge") != judges:
                continue
            text = re.fullmatch(r"(?:statement|execute [^:]*): (.*)", said["message"], re.DOTALL)
            texts = [text[1]] if text else [said["statement"]] if "statement" in said else []  # of one that failed
            found |= {plain(one) for one in texts}
        return {one for one in found if not re.fullmatch(r"SELECT sluice\.audit_append\([$0-9, ]+\)", one)}


def of_rows(statements):
    """Those that read the rows."""
    found = {one for one in statements if '"target"' in one}
    assert found
    return found


def foreign(statement):
    """The statement, when it has anything that is neither SQL as Sluice makes it of a query nor a name from the catalog,
    quoted as it must be."""
    for name in [*ODD_COLUMNS, "id", "name", "doc", "amount", "born", "owner_id", "email", "target", "people", "public"]:
        statement = statement.replace(quoted(name), "NAME")
    return [] if MARK not in statement and not re.search(r"--|/\*|\\|;\s*\S|[^\x20-\x7e\n\t]|canary|DROP", statement) \
        else [statement]


class Asker:
    """Requests as bytes say, by one connection: a client of its own would mend some of them."""

    def __init__(self, site, token):
        self.site, self.headers = site, {"Authorization": f"Bearer {token}"}

    def send(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.site.port, timeout=60)
        try:
            connection.request(method, path, body, {**self.headers, **(headers or {})})
            answer = connection.getresponse()
            return answer.status, answer.read(), answer.headers
        finally:
            connection.close()

    def post(self, definition, ascii_only=True, headers=None):
        if not isinstance(definition, bytes):
            definition = json.dumps(definition, ensure_ascii=ascii_only).encode()
        return self.send("POST", "/api/v1/query", definition, {"Content-Type": "application/json", **(headers or {})})

    def get(self, definition):
        return self.send("GET", "/api/v1/query?q=" + urllib.parse.quote(json.dumps(definition)))

    def url(self, table="target", **params):
        pairs = "&".join(f"{urllib.parse.quote(n, safe='')}={urllib.parse.quote(v, safe='')}" for n, v in params.items())
        return self.send("GET", f"/api/v1/tables/{table}/rows.ndjson?{pairs}")


@pytest.fixture(scope="module")
def own_postgres(top):
    path = os.path.join(top, "pg-injection")
    os.mkdir(path)
    server = Postgres(path, 10, LOG_SETTINGS)
    server.execute(SQL.format(odd=", ".join(f"{quoted(name)} text" for name in ODD_COLUMNS)))
    connection = server.connect()
    with connection.cursor() as cursor:
        places = ", ".join(["%s"] * (6 + len(ODD_COLUMNS)))
        for i, text in enumerate([*HOSTILE, *PAYLOADS, "plain", "other"]):
            cursor.execute(f"INSERT INTO target VALUES ({places})",
                           (i, text, json.dumps({"k": text}), i / 4, "2024-01-01", 1 + i % 2, *[text] * len(ODD_COLUMNS)))
    connection.close()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def own_fleet(fleet, top, prefix, own_postgres, issuer):
    made = type(fleet)(top, prefix, own_postgres, issuer)
    made.numbers = fleet.numbers
    yield made
    for site in list(made.live):
        made.stop(site)


@pytest.fixture(scope="module")
def asker(own_fleet, issuer):
    site = own_fleet.start(settings={"tables": {
        "target": {"name": "public.target", "joins": ["owner:owner_id:people"], "filters": ["least:name:ge", "any_of:name:in"]},
        "people": {"name": "public.people"}}})
    return Asker(site, issuer.token())


@pytest.fixture(scope="module")
def log(own_postgres):
    return StatementLog(own_postgres)


@pytest.fixture(scope="module")
def constant(asker, log):
    """The statements of connections, of the catalog and the like, which are the same whatever is asked."""
    for _ in range(4):  # by both workers, and what is done only once
        assert asker.post(definition(filter={"eq": ["name", "x"]}))[0] == 200
        assert asker.url(limit="1", id="1")[0] == 200
    return log.since(0)


@pytest.fixture(autouse=True)
def statements_are_ours(own_postgres, log, constant):
    """Of every test: what reached the server had nothing of the caller's in it, and changed nothing."""
    state, offset = own_postgres.execute(STATE), log.here()
    yield
    assert own_postgres.execute(STATE) == state
    wrong = [one for statement in log.since(offset) - constant for one in foreign(statement)]
    assert not wrong, wrong[:3]


def is_refusal(answer):
    status, body, headers = answer
    return status in (400, 404, 422) and headers["content-type"] == "application/problem+json" and \
        json.loads(body)["status"] == status and "x-injected" not in headers


def definition(**members):
    return {"from": "target", "select": ["id"], "sort": ["id"], "page": {"limit": 1000}, **members}


def want(postgres, sql, *params):
    connection = postgres.connect()
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT id FROM target WHERE {sql} ORDER BY id", params)
            return [row[0] for row in cursor.fetchall()]
    finally:
        connection.close()


def ids(answer):
    status, body, _ = answer
    assert status == 200, body
    return [row["id"] for row in json.loads(body)["rows"]]


def ids_of_stream(answer):
    status, body, _ = answer
    assert status == 200, body
    return [json.loads(line)["id"] for line in body.decode().split("\n") if line]


# ---- values

VALUES = {
    "eq": (lambda t: {"eq": ["name", t]}, "name = %s", 1),
    "ne": (lambda t: {"ne": ["name", t]}, "name <> %s", 1),
    "lt": (lambda t: {"lt": ["name", t]}, "name < %s", 1),
    "le": (lambda t: {"le": ["name", t]}, "name <= %s", 1),
    "gt": (lambda t: {"gt": ["name", t]}, "name > %s", 1),
    "ge": (lambda t: {"ge": ["name", t]}, "name >= %s", 1),
    "in": (lambda t: {"in": ["name", [t, "plain"]]}, "name IN (%s, 'plain')", 1),
    "in_rest": (lambda t: {"in": ["name", "plain", t]}, "name IN (%s, 'plain')", 1),
    "between": (lambda t: {"between": ["name", t, "zzzz"]}, "name BETWEEN %s AND 'zzzz'", 1),
    "like": (lambda t: {"like": ["name", t]}, "name LIKE %s", 1),
    "ilike": (lambda t: {"ilike": ["name", {"value": t}]}, "name ILIKE %s", 1),
    "contains": (lambda t: {"contains": ["doc", {"k": t}]}, "doc @> jsonb_build_object('k', %s::text)", 1),
    "contains_key": (lambda t: {"contains": ["doc", {t: 1}]}, "doc @> jsonb_build_object(%s::text, 1)", 1),
    "not_or": (lambda t: {"not": {"or": [{"eq": ["name", t]}, {"isNull": "name"}]}}, "NOT (name = %s OR name IS NULL)", 1),
    "coalesce": (lambda t: {"eq": [{"coalesce": ["name", {"value": t}]}, t]}, "coalesce(name, %s) = %s", 2),
    "lower": (lambda t: {"eq": [{"lower": "name"}, {"lower": {"value": t}}]}, "lower(name) = lower(%s)", 1),
    "odd_column": (lambda t: {"eq": [ODD_COLUMNS[0], t]}, quoted(ODD_COLUMNS[0]).replace("%", "%%") + " = %s", 1),
}


@pytest.mark.parametrize("name", VALUES)
def test_values_are_bound(asker, own_postgres, log, name):
    make, sql, n = VALUES[name]
    offset = log.here()
    ids(asker.post(definition(filter=make(MARK + "benign"))))
    usual, offset = of_rows(log.since(offset)), log.here()
    matched = 0
    for i, text in enumerate(HOSTILE if name in ("eq", "in", "contains") else some(VALUES, name, 3)):
        answer = asker.get(definition(filter=make(text))) if i % 3 == 0 else \
            asker.post(definition(filter=make(text)), ascii_only=i % 3 == 1)
        if name in ("like", "ilike") and text.endswith("\\") and not text.endswith("\\\\"):
            assert is_refusal(answer), text
            continue
        rows = ids(answer)
        assert rows == want(own_postgres, sql, *[text] * n), text
        matched += len(rows)
    assert matched or name == "contains_key"
    assert of_rows(log.since(offset)) == usual  # not one statement more than for a value that wants nothing


def test_a_value_comes_back_as_it_is(asker):
    for text in HOSTILE:
        status, body, _ = asker.post(definition(select=[{"expr": {"value": text}, "as": "v"}], sort=[], page={"limit": 1}))
        assert status == 200 and json.loads(body)["rows"] == [{"v": text}], text


def test_values_are_bound_where_rows_are_counted(asker, own_postgres):
    """The count has the filter's values alone; of groups also those of the outputs, but not those of the order."""
    for text in HOSTILE[::8]:
        order = [{"expr": {"coalesce": ["name", {"value": text + "s"}]}}, "id"]
        output = {"expr": {"coalesce": ["name", {"value": text + "o"}]}, "as": "o"}
        status, body, _ = asker.post(definition(select=["id", output], filter={"ne": ["name", text]}, sort=order))
        rows = own_postgres.execute("SELECT id, name FROM target ORDER BY name, id")
        assert status == 200 and json.loads(body)["totalRows"] == len(rows) - 1, body
        assert [tuple(row.values()) for row in json.loads(body)["rows"]] == [row for row in rows if row[1] != text]
        output = {"expr": {"max": {"coalesce": ["name", {"value": text}]}}, "as": "m"}
        status, body, _ = asker.post({"from": "target", "select": [output],
                                      "groupBy": ["owner_id"], "having": {"ne": [{"min": "name"}, text + "h"]},
                                      "sort": [{"expr": {"coalesce": [{"min": "name"}, {"value": text + "s"}]}}],
                                      "filter": {"ge": ["name", ""]}, "page": {"limit": 1}})
        assert status == 200 and json.loads(body)["totalRows"] == 2, body


def test_values_of_other_types_are_refused(asker, own_postgres):
    for i, text in enumerate(HOSTILE):
        column = ("amount", "born", "id")[i % 3]
        answer = asker.post(definition(filter={"eq": [column, text]}))
        assert is_refusal(answer), (column, text, answer[:2])
    assert ids(asker.post(definition(filter={"lt": ["amount", "1.5"]}))) == want(own_postgres, "amount < 1.5")


def test_having_and_tokens(asker):
    groups = {"from": "target", "select": ["owner_id", {"expr": {"count": "*"}, "as": "n"}], "groupBy": ["owner_id"],
              "sort": ["owner_id"], "page": {"limit": 1}}
    for text in HOSTILE:
        status, body, _ = asker.post({**groups, "having": {"ne": [{"max": "name"}, text]}})
        assert status == 200 and len(json.loads(body)["rows"]) == 1, text
        assert is_refusal(asker.post({**groups, "page": {"limit": 1, "after": text}})), text


# ---- pages: what was last seen goes into the next statement

def test_pages_go_on_behind_hostile_values(asker, own_postgres):
    query = {"from": "target", "select": ["id", "name"], "sort": [{"column": "name", "direction": "desc"}]}
    got, page = [], {"limit": 7}
    while page:
        status, body, _ = asker.post({**query, "page": page})
        assert status == 200, body
        said = json.loads(body)
        got += [row["id"] for row in said["rows"]]
        page = {"limit": 7, "after": said["next"]} if said["next"] else None
    assert got == [row[0] for row in own_postgres.execute("SELECT id FROM target ORDER BY name DESC, id")]


# ---- names and words

NAMES = {
    "from": lambda t: definition(**{"from": t}),
    "select": lambda t: definition(select=[t]),
    "select_column": lambda t: definition(select=[{"column": t}]),
    "select_expr": lambda t: definition(select=[{"expr": {"lower": t}}]),
    "select_join": lambda t: definition(select=["owner." + t]),
    "select_through": lambda t: definition(select=[t + ".email"]),
    "filter": lambda t: definition(filter={"eq": [t, 1]}),
    "filter_column": lambda t: definition(filter={"eq": ["name", {"column": t}]}),
    "is_null": lambda t: definition(filter={"isNull": t}),
    "group": lambda t: definition(groupBy=[t], sort=[]),
    "aggregate": lambda t: definition(select=[{"expr": {"max": t}}], sort=[]),
    "sort": lambda t: definition(sort=[t]),
    "sort_column": lambda t: definition(sort=[{"column": t, "direction": "desc"}]),
    "sort_expr": lambda t: definition(sort=[{"expr": {"lower": t}}]),
    "direction": lambda t: definition(sort=[{"column": "id", "direction": t}]),
    "direction_more": lambda t: definition(sort=[{"column": "id", "direction": "asc" + t}]),
    "nulls": lambda t: definition(sort=[{"column": "id", "nulls": t}]),
    "cast": lambda t: definition(select=[{"expr": {"cast": ["id", t]}}]),
    "cast_more": lambda t: definition(select=[{"expr": {"cast": ["id", "text" + t]}}]),
    "date_trunc": lambda t: definition(select=[{"expr": {"date_trunc": [t, "born"]}}]),
    "extract": lambda t: definition(select=[{"expr": {"extract": ["year" + t, "born"]}}]),
    "operation": lambda t: definition(filter={t: ["name", 1]}),
    "operation_more": lambda t: definition(filter={"eq" + t: ["name", 1]}),
    "member": lambda t: definition(**{t: 1}),
    "page_member": lambda t: definition(page={"limit": 1, t: 1}),
    "output_member": lambda t: definition(select=[{"column": "id", t: "x"}]),
    "count": lambda t: definition(count=t),
    "limit": lambda t: definition(page={"limit": t}),
    "offset": lambda t: definition(page={"limit": 1, "offset": "1" + t}),
    "validate_only": lambda t: definition(validateOnly=t),
}


@pytest.mark.parametrize("name", NAMES)
def test_names_that_are_none_are_refused(asker, log, name):
    offset = log.here()
    for i, text in enumerate(some(NAMES, name, 4)):
        answer = asker.get(NAMES[name](text)) if i % 3 == 0 else asker.post(NAMES[name](text), ascii_only=i % 3 == 1)
        assert is_refusal(answer), (text, answer[:2])
    assert all(MARK not in statement for statement in log.since(offset))


@pytest.mark.parametrize("name", ["members", "words", "names"])
def test_look_alikes_are_other_names(asker, name):
    """Full width, Cyrillic, other cases, marks that are not seen: none of them is the name."""
    alike = {
        "members": [definition(**{key: []}) for key in ("\u0455elect", "SELECT", "select\u200b", "sel\u0435ct", "group_by")],
        "words": [definition(select=[{"expr": {"cast": ["id", word]}}])
                  for word in ("TEXT", "t\u0435xt", "text ", "\uff54ext", "text[]", "text;", "regclass", "pg_catalog.text")],
        "names": [definition(select=[column], sort=[])
                  for column in ("NAME", "n\u0430me", "name ", "name\u200b", '"name"', "target.\"name\"", "public.target.name",
                                 "ctid", "xmin", "tableoid", "t0.c0", "o0", "1")],
    }[name]
    for one in alike:
        assert is_refusal(asker.post(one)), one


def test_odd_columns_can_be_asked_for(asker, own_postgres):
    """Those of the catalog, which are quoted; with the very values of the table."""
    for column in ODD_COLUMNS:
        status, body, _ = asker.post({"from": "target", "select": ["id", column],
                                      "filter": {"ne": [{"column": column}, "plain"]}, "sort": [column, "id"], "page": {"limit": 1000}})
        assert status == 200, (column, body)
        got = [tuple(row.values()) for row in json.loads(body)["rows"]]
        name = quoted(column)
        assert got == own_postgres.execute(f"SELECT id, {name} FROM target WHERE {name} <> 'plain' ORDER BY {name}, id"), column


def test_outputs_may_have_any_name(asker, own_postgres):
    """It is not even part of the statement, and arrives whole."""
    rows = own_postgres.execute("SELECT name FROM target ORDER BY name DESC LIMIT 3")
    for text in HOSTILE:
        name = text if len(text.encode()) <= 63 else text[:10] + MARK
        query = {"from": "target", "select": [{"column": "name", "as": name}],
                 "sort": [{"column": name, "direction": "desc"}], "page": {"limit": 3}}
        status, body, _ = asker.post(query)
        assert status == 200, (text, body)
        said = json.loads(body)
        assert said["rows"] == [{name: row[0]} for row in rows] and said["columns"][0]["name"] == name
        status, body, headers = asker.post(query, headers={"Accept": "text/csv"})
        assert status == 200 and "x-injected" not in headers
        assert next(csv.reader(io.StringIO(body.decode(), newline=""))) == [name], text
    assert is_refusal(asker.post(definition(select=[{"column": "name", "as": MARK + "x" * 57}])))


# ---- what is no text at all

BROKEN = [b"\xc0\xa7", b"\xe0\x80\xa7", b"\xf0\x80\x80\xa7", b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xf4\x90\x80\x80",
          b"\xff", b"\xfe", b"\x80", b"\xc3", b"\x00", b"\\u0000", b"\\ud800", b"\\udc00", b"\\udc00\\ud800", b"\\ud83d",
          b"\\u00g0", b"\\x27", b"\\'", b"\n"]


def test_broken_texts_are_refused_everywhere(asker, log):
    offset = log.here()
    for broken in BROKEN:
        text = MARK.encode() + broken
        for body in (b'{"from":"%s","page":{"limit":1}}', b'{"from":"target","select":["%s"],"page":{"limit":1}}',
                     b'{"from":"target","filter":{"eq":["name","%s"]},"page":{"limit":1}}',
                     b'{"from":"target","filter":{"contains":["doc",{"%s":1}]},"page":{"limit":1}}',
                     b'{"from":"target","%s":1,"page":{"limit":1}}',
                     b'{"from":"target","select":[{"column":"id","as":"%s"}],"page":{"limit":1}}'):
            answer = asker.post(body.replace(b"%s", text))
            assert is_refusal(answer), (body, broken, answer[:2])
    assert not log.since(offset)  # refused before the database heard of it


def test_two_members_of_one_name_are_refused(asker, log):
    offset = log.here()
    for body in (b'{"from":"target","from":"canary","page":{"limit":1}}',
                 b'{"from":"target","\\u0066rom":"canary","page":{"limit":1}}',
                 b'{"from":"target","filter":{"eq":["id",1],"eq":["id",2]},"page":{"limit":1}}',
                 b'{"from":"target","page":{"limit":1,"limit":2}}'):
        assert is_refusal(asker.post(body)), body
    assert not log.since(offset)


# ---- the URL

FILTERS = {
    "plain": ("name", "eq.{}", "name = %s"),
    "ne": ("name", "ne.{}", "name <> %s"),
    "gte": ("name", "gte.{}", "name >= %s"),
    "lt": ("name", "lt.{}", "name < %s"),
    "like": ("name", "like.{}", "name LIKE %s"),
    "ilike": ("name", "ilike.{}", "name ILIKE %s"),
    "in": ("name", 'in."{}",plain', "name IN (%s, 'plain')"),
    "between": ("name", 'between."{}",zzzz', "name BETWEEN %s AND 'zzzz'"),
    "declared": ("least", "{}", "name >= %s"),
    "declared_in": ("any_of", '"{}"', "name = %s"),
    "odd_column": (ODD_COLUMNS[0], "eq.{}", quoted(ODD_COLUMNS[0]) + " = %s"),
    "joined": ("owner.email", "ne.{}", "owner_id IS NOT NULL OR name = %s"),
}


@pytest.mark.parametrize("name", FILTERS)
def test_filters_of_a_url_are_bound(asker, own_postgres, log, name):
    column, value, sql = FILTERS[name]
    offset = log.here()
    ids_of_stream(asker.url(**{column: value.format(MARK + "benign"), "order": "id"}))
    usual, offset = of_rows(log.since(offset)), log.here()
    matched = 0
    for text in HOSTILE if name in ("plain", "in") else some(FILTERS, name, 3):
        inner = text.replace('"', '""') if '"' in value else text
        answer = asker.url(**{column: value.format(inner), "order": "id"})
        if name in ("like", "ilike") and text.endswith("\\") and not text.endswith("\\\\"):
            assert is_refusal(answer), text
            continue
        rows = ids_of_stream(answer)
        assert rows == want(own_postgres, sql, text), text
        matched += len(rows)
    assert matched
    assert of_rows(log.since(offset)) == usual


URL_NAMES = ("name", "order", "order_suffix", "order_quoted", "columns", "table", "operator", "join")


@pytest.mark.parametrize("where", URL_NAMES)
def test_names_of_a_url_that_are_none_are_refused(asker, log, where):
    offset = log.here()
    for text in some(URL_NAMES, where, 3):
        if where == "table":
            answer = asker.url(urllib.parse.quote(text, safe=""), limit="1")
        else:
            answer = asker.url(**{
                "name": {text: "1"}, "order": {"order": text}, "order_suffix": {"order": "id.desc" + text},
                "order_quoted": {"order": quoted(text) + ".desc"}, "columns": {"columns": quoted(text)},
                "operator": {"id": text + ".1"}, "join": {text + ".email": "x"}}[where])
        assert is_refusal(answer), (text, answer[:2])
    assert all(MARK not in statement for statement in log.since(offset))


def test_odd_columns_sort_a_url(asker, own_postgres):
    for column in ODD_COLUMNS:
        got = ids_of_stream(asker.url(order=f"{quoted(column)}.desc,id"))
        assert got == [row[0] for row in own_postgres.execute(f"SELECT id FROM target ORDER BY {quoted(column)} DESC, id")]


def test_a_url_that_is_no_text_is_refused(asker, log):
    offset = log.here()
    for broken in ("%00", "%C0%A7", "%ED%A0%80", "%FF", "%", "%2", "%GG", "%F4%90%80%80", "%C3"):
        for path in ("/api/v1/tables/target/rows.ndjson?name={}", "/api/v1/tables/target/rows.ndjson?{}=1",
                     "/api/v1/tables/target/rows.ndjson?order={}", "/api/v1/query?q={}"):
            answer = asker.send("GET", path.format(MARK + broken))
            assert is_refusal(answer), (path, broken, answer[:2])
    assert not log.since(offset)


# ---- the judge

@pytest.mark.parametrize("sql", ["SELECT 'it is {}'", "SELECT 1 /* {} */", "SELEC {}", "SELECT 1 AS \"{}\"", "SELECT 1; --{}"])
def test_the_judge_would_see_it(own_postgres, log, sql):
    """So that the log is one that tells: a statement that somebody made of a text, whole or broken."""
    offset = log.here()
    connection = psycopg2.connect(own_postgres.conninfo() + " application_name=judge")
    with connection.cursor() as cursor:
        try:
            cursor.execute(sql.format(MARK))
        except psycopg2.Error:
            pass
    connection.close()
    found = log.since(offset, judges=True)
    assert any(foreign(statement) for statement in found), found

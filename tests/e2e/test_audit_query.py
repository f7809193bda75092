"""What the audit tells of queries: what was asked in one form, without what could be a value of somebody's row."""

import json
import re
import uuid

import pytest

from harness import config, process, problem
from harness.client import curl
from harness.faults import log_records, rows_url
from harness.query import PATH, ask

TABLES = """
CREATE TABLE audited_owner (owner_id int PRIMARY KEY, phone text, city text);
INSERT INTO audited_owner SELECT i, '+370 600 ' || i, 'city ' || i FROM generate_series(1, 5) i;
CREATE TABLE audited_pet (pet_id int PRIMARY KEY, owner_id int, tenant text NOT NULL, name text, chip int, born date,
                          "owner.city" text);
INSERT INTO audited_pet SELECT i, i % 5 + 1, 't-' || i % 2, 'pet ' || i, 7000 + i, '2020-01-01', 'x'
    FROM generate_series(1, 40) i;
GRANT SELECT ON audited_owner, audited_pet TO sluice;
"""
SETTINGS = {
    "tables": {**{name: {"database": "main"} for name in config.TABLES},
               "pets": {"database": "main", "name": "audited_pet", "tenant_column": "tenant",
                        "joins": ["owner:owner_id:owners", "keeper:owner_id:owners"], "filters": ["chipped:chip:eq", "named:name"]},
               "owners": {"database": "main", "name": "audited_owner"}},
    "policies": {"pets": {"tables": ["pets"], "roles": ["*"], "masks": ["chip:stars"], "formats": ["json", "csv"]},
                 "owners": {"tables": ["owners"], "roles": ["*"], "masks": ["phone:partial"]}},
}


@pytest.fixture(scope="module")
def private(fleet, postgres):
    """A site whose tables have tenants and masked columns."""
    postgres.execute(TABLES)
    site = fleet.start(settings=SETTINGS, workers=(1, 1))
    yield site
    fleet.stop(site)
    postgres.execute("DROP TABLE audited_pet, audited_owner")


@pytest.fixture
def caller(issuer):
    subject = f"auditee-{uuid.uuid4()}"
    return subject, issuer.token(sub=subject, tenant_id="t-1")


def the_lines(postgres, subject, n=1):
    """In the order of the requests, once there are n."""
    sql = (f"SELECT action, table_key, joined, definition, format, status, rows, reason FROM sluice.audit"
           f" WHERE subject = '{subject}' ORDER BY seq")
    process.wait_until(lambda: len(postgres.execute(sql)) >= n, f"{n} lines")
    names = ("action", "table", "joined", "definition", "format", "status", "rows", "reason")
    found = [dict(zip(names, row)) for row in postgres.execute(sql)]
    assert len(found) == n
    return found


def told(site, caller, postgres, definition, status=200, **options):
    """The line's definition, which is to be canonical JSON."""
    answer = ask(site, caller[1], definition, **options)
    assert answer.status == status, log_records(site)[-3:]
    line = the_lines(postgres, caller[0])[0]
    assert line["action"] == "query" and line["status"] == status
    said = json.loads(line["definition"])
    assert json.dumps(said, separators=(",", ":"), ensure_ascii=False) == line["definition"]
    return line, said


def test_a_query_leaves_its_definition(site, caller, postgres):
    line, said = told(site, caller, postgres, b"""{ "page": {"limit": 3}, "validateOnly": false,
        "filter": {"in": ["country_code", "US", "DE"]}, "select": ["user_id", {"expr": {"lower": "name"}, "as": "who"}],
        "from": "users", "count": "none", "sort": [{"column": "user_id", "direction": "asc"}] }""")
    assert said == {"from": "users", "select": ["user_id", {"expr": {"lower": ["name"]}, "as": "who"}],
                    "filter": {"in": ["country_code", ["US", "DE"]]}, "sort": ["user_id"], "page": {"limit": 3}, "count": "none"}
    assert (line["table"], line["joined"], line["format"], line["rows"], line["reason"]) == ("users", None, "json", 3, None)


def test_every_column_is_not_spelled_out(nginx_site, caller, postgres):
    assert told(nginx_site, caller, postgres, {"from": "users"}, params="?format=csv")[1] == {"from": "users"}


def test_a_stream_leaves_its_format(nginx_site, caller, postgres):
    line, said = told(nginx_site, caller, postgres, {"from": "users", "select": ["user_id"], "page": {"limit": 7}},
                      params="?format=csv&delimiter=%3B")
    assert (line["format"], line["rows"]) == ("csv", 7)
    assert said == {"from": "users", "select": ["user_id"], "page": {"limit": 7}}


def test_of_get_too(nginx_site, caller, postgres):
    text = "%7B%22from%22%3A%22users%22%2C%22page%22%3A%7B%22limit%22%3A1%7D%7D"
    assert curl(f"{nginx_site.url}{PATH}?q={text}", caller[1]).status == 200
    assert the_lines(postgres, caller[0])[0]["definition"] == '{"from":"users","page":{"limit":1}}'


CONDITIONS = [  # asked, told
    ({"eq": ["name", "pet 1"]}, {"eq": ["name", "pet 1"]}),
    ({"eq": ["chip", "secret"]}, {"eq": ["chip", "***"]}),
    ({"in": ["chip", ["secret", "secret 2"]]}, {"in": ["chip", ["***", "***"]]}),
    ({"between": ["chip", "secret", "secret"]}, {"between": ["chip", "***", "***"]}),
    ({"like": ["chip", "secret%"]}, {"like": ["chip", "***"]}),
    ({"eq": [{"lower": "chip"}, "secret"]}, {"eq": [{"lower": ["chip"]}, "***"]}),
    ({"eq": [{"value": "secret"}, {"column": "chip"}]}, {"eq": [{"value": "***"}, {"column": "chip"}]}),
    ({"or": [{"eq": ["chip", "secret"]}, {"not": {"eq": ["name", "x"]}}]},
     {"or": [{"eq": ["chip", "***"]}, {"not": [{"eq": ["name", "x"]}]}]}),
    ({"eq": ["tenant", "t-1"]}, {"eq": ["tenant", "***"]}),
    ({"eq": ["owner.phone", "secret"]}, {"eq": ["owner.phone", "***"]}),
    ({"eq": ["pets.chip", "secret"]}, {"eq": ["pets.chip", "***"]}),
    ({"eq": ["keeper.city", "city 1"]}, {"eq": ["keeper.city", "city 1"]}),
    ({"eq": ["owner.city", "x"]}, {"eq": ["owner.city", "x"]}),  # a column of the table
]


@pytest.mark.parametrize("asked, said", CONDITIONS, ids=[json.dumps(said) for _, said in CONDITIONS])
def test_values_beside_private_columns_are_hidden(private, caller, postgres, asked, said):
    line, got = told(private, caller, postgres, {"from": "pets", "filter": asked, "page": {"limit": 5}})
    assert got["filter"] == said and "secret" not in str(line)
    assert line["joined"] == ("owners" if "phone" in str(said) or "keeper" in str(said) else None)


@pytest.mark.parametrize("asked, said", CONDITIONS, ids=[json.dumps(said) for _, said in CONDITIONS])
def test_of_a_kept_answer_the_same(private, caller, postgres, asked, said):
    """But for a column that is named as one of a join would be: there the registry alone is asked."""
    definition, answers = {"from": "pets", "filter": asked, "select": ["name"], "page": {"limit": 5}}, []

    def is_kept():
        # A worker keeps no answer before it has seen every table that joins could reach, and none while the cache is slow.
        ask(private, private.issuer.token(tenant_id="t-1"), {"from": "pets", "select": ["keeper.city"], "page": {"limit": 1}})
        answers.append(ask(private, caller[1], definition))
        assert answers[-1].status == 200
        return "desc=hit" in answers[-1].headers["server-timing"]
    process.wait_until(is_kept, "an answer that was kept")
    assert "desc=miss" in answers[0].headers["server-timing"]
    first, *_, second = the_lines(postgres, caller[0], len(answers))
    assert first["definition"] == second["definition"] and json.loads(second["definition"])["filter"] == said
    assert first["joined"] == second["joined"] or said["eq"][0] == "owner.city"
    assert first["rows"] == second["rows"]


def test_elsewhere_than_in_filters(private, caller, postgres):
    _, said = told(private, caller, postgres, {
        "from": "pets", "select": [{"expr": {"coalesce": ["chip", {"value": "secret"}]}, "as": "c"},
                                   {"expr": {"coalesce": ["name", {"value": "none"}]}, "as": "n"}, "chip", "name"],
        "sort": [{"expr": {"coalesce": ["owner.phone", {"value": "secret"}]}, "direction": "desc"}], "page": {"limit": 2}})
    assert said["select"] == [{"expr": {"coalesce": ["chip", {"value": "***"}]}, "as": "c"},
                              {"expr": {"coalesce": ["name", {"value": "none"}]}, "as": "n"}, "chip", "name"]
    assert said["sort"] == [{"expr": {"coalesce": ["owner.phone", {"value": "***"}]}, "direction": "desc"}]


def test_joined_tables_stand_once(private, caller, postgres):
    line, _ = told(private, caller, postgres, {"from": "pets", "select": ["owner.city", {"column": "keeper.city", "as": "k"}, "name"],
                                               "page": {"limit": 1}})
    assert line["joined"] == "owners"
    listed = private.sluice("audit", "who-exported", "--table", "owners").stdout
    assert caller[0] in listed


def test_a_token_is_not_kept(private, caller, postgres):
    definition = {"from": "pets", "select": ["name"], "page": {"limit": 1}}
    after = ask(private, caller[1], definition).json()["next"]
    assert ask(private, caller[1], {**definition, "page": {"limit": 1, "after": after}}).status == 200
    line = the_lines(postgres, caller[0], 2)[1]
    assert json.loads(line["definition"])["page"] == {"limit": 1, "after": "***"} and after not in str(line)


REFUSED = [  # definition, parameters, status, and of the line: table, what is told
    # names that are none: perhaps a private one was meant
    ({"from": "pets", "filter": {"eq": ["chipp", "secret"]}}, "?format=csv", 400, "pets", {"eq": ["chipp", "***"]}),
    ({"from": "pets", "filter": {"eq": ["owner.phon", "secret"]}}, "?format=csv", 400, "pets", {"eq": ["owner.phon", "***"]}),
    ({"from": "pets", "filter": {"eq": ["ownr.phone", "secret"]}}, "?format=csv", 400, "pets", {"eq": ["ownr.phone", "***"]}),
    # the table was looked up, and its names hold
    ({"from": "pets", "filter": {"and": [{"eq": ["name", "x"]}, {"eq": ["chip", 70077]}]}}, "?format=csv", 400, "pets",
     {"and": [{"eq": ["name", "x"]}, {"eq": ["chip", "***"]}]}),
    ({"from": "pets", "filter": {"eq": ["tenant", "secret"]}}, "?format=csv", 403, "pets", {"eq": ["tenant", "***"]}),
    # nothing was
    ({"from": "pets", "filter": {"eq": ["name", "secret"]}}, "?format=xml", 403, "pets", {"eq": ["name", "***"]}),
    ({"from": "nothing", "filter": {"eq": ["name", "secret"]}}, "?format=csv", 404, None, {"eq": ["name", "***"]}),
    ({"from": "pets", "filter": {"eq": ["name", "secret"]}}, "", 400, None, {"eq": ["name", "***"]}),  # no limit
    ({"from": "pets", "filter": {"eq": ["name", "secret"]}}, "?format=docx", 406, None, {"eq": ["name", "***"]}),
]


TELLING = re.compile("secret|(?<![-0-9a-f])70077(?![-0-9a-f])")  # an identifier may hold the same digits


@pytest.mark.parametrize("definition, params, status, table, said", REFUSED)
def test_refusals_tell_no_more(private, caller, postgres, definition, params, status, table, said):
    answer = ask(private, caller[1], definition, params=params)
    problem.check(answer, status)
    line = the_lines(postgres, caller[0])[0]
    assert (line["action"], line["status"], line["table"], line["reason"]) == ("query", status, table, answer.json()["detail"])
    assert json.loads(line["definition"]) == {"from": definition["from"], "filter": said}
    logged = [record for record in log_records(private) if record.get("sub") == caller[0]]
    assert len(logged) == 1
    assert not TELLING.search(str(line)) and not TELLING.search(str(logged))


def test_what_is_no_definition_is_not_told(private, caller, postgres):
    for text in (b"", b"secret", b'{"from": "pets", "filter": {"eq": ["name", {"value": ["secret"]}]}}',
                 b'{"filter": {"eq": ["name", "secret"]}}'):
        problem.check(ask(private, caller[1], text), 400)
    for line in the_lines(postgres, caller[0], 4):
        assert line["definition"] is None and line["table"] is None and "secret" not in str(line)


# ---- rows

def rows_line(site, caller, postgres, status=200, table="pets", **params):
    answer = curl(rows_url(site, table, **params), caller[1])
    assert answer.status == status, answer.body
    line = the_lines(postgres, caller[0])[0]
    assert line["action"] == "export" and "secret" not in str(line)
    return line, json.loads(line["definition"])


@pytest.mark.parametrize("params, said", [
    ({"name": "pet%201"}, {"name": "pet 1"}), ({"named": "in.a,b"}, {"named": "in.a,b"}),
    ({"chip": "secret"}, {"chip": "***"}), ({"chip": "in.secret,b"}, {"chip": "***"}), ({"chip": "is.null"}, {"chip": "***"}),
    ({"chip": "not.null"}, {"chip": "***"}), ({"chipped": "secret"}, {"chipped": "***"}),
    ({"tenant": "t-1"}, {"tenant": "***"}), ({"owner.phone": "secret"}, {"owner.phone": "***"}),
    ({"keeper.city": "city%201"}, {"keeper.city": "city 1"}), ({"born": "not.null"}, {"born": "not.null"}),
    ({"order": "chip.desc,name", "limit": 3, "delimiter": "%3B"}, {"order": "chip.desc,name", "limit": "3", "delimiter": ";"}),
    ({"name": "x", "chip": "secret", "born": "lt.2024-01-01"}, {"name": "x", "chip": "***", "born": "lt.2024-01-01"}),
])
def test_filters_in_a_url(private, caller, postgres, params, said):
    line, got = rows_line(private, caller, postgres, **params)
    assert got == said and line["format"] == "csv"
    assert line["joined"] == ("owners" if "." in next(iter(params)) else None)


@pytest.mark.parametrize("params, status, said", [
    ({"chipp": "secret"}, 400, {"chipp": "***"}), ({"owner.phon": "secret"}, 400, {"owner.phon": "***"}),
    ({"tenant": "secret"}, 403, {"tenant": "***"}), ({"tenant": "t-1", "nothing": "secret"}, 400, {"tenant": "***", "nothing": "***"}),
    ({"born": "2024-02-03", "nothing": "secret"}, 400, {"born": "2024-02-03", "nothing": "***"}),
])
def test_refused_filters_in_a_url(private, caller, postgres, params, status, said):
    assert rows_line(private, caller, postgres, status, **params)[1] == said

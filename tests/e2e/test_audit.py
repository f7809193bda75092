"""The audit: every request leaves its line, and a line that is not as it was written is found out."""

import concurrent.futures
import datetime
import hashlib
import json
import re
import urllib.parse
import uuid

import pytest

from harness import config, faults, process, problem
from harness.client import curl
from harness.faults import rows_url

COLUMNS = ("seq", "at", "id", "subject", "tenant", "action", "table_key", "joined", "definition", "format", "purpose",
           "address", "status", "outcome", "reason", "rows", "bytes", "ms", "previous", "hash")
DATABASE = "audited"
ZERO = bytes(32)


def lines(postgres, where="true", dbname="sluice"):
    found = postgres.execute(f"SELECT {', '.join(COLUMNS)} FROM sluice.audit WHERE {where} ORDER BY seq", dbname=dbname)
    return [dict(zip(COLUMNS, row)) for row in found]


def the_line(postgres, where, dbname="sluice"):
    """The one that such a request leaves, once it has been answered."""
    process.wait_until(lambda: lines(postgres, where, dbname), f"a line where {where}")
    (line,) = lines(postgres, where, dbname)
    return line


def of_id(answer):
    """How the line of an answer is found."""
    if "sluice-export-id" in answer.headers:
        return f"id = '{answer.headers['sluice-export-id']}'"
    return f"id = '{answer.json()['traceId']}'"


@pytest.fixture
def caller(issuer):
    """A user of the test's own: (subject, token)."""
    subject = f"auditee-{uuid.uuid4()}"
    return subject, issuer.token(sub=subject, tenant_id="t-17")


def test_an_export_leaves_its_line(site, caller, postgres):
    subject, token = caller
    answer = curl(rows_url(site, "users", columns="user_id,email", limit=7), token,
                  headers={"Sluice-Purpose": "  Rechnungen für Nov. 🧾 "})
    assert (answer.exit, answer.status) == (0, 200)
    line = the_line(postgres, f"subject = '{subject}'")
    assert line["id"] == answer.headers["sluice-export-id"]
    assert (line["tenant"], line["action"], line["table_key"], line["joined"]) == ("t-17", "export", "users", None)
    assert json.loads(line["definition"]) == {"columns": "user_id,email", "limit": "7"}
    assert (line["format"], line["purpose"], line["address"]) == ("csv", "Rechnungen für Nov. 🧾", "127.0.0.1")
    assert (line["status"], line["outcome"], line["reason"]) == (200, "ok", None)
    assert (line["rows"], line["bytes"]) == (7, len(answer.body))
    assert 0 <= line["ms"] < 60000
    assert abs(line["at"] - datetime.datetime.now(datetime.timezone.utc)) < datetime.timedelta(minutes=1)


KINDS = [  # path, method, status, and of the line: action, table, format
    ("/api/v1/tables", None, 200, "tables", None, None),
    ("/tables", None, 200, "tables", None, None),
    ("/api/v1/tables/users", None, 200, "table", "users", None),
    ("/api/v1/tables/users/schema", None, 200, "schema", "users", None),
    ("/api/v1/tables/users/schema.xsd", None, 200, "schema", "users", None),
    ("/api/v1/tables/users/rows.ndjson?limit=1", "HEAD", 200, "head", "users", "ndjson"),
    ("/api/v1/tables/users/rows.parquet?limit=1", None, 200, "export", "users", "parquet"),
    ("/export/users?page=1&total_pages=50", None, 200, "export", "users", "ndjson"),
    ("/api/v1/tables/users/rows.docx", None, 406, "export", "users", None),
    ("/api/v1/tables/users/rows.csv?limit=many", None, 400, "export", "users", None),
    ("/api/v1/tables/unlisted/rows.csv", None, 404, "export", None, "csv"),
    ("/api/v1/tables/unlisted/schema", None, 404, "schema", None, None),
    ("/api/v1/exports/00000000-0000-7000-8000-000000000000", None, 404, "outcome", None, None),
]


@pytest.mark.parametrize("path, method, status, action, table, form", KINDS)
def test_every_kind_of_request_leaves_one(nginx_site, caller, postgres, path, method, status, action, table, form):
    subject, token = caller
    answer = curl(nginx_site.url + path, token, method)
    assert answer.status == status
    line = the_line(postgres, f"subject = '{subject}'")
    assert (line["action"], line["table_key"], line["status"]) == (action, table, status)
    assert line["format"] == form or status in (400, 406)
    if status == 200:
        assert (line["outcome"], line["reason"]) == ("ok", None)
        assert line["bytes"] == (0 if method == "HEAD" else len(answer.body))
    else:
        assert line["reason"] == answer.json()["detail"]
        assert answer.json()["type"] == f"urn:sluice:problem:{line['outcome']}"


def test_who_is_refused_leaves_one(nginx_site, issuer, postgres):
    for token in (None, "nonsense", issuer.token(aud="another")):
        answer = curl(rows_url(nginx_site, "users"), token)
        problem.check(answer, 401)
        line = the_line(postgres, of_id(answer))
        assert (line["subject"], line["status"], line["outcome"]) == (None, 401, "unauthorized")
        assert (line["action"], line["table_key"], line["address"]) == ("export", "users", "127.0.0.1")
        assert line["definition"] is None


def test_who_lacks_the_role_leaves_one(nginx_site, issuer, postgres):
    subject = f"viewer-{uuid.uuid4()}"
    answer = curl(rows_url(nginx_site, "users", limit=1), issuer.token(sub=subject, roles=["viewer"]))
    problem.check(answer, 403)
    line = the_line(postgres, f"subject = '{subject}'")
    assert (line["action"], line["table_key"], line["outcome"]) == ("export", "users", "forbidden")


def test_who_may_not_see_the_table_leaves_one(make_site, caller, postgres):
    site = make_site(settings={"policies": {"few": {"tables": ["users"], "roles": ["nobody"]}}})
    answer = curl(rows_url(site, "users"), caller[1])
    problem.check(answer, 404)
    line = the_line(postgres, of_id(answer))
    assert (line["subject"], line["table_key"], line["outcome"]) == (caller[0], "users", "not-found")


def test_who_asks_too_often_leaves_one(make_site, caller, postgres):
    subject, token = caller
    site = make_site(settings={"limits": {"requests": 1}})
    for status in (200, 429, 429):
        assert curl(f"{site.url}/api/v1/tables", token).status == status
    process.wait_until(lambda: len(lines(postgres, f"subject = '{subject}'")) == 3, "three lines")
    assert [line["outcome"] for line in lines(postgres, f"subject = '{subject}'")] == ["ok", *["too-many-requests"] * 2]


def test_public_routes_leave_none(nginx_site, caller, postgres):
    subject, token = caller
    for path in ("/", "/health", "/api/v1/health", "/nowhere"):
        curl(nginx_site.url + path, token)
    assert curl(f"{nginx_site.url}/api/v1/tables", token, method="POST").status == 405
    # The same workers have written what came after these.
    for _ in range(3):
        curl(f"{nginx_site.url}/tables", token)
    process.wait_until(lambda: len(lines(postgres, f"subject = '{subject}'")) >= 3, "three lines")
    assert {line["action"] for line in lines(postgres, f"subject = '{subject}'")} == {"tables"}


def test_a_failed_export_says_what_came_of_it(streaming_site, token, postgres):
    answer = curl(rows_url(streaming_site, "broken_late"), token)
    assert answer.exit != 0
    line = the_line(postgres, of_id(answer))
    assert (line["status"], line["outcome"]) == (200, "unprocessable") and line["reason"]
    assert 0 < line["rows"] < faults.LATE and line["bytes"] >= len(answer.body)


def test_values_that_could_be_of_rows_are_hidden(nginx_site, caller, postgres):
    bounds = curl(rows_url(nginx_site, "users", page=1, total_pages=100), caller[1]).headers["sluice-bounds"]
    answer = curl(rows_url(nginx_site, "users", page=2, total_pages=100, bounds=urllib.parse.quote(bounds)), caller[1])
    assert answer.status == 200
    shown = json.loads(the_line(postgres, of_id(answer))["definition"])
    assert shown == {"page": "2", "total_pages": "100", "bounds": "***"}
    answer = curl(rows_url(nginx_site, "users", whatever="my%20secret", delimiter="%3B"), caller[1])
    line = the_line(postgres, of_id(answer))
    assert json.loads(line["definition"]) == {"whatever": "***", "delimiter": ";"}
    assert "secret" not in str(line)


def test_a_reason_that_was_cut_within_a_character(nginx_site, token, postgres):
    """The database would refuse the line for half a character."""
    for more in range(2):
        answer = curl(f"{nginx_site.url}/api/v1/tables/{'x' * more}{'%C3%BC' * 300}", token)
        assert answer.status == 404
        line = the_line(postgres, of_id(answer))
        assert "üüü" in line["reason"] and line["status"] == 404


def test_no_page_of_the_audit_is_exported(nginx_site, token):
    assert curl(rows_url(nginx_site, "audit"), token).status == 404


# ---- the purpose

@pytest.fixture(scope="module")
def audited(fleet, postgres):
    """A site with an audit of its own, and many workers."""
    postgres.execute(f"CREATE DATABASE {DATABASE}", dbname="postgres")
    postgres.execute(f"GRANT CREATE ON DATABASE {DATABASE} TO sluice", dbname="postgres")
    # With which a line could not see the one before.
    postgres.execute(f"ALTER DATABASE {DATABASE} SET default_transaction_isolation = 'repeatable read'", dbname="postgres")
    site = fleet.start(workers=(8, 2), settings=audited_settings(postgres))
    yield site
    fleet.stop(site)
    postgres.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)", dbname="postgres")


def audited_settings(postgres, **more):
    tables = {name: {"database": "main"} for name in config.TABLES}
    return {"databases": {"kept": {"conninfo": postgres.conninfo(dbname=DATABASE)}}, "metadata": {"database": "kept"},
            "tables": {**tables, "careful": {"database": "main", "name": "public.users", "purpose": "required"}}, **more}


@pytest.mark.parametrize("path", ["/api/v1/tables/careful/rows.csv?limit=1", "/export/careful?page=1&total_pages=50"])
def test_a_table_that_is_given_for_a_purpose_only(audited, caller, postgres, path):
    for sent in ({}, {"Sluice-Purpose": ""}, {"Sluice-Purpose": " \t "}):
        said = problem.check(curl(audited.url + path, caller[1], headers=sent), 400)
        assert "Sluice-Purpose" in said["detail"]
    answer = curl(audited.url + path, caller[1], headers={"Sluice-Purpose": "the yearly report"})
    assert answer.status == 200
    line = the_line(postgres, of_id(answer), DATABASE)
    assert (line["table_key"], line["purpose"]) == ("careful", "the yearly report")
    assert curl(f"{audited.url}/api/v1/tables/careful/schema", caller[1]).status == 200  # no rows
    process.wait_until(lambda: len(lines(postgres, f"subject = '{caller[0]}'", DATABASE)) == 5, "a line of each")


@pytest.mark.parametrize("purpose, status", [
    ("x" * 200, 200), ("ü" * 200, 200), ("🧾" * 200, 200), ("x" * 201, 400), ("ü" * 201, 400),
    ("a\u0085b", 400), ("a\tb", 400), ("a\u007fb", 400), (b"a\xffb", 400), (b"\xc3", 400)])
def test_the_form_of_a_purpose(audited, caller, postgres, purpose, status):
    """It is looked at wherever it stands, so that none is lost."""
    sent = purpose if isinstance(purpose, bytes) else purpose.encode()
    with open(audited.path("purpose"), "wb") as f:
        f.write(b"Sluice-Purpose: " + sent + b"\n")
    answer = curl(f"{audited.url}/api/v1/tables/users/schema", caller[1],
                  options=("-H", "@" + audited.path("purpose")))
    assert answer.status == status
    line = the_line(postgres, f"subject = '{caller[0]}'", DATABASE)
    assert line["purpose"] == (purpose if status == 200 else None)


# ---- the chain

def verify(site, *args):
    done = site.sluice("audit", "verify", *args, check=False)
    assert done.stderr == "" and done.stdout.count("\n") == 1, done
    assert (done.returncode == 0) == (" hold; head " in done.stdout), done
    return done.returncode, done.stdout


def head_of(site):
    status, said = verify(site)
    assert status == 0
    return said.split()[-1]


def parts(values):
    made = [None if value is None else str(value).encode() for value in values]
    return b"".join(b"-" if part is None else b"%d:%s" % (len(part), part) for part in made)


def text_of(line):
    """As etc/schema/0003_audit.sql says, from its words."""
    at = line["at"] - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    values = [line["seq"], at // datetime.timedelta(microseconds=1), *(line[name] for name in COLUMNS[2:18])]
    return parts(values)


def test_200_requests_at_once_make_one_chain(audited, issuer, postgres):
    subjects = [f"user-{i}" for i in range(8)]
    tokens = [issuer.token(sub=subject) for subject in subjects]
    before = len(lines(postgres, dbname=DATABASE))
    paths = ("/api/v1/tables/users/rows.csv?limit=2", "/api/v1/tables/empty/rows.json", "/api/v1/tables", "/tables")
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda i: curl(audited.url + paths[i % 4], tokens[i % 8]), range(200)))
    assert {answer.status for answer in answers} == {200}
    process.wait_until(lambda: len(lines(postgres, dbname=DATABASE)) == before + 200, "200 lines")
    assert verify(audited)[0] == 0
    made = lines(postgres, dbname=DATABASE)
    assert [line["seq"] for line in made] == list(range(1, before + 201))
    assert {line["subject"] for line in made[before:]} == set(subjects)
    assert len({line["id"] for line in made}) == len(made)
    assert len({record["pid"] for record in faults.log_records(audited) if record["msg"] == "request"}) > 4
    previous = ZERO
    for line in made:
        assert bytes(line["previous"]) == previous
        previous = hashlib.sha256(previous + text_of(line)).digest()
        assert bytes(line["hash"]) == previous
    assert verify(audited)[1] == f"{len(made)} lines hold; head {len(made)}:{previous.hex()}\n"


def append(postgres, n, table="users", joined=None):
    """A line, as a process of Sluice's would."""
    values = [str(uuid.uuid4()), "somebody", None, "export", table, joined, "{}", "csv", "", f"192.0.2.{n}", 200, "ok", None,
              n, 100, 5]
    connection = postgres.connect(dbname=DATABASE)
    connection.set_session(isolation_level="READ COMMITTED", autocommit=True)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT sluice.audit_append({'%s, ' * 16}%s)", [*values, parts(values).decode()])
    connection.close()


def tamper(postgres, sql):
    """As a superuser can."""
    postgres.execute("ALTER TABLE sluice.audit DISABLE TRIGGER audit_refuse;" + sql +
                     ";ALTER TABLE sluice.audit ENABLE ALWAYS TRIGGER audit_refuse", dbname=DATABASE)


@pytest.fixture
def ten(audited, postgres):
    """A chain of ten lines; the site is idle."""
    tamper(postgres, "TRUNCATE sluice.audit")
    for n in range(10):
        append(postgres, n)
    assert verify(audited)[0] == 0
    yield audited
    tamper(postgres, "TRUNCATE sluice.audit")


NAMES = [name for name in COLUMNS if name not in ("seq", "previous", "hash")]
VALUES = {"at": "at + interval '1 microsecond'", "id": "gen_random_uuid()", "status": "status + 1", "rows": "rows + 1",
          "bytes": "bytes + 1", "ms": "ms + 1"}

REST = ", ".join(name for name in COLUMNS if name not in ("seq", "previous", "hash"))
TAMPERINGS = {  # what is done, and the line that is found
    **{f"{name} changed": (f"UPDATE sluice.audit SET {name} = {VALUES.get(name, repr('other'))} WHERE seq = 5", 5)
       for name in NAMES},
    "text becomes NULL": ("UPDATE sluice.audit SET purpose = NULL WHERE seq = 5", 5),
    "NULL becomes text": ("UPDATE sluice.audit SET tenant = '' WHERE seq = 5", 5),
    "NULL becomes a hyphen": ("UPDATE sluice.audit SET tenant = '-' WHERE seq = 5", 5),
    "text moves to the next field": ("UPDATE sluice.audit SET subject = 'some', tenant = 'body' WHERE seq = 5", 5),
    "time infinite": ("UPDATE sluice.audit SET at = 'infinity' WHERE seq = 5", 5),
    "hash changed": ("UPDATE sluice.audit SET hash = sha256(hash) WHERE seq = 5", 5),
    "previous changed": ("UPDATE sluice.audit SET previous = sha256(previous) WHERE seq = 5", 5),
    "hash of the last changed": ("UPDATE sluice.audit SET hash = sha256(hash) WHERE seq = 10", 10),
    "line deleted": ("DELETE FROM sluice.audit WHERE seq = 5", 6),
    "first deleted": ("DELETE FROM sluice.audit WHERE seq = 1", 2),
    "line deleted and the gap closed": (
        "DELETE FROM sluice.audit WHERE seq = 5; UPDATE sluice.audit SET seq = seq - 1 WHERE seq > 5", 5),
    "line copied in between": (
        f"UPDATE sluice.audit SET seq = seq + 100 WHERE seq > 5; UPDATE sluice.audit SET seq = seq - 99 WHERE seq > 100;"
        f"INSERT INTO sluice.audit SELECT 6, {REST}, previous, hash FROM sluice.audit WHERE seq = 3", 6),
    "line before the first": (f"INSERT INTO sluice.audit SELECT 11, {REST}, hash, sha256(hash) FROM sluice.audit WHERE seq = 10", 11),
    "two change places": (
        "UPDATE sluice.audit SET seq = 100 WHERE seq = 5; UPDATE sluice.audit SET seq = 5 WHERE seq = 6;"
        "UPDATE sluice.audit SET seq = 6 WHERE seq = 100", 5),
    "a number twice": (
        f"ALTER TABLE sluice.audit DROP CONSTRAINT audit_pkey; INSERT INTO sluice.audit SELECT 5, {REST}, previous, hash"
        " FROM sluice.audit WHERE seq = 5", 5),
}


@pytest.mark.parametrize("sql, found", TAMPERINGS.values(), ids=TAMPERINGS)
def test_a_line_that_is_not_as_it_was_written_is_named(ten, postgres, sql, found):
    tamper(postgres, sql)
    status, said = verify(ten)
    assert status == 1
    assert re.match(rf"broken at line {found} of (\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{{6}}Z|an unknown time): ", said), said
    if "CONSTRAINT" in sql:
        tamper(postgres, "TRUNCATE sluice.audit; ALTER TABLE sluice.audit ADD PRIMARY KEY (seq)")
    elif "infinity" not in sql:
        ((time,),) = postgres.execute("SELECT to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
                                      f" FROM sluice.audit WHERE seq = {found}", dbname=DATABASE)
        assert time in said


def test_a_number_that_was_left_out_is_named(ten, postgres):
    """By somebody who knows how hashes are made."""
    line = lines(postgres, "seq = 10", DATABASE)[0]
    line |= {"seq": 12, "previous": line["hash"]}
    line["hash"] = hashlib.sha256(bytes(line["previous"]) + text_of(line)).digest()
    connection = postgres.connect(dbname=DATABASE)
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO sluice.audit VALUES ({', '.join(['%s'] * len(COLUMNS))})", list(line.values()))
    connection.close()
    status, said = verify(ten)
    assert status == 1 and said.startswith("broken at line 12 of ") and "missing" in said


def test_the_newest_lines_are_missed_by_their_head(ten, postgres):
    head, old = head_of(ten), "0:" + "00" * 32
    assert verify(ten, "--head", head)[0] == verify(ten, "--head", old)[0] == 0
    append(postgres, 11)
    assert verify(ten, "--head", head)[0] == 0
    tamper(postgres, "DELETE FROM sluice.audit WHERE seq >= 9")
    assert verify(ten)[0] == 0  # nobody could tell
    status, said = verify(ten, "--head", head)
    assert status == 1 and said.startswith("broken at line 9: it is missing")
    for n in range(3):
        append(postgres, n)
    assert verify(ten)[0] == 0
    status, said = verify(ten, "--head", head)
    assert status == 1 and said.startswith("broken at line 10 of ")
    tamper(postgres, "TRUNCATE sluice.audit")
    assert verify(ten) == (0, f"0 lines hold; head {old}\n")
    assert verify(ten, "--head", head)[0] == 1


@pytest.mark.parametrize("head", ["", "10", "10:", ":" + "00" * 32, "10:" + "00" * 31, "10:" + "00" * 33, "10:" + "0G" * 32,
                                  "-1:" + "00" * 32, "99999999999999999999:" + "00" * 32])
def test_a_head_that_is_none(ten, head):
    done = ten.sluice("audit", "verify", "--head", head, check=False)
    assert (done.returncode, done.stdout) == (2, "") and "SEQ:HASH" in done.stderr


@pytest.mark.parametrize("before", ["", "SET session_replication_role = replica;"])
@pytest.mark.parametrize("sql", ["UPDATE sluice.audit SET rows = 0", "DELETE FROM sluice.audit", "TRUNCATE sluice.audit",
                                 "DELETE FROM sluice.audit WHERE false"])
def test_lines_are_only_added(nginx_site, token, postgres, before, sql):
    """In the database that no test has falsified, as the migration has made it."""
    answer = curl(rows_url(nginx_site, "users", limit=1), token)
    line = the_line(postgres, of_id(answer))
    with pytest.raises(Exception, match="only added to"):
        postgres.execute(before + sql)
    assert the_line(postgres, of_id(answer)) == line


def test_a_database_that_cannot_hold_every_text_is_refused(audited, postgres):
    postgres.execute("CREATE DATABASE narrow ENCODING 'LATIN1' TEMPLATE template0; ", dbname="postgres")
    try:
        postgres.execute("GRANT CREATE ON DATABASE narrow TO sluice", dbname="postgres")
        path = audited.path("narrow.conf")
        config.write(path, {**audited.settings, "databases": {
            **audited.settings["databases"], "kept": {"conninfo": postgres.conninfo(dbname="narrow")}}})
        done = audited.sluice("-c", path, "migrate", check=False)
        assert done.returncode == 1 and "UTF8" in done.stderr
    finally:
        postgres.execute("DROP DATABASE narrow WITH (FORCE)", dbname="postgres")


# ---- who exported

def test_who_exported(ten, caller, postgres, issuer):
    tamper(postgres, "TRUNCATE sluice.audit")
    subject, token = caller
    odd = issuer.token(sub="tab\there\\n")
    first = curl(rows_url(ten, "users", limit=3), token, headers={"Sluice-Purpose": "why not"})
    process.wait_until(lambda: len(lines(postgres, dbname=DATABASE)) == 1, "a line")
    curl(rows_url(ten, "users", limit=0), odd)
    curl(rows_url(ten, "projects", limit=1), token)
    curl(rows_url(ten, "users", limit=1), token, method="HEAD")
    curl(f"{ten.url}/api/v1/tables/users/schema", token)
    process.wait_until(lambda: len(lines(postgres, dbname=DATABASE)) == 5, "five lines")
    append(postgres, 77, "records", "projects,users")
    names, *rows = (line.split("\t") for line in who(ten, "--table", "users").splitlines())
    assert names == ["time", "subject", "tenant", "action", "rows", "bytes", "outcome", "purpose", "address"]
    assert rows[0][1:] == [subject, "t-17", "export", "3", str(len(first.body)), "ok", "why not", "127.0.0.1"]
    assert rows[1][1:5] == ["tab\\there\\\\n", "", "export", "0"]
    assert rows[2][1:5] == ["somebody", "", "export", "77"] and len(rows) == 3
    assert who(ten, "--table", "nothing").count("\n") == 1
    for since, n in ((rows[1][0], 2), (rows[1][0].replace("Z", "+00:00"), 2), ("2000-01-01", 3), ("2100-01-01T00:00:00z", 0)):
        assert who(ten, "--table", "users", "--since", since).count("\n") == 1 + n
    for since in ("yesterday", "2026-13-01", "2026-01-01T00:00:00", "2026-01-01 ", "", "now'"):
        done = ten.sluice("audit", "who-exported", "--table", "users", "--since", since, check=False)
        assert (done.returncode, done.stdout) == (2, "") and done.stderr.count("\n") == 1
    assert ten.sluice("audit", "who-exported", check=False).returncode == 2


def who(site, *args):
    done = site.sluice("audit", "who-exported", *args)
    assert done.stderr == ""
    return done.stdout


# ---- when it cannot be written

def warned(site, level):
    return [record for record in faults.log_records(site)
            if record["msg"] == "a line of the audit could not be written" and record["level"] == level]


@pytest.fixture
def make_deaf(make_site, postgres, audited):
    """Of a site whose audit takes no line, while its outcomes are kept."""
    def make(**settings):
        site = make_site(settings=audited_settings(postgres, **settings), workers=(1, 1))
        postgres.execute("REVOKE INSERT ON sluice.audit FROM sluice", dbname=DATABASE)
        return site
    yield make
    postgres.execute("GRANT INSERT ON sluice.audit TO sluice", dbname=DATABASE)


def test_a_line_that_cannot_be_written_spoils_nothing(make_deaf, token):
    site = make_deaf()
    answer = curl(rows_url(site, "users", limit=2), token)
    assert (answer.exit, answer.status) == (0, 200)
    process.wait_until(lambda: warned(site, "warn"), "a warning")
    (warning,) = warned(site, "warn")
    assert warning["id"] == answer.headers["sluice-export-id"] and "permission denied" in warning["cause"]


def test_required_and_not_possible(make_deaf, caller, postgres):
    subject, token = caller
    site = make_deaf(audit={"required": "required"})
    for path in ("/api/v1/tables/users/rows.csv", "/export/users?page=1&total_pages=50"):
        said = problem.check(curl(site.url + path, token), 503)
        assert "audited" in said["detail"]
    definition = urllib.parse.quote('{"from": "users", "page": {"limit": 1}}')
    heads = {f"{site.url}/api/v1/query?q={definition}", rows_url(site, "users", limit=1), rows_url(site, "users", "csv", user_id="gt.5")}
    for url in heads:  # which tell something of rows too
        assert curl(url, token, method="HEAD").status == 503
    assert curl(f"{site.url}/api/v1/tables/users/schema", token).status == 200  # nothing of rows
    process.wait_until(lambda: len(warned(site, "error")) == 6, "an error for each")
    postgres.execute("GRANT INSERT ON sluice.audit TO sluice", dbname=DATABASE)
    answer = curl(rows_url(site, "users", limit=4), token)
    assert (answer.exit, answer.status) == (0, 200)
    assert the_line(postgres, f"subject = '{subject}'", DATABASE)["rows"] == 4
    for url in heads:
        assert curl(url, token, method="HEAD").status == 200


def test_its_database_is_down(make_site, spare_postgres, token):
    tables = {name: {"database": "main"} for name in config.TABLES}
    site = make_site(workers=(1, 1), settings={
        "databases": {"kept": {"conninfo": spare_postgres.conninfo()}}, "metadata": {"database": "kept"},
        "tables": tables, "audit": {"required": "required"}})
    first = curl(rows_url(site, "users", limit=4), token)
    the_line(spare_postgres, of_id(first))
    spare_postgres.stop()
    try:
        said = problem.check(curl(rows_url(site, "users", limit=4), token), 503)
        assert "audited" in said["detail"]
        assert curl(f"{site.url}/api/v1/tables", token).status == 200
        process.wait_until(lambda: len(warned(site, "error")) == 2, "errors")
    finally:
        spare_postgres.start()
    answer = curl(rows_url(site, "users", limit=4), token)
    assert (answer.exit, answer.status) == (0, 200)
    assert the_line(spare_postgres, of_id(answer))["outcome"] == "ok"


def test_required_needs_a_database(audited):
    path = audited.path("nowhere.conf")
    config.write(path, {**audited.settings, "metadata": {"database": ""}, "audit": {"required": "required"}})
    done = audited.sluice("-c", path, "config", check=False)
    assert done.returncode == 1 and "audit.required" in done.stderr and "metadata.database" in done.stderr
    config.write(path, {**audited.settings, "metadata": {"database": ""}})
    done = audited.sluice("-c", path, "audit", "verify", check=False)
    assert done.returncode == 1 and "metadata.database" in done.stderr

"""An export's schema by its fingerprint: told with every answer, asked for with If-Schema-Match, refused with what has
changed since; and what a format cannot carry exactly."""

import base64
import hashlib

import pytest

from harness import config, faults, problem
from harness.client import Download, curl

COLUMNS = ("id bigint PRIMARY KEY, name varchar(20) NOT NULL, price numeric(12,2), ratio double precision, "
           "\"größe, \"\"x\"\"\" text")
AS_TOLD = [
    {"name": "id", "type": "int64", "sourceType": "bigint", "nullable": False, "precision": None, "scale": None},
    {"name": "name", "type": "utf8", "sourceType": "character varying(20)", "nullable": False, "precision": None,
     "scale": None},
    {"name": "price", "type": "decimal128", "sourceType": "numeric(12,2)", "nullable": True, "precision": 12,
     "scale": 2},
    {"name": "ratio", "type": "float64", "sourceType": "double precision", "nullable": True, "precision": None,
     "scale": None},
    {"name": 'größe, "x"', "type": "utf8", "sourceType": "text", "nullable": True, "precision": None, "scale": None},
]
ID, NAME, PRICE, RATIO, SIZE = AS_TOLD
UNKNOWN = "0123456789abcdefghijklmn"
ROWS = ("INSERT INTO drift.items SELECT i, 'n' || i, i / 4.0, i / 3.0, md5(i::text) FROM generate_series(1, 200) AS i")


@pytest.fixture(scope="module")
def drift_sites(fleet, postgres):
    postgres.execute("CREATE SCHEMA drift; GRANT USAGE ON SCHEMA drift TO sluice")
    made = {}

    def of(front):
        if front not in made:
            made[front] = fleet.start(front=front, settings={"tables": {"items": {"name": "drift.items"}}},
                                      workers=(1, 1))
        return made[front]
    yield of
    for site in made.values():
        fleet.stop(site)
    postgres.execute("DROP SCHEMA drift CASCADE")


@pytest.fixture(autouse=True)
def items(drift_sites, postgres):
    """A new table for every test."""
    make(postgres, COLUMNS)
    postgres.execute(ROWS)


def make(postgres, columns):
    postgres.execute(f"DROP TABLE IF EXISTS drift.items; CREATE TABLE drift.items ({columns});"
                     "GRANT SELECT ON drift.items TO sluice")


@pytest.fixture
def site(drift_sites, front):
    return drift_sites(front)


@pytest.fixture
def nginx(drift_sites):
    return drift_sites("nginx")


def ask(site, token, path="rows.csv", match=None, method=None):
    url = f"{site.url}/export/items" if path == "/export" else f"{site.url}/api/v1/tables/items/{path}"
    return curl(url, token, method=method, headers=None if match is None else {"If-Schema-Match": match})


def fingerprint_of(site, token, path="rows.csv", method="HEAD"):
    answer = ask(site, token, path, method=method)
    assert (answer.exit, answer.status) == (0, 200), answer
    return answer.headers["sluice-schema"]


def computed(columns):
    """As lib/rows/fingerprint.h has it."""
    def counted(text):
        return f"{len(text.encode())}:{text}"
    lines = ["sluice-schema 1\n"]
    for c in columns:
        exact = "-" if c["precision"] is None else f"{c['precision']},{c['scale']}"
        lines.append(f"{counted(c['name'])} {c['type']} {exact} {'null' if c['nullable'] else 'notnull'} "
                     f"{counted(c['sourceType'])}\n")
    return base64.urlsafe_b64encode(hashlib.sha256("".join(lines).encode()).digest()[:18]).decode()


def told(schema):
    """The columns of a schema answer, less how they are written."""
    return [{key: value for key, value in column.items() if key != "written"} for column in schema["columns"]]


def refused(answer, fingerprint, method=None):
    """The problem's members; HEAD has none."""
    if method == "HEAD":
        assert (answer.exit, answer.status) == (0, 412)
        assert answer.body.endswith(b"\r\n\r\n")  # where curl -I shows the head
        assert "sluice-export-id" not in answer.headers
        return None
    said = problem.check(answer, 412)
    assert said["type"] == "urn:sluice:problem:precondition-failed"
    assert said["fingerprint"] == fingerprint
    assert "sluice-export-id" not in answer.headers
    return said


# ---- the fingerprint

EVERYWHERE = [("schema", None), ("schema", "HEAD"), ("schema?format=xml", None), ("rows.csv", None), ("rows.csv", "HEAD"),
              ("rows.ndjson", None), ("rows.xml", "HEAD"), ("rows", None), ("rows.csv?limit=0", None),
              ("rows.csv?page=2&total_pages=3", None), ("rows.csv?digest=sha-256&dialect=excel", None),
              ("/export", None), ("/export", "HEAD")]


def test_it_is_the_same_everywhere(site, token):
    right = computed(AS_TOLD)
    for path, method in EVERYWHERE:
        assert fingerprint_of(site, token, path, method) == right, (path, method)
    schema = ask(site, token, "schema").json()
    assert (schema["table"], schema["fingerprint"], told(schema)) == ("items", right, AS_TOLD)


@pytest.mark.parametrize("columns, right", [
    ("price,id", [PRICE, ID]), ("id,price", [ID, PRICE]), ("id", [ID]), ("id,id", [ID, ID | {"name": "id_2"}]),
    ("id:key,name", [ID | {"name": "key"}, NAME])])
def test_it_is_that_of_the_columns_asked_for(nginx, token, columns, right):
    schema = ask(nginx, token, f"schema?columns={columns}").json()
    assert (told(schema), schema["fingerprint"]) == (right, computed(right))
    for path, method in (("rows.csv", None), ("rows.ndjson", "HEAD"), ("/export", None)):
        assert fingerprint_of(nginx, token, f"{path}?columns={columns}" if path != "/export" else path, method) == (
            computed(right if path != "/export" else AS_TOLD))
    assert ask(nginx, token, f"rows.csv?columns={columns}", computed(right)).status == 200
    refused(ask(nginx, token, f"rows.csv?columns={columns}", computed(AS_TOLD)), computed(right))


def test_it_does_not_change_with_the_data(nginx, token, postgres):
    before = fingerprint_of(nginx, token)
    for sql in ("DELETE FROM drift.items WHERE id > 3", "UPDATE drift.items SET ratio = 'NaN'", "ANALYZE drift.items",
                "CREATE INDEX ON drift.items (name)", "TRUNCATE drift.items"):
        postgres.execute(sql)
        assert fingerprint_of(nginx, token) == before, sql
    make(postgres, COLUMNS)
    assert fingerprint_of(nginx, token) == before


# ---- what has changed

def column(was, **members):
    return was | members


def change(name, was, now):
    return {"name": name, "was": {key: was[key] for key in was if key != "name"},
            "is": {key: now[key] for key in now if key != "name"}}


NUMERIC_3 = column(PRICE, sourceType="numeric(12,3)", scale=3)
NOTHING = {"added": [], "removed": [], "changed": [], "reordered": False}
CHANGES = {
    "type": ("ALTER TABLE drift.items ALTER id TYPE int",
             {"changed": [change("id", ID, column(ID, type="int32", sourceType="integer"))]}),
    "nullability": ("ALTER TABLE drift.items ALTER name DROP NOT NULL",
                    {"changed": [change("name", NAME, column(NAME, nullable=True))]}),
    "no more nulls": ("ALTER TABLE drift.items ALTER ratio SET NOT NULL",
                      {"changed": [change("ratio", RATIO, column(RATIO, nullable=False))]}),
    "scale": ("ALTER TABLE drift.items ALTER price TYPE numeric(12,3)", {"changed": [change("price", PRICE, NUMERIC_3)]}),
    "the source's type alone": ("ALTER TABLE drift.items ALTER name TYPE varchar(21)", {
        "changed": [change("name", NAME, column(NAME, sourceType="character varying(21)"))]}),
    "name": ("ALTER TABLE drift.items RENAME name TO title",
             {"added": [column(NAME, name="title")], "removed": [NAME]}),
    "more": ("ALTER TABLE drift.items ADD seen bool", {
        "added": [column(SIZE, name="seen", type="bool", sourceType="boolean")]}),
    "fewer": ("ALTER TABLE drift.items DROP \"größe, \"\"x\"\"\", DROP price", {"removed": [PRICE, SIZE]}),
    "order": (None, {"reordered": True}),
    "all at once": (
        "ALTER TABLE drift.items DROP name, ADD name int, ALTER price TYPE numeric(12,3), ADD at date, DROP ratio", {
            "added": [column(SIZE, name="at", type="date32", sourceType="date")], "removed": [RATIO],
            "changed": [change("price", PRICE, NUMERIC_3),
                        change("name", NAME, column(NAME, type="int32", sourceType="integer", nullable=True))],
            "reordered": True}),
}


@pytest.mark.parametrize("kind", CHANGES)
def test_a_change_is_refused_and_told(site, token, postgres, kind):
    sql, difference = CHANGES[kind]
    before = fingerprint_of(site, token)
    for path, method in (("rows.csv", None), ("schema", None), ("rows.csv", "HEAD")):
        assert ask(site, token, path, before, method).status == 200
    if sql:
        postgres.execute(sql)
    else:
        make(postgres, ", ".join([*COLUMNS.split(", ", 2)[1::-1], COLUMNS.split(", ", 2)[2]]))
    after = fingerprint_of(site, token)
    assert after == computed(told(ask(site, token, "schema").json())) != before
    exports = set(postgres.execute("SELECT id FROM sluice.outcomes"))
    for path, method in (("rows.csv", None), ("rows.ndjson", None), ("schema", None), ("/export", None),
                         ("rows.csv", "HEAD"), ("schema", "HEAD")):
        said = refused(ask(site, token, path, before, method), after, method)
        if said:
            assert said["difference"] == {"from": before} | NOTHING | difference, path
    assert set(postgres.execute("SELECT id FROM sluice.outcomes")) <= exports  # nothing was begun; old ones may go
    assert ask(site, token, match=after).status == 200


def test_a_change_back_is_none(nginx, token, postgres):
    before = fingerprint_of(nginx, token)
    postgres.execute("ALTER TABLE drift.items ALTER id TYPE int")
    assert fingerprint_of(nginx, token) != before
    postgres.execute("ALTER TABLE drift.items ALTER id TYPE bigint")
    assert ask(nginx, token, match=before).status == 200


def test_the_difference_is_from_the_first_that_is_known(nginx, token, postgres):
    first = fingerprint_of(nginx, token)
    postgres.execute("ALTER TABLE drift.items DROP price")
    second = fingerprint_of(nginx, token)
    postgres.execute("ALTER TABLE drift.items DROP ratio")
    now = fingerprint_of(nginx, token)
    for match, known, removed in ((f'"{first}", "{second}"', first, [PRICE, RATIO]),
                                  (f"{UNKNOWN},{second},{first}", second, [RATIO])):
        said = refused(ask(nginx, token, match=match), now)
        assert said["difference"] == {"from": known} | NOTHING | {"removed": removed}


# ---- If-Schema-Match

@pytest.mark.parametrize("match", ['"{}"', "{}", '"x", "{}"', "x,{}", '"{}" , y', ",{},,", '\t"{}"', "*",
                                   ",".join(["x"] * 63) + ",{}"])
def test_it_holds(site, token, match):
    match = match.format(fingerprint_of(site, token))
    for path, method in (("rows.csv", None), ("schema", None), ("/export", None), ("rows.ndjson", "HEAD")):
        answer = ask(site, token, path, match, method)
        assert (answer.exit, answer.status) == (0, 200), path
    assert ask(site, token, match=match).body == ask(site, token).body


@pytest.mark.parametrize("match", ['"', '""', '"{}', '{}"', "{} {}", 'W/"{}"', "*, {}", "{},*", "{};q=1", '"{},{}"', "{}=",
                                   ",", '{}, "größe"', ",".join(["x"] * 64) + ",{}"])
def test_it_makes_no_sense(site, token, match):
    """Refused, even where it holds what would match: what else was meant is not known."""
    match = match.format(*[fingerprint_of(site, token)] * 2)
    for path in ("rows.csv", "schema", "/export"):
        assert "If-Schema-Match" in problem.check(ask(site, token, path, match), 400)["detail"]
    assert ask(site, token, "rows.csv", match, "HEAD").status == 400


@pytest.mark.parametrize("match", [UNKNOWN, f'"{UNKNOWN}", "x"', "x", "{}x", "x{}", "{:.23}", '"{:.1}"'])
def test_nobody_knows_what_it_was(site, token, match):
    now = fingerprint_of(site, token)
    said = refused(ask(site, token, match=match.format(now)), now)
    assert "difference" not in said and "not known here" in said["detail"]


def test_other_refusals_come_first(nginx, token):
    for path, status in (("rows.csv?columns=nothing", 400), ("rows.nothing", 406), ("schema?columns=nothing", 400)):
        assert ask(nginx, token, path, UNKNOWN).status == status
    assert curl(f"{nginx.url}/api/v1/tables/nothing/rows.csv", token, headers={"If-Schema-Match": UNKNOWN}).status == 404
    assert curl(f"{nginx.url}/api/v1/tables/items/rows.csv", headers={"If-Schema-Match": UNKNOWN}).status == 401


# ---- where schemas are kept

def kept(postgres, what="count(*)", fingerprint=None):
    return postgres.execute(f"SELECT {what} FROM sluice.schemas WHERE fingerprint = '{fingerprint}'")[0][0]


def new_worker(site):
    for pid in site.workers("stream"):
        faults.leave(pid)


@pytest.mark.workers_die
def test_each_process_writes_a_schema_once(nginx, token, postgres):
    new_worker(nginx)
    postgres.execute("DELETE FROM sluice.schemas")
    now = fingerprint_of(nginx, token, method=None)
    assert kept(postgres, "columns", now) == AS_TOLD
    postgres.execute("DELETE FROM sluice.schemas")
    assert fingerprint_of(nginx, token, "rows.csv", None) == fingerprint_of(nginx, token, "rows.ndjson") == now
    assert kept(postgres, fingerprint=now) == 0
    new_worker(nginx)
    fingerprint_of(nginx, token)
    assert kept(postgres, fingerprint=now) == 1


@pytest.mark.workers_die
@pytest.mark.parametrize("age, is_fresh", [("2 days", True), ("2 hours", False)])
def test_a_schema_is_seen_again_once_a_day(nginx, token, postgres, age, is_fresh):
    now = fingerprint_of(nginx, token)
    postgres.execute(f"UPDATE sluice.schemas SET seen = now() - interval '{age}'")
    new_worker(nginx)
    fingerprint_of(nginx, token)
    assert kept(postgres, "seen > now() - interval '1 hour'", now) is is_fresh


@pytest.mark.workers_die
def test_a_schema_that_nobody_saw_for_a_year_is_forgotten(nginx, token, postgres):
    postgres.execute("INSERT INTO sluice.schemas VALUES"
                     f" ('{UNKNOWN[::-1]}', '[]', now() - interval '367 days'), ('{UNKNOWN}', '[]', now() - interval '364 days')")
    new_worker(nginx)
    fingerprint_of(nginx, token)
    assert (kept(postgres, fingerprint=UNKNOWN[::-1]), kept(postgres, fingerprint=UNKNOWN)) == (0, 1)
    postgres.execute(f"DELETE FROM sluice.schemas WHERE fingerprint = '{UNKNOWN}'")


def test_without_a_metadata_database(make_site, token, postgres):
    site = make_site(settings={"metadata": {"database": ""}, "tables": {"items": {"name": "drift.items"}}})
    before = fingerprint_of(site, token)
    assert ask(site, token, match=before).status == 200
    postgres.execute("ALTER TABLE drift.items DROP price")
    for path in ("rows.csv", "schema"):
        said = refused(ask(site, token, path, before), fingerprint_of(site, token))
        assert "difference" not in said and "no metadata database" in said["detail"]


def test_the_metadata_database_is_down(make_site, spare_postgres, front, token, postgres):
    """What does not need it is answered; an export that is asked to match is refused for what is wrong with it."""
    if not spare_postgres.server:
        spare_postgres.start()
    site = make_site(front=front, workers=(1, 1), settings={
        "databases": {"main": {"conninfo": postgres.conninfo()}, "kept": {"conninfo": spare_postgres.conninfo()}},
        "metadata": {"database": "kept"},
        "tables": {**dict.fromkeys(config.TABLES), "items": {"database": "main", "name": "drift.items"}}})
    before = fingerprint_of(site, token)
    spare_postgres.stop()
    postgres.execute("ALTER TABLE drift.items DROP price")
    now = fingerprint_of(site, token)
    assert fingerprint_of(site, token, "schema", None) == now
    assert ask(site, token, "schema", now).status == ask(site, token, "rows.csv", now, "HEAD").status == 200
    for path in ("rows.csv", "schema"):
        said = refused(ask(site, token, path, before), now)
        assert "difference" not in said and "cannot be reached" in said["detail"]
    for match in (None, now, "*"):
        assert ask(site, token, match=match).status == 503  # its outcome could not be noted
    warnings = [record["msg"] for record in faults.log_records(site) if record["level"] == "warn"]
    assert "a schema could not be kept" in warnings
    spare_postgres.start()
    assert ask(site, token, match=now).status == 200
    assert refused(ask(site, token, match=before), now)["difference"] == (
        {"from": before} | NOTHING | {"removed": [PRICE]})
    assert kept(spare_postgres, fingerprint=now) == 1


# ---- what does not arrive exactly

def test_the_lossy_lists_agree(site, token):
    schema = ask(site, token, "schema").json()
    formats = list(schema["lossy"])
    assert {"csv", "ndjson", "xml"} <= set(formats)
    for name in formats:
        for one in schema["columns"]:
            assert list(one["written"][name]) == ["type", "lossy"] and one["written"][name]["type"]
        assert schema["lossy"][name] == [one["name"] for one in schema["columns"] if one["written"][name]["lossy"]]
        alone = ask(site, token, f"schema?format={name}").json()
        assert alone["lossy"] == {name: schema["lossy"][name]}
        assert all(one["written"] == {name: schema["columns"][i]["written"][name]}
                   for i, one in enumerate(alone["columns"]))
        answer = ask(site, token, f"rows.{name}")
        how = faults.ended(site, token, answer.headers["sluice-export-id"])
        assert (how["schema"], how["lossy"]) == (schema["fingerprint"], schema["lossy"][name])


@pytest.mark.parametrize("options, lossy", [("", ["ratio", "nan"]), ("nan=string", [])])
def test_the_lossy_list_is_of_the_options(nginx, token, postgres, options, lossy):
    """The judge: what became of a NaN."""
    postgres.execute("ALTER TABLE drift.items DROP price, ADD nan real; UPDATE drift.items SET nan = 'NaN'")
    schema = ask(nginx, token, f"schema?format=ndjson&{options}".rstrip("&")).json()
    assert schema["lossy"] == {"ndjson": lossy}
    answer = ask(nginx, token, f"rows.ndjson?{options}")
    assert (b'"nan":null' in answer.body) is ("nan" in lossy)
    assert faults.ended(nginx, token, answer.headers["sluice-export-id"])["lossy"] == lossy
    of_some = ask(nginx, token, f"rows.ndjson?columns=nan:other,id&{options}")
    assert faults.ended(nginx, token, of_some.headers["sluice-export-id"])["lossy"] == (["other"] if lossy else [])


def test_of_a_running_and_of_a_failed_export(streaming_site, token, postgres):
    """streaming_site: the views of the faults."""
    with Download(faults.rows_url(streaming_site, "pausing", "ndjson"), token) as download:
        faults.wait_query(postgres, "pausing")
        export_id = faults.running_id(postgres, "pausing")
        download.wait_received()
        how = faults.outcome(streaming_site, token, export_id).json()
        assert (how["state"], how["schema"], how["lossy"]) == ("running", None, None)
        faults.terminate(postgres, "pausing")
        schema = download.answer().headers["sluice-schema"]
    how = faults.ended(streaming_site, token, export_id)
    assert (how["state"], how["schema"], how["lossy"]) == ("failed", schema, [])


# ---- the parameters of the schema route

@pytest.mark.parametrize("query, said", [
    ("format=nothing", "csv"), ("format=", "csv"), ("header=none", "format="), ("nan=string", "format="),
    ("format=csv&nan=string", "nan"), ("format=ndjson&header=absent", "header"), ("format=csv&delimiter=ab", "delimiter"),
    ("limit=1", "limit"), ("columns=", "columns"), ("columns=id,nothing", "nothing"), ("page=1", "page")])
def test_parameters_that_do_not_fit(nginx, token, query, said):
    assert said in problem.check(ask(nginx, token, f"schema?{query}"), 400)["detail"]


def test_parameters_that_change_what_is_written_only(nginx, token):
    for query in ("format=csv&dialect=excel-eu", "format=ndjson&bigint=string&decimal=string", "format=xml&root=r",
                  "format=csv&tz=Europe/Vilnius"):
        answer = ask(nginx, token, f"schema?{query}")
        assert (answer.status, answer.json()["fingerprint"]) == (200, computed(AS_TOLD)), query
    plain, as_text = (ask(nginx, token, f"schema?format=ndjson{more}").json()["columns"][0]["written"]["ndjson"]["type"]
                      for more in ("", "&bigint=string"))
    assert (plain, as_text) == ("number", "string")

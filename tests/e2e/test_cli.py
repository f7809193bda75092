"""The command line and a live database: config, migrate, catalog init, and what it says when it is called wrongly."""

import json
import os
import shutil
import subprocess

import pytest

from harness import config
from harness.client import curl

TABLES = """
CREATE SCHEMA cli;
CREATE TABLE cli.users (id int PRIMARY KEY, name text, "Odd ""Name"", ü" text);
INSERT INTO cli.users VALUES (1, 'one', 'odd');
CREATE TABLE cli."Mixed-Case" (a int, b int, PRIMARY KEY (a, b));
CREATE TABLE cli."1st" (id int PRIMARY KEY, secret text);
CREATE VIEW cli.seen AS SELECT name FROM cli.users;
CREATE MATERIALIZED VIEW cli.kept AS SELECT id FROM cli.users;
CREATE TABLE cli.parts (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE cli.part_1 PARTITION OF cli.parts FOR VALUES FROM (0) TO (10);
CREATE TABLE cli.closed AS SELECT 1 AS v;
CREATE SEQUENCE cli.counter;
GRANT USAGE ON SCHEMA cli TO sluice;
GRANT SELECT ON cli.users, cli."Mixed-Case", cli.seen, cli.kept, cli.parts, cli.part_1, cli.counter TO sluice;
GRANT SELECT (id) ON cli."1st" TO sluice;
"""


@pytest.fixture(scope="module")
def folder(top):
    path = os.path.join(top, "cli")
    os.mkdir(path)
    return path


@pytest.fixture(scope="module")
def run(prefix, postgres, folder):
    """run(*args, conf=…, env=…): the program, with the default configuration or another one (a dict, or text)."""
    for name in ("log", "state", "stage"):
        os.mkdir(os.path.join(folder, name))
    with open(os.path.join(folder, "jwks.json"), "w", encoding="utf-8") as f:
        f.write('{"keys": []}')

    schema = {"SLUICE_SCHEMA_DIR": os.path.join(prefix, "share", "sluice", "schema")}

    def call(*args, conf=None, env=None):
        path = os.path.join(folder, "sluice.conf")
        with open(path, "w", encoding="utf-8") as f:
            f.write(conf if isinstance(conf, str) else json.dumps(conf or config.default(folder, postgres)))
        environment = {**os.environ, **schema, "SLUICE_CONFIG": path, **(env or {})}
        return subprocess.run([os.path.join(prefix, "bin", "sluice"), *args], env=environment, capture_output=True,
                              text=True, timeout=120, check=False)
    return call


def printed(done):
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout


def failed(done, status=1):
    """One line that says why."""
    assert (done.returncode, done.stdout) == (status, ""), done
    assert done.stderr.endswith("\n") and done.stderr.count("\n") == 1, done.stderr
    return done.stderr


# ---- config

def test_config_prints_what_is_in_effect(run, folder):
    said = json.loads(printed(run("config")))
    assert said["databases"]["main"]["conninfo"] == "***" and said["databases"]["main"]["wire"] == "fast"
    assert said["limits"] | {"requests": 0, "window": "1min", "query_time": "5min"} == said["limits"]
    assert said["secret"]["key"] == "" and said["roles"]["viewer"] == ["viewer", "scope:sluice.view"]
    assert said["tables"]["some_users"]["columns"] == ["email", "user_id"]
    assert said["state"]["dir"] == f"{folder}/state"
    assert json.loads(printed(run("config", conf=json.dumps(said)))) == said


def test_config_follows_references_to_secrets(run, folder, postgres):
    settings = config.default(folder, postgres)
    settings["databases"]["main"]["conninfo"] = "env:SHOP"
    out = printed(run("config", conf=settings, env={"SHOP": "host=db password=hush"}))
    assert "hush" not in out and json.loads(out)["databases"]["main"]["conninfo"] == "***"
    assert "SHOP" in failed(run("config", conf=settings))
    settings["databases"]["main"]["conninfo"] = f"file:{folder}/nothing"
    assert f"{folder}/nothing" in failed(run("config", conf=settings))


def test_config_names_file_line_and_the_nearest_key(run, folder, postgres):
    right = json.dumps(config.default(folder, postgres), indent="\t")
    said = failed(run("config", conf="// two lines\n\n" + right.replace('"requests"', '"request"')))
    line = 3 + right[:right.index('"requests"')].count("\n")
    assert f"{folder}/sluice.conf:{line}: " in said and "limits.requests" in said
    assert "conf:2" in failed(run("config", conf='{\n "log": }'))
    assert "nowhere.conf" in failed(run("--config", f"{folder}/nowhere.conf", "config"))


def test_keys_have_help(run):
    rows = [line.split("\t") for line in printed(run("config", "--keys", conf="not read")).splitlines()]
    assert all(len(row) == 3 and row[0] and row[2] for row in rows) and len(rows) > 25
    assert ["limits.page_rows", "100000"] in [row[:2] for row in rows]
    assert len({row[0] for row in rows}) == len(rows)


# ---- migrate

@pytest.fixture
def metadata(postgres, folder):
    """A configuration whose metadata database is empty and of its own."""
    postgres.execute("CREATE DATABASE metadata", dbname="postgres")
    postgres.execute("GRANT CREATE ON DATABASE metadata TO sluice", dbname="postgres")
    settings = config.default(folder, postgres)
    yield {**settings, "databases": {"kept": {"conninfo": postgres.conninfo(dbname="metadata")}},
           "metadata": {"database": "kept"}}
    postgres.execute("DROP DATABASE metadata WITH (FORCE)", dbname="postgres")  # sessions may still be about to end


def applied(postgres):
    return postgres.execute("SELECT name FROM sluice.migrations ORDER BY name", dbname="metadata")


def test_migrate_applies_each_file_once(run, metadata, postgres, prefix):
    names = sorted(os.listdir(os.path.join(prefix, "share", "sluice", "schema")))
    assert printed(run("migrate", conf=metadata)) == "".join(f"{name}: applied\n" for name in names)
    assert printed(run("migrate", conf=metadata)) == "".join(f"{name}: was applied before\n" for name in names)
    assert applied(postgres) == [(name,) for name in names]
    assert postgres.execute("SELECT count(*) FROM sluice.outcomes", dbname="metadata") == [(0,)]


def test_migrate_brings_up_what_an_older_version_made(run, metadata, postgres, folder, prefix):
    """Outcomes that were noted stay, and say nothing of a schema."""
    shipped, older = os.path.join(prefix, "share", "sluice", "schema"), os.path.join(folder, "older")
    os.mkdir(older)
    shutil.copy(os.path.join(shipped, "0001_outcomes.sql"), older)
    printed(run("migrate", "--dir", older, conf=metadata))
    postgres.execute("INSERT INTO sluice.outcomes (id, state, sub, route, ended, expires)"
                     " VALUES (gen_random_uuid(), 'succeeded', 's', 'r', now(), now())", dbname="metadata")
    assert printed(run("migrate", conf=metadata)).startswith("0001_outcomes.sql: was applied before\n0002_schemas.sql: applied\n")
    assert postgres.execute("SELECT state, schema_fingerprint, lossy FROM sluice.outcomes",
                            dbname="metadata") == [("succeeded", None, None)]
    assert postgres.execute("SELECT count(*) FROM sluice.schemas", dbname="metadata") == [(0,)]


def test_a_migration_that_was_changed_or_fails_is_refused(run, metadata, postgres, folder):
    migrations = os.path.join(folder, "migrations")
    os.mkdir(migrations)

    def write(name, text):
        with open(os.path.join(migrations, name), "w", encoding="utf-8") as f:
            f.write(text)
    write("0001_first.sql", "CREATE TABLE sluice.first (v int);\n")
    write("README", "not a migration")
    assert printed(run("migrate", "--dir", migrations, conf=metadata)) == "0001_first.sql: applied\n"
    write("0002_second.sql", "CREATE TABLE sluice.second (v int);\n\n-- ü\nCREATE TABLE sluice.second (v int);\n")
    done = run("migrate", "--dir", migrations, conf=metadata)
    assert (done.returncode, done.stdout) == (1, "0001_first.sql: was applied before\n")
    assert "0002_second.sql" in done.stderr and done.stderr.count("\n") == 1
    assert postgres.execute("SELECT to_regclass('sluice.second')", dbname="metadata") == [(None,)]
    write("0001_first.sql", "CREATE TABLE sluice.first (v bigint);\n")
    said = failed(run("migrate", "--dir", migrations, conf=metadata))
    assert "0001_first.sql was changed after it was applied" in said
    assert applied(postgres) == [("0001_first.sql",)]


def test_migrate_needs_a_metadata_database(run, folder, postgres):
    settings = config.default(folder, postgres)
    assert "metadata.database" in failed(run("migrate", conf=settings | {"metadata": {"database": ""}}))
    settings["databases"]["main"]["conninfo"] = f"host={postgres.host} port=1"
    assert "cannot be reached" in failed(run("migrate", conf=settings))
    assert "/nowhere" in failed(run("migrate", "--dir", "/nowhere"))


# ---- catalog init

@pytest.fixture(scope="module")
def catalog(run, postgres):
    postgres.execute(TABLES)
    return printed(run("catalog", "init", "--schema", "cli"))


def test_catalog_init_lists_what_may_be_read(catalog):
    assert json.loads(catalog)["tables"] == {
        "_1st": {"database": "main", "name": 'cli."1st"', "columns": ["id"], "primary_key": "id"},
        "Mixed_Case": {"database": "main", "name": 'cli."Mixed-Case"', "columns": ["a", "b"], "primary_key": ""},
        "kept": {"database": "main", "name": "cli.kept", "columns": ["id"], "primary_key": ""},
        "parts": {"database": "main", "name": "cli.parts", "columns": ["id"], "primary_key": "id"},
        "seen": {"database": "main", "name": "cli.seen", "columns": ["name"], "primary_key": ""},
        "users": {"database": "main", "name": "cli.users", "columns": ["id", "name", 'Odd "Name", ü'],
                  "primary_key": "id"}}


def test_a_configuration_that_includes_it_serves_those_tables(catalog, make_site, token):
    site = make_site(settings={"tables": None})
    assert curl(site.url + "/tables", token).json()["count"] == 0
    os.mkdir(site.path("tables.d"))
    with open(site.path("tables.d", "cli.conf"), "w", encoding="utf-8") as f:
        f.write(catalog)
    config.write(site.config, site.settings | {"include": ["tables.d/*.conf"]})
    site.sluice("config")
    for pool in site.pools.values():
        pool.stop()
    for pool in list(site.pools):
        site.start_pool(pool, 1)
    listed = curl(site.url + "/tables", token).json()["tables"]
    assert {table["key"]: (table["columns"], table["primary_key"] or "") for table in listed} == {
        key: (entry["columns"], entry["primary_key"]) for key, entry in json.loads(catalog)["tables"].items()}
    for table in listed:
        assert curl(f"{site.url}/api/v1/tables/{table['key']}/rows.csv", token).status == 200
    users = curl(f"{site.url}/api/v1/tables/users/rows.csv", token).text()
    assert users == 'id,name,"Odd ""Name"", ü"\r\n1,one,odd\r\n'


def test_catalog_init_takes_all_schemas_and_gives_new_keys(catalog, run, folder, postgres):
    tables = json.loads(printed(run("catalog", "init")))["tables"]
    assert tables["users"]["name"] == "public.users" and tables["cli_users"]["name"] == "cli.users"
    assert not {"pg_class", "outcomes", "migrations", "closed", "part_1"} & set(tables)
    assert tables["projects"]["primary_key"] == "project_id"
    settings = config.default(folder, postgres)
    said = json.loads(printed(run("config", conf={**settings, "tables": tables})))["tables"]
    assert {key: {name: said[key][name] for name in table} for key, table in tables.items()} == tables
    assert said.keys() == tables.keys()


def test_catalog_init_says_what_is_wrong(run, folder, postgres):
    assert '"nowhere"' in failed(run("catalog", "init", "--schema", "nowhere"))
    assert '"other"' in failed(run("catalog", "init", "--database", "other"))
    settings = config.default(folder, postgres)
    settings["databases"]["main"] = {"conninfo": f"host={postgres.host} port=1"}
    assert "cannot be reached" in failed(run("catalog", "init", conf=settings))


# ---- being called

def test_wrong_calls_are_2_and_one_line(run):
    for args in ((), ("nothing",), ("config", "more"), ("catalog",), ("init", "catalog"), ("config", "--dir", "x"),
                 ("migrate", "--keys"), ("config", "--schema", "x"), ("--nothing",), ("-c",), ("-x",),
                 ("catalog", "init", "--database"), ("config", "--keys=x")):
        assert "sluice" in failed(run(*args), 2), args


def test_version_and_help(run):
    assert printed(run("--version")).startswith("sluice ")
    said = printed(run("--help"))
    assert said == printed(run("-h")) == printed(run("config", "--help"))
    for word in ("config", "migrate", "catalog init", "--keys", "--dir", "--database", "--schema", "--config"):
        assert word in said


def test_output_that_cannot_be_written_is_a_failure(prefix, run):
    printed(run("config"))
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run([os.path.join(prefix, "bin", "sluice"), "config", "--keys"], stdout=full,
                              stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1 and done.stderr.count("\n") == 1

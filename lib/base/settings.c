#include "lib/base/settings.h"

#include <string.h>

#include "lib/base/conf.h"
#include "lib/base/nearest.h"
#include "lib/base/settings_check.h"

#define TOP(field)      offsetof(struct settings, field)
#define DATABASE(field) offsetof(struct settings_database, field)
#define TABLE(field)    offsetof(struct settings_table, field)
#define POLICY(field)   offsetof(struct settings_policy, field)

enum { MS = 1000, SECOND = 1000 * MS };

/* clang-format off */
static const struct conf_key keys[] = {
	{ NULL, "include", CONF_INCLUDE, 0, 0, "", NULL, 0,
		"further files with databases, tables and policies: a pattern, or several" },

	{ "log", "file", CONF_TEXT, 0, TOP(log_file), "", NULL, 0,
		"file that the log is appended to; empty: standard error" },
	{ "log", "level", CONF_LEVEL, 0, TOP(log_level), "request", NULL, 0,
		"least urgent lines that are kept: error, warn, info, request or debug" },

	{ "auth", "jwks", CONF_TEXT, 0, TOP(auth_jwks), "", NULL, 0,
		"the issuer's key set: an https:// URL or file:/path; empty: as the issuer's discovery document says" },
	{ "auth", "issuer", CONF_TEXT, CONF_REQUIRED, TOP(auth_issuer), "", NULL, 0,
		"what a token's iss must be" },
	{ "auth", "audience", CONF_TEXT, CONF_REQUIRED, TOP(auth_audience), "", NULL, 0,
		"what a token's aud must be or hold" },
	{ "auth", "algorithms", CONF_LIST, CONF_REQUIRED, TOP(auth_algorithms), "RS256,ES256",
		"RS256,ES256", 0, "signatures that are accepted" },
	{ "auth", "skew", CONF_DURATION, 0, TOP(auth_skew_us), "30s", NULL, 0,
		"how far the issuer's clock may be off, either way" },
	{ "auth", "refresh", CONF_DURATION, 0, TOP(auth_refresh_us), "60s", NULL, 0,
		"least time between two fetches of the key set" },
	{ "auth", "timeout", CONF_DURATION, 0, TOP(auth_timeout_us), "5s", NULL, MS,
		"most time that one fetch of the key set may take" },
	{ "auth", "max_bytes", CONF_SIZE, 0, TOP(auth_max_bytes), "256K", NULL, 1,
		"most that a key set may weigh" },
	{ "auth", "ca", CONF_TEXT, 0, TOP(auth_ca), "", NULL, 0,
		"PEM file of authorities for the issuer's host; empty: the system's" },
	{ "auth", "nbf", CONF_TEXT, 0, TOP(auth_nbf), "required", "required,optional", 0,
		"whether a token must say from when it holds (nbf); where it does, that is checked" },
	{ "auth", "role_claim", CONF_TEXT, 0, TOP(auth_role_claim), "roles", NULL, 0,
		"claim that holds the caller's roles: a string or an array; a.b is b within a" },
	{ "auth", "scope_claim", CONF_TEXT, 0, TOP(auth_scope_claim), "scope", NULL, 0,
		"claim that holds the token's scopes: words parted by spaces, or an array" },
	{ "auth", "tenant_claim", CONF_TEXT, 0, TOP(auth_tenant_claim), "tenant_id", NULL, 0,
		"claim that holds the caller's tenant: a string or a whole number" },

	{ "roles", "viewer", CONF_LIST, 0, TOP(roles_viewer), "viewer,scope:sluice.view", NULL, 0,
		"roles, and scopes as scope:NAME, that may see tables and ask queries" },
	{ "roles", "exporter", CONF_LIST, 0, TOP(roles_exporter), "exporter,scope:sluice.export",
		NULL, 0, "the same that may also stream and export" },
	{ "roles", "admin", CONF_LIST, 0, TOP(roles_admin), "admin,scope:sluice.admin", NULL, 0,
		"the same that may also see what others did" },

	{ "secret", "key", CONF_TEXT, CONF_SECRET, TOP(secret_key), "", NULL, 0,
		"what hash masks and page tokens are keyed with, 32 characters or more, env:NAME or "
		"file:/path; empty: one made in state.dir, and no hash masks" },
	{ "secret", "previous", CONF_TEXT, CONF_SECRET, TOP(secret_previous), "", NULL, 0,
		"the secret before this one, while links that it signed are about; empty: none" },

	{ "links", "base", CONF_TEXT, 0, TOP(links_base), "", NULL, 0,
		"what the URLs of links begin with, such as https://data.example.com; empty: they "
		"are told without a host" },

	{ "limits", "requests", CONF_INTEGER, 0, TOP(limits_requests), "100", NULL, 0,
		"requests that one principal may make in a window; 0: any number" },
	{ "limits", "window", CONF_DURATION, 0, TOP(limits_window_us), "60s", NULL, SECOND,
		"length of the window" },
	{ "limits", "page_rows", CONF_INTEGER, 0, TOP(limits_page_rows), "100000", NULL, 1,
		"most rows that a page may hold" },
	{ "limits", "query_rows", CONF_INTEGER, 0, TOP(limits_query_rows), "5000", NULL, 1,
		"most rows that a page of a query may hold" },
	{ "limits", "query_bytes", CONF_SIZE, 0, TOP(limits_query_bytes), "64M", NULL, 1024,
		"most that such a page may weigh" },
	{ "limits", "query_depth", CONF_INTEGER, 0, TOP(limits_query_depth), "16", NULL, 1,
		"how deep a query's expressions may be nested" },
	{ "limits", "query_items", CONF_INTEGER, 0, TOP(limits_query_items), "1000", NULL, 1,
		"most items in a list of a query, and four times as many expressions in all" },
	{ "limits", "query_pattern", CONF_SIZE, 0, TOP(limits_query_pattern), "256", NULL, 1,
		"most bytes of a pattern of like and ilike" },
	{ "limits", "query_cost", CONF_INTEGER, 0, TOP(limits_query_cost), "20000000", NULL, 0,
		"most that a query may cost, as the planner estimates; 0: any" },
	{ "limits", "query_scan", CONF_SIZE, 0, TOP(limits_query_scan), "4G", NULL, 0,
		"largest table that a query may read whole; 0: any" },
	{ "limits", "query_time", CONF_DURATION, 0, TOP(limits_query_time_us), "5min", NULL, SECOND,
		"most time that a query's statement may take" },
	{ "limits", "jobs", CONF_INTEGER, 0, TOP(limits_jobs), "10", NULL, 1,
		"most exports of a tenant that run at once as jobs; more wait their turn" },
	{ "limits", "events", CONF_INTEGER, 0, TOP(limits_events), "8", NULL, 0,
		"most streams of a job's events at once, each of which holds a process; 0: none" },
	{ "limits", "events_time", CONF_DURATION, 0, TOP(limits_events_time_us), "60s", NULL, SECOND,
		"after which such a stream ends, and its client asks for the next" },
	{ "limits", "schedules", CONF_INTEGER, 0, TOP(limits_schedules), "100", NULL, 0,
		"most schedules of one user; 0: none" },

	{ "cache", "redis", CONF_TEXT, CONF_SECRET, TOP(cache_redis), "", NULL, 0,
		"where answers to queries are kept: redis://[:PASSWORD@]HOST[:PORT][/DB] or unix:/path; "
		"empty: the metadata database" },
	{ "cache", "keep", CONF_DURATION, 0, TOP(cache_keep_us), "10min", NULL, 0,
		"how long; 0: nothing is kept" },
	{ "cache", "max_bytes", CONF_SIZE, 0, TOP(cache_max_bytes), "4M", NULL, 1,
		"largest answer that is kept, compressed" },

	{ "state", "dir", CONF_TEXT, CONF_REQUIRED, TOP(state_dir), "/run/sluice", NULL, 0,
		"directory of what the processes share: rate limits, the key set" },
	{ "stage", "dir", CONF_TEXT, CONF_REQUIRED, TOP(stage_dir), "/var/lib/sluice/stage",
		NULL, 0, "directory of bodies that are staged before or while they are sent" },
	{ "stage", "max_bytes", CONF_SIZE, 0, TOP(stage_max_bytes), "10G", NULL, 1,
		"most that may wait on disk of one body" },
	{ "stage", "slow_rate", CONF_SIZE, 0, TOP(stage_slow_rate), "2M", NULL, 0,
		"bytes a second that a client must take, or its rows are staged; 0: they never are" },
	{ "stage", "slow_after", CONF_DURATION, 0, TOP(stage_slow_after_us), "10s", NULL,
		100 * MS, "how long a client may take less" },

	{ "metadata", "database", CONF_TEXT, 0, TOP(metadata_database), "", NULL, 0,
		"key of the database that keeps the outcome of exports; empty: none is kept" },
	{ "metadata", "keep", CONF_DURATION, 0, TOP(metadata_keep_us), "24h", NULL, SECOND,
		"how long an outcome can be asked" },

	{ "audit", "required", CONF_TEXT, 0, TOP(audit_required), "no", "no,required", 0,
		"required: rows are refused while nobody can write down who takes them" },
	{ "audit", "keep", CONF_DURATION, 0, TOP(audit_keep_us), "0", NULL, 0,
		"how long its lines are kept; 0: for ever" },
	{ "audit", "deliveries", CONF_TEXT, 0, TOP(audit_deliveries),
		"/var/log/sluice/deliveries.log", NULL, 0,
		"where the web server writes down what it sent of downloads; empty: nowhere" },

	{ "jobs", "keep", CONF_DURATION, 0, TOP(jobs_keep_us), "30d", NULL, SECOND,
		"how long an export's files are kept" },
	{ "jobs", "lease", CONF_DURATION, 0, TOP(jobs_lease_us), "30s", NULL, SECOND,
		"how long a worker may be silent before its job is given to another" },
	{ "jobs", "max_bytes", CONF_SIZE, 0, TOP(jobs_max_bytes), "100G", NULL, 1,
		"most that the files of one job may weigh" },
	{ "jobs", "budget", CONF_SIZE, 0, TOP(jobs_budget), "0", NULL, 0,
		"most that the files of all jobs may weigh; 0: what the disk of stage.dir holds" },

	{ "aliases", "table", CONF_TEXT, 0, TOP(aliases_table), "", NULL, 0,
		"key of the table that POST /exports is about where it names none; empty: the only one" },
	{ "aliases", "csv_table", CONF_TEXT, 0, TOP(aliases_csv_table), "", NULL, 0,
		"the same of POST /exports/csv; empty: aliases.table" },
	{ "schedules", "renew_within", CONF_DURATION, 0, TOP(schedules_renew_us), "90d", NULL, 0,
		"time within which a schedule's owner must renew it, else it is disabled; 0: never" },

	{ "worker", "max_requests", CONF_INTEGER, 0, TOP(worker_max_requests), "10000", NULL, 0,
		"requests after which a process leaves and another is started; 0: never" },
	{ "worker", "stop_timeout", CONF_DURATION, 0, TOP(worker_stop_us), "1h", NULL, 0,
		"how long a process told to stop may go on with the request it serves" },

	{ "databases", "conninfo", CONF_TEXT, CONF_REQUIRED | CONF_SECRET, DATABASE(conninfo), "",
		NULL, 0, "libpq connection string or URI, env:NAME or file:/path; never printed" },
	{ "databases", "wire", CONF_TEXT, 0, DATABASE(wire), "fast", "fast,plain", 0,
		"how rows are read: fast (by Sluice from the socket) or plain (by libpq)" },
	{ "databases", "statement_timeout", CONF_DURATION, 0, DATABASE(statement_timeout_us), "0",
		NULL, 0, "most time that one statement may take; 0: no limit" },
	{ "databases", "connect_timeout", CONF_DURATION, 0, DATABASE(connect_timeout_us), "5s",
		NULL, SECOND, "most time that a connection may take to come about" },
	{ "databases", "max_age", CONF_DURATION, 0, DATABASE(max_age_us), "1h", NULL, 0,
		"age at which a connection is replaced; 0: never" },
	{ "databases", "role_claim", CONF_TEXT, 0, DATABASE(role_claim), "", NULL, 0,
		"claim that names the database role a request works as (SET LOCAL ROLE); empty: "
		"that of the connection" },
	{ "databases", "session", CONF_LIST, 0, DATABASE(session), "", NULL, 0,
		"session variables of a request, each NAME:CLAIM (app.tenant:tenant_id)" },

	{ "tables", "database", CONF_TEXT, 0, TABLE(database), "", NULL, 0,
		"key of the table's database; may be left out where there is only one" },
	{ "tables", "name", CONF_TEXT, 0, TABLE(name), "", NULL, 0,
		"the table's name there, as schema.table or table; empty: the key" },
	{ "tables", "columns", CONF_LIST, 0, TABLE(columns), "", NULL, 0,
		"the columns that may leave, in this order; empty: all" },
	{ "tables", "primary_key", CONF_TEXT, 0, TABLE(primary_key), "", NULL, 0,
		"the column that pages are cut by; empty: the database's own primary key" },
	{ "tables", "tenant_column", CONF_TEXT, 0, TABLE(tenant_column), "", NULL, 0,
		"the column that says whose a row is; empty: the rows are everybody's" },
	{ "tables", "joins", CONF_LIST, 0, TABLE(joins), "", NULL, 0,
		"tables that queries may reach from this one, each NAME:COLUMN:TABLE, by that table's "
		"primary key" },
	{ "tables", "filters", CONF_LIST, 0, TABLE(filters), "", NULL, 0,
		"further names of filters, each NAME:COLUMN or NAME:COLUMN:OPERATOR" },
	{ "tables", "purpose", CONF_TEXT, 0, TABLE(purpose), "optional", "optional,required", 0,
		"whether a request must say what its data are for (Sluice-Purpose)" },

	{ "policies", "tables", CONF_LIST, CONF_REQUIRED, POLICY(tables), "", NULL, 0,
		"the tables that it is about" },
	{ "policies", "roles", CONF_LIST, CONF_REQUIRED, POLICY(roles), "", NULL, 0,
		"whom it concerns: roles, scopes as scope:NAME, or * for everybody" },
	{ "policies", "columns", CONF_LIST, 0, POLICY(columns), "", NULL, 0,
		"the columns that they may see; empty: all" },
	{ "policies", "masks", CONF_LIST, 0, POLICY(masks), "", NULL, 0,
		"columns that they see masked, each COLUMN:MASK; stars, hash, partial, null or year" },
	{ "policies", "rows", CONF_INTEGER, 0, POLICY(rows), "0", NULL, 0,
		"most rows in one answer; 0: any number" },
	{ "policies", "formats", CONF_LIST, 0, POLICY(formats), "", NULL, 0,
		"the formats that they may have; empty: all" },
};
/* clang-format on */

static const struct conf_group groups[] = {
	{ "databases", sizeof(struct settings_database), TOP(databases), TOP(databases_n), "-" },
	{ "tables", sizeof(struct settings_table), TOP(tables), TOP(tables_n), "" },
	{ "policies", sizeof(struct settings_policy), TOP(policies), TOP(policies_n), "-" },
};

static const struct conf_table table = {
	keys,
	sizeof keys / sizeof keys[0],
	groups,
	sizeof groups / sizeof groups[0],
};

/* The key `name` says `database`: there must be one of that key. */
static int check_database(const struct settings *s, struct conf *c, const char *name,
	const char *database, struct err *e)
{
	struct nearest n = { 0 };

	if (settings_database(s, database))
		return 0;
	for (size_t i = 0; i < s->databases_n; i++)
		nearest_offer(&n, database, s->databases[i].key);
	if (n.name)
		return conf_fail(c, e, name, "names no database: \"%s\"; did you mean \"%s\"?",
			database, n.name);
	return conf_fail(c, e, name, "names no database: \"%s\"", database);
}

static int check_columns(struct conf *c, const struct settings_table *t, struct err *e)
{
	for (size_t i = 0; i < t->columns.n; i++)
		for (size_t j = 0; j < i; j++)
			if (!strcmp(t->columns.items[i], t->columns.items[j]))
				return conf_fail(c, e,
					arena_printf(
						&c->names, "tables.%s.columns[%zu]", t->key, i),
					"stands twice: \"%s\"", t->columns.items[i]);
	return 0;
}

/* Fill in what follows from the rest, then check what it refers to. */
static int check_table(
	const struct settings *s, struct conf *c, struct settings_table *t, struct err *e)
{
	const char *name = arena_printf(&c->names, "tables.%s.database", t->key);

	if (!*t->name)
		t->name = t->key;
	if (!*t->database && s->databases_n != 1)
		return conf_fail(c, e, name, "is missing: there are %zu databases", s->databases_n);
	if (!*t->database)
		t->database = s->databases[0].key;
	if (check_database(s, c, name, t->database, e))
		return -1;
	return check_columns(c, t, e);
}

/* The key `name` says the key of a table, or nothing. */
static int check_key(
	const struct settings *s, struct conf *c, const char *name, const char *key, struct err *e)
{
	return !*key || settings_table(s, key)
		       ? 0
		       : conf_fail(c, e, name, "names no table: \"%s\"", key);
}

static int check(struct settings *s, struct conf *c, struct err *e)
{
	if (*s->metadata_database &&
		check_database(s, c, "metadata.database", s->metadata_database, e))
		return -1;
	if (!*s->metadata_database && !strcmp(s->audit_required, "required"))
		return conf_fail(c, e, "audit.required",
			"needs a database to write to: \"metadata.database\" is empty");
	for (size_t i = 0; i < s->tables_n; i++)
		if (check_table(s, c, &s->tables[i], e))
			return -1;
	if (check_key(s, c, "aliases.table", s->aliases_table, e) ||
		check_key(s, c, "aliases.csv_table", s->aliases_csv_table, e))
		return -1;
	return settings_check(s, c, e);
}

int settings_read(struct settings *s, const char *path, struct err *e)
{
	struct conf c = { .table = &table, .into = s, .arena = &s->arena };

	*s = (struct settings){ 0 };
	int failed = conf_read(&c, path, e) || check(s, &c, e);

	conf_close(&c);
	if (failed)
		settings_free(s);
	return failed ? -1 : 0;
}

void settings_free(struct settings *s)
{
	arena_free(&s->arena);
	*s = (struct settings){ 0 };
}

void settings_print(const struct settings *s, struct buf *out)
{
	conf_print(&table, s, out);
}

void settings_print_keys(struct buf *out)
{
	conf_print_keys(&table, out);
}

const struct settings_database *settings_database(const struct settings *s, const char *key)
{
	for (size_t i = 0; i < s->databases_n; i++)
		if (!strcmp(s->databases[i].key, key))
			return &s->databases[i];
	return NULL;
}

const struct settings_table *settings_table(const struct settings *s, const char *key)
{
	for (size_t i = 0; i < s->tables_n; i++)
		if (!strcmp(s->tables[i].key, key))
			return &s->tables[i];
	return NULL;
}

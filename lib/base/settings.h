/*
 * What sluice.conf says, parsed: one struct, filled from one table (settings.c: section, key,
 * parser, default as text, flags, one line of help). From that table come parsing, `sluice
 * config`, the errors about unknown keys, and the test that the sample file and the manual name
 * exactly these keys.
 *
 * The file is JSON with comments (// and slash-star). "include" (a pattern or an array of
 * patterns, relative to the file) merges further files whose top-level objects add to "tables" and
 * "databases". A text value may be "env:NAME" or "file:/path" where the table allows it
 * (secret.h).
 */
#ifndef SLUICE_BASE_SETTINGS_H
#define SLUICE_BASE_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/mem.h"

struct settings_strings { /* a list of strings */
	const char **items;
	size_t n;
};

struct settings_database { /* databases.<key> */
	const char *key;
	const char *conninfo;         /* libpq connection string or URI; secret */
	const char *wire;             /* "fast" (own reader) or "plain" (libpq single-row mode) */
	int64_t statement_timeout_us; /* 0: none */
	int64_t connect_timeout_us;
	int64_t max_age_us;              /* a connection older than this is replaced; 0: never */
	const char *role_claim;          /* "": the connection's own role */
	struct settings_strings session; /* NAME:CLAIM */
};

struct settings_table {                  /* tables.<key> */
	const char *key;                 /* as in URLs; ^[a-zA-Z_][a-zA-Z0-9_]*$ */
	const char *database;            /* a key of databases */
	const char *name;                /* as SQL spells it: users, public."Users" */
	struct settings_strings columns; /* allowed columns, in order; empty: all */
	const char *primary_key;         /* "": the database's own primary key */
	const char *tenant_column;       /* "": none */
	struct settings_strings joins;   /* NAME:COLUMN:TABLE */
	struct settings_strings filters; /* NAME:COLUMN[:OPERATOR] */
	const char *purpose;             /* "optional" or "required" */
};

/* What some roles may see of some tables. A table that no policy is about is open to whoever may see tables; of those
 * that concern a caller the rights add up (lib/access/policy.h). */
struct settings_policy { /* policies.<key> */
	const char *key;
	struct settings_strings tables;  /* keys of tables */
	struct settings_strings roles;   /* NAME, scope:NAME or * */
	struct settings_strings columns; /* empty: all */
	struct settings_strings masks;   /* COLUMN:MASK */
	int64_t rows;                    /* 0: any number */
	struct settings_strings formats; /* empty: all */
};

struct settings {
	/* log */
	const char *log_file; /* "": standard error */
	int log_level;        /* enum log_level */

	/* auth */
	const char *auth_jwks;     /* https:// URL or file:/path; "": by the discovery document */
	const char *auth_issuer;   /* iss */
	const char *auth_audience; /* aud */
	struct settings_strings auth_algorithms; /* of RS256, ES256 */
	int64_t auth_skew_us;
	int64_t auth_refresh_us;     /* least time between two fetches of the key set */
	int64_t auth_timeout_us;     /* one fetch of the key set */
	int64_t auth_max_bytes;      /* size of the key set */
	const char *auth_ca;         /* "": the system's; a PEM file to verify the issuer with */
	const char *auth_nbf;        /* "required" or "optional" */
	const char *auth_role_claim; /* names of claims; a.b is b within a */
	const char *auth_scope_claim;
	const char *auth_tenant_claim;

	/* roles: names, or scope:NAME, that make a caller one */
	struct settings_strings roles_viewer;
	struct settings_strings roles_exporter;
	struct settings_strings roles_admin;

	/* secret */
	const char *secret_key;      /* "": one made in state.dir */
	const char *secret_previous; /* "": none; links that it signed still hold */

	/* links */
	const char *links_base; /* scheme and host; "": their URLs are told without */

	/* limits */
	int64_t limits_requests; /* per window and principal; 0: none */
	int64_t limits_window_us;
	int64_t limits_page_rows;     /* rows a page may hold */
	int64_t limits_query_rows;    /* the same of a query */
	int64_t limits_query_bytes;   /* of such a page */
	int64_t limits_query_depth;   /* of expressions */
	int64_t limits_query_items;   /* in a list */
	int64_t limits_query_pattern; /* bytes */
	int64_t limits_query_cost;    /* of a plan, in the planner's unit; 0: any */
	int64_t limits_query_scan;    /* bytes of a table read whole; 0: any */
	int64_t limits_query_time_us; /* of a statement */
	int64_t limits_jobs;          /* of a tenant that run at once */
	int64_t limits_events;        /* streams of events at once; 0: none */
	int64_t limits_events_time_us;
	int64_t limits_schedules; /* of a subject */

	/* cache: of answers to queries */
	const char *cache_redis; /* redis:// URL or unix:/path; "": the metadata database; secret */
	int64_t cache_keep_us;   /* 0: nothing is kept */
	int64_t cache_max_bytes; /* of one answer, compressed */

	/* state and stage: directories */
	const char *state_dir;       /* shared memory files, key set cache */
	const char *stage_dir;       /* spooled bodies (O_TMPFILE) */
	int64_t stage_max_bytes;     /* one spooled body */
	int64_t stage_slow_rate;     /* bytes a second below which a client is slow; 0: none is */
	int64_t stage_slow_after_us; /* for so long */

	/* metadata */
	const char *metadata_database; /* a key of databases; "": outcomes are not kept */
	int64_t metadata_keep_us;      /* how long an outcome can be asked */

	/* audit */
	const char *audit_required;   /* "no" or "required" */
	int64_t audit_keep_us;        /* 0: for ever */
	const char *audit_deliveries; /* the web server's log of downloads; "": none is read */

	/* jobs */
	int64_t jobs_keep_us;   /* files of an export */
	int64_t jobs_lease_us;  /* of a worker that is silent */
	int64_t jobs_max_bytes; /* files of one job */
	int64_t jobs_budget;    /* bytes of all files; 0: no limit but the disk's */

	/* aliases: the table of requests that name none; "": the only one */
	const char *aliases_table;
	const char *aliases_csv_table; /* of POST /exports/csv; "": aliases_table */
	/* schedules */
	int64_t schedules_renew_us; /* of what is kept of an owner; 0: good for ever */

	/* worker */
	int64_t worker_max_requests; /* leave after so many; 0: never */
	int64_t worker_stop_us;      /* SIGTERM: a busy worker may finish for this long */

	struct settings_database *databases;
	size_t databases_n;
	struct settings_table *tables;
	size_t tables_n;
	struct settings_policy *policies;
	size_t policies_n;

	struct arena arena; /* owns every string above */
};

/* Read the file. On -1 e->text names file, line and key, with the nearest known key where there is
 * one, and *s is empty. Checks references too (a table's database exists, metadata.database
 * exists). */
int settings_read(struct settings *s, const char *path, struct err *e);
void settings_free(struct settings *s);

/* The effective values as JSON, keys in the table's order, secrets that are set shown as "***". */
void settings_print(const struct settings *s, struct buf *out);

/* One line a key: name, default, help; for `sluice config --keys` and the tests. */
void settings_print_keys(struct buf *out);

const struct settings_database *settings_database(const struct settings *s, const char *key);
const struct settings_table *settings_table(const struct settings *s, const char *key);

#endif

/*
 * sluice: the command line of whoever runs Sluice (man page sluice(1)). This file reads the
 * options and dispatches.
 *
 * Exit status: 0 done; 1 it failed, one line on standard error says why; 2 it was called wrongly.
 */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cgi/deliveries.h"
#include "cgi/purge.h"
#include "cgi/verify.h"
#include "lib/base/settings.h"
#include "lib/job/audit.h"
#include "lib/job/migrate.h"
#include "lib/source/postgres_catalog.h"
#include "lib/web/app.h"

enum { FAILED = 1, USAGE = 2, OPERANDS_MAX = 2 };

enum option_id {
	OPT_CONFIG,
	OPT_KEYS,
	OPT_DIR,
	OPT_DATABASE,
	OPT_SCHEMA,
	OPT_HEAD,
	OPT_TABLE,
	OPT_SINCE,
	OPT_SUBJECT,
	OPT_TENANT,
	OPT_HELP,
	OPT_VERSION,
	OPTIONS_N
};

struct options {
	const char *values[OPTIONS_N]; /* NULL: not given; "" where it has no value */
	const char
		*operands[OPERANDS_MAX]; /* what follows the words of the command; NULL: nothing */
};

struct command {
	const char *words;
	unsigned options; /* bits of enum option_id, beside --config */
	int (*run)(const struct options *);
	int operands_max;
	int operands_min;
};

static const struct option long_options[] = {
	{ "config", required_argument, NULL, OPT_CONFIG },
	{ "keys", no_argument, NULL, OPT_KEYS },
	{ "dir", required_argument, NULL, OPT_DIR },
	{ "database", required_argument, NULL, OPT_DATABASE },
	{ "schema", required_argument, NULL, OPT_SCHEMA },
	{ "head", required_argument, NULL, OPT_HEAD },
	{ "table", required_argument, NULL, OPT_TABLE },
	{ "since", required_argument, NULL, OPT_SINCE },
	{ "subject", required_argument, NULL, OPT_SUBJECT },
	{ "tenant", required_argument, NULL, OPT_TENANT },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ NULL, 0, NULL, 0 },
};

static const char help[] =
	"Usage: sluice [-c FILE] COMMAND\n"
	"\n"
	"  config [--keys]       check the configuration and print what is in effect, or list its "
	"keys\n"
	"  migrate [--dir DIR]   bring the metadata database to what this version needs\n"
	"  catalog init [--database KEY] [--schema NAME]\n"
	"                        print a `tables` configuration from a live database\n"
	"  audit verify [--head SEQ:HASH]\n"
	"                        whether the audit is as it was written, up to that line at least\n"
	"  audit who-exported --table KEY [--since TIME]\n"
	"                        print who took rows of a table\n"
	"  audit deliveries [FILE]\n"
	"                        take what the web server wrote down of downloads into the audit\n"
	"  purge --subject SUB | --tenant TENANT\n"
	"                        remove all exports that are jobs, and all schedules, of a user or "
	"tenant\n"
	"  verify MANIFEST [DIR] whether the files of an export, beside its manifest or in DIR, "
	"are whole\n"
	"\n"
	"  -c, --config FILE     the configuration; else $SLUICE_CONFIG, else\n"
	"                        " SLUICE_CONFIG_FILE "\n"
	"      --help, --version\n"
	"\n"
	"Manual: sluice(1), sluice.conf(5)\n";

/* The option, else the environment variable, else what was built in. */
static const char *choose(const char *option, const char *variable, const char *built_in)
{
	const char *value = option ? option : getenv(variable);

	return value && *value ? value : built_in;
}

static int fail(const struct err *e)
{
	fprintf(stderr, "sluice: %s%s%s\n", e->text, *e->cause ? ": " : "", e->cause);
	return FAILED;
}

static int __attribute__((format(printf, 1, 2))) usage(const char *format, ...)
{
	va_list args;

	fputs("sluice: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputs("; `sluice --help` lists what there is\n", stderr);
	return USAGE;
}

/* What was printed is only there when the last byte went out. */
static int flush(void)
{
	if (!ferror(stdout) && fflush(stdout) == 0)
		return 0;
	fprintf(stderr, "sluice: the output cannot be written: %s\n", strerror(errno));
	return FAILED;
}

/* A failed write sets the stream's error flag, which flush asks. */
static int print(struct buf *b)
{
	fputs(buf_str(b), stdout);
	buf_free(b);
	return flush();
}

static int read_settings(const struct options *o, struct settings *s, struct err *e)
{
	return settings_read(
		s, choose(o->values[OPT_CONFIG], "SLUICE_CONFIG", SLUICE_CONFIG_FILE), e);
}

static int run_config(const struct options *o)
{
	struct settings s;
	struct buf b = { 0 };
	struct err e;

	if (o->values[OPT_KEYS]) {
		settings_print_keys(&b);
		return print(&b);
	}
	if (read_settings(o, &s, &e))
		return fail(&e);
	int failed = app_check(&s, &e);

	if (!failed)
		settings_print(&s, &b);
	settings_free(&s);
	return failed ? fail(&e) : print(&b);
}

static int run_migrate(const struct options *o)
{
	struct settings s;
	struct err e;
	int failed;

	if (read_settings(o, &s, &e))
		return fail(&e);
	if (!*s.metadata_database)
		failed = err_set(&e, ERR_CONFIG,
			"\"metadata.database\" is empty: there is no database to migrate");
	else
		failed = migrate(settings_database(&s, s.metadata_database),
			choose(o->values[OPT_DIR], "SLUICE_SCHEMA_DIR", SLUICE_SCHEMA_DIR), stdout,
			&e);
	settings_free(&s);
	int unwritten = flush();

	return failed ? fail(&e) : unwritten;
}

/* The database that --database names, or the only one. */
static const struct settings_database *choose_database(
	const struct settings *s, const char *key, struct err *e)
{
	const struct settings_database *db = NULL;

	if (key)
		db = settings_database(s, key);
	else if (s->databases_n == 1)
		db = &s->databases[0];
	if (!db && key)
		err_set(e, ERR_CONFIG, "--database: the configuration has no database \"%s\"", key);
	else if (!db)
		err_set(e, ERR_CONFIG, "--database is needed: the configuration has %zu databases",
			s->databases_n);
	return db;
}

static int run_catalog_init(const struct options *o)
{
	struct settings s;
	struct buf b = { 0 };
	struct err e;

	if (read_settings(o, &s, &e))
		return fail(&e);
	const struct settings_database *db = choose_database(&s, o->values[OPT_DATABASE], &e);
	int failed = !db || postgres_catalog(db, o->values[OPT_SCHEMA], &b, &e);

	settings_free(&s);
	return failed ? fail(&e) : print(&b);
}

/* The metadata database, or NULL with the error set; s is to be freed either way. */
static const struct settings_database *read_metadata(
	const struct options *o, struct settings *s, struct err *e)
{
	if (read_settings(o, s, e))
		return NULL;
	if (!*s->metadata_database)
		err_set(e, ERR_CONFIG, "\"metadata.database\" is empty: nothing was kept");
	return settings_database(s, s->metadata_database);
}

static int end_audit(struct settings *s, int failed, const struct err *e)
{
	int unwritten = flush();

	settings_free(s);
	if (!failed)
		return unwritten;
	fail(e);
	return e->code == ERR_BAD_REQUEST ? USAGE : FAILED;
}

static int run_audit_verify(const struct options *o)
{
	struct settings s;
	struct err e;
	bool broken = false;
	const struct settings_database *db = read_metadata(o, &s, &e);
	int failed = !db || audit_verify(db, o->values[OPT_HEAD], stdout, &broken, &e) < 0;
	int status = end_audit(&s, failed, &e);

	return broken ? FAILED : status;
}

static int run_audit_who(const struct options *o)
{
	struct settings s;
	struct err e;

	if (!o->values[OPT_TABLE])
		return usage("audit who-exported needs --table");
	const struct settings_database *db = read_metadata(o, &s, &e);
	int failed = !db || audit_who_exported(
				    db, o->values[OPT_TABLE], o->values[OPT_SINCE], stdout, &e) < 0;

	return end_audit(&s, failed, &e);
}

static int run_audit_deliveries(const struct options *o)
{
	struct settings s;
	struct err e;
	int failed =
		!read_metadata(o, &s, &e) || deliveries_note(&s, o->operands[0], stdout, &e) < 0;

	return end_audit(&s, failed, &e);
}

static int run_purge(const struct options *o)
{
	const char *subject = o->values[OPT_SUBJECT], *tenant = o->values[OPT_TENANT];
	struct settings s;
	struct err e;
	struct purged n;

	if (!subject == !tenant || !*(subject ? subject : tenant))
		return usage("purge needs one of --subject and --tenant");
	if (!read_metadata(o, &s, &e)) {
		settings_free(&s);
		return fail(&e);
	}
	int failed = purge(&s, subject, tenant, &n, &e);

	settings_free(&s);
	if (failed)
		return fail(&e);
	printf("exports removed: %" PRId64 "; sluice-sweep removes their files\n", n.exports);
	if (n.schedules)
		printf("schedules removed: %" PRId64 "\n", n.schedules);
	return flush();
}

static int run_verify(const struct options *o)
{
	int result = (int)verify(o->operands[0], o->operands[1], stdout);
	int unwritten = flush();

	return result ? result : unwritten;
}

static const struct command commands[] = {
	{ "config", 1u << OPT_KEYS, run_config, 0, 0 },
	{ "migrate", 1u << OPT_DIR, run_migrate, 0, 0 },
	{ "catalog init", 1u << OPT_DATABASE | 1u << OPT_SCHEMA, run_catalog_init, 0, 0 },
	{ "audit verify", 1u << OPT_HEAD, run_audit_verify, 0, 0 },
	{ "audit who-exported", 1u << OPT_TABLE | 1u << OPT_SINCE, run_audit_who, 0, 0 },
	{ "audit deliveries", 0, run_audit_deliveries, 1, 0 },
	{ "purge", 1u << OPT_SUBJECT | 1u << OPT_TENANT, run_purge, 0, 0 },
	{ "verify", 0, run_verify, OPERANDS_MAX, 1 },
};

/* How many of the arguments are the command's words; 0: they are not, or more follows than it takes. */
static int match(const struct command *c, char **args, int n)
{
	const char *p = c->words;

	for (int i = 0; i < n; i++) {
		size_t len = strlen(args[i]);

		if (strncmp(p, args[i], len) != 0 || (p[len] && p[len] != ' '))
			return 0;
		if (!p[len])
			return n - i - 1 <= c->operands_max ? i + 1 : 0;
		p += len + 1;
	}
	return 0;
}

static const struct command *find_command(struct options *o, char **args, int n)
{
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
		int words = match(&commands[i], args, n);

		for (int j = words; words && j < n; j++)
			o->operands[j - words] = args[j];
		if (words)
			return &commands[i];
	}
	return NULL;
}

/* Options may stand before, between and behind the words of the command. */
static int read_options(int argc, char **argv, struct options *o)
{
	for (int c; (c = getopt_long(argc, argv, "c:h", long_options, NULL)) != -1;) {
		if (c == '?') /* getopt has said what is wrong */
			return -1;
		int id = c == 'c' ? OPT_CONFIG : c == 'h' ? OPT_HELP : c;

		o->values[id] = optarg ? optarg : "";
	}
	return 0;
}

static int unknown(char **args, int n)
{
	struct buf words = { 0 };

	for (int i = 0; i < n; i++)
		buf_printf(&words, "%s%s", i ? " " : "", args[i]);
	int status = usage("unknown command \"%s\"", buf_str(&words));

	buf_free(&words);
	return status;
}

static int dispatch(struct options *o, char **args, int n)
{
	const struct command *c = find_command(o, args, n);

	if (!n)
		return usage("no command");
	if (!c)
		return unknown(args, n);
	if (c->operands_min && !o->operands[0])
		return usage("%s of what", c->words);
	for (int i = OPT_CONFIG + 1; i < OPT_HELP; i++)
		if (o->values[i] && !(c->options >> i & 1))
			return usage("%s takes no --%s", c->words, long_options[i].name);
	return c->run(o);
}

static int show(const char *text)
{
	fputs(text, stdout);
	return flush();
}

int main(int argc, char **argv)
{
	struct options o = { 0 };

	if (read_options(argc, argv, &o))
		return USAGE;
	if (o.values[OPT_HELP])
		return show(help);
	if (o.values[OPT_VERSION])
		return show(PACKAGE_STRING "\n");
	return dispatch(&o, argv + optind, argc - optind);
}

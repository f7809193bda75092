#include "lib/web/app.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/access/policy.h"
#include "lib/base/log.h"
#include "lib/format/format.h"
#include "lib/query/filters.h"

static int open_log(const struct settings *s, struct err *e)
{
	const char *file = s->log_file[0] ? s->log_file : NULL;

	if (log_open(file, (enum log_level)s->log_level) == 0)
		return 0;
	return err_set(e, ERR_CONFIG, "log.file %s: %s", file, strerror(errno));
}

static int open_parts(struct app *app, struct err *e)
{
	const struct settings *s = &app->settings;
	struct arena a = { 0 };

	if (open_log(s, e) < 0)
		return -1;
	app->verifier = verifier_new(s, e);
	if (!app->verifier)
		return -1;
	app->rates = rate_open(arena_printf(&a, "%s/rates", s->state_dir), s->limits_requests,
		s->limits_window_us, e);
	arena_free(&a);
	if (!app->rates)
		return -1;
	app->secret = secret_key_open(s, e);
	if (!app->secret)
		return -1;
	secret_key_derive(app->secret, "hash mask", app->mask_key);
	secret_key_derive(app->secret, "page token", app->cursor_key);
	app->sources = sources_new(s);
	app->seen = mem_zero(s->tables_n + 1, sizeof *app->seen);
	app->metadata = metadata_open(s);
	app->outcomes = outcome_open(app->metadata, s);
	app->schemas = schema_store_open(app->metadata);
	app->audit = audit_open(app->metadata, s);
	return cache_open(&app->cache, s, e);
}

static int check_formats(const struct settings_policy *p, struct err *e)
{
	struct buf names = { 0 };
	const char *wrong = NULL;

	for (size_t i = 0; format_types[i]; i++)
		buf_printf(&names, "%s%s", i ? ", " : "", format_types[i]->name);
	for (size_t i = 0; i < p->formats.n && !wrong; i++) {
		const struct format_type *type = format_by_suffix(p->formats.items[i]);

		if (!type || strcmp(type->name, p->formats.items[i]) != 0)
			wrong = p->formats.items[i];
	}
	if (wrong)
		err_set(e, ERR_CONFIG,
			"\"policies.%s.formats\": there is no format \"%s\", but: %s", p->key,
			wrong, buf_str(&names));
	buf_free(&names);
	return wrong ? -1 : 0;
}

int app_check(const struct settings *s, struct err *e)
{
	if (policy_check(s, e) < 0)
		return -1;
	for (size_t i = 0; i < s->policies_n; i++)
		if (check_formats(&s->policies[i], e) < 0)
			return -1;
	for (size_t i = 0; i < s->tables_n; i++)
		if (filters_check(&s->tables[i], e) < 0)
			return -1;
	return 0;
}

int app_open(struct app *app, const char *config, struct err *e)
{
	*app = (struct app){ 0 };
	if (settings_read(&app->settings, config, e) < 0)
		return -1;
	if (app_check(&app->settings, e) == 0 && open_parts(app, e) == 0)
		return 0;
	app_close(app);
	return -1;
}

void app_close(struct app *app)
{
	sources_close(app->sources, &app->settings);
	free(app->seen);
	cache_close(app->cache);
	audit_close(app->audit);
	schema_store_close(app->schemas);
	outcome_close(app->outcomes);
	metadata_close(app->metadata);
	secret_key_close(app->secret);
	rate_close(app->rates);
	verifier_free(app->verifier);
	settings_free(&app->settings);
	*app = (struct app){ 0 };
}

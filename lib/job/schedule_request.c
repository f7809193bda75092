#include "lib/job/schedule_request.h"

#include <string.h>
#include <time.h>

#include "lib/base/json_tree.h"
#include "lib/base/zone.h"
#include "lib/job/cron.h"

static const struct json_limits limits = { 1000, 1000000 }; /* as those of job_request.c */

/* ---- names of files */

static bool is_place(const char *name, const char *place)
{
	return !strncmp(name, place, strlen(place));
}

/* The first {word} that stands for nothing, or NULL. Other braces are as they are. */
static const char *find_unknown(const char *name)
{
	for (name = strchr(name, '{'); name; name = strchr(name + 1, '{')) {
		size_t word = strspn(name + 1, "abcdefghijklmnopqrstuvwxyz"
					       "ABCDEFGHIJKLMNOPQRSTUVWXYZ_");

		if (word && name[word + 1] == '}' && !is_place(name, "{date}") &&
			!is_place(name, "{time}"))
			return name;
	}
	return NULL;
}

static void fill_in(struct buf *out, const char *name, int64_t shown_s)
{
	time_t t = shown_s;
	struct tm tm;

	gmtime_r(&t, &tm);
	while (*name) {
		if (is_place(name, "{date}")) {
			buf_printf(out, "%04d-%02d-%02d", tm.tm_year + 1900, tm.tm_mon + 1,
				tm.tm_mday);
			name += strlen("{date}");
		} else if (is_place(name, "{time}")) {
			buf_printf(out, "%02d%02d%02d", tm.tm_hour, tm.tm_min, tm.tm_sec);
			name += strlen("{time}");
		} else {
			buf_putc(out, *name++);
		}
	}
}

/* ---- read */

static int read_text(struct json_reader *r, const struct json_node *m, const char **text)
{
	if (m->kind != JSON_KIND_STRING)
		return json_refuse(r, m,
			arena_printf(r->arena, "%s is a string, not %s", m->name,
				json_tree_kind_name(m->kind)));
	*text = m->text;
	return 0;
}

static int read_bool(struct json_reader *r, const struct json_node *m, bool *value)
{
	if (m->kind != JSON_KIND_BOOL)
		return json_refuse(r, m, arena_printf(r->arena, "%s is true or false", m->name));
	*value = !strcmp(m->text, "true");
	return 0;
}

static int read_name(struct json_reader *r, const struct json_node *m, const char **name)
{
	size_t characters = 0;

	if (read_text(r, m, name) < 0)
		return -1;
	for (const unsigned char *p = (const unsigned char *)*name; *p; p++) {
		if (*p < ' ' || *p == 0x7f)
			return json_refuse(r, m, "name holds a control character");
		characters += (*p & 0xc0) != 0x80;
	}
	if (characters < 1 || characters > SCHEDULE_NAME_MAX)
		return json_refuse(r, m, "name is 1 to 200 characters");
	return 0;
}

static int read_export(struct json_reader *r, const struct json_node *m, const char **export)
{
	const struct json_node *name, *since;

	if (m->kind != JSON_KIND_OBJECT)
		return json_refuse(r, m, "export is an object, as exports are asked for");
	name = json_tree_member(m, "fileName");
	since = json_tree_member(m, "since");
	if (since)
		return json_refuse(
			r, since, "since is found by the schedule: ask for \"increments\": true");
	if (name && name->kind == JSON_KIND_STRING && find_unknown(name->text))
		return json_refuse(
			r, name, "fileName may hold {date} and {time}, and no other {word}");
	*export = arena_strndup(r->arena, m->from, m->source_len);
	return 0;
}

static int read_member(
	struct json_reader *r, const struct json_node *m, struct schedule_request *out)
{
	if (!strcmp(m->name, "name"))
		return read_name(r, m, &out->name);
	if (!strcmp(m->name, "cron"))
		return read_text(r, m, &out->cron);
	if (!strcmp(m->name, "timeZone"))
		return read_text(r, m, &out->time_zone);
	if (!strcmp(m->name, "export"))
		return read_export(r, m, &out->export);
	if (!strcmp(m->name, "increments"))
		return read_bool(r, m, &out->increments);
	if (!strcmp(m->name, "enabled"))
		return read_bool(r, m, &out->enabled);
	return json_refuse(r, m, "a schedule has no such member");
}

int schedule_request_read(struct arena *a, const char *json, size_t len,
	struct schedule_request *out, const char **pointer, struct err *e)
{
	struct json_reader r = { a, pointer, e };
	const struct json_node *root;

	*out = (struct schedule_request){ .time_zone = "UTC", .enabled = true };
	*pointer = "";
	root = json_tree_read(a, json, len, &limits, pointer, e);
	if (!root)
		return -1;
	if (root->kind != JSON_KIND_OBJECT)
		return json_refuse(&r, root, "a schedule is asked for by an object");
	for (const struct json_node *m = root->first; m; m = m->next)
		if (read_member(&r, m, out) < 0)
			return -1;
	if (!out->name || !out->cron || !out->export)
		return json_refuse(&r, root,
			!out->name   ? "name is missing"
			: !out->cron ? "cron is missing: when it is due"
				     : "export is missing: what is to be exported");
	return 0;
}

/* ---- when */

/* *z stays NULL for UTC, for which no database of zones is needed. */
static int open_zone(const char *name, struct zone **z, struct err *e)
{
	*z = NULL;
	if (!strcmp(name, "UTC"))
		return 0;
	*z = zone_open(name, e);
	return *z ? 0
		  : err_set(e, ERR_BAD_REQUEST,
			    "timeZone is a time zone such as Europe/Berlin, or an offset such as "
			    "+05:30");
}

int schedule_request_next(const char *cron, const char *time_zone, int64_t after_s, int64_t *next_s,
	const char **pointer, struct err *e)
{
	struct zone *z;
	struct cron c;

	*pointer = "/cron";
	if (cron_read(&c, cron, e) < 0)
		return -1;
	*pointer = "/timeZone";
	if (open_zone(time_zone, &z, e) < 0)
		return -1;
	*next_s = cron_next(&c, z, after_s);
	zone_close(z);
	return 0;
}

/* ---- a run's request */

static void put_key(struct buf *out, const char *name)
{
	if (out->data[out->len - 1] != '{')
		buf_putc(out, ',');
	buf_put_json(out, name, strlen(name));
	buf_putc(out, ':');
}

static void put_member(struct buf *out, const struct json_node *m, int64_t shown_s)
{
	struct buf filled = { 0 };

	put_key(out, m->name);
	if (strcmp(m->name, "fileName") || m->kind != JSON_KIND_STRING) {
		buf_put(out, m->from, m->source_len);
		return;
	}
	fill_in(&filled, m->text, shown_s);
	buf_put_json(out, filled.data, filled.len);
	buf_free(&filled);
}

int schedule_request_run(struct arena *a, const char *export, const char *time_zone, int64_t at_s,
	const char *since, const char **json, struct err *e)
{
	const char *ignored;
	const struct json_node *root =
		json_tree_read(a, export, strlen(export), &limits, &ignored, e);
	struct buf b = { 0 };
	struct zone *z;

	if (!root || open_zone(time_zone, &z, e) < 0)
		return -1;
	buf_putc(&b, '{');
	for (const struct json_node *m = root->first; m; m = m->next)
		put_member(&b, m, at_s + (z ? zone_seconds(z, at_s) : 0));
	if (since) {
		put_key(&b, "since");
		buf_put_json(&b, since, strlen(since));
	}
	buf_putc(&b, '}');
	zone_close(z);
	*json = arena_strdup(a, buf_str(&b));
	buf_free(&b);
	return 0;
}

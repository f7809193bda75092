#include "lib/job/job_request.h"

#include <string.h>

#include "lib/base/json_tree.h"
#include "lib/base/unit.h"
#include "lib/query/definition.h"
#include "lib/query/increment.h"

enum { DEPTH_MAX = 1000, VALUES_MAX = 1000000, NUMBER_MAX = 20 /* characters */ };

/* A member's text, or NULL where it is not there; -1 when it is of another kind. */
static int text_of(struct json_reader *r, const struct json_node *object, const char *name,
	enum json_node_kind kind, const struct json_node **at, const char **text)
{
	*at = json_tree_member(object, name);
	*text = NULL;
	if (!*at)
		return 0;
	if ((*at)->kind != kind)
		return json_refuse(r, *at,
			arena_printf(r->arena, "%s is %s, not %s", name, json_tree_kind_name(kind),
				json_tree_kind_name((*at)->kind)));
	*text = (*at)->text;
	return 0;
}

static int check_members(struct json_reader *r, const struct json_node *object)
{
	static const char *const known[] = { "queryDefinition", "format", "compression", "level",
		"options", "fileName", "parallel", "expiresIn", "since", NULL };

	if (object->kind != JSON_KIND_OBJECT)
		return json_refuse(r, object, "an export is asked for by an object");
	for (const struct json_node *m = object->first; m; m = m->next) {
		size_t i = 0;

		while (known[i] && strcmp(known[i], m->name))
			i++;
		if (!known[i])
			return json_refuse(r, m, "an export has no such member");
	}
	return 0;
}

static int read_query(struct json_reader *r, const struct settings *s,
	const struct json_node *object, struct job_request *out)
{
	const struct json_node *node = json_tree_member(object, "queryDefinition");
	struct query *q = &out->query;

	q->limit = -1;
	if (!node)
		return json_refuse(r, object, "queryDefinition is missing: what is to be exported");
	if (definition_read(r->arena, s, node->from, node->source_len, q, r->pointer, r->err) < 0) {
		*r->pointer = arena_printf(r->arena, "/queryDefinition%s", *r->pointer);
		return -1;
	}
	if (q->after || q->validate_only)
		return json_refuse(
			r, node, "an export is of all rows: it has no after, no validateOnly");
	return 0;
}

/* ---- the format and its options */

struct given {
	struct arena *arena;
	const struct json_node *options; /* or NULL */
};

static const char *get_option(const void *from, const char *name)
{
	const struct given *g = from;
	const struct json_node *m = g->options ? json_tree_member(g->options, name) : NULL;

	return m ? m->text : NULL;
}

static bool is_option(const char *name)
{
	for (const struct format_option *o = format_option_table; o->name; o++)
		if (!strcmp(o->name, name) || (o->alias && !strcmp(o->alias, name)))
			return true;
	return false;
}

static int read_options(
	struct json_reader *r, const struct json_node *object, struct job_request *out)
{
	const struct json_node *node = json_tree_member(object, "options");
	struct given given = { r->arena, node };

	if (node && node->kind != JSON_KIND_OBJECT)
		return json_refuse(r, node, "options is an object");
	for (const struct json_node *m = node ? node->first : NULL; m; m = m->next) {
		if (!is_option(m->name))
			return json_refuse(r, m, "no format has such an option");
		if (!m->text)
			return json_refuse(r, m, "an option is a text, a number, true or false");
		/* The database keeps the request, and has no number of a million digits. */
		if (m->kind == JSON_KIND_NUMBER &&
			(strpbrk(m->text, "eE") || strlen(m->text) > NUMBER_MAX))
			return json_refuse(r, m,
				"an option's number has no exponent, and no more than 20 "
				"characters");
	}
	if (format_options_read(&out->options, out->format->families, get_option, &given, r->arena,
		    r->err) == 0)
		return 0;
	*r->pointer = node ? json_tree_pointer(r->arena, node) : "";
	return -1;
}

static int read_format(
	struct json_reader *r, const struct json_node *object, struct job_request *out)
{
	const struct json_node *at;
	const char *name;

	if (text_of(r, object, "format", JSON_KIND_STRING, &at, &name) < 0)
		return -1;
	if (!name)
		return json_refuse(r, object, "format is missing");
	out->format = format_by_suffix(name);
	if (!out->format)
		return json_refuse(r, at, "there is no such format");
	format_options_init(&out->options, out->format->dialect);
	return read_options(r, object, out);
}

/* ---- the rest */

static int read_number(struct json_reader *r, const struct json_node *object, const char *name,
	int64_t least, int64_t most, int64_t missing, int64_t *out)
{
	const struct json_node *at;
	const char *digits;

	*out = missing;
	if (text_of(r, object, name, JSON_KIND_NUMBER, &at, &digits) < 0)
		return -1;
	if (!digits)
		return 0;
	if (unit_read_integer(digits, out) || *out < least || *out > most)
		return json_refuse(r, at,
			arena_printf(r->arena, "%s is a whole number from %lld to %lld", name,
				(long long)least, (long long)most));
	return 0;
}

static int read_compression(
	struct json_reader *r, const struct json_node *object, struct job_request *out)
{
	const struct json_node *at;
	const char *name;
	int64_t level;

	if (text_of(r, object, "compression", JSON_KIND_STRING, &at, &name) < 0)
		return -1;
	if (name && strcmp(name, "none")) {
		out->compress = compress_by_name(name);
		if (!out->compress)
			return json_refuse(r, at, "there is no such compression");
		if (!(out->format->traits & FORMAT_ENCODABLE))
			return json_refuse(r, at, "the format is not compressed as a whole");
	}
	if (!out->compress)
		return json_tree_member(object, "level")
			       ? json_refuse(r, json_tree_member(object, "level"),
					 "level is of a compression, and none is asked for")
			       : 0;
	if (read_number(r, object, "level", out->compress->level_least, out->compress->level_most,
		    out->compress->level_default, &level) < 0)
		return -1;
	out->level = (int)level;
	return 0;
}

static bool is_file_name(const char *name)
{
	size_t characters = 0;

	for (const unsigned char *p = (const unsigned char *)name; *p; p++) {
		if (*p < ' ' || *p == 0x7f || *p == '/' || *p == '\\')
			return false;
		characters += (*p & 0xc0) != 0x80;
	}
	return characters > 0 && characters <= JOB_NAME_MAX && name[0] != '.';
}

static int read_name(struct json_reader *r, const struct json_node *object, struct job_request *out)
{
	const struct json_node *at;
	const char *name;

	if (text_of(r, object, "fileName", JSON_KIND_STRING, &at, &name) < 0)
		return -1;
	if (name && !is_file_name(name))
		return json_refuse(r, at,
			"fileName is 1 to 200 characters, without slashes and control characters, "
			"and "
			"begins with no dot");
	out->file_name = arena_printf(r->arena, "%s.%s%s%s", name ? name : out->query.from,
		out->format->suffix, out->compress ? "." : "",
		out->compress ? out->compress->suffix : "");
	return 0;
}

static int read_keep(struct json_reader *r, const struct settings *s,
	const struct json_node *object, struct job_request *out)
{
	const struct json_node *at;
	const char *text;

	out->keep_us = s->jobs_keep_us;
	if (text_of(r, object, "expiresIn", JSON_KIND_STRING, &at, &text) < 0)
		return -1;
	if (!text)
		return 0;
	if (unit_read_duration(text, &out->keep_us) || out->keep_us < 1000000 ||
		out->keep_us > s->jobs_keep_us)
		return json_refuse(r, at,
			"expiresIn is a duration (1h, 7d), no longer than exports are kept here");
	return 0;
}

/* What a limit cuts off would never come. */
static int read_since(
	struct json_reader *r, const struct json_node *object, struct job_request *out)
{
	const struct json_node *at;
	struct increment_cursor cursor;

	if (text_of(r, object, "since", JSON_KIND_STRING, &at, &out->since) < 0)
		return -1;
	if (out->since && (out->query.limit >= 0 || out->query.offset > 0))
		return json_refuse(
			r, at, "an increment is of all that has changed: it has no page");
	if (!out->since || !strcmp(out->since, INCREMENT_START) ||
		increment_cursor_read(r->arena, out->since, &cursor, r->err) == 0)
		return 0;
	*r->pointer = json_tree_pointer(r->arena, at);
	return -1;
}

int job_request_read(struct arena *a, const struct settings *s, const char *json, size_t len,
	struct job_request *out, const char **pointer, struct err *e)
{
	static const struct json_limits limits = { DEPTH_MAX, VALUES_MAX };
	struct json_reader r = { a, pointer, e };
	const struct json_node *root;

	*out = (struct job_request){ 0 };
	*pointer = "";
	root = json_tree_read(a, json, len, &limits, pointer, e);
	if (!root || check_members(&r, root) < 0 || read_query(&r, s, root, out) < 0 ||
		read_format(&r, root, out) < 0 || read_compression(&r, root, out) < 0 ||
		read_name(&r, root, out) < 0 ||
		read_number(&r, root, "parallel", 1, JOB_PARALLEL_MAX, 1, &out->parallel) < 0 ||
		read_keep(&r, s, root, out) < 0 || read_since(&r, root, out) < 0)
		return -1;
	out->options.table = out->query.from;
	return 0;
}

void job_request_free(struct job_request *r)
{
	format_options_free(&r->options);
}

const char *job_request_media(const struct job_request *q)
{
	return q->compress ? q->compress->media : q->format->media;
}

const char *job_request_file_name(struct arena *a, const struct job_request *q, size_t i, size_t n)
{
	const char *name = q->file_name;
	size_t suffix = strlen(q->format->suffix) + 1;

	if (q->compress)
		suffix += strlen(q->compress->suffix) + 1;
	size_t stem = strlen(name) - suffix;

	return n == 1 ? name : arena_printf(a, "%.*s-%zu%s", (int)stem, name, i + 1, name + stem);
}

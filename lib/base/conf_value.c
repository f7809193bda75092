#include "lib/base/conf_value.h"

#include <assert.h>
#include <string.h>

#include <json-c/json.h>

#include "lib/base/log.h"
#include "lib/base/secret.h"
#include "lib/base/unit.h"

/* Is the word one of `a,b,c`? */
static bool is_choice(const char *choices, const char *word)
{
	size_t len = strlen(word);

	for (const char *p = choices; *p;) {
		size_t n = strcspn(p, ",");

		if (n == len && !memcmp(p, word, n))
			return true;
		p += n + (p[n] == ',');
	}
	return false;
}

/* NULL with the error set when it is no string. */
static const char *read_string(
	const struct conf *c, const char *name, struct json_object *value, struct err *e)
{
	if (!json_object_is_type(value, json_type_string)) {
		conf_fail(c, e, name, "must be a string");
		return NULL;
	}
	const char *text = json_object_get_string(value);

	if (strlen(text) != (size_t)json_object_get_string_len(value)) {
		conf_fail(c, e, name, "must not hold a zero byte");
		return NULL;
	}
	return text;
}

/* A word or text that the key allows, in the arena. */
static const char *read_choice(const struct conf *c, const struct conf_key *k, const char *name,
	struct json_object *value, struct err *e)
{
	const char *text = read_string(c, name, value, e);

	if (!text)
		return NULL;
	if (k->choices && !is_choice(k->choices, text)) {
		conf_fail(c, e, name, "must be one of %s", k->choices);
		return NULL;
	}
	return arena_strdup(c->arena, text);
}

static int set_text(const struct conf *c, const struct conf_key *k, const char *name,
	struct json_object *value, void *field, struct err *e)
{
	const char *text = read_choice(c, k, name, value, e);
	struct err why;

	if (text && k->flags & CONF_SECRET) {
		text = secret_resolve(c->arena, text, &why);
		if (!text)
			return conf_fail(c, e, name, "cannot be had: %s", why.text);
	}
	if (!text)
		return -1;
	if (k->flags & CONF_REQUIRED && !*text)
		return conf_fail(c, e, name, "must not be empty");
	memcpy(field, &text, sizeof text);
	return 0;
}

static int set_list(struct conf *c, const struct conf_key *k, const char *name,
	struct json_object *value, void *field, struct err *e)
{
	bool is_array = json_object_is_type(value, json_type_array);
	size_t n = is_array ? json_object_array_length(value) : 1;
	struct settings_strings list = { arena_zero(c->arena, n, sizeof *list.items), n };

	if (!is_array && !json_object_is_type(value, json_type_string))
		return conf_fail(c, e, name, "must be an array of strings");
	if (!n && k->flags & CONF_REQUIRED)
		return conf_fail(c, e, name, "must not be empty");
	for (size_t i = 0; i < n; i++) {
		struct json_object *item = is_array ? json_object_array_get_idx(value, i) : value;
		const char *place = is_array ? arena_printf(&c->names, "%s[%zu]", name, i) : name;

		list.items[i] = read_choice(c, k, place, item, e);
		if (!list.items[i])
			return -1;
		if (!*list.items[i])
			return conf_fail(c, e, place, "must not be empty");
	}
	memcpy(field, &list, sizeof list);
	return 0;
}

static int set_level(const struct conf *c, const char *name, struct json_object *value, void *field,
	struct err *e)
{
	const char *text = read_string(c, name, value, e);

	if (!text)
		return -1;
	int level = log_level_parse(text);

	if (level < 0)
		return conf_fail(c, e, name, "must be one of %s,%s,%s,%s,%s",
			log_level_name(LOG_ERROR), log_level_name(LOG_WARN),
			log_level_name(LOG_INFO), log_level_name(LOG_REQUEST),
			log_level_name(LOG_DEBUG));
	memcpy(field, &level, sizeof level);
	return 0;
}

/* The three kinds of numbers. NULL, or what is wrong. */
static const char *read_number(enum conf_type type, const char *text, int64_t *out)
{
	if (type == CONF_DURATION)
		return unit_read_duration(text, out);
	if (type == CONF_SIZE)
		return unit_read_size(text, out);
	return unit_read_integer(text, out);
}

static void put_number(const struct conf_key *k, int64_t value, struct buf *out)
{
	if (k->type == CONF_DURATION)
		unit_put_duration(out, value);
	else if (k->type == CONF_SIZE)
		unit_put_size(out, value);
	else
		buf_printf(out, "%lld", (long long)value);
}

/* A JSON number is read by its own text, so that it goes the same way as a string. */
static int set_number(const struct conf *c, const struct conf_key *k, const char *name,
	struct json_object *value, void *field, struct err *e)
{
	enum json_type type = json_object_get_type(value);
	bool is_number = type == json_type_int || type == json_type_double;
	const char *text =
		is_number || type == json_type_string ? json_object_get_string(value) : "";
	int64_t number = 0;
	const char *complaint = read_number(k->type, text, &number);

	/* json-c turns what is beyond 64 bits into the largest it has. */
	if (type == json_type_int && json_object_get_uint64(value) > INT64_MAX)
		complaint = "is too large";
	if (complaint)
		return conf_fail(c, e, name, "%s", complaint);
	if (number < k->min) {
		struct buf least = { 0 };

		put_number(k, k->min, &least);
		conf_fail(c, e, name, "must be at least %s", buf_str(&least));
		buf_free(&least);
		return -1;
	}
	memcpy(field, &number, sizeof number);
	return 0;
}

int conf_value_set(struct conf *c, const struct conf_key *k, const char *name,
	struct json_object *value, void *field, struct err *e)
{
	switch (k->type) {
	case CONF_TEXT: return set_text(c, k, name, value, field, e);
	case CONF_INCLUDE:
	case CONF_LIST: return set_list(c, k, name, value, field, e);
	case CONF_LEVEL: return set_level(c, name, value, field, e);
	case CONF_INTEGER:
	case CONF_SIZE:
	case CONF_DURATION: return set_number(c, k, name, value, field, e);
	}
	assert(!"a type without a reader");
	return -1;
}

/* `a,b` as a list; "" as none. */
static struct settings_strings split(const struct conf *c, const char *text)
{
	struct settings_strings list = { arena_zero(c->arena, strlen(text), sizeof *list.items),
		0 };

	while (*text) {
		size_t n = strcspn(text, ",");

		list.items[list.n++] = arena_strndup(c->arena, text, n);
		text += n + (text[n] == ',');
	}
	return list;
}

void conf_value_default(const struct conf *c, const struct conf_key *k, void *field)
{
	struct settings_strings list;
	const char *complaint = NULL;
	int64_t number = 0;
	int level;

	switch (k->type) {
	case CONF_TEXT: memcpy(field, &k->fallback, sizeof k->fallback); break;
	case CONF_INCLUDE:
	case CONF_LIST:
		list = split(c, k->fallback);
		memcpy(field, &list, sizeof list);
		break;
	case CONF_LEVEL:
		level = log_level_parse(k->fallback);
		assert(level >= 0);
		memcpy(field, &level, sizeof level);
		break;
	case CONF_INTEGER:
	case CONF_SIZE:
	case CONF_DURATION:
		complaint = read_number(k->type, k->fallback, &number);
		assert(!complaint);
		(void)complaint;
		memcpy(field, &number, sizeof number);
		break;
	}
}

static void put_list(const struct settings_strings *list, struct buf *out)
{
	buf_putc(out, '[');
	for (size_t i = 0; i < list->n; i++) {
		buf_puts(out, i ? ", " : "");
		buf_put_json(out, list->items[i], strlen(list->items[i]));
	}
	buf_putc(out, ']');
}

void conf_value_put(const struct conf_key *k, const void *field, struct buf *out)
{
	const char *text = NULL;
	int64_t number = 0;
	int level;

	switch (k->type) {
	case CONF_TEXT:
		memcpy(&text, field, sizeof text);
		if (k->flags & CONF_SECRET && *text)
			text = "***";
		buf_put_json(out, text, strlen(text));
		break;
	case CONF_INCLUDE:
	case CONF_LIST: put_list(field, out); break;
	case CONF_LEVEL:
		memcpy(&level, field, sizeof level);
		buf_printf(out, "\"%s\"", log_level_name((enum log_level)level));
		break;
	case CONF_INTEGER:
	case CONF_SIZE:
	case CONF_DURATION:
		memcpy(&number, field, sizeof number);
		buf_puts(out, k->type == CONF_INTEGER ? "" : "\"");
		put_number(k, number, out);
		buf_puts(out, k->type == CONF_INTEGER ? "" : "\"");
		break;
	}
}

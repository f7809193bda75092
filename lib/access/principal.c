#include "lib/access/principal.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "lib/access/strict_json.h"

#define SCOPE "scope:"

/* ---- claims by name */

static bool next_part(struct json_object **at, const char *name, size_t len, struct arena *a)
{
	return json_object_is_type(*at, json_type_object) &&
	       json_object_object_get_ex(*at, arena_strndup(a, name, len), at);
}

/* Whether there is something of that name; *value is NULL where it is JSON's null. Which of two claims a name means
 * must not be the token's choice, so it hangs on the name alone: one with a colon, as a URI has it, has no parts. */
static bool find_claim(
	struct json_object *claims, const char *name, struct arena *a, struct json_object **value)
{
	*value = claims;
	if (!name || !*name)
		return false;
	if (strchr(name, ':'))
		return next_part(value, name, strlen(name), a);
	for (;;) {
		size_t len = strcspn(name, ".");

		if (!next_part(value, name, len, a))
			return false;
		if (!name[len])
			return true;
		name += len + 1;
	}
}

/* What json-c makes of every number beyond: two tenants must not become one. */
static bool is_brim(const char *digits)
{
	return !strcmp(digits, "18446744073709551615") || !strcmp(digits, "-9223372036854775808");
}

/* A string that is not empty, or a whole number; NULL of all else. Not 1.0 nor 1e2: two readers could spell them in two
 * ways. */
static const char *text_of(struct json_object *value, struct arena *a)
{
	if (json_object_is_type(value, json_type_int)) {
		const char *digits = json_object_to_json_string(value);

		return is_brim(digits) ? NULL : arena_strdup(a, digits);
	}
	if (!json_object_is_type(value, json_type_string) || !json_object_get_string_len(value))
		return NULL;
	return arena_strdup(a, json_object_get_string(value));
}

const char *principal_claim(struct arena *a, const struct principal *p, const char *name)
{
	struct json_object *claims = strict_json_object(p->claims, strlen(p->claims)), *value;
	const char *text = claims && find_claim(claims, name, a, &value) ? text_of(value, a) : NULL;

	json_object_put(claims);
	return text;
}

/* ---- grants */

struct grants {
	const char **items;
	size_t n, cap;
};

static void add(struct arena *a, struct grants *g, const char *grant)
{
	if (g->n == g->cap) {
		const char **grown = arena_zero(a, 2 * g->cap + 8, sizeof *grown);

		if (g->n)
			memcpy(grown, g->items, g->n * sizeof *grown);
		g->items = grown;
		g->cap = 2 * g->cap + 8;
	}
	g->items[g->n++] = grant;
}

/* A role that is spelled as a scope is neither. */
static void add_role(struct arena *a, struct grants *g, const char *role, size_t len)
{
	if (len && strncmp(role, SCOPE, sizeof SCOPE - 1) != 0)
		add(a, g, arena_strndup(a, role, len));
}

static void add_scope(struct arena *a, struct grants *g, const char *scope, size_t len)
{
	if (len)
		add(a, g, arena_printf(a, SCOPE "%.*s", (int)len, scope));
}

/* RFC 6749 §3.3: words parted by spaces. */
static void add_scopes(struct arena *a, struct grants *g, const char *words, size_t len)
{
	const char *end = words + len;

	while (words < end) {
		size_t word = strcspn(words, " ");

		add_scope(a, g, words, word);
		words += word + (words + word < end);
	}
}

typedef void add_text(struct arena *a, struct grants *g, const char *text, size_t len);

/* A claim that is a string (for `whole`) or an array of strings (each for `item`). */
static int read_grants(struct json_object *claims, const char *name, struct arena *a,
	add_text *whole, add_text *item, struct grants *g, struct err *e)
{
	struct json_object *value;

	if (!find_claim(claims, name, a, &value))
		return 0;
	if (json_object_is_type(value, json_type_string)) {
		whole(a, g, json_object_get_string(value),
			(size_t)json_object_get_string_len(value));
		return 0;
	}
	bool good = json_object_is_type(value, json_type_array);
	size_t n = good ? json_object_array_length(value) : 0;

	for (size_t i = 0; i < n && good; i++) {
		struct json_object *one = json_object_array_get_idx(value, i);

		good = json_object_is_type(one, json_type_string);
		if (good)
			item(a, g, json_object_get_string(one),
				(size_t)json_object_get_string_len(one));
	}
	return good ? 0
		    : err_set(e, ERR_UNAUTHORIZED,
			      "the token's claim %s is neither a text nor an array of texts", name);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void sort_unique(struct grants *g)
{
	size_t n = 0;

	if (g->n)
		qsort(g->items, g->n, sizeof *g->items, compare);
	for (size_t i = 0; i < g->n; i++)
		if (!n || strcmp(g->items[n - 1], g->items[i]) != 0)
			g->items[n++] = g->items[i];
	g->n = n;
}

bool principal_has(const struct principal *p, const char *grant)
{
	return !strcmp(grant, "*") ||
	       (p->grants_n && bsearch(&grant, p->grants, p->grants_n, sizeof *p->grants, compare));
}

static bool has_any(const struct principal *p, const struct settings_strings *grants)
{
	for (size_t i = 0; i < grants->n; i++)
		if (principal_has(p, grants->items[i]))
			return true;
	return false;
}

static unsigned roles_of(const struct settings *s, const struct principal *p)
{
	if (has_any(p, &s->roles_admin))
		return ROLE_ADMIN | ROLE_EXPORTER | ROLE_VIEWER;
	if (has_any(p, &s->roles_exporter))
		return ROLE_EXPORTER | ROLE_VIEWER;
	return has_any(p, &s->roles_viewer) ? ROLE_VIEWER : 0;
}

int principal_read(const struct settings *s, struct json_object *claims, struct arena *a,
	struct principal *p, struct err *e)
{
	struct grants g = { 0 };
	struct json_object *tenant;

	if (read_grants(claims, s->auth_role_claim, a, add_role, add_role, &g, e) ||
		read_grants(claims, s->auth_scope_claim, a, add_scopes, add_scope, &g, e))
		return -1;
	sort_unique(&g);
	p->grants = g.items;
	p->grants_n = g.n;
	p->roles = roles_of(s, p);
	p->tenant = NULL;
	if (!find_claim(claims, s->auth_tenant_claim, a, &tenant))
		return 0;
	p->tenant = text_of(tenant, a);
	return p->tenant ? 0
			 : err_set(e, ERR_UNAUTHORIZED,
				   "the token's claim %s is neither a text nor a whole number",
				   s->auth_tenant_claim);
}

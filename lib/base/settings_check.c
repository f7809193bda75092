#include "lib/base/settings_check.h"

#include <string.h>

#include "lib/base/nearest.h"

enum { SECRET_CHARACTERS = 32 }; /* of base64 192 bits, of hexadecimal 128 */

#define SMALL  "abcdefghijklmnopqrstuvwxyz"
#define LARGE  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

/* Letters, digits and _, no digit first. */
static bool is_word(const char *text, size_t len)
{
	return len && strspn(text, SMALL LARGE DIGITS "_") >= len && !strchr(DIGITS, *text);
}

/* "tables.users.joins[2]" */
static const char *item_name(
	struct conf *c, const char *group, const char *member, const char *key, size_t i)
{
	return arena_printf(&c->names, "%s.%s.%s[%zu]", group, member, key, i);
}

/* Whether an item of the list before the i-th begins with the same `len` bytes and then a colon. */
static bool is_taken(const struct settings_strings *list, size_t i, size_t len)
{
	for (size_t j = 0; j < i; j++)
		if (!strncmp(list->items[j], list->items[i], len) && list->items[j][len] == ':')
			return true;
	return false;
}

/* A table that the key `name` names. */
static const struct settings_table *need_table(
	const struct settings *s, struct conf *c, const char *name, const char *key, struct err *e)
{
	const struct settings_table *t = settings_table(s, key);
	struct nearest n = { 0 };

	for (size_t i = 0; !t && i < s->tables_n; i++)
		nearest_offer(&n, key, s->tables[i].key);
	if (!t && n.name)
		conf_fail(c, e, name, "names no table: \"%s\"; did you mean \"%s\"?", key, n.name);
	else if (!t)
		conf_fail(c, e, name, "names no table: \"%s\"", key);
	return t;
}

/* ---- databases */

/* As PostgreSQL has names of parameters of one's own: words parted by dots, $ in them but not first. */
static bool is_parameter(const char *text, size_t len)
{
	size_t words = 0;

	for (;; words++) {
		size_t n = strcspn(text, ".");

		if (n > len)
			n = len;
		if (!is_word(text, 1) || strspn(text, SMALL LARGE DIGITS "_$") < n || n == 0)
			return false;
		if (n == len)
			return words > 0;
		text += n + 1;
		len -= n + 1;
	}
}

/* NAME:CLAIM. The claim may hold colons. */
static int check_session(struct conf *c, const struct settings_database *db, struct err *e)
{
	for (size_t i = 0; i < db->session.n; i++) {
		const char *text = db->session.items[i];
		const char *name = item_name(c, "databases", db->key, "session", i);
		size_t len = strcspn(text, ":");

		if (!text[len] || !text[len + 1] || !is_parameter(text, len))
			return conf_fail(c, e, name,
				"must be NAME:CLAIM, the name with a dot as in app.tenant: \"%s\"",
				text);
		if (is_taken(&db->session, i, len))
			return conf_fail(c, e, name, "stands twice: \"%.*s\"", (int)len, text);
	}
	return 0;
}

/* ---- tables */

/* NAME:COLUMN:TABLE. The column may hold colons. */
static int check_join(const struct settings *s, struct conf *c, const struct settings_table *t,
	size_t i, struct err *e)
{
	const char *text = t->joins.items[i], *name = item_name(c, "tables", t->key, "joins", i);
	const char *first = strchr(text, ':'), *last = strrchr(text, ':');

	if (!first || last - first < 2 || !is_word(text, (size_t)(first - text)))
		return conf_fail(c, e, name,
			"must be NAME:COLUMN:TABLE, the name letters, digits and _: \"%s\"", text);
	if (is_taken(&t->joins, i, (size_t)(first - text)))
		return conf_fail(c, e, name, "stands twice: \"%.*s\"", (int)(first - text), text);
	const struct settings_table *other = need_table(s, c, name, last + 1, e);

	if (!other)
		return -1;
	if (strcmp(other->database, t->database) != 0)
		return conf_fail(c, e, name, "names a table of another database: \"%s\" is in %s",
			other->key, other->database);
	return 0;
}

/* NAME:COLUMN or NAME:COLUMN:OPERATOR. */
static int check_filter(struct conf *c, const struct settings_table *t, size_t i, struct err *e)
{
	const char *text = t->filters.items[i],
		   *name = item_name(c, "tables", t->key, "filters", i);
	const char *first = strchr(text, ':'), *last = strrchr(text, ':');

	if (!first || first == text || !last[1] || last == first + 1)
		return conf_fail(
			c, e, name, "must be NAME:COLUMN or NAME:COLUMN:OPERATOR: \"%s\"", text);
	if (is_taken(&t->filters, i, (size_t)(first - text)))
		return conf_fail(c, e, name, "stands twice: \"%.*s\"", (int)(first - text), text);
	return 0;
}

static int check_table(
	const struct settings *s, struct conf *c, const struct settings_table *t, struct err *e)
{
	for (size_t i = 0; i < t->joins.n; i++)
		if (check_join(s, c, t, i, e))
			return -1;
	for (size_t i = 0; i < t->filters.n; i++)
		if (check_filter(c, t, i, e))
			return -1;
	return 0;
}

/* ---- policies */

static bool shows(const struct settings_policy *p, const char *column, size_t len)
{
	for (size_t i = 0; i < p->columns.n; i++)
		if (strlen(p->columns.items[i]) == len && !memcmp(p->columns.items[i], column, len))
			return true;
	return p->columns.n == 0;
}

/* COLUMN:MASK. The column may hold colons. A mask that is about no column would leave one to be seen. */
static int check_mask(struct conf *c, const struct settings_policy *p, size_t i, struct err *e)
{
	const char *text = p->masks.items[i], *name = item_name(c, "policies", p->key, "masks", i);
	const char *last = strrchr(text, ':');
	int len = last ? (int)(last - text) : 0;

	if (len == 0 || !last[1])
		return conf_fail(c, e, name, "must be COLUMN:MASK: \"%s\"", text);
	if (!shows(p, text, (size_t)len))
		return conf_fail(c, e, name,
			"masks a column that the policy does not show: \"%.*s\"", len, text);
	for (size_t j = 0; j < i; j++)
		if (strrchr(p->masks.items[j], ':') - p->masks.items[j] == len &&
			!memcmp(p->masks.items[j], text, (size_t)len))
			return conf_fail(c, e, name, "stands twice: \"%.*s\"", len, text);
	return 0;
}

static int check_policy(
	const struct settings *s, struct conf *c, const struct settings_policy *p, struct err *e)
{
	for (size_t i = 0; i < p->tables.n; i++)
		if (!need_table(s, c, item_name(c, "policies", p->key, "tables", i),
			    p->tables.items[i], e))
			return -1;
	for (size_t i = 0; i < p->masks.n; i++)
		if (check_mask(c, p, i, e))
			return -1;
	return 0;
}

/* ---- links */

/* A path is put behind it. */
static bool is_base(const char *url)
{
	const char *host = !strncmp(url, "https://", 8)  ? url + 8
			   : !strncmp(url, "http://", 7) ? url + 7
							 : "";

	return strspn(host, SMALL LARGE DIGITS "-._~:[]%/") == strlen(host) && *host &&
	       *host != '/' && host[strlen(host) - 1] != '/';
}

int settings_check(const struct settings *s, struct conf *c, struct err *e)
{
	if (*s->secret_key && strlen(s->secret_key) < SECRET_CHARACTERS)
		return conf_fail(
			c, e, "secret.key", "must have %d characters or more", SECRET_CHARACTERS);
	if (*s->secret_previous && strlen(s->secret_previous) < SECRET_CHARACTERS)
		return conf_fail(c, e, "secret.previous", "must have %d characters or more",
			SECRET_CHARACTERS);
	if (*s->links_base && !is_base(s->links_base))
		return conf_fail(c, e, "links.base",
			"is https:// or http://, a host, and no / at the end: "
			"https://data.example.com");
	for (size_t i = 0; i < s->databases_n; i++)
		if (check_session(c, &s->databases[i], e))
			return -1;
	for (size_t i = 0; i < s->tables_n; i++)
		if (check_table(s, c, &s->tables[i], e))
			return -1;
	for (size_t i = 0; i < s->policies_n; i++)
		if (check_policy(s, c, &s->policies[i], e))
			return -1;
	return 0;
}

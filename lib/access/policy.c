#include "lib/access/policy.h"

#include <stdlib.h>
#include <string.h>

static const char *const mask_names[] = {
	[MASK_NONE] = "none",
	[MASK_STARS] = "stars",
	[MASK_HASH] = "hash",
	[MASK_PARTIAL] = "partial",
	[MASK_NULL] = "null",
	[MASK_YEAR] = "year",
};

enum { MASKS_N = sizeof mask_names / sizeof mask_names[0] };

int mask_parse(const char *name)
{
	for (int i = MASK_NONE + 1; i < MASKS_N; i++)
		if (!strcmp(mask_names[i], name))
			return i;
	return -1;
}

const char *mask_name(enum mask mask)
{
	return mask_names[mask];
}

static bool holds(const struct settings_strings *list, const char *item)
{
	for (size_t i = 0; i < list->n; i++)
		if (!strcmp(list->items[i], item))
			return true;
	return false;
}

/* ---- the policies of one table that concern one principal */

struct concerned {
	const struct settings_policy **items; /* as the settings have them */
	size_t n;
};

static bool concerns(const struct settings_policy *policy, const struct principal *p)
{
	for (size_t i = 0; i < policy->roles.n; i++)
		if (principal_has(p, policy->roles.items[i]))
			return true;
	return false;
}

/* Whether the table is there for the principal. */
static bool gather(const struct settings *s, const struct settings_table *t,
	const struct principal *p, struct arena *a, struct concerned *c)
{
	bool is_open = true;

	*c = (struct concerned){ arena_zero(a, s->policies_n, sizeof *c->items), 0 };
	for (size_t i = 0; i < s->policies_n; i++) {
		const struct settings_policy *policy = &s->policies[i];

		if (!holds(&policy->tables, t->key))
			continue;
		is_open = false;
		if (concerns(policy, p))
			c->items[c->n++] = policy;
	}
	return is_open || c->n;
}

/* ---- lists that add up, in one order whatever that of the settings, so that equal rights have equal texts */

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* What all of them list; *all when one of them lists nothing, which is everything, or there is none of them. */
static void unite(const struct concerned *c, size_t offset, struct arena *a, bool *all,
	struct settings_strings *out)
{
	size_t total = 0;

	*all = c->n == 0;
	for (size_t i = 0; i < c->n; i++) {
		const struct settings_strings *list =
			(const void *)((const char *)c->items[i] + offset);

		*all = *all || list->n == 0;
		total += list->n;
	}
	*out = (struct settings_strings){ 0 };
	if (*all)
		return;
	out->items = arena_zero(a, total, sizeof *out->items);
	for (size_t i = 0; i < c->n; i++) {
		const struct settings_strings *list =
			(const void *)((const char *)c->items[i] + offset);

		for (size_t j = 0; j < list->n; j++)
			if (!holds(out, list->items[j]))
				out->items[out->n++] = list->items[j];
	}
	qsort(out->items, out->n, sizeof *out->items, compare);
}

static int64_t most_rows(const struct concerned *c)
{
	int64_t most = c->n ? 0 : -1;

	for (size_t i = 0; i < c->n; i++) {
		if (c->items[i]->rows == 0)
			return -1;
		if (c->items[i]->rows > most)
			most = c->items[i]->rows;
	}
	return most;
}

/* ---- masks */

/* COLUMN:MASK. A column may hold colons, a mask does not. */
static size_t column_len(const char *text)
{
	const char *colon = strrchr(text, ':');

	return colon ? (size_t)(colon - text) : strlen(text);
}

static enum mask mask_in(const struct settings_policy *policy, const char *column)
{
	size_t len = strlen(column);

	for (size_t i = 0; i < policy->masks.n; i++) {
		const char *text = policy->masks.items[i];
		/* What cannot be read hides the most; policy_check lets none of that kind begin. */
		int mask = text[column_len(text)] ? mask_parse(text + column_len(text) + 1) : -1;

		if (column_len(text) == len && !memcmp(text, column, len))
			return mask < 0 ? MASK_NULL : (enum mask)mask;
	}
	return MASK_NONE;
}

/* The mask that the principal sees the column through. */
static enum mask unite_masks(const struct concerned *c, const char *column)
{
	enum mask first = MASK_NONE;

	for (size_t i = 0; i < c->n; i++) {
		const struct settings_policy *policy = c->items[i];

		if (policy->columns.n && !holds(&policy->columns, column))
			continue;
		enum mask mask = mask_in(policy, column);

		if (mask == MASK_NONE)
			return MASK_NONE;
		if (first == MASK_NONE)
			first = mask;
	}
	return first;
}

static int compare_masks(const void *a, const void *b)
{
	return strcmp(
		((const struct rights_mask *)a)->column, ((const struct rights_mask *)b)->column);
}

static void put_masks(const struct concerned *c, struct arena *a, struct rights *out)
{
	struct rights_mask *masks;
	size_t total = 0;

	for (size_t i = 0; i < c->n; i++)
		total += c->items[i]->masks.n;
	masks = arena_zero(a, total, sizeof *masks);
	out->masks = masks;
	out->masks_n = 0;
	for (size_t i = 0; i < c->n; i++)
		for (size_t j = 0; j < c->items[i]->masks.n; j++) {
			const char *text = c->items[i]->masks.items[j];
			const char *column = arena_strndup(a, text, column_len(text));
			enum mask mask = unite_masks(c, column);

			if (mask != MASK_NONE && rights_mask_of(out, column) == MASK_NONE)
				masks[out->masks_n++] = (struct rights_mask){ column, mask };
		}
	if (out->masks_n)
		qsort(masks, out->masks_n, sizeof *masks, compare_masks);
}

/* ---- the text */

/* Of any bytes: letters and digits as they are, the rest in hexadecimal, so that no value can hold a separator. */
static void put_value(struct buf *b, const char *value)
{
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";

	for (; *value; value++)
		if (strchr(plain, *value))
			buf_putc(b, *value);
		else
			buf_printf(b, "%%%02x", (unsigned)(unsigned char)*value);
}

static void put_list(struct buf *b, const char *name, bool all, const struct settings_strings *list)
{
	buf_printf(b, " %s=", name);
	if (all)
		buf_putc(b, '*');
	for (size_t i = 0; !all && i < list->n; i++) {
		buf_puts(b, i ? "," : "");
		put_value(b, list->items[i]);
	}
}

/* A claim by which the database knows its caller. */
static void put_claim(struct buf *b, const char *what, const char *claim, const struct principal *p,
	struct arena *a)
{
	const char *value = principal_claim(a, p, claim);

	buf_printf(b, " %s", what);
	if (!value)
		return;
	buf_putc(b, '=');
	put_value(b, value);
}

/* Row-level security, and rights within the database, go by these. */
static const char *spell_identity(
	const struct settings_database *db, const struct principal *p, struct arena *a)
{
	struct buf b = { 0 };

	if (*db->role_claim)
		put_claim(&b, "role", db->role_claim, p, a);
	for (size_t i = 0; i < db->session.n; i++)
		put_claim(&b, "session", strchr(db->session.items[i], ':') + 1, p, a);
	const char *text = arena_strdup(a, buf_str(&b));

	buf_free(&b);
	return text;
}

static const char *spell(const struct rights *r, struct arena *a)
{
	struct buf b = { 0 };

	buf_printf(&b, "rows=%lld purpose=%d", (long long)r->rows, r->purpose_needed);
	put_list(&b, "columns", r->all_columns, &r->columns);
	put_list(&b, "formats", r->all_formats, &r->formats);
	buf_puts(&b, " masks=");
	for (size_t i = 0; i < r->masks_n; i++) {
		buf_puts(&b, i ? "," : "");
		put_value(&b, r->masks[i].column);
		buf_printf(&b, ":%s", mask_name(r->masks[i].mask));
	}
	if (r->tenant_column) {
		buf_puts(&b, " tenant=");
		put_value(&b, r->tenant_column);
		buf_putc(&b, ':');
		put_value(&b, r->tenant);
	}
	buf_puts(&b, r->identity);
	const char *text = arena_strdup(a, buf_str(&b));

	buf_free(&b);
	return text;
}

/* ---- the interface */

int policy_rights(const struct settings *s, const struct settings_table *t,
	const struct principal *p, struct arena *a, struct rights *out, struct err *e)
{
	struct concerned c;

	*out = (struct rights){ 0 };
	if (!gather(s, t, p, a, &c))
		return err_set(e, ERR_NOT_FOUND, "there is no table \"%s\"", t->key);
	unite(&c, offsetof(struct settings_policy, columns), a, &out->all_columns, &out->columns);
	unite(&c, offsetof(struct settings_policy, formats), a, &out->all_formats, &out->formats);
	put_masks(&c, a, out);
	out->rows = most_rows(&c);
	out->purpose_needed = !strcmp(t->purpose, "required");
	if (*t->tenant_column) {
		if (!p->tenant)
			return err_set(e, ERR_FORBIDDEN,
				"the rows of \"%s\" are tenants', and the token names none",
				t->key);
		out->tenant_column = t->tenant_column;
		out->tenant = p->tenant;
	}
	out->identity = spell_identity(settings_database(s, t->database), p, a);
	out->text = spell(out, a);
	return 0;
}

bool rights_column(const struct rights *r, const char *name)
{
	return r->all_columns || holds(&r->columns, name);
}

enum mask rights_mask_of(const struct rights *r, const char *column)
{
	for (size_t i = 0; i < r->masks_n; i++)
		if (!strcmp(r->masks[i].column, column))
			return r->masks[i].mask;
	return MASK_NONE;
}

static bool is_same(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static bool covers_columns(const struct rights *r, const struct rights *given)
{
	if (!r->all_columns && given->all_columns)
		return false;
	for (size_t i = 0; !r->all_columns && i < given->columns.n; i++)
		if (!holds(&r->columns, given->columns.items[i]))
			return false;
	for (size_t i = 0; i < r->masks_n; i++)
		if (rights_column(given, r->masks[i].column) &&
			rights_mask_of(given, r->masks[i].column) != r->masks[i].mask)
			return false;
	return true;
}

bool rights_cover(const struct rights *r, const struct rights *given)
{
	return covers_columns(r, given) &&
	       (r->rows < 0 || (given->rows >= 0 && given->rows <= r->rows)) &&
	       is_same(r->tenant_column, given->tenant_column) &&
	       is_same(r->tenant, given->tenant) && !strcmp(r->identity, given->identity);
}

int rights_purpose(const struct rights *r, const char *purpose, struct err *e)
{
	if (!r->purpose_needed || purpose)
		return 0;
	return err_set(e, ERR_BAD_REQUEST,
		"this table is given for a purpose only: say in the header Sluice-Purpose what the "
		"data is for");
}

int rights_format(const struct rights *r, const char *name, struct err *e)
{
	struct buf list = { 0 };

	if (r->all_formats || holds(&r->formats, name))
		return 0;
	for (size_t i = 0; i < r->formats.n; i++)
		buf_printf(&list, "%s%s", i ? ", " : "", r->formats.items[i]);
	err_set(e, ERR_FORBIDDEN, "this table is not yours to have as %s, but as: %s", name,
		buf_str(&list));
	buf_free(&list);
	return -1;
}

static int check_mask(const struct settings *s, const struct settings_policy *policy,
	const char *text, struct err *e)
{
	const char *word = text + column_len(text);
	int mask = *word ? mask_parse(word + 1) : -1;

	if (mask < 0)
		return err_set(e, ERR_CONFIG,
			"\"policies.%s.masks\": \"%s\" must be COLUMN:MASK, the mask one of stars, "
			"hash, partial, null, year",
			policy->key, text);
	if (mask == MASK_HASH && !*s->secret_key)
		return err_set(e, ERR_CONFIG,
			"\"policies.%s.masks\": \"%s\" needs secret.key, which is empty",
			policy->key, text);
	return 0;
}

int policy_check(const struct settings *s, struct err *e)
{
	for (size_t i = 0; i < s->policies_n; i++)
		for (size_t j = 0; j < s->policies[i].masks.n; j++)
			if (check_mask(s, &s->policies[i], s->policies[i].masks.items[j], e))
				return -1;
	return 0;
}

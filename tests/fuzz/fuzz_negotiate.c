/*
 * Accept and Accept-Encoding from a stranger: the input, up to its first NUL, is taken as each of
 * them.
 *
 * Whatever it is, reading it ends, stays within it, and gives one of the answers there are. Where
 * it keeps to the grammar of RFC 9110 (§12.4.2, §12.5.1, §12.5.3; quoted strings left aside), a
 * judge who takes it apart in another way must find the answer acceptable, and none better.
 */
#include <stdlib.h>

#include "lib/base/mem.h"
#include "lib/web/coding.h"
#include "lib/web/negotiate.h"
#include "lib/web/quality.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(bool holds)
{
	if (!holds)
		abort();
}

/* ---- the judge */

struct said {
	char *name; /* small letters */
	int q;
};

enum { SAID_MAX = 256, UNSAID = -1 };

struct judge {
	struct said said[SAID_MAX];
	size_t n;
	bool is_clear; /* the header keeps to the grammar */
};

static char *trim(char *s)
{
	s += strspn(s, " \t");
	for (size_t len = strlen(s); len > 0 && strchr(" \t", s[len - 1]);)
		s[--len] = '\0';
	return s;
}

static bool is_token(const char *s)
{
	return *s && !s[strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~/")];
}

/* In thousandths; -1 for what is no qvalue. */
static int judge_weight(const char *s)
{
	size_t len = strlen(s);
	char *end;

	if (len == 0 || len > 5 || !strchr("01", s[0]) || (len > 1 && s[1] != '.'))
		return -1;
	if (s[1 + (len > 1) + strspn(s + 1 + (len > 1), "0123456789")])
		return -1;
	double value = strtod(s, &end);

	return value > 1 ? -1 : (int)(value * 1000 + 0.5);
}

static bool judge_element(struct judge *j, char *element)
{
	char *name = trim(strsep(&element, ";")), *parameter;
	int q = UNSAID;

	if (!*name && !element)
		return true; /* nothing between two commas */
	while ((parameter = strsep(&element, ";"))) {
		char *value = trim(parameter), *key = strsep(&value, "=");

		if (!value || !is_token(key) || !is_token(value))
			return false;
		if (strcmp(key, "q"))
			continue;
		if (q != UNSAID || (q = judge_weight(value)) < 0)
			return false;
	}
	if (!is_token(name) || j->n == SAID_MAX)
		return false;
	j->said[j->n++] = (struct said){ name, q == UNSAID ? 1000 : q };
	return true;
}

/* The header is taken apart in place. */
static void judge_read(struct judge *j, char *header)
{
	char *element;

	j->n = 0;
	j->is_clear = true;
	for (char *p = header; *p; p++)
		*p = *p >= 'A' && *p <= 'Z' ? (char)(*p | 0x20) : *p;
	while (j->is_clear && (element = strsep(&header, ",")))
		j->is_clear = judge_element(j, element);
}

static int judge_name(const struct judge *j, const char *name)
{
	for (size_t i = 0; i < j->n; i++)
		if (!strcmp(j->said[i].name, name) ||
			(!strcmp(name, "gzip") && !strcmp(j->said[i].name, "x-gzip")))
			return j->said[i].q;
	return UNSAID;
}

static int judge_coding(const struct judge *j, const char *coding)
{
	int q = judge_name(j, coding);

	return q == UNSAID ? judge_name(j, "*") : q;
}

static int judge_media(const struct judge *j, const char *media)
{
	char all[64];
	size_t type_len = strcspn(media, "/");
	int q = judge_name(j, media);

	check(type_len + 3 <= sizeof all);
	memcpy(all, media, type_len);
	memcpy(all + type_len, "/*", 3);
	q = q == UNSAID ? judge_name(j, all) : q;
	q = q == UNSAID ? judge_name(j, "*/*") : q;
	return q == UNSAID ? 0 : q;
}

static int judge_format(const struct judge *j, const struct format_type *f)
{
	char names[256], *rest = names, *media;
	int best = 0;

	check(strlen(f->accept) < sizeof names);
	memcpy(names, f->accept, strlen(f->accept) + 1);
	while ((media = strsep(&rest, ","))) {
		int q = judge_media(j, trim(media));

		best = q > best ? q : best;
	}
	return best;
}

/* ---- what is judged */

static void check_coding(const char *header, const struct judge *j)
{
	const struct compress_type *chosen;
	struct err e = { 0 };
	int status = coding_choose(header, &chosen, &e);

	check(status == 0 ? e.code == ERR_NONE : !chosen && e.code == ERR_NOT_ACCEPTABLE);
	check(!chosen || chosen->coding);
	if (!j->is_clear)
		return;
	int identity = judge_coding(j, "identity");
	int q = chosen ? judge_coding(j, chosen->coding) : identity;
	bool is_behind = false; /* in the table, of the one that was chosen */

	check(chosen ? q > 0 && q >= identity : (status < 0) == (identity == 0));
	for (const struct compress_type *const *t = compress_types; *t; t++) {
		int other = (*t)->coding ? judge_coding(j, (*t)->coding) : UNSAID;

		is_behind |= *t == chosen;
		if (chosen)
			check(is_behind ? other <= q : other < q);
		else
			check(other <= 0 || other < identity);
	}
}

static void check_format(const char *header, const struct judge *j)
{
	const struct format_type *chosen = negotiate_format(header);
	bool is_behind = false;

	if (!j->is_clear)
		return;
	if (!header[strspn(header, " \t")]) {
		check(chosen == format_types[0]);
		return;
	}
	int q = chosen ? judge_format(j, chosen) : 0;

	check(!chosen == (q == 0));
	for (const struct format_type *const *t = format_types; *t; t++) {
		int other = judge_format(j, *t);

		is_behind |= !chosen || *t == chosen;
		check(is_behind ? other <= q : other < q);
	}
}

static void check_elements(const char *header)
{
	const char *end = header + strlen(header), *next;
	struct quality element;

	for (const char *p = header; (next = quality_next(p, &element)); p = next) {
		check(next > p && next <= end);
		check(element.name >= p && element.name + element.len <= next);
		check(element.q >= 0 && element.q <= QUALITY_MAX);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct judge judge;
	struct arena a = { 0 };
	const char *header =
		arena_strndup(&a, (const char *)data, strnlen((const char *)data, len));

	judge_read(&judge, arena_strdup(&a, header));
	check_elements(header);
	check_coding(header, &judge);
	check_format(header, &judge);
	arena_free(&a);
	return 0;
}

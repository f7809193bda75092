#include "lib/web/query_string.h"

#include <string.h>

enum { PARAMS_MAX = 100 };

static int hex_value(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

const char *query_string_decode(struct arena *a, const char *s, size_t len, bool plus)
{
	char *out = arena_alloc(a, len + 1), *to = out;

	for (size_t i = 0; i < len; i++) {
		if (s[i] == '%') {
			int high = len - i > 2 ? hex_value(s[i + 1]) : -1;
			int low = high >= 0 ? hex_value(s[i + 2]) : -1;

			if (low < 0 || (high == 0 && low == 0))
				return NULL;
			*to++ = (char)(high << 4 | low);
			i += 2;
		} else {
			*to++ = plus && s[i] == '+' ? ' ' : s[i];
		}
	}
	*to = '\0';
	return utf8_valid(out, (size_t)(to - out)) ? out : NULL;
}

static bool is_given(const struct request_param *params, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(params[i].name, name))
			return true;
	return false;
}

int query_string_read(
	struct arena *a, const char *query, struct request_param **params, size_t *n, struct err *e)
{
	*params = arena_zero(a, PARAMS_MAX, sizeof **params);
	*n = 0;
	for (const char *p = query, *end; *p; p = *end ? end + 1 : end) {
		end = strchrnul(p, '&');
		if (end == p)
			continue;
		if (*n == PARAMS_MAX)
			return err_set(
				e, ERR_BAD_REQUEST, "more than %d query parameters", PARAMS_MAX);
		const char *equals = memchr(p, '=', (size_t)(end - p));
		const char *name_end = equals ? equals : end;
		const char *value = equals ? equals + 1 : end;
		struct request_param param = {
			query_string_decode(a, p, (size_t)(name_end - p), true),
			query_string_decode(a, value, (size_t)(end - value), true),
		};

		if (!param.name || !param.value)
			return err_set(e, ERR_BAD_REQUEST,
				"the query string is not percent-encoded UTF-8");
		if (is_given(*params, *n, param.name))
			return err_set(e, ERR_BAD_REQUEST, "the parameter \"%s\" is given twice",
				param.name);
		(*params)[(*n)++] = param;
	}
	return 0;
}

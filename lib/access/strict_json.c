#include "lib/access/strict_json.h"

#include <json-c/json.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>

#include "lib/base/mem.h"

/* What JSON has outside of strings: structure, white space, numbers, and the letters of true, false
 * and null. Not the quotes of JavaScript, not NaN and Infinity. */
static const char outside[] = "{}[]:,-+.0123456789E \t\r\naeflnrstu";

/* The UTF-16 unit that an escape (\uXXXX) stands for; -1 where there is no such escape. */
static long escaped_unit(const char *p, const char *end)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	long unit = 0;

	if (end - p < 6 || p[0] != '\\' || p[1] != 'u')
		return -1;
	for (int i = 2; i < 6; i++) {
		const char *digit = p[i] ? strchr(digits, p[i]) : NULL;

		if (!digit)
			return -1;
		unit = unit * 16 + (digit - digits) % 16;
	}
	return unit;
}

/* Behind the escape, or behind two that make one character; NULL where it is NUL or half of one. */
static const char *skip_escape(const char *p, const char *end)
{
	long unit = escaped_unit(p, end);

	if (unit == 0 || (unit >= 0xdc00 && unit <= 0xdfff))
		return NULL;
	if (unit >= 0xd800 && unit <= 0xdbff) {
		long low = escaped_unit(p + 6, end);

		return low >= 0xdc00 && low <= 0xdfff ? p + 12 : NULL;
	}
	return end - p >= 2 ? p + 2 : NULL; /* what was escaped ends no string */
}

/* Behind the string's closing quote, or NULL. The bytes are json-c's to check, but for those that
 * it lets pass. */
static const char *skip_string(const char *p, const char *end)
{
	while (p && p < end && *p != '"') {
		if ((unsigned char)*p < 0x20)
			return NULL;
		p = *p == '\\' ? skip_escape(p, end) : p + 1;
	}
	return p && p < end ? p + 1 : NULL;
}

/* The number of members in all objects of the text, which is that of the colons outside of strings;
 * -1 when it is nested too deep or has something that JSON does not. */
static long count_colons(const char *p, const char *end)
{
	long n = 0;
	int depth = 0;

	while (p < end) {
		char c = *p++;

		if (c == '"') {
			p = skip_string(p, end);
			if (!p)
				return -1;
		} else if (c == '\0' || !strchr(outside, c)) {
			return -1;
		}
		n += c == ':';
		depth += (c == '{' || c == '[') - (c == '}' || c == ']');
		if (depth > STRICT_JSON_DEPTH)
			return -1;
	}
	return n;
}

/* The number of members that json-c has kept. */
static long count_members(struct json_object *value)
{
	long n = 0;

	if (json_object_is_type(value, json_type_object)) {
		n = json_object_object_length(value);
		json_object_object_foreach(value, name, member)
		{
			(void)name;
			n += count_members(member);
		}
	} else if (json_object_is_type(value, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(value); i++)
			n += count_members(json_object_array_get_idx(value, i));
	}
	return n;
}

static struct json_object *parse(const char *text, int len)
{
	struct json_tokener *t = json_tokener_new_ex(STRICT_JSON_DEPTH + 1); /* 1: for a scalar */

	if (!t)
		return NULL;
	json_tokener_set_flags(t, JSON_TOKENER_STRICT);
	struct json_object *root = json_tokener_parse_ex(t, text, len);

	if (json_tokener_get_error(t) != json_tokener_success ||
		json_tokener_get_parse_end(t) != (size_t)len) {
		json_object_put(root);
		root = NULL;
	}
	json_tokener_free(t);
	return root;
}

struct json_object *strict_json_object(const char *text, size_t len)
{
	if (!len || len > INT_MAX) /* an empty buffer has no address to add to */
		return NULL;
	long members = count_colons(text, text + len);

	if (members < 0 || !utf8_valid(text, len)) /* json-c would take overlong forms */
		return NULL;
	struct json_object *root = parse(text, (int)len);

	if (json_object_is_type(root, json_type_object) && count_members(root) == members)
		return root;
	json_object_put(root);
	return NULL;
}

const char *strict_json_string(const struct json_object *object, const char *name)
{
	struct json_object *value;

	if (!json_object_object_get_ex(object, name, &value) ||
		!json_object_is_type(value, json_type_string))
		return NULL;
	const char *text = json_object_get_string(value);

	return text[0] ? text : NULL;
}

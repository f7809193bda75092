/*
 * Fuzz: random rows as XML. libxml2 parses the document and finds it valid against its schema, and
 * the values read back are the same, JSON as json-c reads it. Then the same bytes as a column of
 * JSON, once made into a random value and once as they are: whatever they are, the document is
 * well-formed.
 */
#include <json-c/json.h>
#include <openssl/evp.h>

#include "lib/format/xml.h"
#include "lib/format/xml_schema.h"
#include "tests/fuzz/rows.h"
#include "tests/unit/xml_judge.h"

#define XSI "http://www.w3.org/2001/XMLSchema-instance"

/* ---- what XML makes of text and names */

static size_t utf8_length(const char *s, size_t left)
{
	for (size_t n = 1; n <= 4 && n <= left; n++)
		if (utf8_valid(s, n))
			return n;
	return 0;
}

/* Other bytes than UTF-8 do not come from a source. */
static void make_utf8(char *s, size_t len)
{
	for (size_t i = 0, n; i < len; i += n) {
		n = utf8_length(s + i, len - i);
		if (n == 0)
			s[i] = '?', n = 1;
	}
}

/* The text less what XML cannot hold. */
static void put_allowed(struct buf *out, const char *s, size_t len)
{
	for (size_t i = 0, n; i < len; i += n) {
		bool is_control = (unsigned char)s[i] < 0x20 && !memchr("\t\n\r", s[i], 3);

		n = utf8_length(s + i, len - i);
		MUST(n > 0);
		if (is_control || (n == 3 && memcmp(s + i, "\xef\xbf\xbe", 3) >= 0 &&
					  memcmp(s + i, "\xef\xbf\xbf", 3) <= 0))
			buf_puts(out, "\xef\xbf\xbd");
		else
			buf_put(out, s + i, n);
	}
}

static void put_utf8(struct buf *out, unsigned long c)
{
	char json[32];
	unsigned long v = c - 0x10000;
	int len = c > 0xffff ? snprintf(json, sizeof json, "\"\\u%04lx\\u%04lx\"",
				       0xd800 + (v >> 10), 0xdc00 + (v & 0x3ff))
			     : snprintf(json, sizeof json, "\"\\u%04lx\"", c);
	struct json_object *o = json_tokener_parse(json);

	MUST(o && len > 0);
	buf_put(out, json_object_get_string(o), (size_t)json_object_get_string_len(o));
	json_object_put(o);
}

/* The name that an element's was made from. */
static void put_original(struct buf *out, const char *mapped)
{
	if (strcmp(mapped, "_x_") == 0)
		return;
	while (*mapped) {
		char *end;

		if (mapped[0] != '_' || mapped[1] != 'x') {
			buf_putc(out, *mapped++);
			continue;
		}
		unsigned long c = strtoul(mapped + 2, &end, 16);

		MUST(*end == '_');
		if (c >= 0xdc80 && c <= 0xdcff)
			buf_putc(out, (char)c);
		else
			put_utf8(out, c);
		mapped = end + 1;
	}
}

static void same_name(xmlNodePtr node, const char *name, size_t len)
{
	struct buf original = { 0 };

	put_original(&original, (const char *)node->name);
	MUST(original.len == len && memcmp(buf_str(&original), name, len) == 0);
	buf_free(&original);
}

static bool is_nil(xmlNodePtr node)
{
	xmlChar *nil = xmlGetNsProp(node, BAD_CAST "nil", BAD_CAST XSI);
	bool result = nil != NULL;

	MUST(!nil || (strcmp((char *)nil, "true") == 0 && !node->children));
	xmlFree(nil);
	return result;
}

/* ---- values read back */

static void same_text(xmlNodePtr node, const char *s, size_t len)
{
	struct buf expected = { 0 };
	xmlChar *content = xmlNodeGetContent(node);

	put_allowed(&expected, s, len);
	MUST(strcmp((char *)content, buf_str(&expected)) == 0);
	MUST(xmlChildElementCount(node) == 0);
	xmlFree(content);
	buf_free(&expected);
}

static void same_json(xmlNodePtr node, struct json_object *o)
{
	xmlNodePtr child = xmlFirstElementChild(node);
	size_t i = 0;

	MUST(is_nil(node) == !o);
	if (json_object_is_type(o, json_type_object)) {
		json_object_object_foreach(o, key, value)
		{
			MUST(child);
			same_name(child, key, strlen(key));
			same_json(child, value);
			child = xmlNextElementSibling(child);
		}
	} else if (json_object_is_type(o, json_type_array)) {
		for (; i < json_object_array_length(o); i++) {
			MUST(child && strcmp((const char *)child->name, "item") == 0);
			same_json(child, json_object_array_get_idx(o, i));
			child = xmlNextElementSibling(child);
		}
	} else if (o) {
		same_text(node, json_object_get_string(o),
			json_object_is_type(o, json_type_string)
				? (size_t)json_object_get_string_len(o)
				: strlen(json_object_get_string(o)));
	}
	MUST(!child);
}

static void same_json_text(xmlNodePtr node, const char *text, size_t len)
{
	struct json_tokener *t = json_tokener_new_ex(1000);
	struct json_object *o;

	json_tokener_set_flags(t, JSON_TOKENER_STRICT);
	o = json_tokener_parse_ex(t, text, (int)len);
	if (json_tokener_get_error(t) == json_tokener_continue) /* a number at the end */
		o = json_tokener_parse_ex(t, "", 1);
	MUST(json_tokener_get_error(t) == json_tokener_success);
	same_json(node, o);
	json_object_put(o);
	json_tokener_free(t);
}

static void same_base64(const char *text, const uint8_t *bytes, size_t n)
{
	size_t len = strlen(text);
	uint8_t *back = mem_alloc(len + 3, 1);

	MUST(len == (n + 2) / 3 * 4);
	MUST(EVP_DecodeBlock(back, (const uint8_t *)text, (int)len) == (int)(len / 4 * 3));
	MUST(memcmp(back, bytes, n) == 0);
	free(back);
}

static void same_infinity(const char *text, const char *bytes)
{
	MUST(strcmp(text, *bytes == '-' ? "-INF" : "INF") == 0);
}

static void same_cell(xmlNodePtr node, const struct column *c, int32_t row, int scale)
{
	char *text = (char *)xmlNodeGetContent(node);
	const char *bytes = NULL;
	size_t len = 0;

	if (c->offsets)
		bytes = (const char *)column_bytes(c, row, &len);
	if (c->type == TYPE_JSON)
		same_json_text(node, bytes, len);
	else if (c->type == TYPE_UTF8)
		same_text(node, bytes, len);
	else if (c->type == TYPE_BINARY)
		same_base64(text, (const uint8_t *)bytes, len);
	else if (c->type == TYPE_DECIMAL_TEXT && bytes[len - 1] == 'y')
		same_infinity(text, bytes);
	else if (is_decimal_nan(c, row))
		MUST(strcmp(text, "NaN") == 0);
	else
		same_value(c, row, scale, text, strlen(text));
	xmlFree(text);
}

static void same_row(xmlNodePtr node, const struct rows *r, int32_t row)
{
	xmlNodePtr child = xmlFirstElementChild(node);

	MUST(strcmp((const char *)node->name, "row") == 0);
	for (size_t i = 0; i < r->schema.n; i++) {
		const struct column *c = &r->batch.columns[i];

		MUST(child);
		same_name(child, r->fields[i].name, strlen(r->fields[i].name));
		if (c->type != TYPE_JSON || column_is_null(c, row))
			MUST(is_nil(child) == column_is_null(c, row));
		if (!column_is_null(c, row))
			same_cell(child, c, row, r->fields[i].scale);
		child = xmlNextElementSibling(child);
	}
	MUST(!child);
}

/* ---- random rows */

static void make_fit(struct rows *r)
{
	for (size_t i = 0; i < r->schema.n; i++) {
		struct column *c = &r->batch.columns[i];

		r->fields[i].nullable = c->nulls_n > 0;
		r->fields[i].precision = 38;
		for (int32_t row = 0; c->type == TYPE_UTF8 && row < r->batch.rows; row++) {
			size_t len;
			const uint8_t *text = column_bytes(c, row, &len);

			make_utf8((char *)c->data + (text - c->data), len);
		}
	}
}

static void check_rows(const uint8_t *data, size_t len)
{
	struct buf schema = { 0 };
	struct rows r;
	int32_t row = 0;

	rows_from(&r, data, len);
	make_fit(&r);
	struct memory_sink *m = rows_format(&r, xml_new);

	xml_schema(&schema, &r.schema, NULL, NULL);
	MUST(judge_document(&m->bytes, &schema, false) == 1);
	xmlDocPtr doc = judge_parse(&m->bytes);

	for (xmlNodePtr node = xmlFirstElementChild(xmlDocGetRootElement(doc)); node;
		node = xmlNextElementSibling(node)) {
		MUST(row < r.batch.rows);
		same_row(node, &r, row++);
	}
	MUST(row == r.batch.rows);
	xmlFreeDoc(doc);
	buf_free(&schema);
	sink_free(&m->base);
	batch_free(&r.batch);
}

/* ---- random JSON */

enum { DEPTH = 40 };

static const char *pick(struct feed *f, const char *const *from, size_t n)
{
	return from[feed_byte(f) % n];
}

static void feed_string(struct feed *f, struct buf *out)
{
	static const char *const pieces[] = { "a", "B", "_", "x", "_x", "xml", "0", ".", "-", " ",
		"<", "&", ">", "\\\"", "\\\\", "\\/", "\\b", "\\n", "\\r", "\\t", "\\u0000",
		"\\u001F", "\\u00e9", "\\ud83c\\udf0a", "\\uFFFE", "\xc3\xa9", "\xe5\x90\x8d",
		"\xef\xbc\x8c", "\xef\xbf\xbf", "\xf0\x9f\x8c\x8a", "name", "a_longer_piece" };

	for (int n = feed_byte(f) % 12; n > 0; n--)
		buf_puts(out, pick(f, pieces, sizeof pieces / sizeof *pieces));
}

static void feed_json_value(struct feed *f, struct buf *out, int depth);

/* The number at its end makes a key the only one of its name. Without NUL: json-c's keys end
 * there. */
static void feed_key(struct feed *f, struct buf *out, int i)
{
	size_t from = out->len;
	const char *nul;

	feed_string(f, out);
	while ((nul = strstr(buf_str(out) + from, "\\u0000")))
		memcpy(out->data + (nul - out->data), "a_nul_", 6);
	buf_printf(out, "_%d", i);
}

static void feed_members(struct feed *f, struct buf *out, int depth, bool is_object)
{
	static const char *const gaps[] = { "", " ", "\n\t" };
	int n = feed_byte(f) % 6;

	buf_putc(out, is_object ? '{' : '[');
	for (int i = 0; i < n; i++) {
		buf_puts(out, i ? "," : "");
		buf_puts(out, pick(f, gaps, 3));
		if (is_object) {
			buf_putc(out, '"');
			feed_key(f, out, i);
			buf_puts(out, "\":");
			buf_puts(out, pick(f, gaps, 3));
		}
		feed_json_value(f, out, depth + 1);
	}
	buf_putc(out, is_object ? '}' : ']');
}

static void feed_json_value(struct feed *f, struct buf *out, int depth)
{
	static const char *const words[] = { "null", "true", "false", "0", "-1", "1.50", "-2.5e-3",
		"12345678901234567890", "9223372036854775807" };
	uint8_t kind = feed_byte(f);

	if (kind % 4 < 2 && depth < DEPTH && f->at < f->len) {
		feed_members(f, out, depth, kind % 4);
	} else if (kind % 4 == 2) {
		buf_putc(out, '"');
		feed_string(f, out);
		buf_putc(out, '"');
	} else {
		buf_puts(out, pick(f, words, sizeof words / sizeof *words));
	}
}

static void put_row(struct batch *b, const struct buf *text)
{
	MUST(column_put_bytes(&b->columns[0], b->rows, text->data, text->len));
	b->rows++;
}

/* The value, the bytes, and the value with nothing behind it that may be read. */
static void check_json(const uint8_t *data, size_t len)
{
	struct rows r = { .fields = { { .name = "j", .type = TYPE_JSON } } };
	struct feed f = { data, len, 0 };
	struct buf value = { 0 }, bytes = { 0 };

	r.schema = (struct schema){ r.fields, 1 };
	feed_json_value(&f, &value, 0);
	buf_put(&bytes, data, len);
	buf_str(&bytes);
	make_utf8(bytes.data, bytes.len);
	batch_init(&r.batch, &r.schema);
	put_row(&r.batch, &value);
	put_row(&r.batch, &bytes);
	put_row(&r.batch, &value);
	r.batch.columns[0].data_cap = (size_t)r.batch.columns[0].offsets[3];
	r.batch.columns[0].data = mem_grow(r.batch.columns[0].data, r.batch.columns[0].data_cap, 1);

	struct memory_sink *m = rows_format(&r, xml_new);
	xmlDocPtr doc = judge_parse(&m->bytes);

	MUST(doc);
	xmlNodePtr first = xmlFirstElementChild(xmlDocGetRootElement(doc));
	xmlNodePtr third = xmlNextElementSibling(xmlNextElementSibling(first));

	same_json_text(xmlFirstElementChild(first), value.data, value.len);
	same_json_text(xmlFirstElementChild(third), value.data, value.len);
	MUST(xmlChildElementCount(xmlNextElementSibling(first)) == 1 &&
		third == xmlLastElementChild(xmlDocGetRootElement(doc)));
	xmlFreeDoc(doc);
	sink_free(&m->base);
	batch_free(&r.batch);
	buf_free(&value);
	buf_free(&bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	check_rows(data, len);
	check_json(data, len);
	return 0;
}

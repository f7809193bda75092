#include "lib/format/xml_json.h"

#include <stdlib.h>

#include "lib/format/block.h"
#include "lib/format/xml_name.h"
#include "lib/format/xml_text.h"

enum { KEY_COPY = 32, LEVELS_FIRST = 16 };

/* An element that is open, or about to be. */
struct xml_level {
	const uint8_t *key; /* its name as JSON has it; NULL: the outermost */
	uint32_t len;
	bool is_plain; /* key is a name as it stands, readable up to KEY_COPY */
	bool is_array;
};

struct walk {
	struct xml_json *open;
	struct row_out *out;
	char *p;
	const struct xml_element *outermost;
	const uint8_t *in, *end;
	const uint8_t *limit; /* what may be read, >= end */
};

/* ---- bytes */

enum {
	GAP = 1, /* between tokens; commas and colons too: where they must stand is not judged */
	DELIMITER = 2, /* not part of a number or word */
	FIRST = 4      /* begins a name that needs no look at what follows */
};

static const uint8_t kinds[256] = {
	['\t'] = GAP | DELIMITER,
	['\n'] = GAP | DELIMITER,
	['\r'] = GAP | DELIMITER,
	[' '] = GAP | DELIMITER,
	[','] = GAP | DELIMITER,
	[':'] = GAP | DELIMITER,
	['"'] = DELIMITER,
	['{'] = DELIMITER,
	['}'] = DELIMITER,
	['['] = DELIMITER,
	[']'] = DELIMITER,
	['A' ... 'W'] = FIRST,
	['Y'] = FIRST,
	['Z'] = FIRST,
	['_'] = FIRST,
	['a' ... 'w'] = FIRST,
	['y'] = FIRST,
	['z'] = FIRST,
};

static inline void skip_gap(struct walk *w)
{
	while (w->in < w->end && kinds[*w->in] & GAP)
		w->in++;
}

/* ---- characters of a string */

/* Four hexadecimal digits, or -1. */
static int32_t read_hex(const uint8_t *in, const uint8_t *end)
{
	int32_t v = 0;

	if (end - in < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		uint8_t c = in[i], letter = c | 0x20;

		if (c >= '0' && c <= '9')
			v = v << 4 | (c - '0');
		else if (letter >= 'a' && letter <= 'f')
			v = v << 4 | (letter - 'a' + 10);
		else
			return -1;
	}
	return v;
}

/* What follows \u; a pair of surrogates is one character, half of one is itself. */
static uint32_t read_unicode(const uint8_t **in, const uint8_t *end)
{
	int32_t c = read_hex(*in, end), low;

	if (c < 0)
		return 0xfffd;
	*in += 4;
	if (c < 0xd800 || c > 0xdbff || end - *in < 6 || (*in)[0] != '\\' || (*in)[1] != 'u')
		return (uint32_t)c;
	low = read_hex(*in + 2, end);
	if (low < 0xdc00 || low > 0xdfff)
		return (uint32_t)c;
	*in += 6;
	return 0x10000 + ((uint32_t)(c - 0xd800) << 10 | (uint32_t)(low - 0xdc00));
}

static uint32_t read_character(const uint8_t **in, const uint8_t *end)
{
	if (**in != '\\' || end - *in < 2)
		return xml_text_next(in, end);
	*in += 2;
	switch ((*in)[-1]) {
	case 'b': return '\b';
	case 'f': return '\f';
	case 'n': return '\n';
	case 'r': return '\r';
	case 't': return '\t';
	case 'u': return read_unicode(in, end);
	default: --*in; return xml_text_next(in, end);
	}
}

/* ---- tags */

/* A key behind `before`, with `after` behind it; the three are constants of few bytes. */
static inline void put_key(
	struct walk *w, const struct xml_level *e, const char *before, const char *after)
{
	size_t before_len = strlen(before), after_len = strlen(after);
	struct xml_name name;
	char *p = row_out_room(w->out, w->p, before_len + KEY_COPY + after_len);

	memcpy(p, before, before_len);
	p += before_len;
	if (__builtin_expect(e->is_plain, 1)) {
		memcpy(p, e->key, KEY_COPY);
		p += e->len;
	} else {
		xml_name_begin(&name, read_character, e->key, e->len);
		do {
			w->p = row_out_room(w->out, p, XML_NAME_CHAR);
			p = xml_name_put(&name, w->p);
		} while (p != w->p);
		p = row_out_room(w->out, p, after_len);
	}
	memcpy(p, after, after_len);
	w->p = p + after_len;
}

static inline void put_open(struct walk *w, const struct xml_level *e)
{
	if (e->key)
		put_key(w, e, "<", ">");
	else
		w->p = xml_tag_put(w->p, &w->outermost->open);
}

static inline void put_close(struct walk *w, const struct xml_level *e)
{
	if (e->key)
		put_key(w, e, "</", ">");
	else
		w->p = xml_tag_put(w->p, &w->outermost->close);
}

static inline void put_nil(struct walk *w, const struct xml_level *e)
{
	if (e->key)
		put_key(w, e, "<", " xsi:nil=\"true\"/>");
	else
		w->p = xml_tag_put(w->p, &w->outermost->nil);
}

/* ---- values */

/* As much of a block as may be read. */
static inline struct block look(const uint8_t *in, const uint8_t *limit)
{
	uint8_t rest[BLOCK] = { 0 };

	if (__builtin_expect(limit - in >= BLOCK, 1))
		return block_load(in);
	memcpy(rest, in, (size_t)(limit - in));
	return block_load(rest);
}

/* Bytes up to the first that ends a string or is not copied as it is. */
static inline int copied_length(struct block b)
{
	struct block ends = block_or(block_equal(b, '"'), block_equal(b, '\\'));

	return __builtin_ctz(xml_text_marks(b) | block_bits(ends) | 1u << BLOCK);
}

/* The inside of a string, and the quote behind it eaten. */
static inline void put_string(struct walk *w)
{
	const uint8_t *in = w->in;
	char *p = w->p;

	while (in < w->end) {
		struct block b = look(in, w->limit);
		unsigned marks = xml_text_marks(b) |
				 block_bits(block_or(block_equal(b, '"'), block_equal(b, '\\')));
		long at = marks ? __builtin_ctz(marks) : BLOCK;

		p = row_out_room(w->out, p, BLOCK + XML_TEXT_CHAR);
		block_store(p, b);
		if (at > w->end - in)
			at = w->end - in;
		in += at;
		p += at;
		if (at == BLOCK || in == w->end)
			continue;
		if (*in == '"') {
			in++;
			break;
		}
		p = xml_text_put(p, read_character(&in, w->end));
	}
	w->in = in;
	w->p = p;
}

/* A number, true or false. */
static inline void put_word(struct walk *w)
{
	const uint8_t *word = w->in;

	while (w->in < w->end && !(kinds[*w->in] & DELIMITER))
		w->in++;
	size_t len = (size_t)(w->in - word);

	if (len <= ROW_OUT_SPAN && w->limit - w->in >= BLOCK_SLACK)
		w->p = xml_text_escape(row_out_room(w->out, w->p, len * XML_TEXT_WORST), word, len);
	else
		w->p = xml_text_escape_long(w->out, w->p, word, len);
}

static void push(struct walk *w, const struct xml_level *e)
{
	struct xml_json *j = w->open;

	if (j->n == j->cap) {
		j->cap = j->cap ? 2 * j->cap : LEVELS_FIRST;
		j->levels = mem_grow(j->levels, j->cap, sizeof *j->levels);
	}
	j->levels[j->n++] = *e;
}

/* The value that comes next, as an element; of an object or array only its beginning. */
static inline void put_value(struct walk *w, struct xml_level *e)
{
	uint8_t c = w->in < w->end ? *w->in : '\0';

	if (c == 'n' && w->end - w->in >= 4 && memcmp(w->in, "null", 4) == 0) {
		w->in += 4;
		put_nil(w, e);
		return;
	}
	put_open(w, e);
	if (c == '{' || c == '[') {
		w->in++;
		e->is_array = c == '[';
		push(w, e);
		return;
	}
	if (c == '"') {
		w->in++;
		put_string(w);
	} else {
		put_word(w);
	}
	put_close(w, e);
}

/* ---- members */

/* Bytes that need no mapping behind a first that is FIRST, up to BLOCK. */
static inline unsigned name_length(const uint8_t *name)
{
	struct block b = block_load(name), x = block_equal(block_load(name + 1), 'x');
	struct block underscore = block_equal(b, '_');
	struct block letters = block_or(block_between(b, 'a', 'z'), block_between(b, 'A', 'Z'));
	struct block others = block_or(block_between(b, '0', '9'), underscore);
	unsigned plain = block_bits(block_or(letters, others));

	plain &= ~(block_bits(underscore) & block_bits(x));
	return (unsigned)__builtin_ctz(~plain | 1u << BLOCK);
}

/* The length of a key that is plain, or 0. */
static inline size_t plain_length(const struct walk *w, const uint8_t *key)
{
	size_t len = 0, n;

	if (w->limit - key < KEY_COPY + BLOCK_SLACK || !(kinds[*key] & FIRST))
		return 0;
	do {
		n = name_length(key + len);
		len += n;
	} while (n == BLOCK && len < KEY_COPY);
	return len <= KEY_COPY && key[len] == '"' ? len : 0;
}

static inline void read_key(struct walk *w, struct xml_level *e)
{
	const uint8_t *key = w->in + (*w->in == '"'), *in = key;
	size_t len = plain_length(w, key);

	*e = (struct xml_level){ .key = key, .is_plain = len && in + len < w->end };
	if (e->is_plain)
		in += len;
	else
		while (in < w->end && *in != '"')
			in += 1 + (*in == '\\' && w->end - in > 1);
	e->len = (uint32_t)(in - key);
	w->in = in + (in < w->end);
}

/* ---- what is common: "key": "value", and items that are strings, all short and copied as they are
 *
 * Most of the time goes into waiting for where the next member begins. So that alone is found
 * first, from the quotes in two blocks; whether key and value are what they must be is looked at
 * aside. */

/* Where in two blocks the quotes are: about the key, the first at 0, and about the value. */
struct quotes {
	unsigned key_end, value, value_end;
};

static inline bool find_quotes(const uint8_t *in, struct quotes *q)
{
	unsigned first = block_bits(block_equal(block_load(in), '"'));
	unsigned all = first | block_bits(block_equal(block_load(in + BLOCK), '"')) << BLOCK;
	unsigned second = all & (all - 1), third = second & (second - 1);
	unsigned fourth = third & (third - 1);

	if (!(all & 1) || !fourth)
		return false;
	q->key_end = (unsigned)__builtin_ctz(second);
	q->value = (unsigned)__builtin_ctz(third) + 1;
	q->value_end = (unsigned)__builtin_ctz(fourth);
	return true;
}

static inline bool is_common(const uint8_t *in, const struct quotes *q)
{
	const uint8_t *colon = in + q->key_end + 1;

	return *colon == ':' && q->value - q->key_end == 3u + (colon[1] == ' ') &&
	       kinds[in[1]] & FIRST && name_length(in + 1) == q->key_end - 1 &&
	       (unsigned)copied_length(block_load(in + q->value)) == q->value_end - q->value;
}

static inline char *put_common(char *p, const uint8_t *in, const struct quotes *q)
{
	struct block key = block_load(in + 1);

	*p = '<';
	block_store(p + 1, key);
	p += q->key_end;
	*p++ = '>';
	block_store(p, block_load(in + q->value));
	p += q->value_end - q->value;
	memcpy(p, "</", 2);
	block_store(p + 2, key);
	p += q->key_end + 1;
	*p++ = '>';
	return p;
}

/* Behind the comma that may follow a value and the space that may follow the comma. Branches, for a
 * processor to guess: what comes next need not wait for them. */
static inline const uint8_t *behind_comma(const uint8_t *in)
{
	if (memcmp(in, ", ", 2) == 0)
		return in + 2;
	if (*in == ',')
		return in + 1;
	return in;
}

/* As many as follow each other. */
static inline void put_common_members(struct walk *w)
{
	enum { READ = 4 * BLOCK, WRITTEN = 3 * BLOCK + 8 };
	const uint8_t *in = w->in;
	char *p = w->p;
	struct quotes q;

	while (w->limit - in >= READ && find_quotes(in, &q) && in + q.value_end < w->end &&
		is_common(in, &q)) {
		p = put_common(row_out_room(w->out, p, WRITTEN), in, &q);
		in = behind_comma(in + q.value_end + 1);
	}
	w->in = in < w->end ? in : w->end;
	w->p = p;
}

/* Items that are short strings to be copied as they are, as many as follow each other. */
static inline void put_common_items(struct walk *w)
{
	enum { READ = 3 * BLOCK, WRITTEN = BLOCK + 16 };
	const uint8_t *in = w->in;
	char *p = w->p;

	while (w->limit - in >= READ && *in == '"') {
		struct block b = block_load(in + 1);
		int len = copied_length(b);
		const uint8_t *quote = in + 1 + len;

		if (quote >= w->end || *quote != '"')
			break;
		p = row_out_room(w->out, p, WRITTEN);
		memcpy(p, "<item>", 6);
		block_store(p + 6, b);
		memcpy(p + 6 + len, "</item>", 7);
		p += 13 + len;
		in = behind_comma(quote + 1);
	}
	w->in = in < w->end ? in : w->end;
	w->p = p;
}

static void close_level(struct walk *w)
{
	put_close(w, &w->open->levels[--w->open->n]);
}

/* What comes next in the innermost object or array that is open. */
static inline void step(struct walk *w)
{
	static const uint8_t item[KEY_COPY] = "item";
	struct xml_level e = { .key = item, .len = 4, .is_plain = true };

	bool is_array = w->open->levels[w->open->n - 1].is_array;

	skip_gap(w);
	if (is_array)
		put_common_items(w);
	else
		put_common_members(w);
	skip_gap(w);
	if (w->in == w->end || *w->in == '}' || *w->in == ']') {
		w->in += w->in < w->end;
		close_level(w);
		return;
	}
	if (!is_array) {
		read_key(w, &e);
		skip_gap(w);
	}
	put_value(w, &e);
}

char *xml_json_put(struct xml_json *j, struct row_out *o, char *p, const struct xml_element *e,
	const uint8_t *in, size_t len, size_t readable)
{
	struct walk w = { j, o, p, e, in, in + len, in + readable };
	struct xml_level outermost = { 0 };

	skip_gap(&w);
	put_value(&w, &outermost);
	while (j->n)
		step(&w);
	return w.p;
}

void xml_json_free(struct xml_json *j)
{
	free(j->levels);
	*j = (struct xml_json){ 0 };
}

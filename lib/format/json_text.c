#include "lib/format/json_text.h"

#include <ctype.h>
#include <string.h>

#include "lib/format/block.h"

static inline unsigned special_bits(struct block b)
{
	return block_bits(
		block_or(block_or(block_equal(b, '"'), block_equal(b, '\\')), block_control(b)));
}

static char *put_control(char *out, uint8_t c)
{
	static const char digits[] = "0123456789abcdef";
	static const char letters[0x20] = {
		['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'
	};

	*out++ = '\\';
	if (letters[c]) {
		*out++ = letters[c];
		return out;
	}
	memcpy(out, "u00", 3);
	out[3] = digits[c >> 4];
	out[4] = digits[c & 15];
	return out + 5;
}

/* One block that holds control characters; it stands at `out` already. Reads two blocks. */
static __attribute__((noinline)) char *put_controls(
	char *out, const uint8_t *in, unsigned marks, size_t len)
{
	size_t done = 0;

	for (; marks; marks &= marks - 1) {
		size_t at = (size_t)__builtin_ctz(marks);

		out += at - done;
		if (in[at] < 0x20) {
			out = put_control(out, in[at]);
		} else {
			*out++ = '\\';
			*out++ = (char)in[at];
		}
		done = at + 1;
		block_store(out, block_load(in + done));
	}
	return out + (len - done);
}

/* Before the lowest mark comes a backslash, and what follows is stored again, one byte further
 * than before. Returns the marks left; with none, what is stored lies behind the end. */
static inline unsigned shift_rest(char *to, const uint8_t *in, unsigned marks, size_t len)
{
	int at = __builtin_ctz(marks | 1u << len);

	to[at - 1] = '\\';
	block_store(to + at, block_load(in + at));
	return marks & (marks - 1);
}

/* One block with quotes and backslashes escaped. Four are done without asking how many there are:
 * a branch on that number would be guessed wrong most of the time. Reads two blocks. */
static inline char *put_escaped(char *out, const uint8_t *in, unsigned marks, size_t len)
{
	unsigned left = marks;
	char *to = out;

	do {
		left = shift_rest(to + 1, in, left, len);
		left = shift_rest(to + 2, in, left, len);
		left = shift_rest(to + 3, in, left, len);
		left = shift_rest(to += 4, in, left, len);
	} while (left);
	return out + len + __builtin_popcount(marks);
}

/* Not inlined: the loop over clean blocks keeps its registers. */
static __attribute__((noinline)) char *put_marked(
	char *out, const uint8_t *in, unsigned marks, size_t len)
{
	unsigned controls = block_bits(block_control(block_load(in)));

	return controls & marks ? put_controls(out, in, marks, len)
				: put_escaped(out, in, marks, len);
}

char *json_text_escape(char *out, const uint8_t *in, size_t len)
{
	struct block b;
	unsigned marks;

	for (; len >= BLOCK; in += BLOCK, len -= BLOCK) {
		b = block_load(in);
		block_store(out, b);
		marks = special_bits(b);
		out = marks ? put_marked(out, in, marks, BLOCK) : out + BLOCK;
	}
	b = block_load(in);
	block_store(out, b);
	marks = special_bits(b) & block_first(len);
	return marks ? put_marked(out, in, marks, len) : out + len;
}

char *json_text_flatten(char *out, const uint8_t *in, size_t len)
{
	for (size_t i = 0; i < len; i += BLOCK) {
		struct block b = block_load(in + i);

		block_store(out + i,
			block_replace(
				b, block_or(block_equal(b, '\n'), block_equal(b, '\r')), ' '));
	}
	return out + len;
}

/* The four digits of an escape at `in`, or -1. */
static int escaped_unit(const uint8_t *in, const uint8_t *end)
{
	int unit = 0;

	if (end - in < 6 || in[0] != '\\' || in[1] != 'u')
		return -1;
	for (int i = 2; i < 6; i++) {
		int c = in[i] | 0x20;

		if (!isxdigit(in[i]))
			return -1;
		unit = unit << 4 | (in[i] <= '9' ? in[i] - '0' : c - 'a' + 10);
	}
	return unit;
}

const uint8_t *json_text_lone_surrogate(const uint8_t *in, const uint8_t *end)
{
	while ((in = memchr(in, '\\', (size_t)(end - in))) != NULL) {
		int unit = escaped_unit(in, end);

		if (unit >= 0xd800 && unit <= 0xdfff) {
			int low = unit <= 0xdbff ? escaped_unit(in + 6, end) : -1;

			if (low < 0xdc00 || low > 0xdfff)
				return in;
			in += 12;
		} else {
			in += end - in < 2 ? 1 : 2;
		}
	}
	return end;
}

/*
 * Reads binary values of one type on standard input and prints their text, one a line: our side
 * of judge_text.py.
 *
 *	text_values TYPE [SCALE]
 *
 * TYPE is a name of type_name, and the values are as in a column: little endian, one behind the
 * other. A bool is one byte; hex and base64 take bytes behind their length in four.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/format/text.h"

static int fail(const char *what)
{
	fprintf(stderr, "text_values: %s\n", what);
	return 1;
}

static int put_line(const char *text, char *end)
{
	*end++ = '\n';
	return fwrite(text, 1, (size_t)(end - text), stdout) == (size_t)(end - text) ? 0 : -1;
}

static int fixed(enum type type, int scale)
{
	static char out[TEXT_DECIMAL + 32768 + 1];
	_Alignas(16) uint8_t value[16];
	size_t width = type == TYPE_BOOL ? 1 : type_width(type);
	struct column c = { .type = type, .data = value, .width = type_width(type) };

	while (fread(value, width, 1, stdin) == 1)
		if (put_line(out, text_value(out, &c, 0, scale)) != 0)
			return fail("cannot write");
	return 0;
}

static int variable(char *(*writer)(char *, const uint8_t *, size_t))
{
	static uint8_t bytes[65536];
	static char out[sizeof bytes * 2 + 1];
	uint32_t len;

	while (fread(&len, sizeof len, 1, stdin) == 1) {
		if (len > sizeof bytes || fread(bytes, 1, len, stdin) != len)
			return fail("a length without its bytes");
		if (put_line(out, writer(out, bytes, len)) != 0)
			return fail("cannot write");
	}
	return 0;
}

static int run(const char *name, int scale)
{
	if (strcmp(name, "hex") == 0)
		return variable(text_hex);
	if (strcmp(name, "base64") == 0)
		return variable(text_base64);
	for (enum type t = 0; t < TYPES_N; t++)
		if (strcmp(name, type_name(t)) == 0 && !type_is_variable(t))
			return fixed(t, scale);
	return fail("no such type");
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return fail("usage: text_values TYPE [SCALE]");
	long scale = argc > 2 ? strtol(argv[2], NULL, 10) : 0;

	if (scale < INT16_MIN || scale > INT16_MAX)
		return fail("no such scale");
	if (run(argv[1], (int)scale) != 0)
		return 1;
	return fflush(stdout) == 0 ? 0 : fail("cannot write");
}

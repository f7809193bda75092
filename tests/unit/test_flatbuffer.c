/*
 * The FlatBuffers writer against bytes that were worked out by hand from https://flatbuffers.dev/internals.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/format/flatbuffer.h"

#define EXPECT(fb, ...)                                                                            \
	do {                                                                                       \
		const uint8_t expected[] = { __VA_ARGS__ };                                        \
		assert_int_equal((fb)->bytes.len, sizeof expected);                                \
		assert_memory_equal((fb)->bytes.data, expected, sizeof expected);                  \
	} while (0)

/* A long and a string. */
static void table(void **s)
{
	struct flatbuffer fb = { 0 };

	(void)s;
	for (int again = 0; again < 2; again++) { /* what was there before is gone */
		flatbuffer_begin(&fb);
		struct flatbuffer_table t = flatbuffer_table(&fb, FLATBUFFER_ROOT, "84");

		flatbuffer_set(&fb, &t, 0, -2);
		flatbuffer_string(&fb, t.field[1], "text");
		EXPECT(&fb, 16, 0, 0, 0,                        /* root */
			8, 0, 20, 0, 8, 0, 16, 0,               /* vtable */
			0, 0, 0, 0,                             /* the table at a multiple of 8 */
			12, 0, 0, 0, 0, 0, 0, 0,                /* back to its vtable */
			254, 255, 255, 255, 255, 255, 255, 255, /* long */
			4, 0, 0, 0, 4, 0, 0, 0, 't', 'e', 'x', 't', 0);
	}
	flatbuffer_free(&fb);
}

/* Fields in the schema's order, each at a multiple of its size; one is not there. */
static void layout(void **s)
{
	struct flatbuffer fb = { 0 };

	(void)s;
	flatbuffer_begin(&fb);
	struct flatbuffer_table t = flatbuffer_table(&fb, FLATBUFFER_ROOT, "120148");

	assert_int_equal(t.field[2], 0);
	flatbuffer_set(&fb, &t, 0, 1);
	flatbuffer_set(&fb, &t, 1, 0x0302);
	flatbuffer_set(&fb, &t, 3, 4);
	flatbuffer_set(&fb, &t, 4, 0x08070605);
	flatbuffer_set(&fb, &t, 5, 9);
	EXPECT(&fb, 24, 0, 0, 0,                                    /* root */
		16, 0, 24, 0, 4, 0, 6, 0, 0, 0, 8, 0, 12, 0, 16, 0, /* vtable */
		0, 0, 0, 0,                                         /* padding */
		20, 0, 0, 0, 1, 0, 2, 3, 4, 0, 0, 0, 5, 6, 7, 8,    /* table */
		9, 0, 0, 0, 0, 0, 0, 0);
	flatbuffer_free(&fb);
}

/* References of a vector, and structs behind strings of odd lengths. */
static void vectors(void **s)
{
	struct flatbuffer fb = { 0 };

	(void)s;
	flatbuffer_begin(&fb);
	struct flatbuffer_table t = flatbuffer_table(&fb, FLATBUFFER_ROOT, "44");
	size_t strings = flatbuffer_vector(&fb, t.field[0], 2, 4, 4);

	flatbuffer_string(&fb, strings, "a");
	flatbuffer_string(&fb, strings + 4, "");
	size_t structs = flatbuffer_vector(&fb, t.field[1], 1, 16, 8);

	flatbuffer_put(&fb, structs, 7, 8);
	flatbuffer_put(&fb, structs + 8, -1, 4);
	EXPECT(&fb, 16, 0, 0, 0,                      /* root */
		8, 0, 12, 0, 4, 0, 8, 0, 0, 0, 0, 0,  /* vtable, padding */
		12, 0, 0, 0, 8, 0, 0, 0, 36, 0, 0, 0, /* table */
		2, 0, 0, 0, 8, 0, 0, 0, 12, 0, 0, 0,  /* vector of references */
		1, 0, 0, 0, 'a', 0, 0, 0,             /* "a", padding */
		0, 0, 0, 0, 0, 0, 0, 0,               /* "", padding */
		0, 0, 0, 0,                           /* the struct at a multiple of 8 */
		1, 0, 0, 0,                           /* vector of structs */
		7, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 0);
	flatbuffer_free(&fb);
}

/* A table without fields; and a vector whose elements come from elsewhere ends the bytes with its count. */
static void vector_last(void **s)
{
	struct flatbuffer fb = { 0 };

	(void)s;
	flatbuffer_begin(&fb);
	struct flatbuffer_table t = flatbuffer_table(&fb, FLATBUFFER_ROOT, "44");

	flatbuffer_table(&fb, t.field[0], "");
	flatbuffer_vector_last(&fb, t.field[1], 3, 8);
	EXPECT(&fb, 16, 0, 0, 0, 8, 0, 12, 0, 4, 0, 8, 0, 0, 0, 0, 0, /* root, vtable, padding */
		12, 0, 0, 0, 12, 0, 0, 0, 12, 0, 0, 0,                /* table */
		4, 0, 4, 0, 4, 0, 0, 0,                               /* one of nothing */
		3, 0, 0, 0); /* at a multiple of 8, less 4 */
	flatbuffer_free(&fb);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table),
		cmocka_unit_test(layout),
		cmocka_unit_test(vectors),
		cmocka_unit_test(vector_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

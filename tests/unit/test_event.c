/*
 * Event streams, against the parser of WHATWG HTML §9.2.6 as far as lines go: data come back as they were put.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "lib/web/event.h"

static const char *put(struct buf *out, const char *data)
{
	struct buf b = { 0 };

	buf_puts(&b, data);
	out->len = 0;
	event_put(out, "progress", "1a", &b);
	buf_free(&b);
	return buf_str(out);
}

#define HEAD "id: 1a\nevent: progress\n"

static void test_lines_stay_lines(void **state)
{
	struct buf out = { 0 };

	(void)state;
	assert_string_equal(put(&out, "{\"a\": 1}"), HEAD "data: {\"a\": 1}\n\n");
	assert_string_equal(put(&out, ""), HEAD "data: \n\n");
	assert_string_equal(put(&out, "a\nb"), HEAD "data: a\ndata: b\n\n");
	assert_string_equal(put(&out, "a\r\nb\rc"), HEAD "data: a\ndata: b\ndata: c\n\n");
	assert_string_equal(put(&out, "a\r"), HEAD "data: a\ndata: \n\n");
	assert_string_equal(put(&out, "\n\n"), HEAD "data: \ndata: \ndata: \n\n");
	assert_string_equal(put(&out, " a"), HEAD "data:  a\n\n");
	buf_free(&out);
}

static void test_the_rest(void **state)
{
	struct buf out = { 0 };

	(void)state;
	event_put_retry(&out, 2000);
	event_put_comment(&out);
	assert_string_equal(buf_str(&out), "retry: 2000\n\n:\n\n");
	buf_free(&out);
}

/* FIPS 180-4, the example "abc" */
static void test_the_id(void **state)
{
	struct buf b = { 0 };
	char id[EVENT_ID];

	(void)state;
	buf_puts(&b, "abc");
	event_id(&b, id);
	assert_string_equal(id, "ba7816bf8f01cfea");
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines_stay_lines),
		cmocka_unit_test(test_the_rest),
		cmocka_unit_test(test_the_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

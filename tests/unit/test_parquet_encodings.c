/*
 * What a Parquet file is made of, alone: Thrift, the encodings and bloom filters, against vectors from the specifications and,
 * at random, against a reader of its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/format/parquet/bloom.h"
#include "lib/format/parquet/delta.h"
#include "lib/format/parquet/rle.h"
#include "lib/format/parquet/thrift.h"
#include "lib/format/parquet/xxhash.h"
#include "tests/unit/parquet_bytes.h"

static uint64_t state = 88172645463325252;

static uint64_t next(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	return state ^= state << 17;
}

static void expect_buf(struct buf *b, const char *bytes, size_t len)
{
	assert_int_equal(b->len, len);
	assert_memory_equal(b->data, bytes, len);
	b->len = 0;
}

#define EXPECT_BUF(b, literal) expect_buf(b, literal, sizeof literal - 1)

static struct judge_span span_of(const struct buf *b)
{
	return (struct judge_span){ (uint8_t *)b->data, (uint8_t *)b->data + b->len };
}

/* ---- Thrift */

static void thrift(void **s)
{
	struct buf b = { 0 };
	struct thrift t = { .out = &b };

	(void)s;
	thrift_begin(&t);
	thrift_i32(&t, 1, -1);
	thrift_bool(&t, 3, true);
	thrift_bool(&t, 4, false);
	thrift_i64(&t, 6, 150);
	thrift_string(&t, 7, "ab");
	thrift_list(&t, 8, THRIFT_I32, 15);
	for (int i = 0; i < 15; i++)
		thrift_item_int(&t, 0);
	thrift_struct(&t, 9);
	thrift_i8(&t, 2, -2);
	thrift_end(&t);
	thrift_end(&t);
	EXPECT_BUF(&b, "\x15\x01"
		       "\x21\x12"
		       "\x26\xac\x02"
		       "\x18\x02"
		       "ab"
		       "\x19\xf5\x0f\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
		       "\x1c\x23\xfe\0\0");
	buf_free(&b);
}

/* ---- RLE */

static void rle_vectors(void **s)
{
	uint32_t count[8] = { 0, 1, 2, 3, 4, 5, 6, 7 }, same[100];
	struct buf b = { 0 };

	(void)s;
	rle_put(&b, count, 8, 3); /* Encodings.md */
	EXPECT_BUF(&b, "\x03\x88\xc6\xfa");
	rle_put(&b, count, 3, 3);
	EXPECT_BUF(&b, "\x03\x88\0\0");
	for (int i = 0; i < 100; i++)
		same[i] = 300;
	rle_put(&b, same, 100, 9);
	EXPECT_BUF(&b, "\xc8\x01\x2c\x01");
	rle_put_bitmap(&b, (const uint8_t *)"\xff\xff\xff\xff\xa5", 36);
	EXPECT_BUF(&b, "\x40\x01\x03\xa5");
	buf_free(&b);
}

static void rle_random(void **s)
{
	enum { MOST = 3000 };
	uint32_t *v = mem_zero(MOST, sizeof *v), *got = mem_zero(MOST, sizeof *got);
	struct buf b = { 0 };

	(void)s;
	for (unsigned width = 1; width <= 32; width++) {
		for (int times = 0; times < 30; times++) {
			size_t n = next() % MOST, i = 0;

			while (i < n) {
				uint32_t one = (uint32_t)next() >> (32 - width);

				for (size_t run = next() % 4 ? 1 : next() % 60; run-- && i < n;)
					v[i++] = one;
			}
			rle_put(&b, v, n, width);
			judge_hybrid(span_of(&b), width, n, got);
			assert_memory_equal(v, got, n * sizeof *v);
			b.len = 0;
		}
	}
	buf_free(&b);
	free(v);
	free(got);
}

static void rle_bitmaps(void **s)
{
	enum { BYTES = 200 };
	uint8_t bits[BYTES];
	uint32_t got[BYTES * 8];
	struct buf b = { 0 };

	(void)s;
	for (int times = 0; times < 3000; times++) {
		size_t n = next() % (BYTES * 8 + 1);

		for (int i = 0; i < BYTES;) {
			uint8_t byte = (uint8_t)(next() % 3 ? next() : next() % 2 ? 0xff : 0);

			for (uint64_t run = next() % 12; run-- && i < BYTES;)
				bits[i++] = byte;
		}
		rle_put_bitmap(&b, bits, n);
		judge_hybrid(span_of(&b), 1, n, got);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(got[i], judge_bits(bits, i, 1));
		b.len = 0;
	}
	buf_free(&b);
}

/* ---- delta */

static void delta_vectors(void **s)
{
	int64_t up[] = { 1, 2, 3, 4, 5 }, mixed[] = { 7, 5, 3, 1, 2, 3, 4, 5 }; /* Encodings.md's */
	struct buf b = { 0 };

	(void)s;
	delta_put_64(&b, up, 5);
	EXPECT_BUF(&b, "\x80\x01\x04\x05\x02"
		       "\x02\0\0\0\0");
	delta_put_32(&b, mixed, 8);
	EXPECT_BUF(&b, "\x80\x01\x04\x08\x0e"
		       "\x03\x02\0\0\0"
		       "\xc0\x3f\0\0\0\0\0\0");
	delta_put_32(&b, up, 1);
	EXPECT_BUF(&b, "\x80\x01\x04\x01\x02");
	buf_free(&b);
}

static void delta_random(void **s)
{
	enum { MOST = 700 };
	int64_t v[MOST], got[MOST];
	struct buf b = { 0 };

	(void)s;
	for (int times = 0; times < 4000; times++) {
		bool is_narrow = times % 2;
		size_t n = next() % MOST;
		int wild = (int)(next() % 64);

		for (size_t i = 0; i < n; i++) {
			v[i] = (int64_t)(next() >> wild) ^ -(int64_t)(next() & 1);
			v[i] = is_narrow ? (int32_t)v[i] : v[i];
		}
		(is_narrow ? delta_put_32 : delta_put_64)(&b, v, n);
		struct judge_span span = span_of(&b);

		judge_delta(&span, is_narrow ? 32 : 64, n, got);
		assert_ptr_equal(span.p, span.end);
		assert_memory_equal(v, got, n * sizeof *v);
		b.len = 0;
	}
	buf_free(&b);
}

/* ---- bloom filters */

static void hashes(void **s)
{
	const char *long_text = "Nobody inspects the spammish repetition";

	(void)s;
	assert_true(xxhash("", 0) == UINT64_C(0xef46db3751d8e999));
	assert_true(xxhash("a", 1) == UINT64_C(0xd24ec4f1a98c6e5b));
	assert_true(xxhash("abc", 3) == UINT64_C(0x44bc2cf5ad770999));
	assert_true(xxhash(long_text, strlen(long_text)) == UINT64_C(0xfbcea83c8a378bf1));
}

/* As BloomFilter.md checks a value. */
static bool is_in(const uint8_t *bits, size_t len, int64_t v)
{
	static const uint32_t salt[] = { 0x47b6137b, 0x44974d91, 0x8824ad5b, 0xa2b7289d, 0x705495c7,
		0x2df1424b, 0x9efc4947, 0x5c6bfb31 };
	uint64_t hash = xxhash(&v, sizeof v);
	const uint8_t *block = bits + 32 * (((hash >> 32) * (len / 32)) >> 32);

	for (int i = 0; i < 8; i++)
		if (!judge_bits(block, 32 * (size_t)i + ((uint32_t)hash * salt[i] >> 27), 1))
			return false;
	return true;
}

static void expect_bloom(int64_t values, int64_t most, size_t len_most)
{
	struct field field = { .name = "v", .type = TYPE_INT64 };
	struct leaf leaf;
	struct bloom bloom = { 0 };
	struct buf b = { 0 };
	struct judge_node head = { .type = 12 };
	struct arena a = { 0 };
	int wrong = 0;

	leaf_init(&leaf, &field, false);
	bloom_open(&bloom, most);
	for (int64_t v = 0; v < values; v++)
		bloom_add_numbers(&bloom, &leaf, &v, 1);
	bloom_put(&bloom, &b);
	struct judge_span span = span_of(&b);

	judge_struct(&head, &span, &a);
	size_t len = (size_t)(span.end - span.p);

	assert_int_equal(judge_number(&head, 1), len);
	assert_true(len <= len_most);
	for (int64_t v = 0; v < values; v++)
		assert_true(is_in(span.p, len, v));
	for (int64_t v = values; v < values + 100000; v++)
		wrong += is_in(span.p, len, v);
	assert_in_range(wrong, 0, 1500);
	bloom_close(&bloom);
	buf_free(&b);
	arena_free(&a);
}

static void blooms(void **s)
{
	(void)s;
	expect_bloom(0, 122880, 32);
	expect_bloom(1, 122880, 32);
	expect_bloom(1000, 122880, 2048);
	expect_bloom(122880, 122880, 256 * 1024);
	expect_bloom(500, 500, 1024);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(thrift),
		cmocka_unit_test(rle_vectors),
		cmocka_unit_test(rle_random),
		cmocka_unit_test(rle_bitmaps),
		cmocka_unit_test(delta_vectors),
		cmocka_unit_test(delta_random),
		cmocka_unit_test(hashes),
		cmocka_unit_test(blooms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "lib/source/pgdecode.h"

#include <endian.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/mem.h"

/* Days from 1970-01-01 to 2000-01-01, PostgreSQL's epoch for dates. */
#define DATE_UNIX_SHIFT 10957

/* OIDs of built-in types (src/include/catalog/pg_type.dat). They never change. */
static const struct {
	uint32_t oid;
	enum type type;
	enum pgdecode decode;
} known[] = {
	{ 16, TYPE_BOOL, PGDECODE_BOOL },
	{ 17, TYPE_BINARY, PGDECODE_BYTES }, /* bytea */
	{ 18, TYPE_UTF8, PGDECODE_TEXT },    /* "char": a byte, not always UTF-8 */
	{ 19, TYPE_UTF8, PGDECODE_SAME },    /* name */
	{ 20, TYPE_INT64, PGDECODE_INT8 },
	{ 21, TYPE_INT16, PGDECODE_INT2 },
	{ 23, TYPE_INT32, PGDECODE_INT4 },
	{ 25, TYPE_UTF8, PGDECODE_SAME },  /* text */
	{ 26, TYPE_INT64, PGDECODE_INT8 }, /* oid */
	{ 114, TYPE_JSON, PGDECODE_SAME }, /* json */
	{ 142, TYPE_UTF8, PGDECODE_TEXT }, /* xml: its binary form may declare an encoding */
	{ 700, TYPE_FLOAT32, PGDECODE_FLOAT4 },
	{ 701, TYPE_FLOAT64, PGDECODE_FLOAT8 },
	{ 1042, TYPE_UTF8, PGDECODE_SAME }, /* bpchar */
	{ 1043, TYPE_UTF8, PGDECODE_SAME }, /* varchar */
	{ 1082, TYPE_DATE32, PGDECODE_DATE },
	{ 1083, TYPE_TIME64, PGDECODE_TIME },
	{ 1114, TYPE_TIMESTAMP, PGDECODE_TIMESTAMP },
	{ 1184, TYPE_TIMESTAMPTZ, PGDECODE_TIMESTAMP },
	{ 1186, TYPE_INTERVAL, PGDECODE_INTERVAL },
	{ 1266, TYPE_UTF8, PGDECODE_TIMETZ },
	{ 1700, TYPE_DECIMAL_TEXT, PGDECODE_NUMERIC_TEXT }, /* numeric(p,s): choose_numeric */
	{ 2950, TYPE_UUID, PGDECODE_UUID },
	{ 3802, TYPE_JSON, PGDECODE_JSONB },
};

enum {
	OID_XML = 142,
	OID_MONEY = 790,
	OID_NUMERIC = 1700,
	OID_TSVECTOR = 3614,
	OID_TSQUERY = 3615
};

/* Types carried as text that never hold a control character, nor U+FFFE or U+FFFF, nor begin with one of = + - @. */
static const uint32_t simple[] = {
	27, 28, 29, 3220, 5069,             /* tid, xid, cid, pg_lsn, xid8 */
	1266, 1560, 1562,                   /* timetz, bit, varbit */
	650, 774, 829, 869,                 /* cidr, macaddr8, macaddr, inet */
	600, 601, 602, 603, 604, 628, 718,  /* point, lseg, path, box, polygon, line, circle */
	3904, 3906, 3908, 3910, 3912, 3926, /* int4range, numrange, …, int8range */
	4451, 4532, 4533, 4534, 4535, 4536, /* their multiranges */
};

static bool is_simple(uint32_t oid)
{
	for (size_t i = 0; i < sizeof simple / sizeof simple[0]; i++)
		if (simple[i] == oid)
			return true;
	return false;
}

/* numeric(p,s) fits decimal128 where p and s are in its range; a scale larger than the precision needs as many
 * digits as the scale. The typmod is ((p << 16) | (s & 0x7ff)) + 4. */
static void choose_numeric(int32_t typmod, struct field *f, struct pgcolumn *c)
{
	if (typmod < 4)
		return;
	int precision = (typmod - 4) >> 16 & 0xffff;
	int scale = (((typmod - 4) & 0x7ff) ^ 0x400) - 0x400;

	if (scale > precision)
		precision = scale;
	if (scale < 0 || precision > 38)
		return;
	f->type = TYPE_DECIMAL128;
	f->precision = (int16_t)precision;
	f->scale = (int16_t)scale;
	c->decode = PGDECODE_NUMERIC;
	c->scale = (int16_t)scale;
}

void pgdecode_choose(uint32_t oid, int32_t typmod, struct field *f, struct pgcolumn *c)
{
	f->type = TYPE_UTF8;
	f->is_plain = is_simple(oid) || oid == OID_XML || oid == OID_MONEY;
	f->is_inert = is_simple(oid) || oid == OID_TSVECTOR || oid == OID_TSQUERY;
	*c = (struct pgcolumn){ .decode = PGDECODE_TEXT };
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (known[i].oid == oid) {
			f->type = known[i].type;
			c->decode = known[i].decode;
		}
	if (oid == OID_NUMERIC)
		choose_numeric(typmod, f, c);
}

static inline uint16_t get16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof v);
	return be16toh(v);
}

static inline uint32_t get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof v);
	return be32toh(v);
}

static inline uint64_t get64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof v);
	return be64toh(v);
}

/*
 * numeric_send: int16 number of base-10000 digits, int16 weight of the first (10000^weight), uint16 sign,
 * uint16 display scale, then the digits as int16.
 */
enum { NUMERIC_HEAD = 8 };
enum numeric_sign {
	NUMERIC_POSITIVE = 0x0000,
	NUMERIC_NEGATIVE = 0x4000,
	NUMERIC_NAN = 0xC000,
	NUMERIC_INFINITY = 0xD000,
	NUMERIC_NEGATIVE_INFINITY = 0xF000
};

struct numeric {
	int digits_n;
	int weight;
	uint16_t sign;
	int scale;
	const uint8_t *digits;
};

static bool read_numeric(const uint8_t *p, size_t len, struct numeric *n)
{
	if (len < NUMERIC_HEAD)
		return false;
	n->digits_n = get16(p);
	n->weight = (int16_t)get16(p + 2);
	n->sign = get16(p + 4);
	n->scale = get16(p + 6);
	n->digits = p + NUMERIC_HEAD;
	return len == NUMERIC_HEAD + 2 * (size_t)n->digits_n;
}

static const uint64_t powers[] = { 1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000,
	1000000000, 10000000000, 100000000000, 1000000000000, 10000000000000, 100000000000000,
	1000000000000000, 10000000000000000, 100000000000000000, 1000000000000000000 };

/* Times 10^n; the caller's precision makes sure that it fits. */
static unsigned __int128 shift_up(unsigned __int128 v, int n)
{
	for (; n > 18; n -= 18)
		v *= powers[18];
	return v * powers[n];
}

static bool put_numeric(struct column *to, int32_t row, const uint8_t *p, size_t len, int scale)
{
	struct numeric n;
	unsigned __int128 v = 0;

	if (!read_numeric(p, len, &n))
		return false;
	if (n.sign != NUMERIC_POSITIVE && n.sign != NUMERIC_NEGATIVE) {
		COLUMN_PUT(to, __int128, row, DECIMAL_NAN);
		return n.sign == NUMERIC_NAN;
	}
	/* Power of ten of the last digit, in units of the scale; below 0 it has zeros to lose. */
	int shift = 4 * (n.weight - n.digits_n + 1) + scale;

	if (shift <= -4 || (n.digits_n && 4 * (n.weight + 1) + scale > 41))
		return n.digits_n == 0 ? (COLUMN_PUT(to, __int128, row, 0), true) : false;
	int whole = shift < 0 ? n.digits_n - 1 : n.digits_n;

	if (whole <= 4) { /* 16 decimal digits: 64-bit arithmetic is enough */
		uint64_t small = 0;

		for (int i = 0; i < whole; i++)
			small = small * 10000 + get16(n.digits + 2 * i);
		v = small;
	} else {
		for (int i = 0; i < whole; i++)
			v = v * 10000 + get16(n.digits + 2 * i);
	}
	if (shift < 0) {
		unsigned last = get16(n.digits + 2 * whole);

		if (last % powers[-shift])
			return false; /* more digits than the scale: not to be dropped in silence */
		v = v * powers[4 + shift] + last / powers[-shift];
	} else if (n.digits_n) {
		v = shift_up(v, shift);
	}
	COLUMN_PUT(to, __int128, row, n.sign == NUMERIC_NEGATIVE ? -(__int128)v : (__int128)v);
	return true;
}

static char *put_digit4(char *to, unsigned d)
{
	to[0] = (char)('0' + d / 1000);
	to[1] = (char)('0' + d / 100 % 10);
	to[2] = (char)('0' + d / 10 % 10);
	to[3] = (char)('0' + d % 10);
	return to + 4;
}

static unsigned digit_at(const struct numeric *n, int i)
{
	return i >= 0 && i < n->digits_n ? get16(n->digits + 2 * i) : 0;
}

/* As numeric_out spells it: digits, and `scale` digits behind the point. */
static char *numeric_text(const struct numeric *n, char *to)
{
	if (n->sign == NUMERIC_NEGATIVE)
		*to++ = '-';
	if (n->weight < 0) {
		*to++ = '0';
	} else {
		char first[4];

		put_digit4(first, digit_at(n, 0));
		int zeros = 0;

		while (zeros < 3 && first[zeros] == '0')
			zeros++;
		memcpy(to, first + zeros, 4 - (size_t)zeros);
		to += 4 - zeros;
		for (int i = 1; i <= n->weight; i++)
			to = put_digit4(to, digit_at(n, i));
	}
	if (n->scale == 0)
		return to;
	*to++ = '.';
	char *end = to + n->scale;

	for (int i = n->weight + 1; to < end; i++)
		to = put_digit4(to, digit_at(n, i));
	return end;
}

static bool put_numeric_text(struct column *to, int32_t row, const uint8_t *p, size_t len)
{
	struct numeric n;

	if (!read_numeric(p, len, &n))
		return false;
	if (n.sign == NUMERIC_NAN)
		return column_put_bytes(to, row, "NaN", 3);
	if (n.sign == NUMERIC_INFINITY)
		return column_put_bytes(to, row, "Infinity", 8);
	if (n.sign == NUMERIC_NEGATIVE_INFINITY)
		return column_put_bytes(to, row, "-Infinity", 9);
	/* Sign, the digits before the point, the point, and up to 3 past the scale while writing. */
	size_t most = 4 * (size_t)(n.weight < 0 ? 1 : n.weight + 1) + (size_t)n.scale + 8;
	char *at = (char *)column_room(to, row, most);

	if (!at)
		return false;
	to->offsets[row + 1] = to->offsets[row] + (int32_t)(numeric_text(&n, at) - at);
	return true;
}

/* timetz_send: int64 microseconds, int32 zone in seconds west of UTC. */
static bool put_timetz(struct column *to, int32_t row, const uint8_t *p, size_t len)
{
	char text[48];

	if (len != 12)
		return false;
	int64_t us = (int64_t)get64(p);
	int32_t east = -(int32_t)get32(p + 8);
	int32_t zone = east < 0 ? -east : east;

	if (us < 0 || us > INT64_C(86400000000))
		return false;
	int64_t s = us / 1000000, fraction = us % 1000000;
	int n = snprintf(text, sizeof text, "%02d:%02d:%02d", (int)(s / 3600), (int)(s / 60 % 60),
		(int)(s % 60));

	if (fraction) {
		n += snprintf(text + n, sizeof text - (size_t)n, ".%06d", (int)fraction);
		while (text[n - 1] == '0')
			n--;
	}
	n += snprintf(text + n, sizeof text - (size_t)n, "%c%02d:%02d", east < 0 ? '-' : '+',
		zone / 3600, zone / 60 % 60);
	if (zone % 60)
		n += snprintf(text + n, sizeof text - (size_t)n, ":%02d", zone % 60);
	return column_put_bytes(to, row, text, (size_t)n);
}

static int32_t date_value(uint32_t days)
{
	int32_t d = (int32_t)days;

	if (d == DATE_INFINITY || d == DATE_NEGATIVE_INFINITY)
		return d;
	return d + DATE_UNIX_SHIFT;
}

/* Digits, with a minus sign before them or none; -1 - most is the least. value: in two's complement. */
static inline bool int_value(const uint8_t *p, size_t len, uint64_t most, uint64_t *value)
{
	const uint8_t *end = p + len;
	bool is_negative = len > 0 && *p == '-';
	uint64_t v = 0;

	p += is_negative;
	if (end - p < 1 || end - p > 19)
		return false;
	for (; p < end; p++) {
		unsigned digit = *p - (unsigned)'0';

		if (digit > 9)
			return false;
		v = v * 10 + digit;
	}
	*value = is_negative ? -v : v;
	return v <= most + is_negative;
}

/* The value of one cell; false when its bytes are not what the server writes for the type, or the column is full. */
static inline bool put_cell(
	const struct pgcolumn *c, struct column *to, int32_t row, const uint8_t *p, size_t len)
{
	uint64_t value;

	switch (c->decode) {
	case PGDECODE_TEXT:
	case PGDECODE_SAME:
	case PGDECODE_BYTES: return column_put_bytes(to, row, p, len);
	case PGDECODE_BOOL:
		if (len != 1 || (*p != 't' && *p != 'f'))
			return false;
		column_put_bool(to, row, *p == 't');
		return true;
	case PGDECODE_INT2:
		if (!int_value(p, len, INT16_MAX, &value))
			return false;
		COLUMN_PUT(to, uint16_t, row, (uint16_t)value);
		return true;
	case PGDECODE_INT4:
		if (!int_value(p, len, INT32_MAX, &value))
			return false;
		COLUMN_PUT(to, uint32_t, row, (uint32_t)value);
		return true;
	case PGDECODE_INT8:
		if (!int_value(p, len, INT64_MAX, &value))
			return false;
		COLUMN_PUT(to, uint64_t, row, value);
		return true;
	case PGDECODE_FLOAT4:
		if (len != 4)
			return false;
		COLUMN_PUT(to, uint32_t, row, get32(p));
		return true;
	case PGDECODE_FLOAT8:
	case PGDECODE_TIME:
	case PGDECODE_TIMESTAMP:
		if (len != 8)
			return false;
		COLUMN_PUT(to, uint64_t, row, get64(p));
		return true;
	case PGDECODE_NUMERIC: return put_numeric(to, row, p, len, c->scale);
	case PGDECODE_NUMERIC_TEXT: return put_numeric_text(to, row, p, len);
	case PGDECODE_DATE:
		if (len != 4)
			return false;
		COLUMN_PUT(to, int32_t, row, date_value(get32(p)));
		return true;
	case PGDECODE_TIMETZ: return put_timetz(to, row, p, len);
	case PGDECODE_INTERVAL:
		if (len != 16)
			return false;
		COLUMN_PUT(to, struct interval, row,
			((struct interval){ (int64_t)get64(p), (int32_t)get32(p + 8),
				(int32_t)get32(p + 12) }));
		return true;
	case PGDECODE_JSONB: /* jsonb_send: a version byte, then text */
		return len > 0 && *p == 1 && column_put_bytes(to, row, p + 1, len - 1);
	case PGDECODE_UUID:
		if (len != 16)
			return false;
		memcpy(to->data + 16 * (size_t)row, p, 16);
		return true;
	}
	return false;
}

static int bad_row(struct err *e)
{
	err_set(e, ERR_DATABASE, "the database sent a row that cannot be read");
	return err_cause(e, "malformed DataRow, or more than 2 GiB of one column in one batch");
}

int pgdecode_cell(const struct pgcolumn *c, struct column *to, int32_t row, const uint8_t *value,
	size_t len, struct err *e)
{
	if (!value) {
		column_put_null(to, row);
		return 0;
	}
	return put_cell(c, to, row, value, len) ? 0 : bad_row(e);
}

int pgdecode_row(const struct pgcolumn *columns, struct batch *b, const uint8_t *body, size_t len,
	struct err *e)
{
	const uint8_t *p = body + 2, *end = body + len;
	int32_t row = b->rows;

	if (len < 2 || get16(body) != b->columns_n)
		return bad_row(e);
	for (size_t i = 0; i < b->columns_n; i++) {
		if (end - p < 4)
			return bad_row(e);
		int32_t n = (int32_t)get32(p);

		p += 4;
		if (n < 0) {
			column_put_null(&b->columns[i], row);
			continue;
		}
		if (end - p < n || !put_cell(&columns[i], &b->columns[i], row, p, (size_t)n))
			return bad_row(e);
		p += n;
	}
	if (p != end)
		return bad_row(e);
	b->rows++;
	b->bytes += len;
	return 0;
}

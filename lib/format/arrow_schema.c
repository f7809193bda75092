#include "lib/format/arrow_schema.h"

#include "lib/format/formats.h"

/* Of the union Type. */
enum arrow_type {
	ARROW_INT = 2,
	ARROW_FLOATING_POINT = 3,
	ARROW_BINARY = 4,
	ARROW_UTF8 = 5,
	ARROW_BOOL = 6,
	ARROW_DECIMAL = 7,
	ARROW_DATE = 8,
	ARROW_TIME = 9,
	ARROW_TIMESTAMP = 10,
	ARROW_INTERVAL = 11,
	ARROW_FIXED_SIZE_BINARY = 15
};

enum { PRECISION_SINGLE = 1, PRECISION_DOUBLE = 2 };
enum { DATE_DAY = 0 };
enum { TIME_MICROSECOND = 2 };
enum { INTERVAL_MONTH_DAY_NANO = 3 };
enum { DECIMAL128_DIGITS = 38 };

struct mapping {
	enum arrow_type type;
	const char *layout;    /* of its table */
	int64_t values[2];     /* of the table's first fields */
	const char *extension; /* or NULL */
	struct format_written written;
};

#define LOSSY_DECIMAL "NaN, which is written as null"
#define LOSSY_DATE    "infinity, which arrives as the last or the first day that 32 bits can count"
#define LOSSY_MOMENT                                                                               \
	"infinity, which arrives as the last or the first microsecond that 64 bits can count, "    \
	"and what lies past the year 294246, which arrives as the microsecond before the last"
#define LOSSY_INTERVAL                                                                             \
	"more than 2,562,047 hours, which arrive as the most nanoseconds that 64 bits can count"
#define LOSSY_LIST                                                                                 \
	"lower bounds of arrays; of JSON within them, what tells its arrays and nulls from those " \
	"of SQL"

static const struct mapping mappings[TYPES_N] = {
	[TYPE_BOOL] = { ARROW_BOOL, "", { 0 }, NULL, { "bool", NULL } },
	[TYPE_INT16] = { ARROW_INT, "41", { 16, true }, NULL, { "int16", NULL } },
	[TYPE_INT32] = { ARROW_INT, "41", { 32, true }, NULL, { "int32", NULL } },
	[TYPE_INT64] = { ARROW_INT, "41", { 64, true }, NULL, { "int64", NULL } },
	[TYPE_FLOAT32] = { ARROW_FLOATING_POINT, "2", { PRECISION_SINGLE }, NULL,
		{ "float32", NULL } },
	[TYPE_FLOAT64] = { ARROW_FLOATING_POINT, "2", { PRECISION_DOUBLE }, NULL,
		{ "float64", NULL } },
	[TYPE_DECIMAL128] = { ARROW_DECIMAL, "444", { 0 }, NULL, { "decimal128", LOSSY_DECIMAL } },
	[TYPE_DECIMAL_TEXT] = { ARROW_UTF8, "", { 0 }, NULL, { "utf8", NULL } },
	[TYPE_DATE32] = { ARROW_DATE, "2", { DATE_DAY }, NULL, { "date32", LOSSY_DATE } },
	[TYPE_TIME64] = { ARROW_TIME, "24", { TIME_MICROSECOND, 64 }, NULL,
		{ "time64[us]", NULL } },
	[TYPE_TIMESTAMP] = { ARROW_TIMESTAMP, "2", { TIME_MICROSECOND }, NULL,
		{ "timestamp[us]", LOSSY_MOMENT } },
	[TYPE_TIMESTAMPTZ] = { ARROW_TIMESTAMP, "24", { TIME_MICROSECOND }, NULL,
		{ "timestamp[us, tz]", LOSSY_MOMENT } },
	[TYPE_INTERVAL] = { ARROW_INTERVAL, "2", { INTERVAL_MONTH_DAY_NANO }, NULL,
		{ "month_day_nano_interval", LOSSY_INTERVAL } },
	[TYPE_UTF8] = { ARROW_UTF8, "", { 0 }, NULL, { "utf8", NULL } },
	[TYPE_JSON] = { ARROW_UTF8, "", { 0 }, "arrow.json", { "utf8 (arrow.json)", NULL } },
	[TYPE_UUID] = { ARROW_FIXED_SIZE_BINARY, "4", { 16 }, "arrow.uuid",
		{ "fixed_size_binary[16] (arrow.uuid)", NULL } },
	[TYPE_BINARY] = { ARROW_BINARY, "", { 0 }, NULL, { "binary", NULL } },
};

struct pair {
	const char *key, *value;
};

/* A vector of KeyValue. */
static void put_pairs(struct flatbuffer *fb, size_t ref, const struct pair *pairs, size_t n)
{
	size_t at = flatbuffer_vector(fb, ref, n, 4, 4);

	for (size_t i = 0; i < n; i++) {
		struct flatbuffer_table t = flatbuffer_table(fb, at + 4 * i, "44");

		flatbuffer_string(fb, t.field[0], pairs[i].key);
		flatbuffer_string(fb, t.field[1], pairs[i].value);
	}
}

/* Readers refuse a scale beyond the precision, which the server allows: numeric(3,5) becomes (5,5). */
static void put_decimal(
	struct flatbuffer *fb, const struct flatbuffer_table *t, const struct field *f)
{
	bool is_widened = f->scale > f->precision && f->scale <= DECIMAL128_DIGITS;

	flatbuffer_set(fb, t, 0, is_widened ? f->scale : f->precision);
	flatbuffer_set(fb, t, 1, f->scale);
	flatbuffer_set(fb, t, 2, 128);
}

static void put_type(struct flatbuffer *fb, size_t ref, const struct field *f, const char *zone)
{
	const struct mapping *m = &mappings[f->type];
	struct flatbuffer_table t = flatbuffer_table(fb, ref, m->layout);

	if (f->type == TYPE_DECIMAL128) {
		put_decimal(fb, &t, f);
	} else if (f->type == TYPE_TIMESTAMPTZ) {
		flatbuffer_set(fb, &t, 0, m->values[0]);
		flatbuffer_string(fb, t.field[1], zone);
	} else {
		for (size_t i = 0; m->layout[i]; i++)
			flatbuffer_set(fb, &t, i, m->values[i]);
	}
}

static void put_field(struct flatbuffer *fb, size_t ref, const struct field *f, const char *zone)
{
	const struct mapping *m = &mappings[f->type];
	struct pair pairs[3];
	size_t n = 0;

	if (m->extension) {
		pairs[n++] = (struct pair){ "ARROW:extension:name", m->extension };
		pairs[n++] = (struct pair){ "ARROW:extension:metadata", "" };
	}
	if (f->source_type)
		pairs[n++] = (struct pair){ "sluice:source_type", f->source_type };

	/* name, nullable, type's number, type, dictionary, children, metadata */
	struct flatbuffer_table t = flatbuffer_table(fb, ref, n ? "4114044" : "411404");

	flatbuffer_string(fb, t.field[0], f->name);
	flatbuffer_set(fb, &t, 1, f->nullable || f->type == TYPE_DECIMAL128); /* NaN */
	flatbuffer_set(fb, &t, 2, m->type);
	put_type(fb, t.field[3], f, zone);
	flatbuffer_vector(fb, t.field[5], 0, 4, 4);
	if (n)
		put_pairs(fb, t.field[6], pairs, n);
}

void arrow_schema_put(struct flatbuffer *fb, size_t ref, const struct schema *schema,
	const struct arrow_notes *notes)
{
	const struct pair pairs[] = { { "sluice:fingerprint", notes->fingerprint },
		{ "sluice:end", notes->end } };

	/* endianness (0: little), fields, metadata */
	struct flatbuffer_table t = flatbuffer_table(fb, ref, "244");
	size_t at = flatbuffer_vector(fb, t.field[1], schema->n, 4, 4);

	for (size_t i = 0; i < schema->n; i++)
		put_field(fb, at + 4 * i, &schema->fields[i], notes->zone);
	put_pairs(fb, t.field[2], pairs, notes->end ? 2 : 1);
}

struct format_written arrow_written(const struct field *field, const struct format_options *options)
{
	struct format_written written = mappings[field->type].written;

	(void)options;
	if (field->type == TYPE_JSON && field->json == JSON_LIST)
		written.lossy = LOSSY_LIST;
	return written;
}

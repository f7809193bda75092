#include "lib/format/options.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/format/name_list.h"
#include "lib/format/parquet/codec.h"

enum kind {
	KIND_WORD,
	KIND_DELIMITER,
	KIND_QUOTE,
	KIND_DECIMAL,
	KIND_NULL,
	KIND_NAME,
	KIND_ZONE,
	KIND_INTEGER,
	KIND_NAMES
};

enum { NULL_MAX = 32, NAME_MAX_LEN = 128, NAMES_MAX_LEN = 4096 };

#define AT(field) offsetof(struct format_options, field)
#define BOOL      "false,true"

/* clang-format off */
const struct format_option format_option_table[] = {
	{ "dialect", NULL, FAMILY_DELIMITED, "rfc4180,excel,excel-eu,tsv,postgres,mysql",
		"what the file is for; sets the options below", KIND_WORD, AT(dialect) },
	{ "delimiter", NULL, FAMILY_DELIMITED, NULL,
		"what stands between values: a character, or tab", KIND_DELIMITER, AT(delimiter) },
	{ "quote", "quoteChar", FAMILY_DELIMITED, NULL,
		"what stands around values that need it: a character, or none", KIND_QUOTE, AT(quote) },
	{ "escape", NULL, FAMILY_DELIMITED, "quote,backslash",
		"how a quote within a value is told: doubled, or behind a backslash", KIND_WORD, AT(escape) },
	{ "null", NULL, FAMILY_DELIMITED, NULL,
		"what NULL is written as; may be empty", KIND_NULL, AT(null_text) },
	{ "header", NULL, FAMILY_DELIMITED, BOOL, "a first line with the names", KIND_WORD, AT(header) },
	{ "eol", NULL, FAMILY_DELIMITED, "crlf,lf", "what ends a line", KIND_WORD, AT(eol) },
	{ "bom", NULL, FAMILY_DELIMITED, BOOL, "a byte order mark first", KIND_WORD, AT(bom) },
	{ "decimal", NULL, FAMILY_DELIMITED, ".,,",
		"the decimal separator of numbers: . or ,", KIND_DECIMAL, AT(decimal) },
	{ "escape_formulas", NULL, FAMILY_DELIMITED, BOOL,
		"' before text that a spreadsheet would take for a formula", KIND_WORD, AT(escape_formulas) },
	{ "timestamp", NULL, FAMILY_DELIMITED, "rfc3339,sql",
		"2024-01-01T00:00:00Z, or 2024-01-01 00:00:00 without its zone", KIND_WORD, AT(timestamp) },
	{ "boolean", NULL, FAMILY_DELIMITED, "words,digits", "true and false, or 1 and 0", KIND_WORD,
		AT(boolean) },
	{ "nested", NULL, FAMILY_DELIMITED, "json,server",
		"arrays, composites and hstore as JSON, or as the database spells them", KIND_WORD, AT(nested) },

	{ "bigint", NULL, FAMILY_JSON, "number,string,auto",
		"64-bit integers; auto: a string beyond +-(2^53 - 1), where JavaScript rounds", KIND_WORD, AT(bigint) },
	{ "decimal", NULL, FAMILY_JSON, "number,string", "numeric values", KIND_WORD, AT(numeric) },
	{ "nan", NULL, FAMILY_JSON, "null,string", "NaN, Infinity and -Infinity", KIND_WORD, AT(nan) },
	{ "nulls", NULL, FAMILY_JSON, "keep,omit", "members that are null", KIND_WORD, AT(nulls) },
	{ "binary", NULL, FAMILY_JSON, "base64,hex", "bytea", KIND_WORD, AT(binary) },

	{ "root", NULL, FAMILY_XML, NULL, "name of the document's element", KIND_NAME, AT(root) },
	{ "row", NULL, FAMILY_XML, NULL, "name of a row's element", KIND_NAME, AT(row) },

	{ "codec", NULL, FAMILY_PARQUET, "none,snappy,zstd,gzip", "how pages are compressed", KIND_WORD,
		AT(codec) },
	{ "level", NULL, FAMILY_PARQUET, NULL, "how hard the codec tries: 1 to 9 of gzip, 1 to 19 of zstd",
		KIND_INTEGER, AT(level) },
	{ "row_group_rows", NULL, FAMILY_PARQUET, NULL, "rows of a row group, at most", KIND_INTEGER,
		AT(row_group_rows) },
	{ "row_group_bytes", NULL, FAMILY_PARQUET, NULL, "compressed bytes of a row group, about",
		KIND_INTEGER, AT(row_group_bytes) },
	{ "dictionary", NULL, FAMILY_PARQUET, BOOL, "dictionaries, where they make a column smaller",
		KIND_WORD, AT(dictionary) },
	{ "statistics", NULL, FAMILY_PARQUET, BOOL, "least and greatest values, by which readers skip",
		KIND_WORD, AT(statistics) },
	{ "bloom", NULL, FAMILY_PARQUET, NULL, "columns with a bloom filter, separated by commas", KIND_NAMES,
		AT(bloom) },
	{ "nested", NULL, FAMILY_PARQUET, "json,list",
		"arrays of booleans, integers, floating point and text as JSON, or as lists", KIND_WORD, AT(lists) },
	{ "page_version", NULL, FAMILY_PARQUET, "1,2", "of data pages", KIND_WORD, AT(page_version) },

	{ "tz", NULL, FAMILY_TEXT | FAMILY_ARROW, NULL,
		"time zone of timestamptz: a name such as Europe/Berlin, or an offset such as +05:30",
		KIND_ZONE, AT(zone) },
	{ .name = NULL },
};
/* clang-format on */

static const struct format_options dialects[] = {
	[DIALECT_RFC4180] = { .delimiter = ',',
		.quote = '"',
		.decimal = '.',
		.header = true,
		.null_text = "" },
	[DIALECT_EXCEL] = { .delimiter = ',',
		.quote = '"',
		.decimal = '.',
		.header = true,
		.bom = true,
		.escape_formulas = true,
		.timestamp = TIMESTAMP_SQL,
		.null_text = "" },
	[DIALECT_EXCEL_EU] = { .delimiter = ';',
		.quote = '"',
		.decimal = ',',
		.header = true,
		.bom = true,
		.escape_formulas = true,
		.timestamp = TIMESTAMP_SQL,
		.null_text = "" },
	[DIALECT_TSV] = { .delimiter = '\t',
		.quote = '"',
		.decimal = '.',
		.header = true,
		.eol = EOL_LF,
		.null_text = "" },
	[DIALECT_POSTGRES] = { .delimiter = '\t',
		.decimal = '.',
		.escape = ESCAPE_BACKSLASH,
		.eol = EOL_LF,
		.nested = NESTED_SERVER,
		.null_text = "\\N" },
	[DIALECT_MYSQL] = { .delimiter = '\t',
		.decimal = '.',
		.escape = ESCAPE_BACKSLASH,
		.eol = EOL_LF,
		.timestamp = TIMESTAMP_SQL,
		.boolean = BOOLEAN_DIGITS,
		.null_text = "\\N" },
};

/* What an integer may be. */
static const struct range {
	uint16_t at;
	int64_t least, most;
} ranges[] = {
	{ AT(level), 1, 19 },
	{ AT(row_group_rows), 1, 10 * 1000 * 1000 },
	{ AT(row_group_bytes), 64 * 1024, 256 * 1024 * 1024 },
};

/* Of Parquet: row groups of the usual size, in memory that a worker can spare. */
enum { ROW_GROUP_ROWS = 122880, ROW_GROUP_BYTES = 32 * 1024 * 1024 };

void format_options_init(struct format_options *o, uint8_t dialect)
{
	*o = dialects[dialect];
	o->dialect = dialect;
	o->codec = (uint8_t)codec_default();
	o->dictionary = o->statistics = true;
	o->row_group_rows = ROW_GROUP_ROWS;
	o->row_group_bytes = ROW_GROUP_BYTES;
}

void format_options_free(struct format_options *o)
{
	zone_close(o->zone);
	o->zone = NULL;
}

/* ---- values; each fails with what the option may be */

static int must_be(const struct format_option *option, const char *what, struct err *e)
{
	return err_set(e, ERR_BAD_REQUEST, "%s must be %s", option->name, what);
}

static int read_word(
	const struct format_option *option, const char *value, uint8_t *to, struct err *e)
{
	uint8_t i = 0;

	for (const char *p = option->words; *p; i++) {
		size_t len = strcspn(p, ",");

		if (strlen(value) == len && !memcmp(p, value, len)) {
			*to = i;
			return 0;
		}
		p += len + (p[len] == ',');
	}
	return err_set(e, ERR_BAD_REQUEST, "%s must be one of: %s", option->name, option->words);
}

/* Nothing that a value of some type is written with, unquoted. */
static int read_delimiter(
	const struct format_option *option, const char *value, char *to, struct err *e)
{
	char c = !strcmp(value, "tab") ? '\t' : value[0];

	if (!c || (value[1] && strcmp(value, "tab")) || !strchr("\t,;|~^!#$%&*/=?@`_<>()", c))
		return must_be(
			option, "tab or one of , ; | ~ ^ ! # $ % & * / = ? @ ` _ < > ( )", e);
	*to = c;
	return 0;
}

static int read_quote(
	const struct format_option *option, const char *value, char *to, struct err *e)
{
	if (strcmp(value, "none") && (!value[0] || value[1] || !strchr("\"'|~^`$", value[0])))
		return must_be(option, "none or one of \" ' | ~ ^ ` $", e);
	*to = strcmp(value, "none") ? value[0] : '\0';
	return 0;
}

static int read_decimal(
	const struct format_option *option, const char *value, char *to, struct err *e)
{
	if (strcmp(value, ".") && strcmp(value, ","))
		return must_be(option, "a point or a comma", e);
	*to = value[0];
	return 0;
}

static int read_null(const struct format_option *option, const char *value, struct arena *a,
	const char **to, struct err *e)
{
	if (strlen(value) > NULL_MAX || strpbrk(value, "\r\n\t,;|\"'"))
		return must_be(
			option, "at most 32 bytes without quotes, delimiters and line ends", e);
	if (strcmp(value, "\\.") == 0)
		return must_be(option, "something else than what ends the data of COPY", e);
	*to = arena_strdup(a, value);
	return 0;
}

static int read_name(const struct format_option *option, const char *value, struct arena *a,
	const char **to, struct err *e)
{
	if (!*value || strlen(value) > NAME_MAX_LEN)
		return must_be(option, "a name of 1 to 128 bytes", e);
	*to = arena_strdup(a, value);
	return 0;
}

static int read_names(const struct format_option *option, const char *value, struct arena *a,
	const char **to, struct err *e)
{
	const char *p = value;
	struct buf name = { 0 };
	int n = 0, got;

	while ((got = name_list_next(&p, &name)) > 0)
		n++;
	buf_free(&name);
	if (!n || got < 0 || strlen(value) > NAMES_MAX_LEN)
		return must_be(option, "names of columns, separated by commas", e);
	*to = arena_strdup(a, value);
	return 0;
}

static int read_integer(
	const struct format_option *option, const char *value, int64_t *to, struct err *e)
{
	const struct range *r = ranges;
	char *end;

	while (r->at != option->at)
		r++;
	errno = 0;
	long long v = strtoll(value, &end, 10);

	if (*value < '0' || *value > '9' || *end || errno || v < r->least || v > r->most)
		return err_set(e, ERR_BAD_REQUEST, "%s must be a whole number from %lld to %lld",
			option->name, (long long)r->least, (long long)r->most);
	*to = v;
	return 0;
}

/* In a query a plus sign that is not encoded is a space. */
static int read_zone(const char *value, struct arena *a, struct zone **to, struct err *e)
{
	*to = zone_open(*value == ' ' ? arena_printf(a, "+%s", value + 1) : value, e);
	return *to ? 0 : -1;
}

static int read_option(struct format_options *o, const struct format_option *option,
	const char *value, struct arena *a, struct err *e)
{
	void *to = (char *)o + option->at;

	switch ((enum kind)option->kind) {
	case KIND_WORD: return read_word(option, value, to, e);
	case KIND_DELIMITER: return read_delimiter(option, value, to, e);
	case KIND_QUOTE: return read_quote(option, value, to, e);
	case KIND_DECIMAL: return read_decimal(option, value, to, e);
	case KIND_NULL: return read_null(option, value, a, to, e);
	case KIND_NAME: return read_name(option, value, a, to, e);
	case KIND_INTEGER: return read_integer(option, value, to, e);
	case KIND_NAMES: return read_names(option, value, a, to, e);
	case KIND_ZONE: return read_zone(value, a, &o->zone, e);
	}
	return 0;
}

/* ---- what the options say together */

static int check_delimited(const struct format_options *o, bool is_tsv, struct err *e)
{
	if (is_tsv && o->delimiter != '\t')
		return err_set(e, ERR_BAD_REQUEST,
			"TSV is delimited by tabs; ask for CSV, or add delimiter=tab");
	if (o->decimal == o->delimiter)
		return err_set(
			e, ERR_BAD_REQUEST, "decimal and delimiter must differ; add delimiter=;");
	if (o->quote && o->quote == o->delimiter)
		return err_set(e, ERR_BAD_REQUEST, "quote and delimiter must differ");
	if (!o->quote && o->escape != ESCAPE_BACKSLASH)
		return err_set(e, ERR_BAD_REQUEST, "quote=none needs escape=backslash");
	if (strchr(o->null_text, o->delimiter) || (o->quote && strchr(o->null_text, o->quote)))
		return err_set(
			e, ERR_BAD_REQUEST, "null must hold neither the delimiter nor the quote");
	if (o->escape == ESCAPE_BACKSLASH && strchr(o->null_text, '\\') &&
		strcmp(o->null_text, "\\N") != 0)
		return err_set(e, ERR_BAD_REQUEST,
			"escape=backslash takes no other backslash in null than \\N");
	if (!o->quote && strcmp(o->null_text, "\\N") != 0)
		return err_set(e, ERR_BAD_REQUEST,
			"quote=none needs null=\\N: a value could read as any other");
	return 0;
}

static int check_parquet(const struct format_options *o, struct err *e)
{
	int most = codec_level_most(o->codec);

	if (!codec_is_built(o->codec))
		return err_set(e, ERR_BAD_REQUEST, "codec=%s is not part of this installation",
			codec_name(o->codec));
	if (o->level && !most)
		return err_set(e, ERR_BAD_REQUEST, "codec=%s has no level", codec_name(o->codec));
	if (o->level > most)
		return err_set(
			e, ERR_BAD_REQUEST, "level must be a whole number from 1 to %d", most);
	return 0;
}

static const char *given(
	const struct format_option *option, format_option_get *get, const void *from)
{
	const char *value = get(from, option->name);

	return value || !option->alias ? value : get(from, option->alias);
}

/* Whether another row of the same name is the families' own. */
static bool is_taken(const char *name, unsigned families)
{
	for (const struct format_option *o = format_option_table; o->name; o++)
		if (!strcmp(o->name, name) && (o->families & families))
			return true;
	return false;
}

static int read_dialect(
	struct format_options *o, format_option_get *get, const void *from, struct err *e)
{
	const struct format_option *option = &format_option_table[0];
	const char *value = get(from, option->name);
	uint8_t dialect;

	assert(option->at == AT(dialect));
	if (!value)
		return 0;
	if (read_word(option, value, &dialect, e) < 0)
		return -1;
	*o = dialects[dialect];
	o->dialect = dialect;
	return 0;
}

int format_options_read(struct format_options *o, unsigned families, format_option_get *get,
	const void *from, struct arena *a, struct err *e)
{
	bool is_tsv = o->dialect == DIALECT_TSV;

	if ((families & FAMILY_DELIMITED) && read_dialect(o, get, from, e) < 0)
		return -1;
	for (const struct format_option *option = format_option_table; option->name; option++) {
		const char *value = given(option, get, from);

		if (!value)
			continue;
		if (option->alias && get(from, option->alias) && get(from, option->name))
			return err_set(e, ERR_BAD_REQUEST, "%s and %s are the same option",
				option->name, option->alias);
		if (!(option->families & families)) {
			if (is_taken(option->name, families))
				continue;
			return err_set(e, ERR_BAD_REQUEST, "%s is not an option of this format",
				option->name);
		}
		if (read_option(o, option, value, a, e) < 0)
			return -1;
	}
	if (families & FAMILY_PARQUET)
		return check_parquet(o, e);
	return families & FAMILY_DELIMITED ? check_delimited(o, is_tsv, e) : 0;
}

/*
 * Format options: what a caller may choose about how rows look. One table (options.c: name, formats that take it,
 * words or kind, default, help) from which come the parameters of the API, their errors, and the test that the
 * documentation names exactly these.
 *
 * A dialect is a set of choices by one name; every other option then changes it.
 */
#ifndef SLUICE_FORMAT_OPTIONS_H
#define SLUICE_FORMAT_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/base/zone.h"

/* Which options a format takes. */
enum format_family {
	FAMILY_DELIMITED = 1, /* CSV, TSV */
	FAMILY_JSON = 2,
	FAMILY_XML = 4,
	FAMILY_ARROW = 8,
	FAMILY_PARQUET = 16,
	FAMILY_TEXT = FAMILY_DELIMITED | FAMILY_JSON | FAMILY_XML
};

/* The words of each option, in the order of the option's table row. */
enum {
	DIALECT_RFC4180,
	DIALECT_EXCEL,
	DIALECT_EXCEL_EU,
	DIALECT_TSV,
	DIALECT_POSTGRES,
	DIALECT_MYSQL
};
enum { ESCAPE_QUOTE, ESCAPE_BACKSLASH };
enum { EOL_CRLF, EOL_LF };
enum { TIMESTAMP_RFC3339, TIMESTAMP_SQL };
enum { BOOLEAN_WORDS, BOOLEAN_DIGITS };
enum { NESTED_JSON, NESTED_SERVER };
enum { BIGINT_NUMBER, BIGINT_STRING, BIGINT_AUTO };
enum { DECIMAL_NUMBER, DECIMAL_STRING };
enum { NAN_NULL, NAN_STRING };
enum { NULLS_KEEP, NULLS_OMIT };
enum { BINARY_BASE64, BINARY_HEX };
enum { LISTS_JSON, LISTS_LIST };
enum { PAGE_VERSION_1, PAGE_VERSION_2 };

struct format_options {
	/* FAMILY_DELIMITED */
	uint8_t dialect;
	char delimiter;
	char quote;     /* 0: none, which only ESCAPE_BACKSLASH with \N for NULL can do without */
	char decimal;   /* '.' or ',': of floating point and numeric values */
	uint8_t escape; /* csv_field.h has the three ways */
	uint8_t eol;
	uint8_t header;          /* bool */
	uint8_t bom;             /* bool: the file begins with U+FEFF */
	uint8_t escape_formulas; /* bool: ' before text that a spreadsheet would compute */
	uint8_t timestamp;       /* TIMESTAMP_SQL: 2024-01-01 00:00:00, its zone not named */
	uint8_t boolean;
	uint8_t nested;        /* arrays, composites, hstore: JSON, or the server's own text */
	const char *null_text; /* never NULL; a value that reads so is quoted or escaped */

	/* FAMILY_JSON */
	uint8_t bigint;  /* BIGINT_AUTO: a string beyond +-(2^53 - 1) */
	uint8_t numeric; /* DECIMAL_* */
	uint8_t nan;     /* NaN and infinite numbers */
	uint8_t nulls;
	uint8_t binary;

	/* FAMILY_XML; mapped to XML names; NULL: XML_ROOT, XML_ROW */
	const char *root;
	const char *row;
	const char *table; /* the root's `name`: of what is exported, no option; or NULL */

	/* FAMILY_PARQUET */
	uint8_t lists;           /* LISTS_LIST: arrays of one dimension, of simple types */
	uint8_t codec;           /* enum codec_kind */
	uint8_t dictionary;      /* bool */
	uint8_t statistics;      /* bool: bounds of values, and the page index */
	uint8_t page_version;    /* PAGE_VERSION_* */
	int64_t level;           /* of the codec; 0: its own default */
	int64_t row_group_rows;  /* a row group ends at the first of the two */
	int64_t row_group_bytes; /* compressed, about */
	const char *bloom;       /* columns that have a bloom filter (name_list.h); NULL: none */

	/* FAMILY_TEXT, FAMILY_ARROW */
	struct zone *zone; /* of timestamptz; NULL: UTC */
};

struct format_option {
	const char *name;
	const char *alias; /* another name for it, or NULL */
	unsigned families;
	const char *words; /* comma separated; NULL: see help */
	const char *help;
	uint16_t kind, at; /* options.c's */
};

/* Ends with a NULL name. */
extern const struct format_option format_option_table[];

/* What an option was given as, or NULL. */
typedef const char *format_option_get(const void *from, const char *name);

/* What a format gets that is asked for nothing; dialect: format_type.dialect. */
void format_options_init(struct format_options *o, uint8_t dialect);

/* Reads every option of the families from `get` into what format_options_init left; an option of other families must not
 * be given. Strings are copied into the arena; free with format_options_free. ERR_BAD_REQUEST names the option and what
 * it may be. */
int format_options_read(struct format_options *o, unsigned families, format_option_get *get,
	const void *from, struct arena *a, struct err *e);

void format_options_free(struct format_options *o);

#endif

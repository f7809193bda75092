/*
 * The elements are declared as xs:* types wherever those admit all that can stand there. What
 * PostgreSQL has beyond them (infinity, years BC, NaN in numeric, times past 24:00) comes in a
 * union, as a pattern; so do the offsets of local time that xs:dateTime has no room for.
 */
#include "lib/format/xml_schema.h"

#include <stdbool.h>

#include "lib/format/formats.h"
#include "lib/format/xml.h"
#include "lib/format/xml_name.h"

/* ---- types without parameters */

#define RESTRICTION(regex)                                                                         \
	"<xs:restriction base=\"xs:token\"><xs:pattern value=\"" regex "\"/></xs:restriction>"
#define UNION(member, regex)                                                                       \
	"<xs:union memberTypes=\"" member                                                          \
	"\"><xs:simpleType>" RESTRICTION(regex) "</xs:simpleType></xs:union>"
#define SIMPLE(name, content) "<xs:simpleType name=\"" name "\">" content "</xs:simpleType>\n"

#define INFINITE "-?infinity"
#define DAY_BC   "[0-9]{4,}-[0-9]{2}-[0-9]{2}"
#define CLOCK    "[0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{1,6})?"
#define OFFSET   "(Z|[+\\-][0-9]{2}:[0-9]{2})"
/* Up to what RFC 3339 can say; xs:dateTime's offsets end at 14:00. */
#define FAR "[+\\-](1[4-9]|2[0-3]):[0-5][0-9]"

/* What the values of a type are: one of XML Schema's own types, or one that is defined in the
 * document. The digits of numeric stand in its pattern too: no processor need take them all. */
static const struct {
	const char *name;
	const char *definition;
} types[TYPES_N] = {
	[TYPE_BOOL] = { "xs:boolean", NULL },
	[TYPE_INT16] = { "xs:short", NULL },
	[TYPE_INT32] = { "xs:int", NULL },
	[TYPE_INT64] = { "xs:long", NULL },
	[TYPE_FLOAT32] = { "xs:float", NULL },
	[TYPE_FLOAT64] = { "xs:double", NULL },
	[TYPE_DECIMAL128] = { "numeric", NULL }, /* each field's own: put_decimal_type */
	[TYPE_DECIMAL_TEXT] = { "numeric",
		SIMPLE("numeric", UNION("xs:decimal", "NaN|-?INF|-?[0-9]+(\\.[0-9]+)?")) },
	[TYPE_DATE32] = { "date", SIMPLE("date", UNION("xs:date", INFINITE "|" DAY_BC " BC")) },
	[TYPE_TIME64] = { "time",
		SIMPLE("time", UNION("xs:time", "-?[0-9]{2,}:[0-9]{2}:[0-9]{2}(\\.[0-9]{1,6})?")) },
	[TYPE_TIMESTAMP] = { "timestamp",
		SIMPLE("timestamp", UNION("xs:dateTime", INFINITE "|" DAY_BC "T" CLOCK " BC")) },
	[TYPE_TIMESTAMPTZ] = { "timestamptz",
		SIMPLE("timestamptz", UNION("xs:dateTime", INFINITE "|" DAY_BC "T" CLOCK "(" FAR
								    "|" OFFSET " BC)")) },
	[TYPE_INTERVAL] = { "interval",
		SIMPLE("interval",
			RESTRICTION("P(-?[0-9]+Y)?(-?[0-9]+M)?(-?[0-9]+D)?"
				    "(T(-?[0-9]+H)?(-?[0-9]+M)?(-?[0-9]+(\\.[0-9]{1,6})?S)?)?")) },
	[TYPE_UTF8] = { "xs:string", NULL },
	[TYPE_JSON] = { "json",
		"<xs:complexType name=\"json\" mixed=\"true\"><xs:sequence>"
		"<xs:any minOccurs=\"0\" maxOccurs=\"unbounded\" processContents=\"skip\"/>"
		"</xs:sequence></xs:complexType>\n" },
	[TYPE_UUID] = { "uuid",
		SIMPLE("uuid",
			RESTRICTION(
				"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")) },
	[TYPE_BINARY] = { "xs:base64Binary", NULL },
};

static const char controls[] = "control characters, U+FFFE and U+FFFF, which become U+FFFD";

static const char *json_lossy(enum json_kind kind)
{
	switch (kind) {
	case JSON_TEXT:
	case JSON_BINARY:
		return "whether a value was a string, a number, an array, null or empty, white "
		       "space between them, and control characters";
	case JSON_LIST:
		return "lower bounds of arrays; of JSON within them, what its values were; "
		       "control characters";
	case JSON_RECORD: return controls;
	case JSON_VECTOR: return NULL;
	}
	return NULL;
}

/* What of free text and of JSON is lost. */
static const char *lossy(const struct field *f)
{
	switch (f->type) {
	case TYPE_UTF8: return f->is_plain ? NULL : controls;
	case TYPE_JSON: return json_lossy((enum json_kind)f->json);
	default: return NULL;
	}
}

struct format_written xml_written(const struct field *field, const struct format_options *options)
{
	(void)options;
	return (struct format_written){ types[field->type].name, lossy(field) };
}

/* A numeric(p,s) whose p is not known is as one without. */
static enum type declared_type(const struct field *f)
{
	return f->type == TYPE_DECIMAL128 && f->precision <= 0 ? TYPE_DECIMAL_TEXT : f->type;
}

static void put_definitions(struct buf *out, const struct schema *s)
{
	bool is_put[TYPES_N] = { false };

	for (size_t i = 0; i < s->n; i++) {
		enum type t = declared_type(&s->fields[i]);

		if (!is_put[t] && types[t].definition)
			buf_puts(out, types[t].definition);
		is_put[t] = true;
	}
}

/* ---- numeric(p,s) */

/* What every processor must take (XML Schema 1.0 part 2, section 3.2.3). */
enum { DECIMAL_DIGITS = 18 };

/* In place of an xs:decimal that a processor may find too long. */
static void put_digits_pattern(struct buf *out, int precision, int scale)
{
	int whole = precision > scale ? precision - scale : 1;

	buf_printf(out, "|-?[0-9]{1,%d}", whole);
	if (scale > 0)
		buf_printf(out, "\\.[0-9]{%d}", scale);
}

static void put_decimal_type(struct buf *out, const struct field *f)
{
	int fraction = f->scale > 0 ? f->scale : 0;
	int digits = f->precision - (f->scale < 0 ? f->scale : 0);

	if (digits < fraction)
		digits = fraction;
	buf_printf(out,
		"><xs:simpleType><xs:union><xs:simpleType><xs:restriction base=\"xs:decimal\">"
		"<xs:totalDigits value=\"%d\"/><xs:fractionDigits value=\"%d\"/>"
		"</xs:restriction></xs:simpleType>"
		"<xs:simpleType><xs:restriction base=\"xs:token\"><xs:pattern value=\"NaN",
		digits, fraction);
	if (digits > DECIMAL_DIGITS)
		put_digits_pattern(out, f->precision, f->scale);
	buf_puts(out, "\"/></xs:restriction></xs:simpleType></xs:union></xs:simpleType>"
		      "</xs:element>\n");
}

/* ---- elements */

static void put_name(struct buf *out, const char *name)
{
	buf_puts(out, "<xs:element name=\"");
	xml_name_map(out, name);
	buf_putc(out, '"');
}

static void put_field(struct buf *out, const struct field *f)
{
	enum type t = declared_type(f);

	put_name(out, f->name);
	if (f->nullable || t == TYPE_JSON)
		buf_puts(out, " nillable=\"true\"");
	if (t == TYPE_DECIMAL128)
		put_decimal_type(out, f);
	else
		buf_printf(out, " type=\"%s\"/>\n", types[t].name);
}

void xml_schema(struct buf *out, const struct schema *s, const char *root, const char *row)
{
	buf_puts(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		      "<xs:schema xmlns:xs=\"http://www.w3.org/2001/XMLSchema\">\n");
	put_name(out, root ? root : XML_ROOT);
	buf_puts(out, "><xs:complexType>\n<xs:sequence>\n");
	put_name(out, row ? row : XML_ROW);
	buf_puts(out, " minOccurs=\"0\" maxOccurs=\"unbounded\"><xs:complexType><xs:sequence>\n");
	for (size_t i = 0; i < s->n; i++)
		put_field(out, &s->fields[i]);
	buf_puts(out, "</xs:sequence></xs:complexType></xs:element>\n</xs:sequence>\n"
		      "<xs:attribute name=\"name\" type=\"xs:string\"/>\n"
		      "</xs:complexType></xs:element>\n");
	put_definitions(out, s);
	buf_puts(out, "</xs:schema>\n");
}

/*
 * libxml2 as the judge of what the XML format and its schema write.
 */
#ifndef SLUICE_TESTS_XML_JUDGE_H
#define SLUICE_TESTS_XML_JUDGE_H

#include <libxml/parser.h>
#include <libxml/tree.h>
#include <libxml/xmlschemas.h>
#include <libxml/xmlschemastypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/mem.h"

/* NULL when it is not well-formed; why is on standard error. */
static inline xmlDocPtr judge_parse(const struct buf *text)
{
	return xmlReadMemory(
		text->data, (int)text->len, "written", NULL, XML_PARSE_HUGE | XML_PARSE_NONET);
}

/* NULL when it is no schema. */
static inline xmlSchemaPtr judge_schema(const struct buf *text)
{
	xmlSchemaParserCtxtPtr c = xmlSchemaNewMemParserCtxt(text->data, (int)text->len);
	xmlSchemaPtr schema = xmlSchemaParse(c);

	xmlSchemaFreeParserCtxt(c);
	return schema;
}

static inline void judge_hush(void *context, const char *format, ...)
{
	(void)context, (void)format;
}

/* 1 valid, 0 not, -1 no judgement: no document, no schema, or an error in libxml2. What is not
 * valid is told on standard error, unless that is what is expected. */
static inline int judge_document(
	const struct buf *text, const struct buf *schema_text, bool is_hushed)
{
	xmlDocPtr doc = judge_parse(text);
	xmlSchemaPtr schema = judge_schema(schema_text);
	int result = -1;

	if (doc && schema) {
		xmlSchemaValidCtxtPtr c = xmlSchemaNewValidCtxt(schema);

		if (is_hushed)
			xmlSchemaSetValidErrors(c, judge_hush, judge_hush, NULL);
		result = xmlSchemaValidateDoc(c, doc);
		result = result < 0 ? -1 : result == 0;
		xmlSchemaFreeValidCtxt(c);
	}
	xmlSchemaFree(schema);
	xmlFreeDoc(doc);
	return result;
}

#endif

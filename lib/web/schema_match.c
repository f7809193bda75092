#include "lib/web/schema_match.h"

#include <string.h>

#include "lib/base/log.h"
#include "lib/export/describe.h"
#include "lib/export/schema_json.h"

static void keep(
	struct app *app, struct response *rs, const struct schema *schema, const char *text)
{
	struct buf columns = { 0 };
	struct err e;

	if (!app->schemas || !schema_store_wants(app->schemas, text))
		return;
	schema_json_columns(&columns, schema);
	if (schema_store_put(app->schemas, text, buf_str(&columns), &e) < 0) {
		log_begin(LOG_WARN, "a schema could not be kept");
		log_str("id", rs->request->id);
		log_str("cause", e.cause);
		log_end();
	}
	buf_free(&columns);
}

int schema_announce(struct app *app, struct response *rs, const struct schema *schema,
	char text[FINGERPRINT_TEXT], struct err *e)
{
	if (fingerprint(schema, text, e) < 0)
		return -1;
	response_header(rs, "Sluice-Schema", "%s", text);
	keep(app, rs, schema, text);
	return 0;
}

/* ---- If-Schema-Match: "*", or a list of fingerprints, in quotes or not (as RFC 9110 §13.1.1 has it of entity tags) */

enum { LIST_MAX = 64 };

static int refuse_list(struct err *e)
{
	return err_set(e, ERR_BAD_REQUEST,
		"If-Schema-Match must be * or a list of up to %d fingerprints", LIST_MAX);
}

/* The fingerprint at *p, whose end *p becomes; 0 when there is none. */
static size_t read_fingerprint(const char **p, const char **text)
{
	bool quoted = **p == '"';
	size_t len;

	*text = *p + quoted;
	len = strspn(*text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");
	*p = *text + len;
	if (!quoted)
		return len;
	if (**p != '"')
		return 0; /* and *p not beyond the end of the text */
	++*p;
	return len;
}

/* The list as JSON, and whether `text` is in it. */
static int read_list(
	const char *p, const char *text, struct buf *json, bool *matches, struct err *e)
{
	static const char space[] = " \t", between[] = ", \t";
	int n = 0;

	*matches = false;
	buf_putc(json, '[');
	for (p += strspn(p, between); *p; p += strspn(p, between)) {
		const char *one;
		size_t len = read_fingerprint(&p, &one);

		p += strspn(p, space);
		if (len == 0 || (*p && *p != ',') || n == LIST_MAX)
			return refuse_list(e);
		buf_puts(json, n++ ? "," : "");
		buf_put_json(json, one, len);
		*matches = *matches || (len == strlen(text) && !memcmp(one, text, len));
	}
	buf_putc(json, ']');
	return n ? 0 : refuse_list(e);
}

/* Without what the schema was the caller is told so: it has still changed. */
static int refuse(struct app *app, struct response *rs, const struct schema *schema,
	const char *fingerprints, struct err *e)
{
	static const char changed[] = "the schema is not what If-Schema-Match asks for";
	struct buf columns = { 0 }, difference = { 0 };
	struct err failure;
	int found = -1;

	if (!app->schemas)
		return err_set(e, ERR_PRECONDITION,
			"%s; what has changed cannot be told: no metadata database keeps schemas",
			changed);
	schema_json_columns(&columns, schema);
	found = schema_store_difference(
		app->schemas, fingerprints, buf_str(&columns), &difference, &failure);
	if (found > 0) {
		response_member(rs, "difference", buf_str(&difference));
		err_set(e, ERR_PRECONDITION, "%s", changed);
	} else if (found == 0) {
		err_set(e, ERR_PRECONDITION,
			"%s; what has changed cannot be told: the fingerprint is not known here",
			changed);
	} else {
		err_set(e, ERR_PRECONDITION,
			"%s; what has changed cannot be told: the schemas cannot be reached now",
			changed);
		err_cause(e, "%s", failure.cause);
	}
	buf_free(&columns);
	buf_free(&difference);
	return -1;
}

int schema_match(struct app *app, struct response *rs, const struct schema *schema, struct err *e)
{
	const char *asked = request_env(rs->request, "HTTP_IF_SCHEMA_MATCH");
	char text[FINGERPRINT_TEXT];
	struct buf fingerprints = { 0 };
	bool matches;

	if (!asked || !strcmp(asked, "*"))
		return 0;
	int status = fingerprint(schema, text, e);

	if (status == 0)
		status = read_list(asked, text, &fingerprints, &matches, e);
	if (status == 0 && !matches) {
		response_member(
			rs, "fingerprint", arena_printf(&rs->request->arena, "\"%s\"", text));
		status = refuse(app, rs, schema, buf_str(&fingerprints), e);
	}
	buf_free(&fingerprints);
	return status;
}

int schema_match_query(struct app *app, struct response *rs, struct source *source,
	const struct compile *c, struct err *e)
{
	struct request *rq = rs->request;
	char text[FINGERPRINT_TEXT];
	struct schema schema;

	if (!request_is_head(rq) && !request_env(rq, "HTTP_IF_SCHEMA_MATCH"))
		return 0;
	if (describe_query(source, c, &schema, e) < 0 || schema_match(app, rs, &schema, e) < 0)
		return -1;
	return request_is_head(rq) ? schema_announce(app, rs, &schema, text, e) : 0;
}

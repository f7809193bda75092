#include "lib/web/response.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "lib/sink/fcgi.h"

void response_init(struct response *rs, struct request *rq)
{
	*rs = (struct response){ .request = rq };
}

void response_free(struct response *rs)
{
	sink_free(rs->out);
	buf_free(&rs->head);
	buf_free(&rs->members);
	*rs = (struct response){ 0 };
}

void response_header(struct response *rs, const char *name, const char *format, ...)
{
	va_list args;

	assert(rs->state == RESPONSE_HEAD);
	buf_printf(&rs->head, "%s: ", name);
	size_t at = rs->head.len;

	va_start(args, format);
	buf_vprintf(&rs->head, format, args);
	va_end(args);
	for (; at < rs->head.len; at++)
		if ((unsigned char)rs->head.data[at] < ' ' || rs->head.data[at] == 0x7f)
			rs->head.data[at] = ' ';
	buf_puts(&rs->head, "\r\n");
}

/* What stands behind the status code; clients read the code alone. */
static const char *reason(int status)
{
	for (int code = ERR_NONE; code < ERR_CODES_N; code++)
		if (err_info(code)->status == status)
			return err_info(code)->title;
	return "";
}

static void begin(struct response *rs, int status)
{
	struct buf head = { 0 };

	assert(rs->state == RESPONSE_HEAD);
	buf_printf(&head, "Status: %d %s\r\n", status, reason(status));
	buf_put(&head, rs->head.data, rs->head.len);
	buf_puts(&head, "\r\n");
	rs->status = status;
	rs->door = rs->out = fcgi_sink_new(rs->request->fcgi, head.data, head.len);
	rs->state = RESPONSE_BODY;
	buf_free(&head);
}

/* The end of a body whose failure nobody can be told about any more: the log has it. */
static void finish_whole(struct response *rs, const void *body, size_t len)
{
	struct err ignored;

	sink_put(rs->out, body, len);
	if (response_finish(rs, &ignored) < 0)
		response_abort(rs);
}

void response_whole(struct response *rs, int status, const struct buf *body)
{
	response_header(rs, "Content-Length", "%zu", body->len);
	begin(rs, status);
	finish_whole(rs, body->data, request_is_head(rs->request) ? 0 : body->len);
}

void response_body(struct response *rs, int status, const char *media, const struct buf *body)
{
	response_header(rs, "Content-Type", "%s", media);
	response_header(rs, "Cache-Control", "private, no-store");
	response_header(rs, "X-Content-Type-Options", "nosniff");
	response_whole(rs, status, body);
}

void response_json(struct response *rs, int status, const struct buf *body)
{
	response_body(rs, status, "application/json", body);
}

void response_empty(struct response *rs, int status)
{
	begin(rs, status);
	finish_whole(rs, "", 0);
}

void response_member(struct response *rs, const char *name, const char *json)
{
	buf_printf(&rs->members, ",\"%s\":%s", name, json);
}

/* Keep the header lines that concern the request, not the body that was to come. */
static void keep_request_headers(struct response *rs)
{
	static const char *const kept[] = { "Sluice-Export-Id:", "RateLimit", "X-RateLimit",
		"Allow:", "WWW-Authenticate:", "Retry-After:", "Content-Range: bytes */",
		"Referrer-Policy:" };
	struct buf head = { 0 };

	for (size_t at = 0; at < rs->head.len;) {
		const char *line = rs->head.data + at;
		const char *end = memchr(line, '\n', rs->head.len - at);
		size_t len = (size_t)(end - line) + 1;

		for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
			if (!strncmp(line, kept[i], strlen(kept[i])))
				buf_put(&head, line, len);
		at += len;
	}
	buf_free(&rs->head);
	rs->head = head;
}

void response_problem(struct response *rs, const struct err *e)
{
	const struct err_info *info = err_info(e->code);
	struct request *rq = rs->request;
	struct buf b = { 0 };

	keep_request_headers(rs);
	if (info->status == 503 || info->status == 502)
		response_header(rs, "Retry-After", "5");
	buf_printf(&b,
		"{\"type\":\"urn:sluice:problem:%s\",\"title\":\"%s\",\"status\":%d,\"detail\":",
		info->name, info->title, info->status);
	buf_put_json(&b, e->text, strlen(e->text));
	buf_puts(&b, ",\"instance\":");
	buf_put_json(&b, rq->path, strlen(rq->path));
	buf_printf(&b, ",\"traceId\":\"%s\"", request_trace_id(rq));
	buf_put(&b, rs->members.data, rs->members.len);
	buf_puts(&b, "}\n");
	response_header(rs, "Content-Type", "application/problem+json");
	response_header(rs, "Cache-Control", "no-store");
	response_header(rs, "X-Content-Type-Options", "nosniff");
	response_whole(rs, info->status, &b);
	buf_free(&b);
}

struct sink *response_stream(struct response *rs, int status)
{
	begin(rs, status);
	return rs->out;
}

void response_chain(struct response *rs, struct sink *first)
{
	rs->out = first;
}

int response_finish(struct response *rs, struct err *e)
{
	assert(rs->state == RESPONSE_BODY);
	if (sink_finish(rs->out, e) < 0)
		return -1;
	rs->bytes = rs->door->bytes;
	rs->state = RESPONSE_DONE;
	return 0;
}

void response_abort(struct response *rs)
{
	if (rs->state != RESPONSE_BODY)
		return;
	enum response_state state =
		fcgi_sink_has_begun(rs->door) ? RESPONSE_ABORTED : RESPONSE_HEAD;

	sink_abort(rs->out);
	rs->bytes = rs->door->bytes;
	sink_free(rs->out);
	rs->door = rs->out = NULL;
	rs->state = state;
	if (state == RESPONSE_HEAD)
		rs->status = 0;
}

void response_attachment(struct response *rs, const char *file_name)
{
	struct buf plain = { 0 }, encoded = { 0 };
	bool ascii = true;

	for (const unsigned char *p = (const unsigned char *)file_name; *p; p++) {
		bool token = isalnum(*p) || strchr("-_.", *p);

		ascii = ascii && token;
		/* One substitute for each character, not for each byte of it. */
		if ((*p & 0xc0) != 0x80)
			buf_putc(&plain, token ? (char)*p : '_');
		if (token)
			buf_putc(&encoded, (char)*p);
		else
			buf_printf(&encoded, "%%%02X", *p);
	}
	if (ascii)
		response_header(rs, "Content-Disposition", "attachment; filename=%s", file_name);
	else
		response_header(rs, "Content-Disposition",
			"attachment; filename=\"%s\"; filename*=UTF-8''%s", buf_str(&plain),
			buf_str(&encoded));
	buf_free(&plain);
	buf_free(&encoded);
}

#include "lib/web/event.h"

#include <openssl/sha.h>

#include "lib/format/text.h"

void event_id(const struct buf *data, char id[EVENT_ID])
{
	unsigned char hash[SHA256_DIGEST_LENGTH];

	SHA256((const unsigned char *)data->data, data->len, hash);
	*text_hex(id, hash, EVENT_ID / 2) = '\0';
}

/* CR, LF and both end a line of the stream (§9.2.6). */
static size_t line_len(const char *line, const char *end)
{
	const char *p = line;

	while (p < end && *p != '\n' && *p != '\r')
		p++;
	return (size_t)(p - line);
}

void event_put(struct buf *out, const char *name, const char *id, const struct buf *data)
{
	const char *at = data->data, *end = data->data + data->len;

	buf_printf(out, "id: %s\nevent: %s\n", id, name);
	for (;;) {
		size_t len = line_len(at, end);

		buf_puts(out, "data: ");
		buf_put(out, at, len);
		buf_putc(out, '\n');
		at += len;
		if (at == end)
			break;
		at += at + 1 < end && at[0] == '\r' && at[1] == '\n' ? 2 : 1;
	}
	buf_putc(out, '\n');
}

void event_put_retry(struct buf *out, int ms)
{
	buf_printf(out, "retry: %d\n\n", ms);
}

void event_put_comment(struct buf *out)
{
	buf_puts(out, ":\n\n");
}

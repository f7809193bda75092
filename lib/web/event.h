/*
 * Server-sent events: the lines of an event stream (WHATWG HTML, "Server-sent events", §9.2.5).
 */
#ifndef SLUICE_WEB_EVENT_H
#define SLUICE_WEB_EVENT_H

#include "lib/base/mem.h"

/* What tells one content of an event from another: the first digits of its SHA-256. */
enum { EVENT_ID = 17 };
void event_id(const struct buf *data, char id[EVENT_ID]);

/* Append an event. Its data are text of any lines, which stay lines; name and id hold none. */
void event_put(struct buf *out, const char *name, const char *id, const struct buf *data);

/* Append how long a client is to wait before it asks again, and a line that says nothing. */
void event_put_retry(struct buf *out, int ms);
void event_put_comment(struct buf *out);

#endif

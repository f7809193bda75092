/*
 * Metadata: a process's connection with the metadata database (etc/schema/), shared by what is kept
 * there.
 *
 * Connected when first used, and again when it has died; refused while its schema lacks what this
 * version needs. The lock of a running export is the session's (outcome.h).
 */
#ifndef SLUICE_JOB_METADATA_H
#define SLUICE_JOB_METADATA_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/settings.h"

struct metadata;
struct pg_result; /* libpq's PGresult */

/* NULL when the configuration names no metadata database. The settings must outlive it. */
struct metadata *metadata_open(const struct settings *s);
void metadata_close(struct metadata *m);

/* From now on no call takes longer, connecting included (but not the lookup of a host's name). To
 * be called before the first. */
void metadata_limit(struct metadata *m, int limit_ms);

/* Run one statement with text parameters, waiting no longer than the server's limit for it. The
 * result is the caller's to clear; NULL on failure (ERR_UNAVAILABLE): then the connection has been
 * dropped where it is of no more use. */
struct pg_result *metadata_run(
	struct metadata *m, const char *sql, const char *const *params, int n, struct err *e);

/* The same with a binary result, and parameters of so many bytes each in binary form, or
 * METADATA_TEXT. */
enum { METADATA_TEXT = -1 };
struct pg_result *metadata_run_bytes(struct metadata *m, const char *sql, const char *const *params,
	const int *lens, int n, struct err *e);

/* Run a statement that returns one row, and take its first value: a number that is not negative, or whether something is so (1, 0).
 * -1: it failed. */
int64_t metadata_count(struct metadata *m, const char *sql, const char *const *params, int params_n,
	struct err *e);

/* Run a statement that does some of its work, and tells how much, until it has done none. *n: all of it. */
int metadata_run_out(struct metadata *m, const char *sql, const char *const *params, int params_n,
	int64_t *n, struct err *e);

/* From now on each session listens to the channel, whose name is a word that lives as long. To be
 * called before the first of the above. */
void metadata_listen(struct metadata *m, const char *channel);

/* Hand what was told on the channel to `take`, and wait for it no longer than so long, or until a
 * signal comes. 1: something was told, or may have been missed, because the connection is new; 0:
 * nothing; -1: ERR_UNAVAILABLE. */
typedef void metadata_told(void *to, const char *payload);
void metadata_hear(struct metadata *m, metadata_told *take, void *to); /* without waiting */
int metadata_wait(struct metadata *m, int timeout_ms, metadata_told *take, void *to, struct err *e);

/* Which session of this process's it is, from 1; 0: none. What an earlier one held or listened to is gone. */
uint64_t metadata_session(const struct metadata *m);

/* End the session, and with it every lock it holds. */
void metadata_disconnect(struct metadata *m);

/* Whether the last try to connect failed, moments ago: what can do without should not wait for
 * another. */
bool metadata_is_lost(const struct metadata *m);

#endif

/*
 * Errors: a small enum for the machine, one line for the human.
 *
 * A struct err is filled where the cause is known and passed up untouched. `text` may be shown to the
 * caller of the API and so never holds SQL, host names or row values; `cause` is for the log alone.
 * One table (err.c) maps a code to its HTTP status, title, log level and whether a retry can help.
 */
#ifndef SLUICE_BASE_ERR_H
#define SLUICE_BASE_ERR_H

#include <stdbool.h>

enum err_code {
	ERR_NONE = 0,
	ERR_BAD_REQUEST,    /* 400 the request cannot be understood */
	ERR_UNAUTHORIZED,   /* 401 no token, or one that does not hold */
	ERR_FORBIDDEN,      /* 403 known, but may not */
	ERR_NOT_FOUND,      /* 404 unknown, or not visible to the caller */
	ERR_METHOD,         /* 405 */
	ERR_NOT_ACCEPTABLE, /* 406 */
	ERR_CONFLICT,       /* 409 not in the state that this takes */
	ERR_GONE,           /* 410 was there, and is no longer */
	ERR_PRECONDITION,   /* 412 not as the caller expects it */
	ERR_TOO_LARGE,      /* 413 larger than a limit */
	ERR_RANGE,          /* 416 not within the file */
	ERR_UNPROCESSABLE,  /* 422 well-formed but not doable */
	ERR_EARLY,          /* 425 not done yet */
	ERR_RATE,           /* 429 */
	ERR_INTERNAL,       /* 500 our fault */
	ERR_DATABASE,       /* 502 the database failed while it worked for us */
	ERR_UNAVAILABLE,    /* 503 the database cannot be reached; later may help */
	ERR_TIMEOUT,        /* 504 the database took longer than the limit */
	ERR_DISK,           /* 507 no room to stage the body */
	ERR_CLIENT_GONE,    /* 499 the client hung up: cancel, log quietly */
	ERR_CONFIG,         /* start-up: the configuration is wrong */
	ERR_CODES_N
};

struct err {
	enum err_code code;
	char text[256];  /* one line, fit for the caller */
	char cause[384]; /* one line for the log: server message, errno, path */
	bool is_final;   /* another try would fail too, whatever the code says */
};

struct err_info {
	int status;        /* HTTP status */
	const char *name;  /* stable token: problem type suffix, log `outcome` */
	const char *title; /* problem+json title */
	int level;         /* enum log_level */
	bool retryable;    /* the same request may succeed later, unless is_final */
};

/* Fill *e and return -1, so that a failure reads `return err_set(e, ERR_…, "…")`. e may be NULL. */
int err_set(struct err *e, enum err_code code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Add the line for the log to an error already set; newlines become spaces. Returns -1. */
int err_cause(struct err *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Never NULL; an unknown code reads as ERR_INTERNAL. */
const struct err_info *err_info(enum err_code code);

/* Whether another try may succeed. */
bool err_is_passing(const struct err *e);

#endif

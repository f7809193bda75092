/*
 * The log: one JSON object a line on standard error (or a file), written with a single write(2) so
 * that the lines of many processes do not mix. Levels are by how often a line can occur: error and
 * warn mean that someone should look, info comes once in a process's life, request once a request.
 *
 *	{"time":"2026-01-02T03:04:05.678Z","level":"info","pid":7,"msg":"started","pool":"stream"}
 *
 * The caller never passes a secret or a row value.
 */
#ifndef SLUICE_BASE_LOG_H
#define SLUICE_BASE_LOG_H

#include <stdint.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_REQUEST, LOG_DEBUG };

/* Lines above `level` are dropped. path: a file to append to, or NULL for standard error. Returns 0, or -1
 * with errno when the file cannot be opened (then the log stays where it was). */
int log_open(const char *path, enum log_level level);

/* One line: a message and the fields that follow it. */
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A line with named fields: begin, any number of fields, end (which writes it). Strings are escaped as
 * JSON; a NULL string leaves the field out. Not reentrant: one line at a time in a process. */
void log_begin(enum log_level level, const char *msg);
void log_str(const char *key, const char *value);
void log_int(const char *key, int64_t value);
void log_end(void);

/* "error", "warn" …; -1 for a name that is none. */
const char *log_level_name(enum log_level level);
int log_level_parse(const char *name);

#endif

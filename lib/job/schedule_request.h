/*
 * Schedule request: a saved export as it is asked for in JSON, and the requests of its runs.
 *
 *	{ "name": "nightly users",             needed; 1 to SCHEDULE_NAME_MAX characters
 *	  "cron": "15 3 * * mon-fri",          needed (cron.h)
 *	  "timeZone": "Europe/Berlin",         what its clocks show (zone.h); UTC
 *	  "export": { … },                     needed; as job_request.h has it, without since
 *	  "increments": true,                  each run takes what was inserted or changed since the one before; false
 *	  "enabled": true }                    true
 *
 * In the export's fileName {date} and {time} stand for when a run is made, in the time zone: 2026-11-21, 031500.
 */
#ifndef SLUICE_JOB_SCHEDULE_REQUEST_H
#define SLUICE_JOB_SCHEDULE_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/mem.h"

enum { SCHEDULE_NAME_MAX = 200 };

struct schedule_request {
	const char *name;
	const char *cron;
	const char *time_zone;
	const char *export; /* JSON */
	bool increments;
	bool enabled;
};

/* Strings live in the arena. The export is checked for what is a schedule's alone. ERR_BAD_REQUEST, and *pointer where. */
int schedule_request_read(struct arena *a, const char *json, size_t len,
	struct schedule_request *out, const char **pointer, struct err *e);

/* When it is due after an instant, in seconds since 1970. ERR_BAD_REQUEST when cron or time_zone are none, with *pointer which.
 * No zone may be open (zone.h). */
int schedule_request_next(const char *cron, const char *time_zone, int64_t after_s, int64_t *next_s,
	const char **pointer, struct err *e);

/* The request of a run that is made then: the export with the names filled in and with `since`, unless that is NULL. In the arena.
 * ERR_BAD_REQUEST as above; no zone may be open. */
int schedule_request_run(struct arena *a, const char *export, const char *time_zone, int64_t at_s,
	const char *since, const char **json, struct err *e);

#endif

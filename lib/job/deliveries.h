/*
 * Deliveries: the web server's log of downloads (delivery_log.h) taken into the audit, so that it tells what really left.
 *
 * A download that the web server was told to send has a line whose outcome is AUDIT_HANDED_OVER and whose bytes are those it
 * was to send. For each that the log tells of there is a second line with the same id: its action is "delivered", its bytes
 * are what left of the file, its outcome "ok" or "cut", its duration and status the web server's.
 *
 * A line stands there once, however often a log is read: the database knows (etc/schema/0011_deliveries.sql). What is known of
 * how far a log was read only saves reading it again, and is written after the lines it is about.
 */
#ifndef SLUICE_JOB_DELIVERIES_H
#define SLUICE_JOB_DELIVERIES_H

#include <stdint.h>

#include "lib/base/err.h"

struct audit;
struct metadata;

struct deliveries {
	int64_t noted; /* lines written */
	int64_t known; /* that were there before */
	int64_t unknown; /* records of a download that nobody was given: forged, or its line is gone */
	int64_t garbage; /* lines that are no records */
};

/* Read the log, and what was made from it by rotation, on from where they were last read, and add to *d. What is young and not
 * known yet is left for the next time: its line may be on its way. Another that is at it is let be. -1: ERR_CONFIG,
 * a log cannot be read, the others were; or ERR_UNAVAILABLE. */
int deliveries_read(struct metadata *m, struct audit *audit, const char *path, struct deliveries *d,
	struct err *e);

#endif

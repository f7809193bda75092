/*
 * Range: which bytes of a file are asked for (RFC 9110 §14.1.2, §14.2).
 *
 * One range is served. Several are answered with the whole file, which §14.2 allows: whoever asks for many small or
 * overlapping ones would else make a response that is larger than the file. What is no range of bytes at all ("bytes=a-b") is
 * unsatisfiable, as nginx has it; a unit that is not bytes does not count.
 */
#ifndef SLUICE_WEB_RANGE_H
#define SLUICE_WEB_RANGE_H

#include <stdbool.h>
#include <stdint.h>

enum range_kind {
	RANGE_WHOLE,        /* no range, or none that counts */
	RANGE_PART,         /* 206 */
	RANGE_UNSATISFIABLE /* 416 */
};

struct range {
	uint64_t first; /* RANGE_PART: the first byte; else 0 */
	uint64_t
		len; /* bytes: at least one of a RANGE_PART, all of RANGE_WHOLE, 0 of RANGE_UNSATISFIABLE */
	bool is_plain; /* written so that every web server reads the same in it; or there is none */
};

/* field: the value of Range, or NULL; size: of the file. Of an empty file there is no part: "bytes=-5" is the whole
 * of it. */
enum range_kind range_read(const char *field, uint64_t size, struct range *out);

#endif

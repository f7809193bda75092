#include "lib/base/random.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <stdio.h>
#include <sys/random.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"

void random_bytes(void *out, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = getrandom((char *)out + done, len - done, 0);

		if (n < 0 && errno != EINTR) {
			log_line(LOG_ERROR, "getrandom: %s", strerror(errno));
			_exit(EX_OSERR);
		}
		if (n > 0)
			done += (size_t)n;
	}
}

void random_uuid7(char out[UUID_TEXT])
{
	uint8_t b[16];
	uint64_t ms = (uint64_t)clock_wall_us() / 1000;

	random_bytes(b + 6, 10);
	for (int i = 0; i < 6; i++)
		b[i] = (uint8_t)(ms >> (40 - 8 * i));
	b[6] = (uint8_t)(0x70 | (b[6] & 0x0f));
	b[8] = (uint8_t)(0x80 | (b[8] & 0x3f));
	snprintf(out, UUID_TEXT,
		"%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
		b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
		b[15]);
}

bool uuid_valid(const char *text)
{
	if (strlen(text) != UUID_TEXT - 1)
		return false;
	for (size_t i = 0; text[i]; i++)
		if (i == 8 || i == 13 || i == 18 || i == 23 ? text[i] != '-'
							    : !isxdigit((unsigned char)text[i]))
			return false;
	return true;
}

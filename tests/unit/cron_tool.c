/*
 * lib/job/cron.c for a test that has a judge: a line "ZONE AFTER N EXPRESSION" on standard input (AFTER in seconds since 1970),
 * on standard output the N times that are due after it, or "error: …".
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/zone.h"
#include "lib/job/cron.h"

static void answer(const char *zone, int64_t after, int n, const char *expression)
{
	struct cron c;
	struct err e = { 0 };
	struct zone *z = zone_open(zone, &e);

	if (!z || cron_read(&c, expression, &e)) {
		printf("error: %s", e.text);
		n = 0;
	}
	for (int i = 0; i < n; i++) {
		after = cron_next(&c, z, after);
		printf("%s%" PRId64, i ? " " : "", after);
	}
	putchar('\n');
	zone_close(z);
}

int main(void)
{
	char *line = NULL;
	size_t cap = 0;

	while (getline(&line, &cap, stdin) > 0) {
		char zone[65];
		int64_t after;
		int n, expression;

		line[strcspn(line, "\n")] = '\0';
		if (sscanf(line, "%64s %" SCNd64 " %d %n", zone, &after, &n, &expression) != 3)
			return EXIT_FAILURE;
		answer(zone, after, n, line + expression);
		if (fflush(stdout))
			return EXIT_FAILURE;
	}
	free(line);
	return EXIT_SUCCESS;
}

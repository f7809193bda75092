/*
 * Leaving when told to: an idle process at once, a busy one when its work is done, but no later
 * than a limit. Told by SIGTERM or SIGINT; by SIGUSR1, as multiwatch does; by SIGQUIT, which
 * multiwatch 1.0.0 sends when it is to send SIGTERM.
 *
 * The handlers set flags and, from the first signal on, let SIGALRM interrupt the process some times a
 * second, so that a blocking call entered just as the signal came returns (EINTR) all the same.
 */
#ifndef SLUICE_BASE_STOP_H
#define SLUICE_BASE_STOP_H

#include <stdbool.h>
#include <stdint.h>

void stop_install(void);

/* How long the work at hand may still take; at least, and at first, a second. */
void stop_limit(int64_t limit_us);

bool stop_requested(void); /* take no new work */
bool stop_overdue(void);   /* give up the work at hand */

#endif

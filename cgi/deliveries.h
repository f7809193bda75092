/*
 * `sluice audit deliveries`: the web server's log of downloads taken into the audit, by hand.
 */
#ifndef SLUICE_CGI_DELIVERIES_H
#define SLUICE_CGI_DELIVERIES_H

#include <stdio.h>

#include "lib/base/err.h"
#include "lib/base/settings.h"

/* file: NULL for that of the settings. Says to out in one line what it found. The settings name a metadata database. */
int deliveries_note(const struct settings *s, const char *file, FILE *out, struct err *e);

#endif

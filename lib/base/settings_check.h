/*
 * What keys of the settings say of each other: names of tables, pairs and triples of names in one text.
 */
#ifndef SLUICE_BASE_SETTINGS_CHECK_H
#define SLUICE_BASE_SETTINGS_CHECK_H

#include "lib/base/conf.h"
#include "lib/base/settings.h"

/* The settings are filled, and every table knows its database. -1: e says what is wrong and on which line. */
int settings_check(const struct settings *s, struct conf *c, struct err *e);

#endif

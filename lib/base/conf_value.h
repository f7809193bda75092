/*
 * One value of the configuration: from JSON or its default into a field, and from the field back
 * to JSON.
 */
#ifndef SLUICE_BASE_CONF_VALUE_H
#define SLUICE_BASE_CONF_VALUE_H

#include "lib/base/conf.h"
#include "lib/base/settings.h"

/* name: the key's full name, for the error. Checks type, unit, choices, least value and
 * CONF_REQUIRED. Of CONF_INCLUDE the field is a struct settings_strings. */
int conf_value_set(struct conf *c, const struct conf_key *k, const char *name,
	struct json_object *value, void *field, struct err *e);

/* The table's own default. A default that cannot be read is a mistake in the table: an assert. */
void conf_value_default(const struct conf *c, const struct conf_key *k, void *field);

/* As JSON that conf_value_set reads; a secret that is set is "***". */
void conf_value_put(const struct conf_key *k, const void *field, struct buf *out);

#endif

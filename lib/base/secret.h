/*
 * Secrets by reference: "env:NAME" is the environment variable NAME, "file:/path" the content of a
 * file less its final newline; anything else stands for itself.
 */
#ifndef SLUICE_BASE_SECRET_H
#define SLUICE_BASE_SECRET_H

#include "lib/base/err.h"
#include "lib/base/mem.h"

/* The value, in the arena; NULL and ERR_CONFIG when the variable is unset or the file cannot be
 * read. */
const char *secret_resolve(struct arena *a, const char *value, struct err *e);

#endif

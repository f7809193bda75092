/*
 * What the tests of principals and policies share. Settings are read from a file, as a server has them; claims are
 * JSON, as a token has them.
 */
#ifndef SLUICE_TESTS_UNIT_POLICY_CASE_H
#define SLUICE_TESTS_UNIT_POLICY_CASE_H

#include "lib/access/policy.h"

extern struct arena arena; /* of a whole program */
extern struct settings settings;
extern struct principal who;
extern struct err why;

/* auth: further members of that section, with a comma before them. rest: further sections, without one. */
void configure(const char *auth, const char *rest);

/* What principal_read makes of the claims: `who`, or -1 and `why`. */
int read_claims(const char *json);

/* The same of claims that must be good. */
void read_good(const char *json);

/* Of the group. */
int policy_tear_down(void **state);

#endif

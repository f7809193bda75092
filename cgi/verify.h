/*
 * Verify: whether files are what the manifest of their export says (lib/job/manifest.h). No database is asked.
 */
#ifndef SLUICE_CGI_VERIFY_H
#define SLUICE_CGI_VERIFY_H

#include <stdio.h>

enum verify_result {
	VERIFY_WHOLE = 0,
	VERIFY_BAD = 1, /* a file is not as the manifest says, or the manifest contradicts itself */
	VERIFY_UNREAD = 2 /* there is no manifest, or it is none */
};

/* Prints one line a file: that it is whole, or the first of it that is bad. dir: where the files are; NULL: beside the
 * manifest. Why nothing could be verified goes to standard error. */
enum verify_result verify(const char *manifest, const char *dir, FILE *out);

#endif

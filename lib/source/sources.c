#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/source/source.h"

/* As pgwire_error has put it. */
bool source_has_said(const struct err *e, const char *sqlstate)
{
	static const char prefix[] = "SQLSTATE ";
	size_t len = sizeof prefix - 1;

	return !strncmp(e->cause, prefix, len) &&
	       !strncmp(e->cause + len, sqlstate, strlen(sqlstate));
}

struct source **sources_new(const struct settings *s)
{
	struct source **sources = mem_zero(s->databases_n, sizeof *sources);

	for (size_t i = 0; i < s->databases_n; i++)
		sources[i] = postgres_new(&s->databases[i]);
	return sources;
}

void sources_close(struct source **sources, const struct settings *s)
{
	for (size_t i = 0; sources && i < s->databases_n; i++)
		source_close(sources[i]);
	free(sources);
}

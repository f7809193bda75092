#include "cgi/deliveries.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "lib/job/audit.h"
#include "lib/job/deliveries.h"
#include "lib/job/metadata.h"

int deliveries_note(const struct settings *s, const char *file, FILE *out, struct err *e)
{
	const char *path = file ? file : s->audit_deliveries;
	struct deliveries d = { 0 };

	if (!*path)
		return err_set(e, ERR_CONFIG, "\"audit.deliveries\" is empty: which file?");
	/* Of the one that is configured there may be none yet; one that somebody has named is there. */
	if (file && access(file, R_OK) < 0)
		return err_set(e, ERR_CONFIG, "%s: %s", file, strerror(errno));
	struct metadata *m = metadata_open(s);
	struct audit *audit = audit_open(m, s);
	int status = deliveries_read(m, audit, path, &d, e);

	audit_close(audit);
	metadata_close(m);
	fprintf(out,
		"noted %" PRId64 ", known %" PRId64 ", of no download %" PRId64
		", not readable %" PRId64 "\n",
		d.noted, d.known, d.unknown, d.garbage);
	return status;
}

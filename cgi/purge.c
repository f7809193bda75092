#include "cgi/purge.h"

#include <string.h>

#include "lib/base/random.h"
#include "lib/job/audit.h"
#include "lib/job/job_sweep.h"
#include "lib/job/metadata.h"
#include "lib/job/schedule_store.h"

static int write_line(struct audit *a, const char *subject, const char *tenant,
	const struct purged *n, struct err *e)
{
	const char *what = subject ? subject : tenant;
	struct buf definition = { 0 };
	char id[UUID_TEXT];

	random_uuid7(id);
	buf_printf(&definition, "{\"%s\":", subject ? "subject" : "tenant");
	buf_put_json(&definition, what, strlen(what));
	buf_printf(&definition, ",\"exports\":%lld,\"schedules\":%lld}", (long long)n->exports,
		(long long)n->schedules);
	const struct audit_line line = { .id = id,
		.tenant = tenant,
		.action = "purge",
		.definition = buf_str(&definition),
		.status = 200,
		.outcome = "ok" };
	int failed = audit_write(a, &line, e);

	buf_free(&definition);
	return failed;
}

int purge(const struct settings *s, const char *subject, const char *tenant, struct purged *n,
	struct err *e)
{
	struct metadata *m = metadata_open(s);
	struct audit *a = audit_open(m, s);
	/* Schedules first: they make no exports then that would stay. */
	int failed = audit_ready(a, e) < 0 ||
		     schedule_remove_all(m, subject, tenant, &n->schedules, e) < 0 ||
		     job_remove_all(m, subject, tenant, &n->exports, e) < 0 ||
		     write_line(a, subject, tenant, n, e) < 0;

	audit_close(a);
	metadata_close(m);
	return failed ? -1 : 0;
}

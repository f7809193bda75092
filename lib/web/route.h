/*
 * Routes: a table of method, pattern and handler; the dispatcher finds the row, asks who calls, and answers
 * what the handler could not.
 *
 * A pattern is segments between slashes; {name} stands for one segment, or for the rest of one behind a literal
 * ("rows{suffix}"), and is handed over in request.captures.
 */
#ifndef SLUICE_WEB_ROUTE_H
#define SLUICE_WEB_ROUTE_H

#include "lib/web/app.h"
#include "lib/web/request.h"
#include "lib/web/response.h"

/* Answers the request: 0 when the response has been given (or aborted), -1 with the error to answer with. */
typedef int route_handler(struct app *app, struct request *rq, struct response *rs, struct err *e);

enum route_flags {
	ROUTE_PUBLIC = 1, /* no token, no rate limit, no line in the audit */
	ROUTE_DATA = 2,   /* gives rows: not while they could not be audited, if they must be */
	ROUTE_OPEN =
		4 /* no token nor parameters, but counted for the address, and a line in the audit */
};

struct route {
	const char *method; /* GET answers HEAD too */
	const char *pattern;
	route_handler *handler;
	unsigned flags;
	enum role role;     /* 0: any token that holds */
	const char *action; /* in the audit; NULL: of a public one */
	const char *help;
};

/* Ends with a NULL pattern. A path may stand in several rows, of different methods. */
extern const struct route routes[];

/* Serve one request from its first byte to its log line. */
void route_serve(struct app *app, FCGX_Request *fcgi);

/* One handler file per resource. */
route_handler handle_service, handle_health;                     /* handle_service.c */
route_handler handle_tables, handle_table;                       /* handle_tables.c */
route_handler handle_table_schema;                               /* handle_schema.c */
route_handler handle_table_xsd;                                  /* handle_xsd.c */
route_handler handle_query;                                      /* handle_query.c */
route_handler handle_rows, handle_export_page;                   /* handle_rows.c */
route_handler handle_job_create, handle_jobs, handle_job_remove; /* handle_jobs.c */
route_handler handle_export;                                     /* handle_exports.c */
route_handler handle_benchmark;                                  /* handle_benchmark.c */
route_handler handle_events;                                     /* handle_events.c */
route_handler handle_file, handle_download;                      /* handle_files.c */
route_handler handle_link_create, handle_links;                  /* handle_links.c */
route_handler handle_link_revoke, handle_link;
route_handler handle_manifest;                                            /* handle_manifest.c */
route_handler handle_alias_csv, handle_alias_direct, handle_alias_status; /* handle_aliases.c */
route_handler handle_schedule_create, handle_schedules, handle_schedule;  /* handle_schedules.c */
route_handler handle_schedule_change, handle_schedule_remove, handle_schedule_run;

#endif

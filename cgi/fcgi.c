/*
 * sluice.fcgi: the responder. One process serves one request at a time from the FastCGI socket that it
 * inherits as standard input; spawn-fcgi opens the socket, multiwatch keeps the pool full.
 */
#include "config.h"

#include <fcgiapp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/stop.h"
#include "lib/web/route.h"

enum { ACCEPT_PAUSE_US = 50 * 1000 };

static const char *config_path(void)
{
	const char *path = getenv("SLUICE_CONFIG");

	return path ? path : SLUICE_CONFIG_FILE;
}

static void log_life(const char *what, int64_t requests)
{
	log_begin(LOG_INFO, what);
	log_str("pool", getenv("SLUICE_POOL"));
	log_int("requests", requests);
	log_end();
}

static void serve(struct app *app)
{
	int64_t most = app->settings.worker_max_requests, served = 0;
	FCGX_Request request;

	FCGX_InitRequest(&request, 0, FCGI_FAIL_ACCEPT_ON_INTR);
	log_life("started", 0);
	while (!stop_requested() && (most == 0 || served < most)) {
		if (FCGX_Accept_r(&request) < 0) {
			usleep(ACCEPT_PAUSE_US); /* a signal, or a failure that may last (EMFILE) */
			continue;
		}
		route_serve(app, &request);
		served++;
	}
	log_life("left", served);
}

int main(int argc, char **argv)
{
	struct app app;
	struct err e;

	if (argc > 1) {
		fprintf(stderr,
			"%s: takes no arguments; it is started by spawn-fcgi (see "
			"sluice.fcgi(8))\n",
			argv[0]);
		return EX_USAGE;
	}
	/* First, since libfcgi puts handlers of its own where there are none: once a signal has come to
	 * them it accepts nothing more, and does not wait either. */
	stop_install();
	if (FCGX_IsCGI() || FCGX_Init() != 0) {
		fprintf(stderr, "%s: standard input is not a FastCGI socket\n", argv[0]);
		return EX_USAGE;
	}
	if (app_open(&app, config_path(), &e) < 0) {
		fprintf(stderr, "%s: %s%s%s\n", argv[0], e.text, e.cause[0] ? ": " : "", e.cause);
		return EX_CONFIG;
	}
	stop_limit(app.settings.worker_stop_us);
	serve(&app);
	app_close(&app);
	return 0;
}

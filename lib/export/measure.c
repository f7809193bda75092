#include "lib/export/measure.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/stop.h"
#include "lib/base/wait.h"
#include "lib/sink/discard.h"

enum {
	STATUS_MAX = 64 * 1024, /* bytes of /proc/self/status */
	STOP_MS = 3000          /* stop.h takes a second of it */
};

/* ---- in the process of its own */

static int pump(struct reading *r, const struct measure_task *t, struct sink *out,
	struct measured *m, struct err *e)
{
	struct format_options options;
	struct pump pump = { 0 };

	format_options_init(&options, t->format->dialect);
	options.table = t->table->key;
	int status = reading_pump(r, t->format, &options, out, &pump, e);

	format_options_free(&options);
	m->rows = pump.rows;
	return status < 0 ? -1 : sink_finish(out, e);
}

static int read_peak(int64_t *peak, struct err *e)
{
	struct buf b = { 0 };
	const char *line = file_read("/proc/self/status", STATUS_MAX, &b) == 0
				   ? strstr(buf_str(&b), "\nVmHWM:")
				   : NULL;

	*peak = line ? strtoll(line + strlen("\nVmHWM:"), NULL, 10) * 1024 : 0;
	buf_free(&b);
	return *peak > 0 ? 0
			 : err_set(e, ERR_INTERNAL,
				   "the system does not tell what memory a process takes");
}

static int run(struct reading *r, const struct measure_task *t, struct measured *m, struct err *e)
{
	struct sink *out = discard_sink_new();
	int status = reading_plan(r, t->table, t->format->name, NULL, e);
	int64_t from_us = clock_monotonic_us();

	if (status == 0)
		status = pump(r, t, out, m, e);
	m->us = clock_monotonic_us() - from_us;
	m->bytes = out->bytes;
	sink_free(out);
	return status < 0 ? -1 : read_peak(&m->peak, e);
}

/* What is told fits into the pipe at once (pipe(7), PIPE_BUF). */
static void __attribute__((noreturn)) be_process(const struct measure_task *t, pid_t parent, int to)
{
	struct reading r;
	struct measured m = { 0 };
	struct err e = { 0 };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	stop_limit(0); /* told to end, it cancels its query first */
	reading_open(&r, &t->by);
	r.query = (struct query){ .from = t->table->key, .limit = t->rows };
	if (run(&r, t, &m, &e) < 0)
		m.err = e;
	reading_close(&r);
	_exit(write(to, &m, sizeof m) == (ssize_t)sizeof m ? 0 : 1);
}

/* ---- in its parent's */

static int start(const struct measure_task *t, pid_t *pid, int *from, struct err *e)
{
	pid_t parent = getpid();
	int ends[2];

	if (pipe(ends) < 0)
		return err_set(e, ERR_UNAVAILABLE, "a process to measure by could not be started");
	*pid = fork();
	if (*pid == 0) {
		close(ends[0]);
		be_process(t, parent, ends[1]);
	}
	close(ends[1]);
	*from = ends[0];
	if (*pid > 0)
		return 0;
	close(ends[0]);
	return err_set(e, ERR_UNAVAILABLE, "a process to measure by could not be started");
}

/* Asked to end, it cancels its query; it is not waited for longer than that takes. Its end of the pipe closes with it. */
static void stop(pid_t pid, int from)
{
	kill(pid, SIGTERM);
	if (wait_fd(from, POLLIN, -1, STOP_MS) != WAIT_READY)
		kill(pid, SIGKILL);
}

static void bury(pid_t pid)
{
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

int measure(const struct measure_task *t, struct measured *out, struct err *e)
{
	pid_t pid = -1;
	int from = -1;

	*out = (struct measured){ 0 };
	if (start(t, &pid, &from, &out->err) < 0)
		return 0;
	bool is_told = wait_fd(from, POLLIN, t->hangup_fd, -1) == WAIT_READY;

	if (!is_told) {
		stop(pid, from);
	} else if (read(from, out, sizeof *out) != (ssize_t)sizeof *out) {
		*out = (struct measured){ 0 };
		err_set(&out->err, ERR_INTERNAL, "the process that measured was lost");
	}
	close(from);
	bury(pid);
	return is_told ? 0 : wait_gave_up(e);
}

#include "lib/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/mem.h"

static const char *const names[] = { "error", "warn", "info", "request", "debug" };

static int log_fd = STDERR_FILENO;
static enum log_level threshold = LOG_REQUEST;
static struct buf line; /* the line being made; kept from line to line */
static int dropped;     /* the line begun is above the threshold */

int log_open(const char *path, enum log_level level)
{
	threshold = level;
	if (!path)
		return 0;
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);

	if (fd < 0)
		return -1;
	if (log_fd != STDERR_FILENO)
		close(log_fd);
	log_fd = fd;
	return 0;
}

void log_begin(enum log_level level, const char *msg)
{
	char now[CLOCK_TEXT];

	dropped = level > threshold;
	if (dropped)
		return;
	clock_rfc3339(clock_wall_us(), now);
	line.len = 0;
	buf_printf(&line, "{\"time\":\"%s\",\"level\":\"%s\",\"pid\":%ld,\"msg\":", now,
		names[level], (long)getpid());
	buf_put_json(&line, msg, strlen(msg));
}

void log_str(const char *key, const char *value)
{
	if (dropped || !value)
		return;
	buf_printf(&line, ",\"%s\":", key);
	buf_put_json(&line, value, strlen(value));
}

void log_int(const char *key, int64_t value)
{
	if (!dropped)
		buf_printf(&line, ",\"%s\":%lld", key, (long long)value);
}

void log_end(void)
{
	if (dropped)
		return;
	buf_puts(&line, "}\n");
	/* A log that cannot be written has nowhere to say so. */
	ssize_t ignored = write(log_fd, line.data, line.len);

	(void)ignored;
}

void log_line(enum log_level level, const char *format, ...)
{
	struct buf text = { 0 };
	va_list args;

	if (level > threshold)
		return;
	va_start(args, format);
	buf_vprintf(&text, format, args);
	va_end(args);
	log_begin(level, buf_str(&text));
	log_end();
	buf_free(&text);
}

const char *log_level_name(enum log_level level)
{
	return names[level];
}

int log_level_parse(const char *name)
{
	for (int i = 0; i < (int)(sizeof names / sizeof names[0]); i++)
		if (!strcmp(name, names[i]))
			return i;
	return -1;
}

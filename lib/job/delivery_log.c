#include "lib/job/delivery_log.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/json_tree.h"

enum {
	FIRST_LINES = 100, /* among which a log has its first record */
	MEMBERS_MAX = 32,
	SECOND_US = 1000000,
	DECIMALS = 6
};

/* ---- a record */

/* A number without a sign or an exponent, in millionths; -1: it is none, or too large to be true. */
static int64_t millionths(const struct json_node *m)
{
	const char *p = m && m->kind == JSON_KIND_NUMBER ? m->text : "-";
	int64_t value = 0;
	int decimals = -1;

	for (; *p; p++) {
		if (*p == '.') {
			decimals = 0;
			continue;
		}
		if (*p < '0' || *p > '9' || value > INT64_MAX / 100)
			return -1;
		if (decimals < DECIMALS)
			value = value * 10 + (*p - '0');
		if (decimals >= 0 && decimals < DECIMALS)
			decimals++;
	}
	for (decimals = decimals < 0 ? 0 : decimals; decimals < DECIMALS; decimals++)
		value = value > INT64_MAX / 10 ? INT64_MAX : value * 10;
	return value;
}

static int64_t whole(const struct json_node *m)
{
	int64_t value = millionths(m);

	return value < 0 ? -1 : value / SECOND_US;
}

static bool is_text(const struct json_node *m, const char *text)
{
	return m && m->kind == JSON_KIND_STRING && !strcmp(m->text, text);
}

/* What of it left, as the one web server tells it or the other. */
static bool read_extent(const struct json_node *root, struct delivery_record *r)
{
	const struct json_node *completed = json_tree_member(root, "completed");
	const struct json_node *connection = json_tree_member(root, "connection");
	int64_t wire = whole(json_tree_member(root, "wire"));

	r->bytes = whole(json_tree_member(root, "bytes"));
	if (completed) {
		r->is_complete = is_text(completed, "OK");
		return r->bytes >= 0;
	}
	r->is_complete = connection && !is_text(connection, "X") && wire >= r->bytes;
	if (!r->is_complete && wire < r->bytes)
		r->bytes = wire;
	return connection && wire >= 0 && r->bytes >= 0;
}

static bool read_root(const struct json_node *root, struct delivery_record *r)
{
	const struct json_node *id = json_tree_member(root, "id");
	int64_t us = millionths(json_tree_member(root, "seconds"));
	int64_t status = whole(json_tree_member(root, "status"));

	if (us < 0)
		us = whole(json_tree_member(root, "microseconds"));
	if (!id || id->kind != JSON_KIND_STRING || !uuid_valid(id->text) || status < 100 ||
		status > 599)
		return false;
	for (size_t i = 0; i < sizeof r->id; i++)
		r->id[i] = (char)tolower((unsigned char)id->text[i]);
	r->status = (int)status;
	r->ended_us = millionths(json_tree_member(root, "time"));
	r->ms = us / 1000;
	return us >= 0 && r->ended_us >= 0 && read_extent(root, r);
}

bool delivery_record_read(const char *line, size_t len, struct delivery_record *out)
{
	static const struct json_limits limits = { 1, MEMBERS_MAX };
	struct arena a = { 0 };
	const char *where;
	struct err e;
	const struct json_node *root = json_tree_read(&a, line, len, &limits, &where, &e);
	bool is_record = root && root->kind == JSON_KIND_OBJECT && read_root(root, out);

	arena_free(&a);
	return is_record;
}

/* ---- a log */

static int unreadable(const char *path, struct err *e)
{
	return err_set(e, ERR_CONFIG, "audit.deliveries %s: %s", path, strerror(errno));
}

static int no_log(const char *path, struct err *e)
{
	return err_set(e, ERR_CONFIG, "audit.deliveries %s: not a log of downloads", path);
}

int delivery_log_open(struct delivery_log *l, const char *path, struct err *e)
{
	struct delivery_record first;
	bool is_record = false;
	int lines = 0;
	struct stat st;

	*l = (struct delivery_log){ 0 };
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return errno == ENOENT ? 0 : unreadable(path, e);
	l->file = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? fdopen(fd, "r") : NULL;
	if (!l->file) {
		close(fd);
		return no_log(path, e);
	}
	while (lines < FIRST_LINES && !is_record && delivery_log_next(l, &first, &is_record))
		lines++;
	int status = is_record && delivery_log_seek(l, 0);

	if (is_record)
		memcpy(l->first, first.id, sizeof l->first);
	else
		delivery_log_close(l);
	return lines < FIRST_LINES || is_record ? status : no_log(path, e);
}

void delivery_log_close(struct delivery_log *l)
{
	if (l->file)
		fclose(l->file);
	l->file = NULL;
}

bool delivery_log_seek(struct delivery_log *l, int64_t at)
{
	struct stat st;

	if (fstat(fileno(l->file), &st) < 0 || st.st_size < at ||
		fseeko(l->file, (off_t)at, SEEK_SET) < 0)
		return false;
	l->at = at;
	return true;
}

bool delivery_log_next(struct delivery_log *l, struct delivery_record *out, bool *is_record)
{
	char line[DELIVERY_LINE_MAX];

	/* Not the length of the text: there may be a NUL in it. */
	if (!fgets(line, sizeof line, l->file))
		return false;
	size_t len = (size_t)(ftello(l->file) - (off_t)l->at);

	if (len == 0 || (line[len - 1] != '\n' && len < sizeof line - 1))
		return false;
	*is_record = line[len - 1] == '\n' && delivery_record_read(line, len - 1, out);
	l->at += (int64_t)len;
	return true;
}

/* ---- its files */

static bool is_compressed(const char *name)
{
	static const char *const suffixes[] = { ".gz", ".xz", ".bz2", ".zst", ".lz4", NULL };
	size_t len = strlen(name);

	for (size_t i = 0; suffixes[i]; i++) {
		size_t n = strlen(suffixes[i]);

		if (len > n && !strcmp(name + len - n, suffixes[i]))
			return true;
	}
	return false;
}

ssize_t delivery_log_list(const char *path, struct arena *a, const char ***out, struct err *e)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	const char *dir = slash ? arena_strndup(a, path, (size_t)(slash - path) + 1) : "./";
	size_t len = strlen(base), n = 0, room = 0;
	const struct dirent *entry;

	*out = arena_zero(a, 1, sizeof **out);
	DIR *d = opendir(dir);

	if (!d)
		return errno == ENOENT ? 0 : unreadable(dir, e);
	while ((entry = readdir(d)))
		if (!strncmp(entry->d_name, base, len) && entry->d_name[len] &&
			strchr(".-", entry->d_name[len]) && !is_compressed(entry->d_name)) {
			if (n + 1 >= room) {
				const char **more =
					arena_zero(a, room = 2 * room + 8, sizeof *more);

				if (n > 0)
					memcpy(more, *out, n * sizeof *more);
				*out = more;
			}
			(*out)[n++] = arena_printf(a, "%s%s", dir, entry->d_name);
		}
	closedir(d);
	(*out)[n++] = path;
	return (ssize_t)n;
}

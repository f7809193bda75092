#include "lib/base/secret.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/file.h"

enum { SECRET_MAX = 64 * 1024 }; /* far beyond a connection string with its certificates' paths */

static const char *from_environment(struct arena *a, const char *name, struct err *e)
{
	const char *value = getenv(name);

	if (!value) {
		err_set(e, ERR_CONFIG, "the environment variable \"%s\" is not set", name);
		return NULL;
	}
	return arena_strdup(a, value);
}

static const char *from_file(struct arena *a, const char *path, struct err *e)
{
	struct buf b = { 0 };
	const char *value = NULL;

	/* A relative one would mean another file for each program that reads the configuration. */
	if (*path != '/') {
		err_set(e, ERR_CONFIG, "the path in \"file:%s\" must be absolute", path);
		return NULL;
	}
	if (file_read(path, SECRET_MAX, &b)) {
		err_set(e, ERR_CONFIG, "%s: %s", path, strerror(errno));
	} else if (b.len && memchr(b.data, '\0', b.len)) {
		err_set(e, ERR_CONFIG, "%s: holds a zero byte", path);
	} else {
		if (b.len && b.data[b.len - 1] == '\n')
			b.len--;
		value = arena_strndup(a, buf_str(&b), b.len);
	}
	buf_free(&b);
	return value;
}

const char *secret_resolve(struct arena *a, const char *value, struct err *e)
{
	if (!strncmp(value, "env:", 4))
		return from_environment(a, value + 4, e);
	if (!strncmp(value, "file:", 5))
		return from_file(a, value + 5, e);
	return arena_strdup(a, value);
}

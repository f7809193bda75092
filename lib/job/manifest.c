#include "lib/job/manifest.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>

#include "lib/base/json_tree.h"

enum { DEPTH = 128, VALUES_MAX = 4000000, SHA256_DIGITS = 64 };

/* ---- writing */

static void put_text(struct buf *b, const char *name, const char *value)
{
	buf_printf(b, "\"%s\":", name);
	if (value)
		buf_put_json(b, value, strlen(value));
	else
		buf_puts(b, "null");
}

static void put_part(struct buf *b, const struct manifest_part *p)
{
	buf_printf(b, "{\"file\":%zu,", p->file);
	put_text(b, "first", p->first);
	buf_putc(b, ',');
	put_text(b, "last", p->last);
	buf_printf(b, ",\"rows\":%" PRIu64 ",\"bytes\":%" PRIu64 ",", p->rows, p->bytes);
	put_text(b, "sha256", p->sha256);
	buf_putc(b, '}');
}

static void put_file(struct buf *b, const struct manifest_file *f)
{
	buf_putc(b, '{');
	put_text(b, "name", f->name);
	buf_putc(b, ',');
	put_text(b, "media", f->media);
	buf_printf(b, ",\"bytes\":%" PRIu64 ",", f->bytes);
	put_text(b, "sha256", f->sha256);
	buf_putc(b, '}');
}

void manifest_put(const struct manifest *m, struct buf *b)
{
	uint64_t bytes = 0;

	buf_printf(b, "{\"version\":%d,\n", MANIFEST_VERSION);
	put_text(b, "createdBy", m->created_by);
	buf_puts(b, ",\n");
	put_text(b, "job", m->job);
	buf_printf(b, ",\n\"request\":%s,\n", m->request);
	put_text(b, "snapshot", m->snapshot);
	buf_puts(b, ",\n");
	put_text(b, "schema", m->schema);
	buf_printf(b, ",\n\"lossy\":%s,\n", m->lossy);
	put_text(b, "nextCursor", m->next_cursor);
	buf_puts(b, ",\n\"parts\":[");
	for (size_t i = 0; i < m->parts_n; i++) {
		buf_puts(b, i ? ",\n" : "\n");
		put_part(b, &m->parts[i]);
	}
	buf_puts(b, "],\n\"files\":[");
	for (size_t i = 0; i < m->files_n; i++) {
		buf_puts(b, i ? ",\n" : "\n");
		put_file(b, &m->files[i]);
		bytes += m->files[i].bytes;
	}
	buf_printf(b,
		"],\n\"totals\":{\"rows\":%" PRIu64 ",\"bytes\":%" PRIu64
		",\"parts\":%zu,\"files\":%zu}}\n",
		m->rows, bytes, m->parts_n, m->files_n);
}

/* ---- reading: the first failure is kept, and what follows it changes nothing */

struct reader {
	struct arena *arena;
	struct err *err;
	bool failed;
};

static void fail(struct reader *r, const struct json_node *at, const char *what)
{
	if (!r->failed)
		err_set(r->err, ERR_BAD_REQUEST, "no manifest: %s %s",
			json_tree_pointer(r->arena, at), what);
	r->failed = true;
}

static void contradict(struct reader *r, const char *what)
{
	if (!r->failed)
		err_set(r->err, ERR_UNPROCESSABLE, "the manifest contradicts itself: %s", what);
	r->failed = true;
}

/* An object of so many members; those that there must be are asked for one by one, so that there is no other. */
static bool is_object(struct reader *r, const struct json_node *node, size_t members)
{
	if (node && node->kind == JSON_KIND_OBJECT && node->n == members)
		return true;
	if (node)
		fail(r, node, "is not an object of the members that belong there");
	return false;
}

static const struct json_node *member(struct reader *r, const struct json_node *object,
	const char *name, enum json_node_kind kind)
{
	const struct json_node *m = json_tree_member(object, name);

	if (!m)
		fail(r, object, arena_printf(r->arena, "lacks \"%s\"", name));
	else if (m->kind != kind)
		fail(r, m, arena_printf(r->arena, "is not %s", json_tree_kind_name(kind)));
	return m && m->kind == kind ? m : NULL;
}

static const char *text(struct reader *r, const struct json_node *object, const char *name)
{
	const struct json_node *m = member(r, object, name, JSON_KIND_STRING);

	return m ? m->text : "";
}

static const char *text_or_null(struct reader *r, const struct json_node *object, const char *name)
{
	const struct json_node *m = json_tree_member(object, name);

	return m && m->kind == JSON_KIND_NULL ? NULL : text(r, object, name);
}

static uint64_t count(struct reader *r, const struct json_node *object, const char *name)
{
	const struct json_node *m = member(r, object, name, JSON_KIND_NUMBER);

	/* 18 digits fit, and so does the sum of nine such numbers; sums are checked beyond. */
	if (m && (strlen(m->text) > 18 || m->text[strspn(m->text, "0123456789")])) {
		fail(r, m, "is not a count");
		return 0;
	}
	return m ? strtoull(m->text, NULL, 10) : 0;
}

static const char *sha256(struct reader *r, const struct json_node *object)
{
	const char *hex = text(r, object, "sha256");

	if (strlen(hex) != SHA256_DIGITS || hex[strspn(hex, "0123456789abcdef")])
		fail(r, object, "has a sha256 that is none");
	return hex;
}

static const char *source(struct reader *r, const struct json_node *object, const char *name,
	enum json_node_kind kind)
{
	const struct json_node *m = member(r, object, name, kind);

	return m ? arena_strndup(r->arena, m->from, m->source_len) : "";
}

static struct manifest_part read_part(struct reader *r, const struct json_node *node)
{
	if (!is_object(r, node, 6))
		return (struct manifest_part){ 0 };
	return (struct manifest_part){
		.file = (size_t)count(r, node, "file"),
		.first = text_or_null(r, node, "first"),
		.last = text_or_null(r, node, "last"),
		.rows = count(r, node, "rows"),
		.bytes = count(r, node, "bytes"),
		.sha256 = sha256(r, node),
	};
}

/* It becomes a path below a directory. */
static bool is_plain(const char *name)
{
	return *name && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static struct manifest_file read_file(struct reader *r, const struct json_node *node)
{
	if (!is_object(r, node, 4))
		return (struct manifest_file){ 0 };
	struct manifest_file f = {
		.name = text(r, node, "name"),
		.media = text(r, node, "media"),
		.bytes = count(r, node, "bytes"),
		.sha256 = sha256(r, node),
	};

	if (!is_plain(f.name))
		fail(r, node, "has a name that is not one of a file alone");
	return f;
}

static void read_parts(struct reader *r, const struct json_node *root, struct manifest *m)
{
	const struct json_node *list = member(r, root, "parts", JSON_KIND_ARRAY);
	struct manifest_part *parts;

	if (!list)
		return;
	parts = arena_zero(r->arena, list->n + 1, sizeof *parts);
	for (const struct json_node *node = list->first; node && !r->failed; node = node->next)
		parts[node->index] = read_part(r, node);
	m->parts = parts;
	m->parts_n = list->n;
}

static void read_files(struct reader *r, const struct json_node *root, struct manifest *m)
{
	const struct json_node *list = member(r, root, "files", JSON_KIND_ARRAY);
	struct manifest_file *files;

	if (!list)
		return;
	files = arena_zero(r->arena, list->n + 1, sizeof *files);
	for (const struct json_node *node = list->first; node && !r->failed; node = node->next)
		files[node->index] = read_file(r, node);
	m->files = files;
	m->files_n = list->n;
}

/* ---- what must agree */

static void check_parts(struct reader *r, const struct manifest *m)
{
	size_t file = 0, i = 0;

	while (i < m->parts_n && !r->failed) {
		uint64_t bytes = 0;
		size_t from = i;

		if (m->parts[i].file <= file || m->parts[i].file > m->files_n) {
			contradict(
				r, "a part belongs to a file that there is not, or out of order");
			return;
		}
		file = m->parts[i].file;
		for (; i < m->parts_n && m->parts[i].file == file; i++)
			if (__builtin_add_overflow(bytes, m->parts[i].bytes, &bytes))
				contradict(r, "bytes that cannot be counted");
		if (i > from && bytes != m->files[file - 1].bytes)
			contradict(r, arena_printf(r->arena,
					      "file %zu has %" PRIu64 " bytes, its parts %" PRIu64,
					      file, m->files[file - 1].bytes, bytes));
	}
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void check_names(struct reader *r, const struct manifest *m)
{
	const char **names = mem_alloc(m->files_n + 1, sizeof *names);

	for (size_t i = 0; i < m->files_n; i++)
		names[i] = m->files[i].name;
	qsort(names, m->files_n, sizeof *names, compare_names);
	for (size_t i = 1; i < m->files_n; i++)
		if (!strcmp(names[i - 1], names[i]))
			contradict(r, "two files have one name");
	free(names);
}

static void check_totals(struct reader *r, const struct json_node *root, struct manifest *m)
{
	const struct json_node *totals = member(r, root, "totals", JSON_KIND_OBJECT);
	uint64_t rows = 0, bytes = 0;

	if (!is_object(r, totals, 4))
		return;
	m->rows = count(r, totals, "rows");
	uint64_t told = count(r, totals, "bytes"), parts = count(r, totals, "parts"),
		 files = count(r, totals, "files");
	bool over = false;

	for (size_t i = 0; i < m->parts_n; i++)
		over |= __builtin_add_overflow(rows, m->parts[i].rows, &rows);
	for (size_t i = 0; i < m->files_n; i++)
		over |= __builtin_add_overflow(bytes, m->files[i].bytes, &bytes);
	if (over || bytes != told || parts != m->parts_n || files != m->files_n ||
		(m->parts_n && rows != m->rows))
		contradict(r, "its totals are not those of its parts and files");
}

static void read_root(struct reader *r, const struct json_node *root, struct manifest *m)
{
	if (!is_object(r, root, 11))
		return;
	if (count(r, root, "version") != MANIFEST_VERSION)
		fail(r, root, "is not of version 1");
	m->created_by = text(r, root, "createdBy");
	m->job = text(r, root, "job");
	m->request = source(r, root, "request", JSON_KIND_OBJECT);
	m->snapshot = text_or_null(r, root, "snapshot");
	m->schema = text_or_null(r, root, "schema");
	m->lossy = source(r, root, "lossy", JSON_KIND_ARRAY);
	m->next_cursor = text_or_null(r, root, "nextCursor");
	read_parts(r, root, m);
	read_files(r, root, m);
	if (r->failed)
		return;
	check_parts(r, m);
	check_names(r, m);
	check_totals(r, root, m);
}

int manifest_read(struct arena *a, const char *text, size_t len, struct manifest *m, struct err *e)
{
	static const struct json_limits limits = { DEPTH, VALUES_MAX };
	struct reader r = { .arena = a, .err = e };
	const char *pointer;
	const struct json_node *root = json_tree_read(a, text, len, &limits, &pointer, e);

	*m = (struct manifest){ 0 };
	if (!root)
		return -1;
	read_root(&r, root, m);
	return r.failed ? -1 : 0;
}

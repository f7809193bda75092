/*
 * Conf: the engine that fills a struct from a configuration file, as a table of keys says.
 *
 * The file is one JSON object of sections, { section: { key: value } }. A group is a section whose
 * members have names of the user's choice, { group: { name: { key: value } } }: they become an
 * array of structs, each of which begins with `const char *key`, its name. Files that the key
 * "include" names may add to groups, nothing else.
 *
 * Every error is one line that begins with PATH:LINE.
 */
#ifndef SLUICE_BASE_CONF_H
#define SLUICE_BASE_CONF_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/doc.h"
#include "lib/base/err.h"
#include "lib/base/mem.h"

enum conf_type {
	CONF_TEXT,     /* const char * */
	CONF_LIST,     /* struct settings_strings; a string or an array of strings */
	CONF_LEVEL,    /* int, enum log_level */
	CONF_INTEGER,  /* int64_t */
	CONF_SIZE,     /* int64_t, bytes */
	CONF_DURATION, /* int64_t, microseconds */
	CONF_INCLUDE   /* no field: patterns of further files */
};

enum conf_flags {
	CONF_REQUIRED =
		1,      /* a text or list that must not be empty; must be given if its default is */
	CONF_SECRET = 2 /* a text that may be env:NAME or file:/path, and is never printed */
};

struct conf_key {
	const char *section; /* NULL: at the top of the file */
	const char *key;
	enum conf_type type;
	unsigned flags;
	size_t offset;        /* of the field, in the struct or in the group's struct */
	const char *fallback; /* the default as text; a list's items parted by commas */
	const char *choices;  /* the allowed words, parted by commas; NULL: any text */
	int64_t min;          /* of numbers, in the field's unit */
	const char *help;     /* one line */
};

struct conf_group {
	const char *section;
	size_t size;         /* of the struct of one member */
	size_t array_offset; /* of the pointer to the array, in the struct */
	size_t n_offset;     /* of its size_t count */
	const char *marks;   /* what a member's name may hold beside letters, digits and _ */
};

struct conf_table {
	const struct conf_key *keys; /* the keys of a section stand together */
	size_t keys_n;
	const struct conf_group *groups;
	size_t groups_n;
};

struct conf {
	const struct conf_table *table;
	void *into;          /* the struct to fill */
	struct arena *arena; /* owns what the fields point to */
	struct arena names;  /* names and paths, for errors */
	struct doc *docs;    /* the files read, the main file first */
	size_t docs_n;
};

/* Fill conf->into, whose table, into and arena the caller has set. After -1 into may be half
 * filled. The files stay in memory, for conf_fail, until conf_close, which is due either way. */
int conf_read(struct conf *c, const char *path, struct err *e);
void conf_close(struct conf *c);

/* "PATH:LINE: "KEY" …", the line that of the key, or of the nearest part of the file that encloses
 * it. Returns -1. */
int conf_fail(const struct conf *c, struct err *e, const char *key, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* The group of that name, or NULL. */
const struct conf_group *conf_group(const struct conf_table *t, const char *section);

/* What is in the struct as JSON, and the table itself: one line a key, `name TAB default TAB
 * help`. */
void conf_print(const struct conf_table *table, const void *from, struct buf *out);
void conf_print_keys(const struct conf_table *table, struct buf *out);

#endif

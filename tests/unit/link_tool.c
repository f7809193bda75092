/*
 * lib/job/link_store.c and lib/access/link.c for a test that has a database: link_tool CONFIG COMMAND …; prints what comes of it,
 * or "error STATUS TEXT".
 *
 *	create JOB FILE SUBJECT EXPIRES USES ADDRESS   the token; ADDRESS -: any
 *	look|continue|take TOKEN CLIENT                "JOB FILE SUBJECT"
 *	revoke JOB TOKEN
 *	list JOB
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/job/link_store.h"
#include "lib/job/metadata.h"

static int create(struct metadata *m, const struct link_keys *k, char **args, struct err *e)
{
	struct link_new l = { .job = args[0],
		.file = (int)strtol(args[1], NULL, 10),
		.created_by = args[2],
		.expires_s = strtoll(args[3], NULL, 10),
		.uses = (int)strtol(args[4], NULL, 10),
		.address = strcmp(args[5], "-") ? args[5] : NULL };
	struct link_token t;
	char text[LINK_TOKEN_TEXT];

	if (link_create(m, &l, &t, e))
		return -1;
	link_sign(k, &t, text);
	puts(text);
	return 0;
}

static int check(const struct link_keys *k, const char *token, struct link_token *t, struct err *e)
{
	return link_check(k, token, clock_wall_us() / 1000000, t, e);
}

static int use(
	struct metadata *m, const struct link_keys *k, const char *how, char **args, struct err *e)
{
	enum link_how each = *how == 'l' ? LINK_LOOK : *how == 'c' ? LINK_CONTINUE : LINK_TAKE;
	struct arena a = { 0 };
	struct link_token t;
	struct link_target target;
	int failed = check(k, args[0], &t, e) || link_use(m, &a, t.id, args[1], each, &target, e);

	if (!failed)
		printf("%s %d %s\n", target.job, target.file, target.created_by);
	arena_free(&a);
	return failed;
}

static int revoke(struct metadata *m, const struct link_keys *k, char **args, struct err *e)
{
	struct link_token t;

	return check(k, args[1], &t, e) || link_revoke(m, args[0], t.id, e) ? -1 : 0;
}

static int list(struct metadata *m, const char *job, struct err *e)
{
	struct buf b = { 0 };
	int failed = link_list(m, job, &b, e);

	if (!failed)
		puts(buf_str(&b));
	buf_free(&b);
	return failed;
}

static int run(struct settings *s, struct metadata *m, char **argv, struct err *e)
{
	struct secret_key *secret = secret_key_open(s, e);
	struct link_keys k;

	if (!secret)
		return -1;
	link_keys_init(&k, secret);
	secret_key_close(secret);
	if (!strcmp(argv[0], "create"))
		return create(m, &k, argv + 1, e);
	if (!strcmp(argv[0], "revoke"))
		return revoke(m, &k, argv + 1, e);
	if (!strcmp(argv[0], "list"))
		return list(m, argv[1], e);
	return use(m, &k, argv[0], argv + 1, e);
}

int main(int argc, char **argv)
{
	struct settings s;
	struct err e = { 0 };

	if (argc < 4)
		return EXIT_FAILURE;
	int failed = settings_read(&s, argv[1], &e);

	if (!failed) {
		struct metadata *m = metadata_open(&s);

		failed = run(&s, m, argv + 2, &e);
		metadata_close(m);
		settings_free(&s);
	}
	if (failed)
		printf("error %d %s\n", err_info(e.code)->status, e.text);
	return EXIT_SUCCESS;
}

/*
 * lib/job/cache.c for a test that has servers, and for measuring: cache_tool SLUICE.CONF takes commands on standard input, one a line,
 * and answers each with a line.
 *
 *	put KEY HEX	put
 *	get KEY		hit HEX, or miss
 *	fill KEY BYTES	put; of bytes that do not compress
 *	time KEY N	N gets: hits SECONDS BYTES
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/job/cache.h"

static void die(const char *what)
{
	fprintf(stderr, "cache_tool: %s\n", what);
	exit(EXIT_FAILURE);
}

static int nibble(char c)
{
	const char *digits = "0123456789abcdef", *at = strchr(digits, c);

	if (!c || !at)
		die("not hexadecimal");
	return (int)(at - digits);
}

static void put(struct cache *c, const char *key, const char *hex)
{
	struct buf b = { 0 };

	for (; *hex; hex += 2)
		buf_putc(&b, (char)(nibble(hex[0]) << 4 | nibble(hex[1])));
	cache_put(c, key, b.data, b.len);
	buf_free(&b);
	puts("put");
}

static void get(struct cache *c, const char *key)
{
	struct buf b = { 0 };

	if (!cache_get(c, key, &b)) {
		puts("miss");
		return;
	}
	fputs("hit ", stdout);
	for (size_t i = 0; i < b.len; i++)
		printf("%02x", (unsigned char)b.data[i]);
	putchar('\n');
	buf_free(&b);
}

static void fill(struct cache *c, const char *key, size_t len)
{
	char *value = mem_alloc(len, 1);

	for (size_t i = 0; i < len; i++)
		value[i] = (char)(rand() >> 7);
	cache_put(c, key, value, len);
	free(value);
	puts("put");
}

static void measure(struct cache *c, const char *key, long n)
{
	struct buf b = { 0 };
	int64_t begin_us = clock_monotonic_us();
	long hits = 0;
	size_t bytes = 0;

	for (long i = 0; i < n; i++) {
		b.len = 0;
		hits += cache_get(c, key, &b);
		bytes += b.len;
	}
	printf("%ld %.6f %zu\n", hits, (double)(clock_monotonic_us() - begin_us) / 1e6, bytes);
	buf_free(&b);
}

static void obey(struct cache *c, char *line)
{
	char *rest = NULL;
	const char *what = strtok_r(line, " \n", &rest), *key = strtok_r(NULL, " \n", &rest);
	const char *value = strtok_r(NULL, " \n", &rest);

	if (!what || !key)
		die("not a command");
	if (strcmp(what, "put") == 0)
		put(c, key, value ? value : "");
	else if (strcmp(what, "get") == 0)
		get(c, key);
	else if (strcmp(what, "fill") == 0 && value)
		fill(c, key, strtoul(value, NULL, 10));
	else if (strcmp(what, "time") == 0 && value)
		measure(c, key, strtol(value, NULL, 10));
	else
		die("not a command");
}

int main(int argc, char **argv)
{
	struct settings s;
	struct cache *c = NULL;
	struct err e = { 0 };
	char *line = NULL;
	size_t cap = 0;

	if (argc != 2)
		die("takes a configuration file");
	if (settings_read(&s, argv[1], &e) < 0 || cache_open(&c, &s, &e) < 0)
		die(e.text);
	if (!c)
		die("nothing is kept");
	log_open(NULL, LOG_WARN);
	while (getline(&line, &cap, stdin) > 0) {
		obey(c, line);
		if (fflush(stdout))
			die("standard output is closed");
	}
	free(line);
	cache_close(c);
	settings_free(&s);
	return EXIT_SUCCESS;
}

/*
 * Load: requests at a constant rate, whatever the server does meanwhile.
 *
 *	bench_load URL FILE RATE SECONDS [HEADER]...
 *
 * Request i is due at i / RATE, and its latency is the time from then to the last byte of its answer: a server that
 * holds up one request holds up those behind it, and they count (no coordinated omission). FILE has a request a line,
 * TOKEN <tab> ETAG <tab> BODY, each posted as JSON to URL, again from the first when all have been used; an ETAG that
 * is not empty goes into If-None-Match. Connections are kept, CONNECTIONS at most.
 *
 * The result is one JSON object: requests, failed (no whole answer, or a status other than `status`, that of the
 * first answer), bytes received, seconds until the last answer, latency and late (how long after it was due a request
 * was begun) and what Server-Timing said, each with p50, p95, p99 and max (nearest rank) in ms. `before` is the sum of
 * auth, policy and compile of one request.
 */
#include <curl/curl.h>
#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/mem.h"

enum {
	CONNECTIONS = 128,
	TIMEOUT_S = 60, /* of a request */
	STAGES_MAX = 16,
	FILE_MAX = 256 * 1024 * 1024
};

struct request {
	struct curl_slist *headers;
	const char *body;
};

/* Milliseconds, in no order until they are summed up. */
struct values {
	double *items;
	size_t n;
};

struct stage {
	char name[32];
	struct values values;
};

struct load {
	const char *url;
	struct request *requests;
	size_t requests_n;
	int64_t rate, total; /* requests a second, in all */
	int64_t start_us;
	int64_t begun, ended, failed, bytes;
	long status; /* of the first answer; 0: there was none */
	CURLM *multi;
	int timer;
	struct flight *free;
	struct values latency, late, before;
	struct stage stages[STAGES_MAX];
	size_t stages_n;
};

/* One request on its way; kept for the next one. */
struct flight {
	struct load *load;
	CURL *easy;
	struct flight *next;
	int64_t due_us;
	double before; /* ms; negative: no stage of it was named */
	int64_t bytes;
	char why[CURL_ERROR_SIZE];
};

static _Noreturn void die(const char *what, const char *why)
{
	fprintf(stderr, "bench_load: %s: %s\n", what, why);
	exit(1);
}

static void add(struct values *v, double item)
{
	if ((v->n & (v->n - 1)) == 0) /* full: it holds a power of two */
		v->items = mem_grow(v->items, v->n ? 2 * v->n : 1, sizeof *v->items);
	v->items[v->n++] = item;
}

/* ---- Server-Timing */

static void add_stage(struct flight *f, const char *name, size_t len, double ms)
{
	struct load *l = f->load;
	size_t i = 0;

	while (i < l->stages_n &&
		(strncmp(l->stages[i].name, name, len) != 0 || l->stages[i].name[len]))
		i++;
	if (i == STAGES_MAX || len >= sizeof l->stages[0].name)
		return;
	if (i == l->stages_n)
		memcpy(l->stages[l->stages_n++].name, name, len);
	add(&l->stages[i].values, ms);
	if ((len == 4 && !memcmp(name, "auth", 4)) || (len == 6 && !memcmp(name, "policy", 6)) ||
		(len == 7 && !memcmp(name, "compile", 7)))
		f->before = (f->before < 0 ? 0 : f->before) + ms;
}

/* name;dur=1.2, name;desc="…";dur=3 */
static void read_timing(struct flight *f, const char *text)
{
	while (*text) {
		text += strspn(text, " \t,\r\n");
		size_t len = strcspn(text, ";, \t\r\n"), all = strcspn(text, ",\r\n");
		const char *dur = memmem(text, all, "dur=", 4);

		if (len && dur)
			add_stage(f, text, len, strtod(dur + 4, NULL));
		text += all;
	}
}

static size_t on_header(char *line, size_t size, size_t n, void *user)
{
	static const char name[] = "server-timing:";
	size_t len = size * n;

	if (len >= sizeof name && strncasecmp(line, name, sizeof name - 1) == 0) {
		struct buf b = { 0 };

		buf_put(&b, line + sizeof name - 1, len - sizeof name + 1);
		read_timing(user, buf_str(&b));
		buf_free(&b);
	}
	return len;
}

static size_t on_body(char *data, size_t size, size_t n, void *user)
{
	struct flight *f = user;

	(void)data;
	f->bytes += (int64_t)(size * n);
	return size * n;
}

/* ---- requests */

static struct flight *new_flight(struct load *l)
{
	struct flight *f = mem_zero(1, sizeof *f);

	f->load = l;
	f->easy = curl_easy_init();
	if (!f->easy)
		die("curl_easy_init", "no memory");
	curl_easy_setopt(f->easy, CURLOPT_PRIVATE, f);
	curl_easy_setopt(f->easy, CURLOPT_URL, l->url);
	curl_easy_setopt(f->easy, CURLOPT_TIMEOUT, (long)TIMEOUT_S);
	curl_easy_setopt(f->easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(f->easy, CURLOPT_BUFFERSIZE, 256L * 1024);
	curl_easy_setopt(f->easy, CURLOPT_ERRORBUFFER, f->why);
	curl_easy_setopt(f->easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(f->easy, CURLOPT_HEADERDATA, f);
	curl_easy_setopt(f->easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(f->easy, CURLOPT_WRITEDATA, f);
	return f;
}

static void begin(struct load *l, int64_t due_us)
{
	const struct request *r = &l->requests[(size_t)l->begun % l->requests_n];
	struct flight *f = l->free;

	if (f)
		l->free = f->next;
	else
		f = new_flight(l);
	f->due_us = due_us;
	f->before = -1;
	f->bytes = 0;
	f->why[0] = '\0';
	curl_easy_setopt(f->easy, CURLOPT_HTTPHEADER, r->headers);
	curl_easy_setopt(f->easy, CURLOPT_POSTFIELDS, r->body);
	add(&l->late, (double)(clock_monotonic_us() - due_us) / 1000);
	l->begun++;
	CURLMcode failed = curl_multi_add_handle(l->multi, f->easy);

	if (failed)
		die("curl_multi_add_handle", curl_multi_strerror(failed));
}

static void fail(struct load *l, const char *why, long status)
{
	if (l->failed++ < 5)
		fprintf(stderr, "bench_load: status %ld %s\n", status, why);
}

static void end(struct load *l, CURL *easy, CURLcode result)
{
	struct flight *f;
	long status = 0;

	curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&f);
	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	if (!l->status)
		l->status = status;
	if (result != CURLE_OK)
		fail(l, f->why[0] ? f->why : curl_easy_strerror(result), status);
	else if (status != l->status)
		fail(l, "was not the first one's", status);
	else
		add(&l->latency, (double)(clock_monotonic_us() - f->due_us) / 1000);
	if (f->before >= 0)
		add(&l->before, f->before);
	l->bytes += f->bytes;
	l->ended++;
	curl_multi_remove_handle(l->multi, easy);
	f->next = l->free;
	l->free = f;
}

/* ---- the clock */

static int64_t due_us(const struct load *l, int64_t i)
{
	return l->start_us + i * 1000000 / l->rate;
}

/* Wake curl's poll at that time. */
static void set_timer(const struct load *l, int64_t at_us)
{
	struct itimerspec t = { .it_value = { at_us / 1000000, at_us % 1000000 * 1000 } };

	if (timerfd_settime(l->timer, TFD_TIMER_ABSTIME, &t, NULL))
		die("timerfd_settime", strerror(errno));
}

static void run(struct load *l)
{
	struct curl_waitfd timer = { l->timer, CURL_WAIT_POLLIN, 0 };
	int running, left;
	CURLMsg *m;

	l->start_us = clock_monotonic_us() + 1000;
	while (l->ended < l->total) {
		while (l->begun < l->total && due_us(l, l->begun) <= clock_monotonic_us())
			begin(l, due_us(l, l->begun));
		CURLMcode failed = curl_multi_perform(l->multi, &running);

		while ((m = curl_multi_info_read(l->multi, &left)))
			if (m->msg == CURLMSG_DONE)
				end(l, m->easy_handle, m->data.result);
		if (l->begun < l->total)
			set_timer(l, due_us(l, l->begun));
		if (!failed && l->ended < l->total)
			failed = curl_multi_poll(l->multi, &timer, l->begun < l->total, 1000, NULL);
		if (failed)
			die("curl_multi", curl_multi_strerror(failed));
	}
}

/* ---- what came of it */

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void put_number(struct json_object *o, const char *name, double value)
{
	char text[32];

	snprintf(text, sizeof text, "%.3f", value);
	json_object_object_add(o, name, json_object_new_double_s(value, text));
}

static struct json_object *summary(struct values *v)
{
	static const struct {
		const char *name;
		double share;
	} ranks[] = { { "p50", 0.5 }, { "p95", 0.95 }, { "p99", 0.99 }, { "max", 1 } };
	struct json_object *o = json_object_new_object();

	if (v->n)
		qsort(v->items, v->n, sizeof *v->items, by_size);
	for (size_t i = 0; v->n && i < sizeof ranks / sizeof *ranks; i++)
		put_number(o, ranks[i].name,
			v->items[(size_t)ceil(ranks[i].share * (double)v->n) - 1]);
	return o;
}

static void print_result(struct load *l, double seconds)
{
	struct json_object *o = json_object_new_object(), *stages = json_object_new_object();

	json_object_object_add(o, "requests", json_object_new_int64(l->total));
	json_object_object_add(o, "failed", json_object_new_int64(l->failed));
	json_object_object_add(o, "status", json_object_new_int64(l->status));
	json_object_object_add(o, "bytes", json_object_new_int64(l->bytes));
	put_number(o, "seconds", seconds);
	json_object_object_add(o, "latency", summary(&l->latency));
	json_object_object_add(o, "late", summary(&l->late));
	json_object_object_add(o, "before", summary(&l->before));
	for (size_t i = 0; i < l->stages_n; i++)
		json_object_object_add(stages, l->stages[i].name, summary(&l->stages[i].values));
	json_object_object_add(o, "stages", stages);
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
	json_object_put(o);
}

/* ---- what is asked */

static struct curl_slist *header(struct curl_slist *list, const char *text)
{
	struct curl_slist *longer = curl_slist_append(list, text);

	if (!longer)
		die("curl_slist_append", "no memory");
	return longer;
}

/* The line's own text is cut into its parts. */
static void add_request(struct load *l, struct arena *a, char *line, char **headers)
{
	char *token = strsep(&line, "\t"), *etag = strsep(&line, "\t");
	struct request r = { .body = line };

	if (!line)
		die("a line of FILE", "is not TOKEN, ETAG, BODY");
	r.headers = header(NULL, "Content-Type: application/json");
	r.headers = header(r.headers, "Expect:");
	if (*token)
		r.headers = header(r.headers, arena_printf(a, "Authorization: Bearer %s", token));
	if (*etag)
		r.headers = header(r.headers, arena_printf(a, "If-None-Match: %s", etag));
	for (; *headers; headers++)
		r.headers = header(r.headers, *headers);
	l->requests = mem_grow(l->requests, l->requests_n + 1, sizeof r);
	l->requests[l->requests_n++] = r;
}

static void read_requests(
	struct load *l, struct arena *a, const char *path, struct buf *text, char **headers)
{
	if (file_read(path, FILE_MAX, text))
		die(path, strerror(errno));
	buf_putc(text, '\0');
	for (char *rest = text->data, *line; (line = strsep(&rest, "\n"));)
		if (*line)
			add_request(l, a, line, headers);
	if (!l->requests_n)
		die(path, "has no request");
}

static int64_t number(const char *text)
{
	char *end;
	int64_t n = strtoll(text, &end, 10);

	if (*end || n < 1 || n > 1000000)
		die(text, "is not a number from 1 to 1000000");
	return n;
}

static void release(struct load *l)
{
	for (struct flight *f = l->free; f;) {
		struct flight *next = f->next;

		curl_easy_cleanup(f->easy);
		free(f);
		f = next;
	}
	curl_multi_cleanup(l->multi);
	for (size_t i = 0; i < l->requests_n; i++)
		curl_slist_free_all(l->requests[i].headers);
	for (size_t i = 0; i < l->stages_n; i++)
		free(l->stages[i].values.items);
	free(l->requests);
	free(l->latency.items);
	free(l->late.items);
	free(l->before.items);
	close(l->timer);
}

int main(int argc, char **argv)
{
	struct load l = { 0 };
	struct arena a = { 0 };
	struct buf text = { 0 };

	if (argc < 5)
		die("usage", "bench_load URL FILE RATE SECONDS [HEADER]...");
	l.url = argv[1];
	l.rate = number(argv[3]);
	l.total = l.rate * number(argv[4]);
	read_requests(&l, &a, argv[2], &text, argv + 5);
	l.timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (curl_global_init(CURL_GLOBAL_DEFAULT) || !(l.multi = curl_multi_init()) || l.timer < 0)
		die("curl", "cannot be had");
	curl_multi_setopt(l.multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)CONNECTIONS);
	curl_multi_setopt(l.multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS);
	run(&l);
	print_result(&l, (double)(clock_monotonic_us() - l.start_us) / 1e6);
	release(&l);
	buf_free(&text);
	arena_free(&a);
	curl_global_cleanup();
	return 0;
}

#include "lib/sink/behind.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"

enum { BLOCKS = 16, BLOCK_LEN = 256 * 1024 };

struct block {
	char *data; /* BLOCK_LEN bytes from the start of a page */
	size_t len;
};

struct behind_sink {
	struct sink base; /* its next is hidden: it is the thread's */
	struct sink *next;
	struct block blocks[BLOCKS];
	pthread_t thread;

	pthread_mutex_t lock;
	pthread_cond_t changed;
	/* under the lock */
	size_t filled, passed; /* blocks, ever; filled is of whoever puts, passed of the thread */
	bool is_last;          /* no more will be filled */
	bool is_dropped;       /* what waits is not passed on */
	bool has_failed;
	struct err failure;
	bool is_running; /* of whoever puts alone */
};

/* ---- the thread */

/* The next block to pass on; NULL: there will be none. */
static struct block *await_filled(struct behind_sink *b)
{
	pthread_mutex_lock(&b->lock);
	while (b->passed == b->filled && !b->is_last)
		pthread_cond_wait(&b->changed, &b->lock);
	bool is_done = b->is_dropped || b->passed == b->filled;

	pthread_mutex_unlock(&b->lock);
	return is_done ? NULL : &b->blocks[b->passed % BLOCKS];
}

static void note_passed(struct behind_sink *b, bool failed, const struct err *failure)
{
	pthread_mutex_lock(&b->lock);
	b->passed++;
	if (failed) {
		b->has_failed = b->is_dropped = true;
		b->failure = *failure;
	}
	pthread_cond_signal(&b->changed);
	pthread_mutex_unlock(&b->lock);
}

static void *pass_on(void *of)
{
	struct behind_sink *b = of;
	struct block *block;

	while ((block = await_filled(b))) {
		struct err failure;

		sink_put(b->next, block->data, block->len);
		block->len = 0;
		note_passed(b, sink_failed(b->next, &failure), &failure);
	}
	return NULL;
}

/* ---- whoever puts */

/* The block that is being filled; NULL: it has failed meanwhile. */
static struct block *await_room(struct behind_sink *b)
{
	pthread_mutex_lock(&b->lock);
	while (b->filled - b->passed == BLOCKS && !b->has_failed)
		pthread_cond_wait(&b->changed, &b->lock);
	if (b->has_failed)
		sink_fail(&b->base, &b->failure);
	bool has_failed = b->has_failed;

	pthread_mutex_unlock(&b->lock);
	return has_failed ? NULL : &b->blocks[b->filled % BLOCKS];
}

static void hand_over(struct behind_sink *b)
{
	pthread_mutex_lock(&b->lock);
	b->filled++;
	pthread_cond_signal(&b->changed);
	pthread_mutex_unlock(&b->lock);
}

static void put(struct sink *s, const void *data, size_t len)
{
	struct behind_sink *b = (struct behind_sink *)s;
	const char *from = data;

	while (len > 0) {
		struct block *block = await_room(b);

		if (!block)
			return;
		size_t room = BLOCK_LEN - block->len, n = len < room ? len : room;

		memcpy(block->data + block->len, from, n);
		block->len += n;
		from += n;
		len -= n;
		if (block->len == BLOCK_LEN)
			hand_over(b);
	}
}

static void flush(struct sink *s)
{
	(void)s;
}

static void end(struct behind_sink *b, bool is_dropped)
{
	if (!b->is_running)
		return;
	pthread_mutex_lock(&b->lock);
	b->is_last = true;
	b->is_dropped |= is_dropped;
	pthread_cond_signal(&b->changed);
	pthread_mutex_unlock(&b->lock);
	pthread_join(b->thread, NULL);
	b->is_running = false;
}

static void finish(struct sink *s)
{
	struct behind_sink *b = (struct behind_sink *)s;
	struct block *block = await_room(b);
	struct err e;

	if (block && block->len > 0)
		hand_over(b);
	end(b, false);
	if (b->has_failed)
		sink_fail(s, &b->failure);
	else if (sink_finish(b->next, &e) < 0)
		sink_fail(s, &e);
}

static void give_up(struct sink *s)
{
	struct behind_sink *b = (struct behind_sink *)s;

	end(b, true);
	sink_abort(b->next);
}

static void free_sink(struct sink *s)
{
	struct behind_sink *b = (struct behind_sink *)s;

	end(b, true);
	sink_free(b->next);
	pthread_cond_destroy(&b->changed);
	pthread_mutex_destroy(&b->lock);
	free(b->blocks[0].data);
	free(b);
}

/* Signals are for who waits for them. */
static int start(struct behind_sink *b)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int failed = pthread_create(&b->thread, NULL, pass_on, b);

	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return failed;
}

struct sink *behind_sink_new(struct sink *next, struct err *e)
{
	static const struct sink_ops ops = { put, flush, finish, give_up, free_sink };
	struct behind_sink *b = mem_zero(1, sizeof *b);

	b->base.ops = &ops;
	b->next = next;
	char *data = mem_pages((size_t)BLOCKS * BLOCK_LEN / MEM_PAGE);

	for (size_t i = 0; i < BLOCKS; i++)
		b->blocks[i].data = data + i * BLOCK_LEN;
	pthread_mutex_init(&b->lock, NULL);
	pthread_cond_init(&b->changed, NULL);
	b->is_running = start(b) == 0;
	if (b->is_running)
		return &b->base;
	b->next = NULL;
	sink_free(&b->base);
	err_set(e, ERR_UNAVAILABLE, "a thread could not be started");
	return NULL;
}

/*
 * A stand for the sinks at the end of the chain: a socket pair in place of the web server's connection, and a thread
 * that reads from it as a client does who is fast, slow, stopped or gone. What it got is taken apart record by record.
 * Failures are cmocka's.
 */
#ifndef SLUICE_TESTS_SPILL_STAND_H
#define SLUICE_TESTS_SPILL_STAND_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "lib/base/mem.h"
#include "lib/sink/fcgi.h"
#include "lib/sink/spill.h"

#define STAND_HEAD "Status: 200 OK\r\n\r\n"

enum { KIB = 1024, MIB = 1024 * KIB, PIECE = 65536, REQUEST = 258 };

static const uint64_t everything = UINT64_MAX;

extern char stage_dir[]; /* made by stand_setup */

/* For cmocka: of the group, and before each test, which has ten minutes. */
int stand_setup(void **state);
int stand_teardown(void **state);
int stand_each(void **state);

/* What fstatvfs says from now on. */
void set_disk(unsigned long all_mib, unsigned long free_mib);

struct client {
	int fd;
	pthread_t thread;
	_Atomic uint64_t may_read;  /* bytes in all */
	_Atomic uint64_t leaves_at; /* bytes after which it closes */
	size_t piece;               /* most bytes of one read */
	useconds_t pause_us;        /* after each */
	struct buf got;
};

/* The client's thread, which ends when there is no more to read, or it leaves. */
void client_start(struct client *c);

/* Everything from the sink to the client. {0}: with a client that reads nothing. */
struct stand {
	FCGX_Request request;
	struct sink *door, *spill;
	struct client client;
	int room;     /* bytes that the connection holds; 0: as it is made */
	uint64_t put; /* bytes */
};

/* A client is slow after 20 ms, at whatever rate; 64 MiB may wait. */
extern const struct spill_options quick;

void open_stand(struct stand *s, const struct spill_options *options);

/* The worker is done: the client reads what there still is. */
void close_stand(struct stand *s);

void put(struct stand *s, size_t len);
void put_pieces(struct stand *s, uint64_t len); /* of PIECE, until it fails */
void put_until_staged(struct stand *s);         /* with a client that reads nothing */

/* The staged file, if there is one: how many bytes it has and how many of its disk. */
bool is_staged(off_t *size, off_t *room);

void finish(struct stand *s);
void fails(struct stand *s, enum err_code code); /* when it is to finish */

/* Each of these closes the stand. The body came whole, or was broken off so; of the latter, how much of it came. */
enum ending { AT_RECORD, WITHIN_RECORD, WRONG_RECORD };
void is_whole(struct stand *s);
uint64_t is_broken(struct stand *s, enum ending expected);

#endif

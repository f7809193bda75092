/*
 * An https server for tests: a child process on 127.0.0.1 that counts requests and answers each in
 * the way it is told to, one connection after the other.
 */
#ifndef SLUICE_TESTS_UNIT_TLS_SERVER_H
#define SLUICE_TESTS_UNIT_TLS_SERVER_H

#include <stddef.h>
#include <sys/types.h>

enum tls_answer {
	TLS_BODY,     /* 200 and the body */
	TLS_CHUNKED,  /* the same, its length not told */
	TLS_CUT,      /* the same, half of it */
	TLS_ERROR,    /* 500, with the body */
	TLS_REDIRECT, /* 302 to `text` for /, the body for any other path */
	TLS_STALL     /* nothing, until another answer is set */
};

enum { TLS_BODY_MAX = 1 << 20, TLS_PAGES = 4 };

/* What one path answers, whatever the others do. */
struct tls_page {
	char path[128];     /* "": not in use */
	_Atomic int status; /* 0: nothing, until there is another */
	char body[2048];
	_Atomic int requests;
};

struct tls_shared { /* with the child */
	_Atomic int requests;
	_Atomic int answer; /* enum tls_answer */
	char location[256];
	char request[2048]; /* the last one's head */
	char body[TLS_BODY_MAX];
	_Atomic size_t body_len;
	struct tls_page pages[TLS_PAGES];
};

struct tls_server {
	struct tls_shared *shared;
	pid_t pid;
	int port;
};

/* Writes a certificate for the address (an IP) to ca_path, and serves with it. Exits the process on
 * failure. */
void tls_server_start(struct tls_server *s, const char *address, const char *ca_path);
void tls_server_stop(struct tls_server *s); /* the port is then closed */

/* From the next request on; the count begins anew. */
void tls_server_answer(struct tls_server *s, enum tls_answer answer, const char *body);

/* The page of a path, made or changed; its count begins anew. body: of less than 2048 bytes. */
struct tls_page *tls_server_page(
	struct tls_server *s, const char *path, int status, const char *body);
void tls_server_forget_pages(struct tls_server *s);

#endif

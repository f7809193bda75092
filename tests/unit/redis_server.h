/*
 * A Redis for tests: Debian's redis-server as a child process, on a unix socket in a directory of the test's own, and on a TCP port of
 * 127.0.0.1 where asked to. It keeps nothing on disk, and ends with the test however that ends.
 */
#ifndef SLUICE_TESTS_UNIT_REDIS_SERVER_H
#define SLUICE_TESTS_UNIT_REDIS_SERVER_H

#include <stdbool.h>
#include <sys/types.h>

struct redis_server {
	char socket[80];
	char log[80];
	int port; /* 0: none */
	pid_t pid;
};

bool redis_server_is_installed(void);

/* With further options (at most 8, ended by NULL; NULL: none) of its command line. Returns when it answers; exits the process
 * when it does not. */
void redis_server_start(
	struct redis_server *s, const char *dir, bool tcp, const char *const *options);
void redis_server_kill(struct redis_server *s); /* SIGKILL; harmless when it has been */

/* What redis-cli prints for a command, by the socket, less its final newline. Good until the next call. */
const char *redis_server_says(const struct redis_server *s, const char *command);

#endif

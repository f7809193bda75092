#include "tests/unit/redis_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OPTIONS_MAX = 8, FIXED = 13, TRIES = 2000, PAUSE_US = 10000, PORTS = 5 };

static void die(const char *what)
{
	fprintf(stderr, "redis_server: %s\n", what);
	exit(EXIT_FAILURE);
}

bool redis_server_is_installed(void)
{
	return system("command -v redis-server redis-cli >/dev/null") == 0;
}

static int free_port(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, len) ||
		getsockname(fd, (struct sockaddr *)&a, &len))
		die("no port");
	close(fd);
	return ntohs(a.sin_port);
}

static bool accepts(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
	bool is_there = fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof a) == 0;

	close(fd);
	return is_there;
}

static void become_server(struct redis_server *s, const char *dir, const char *const *options)
{
	char port[16];
	const char *args[FIXED + OPTIONS_MAX + 1] = { "redis-server", "--port", port, "--bind",
		"127.0.0.1", "--unixsocket", s->socket, "--dir", dir, "--save", "", "--appendonly",
		"no" };
	int log = open(s->log, O_WRONLY | O_CREAT | O_APPEND, 0600);

	snprintf(port, sizeof port, "%d", s->port);
	for (int n = 0; options && options[n] && n < OPTIONS_MAX; n++)
		args[FIXED + n] = options[n];
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (log >= 0 && dup2(log, 1) == 1 && dup2(log, 2) == 2)
		execvp(args[0], (char *const *)args);
	_exit(127);
}

/* False when it has ended at once. */
static bool start(struct redis_server *s, const char *dir, const char *const *options)
{
	s->pid = fork();
	if (s->pid < 0)
		die("fork");
	if (s->pid == 0)
		become_server(s, dir, options);
	for (int i = 0; i < TRIES; i++) {
		if (accepts(s->socket))
			return true;
		if (waitpid(s->pid, NULL, WNOHANG) == s->pid)
			return false;
		usleep(PAUSE_US);
	}
	redis_server_kill(s);
	die("it does not answer");
	return false;
}

void redis_server_start(
	struct redis_server *s, const char *dir, bool tcp, const char *const *options)
{
	*s = (struct redis_server){ 0 };
	snprintf(s->socket, sizeof s->socket, "%s/redis.sock", dir);
	snprintf(s->log, sizeof s->log, "%s/redis.log", dir);
	/* Somebody else may be given the port before the server has it. */
	for (int tries = tcp ? PORTS : 1; tries > 0; tries--) {
		s->port = tcp ? free_port() : 0;
		if (start(s, dir, options))
			return;
	}
	die("it has ended at once");
}

void redis_server_kill(struct redis_server *s)
{
	if (s->pid <= 0)
		return;
	kill(s->pid, SIGKILL);
	waitpid(s->pid, NULL, 0);
	unlink(s->socket);
	unlink(s->log);
	s->pid = 0;
}

const char *redis_server_says(const struct redis_server *s, const char *command)
{
	static char said[4096];
	char line[512];

	snprintf(line, sizeof line, "redis-cli --raw -s %s %s 2>&1", s->socket, command);
	FILE *f = popen(line, "r");

	if (!f)
		die("redis-cli");
	size_t n = fread(said, 1, sizeof said - 1, f);

	pclose(f);
	said[n] = '\0';
	said[strcspn(said, "\n")] = '\0';
	return said;
}

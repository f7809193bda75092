#include "tests/unit/tls_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void need(bool ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(99);
}

/* ---- the certificate */

static void name_it(X509 *cert, const char *address)
{
	char san[128];

	need(snprintf(san, sizeof san, "IP:%s", address) > 0, "snprintf");
	X509_NAME *name = X509_get_subject_name(cert);
	X509_EXTENSION *x = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, san);

	need(X509_NAME_add_entry_by_txt(
		     name, "CN", MBSTRING_ASC, (const unsigned char *)address, -1, -1, 0),
		"name");
	need(X509_set_issuer_name(cert, name), "issuer");
	need(x && X509_add_ext(cert, x, -1), "alternative name");
	X509_EXTENSION_free(x);
}

static X509 *make_cert(EVP_PKEY *key, const char *address)
{
	X509 *cert = X509_new();

	need(cert && X509_set_version(cert, 2), "X509_new");
	need(ASN1_INTEGER_set(X509_get_serialNumber(cert), 1), "serial");
	need(X509_gmtime_adj(X509_getm_notBefore(cert), -3600) &&
			X509_gmtime_adj(X509_getm_notAfter(cert), 3600),
		"dates");
	name_it(cert, address);
	need(X509_set_pubkey(cert, key) && X509_sign(cert, key, EVP_sha256()), "X509_sign");
	return cert;
}

static SSL_CTX *make_context(const char *address, const char *ca_path)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = make_cert(key, address);
	FILE *f = fopen(ca_path, "w");

	need(f && PEM_write_X509(f, cert) && fclose(f) == 0, ca_path);
	need(ctx && SSL_CTX_use_certificate(ctx, cert) == 1 &&
			SSL_CTX_use_PrivateKey(ctx, key) == 1,
		"SSL_CTX");
	X509_free(cert);
	EVP_PKEY_free(key);
	return ctx;
}

/* ---- the child */

static bool read_head(SSL *ssl, char *head, size_t size)
{
	size_t len = 0;

	head[0] = '\0';
	while (!strstr(head, "\r\n\r\n")) {
		int n = len + 1 < size ? SSL_read(ssl, head + len, (int)(size - 1 - len)) : 0;

		if (n <= 0)
			return false;
		len += (size_t)n;
		head[len] = '\0';
	}
	return true;
}

/* What the client does with it is its own affair: it may well hang up before the end. */
static void send_answer(SSL *ssl, struct tls_shared *t)
{
	enum tls_answer answer = (enum tls_answer)t->answer;
	size_t len = t->body_len;
	char head[512];
	int n;

	if (answer == TLS_REDIRECT && strncmp(t->request, "GET / ", 6) == 0)
		n = snprintf(head, sizeof head,
			"HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n",
			t->location);
	else if (answer == TLS_CHUNKED)
		n = snprintf(head, sizeof head,
			"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%zx\r\n", len);
	else
		n = snprintf(head, sizeof head,
			"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: "
			"%zu\r\n\r\n",
			answer == TLS_ERROR ? "500 Failed" : "200 OK", len);
	if (SSL_write(ssl, head, n) <= 0)
		return;
	if (answer == TLS_REDIRECT && strncmp(t->request, "GET / ", 6) == 0)
		return;
	if (answer == TLS_CUT)
		len /= 2;
	if (len && SSL_write(ssl, t->body, (int)len) <= 0)
		return;
	if (answer == TLS_CHUNKED)
		(void)SSL_write(ssl, "\r\n0\r\n\r\n", 7);
}

static struct tls_page *asked_page(struct tls_shared *t)
{
	for (int i = 0; i < TLS_PAGES; i++) {
		size_t len = strlen(t->pages[i].path);

		if (len && strncmp(t->request, "GET ", 4) == 0 &&
			strncmp(t->request + 4, t->pages[i].path, len) == 0 &&
			t->request[4 + len] == ' ')
			return &t->pages[i];
	}
	return NULL;
}

static void send_page(SSL *ssl, struct tls_page *page)
{
	char head[128];

	page->requests++;
	while (!page->status)
		usleep(5000);
	int n = snprintf(head, sizeof head, "HTTP/1.1 %d Said\r\nContent-Length: %zu\r\n\r\n",
		page->status, strlen(page->body));

	if (SSL_write(ssl, head, n) > 0 && page->body[0])
		(void)SSL_write(ssl, page->body, (int)strlen(page->body));
}

static void serve_one(SSL *ssl, struct tls_shared *t)
{
	if (SSL_accept(ssl) != 1 || !read_head(ssl, t->request, sizeof t->request))
		return;
	struct tls_page *page = asked_page(t);

	t->requests++;
	if (page) {
		send_page(ssl, page);
		(void)SSL_shutdown(ssl);
		return;
	}
	while (t->answer == TLS_STALL)
		usleep(5000);
	send_answer(ssl, t);
	(void)SSL_shutdown(ssl);
}

static _Noreturn void serve(int listener, SSL_CTX *ctx, struct tls_shared *t)
{
	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		int fd = accept(listener, NULL, NULL);
		SSL *ssl = SSL_new(ctx);

		need(fd >= 0 && ssl && SSL_set_fd(ssl, fd) == 1, "accept");
		serve_one(ssl, t);
		SSL_free(ssl);
		close(fd);
	}
}

/* ---- the test's side */

static int listen_anywhere(int *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	need(fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof a) == 0 && listen(fd, 64) == 0 &&
			getsockname(fd, (struct sockaddr *)&a, &len) == 0,
		"listen");
	*port = ntohs(a.sin_port);
	return fd;
}

void tls_server_start(struct tls_server *s, const char *address, const char *ca_path)
{
	SSL_CTX *ctx = make_context(address, ca_path);
	int listener = listen_anywhere(&s->port);

	s->shared = mmap(
		NULL, sizeof *s->shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	need(s->shared != MAP_FAILED, "mmap");
	s->pid = fork();
	need(s->pid >= 0, "fork");
	if (s->pid == 0)
		serve(listener, ctx, s->shared);
	close(listener);
	SSL_CTX_free(ctx);
}

void tls_server_stop(struct tls_server *s)
{
	if (s->pid) {
		need(kill(s->pid, SIGKILL) == 0 && waitpid(s->pid, NULL, 0) == s->pid, "kill");
		need(munmap(s->shared, sizeof *s->shared) == 0, "munmap");
	}
	*s = (struct tls_server){ 0 };
}

void tls_server_answer(struct tls_server *s, enum tls_answer answer, const char *body)
{
	size_t len = strlen(body);

	need(len <= TLS_BODY_MAX, "length of the body");
	memcpy(s->shared->body, body, len);
	s->shared->body_len = len;
	s->shared->requests = 0;
	s->shared->answer = answer;
}

struct tls_page *tls_server_page(
	struct tls_server *s, const char *path, int status, const char *body)
{
	for (int i = 0; i < TLS_PAGES; i++) {
		struct tls_page *page = &s->shared->pages[i];

		if (page->path[0] && strcmp(page->path, path) != 0)
			continue;
		need(strlen(path) < sizeof page->path && strlen(body) < sizeof page->body, "page");
		memcpy(page->path, path, strlen(path) + 1);
		memcpy(page->body, body, strlen(body) + 1);
		page->status = status;
		page->requests = 0;
		return page;
	}
	need(false, "pages");
	return NULL;
}

void tls_server_forget_pages(struct tls_server *s)
{
	memset(s->shared->pages, 0, sizeof s->shared->pages);
}

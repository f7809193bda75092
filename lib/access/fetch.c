#include "lib/access/fetch.h"

#include <curl/curl.h>
#include <openssl/err.h>
#include <stdbool.h>
#include <stdio.h>

enum { REDIRECTS_MAX = 3 };

struct body {
	struct buf *out;
	size_t end; /* out->len may grow to this */
};

static size_t on_bytes(char *bytes, size_t size, size_t n, void *arg)
{
	struct body *b = arg;
	size_t len = size * n; /* size is 1 */

	if (len > b->end - b->out->len)
		return 0;
	buf_put(b->out, bytes, len);
	return len;
}

static bool only_https(CURL *c)
{
#if LIBCURL_VERSION_NUM >= 0x075500
	return !curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "https") &&
	       !curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, "https");
#else
	return !curl_easy_setopt(c, CURLOPT_PROTOCOLS, (long)CURLPROTO_HTTPS) &&
	       !curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS, (long)CURLPROTO_HTTPS);
#endif
}

/* With a file of authorities given, the system's folder of them does not count beside it. */
static bool trust(CURL *c, const char *ca)
{
	return !curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L) &&
	       !curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L) &&
	       !curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) &&
	       (!ca[0] || (!curl_easy_setopt(c, CURLOPT_CAINFO, ca) &&
				  !curl_easy_setopt(c, CURLOPT_CAPATH, (char *)NULL)));
}

static bool bound(CURL *c, const struct fetch *what)
{
	long timeout_ms = (long)(what->timeout_us / 1000);

	return !curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, timeout_ms > 0 ? timeout_ms : 1L) &&
	       !curl_easy_setopt(c, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)what->max_bytes) &&
	       !curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 1L) &&
	       !curl_easy_setopt(c, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX) &&
	       !curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
}

static bool set_up(CURL *c, const struct fetch *what, struct curl_slist *headers, struct body *b,
	char message[CURL_ERROR_SIZE])
{
	return only_https(c) && trust(c, what->ca) && bound(c, what) &&
	       !curl_easy_setopt(c, CURLOPT_ERRORBUFFER, message) &&
	       !curl_easy_setopt(c, CURLOPT_URL, what->url) &&
	       !curl_easy_setopt(c, CURLOPT_USERAGENT, "sluice") &&
	       !curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers) &&
	       !curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_bytes) &&
	       !curl_easy_setopt(c, CURLOPT_WRITEDATA, b);
}

static int perform(
	CURL *c, const struct fetch *what, const char *message, int *status, struct err *e)
{
	CURLcode code = curl_easy_perform(c);
	long said = 0;

	if (code == CURLE_WRITE_ERROR || code == CURLE_FILESIZE_EXCEEDED)
		return err_cause(
			e, "the answer is longer than %lld bytes", (long long)what->max_bytes);
	if (code)
		return err_cause(e, "%s", message[0] ? message : curl_easy_strerror(code));
	if (curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &said))
		said = 0;
	*status = (int)said;
	return said == 200 ? 0 : err_cause(e, "the answer is %ld, not 200", said);
}

static int run(CURL *c, const struct fetch *what, struct buf *out, int *status, struct err *e)
{
	char message[CURL_ERROR_SIZE] = "", accept[128];
	struct body b = { out, out->len + (size_t)what->max_bytes };
	size_t before = out->len;

	if (snprintf(accept, sizeof accept, "Accept: %s", what->accept) >= (int)sizeof accept)
		return err_cause(e, "the list of media types is too long");
	struct curl_slist *headers = curl_slist_append(NULL, accept);
	int failed = headers && set_up(c, what, headers, &b, message)
			     ? perform(c, what, message, status, e)
			     : err_cause(e, "libcurl refuses an option");

	if (failed)
		out->len = before;
	curl_slist_free_all(headers);
	return failed;
}

int fetch_https(const struct fetch *what, struct buf *out, int *status, struct err *e)
{
	*status = 0;
	/* Nested calls are counted by libcurl: a process that fetches once an hour keeps nothing of
	 * it. */
	if (curl_global_init(CURL_GLOBAL_DEFAULT))
		return err_cause(e, "libcurl cannot start");
	CURL *c = curl_easy_init();
	int failed = c ? run(c, what, out, status, e) : err_cause(e, "libcurl cannot start");

	curl_easy_cleanup(c);
	curl_global_cleanup();
	ERR_clear_error(); /* the next TLS call would take what is left there for its own */
	return failed;
}

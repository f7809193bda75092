#include "lib/access/discovery.h"

#include <json-c/json.h>
#include <string.h>

#include "lib/access/fetch.h"
#include "lib/access/strict_json.h"
#include "lib/base/clock.h"

static const char https[] = "https://";

enum { HTTPS_LEN = sizeof https - 1 };

static bool is_graphic(const char *s)
{
	for (; *s; s++)
		if (*s <= ' ' || *s > '~')
			return false;
	return true;
}

/* https://, a host, and nothing in it that no URL holds. */
static bool is_https_url(const char *url)
{
	return strncmp(url, https, HTTPS_LEN) == 0 && url[HTTPS_LEN] &&
	       !strchr("/?#:", url[HTTPS_LEN]) && is_graphic(url);
}

bool discovery_is_issuer(const char *issuer)
{
	return is_https_url(issuer) && !strpbrk(issuer, "?#");
}

bool discovery_is_jwks_uri(const char *uri)
{
	return is_https_url(uri) && strlen(uri) <= DISCOVERY_URL_MAX;
}

static size_t issuer_len(const char *issuer)
{
	size_t len = strlen(issuer);

	return len && issuer[len - 1] == '/' ? len - 1 : len;
}

static void openid_url(struct buf *url, const char *issuer)
{
	url->len = 0;
	buf_put(url, issuer, issuer_len(issuer));
	buf_puts(url, "/.well-known/openid-configuration");
}

/* Between the host and the path. */
static void oauth_url(struct buf *url, const char *issuer)
{
	size_t len = issuer_len(issuer), host = HTTPS_LEN + strcspn(issuer + HTTPS_LEN, "/");

	url->len = 0;
	buf_put(url, issuer, host);
	buf_puts(url, "/.well-known/oauth-authorization-server");
	if (len > host)
		buf_put(url, issuer + host, len - host);
}

static int get_document(
	const struct settings *s, int64_t timeout_us, struct buf *document, struct err *e)
{
	int64_t end = clock_monotonic_us() + timeout_us;
	struct buf url = { 0 };
	int status;

	openid_url(&url, s->auth_issuer);
	struct fetch what = {
		.url = buf_str(&url),
		.accept = "application/json",
		.ca = s->auth_ca,
		.timeout_us = timeout_us,
		.max_bytes = s->auth_max_bytes,
	};
	int failed = fetch_https(&what, document, &status, e);

	if (failed && status == 404) {
		oauth_url(&url, s->auth_issuer);
		what.url = buf_str(&url);
		what.timeout_us = end - clock_monotonic_us();
		failed = fetch_https(&what, document, &status, e);
	}
	buf_free(&url);
	return failed;
}

static int read_document(
	const struct settings *s, const struct buf *document, struct buf *uri, struct err *e)
{
	struct json_object *said = strict_json_object(document->data, document->len);
	int failed = 0;

	if (!said)
		return err_cause(e, "the document is not one JSON object");
	const char *issuer = strict_json_string(said, "issuer");
	const char *jwks_uri = strict_json_string(said, "jwks_uri");

	if (!issuer || strcmp(issuer, s->auth_issuer) != 0) {
		failed = err_cause(e, "the document's issuer is \"%.200s\", not auth.issuer",
			issuer ? issuer : "");
	} else if (!jwks_uri || !discovery_is_jwks_uri(jwks_uri)) {
		failed = err_cause(e, "the document's jwks_uri \"%.200s\" is not an https:// URL",
			jwks_uri ? jwks_uri : "");
	} else {
		uri->len = 0;
		buf_puts(uri, jwks_uri);
	}
	json_object_put(said);
	return failed;
}

int discovery_ask(const struct settings *s, int64_t timeout_us, struct buf *uri, struct err *e)
{
	struct buf document = { 0 };
	int failed = get_document(s, timeout_us, &document, e);

	if (!failed)
		failed = read_document(s, &document, uri, e);
	buf_free(&document);
	return failed;
}

#include "lib/access/token.h"

#include <json-c/json.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/access/jwk.h"
#include "lib/access/jwks.h"
#include "lib/access/strict_json.h"
#include "lib/base/base64url.h"
#include "lib/base/clock.h"

struct verifier {
	const struct settings *s;
	struct jwks *keys;
	bool allowed[JWK_ALGS_N];
	struct buf scratch; /* what a part of the token decodes to; kept from token to token */
};

/* A token in its compact form (RFC 7515 §7.1): header.payload.signature, each base64url. */
struct token {
	const char *text;
	size_t header_len;
	size_t signed_len; /* header, dot and payload: what the signature is over */
	size_t len;
};

static int refuse(struct err *e, const char *text)
{
	return err_set(e, ERR_UNAUTHORIZED, "%s", text);
}

/* ---- the text */

/* The value of an Authorization header: "Bearer", one or more spaces, the token (RFC 6750 §2.1). */
static const char *skip_scheme(const char *authorization)
{
	static const char scheme[] = "bearer";
	const char *rest = authorization + sizeof scheme - 1;

	if (strncasecmp(authorization, scheme, sizeof scheme - 1) != 0 || rest[0] != ' ')
		return NULL;
	return rest + strspn(rest, " ");
}

static int split(const char *text, struct token *t, struct err *e)
{
	t->text = text;
	t->len = strnlen(text, TOKEN_MAX + 1);
	if (t->len > TOKEN_MAX)
		return refuse(e, "the token is longer than 16 KiB");
	const char *end = text + t->len, *first = memchr(text, '.', t->len);
	const char *second = first ? memchr(first + 1, '.', (size_t)(end - first - 1)) : NULL;

	if (!second || memchr(second + 1, '.', (size_t)(end - second - 1)))
		return refuse(e, "the token is not a signed JWT");
	t->header_len = (size_t)(first - text);
	t->signed_len = (size_t)(second - text);
	return 0;
}

/* A part of the token into v->scratch, in place of what was there. */
static int decode(struct verifier *v, const char *part, size_t len)
{
	v->scratch.len = 0;
	return base64url_decode(part, len, &v->scratch);
}

static struct json_object *decode_object(struct verifier *v, const char *part, size_t len)
{
	return decode(v, part, len) ? NULL : strict_json_object(v->scratch.data, v->scratch.len);
}

/* ---- the header */

/* Where typ stands, it says that this is a JWT, or an access token in that form (RFC 9068 §2.1),
 * and not a JWT for another purpose that the issuer signs with the same key (RFC 8725 §3.11). */
static bool is_token_type(const struct json_object *header)
{
	static const char prefix[] = "application/";
	const char *typ = strict_json_string(header, "typ");

	if (!typ)
		return !json_object_object_get_ex(header, "typ", NULL);
	if (strncasecmp(typ, prefix, sizeof prefix - 1) == 0)
		typ += sizeof prefix - 1;
	return strcasecmp(typ, "JWT") == 0 || strcasecmp(typ, "at+jwt") == 0;
}

/* The key that the token is to be checked with. What crit lists must be understood (RFC 7515
 * §4.1.11); we understand none of it. */
static const struct jwk *choose_key(
	struct verifier *v, const struct json_object *header, struct err *e)
{
	const char *name = strict_json_string(header, "alg");
	const char *kid = strict_json_string(header, "kid");
	int alg = name ? jwk_alg_parse(name) : -1;
	const char *wrong = NULL;

	if (alg < 0 || !v->allowed[alg])
		wrong = "the token's algorithm is not allowed";
	else if (!kid)
		wrong = "the token does not name its key (kid)";
	else if (json_object_object_get_ex(header, "crit", NULL))
		wrong = "the token needs an extension (crit) that is not supported";
	else if (!is_token_type(header))
		wrong = "the token is not an access token (typ)";
	if (!wrong)
		return jwks_find(v->keys, kid, (enum jwk_alg)alg, e);
	refuse(e, wrong);
	return NULL;
}

static int check_signature(struct verifier *v, const struct token *t, struct err *e)
{
	struct json_object *header = decode_object(v, t->text, t->header_len);
	const struct jwk *key;
	const char *sig = t->text + t->signed_len + 1;

	if (!header)
		return refuse(e, "the token's header is not what a JWT has");
	key = choose_key(v, header, e);
	json_object_put(header);
	if (!key)
		return -1;
	if (decode(v, sig, t->len - t->signed_len - 1) ||
		!jwk_verify(key, t->text, t->signed_len, (const uint8_t *)v->scratch.data,
			v->scratch.len))
		return refuse(e, "the token's signature does not hold");
	return 0;
}

/* ---- the payload */

/* A NumericDate (RFC 7519 §2), in seconds since 1970; NAN when there is none. */
static double get_time(const struct json_object *claims, const char *name)
{
	struct json_object *value;

	if (!json_object_object_get_ex(claims, name, &value) ||
		!(json_object_is_type(value, json_type_int) ||
			json_object_is_type(value, json_type_double)))
		return NAN;
	double seconds = json_object_get_double(value);

	return isfinite(seconds) ? seconds : NAN;
}

static int check_times(const struct verifier *v, const struct json_object *claims, struct err *e)
{
	double now = (double)clock_wall_us() / 1e6, skew = (double)v->s->auth_skew_us / 1e6;
	double exp = get_time(claims, "exp"), nbf = get_time(claims, "nbf");

	bool has_nbf = json_object_object_get_ex(claims, "nbf", NULL);

	if (!has_nbf && !strcmp(v->s->auth_nbf, "optional"))
		nbf = now;
	if (isnan(exp) || isnan(nbf))
		return refuse(e, "the token lacks a time as exp or nbf");
	if (now >= exp + skew)
		return refuse(e, "the token has expired");
	if (now < nbf - skew)
		return refuse(e, "the token is not valid yet");
	return 0;
}

/* 1 when we are among the audience, 0 when not, -1 when aud is neither a string nor an array of
 * strings. */
static int find_audience(struct json_object *aud, const char *ours)
{
	int found = 0;

	if (json_object_is_type(aud, json_type_string))
		return strcmp(json_object_get_string(aud), ours) == 0;
	if (!json_object_is_type(aud, json_type_array))
		return -1;
	for (size_t i = 0; i < json_object_array_length(aud); i++) {
		struct json_object *item = json_object_array_get_idx(aud, i);

		if (!json_object_is_type(item, json_type_string))
			return -1;
		found |= strcmp(json_object_get_string(item), ours) == 0;
	}
	return found;
}

static int check_names(const struct verifier *v, const struct json_object *claims, struct err *e)
{
	const char *iss = strict_json_string(claims, "iss");
	struct json_object *aud = NULL;

	json_object_object_get_ex(claims, "aud", &aud);
	int found = find_audience(aud, v->s->auth_audience);

	if (!iss || found < 0 || !strict_json_string(claims, "sub"))
		return refuse(e, "the token lacks a text as iss, aud or sub");
	if (strcmp(iss, v->s->auth_issuer) != 0)
		return refuse(e, "the token is from another issuer");
	if (!found)
		return refuse(e, "the token is for another audience");
	return 0;
}

/* The payload is looked at only when the issuer is known to have written it. */
static int read_claims(struct verifier *v, const struct token *t, struct arena *a,
	struct principal *p, struct err *e)
{
	const char *part = t->text + t->header_len + 1;
	struct json_object *claims = decode_object(v, part, t->signed_len - t->header_len - 1);

	if (!claims)
		return refuse(e, "the token's payload is not what a JWT has");
	int failed = check_names(v, claims, e) || check_times(v, claims, e) ? -1 : 0;

	if (!failed)
		failed = principal_read(v->s, claims, a, p, e);
	if (!failed) {
		p->subject = arena_strdup(a, strict_json_string(claims, "sub"));
		p->issuer = arena_strdup(a, strict_json_string(claims, "iss"));
		p->claims = arena_strndup(a, v->scratch.data, v->scratch.len);
	}
	json_object_put(claims);
	return failed;
}

/* ---- the interface */

static int read_settings(struct verifier *v, struct err *e)
{
	const struct settings *s = v->s;

	if (!s->auth_issuer[0])
		return err_set(e, ERR_CONFIG, "auth.issuer is missing");
	if (!s->auth_audience[0])
		return err_set(e, ERR_CONFIG, "auth.audience is missing");
	if (!s->auth_algorithms.n)
		return err_set(e, ERR_CONFIG, "auth.algorithms is empty");
	for (size_t i = 0; i < s->auth_algorithms.n; i++) {
		int alg = jwk_alg_parse(s->auth_algorithms.items[i]);

		if (alg < 0)
			return err_set(e, ERR_CONFIG,
				"auth.algorithms: %s is neither RS256 nor ES256",
				s->auth_algorithms.items[i]);
		v->allowed[alg] = true;
	}
	v->keys = jwks_open(s, e);
	return v->keys ? 0 : -1;
}

struct verifier *verifier_new(const struct settings *s, struct err *e)
{
	struct verifier *v = mem_zero(1, sizeof *v);

	v->s = s;
	if (read_settings(v, e) == 0)
		return v;
	verifier_free(v);
	return NULL;
}

void verifier_free(struct verifier *v)
{
	if (!v)
		return;
	jwks_close(v->keys);
	buf_free(&v->scratch);
	free(v);
}

int verifier_check(struct verifier *v, const char *authorization, struct arena *a,
	struct principal *p, struct err *e)
{
	struct token t = { 0 };

	if (!authorization)
		return refuse(e, "a bearer token is needed");
	const char *text = skip_scheme(authorization);

	if (!text)
		return refuse(e, "the Authorization header does not hold a bearer token");
	if (split(text, &t, e) || check_signature(v, &t, e))
		return -1;
	return read_claims(v, &t, a, p, e);
}

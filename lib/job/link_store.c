#include "lib/job/link_store.h"

#include <arpa/inet.h>
#include <libpq-fe.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/job/metadata.h"

enum { ADDRESS_TEXT = INET6_ADDRSTRLEN + 4 /* and /128 */ };

static const char mapped[] = "::ffff:"; /* an IPv4 address as IPv6 spells it */

/* The bits of such an address; 0: it is none. */
static int address_bits(const char *text)
{
	unsigned char any[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, text, any) == 1    ? 32
	       : inet_pton(AF_INET6, text, any) == 1 ? 128
						     : 0;
}

/* ADDRESS or ADDRESS/BITS as PostgreSQL takes it; false when it is none. */
static bool read_network(const char *text, char out[ADDRESS_TEXT])
{
	size_t len = strcspn(text, "/");
	const char *bits = text[len] ? text + len + 1 : NULL;

	if (strlen(text) >= ADDRESS_TEXT)
		return false;
	snprintf(out, ADDRESS_TEXT, "%.*s", (int)len, text);
	int most = address_bits(out);

	if (!most)
		return false;
	if (bits && (strlen(bits) < 1 || strlen(bits) > 3 || bits[strspn(bits, "0123456789")] ||
			    strtol(bits, NULL, 10) > most))
		return false;
	snprintf(out, ADDRESS_TEXT, "%s", text);
	return true;
}

/* A server that listens on both kinds of addresses sees IPv4 clients mapped. NULL where there is no address (a socket's
 * path). */
static const char *client_address(const char *client)
{
	size_t len = sizeof mapped - 1;

	if (client && !strncasecmp(client, mapped, len) && address_bits(client + len) == 32)
		client += len;
	return client && address_bits(client) ? client : NULL;
}

int link_create(struct metadata *m, const struct link_new *l, struct link_token *t, struct err *e)
{
	static const char sql[] =
		"INSERT INTO sluice.links (id, job, file, created_by, expires, uses_left, address)"
		" SELECT $1::uuid, job, n, $4, to_timestamp($5::bigint), $6::int, $7::inet"
		" FROM sluice.job_files, set_config('synchronous_commit', 'on', true)"
		" WHERE job = $2::uuid AND n = $3::int";
	char file[12], expires[24], uses[12], address[ADDRESS_TEXT];

	if (l->uses < 0 || l->uses > LINK_USES_MAX)
		return err_set(
			e, ERR_UNPROCESSABLE, "a link's uses are a number up to %d", LINK_USES_MAX);
	const char *plain = client_address(l->address);

	if (l->address && !read_network(plain ? plain : l->address, address))
		return err_set(e, ERR_UNPROCESSABLE,
			"a link's address is an IP address, or a network such as 192.0.2.0/24");
	random_uuid7(t->id);
	t->expires_s = l->expires_s;
	snprintf(file, sizeof file, "%d", l->file);
	snprintf(expires, sizeof expires, "%lld", (long long)l->expires_s);
	snprintf(uses, sizeof uses, "%d", l->uses);
	const char *params[] = { t->id, l->job, file, l->created_by, expires,
		l->uses == LINK_ANY_USES ? NULL : uses, l->address ? address : NULL };
	PGresult *r = metadata_run(m, sql, params, 7, e);

	if (!r)
		return -1;
	bool made = !strcmp(PQcmdTuples(r), "1");

	PQclear(r);
	return made ? 0 : err_set(e, ERR_NOT_FOUND, "the export has no such file");
}

static int refuse(const char *what, struct err *e)
{
	static const struct {
		const char *what;
		enum err_code code;
		const char *text;
	} each[] = {
		{ "elsewhere", ERR_FORBIDDEN, "the link is not for this client" },
		{ "revoked", ERR_GONE, "the link was revoked" },
		{ "expired", ERR_GONE, "the link has expired" },
		{ "used", ERR_GONE, "the link is used up" },
	};

	for (size_t i = 0; i < sizeof each / sizeof *each; i++)
		if (!strcmp(what, each[i].what))
			return err_set(e, each[i].code, "%s", each[i].text);
	return err_set(e, ERR_GONE, "the file is no longer there");
}

int link_use(struct metadata *m, struct arena *a, const char *id, const char *client,
	enum link_how how, struct link_target *out, struct err *e)
{
	static const char *const hows[] = { "look", "continue", "take" };
	const char *params[] = { id, client_address(client), hows[how] };
	PGresult *r = metadata_run(m,
		"SELECT what, job, file, created_by FROM sluice.link_use($1::uuid, $2::inet, $3)",
		params, 3, e);

	if (!r)
		return -1;
	const char *what = PQgetvalue(r, 0, 0);
	int failed = strcmp(what, "ok") ? refuse(what, e) : 0;

	if (!failed) {
		snprintf(out->job, sizeof out->job, "%s", PQgetvalue(r, 0, 1));
		out->file = (int)strtol(PQgetvalue(r, 0, 2), NULL, 10);
		out->created_by = arena_strdup(a, PQgetvalue(r, 0, 3));
	}
	PQclear(r);
	return failed;
}

int link_revoke(struct metadata *m, const char *job, const char *id, struct err *e)
{
	static const char sql[] =
		"UPDATE sluice.links SET revoked = coalesce(revoked, clock_timestamp())"
		" FROM set_config('synchronous_commit', 'on', true)"
		" WHERE job = $1::uuid AND id = $2::uuid";
	const char *params[] = { job, id };
	PGresult *r = metadata_run(m, sql, params, 2, e);

	if (!r)
		return -1;
	bool found = !strcmp(PQcmdTuples(r), "1");

	PQclear(r);
	return found ? 0 : err_set(e, ERR_NOT_FOUND, "the export has no such link");
}

int link_list(struct metadata *m, const char *job, struct buf *json, struct err *e)
{
	static const char sql[] =
		"SELECT coalesce(json_agg(json_build_object('id', id, 'file', file,"
		" 'createdAt', created, 'createdBy', created_by, 'expiresAt', expires,"
		" 'usesLeft', uses_left, 'address', address, 'state',"
		" CASE WHEN revoked IS NOT NULL THEN 'revoked' WHEN expires <= now() THEN 'expired'"
		" WHEN uses_left = 0 THEN 'used' ELSE 'active' END)"
		" ORDER BY created DESC, id DESC), '[]')::text FROM sluice.links WHERE job = "
		"$1::uuid";
	const char *params[] = { job };
	PGresult *r = metadata_run(m, sql, params, 1, e);

	if (!r)
		return -1;
	buf_puts(json, PQgetvalue(r, 0, 0));
	PQclear(r);
	return 0;
}

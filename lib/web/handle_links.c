/*
 * Links to files of exports: made, listed and revoked by whoever the export belongs to, followed by whoever has one.
 */
#include <openssl/crypto.h>
#include <string.h>
#include <strings.h>

#include "lib/base/clock.h"
#include "lib/base/json_tree.h"
#include "lib/base/unit.h"
#include "lib/job/job_store.h"
#include "lib/job/link_store.h"
#include "lib/web/export_named.h"
#include "lib/web/job_file.h"
#include "lib/web/job_rights.h"
#include "lib/web/query_ask.h"
#include "lib/web/route.h"

#define LINK_PATH "/api/v1/links/"

enum { SECOND_US = 1000000, KEEP_S = 24 * 60 * 60, FILE_MAX = 1000000 };

/* ---- whose links */

/* An admin may see and end anybody's links, but, as with downloads, gives out none of what is not theirs. */
static int check_owner(const struct app *app, const struct request *rq, struct err *e)
{
	struct buf ignored = { 0 };
	enum job_state state;

	if (export_named(app, rq, e) < 0)
		return -1;
	int status =
		job_read(app->metadata, rq->captures[0], request_owner(rq), &ignored, &state, e);

	buf_free(&ignored);
	return status;
}

/* ---- made */

struct link_ask {
	int64_t keep_s;
	int64_t uses;        /* LINK_ANY_USES: any number */
	const char *address; /* NULL: any */
	int64_t file;        /* JOB_DOWNLOAD_ONLY: not said */
};

static const char *read_number(const struct json_node *m, int64_t most, int64_t *out)
{
	if (m->kind != JSON_KIND_NUMBER || unit_read_integer(m->text, out) || *out < 1 ||
		*out > most)
		return "uses and file are whole numbers from 1 to 1000000";
	return NULL;
}

static const char *read_keep(const struct json_node *m, int64_t most_us, int64_t *keep_s)
{
	int64_t us;

	if (m->kind != JSON_KIND_STRING || unit_read_duration(m->text, &us) || us < SECOND_US ||
		us > most_us)
		return "expiresIn is a duration (1h, 7d), no longer than exports are kept here";
	*keep_s = us / SECOND_US;
	return NULL;
}

/* What is wrong with the member, or NULL. null is as if it were not there. */
static const char *read_member(
	const struct app *app, const struct json_node *m, struct link_ask *ask)
{
	if (!strcmp(m->name, "expiresIn"))
		return m->kind == JSON_KIND_NULL
			       ? NULL
			       : read_keep(m, app->settings.jobs_keep_us, &ask->keep_s);
	if (!strcmp(m->name, "uses"))
		return m->kind == JSON_KIND_NULL ? NULL : read_number(m, LINK_USES_MAX, &ask->uses);
	if (!strcmp(m->name, "file"))
		return m->kind == JSON_KIND_NULL ? NULL : read_number(m, FILE_MAX, &ask->file);
	if (strcmp(m->name, "address") != 0)
		return "a link has no such member";
	ask->address = m->text;
	return m->kind == JSON_KIND_STRING || m->kind == JSON_KIND_NULL
		       ? NULL
		       : "address is an IP address, or a network such as 192.0.2.0/24";
}

/* No body at all asks for a link as it is by itself. */
static int read_ask(const struct app *app, struct request *rq, struct link_ask *ask,
	const char **pointer, struct err *e)
{
	static const struct json_limits limits = { 4, 100 };
	const struct buf *body = &rq->body;
	struct json_reader r = { &rq->arena, pointer, e };

	*ask = (struct link_ask){ .keep_s = KEEP_S };
	if (ask->keep_s > app->settings.jobs_keep_us / SECOND_US)
		ask->keep_s = app->settings.jobs_keep_us / SECOND_US;
	if (rq->body_too_large)
		return err_set(
			e, ERR_TOO_LARGE, "a request is no longer than %d bytes", REQUEST_BODY_MAX);
	if (body->len == 0)
		return 0;
	const struct json_node *root =
		json_tree_read(&rq->arena, body->data, body->len, &limits, pointer, e);

	if (!root)
		return -1;
	if (root->kind != JSON_KIND_OBJECT)
		return json_refuse(&r, root, "a link is asked for by an object");
	for (const struct json_node *m = root->first; m; m = m->next) {
		const char *wrong = read_member(app, m, ask);

		if (wrong)
			return json_refuse(&r, m, wrong);
	}
	return 0;
}

static void sign(const struct app *app, const struct link_token *t, char out[LINK_TOKEN_TEXT])
{
	struct link_keys keys;

	link_keys_init(&keys, app->secret);
	link_sign(&keys, t, out);
	OPENSSL_cleanse(&keys, sizeof keys);
}

/* Proxies in front may call the host otherwise than we would: it is in the URL only when the configuration tells. */
static void answer_made(
	struct app *app, struct response *rs, const struct link_new *l, const struct link_token *t)
{
	const char *prefix = request_env(rs->request, "SLUICE_PREFIX");
	char token[LINK_TOKEN_TEXT], expires[CLOCK_TEXT];
	struct buf b = { 0 };

	sign(app, t, token);
	clock_rfc3339(t->expires_s * SECOND_US, expires);
	buf_printf(&b, "{\"id\":\"%s\",\"url\":", t->id);
	const char *url = arena_printf(&rs->request->arena, "%s%s" LINK_PATH "%s",
		app->settings.links_base, prefix ? prefix : "", token);

	buf_put_json(&b, url, strlen(url));
	buf_printf(&b, ",\"file\":%d,\"expiresAt\":\"%s\",\"usesLeft\":", l->file, expires);
	if (l->uses == LINK_ANY_USES)
		buf_puts(&b, "null,\"address\":");
	else
		buf_printf(&b, "%d,\"address\":", l->uses);
	if (l->address)
		buf_put_json(&b, l->address, strlen(l->address));
	else
		buf_puts(&b, "null");
	buf_puts(&b, "}\n");
	response_header(rs, "Location", "/api/v1/exports/%s/links/%s", l->job, t->id);
	response_header(rs, "Referrer-Policy", "no-referrer");
	response_json(rs, 201, &b);
	buf_free(&b);
}

static void audit_link(struct request *rq, const char *job, int file, const char *link)
{
	rq->audit.definition = arena_printf(
		&rq->arena, "{\"export\":\"%s\",\"file\":%d,\"link\":\"%s\"}", job, file, link);
}

int handle_link_create(struct app *app, struct request *rq, struct response *rs, struct err *e)
{
	const char *job = rq->captures[0], *subject = rq->principal.subject, *pointer = NULL;
	struct job_download f;
	struct link_token t;
	struct link_ask ask;

	if (export_named(app, rq, e) < 0)
		return -1;
	if (read_ask(app, rq, &ask, &pointer, e) < 0) {
		query_ask_where(rs, pointer, e);
		return -1;
	}
	int found =
		job_download_read(app->metadata, &rq->arena, job, subject, (int)ask.file, &f, e);

	if (found == 0)
		found = job_rights_check(app, &rq->arena, &f, &rq->principal, e);
	job_file_audit(rq, &f);
	if (found < 0) {
		e->code = e->code == ERR_EARLY ? ERR_CONFLICT : e->code;
		return -1;
	}
	const struct link_new l = {
		.job = job,
		.file = ask.file == JOB_DOWNLOAD_ONLY ? 1 : (int)ask.file,
		.created_by = subject,
		.expires_s = clock_wall_us() / SECOND_US + ask.keep_s,
		.uses = (int)ask.uses,
		.address = ask.address,
	};

	if (link_create(app->metadata, &l, &t, e) < 0)
		return -1;
	audit_link(rq, job, l.file, t.id);
	answer_made(app, rs, &l, &t);
	return 0;
}

/* ---- listed, revoked */

int handle_links(struct app *app, struct request *rq, struct response *rs, struct err *e)
{
	struct buf json = { 0 };

	if (check_owner(app, rq, e) < 0)
		return -1;
	buf_puts(&json, "{\"links\":");
	int status = link_list(app->metadata, rq->captures[0], &json, e);

	buf_puts(&json, "}\n");
	if (status == 0)
		response_json(rs, 200, &json);
	buf_free(&json);
	return status;
}

int handle_link_revoke(struct app *app, struct request *rq, struct response *rs, struct err *e)
{
	const char *job = rq->captures[0], *link = rq->captures[1];

	if (check_owner(app, rq, e) < 0)
		return -1;
	if (!uuid_valid(link))
		return err_set(e, ERR_NOT_FOUND, "that is not the id of a link");
	rq->audit.definition =
		arena_printf(&rq->arena, "{\"export\":\"%s\",\"link\":\"%s\"}", job, link);
	if (link_revoke(app->metadata, job, link, e) < 0)
		return -1;
	response_empty(rs, 204);
	return 0;
}

/* ---- followed */

struct following {
	struct app *app;
	struct request *rq;
	struct link_token token;
	struct link_target target;
};

/* Programs that look at what a link in a message leads to, and browsers that load it before anybody has asked. What says of
 * itself that it is one is given nothing, so that nobody gets the file without a use by calling themselves so. */
static bool is_preview(const struct request *rq)
{
	static const char *const headers[] = { "HTTP_SEC_PURPOSE", "HTTP_PURPOSE", "HTTP_X_PURPOSE",
		"HTTP_X_MOZ", NULL };
	static const char *const agents[] = { "Slackbot", "Slack-ImgProxy", "Twitterbot",
		"facebookexternalhit", "Facebot", "WhatsApp/", "TelegramBot", "Discordbot",
		"LinkedInBot", "SkypeUriPreview", "Mastodon/", "Synapse", "Applebot", "Googlebot",
		"bingbot", "Iframely", "Embedly", "redditbot", "Pinterestbot", "Viber/", NULL };
	const char *agent = request_env(rq, "HTTP_USER_AGENT");

	for (size_t i = 0; headers[i]; i++) {
		const char *value = request_env(rq, headers[i]);

		if (value && (strcasestr(value, "prefetch") || strcasestr(value, "preview")))
			return true;
	}
	for (size_t i = 0; agent && agents[i]; i++)
		if (strcasestr(agent, agents[i]))
			return true;
	return false;
}

static int use(struct following *f, enum link_how how, struct err *e)
{
	return link_use(f->app->metadata, &f->rq->arena, f->token.id, f->rq->audit.address, how,
		&f->target, e);
}

static int may_leave(void *of, bool from_start, struct err *e)
{
	return use(of, from_start ? LINK_TAKE : LINK_CONTINUE, e);
}

static int check_token(struct following *f, struct err *e)
{
	struct link_keys keys;

	link_keys_init(&keys, f->app->secret);
	int status =
		link_check(&keys, f->rq->captures[0], clock_wall_us() / SECOND_US, &f->token, e);

	OPENSSL_cleanse(&keys, sizeof keys);
	return status;
}

/* The file, without a use yet. From here on the audit has the name of whoever made the link. */
static int find(struct following *f, struct job_download *out, struct err *e)
{
	struct request *rq = f->rq;

	if (check_token(f, e) < 0)
		return -1;
	rq->audit.definition = arena_printf(&rq->arena, "{\"link\":\"%s\"}", f->token.id);
	if (!f->app->metadata)
		return err_set(e, ERR_GONE, "the file is no longer there");
	if (use(f, LINK_LOOK, e) < 0)
		return -1;
	rq->principal.subject = f->target.created_by;
	audit_link(rq, f->target.job, f->target.file, f->token.id);
	if (!request_is_head(rq) && is_preview(rq))
		return err_set(e, ERR_FORBIDDEN, "a link's file is not for previews");
	int status = job_download_read(f->app->metadata, &rq->arena, f->target.job,
		f->target.created_by, f->target.file, out, e);

	job_file_audit(rq, out);
	if (status == 0)
		return job_rights_check(f->app, &rq->arena, out, NULL, e);
	return e->code == ERR_NOT_FOUND ? err_set(e, ERR_GONE, "the file is no longer there") : -1;
}

/* Parameters do not count, whatever they are: programs that pass links on add some of their own. */
int handle_link(struct app *app, struct request *rq, struct response *rs, struct err *e)
{
	struct following f = { .app = app, .rq = rq };
	struct job_download download;

	if (find(&f, &download, e) < 0) {
		response_header(rs, "Referrer-Policy", "no-referrer");
		return -1;
	}
	struct served_file file = job_file_served(app, &download);

	file.may_leave = may_leave;
	file.of = &f;
	return file_send(rs, &file, e);
}

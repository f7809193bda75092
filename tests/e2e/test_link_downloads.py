"""Links over HTTP: made by whose export it is, followed without a token, behind each web server; what uses one up and
what does not, who is refused, and what the audit has of it."""

import calendar
import concurrent.futures
import hashlib
import json
import os
import signal
import time

import pytest

from harness import config, process, problem
from harness.client import curl
from harness.worker import Worker

EXPORTS = "/api/v1/exports"
OLD, NEW = "the first secret, of more than 32 characters", "the second one, which is as long as that"


class Shared:
    """A site with an export of its own; its file's bytes."""

    def __init__(self, site, token):
        self.site, self.token = site, token
        self.job = self.export()
        self.body = curl(f"{site.url}{EXPORTS}/{self.job}/download", token).body
        assert len(self.body) > 100000

    def export(self, headers=None, **more):
        body = {"queryDefinition": {"from": "users", "select": ["user_id", "email"]}, "format": "csv", **more}
        answer = curl(self.site.url + EXPORTS, self.token, "POST", headers, json.dumps(body).encode())
        assert answer.status in (200, 202), answer.body
        job = answer.json()["id"]
        where = f"{self.site.url}{EXPORTS}/{job}"
        worker = Worker(self.site, 1)
        try:
            process.wait_until(lambda: curl(where, self.token).json()["state"] == "succeeded", "the export", 30)
        finally:
            worker.stop()
        return job

    def ask(self, job=None, token=None, **body):
        data = json.dumps(body).encode() if body else b""
        return curl(f"{self.site.url}{EXPORTS}/{job or self.job}/links", token or self.token, "POST", data=data)

    def link(self, job=None, **body):
        answer = self.ask(job, **body)
        assert answer.status == 201, answer.body
        return answer.json()

    def follow(self, link, method=None, headers=None):
        return curl(self.site.url + link["url"], None, method, headers)

    def audited(self, link):
        """What became of requests by the link: action, subject, status, bytes. In the order of the requests, in which two workers'
        lines need not come: an identifier begins with its time."""
        return self.site.postgres.execute("SELECT action, subject, status, bytes FROM sluice.audit WHERE definition::jsonb"
                                          f" ->> 'link' = '{link['id']}' ORDER BY id")


@pytest.fixture(scope="module", params=("nginx", "mod_proxy_fcgi", "mod_fcgid"))
def each(request, fleet, issuer):
    return Shared(fleet.of(request.param), issuer.token())


@pytest.fixture(scope="module")
def shared(fleet, issuer):
    return Shared(fleet.of("nginx"), issuer.token())


def whole(shared, answer):
    assert (answer.exit, answer.status) == (0, 200), answer.body[:300]
    assert hashlib.sha256(answer.body).hexdigest() == hashlib.sha256(shared.body).hexdigest()
    assert answer.headers["referrer-policy"] == "no-referrer"
    return True


def refused(answer, status):
    problem.check(answer, status)
    assert answer.headers["referrer-policy"] == "no-referrer"
    return True


def test_whoever_has_it_gets_the_file(each):
    answer = each.ask()
    link = answer.json()
    assert answer.status == 201 and answer.headers["location"] == f"{EXPORTS}/{each.job}/links/{link['id']}"
    assert (link["file"], link["usesLeft"], link["address"]) == (1, None, None)
    expires = calendar.timegm(time.strptime(link["expiresAt"][:19], "%Y-%m-%dT%H:%M:%S"))
    assert abs(expires - time.time() - 86400) < 60 * process.PATIENCE
    got = each.follow(link)
    assert whole(each, got) and got.headers["content-disposition"].startswith("attachment")
    assert got.headers["cache-control"] == "private, no-store"
    for query in ("fbclid=x", "via=a&via=b&of=%E4"):
        assert whole(each, curl(f"{each.site.url}{link['url']}?{query}", "no token that holds"))
    process.wait_until(lambda: len(each.audited(link)) == 4, "lines of the audit")
    assert each.audited(link)[0][0] == "share"
    assert each.audited(link)[1:] == [("link", "tester", 200, len(each.body))] * 3


def test_what_the_audit_knows_of_a_file(shared, fleet, issuer, postgres):
    """Whose it is, of which table, in which format; of a link its id, and never what is secret."""
    subject = "sharer of files"
    theirs = Shared(shared.site, issuer.token(sub=subject, tenant_id="t-17"))
    link = theirs.link()
    whole(theirs, theirs.follow(link))
    curl(f"{shared.site.url}{EXPORTS}/{theirs.job}/files/9", theirs.token)
    curl(f"{shared.site.url}{EXPORTS}/{theirs.job}", theirs.token, "DELETE")
    refused(theirs.follow(link), 410)

    def lines():
        return postgres.execute("SELECT action, status, tenant, table_key, format, definition FROM sluice.audit WHERE"
                                f" subject = '{subject}' AND action <> 'outcome' ORDER BY id")

    process.wait_until(lambda: len(lines()) == 7, "lines of the audit")
    known = ("t-17", "users", "csv")
    file, sent = {"export": theirs.job, "file": 1}, {"from": "users", "select": ["user_id", "email"]}
    of_link = {**file, "link": link["id"]}
    assert [(*line[:5], json.loads(line[5])) for line in lines()] == [
        ("job", 202, *known, {"export": theirs.job, "queryDefinition": sent}),
        ("download", 200, *known, file), ("share", 201, *known, of_link), ("link", 200, *known, of_link),
        ("download", 404, *known, {**file, "file": 9}), ("remove", 204, "t-17", None, None, {"export": theirs.job}),
        ("link", 410, None, None, None, of_link)]
    assert not any(link["url"].rsplit("/", 1)[1] in str(line) for line in lines())
    said = shared.site.sluice("audit", "who-exported", "--table", "users").stdout.splitlines()
    assert sorted(line.split("\t")[3] for line in said if subject in line) == ["download", "download", "job", "link"]


def test_a_file_is_taken_for_what_it_was_made_for(shared, postgres):
    """Unless whoever takes it says what else for."""
    job = shared.export({"Sluice-Purpose": "billing"}, fileName="for billing")
    link = shared.link(job)
    whole(shared, shared.follow(link))
    for headers in ({}, {"Sluice-Purpose": "mail"}):
        assert curl(f"{shared.site.url}{EXPORTS}/{job}/download", shared.token, None, headers).status == 200

    def purposes():
        return postgres.execute("SELECT action, purpose FROM sluice.audit WHERE action IN ('link', 'download')"
                                f" AND definition::jsonb ->> 'export' = '{job}' ORDER BY id")
    process.wait_until(lambda: len(purposes()) == 3, "lines of the audit")
    assert purposes() == [("link", "billing"), ("download", "billing"), ("download", "mail")]


def test_a_job_that_is_refused_is_audited(shared, issuer, postgres):
    subject = "asker for too much"
    body = {"queryDefinition": {"from": "users", "filter": {"eq": ["nope", "my secret"]}}, "format": "parquet"}
    answer = curl(shared.site.url + EXPORTS, issuer.token(sub=subject), "POST", data=json.dumps(body).encode())
    assert answer.status >= 400
    where = f"FROM sluice.audit WHERE subject = '{subject}'"
    process.wait_until(lambda: postgres.execute(f"SELECT 1 {where}"), "a line of the audit")
    ((table, form, definition),) = postgres.execute(f"SELECT table_key, format, definition {where}")
    assert (table, form) == ("users", "parquet")
    assert "secret" not in definition and json.loads(definition)["from"] == "users"


def test_what_a_use_is(each):
    """Neither HEAD, nor a preview, nor what ends without the file; a download that was cut goes on."""
    link = each.link(uses=1)
    head = each.follow(link, "HEAD")
    assert (head.status, int(head.headers["content-length"])) == (200, len(each.body))
    assert head.headers["referrer-policy"] == "no-referrer"
    for headers in ({"User-Agent": "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)"},
                    {"Sec-Purpose": "prefetch;prerender"}):
        assert refused(each.follow(link, headers=headers), 403)
    assert each.follow(link, headers={"If-None-Match": head.headers["etag"]}).status == 304
    assert refused(each.follow(link, headers={"Range": f"bytes={len(each.body)}-"}), 416)
    assert refused(each.follow(link, headers={"If-Match": '"another"'}), 412)
    first = each.follow(link, headers={"Range": "bytes=0-999"})
    assert (first.status, first.body) == (206, each.body[:1000])
    rest = each.follow(link, headers={"Range": "bytes=1000-", "If-Range": first.headers["etag"]})
    assert (rest.status, rest.body) == (206, each.body[1000:])
    assert refused(each.follow(link), 410) and refused(each.follow(link, headers={"Range": "bytes=0-9"}), 410)
    process.wait_until(lambda: len(each.audited(link)) == 11, "lines of the audit")
    assert [line[2:] for line in each.audited(link) if line[0] == "link" and line[2] == 206] == [
        (206, 1000), (206, len(each.body) - 1000)]
    assert [line[0] for line in each.audited(link)].count("head") == 1


def test_who_is_refused(each):
    link = each.link()
    token = link["url"].rsplit("/", 1)[1]
    for wrong in (token[:-1] + ("A" if token[-1] != "A" else "B"), "B" + token[1:], token[:-1], token + "A", "x"):
        assert refused(curl(f"{each.site.url}/api/v1/links/{wrong}"), 403), wrong
    assert refused(each.follow(each.link(address="192.0.2.0/24")), 403)
    assert whole(each, each.follow(each.link(address="127.0.0.0/8")))
    assert problem.check(each.follow(link, "POST"), 405)


def test_a_revoked_one(each, issuer):
    link, other = each.link(), each.link()
    where = f"{each.site.url}{EXPORTS}/{each.job}/links"
    stranger = issuer.token(sub="somebody else")
    problem.check(curl(f"{where}/{link['id']}", stranger, "DELETE"), 404)
    problem.check(curl(where, stranger), 404)
    problem.check(each.ask(token=stranger), 404)
    assert whole(each, each.follow(link))
    assert [curl(f"{where}/{link['id']}", each.token, "DELETE").status for _ in range(2)] == [204, 204]
    assert refused(each.follow(link), 410) and refused(each.follow(link), 410)
    assert each.follow(link, "HEAD").status == 410
    assert whole(each, each.follow(other))
    listed = {one["id"]: one for one in curl(where, each.token).json()["links"]}
    assert (listed[link["id"]]["state"], listed[other["id"]]["state"]) == ("revoked", "active")
    assert other["url"].rsplit("/", 1)[1] not in curl(where, each.token).text()
    problem.check(curl(f"{where}/{each.job}", each.token, "DELETE"), 404)
    problem.check(curl(where, None), 401)


def test_an_admin_ends_links_but_makes_none(shared, issuer):
    admin, link = issuer.token(sub="an admin", roles=["admin"]), shared.link()
    where = f"{shared.site.url}{EXPORTS}/{shared.job}/links"
    problem.check(shared.ask(token=admin), 404)
    assert link["id"] in [one["id"] for one in curl(where, admin).json()["links"]]
    assert curl(f"{where}/{link['id']}", admin, "DELETE").status == 204
    assert refused(shared.follow(link), 410)


def test_by_the_pool_of_downloads(each):
    """Where those of status and control are busy."""
    link = each.link()
    busy = each.site.workers("control")
    assert busy
    for pid in busy:
        os.kill(pid, signal.SIGSTOP)
    try:
        assert whole(each, each.follow(link))
    finally:
        for pid in busy:
            os.kill(pid, signal.SIGCONT)


def test_only_in_its_time(shared):
    link = shared.link(expiresIn="1s")
    process.wait_until(lambda: shared.follow(link, "HEAD").status == 410, "its end")
    assert refused(shared.follow(link), 410)


def test_not_more_uses_than_it_has(shared):
    link = shared.link(uses=3)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = [answer.status for answer in pool.map(lambda _: shared.follow(link), range(8))]
    assert sorted(answers) == [200] * 3 + [410] * 5


def test_not_longer_than_its_export(shared):
    job = shared.export(fileName="removed")
    link = shared.link(job)
    assert whole(shared, shared.follow(link))
    shared.site.postgres.execute(f"UPDATE sluice.jobs SET expires = now() - interval '1 s' WHERE id = '{job}'")
    assert refused(shared.follow(link), 410)
    problem.check(shared.ask(job), 410)
    shared.site.postgres.execute(f"UPDATE sluice.jobs SET expires = now() + interval '1 d' WHERE id = '{job}'")
    assert whole(shared, shared.follow(link))
    assert curl(f"{shared.site.url}{EXPORTS}/{job}", shared.token, "DELETE").status == 204
    assert refused(shared.follow(link), 410)
    problem.check(shared.ask(job), 404)


def test_one_of_several_files(shared):
    job = shared.export(format="json", parallel=2)
    problem.check(shared.ask(job), 422)
    problem.check(shared.ask(job, file=3), 404)
    second = shared.follow(shared.link(job, file=2))
    assert second.body == curl(f"{shared.site.url}{EXPORTS}/{job}/files/2", shared.token).body


@pytest.mark.parametrize("body, status, pointer", [
    ({"expiresIn": "900d"}, 400, "/expiresIn"), ({"expiresIn": "0s"}, 400, "/expiresIn"), ({"expiresIn": 5}, 400, "/expiresIn"),
    ({"uses": 0}, 400, "/uses"), ({"uses": 1.5}, 400, "/uses"), ({"uses": 1000001}, 400, "/uses"),
    ({"file": 0}, 400, "/file"), ({"file": "1"}, 400, "/file"), ({"address": 7}, 400, "/address"),
    ({"colour": 1}, 400, "/colour"), ({"address": "example.com"}, 422, None), ({"address": "192.0.2.0/33"}, 422, None)], ids=str)
def test_what_cannot_be_is_told(shared, body, status, pointer):
    said = problem.check(shared.ask(**body), status)
    assert pointer is None or said["errors"][0]["pointer"] == pointer


def test_not_before_the_end(shared):
    body = {"queryDefinition": {"from": "users"}, "format": "tsv", "fileName": "waits"}
    job = curl(shared.site.url + EXPORTS, shared.token, "POST", data=json.dumps(body).encode()).json()["id"]
    problem.check(shared.ask(job), 409)
    assert curl(f"{shared.site.url}{EXPORTS}/{job}", shared.token, "DELETE").status == 204


def test_an_address_has_so_many_requests(make_site):
    """Also of tokens that are guessed."""
    site = make_site(settings={"limits": {"requests": 3}})
    answers = [curl(f"{site.url}/api/v1/links/x").status for _ in range(4)]
    assert answers == [403, 403, 403, 429]


def restart(site, **secret):
    for pool in site.pools.values():
        pool.stop(signal.SIGTERM)
    config.write(site.config, config.merge(site.settings, {"secret": secret}))
    for pool in list(site.pools):
        site.start_pool(pool, 1)


def test_secrets_change(make_site, issuer):
    site = make_site(settings={"secret": {"key": OLD}}, workers=(1, 1))
    shared = Shared(site, issuer.token())
    link = shared.link()
    restart(site, key=NEW, previous=OLD)
    assert whole(shared, shared.follow(link))
    newer = shared.link()
    restart(site, key=NEW)
    assert refused(shared.follow(link), 403) and whole(shared, shared.follow(newer))


def test_the_url_has_the_host_that_the_configuration_tells(make_site, issuer):
    host = "https://data.example.com"
    site = make_site(settings={"links": {"base": host}}, workers=(1, 1))
    shared = Shared(site, issuer.token())
    link = shared.link()
    assert link["url"].startswith(f"{host}/api/v1/links/")
    assert whole(shared, shared.follow({"url": link["url"].removeprefix(host)}))


def test_nothing_leaks_into_the_log(shared):
    link = shared.link()
    assert whole(shared, shared.follow(link))
    token = link["url"].rsplit("/", 1)[1]
    for name in os.listdir(shared.site.path("log")):
        with open(shared.site.path("log", name), encoding="utf-8") as f:
            assert token not in f.read()

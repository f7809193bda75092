"""Queries at a constant rate, as many analysts ask them: latency is counted from when a request was due (bench_load)."""

import json
import os
import random
import subprocess

from harness import client
from harness.redis import Redis

from . import machine

TENANTS, ROWS = 8, 5000  # ROWS in an answer
TABLE = "tenant_users"
ROWS_MAX = 1_000_000  # of the table
WORKERS = 4
RATE, CACHED_RATE = 100, 1000
WARM_UP_S, CACHED_S = 5, 20
P95_MAX, CACHED_P95_MAX, BEFORE_MAX = 2000, 100, 0.3  # ms
GZIP = "Accept-Encoding: gzip"


def rows_of(options):
    return min(options.rows, ROWS_MAX)


def load(bench):
    """Users dealt out to tenants one by one; a tenant's rows lie together, as in a table that is clustered by tenant."""
    rows = rows_of(bench.options)
    if rows < 2 * TENANTS * ROWS:
        raise RuntimeError(f"group query: take more --rows, {2 * TENANTS * ROWS:,} at least")
    bench.database.add_table(TABLE, f"CREATE UNLOGGED TABLE {TABLE} AS SELECT 'tenant ' || user_id % {TENANTS}"
                                    f" AS tenant_id, users.* FROM users WHERE user_id <= {rows} ORDER BY 1, user_id;"
                                    f"ALTER TABLE {TABLE} ADD PRIMARY KEY (user_id);"
                                    f"CREATE INDEX ON {TABLE} (tenant_id, user_id)")


def registry():
    return {TABLE: {"name": TABLE, "primary_key": "user_id", "tenant_column": "tenant_id"}}


def body(first):
    """A query that finds ROWS rows of any tenant."""
    return json.dumps({"from": TABLE, "filter": {"between": ["user_id", first, first + TENANTS * ROWS - 1]},
                       "sort": [{"column": "user_id"}], "page": {"limit": ROWS}})


class Load:
    """Requests to one server. parts: {name: pid} of the processes whose CPU they take."""

    def __init__(self, bench, url, tokens, parts):
        self.bench, self.url, self.tokens, self.parts = bench, url, tokens, parts
        self.seed = random.Random(1)
        self.file = os.path.join(bench.top, "requests")
        self.starts = list(range(1, rows_of(bench.options) - TENANTS * ROWS))
        self.seed.shuffle(self.starts)

    def run(self, rate, seconds, asked, *headers):
        """asked: [(token, etag, body)]. What bench_load says."""
        with open(self.file, "w", encoding="utf-8") as f:
            f.writelines("\t".join(line) + "\n" for line in asked)
        before = {name: machine.tree_seconds(pid) for name, pid in self.parts.items()}
        done = subprocess.run([self.bench.load_program, self.url, self.file, str(rate), str(seconds), *headers],
                              capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"bench_load: {done.stderr[-2000:]}")
        said = json.loads(done.stdout)
        said["cpu"] = {name: (machine.tree_seconds(pid) - before[name]) * 1000 / said["requests"]
                       for name, pid in self.parts.items()}
        if said["failed"]:
            print(f"  {self.url}: {said['failed']} failed: {done.stderr.strip()}")
        return said

    def different(self, rate, seconds):
        """No two of these requests, nor of those before, are the same."""
        asked = [(self.tokens[i % TENANTS], "", body(self.starts.pop())) for i in range(rate * seconds)]
        return self.run(rate, seconds, asked)

    def answer(self, token, text, *headers):
        options = [word for header in headers for word in ("-H", header)]
        return client.curl(self.url, token, headers={"Content-Type": "application/json"}, data=text.encode(),
                           options=options)


def check(load):
    """The whole answer, once for each tenant: what is counted later is nothing but whole ones of this size."""
    for number, token in enumerate(load.tokens):
        answer = load.answer(token, body(1 + number))
        if answer.status != 200:
            raise RuntimeError(f"{load.url}: {answer.status}: {answer.body[:500]}")
        rows, total = answer.json()["rows"], answer.json()["totalRows"]
        if len(rows) != ROWS or total != ROWS or {row["tenant_id"] for row in rows} != {f"tenant {number}"}:
            raise RuntimeError(f"{load.url}: {len(rows)} rows of {total}")


def different(bench, ours, peer):
    """5,000 rows a request, no two requests the same."""
    seconds, found = bench.options.query_seconds, []
    for name, load in (("Sluice", ours), ("Node", peer)):
        if load:
            bench.say(f"queries, {name}")
            load.different(RATE // 2, WARM_UP_S)
            bench.watch.look()
            found.append(load.different(RATE, seconds))
    bench.say("")
    lines, (said, *by_node) = bench.table, found
    theirs = by_node[0] if by_node else None
    for rank, target in (("p50", None), ("p95", P95_MAX), ("p99", None)):
        mine = said["latency"].get(rank, float("inf"))
        other = theirs["latency"].get(rank, float("inf")) if theirs else None
        lines.line(f"{RATE} queries/s, {ROWS:,} rows each, {rank}" if rank == "p50" else f"  {rank}", f"{mine:.1f} ms",
                   f"{other:>6.1f} ms Node, pg, JSON.stringify" if theirs else "",
                   f"{other / mine:.2f} x" if theirs else "",
                   f"<= {target} ms" if target else "", mine <= target if target else None)
    failed(lines, said, f"{theirs['failed']:>6} Node" if theirs else "")
    cpu(lines, said, f"{sum(theirs['cpu'].values()):>6.1f} ms Node: {spelled(theirs['cpu'])}" if theirs else "")
    lines.line("  begun late by bench_load, p99", f"{said['late']['p99']:.1f} ms")
    before(lines, said)


def spelled(parts):
    return ", ".join(f"{name} {ms:.1f}" for name, ms in parts.items())


def cpu(lines, said, beside=""):
    """What a request takes of all cores: unlike the times, nearly the same on a busy machine."""
    lines.line(f"  CPU of one: {spelled(said['cpu'])}", f"{sum(said['cpu'].values()):.1f} ms", beside)


def failed(lines, said, beside=""):
    lines.line(f"  failed, of {said['requests']:,}", str(said["failed"]), beside, target="0", reached=said["failed"] == 0)


def before(lines, said):
    """What Sluice does before it asks the database, by its own Server-Timing."""
    if not said["before"]:
        raise RuntimeError(f"Server-Timing names none of auth, policy, compile: {said['stages']}")
    parts = ", ".join(f"{name} {said['stages'][name]['p50']:.2f}" for name in said["stages"])
    lines.line("  auth + policy + compile, p50", f"{said['before']['p50']:.3f} ms", parts,
               target=f"<= {BEFORE_MAX} ms", reached=said["before"]["p50"] <= BEFORE_MAX)


def cached(bench, ours):
    """The same few requests again and again: whole, and by their etag."""
    texts = [body(1 + number) for number in range(TENANTS)]
    for what, headers in (("cached, gzip", [GZIP]), ("cached, 304", [GZIP])):
        bench.say(f"queries, {what}")
        etags = [ours.answer(token, text, *headers).headers.get("etag", "") for token, text in zip(ours.tokens, texts)]
        if not all(etags):
            raise RuntimeError(f"an answer without an etag: {etags}")
        is_304 = what.endswith("304")
        asked = [(token, etag if is_304 else "", text) for token, etag, text in zip(ours.tokens, etags, texts)]
        ours.run(CACHED_RATE // 4, WARM_UP_S, asked, *headers)
        bench.watch.look()
        said = ours.run(CACHED_RATE, CACHED_S, asked, *headers)
        if said["status"] != (304 if is_304 else 200):
            raise RuntimeError(f"{what}: status {said['status']}")
        lines, latency = bench.table, said["latency"]
        lines.line(f"{CACHED_RATE:,} queries/s, {what}, p95", f"{latency['p95']:.1f} ms",
                   f"p50 {latency['p50']:.1f}, p99 {latency['p99']:.1f}, {said['bytes'] / 1e6 / said['seconds']:.0f} MB/s",
                   target=f"<= {CACHED_P95_MAX} ms", reached=latency["p95"] <= CACHED_P95_MAX)
        failed(lines, said)
        cpu(lines, said)
    bench.say("")


def measure(bench, node):
    """On a site of its own, whose cache is a Redis."""
    redis = Redis(bench.folder("redis"))
    try:
        with bench.new_site((WORKERS, 1), {"cache": {"redis": redis.url}}) as site:
            measure_site(bench, node, site, redis)
    finally:
        redis.stop()


def measure_site(bench, node, site, redis):
    bench.database.prewarm(TABLE)
    names = [f"tenant {number}" for number in range(TENANTS)]
    database = {"db": bench.database.server.pid}
    ours = Load(bench, f"{site.url}/api/v1/query", [bench.issuer.tenant(name) for name in names],
                {"workers": site.pools["stream"].pid, "nginx": site.server.pid, "redis": redis.server.pid, **database})
    peer = Load(bench, f"http://127.0.0.1:{node.port}/query", names, {"node": node.server.pid, **database}) \
        if node else None
    check(ours)
    if peer:
        check(peer)
    different(bench, ours, peer)
    cached(bench, ours)

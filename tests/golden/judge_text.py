#!/usr/bin/python3
"""Compare Sluice's text of every fixed-width type with what a PostgreSQL server writes for the same values.

    judge_text.py --conninfo 'host=/tmp/x dbname=postgres' [--values PATH] [--count N] [--seed N] [TYPE ...]

Values travel in binary both ways in: to text_values (built by `make check`) as a column holds them, to the
server by COPY. The server's spaces in timestamps become T and its +00 becomes Z; nothing else is
changed. Exit status 1 when one text differs.
"""
import argparse
import decimal
import io
import math
import random
import struct
import subprocess
import sys

import psycopg2

SETTINGS = """
    SET extra_float_digits = 1; SET intervalstyle = iso_8601; SET timezone = 'UTC';
    SET datestyle = 'ISO'; SET bytea_output = hex
"""
INT32 = (-(2**31), 2**31 - 1)
INT64 = (-(2**63), 2**63 - 1)
DATE = (-2451507, 2145031949 - 1)  # days since 2000, as PostgreSQL allows
STAMP = (-211813488000000000, 9223371331200000000 - 1)
DAYS_1970_TO_2000 = 10957
DECIMAL_MOST = 10**38 - 1


def integers(rng, count, low, high):
    """Every magnitude as often as any other, and the edges."""
    bits = high.bit_length()
    yield from (v for v in (low, low + 1, -1, 0, 1, high - 1, high) if low <= v <= high)
    for i in range(count):
        v = rng.getrandbits(rng.randint(1, bits))
        v = -v if i % 2 else v
        yield v if low <= v <= high else rng.randint(low, high)


def floats(rng, count, code, from_bits, bits, exponents, digits):
    """Random bits, numbers of few digits, and the neighbours of all powers of two and ten."""
    def near(v):
        try:
            raw = struct.unpack(from_bits, struct.pack(code, v))[0]
        except OverflowError:
            return
        for step in (-2, -1, 0, 1, 2):
            if raw + step >= 0:
                yield struct.unpack(code, struct.pack(from_bits, raw + step))[0]

    yield from (0.0, -0.0, math.inf, -math.inf, math.nan)
    for e in range(-exponents, exponents):
        yield from near(2.0 ** max(e, -1074) if e < 1024 else math.inf)
        yield from near(float("1e%d" % (e // 3)))
    for i in range(count):
        if i % 2:
            yield struct.unpack(code, struct.pack(from_bits, rng.getrandbits(bits)))[0]
            continue
        v = float("%de%d" % (rng.randint(-10**6, 10**6), rng.randint(-9, digits)))
        yield struct.unpack(code, struct.pack(code, v))[0]


def ints(name, sql, code, low, high):
    def make(rng, count):
        for v in integers(rng, count, low, high):
            yield struct.pack("<" + code, v), struct.pack(">" + code, v)
    return name, sql, 0, make


def reals(name, sql, code, *shape):
    def make(rng, count):
        for v in floats(rng, count, "<" + code, *shape):
            yield struct.pack("<" + code, v), struct.pack(">" + code, v)
    return name, sql, 0, make


def dates(rng, count):
    yield struct.pack("<i", INT32[0]), struct.pack(">i", INT32[0])
    yield struct.pack("<i", INT32[1]), struct.pack(">i", INT32[1])
    for v in integers(rng, count, *DATE):
        yield struct.pack("<i", v + DAYS_1970_TO_2000), struct.pack(">i", v)


def stamps(rng, count):
    for v in (*INT64, *integers(rng, count, *STAMP)):
        v -= v % 1000 if v % 3 == 0 and v not in INT64 else 0
        v = max(v, STAMP[0]) if v != INT64[0] else v
        yield struct.pack("<q", v), struct.pack(">q", v)


def intervals(rng, count):
    parts = zip(integers(rng, count, *INT64), integers(rng, count, *INT32),
                integers(rng, count, *INT32))
    for us, days, months in parts:
        keep = rng.randrange(8)
        us, days, months = us * (keep & 1), days * (keep >> 1 & 1), months * (keep >> 2)
        if rng.randrange(2):
            us -= us % 60000000
        us = max(us, INT64[0])
        yield struct.pack("<qii", us, days, months), struct.pack(">qii", us, days, months)


def uuids(rng, count):
    for _ in range(count):
        v = rng.randbytes(16)
        yield v, v


def byte_strings(rng, count):
    for i in range(count):
        v = rng.randbytes(i % 100)
        yield struct.pack("<I", len(v)) + v, v


def decimals(scale):
    """Text goes to the server: its binary form of numeric is not the batch's."""
    exact = decimal.Context(prec=2000)

    def make(rng, count):
        yield (-(2**127)).to_bytes(16, "little", signed=True), "NaN"
        for v in integers(rng, count, -DECIMAL_MOST, DECIMAL_MOST):
            value = exact.scaleb(decimal.Decimal(v), -scale)
            yield v.to_bytes(16, "little", signed=True), format(value, "f")
    return "decimal128", "numeric(38,%d)" % scale, scale, make


KINDS = [
    ("bool", "boolean", 0, lambda rng, count: [(b"\0", b"\0"), (b"\1", b"\1")]),
    ints("int16", "smallint", "h", -(2**15), 2**15 - 1),
    ints("int32", "integer", "i", *INT32),
    ints("int64", "bigint", "q", *INT64),
    reals("float32", "real", "f", "<I", 32, 150, 30),
    reals("float64", "double precision", "d", "<Q", 64, 1080, 300),
    *(decimals(scale) for scale in (0, 1, 2, 8, 9, 19, 37, 38, 50, 1000, -3)),
    ("date32", "date", 0, dates),
    ints("time64", "time", "q", 0, 86400000000),
    ("timestamp", "timestamp", 0, stamps),
    ("timestamptz", "timestamptz", 0, stamps),
    ("interval", "interval", 0, intervals),
    ("uuid", "uuid", 0, uuids),
    ("hex", "bytea", 0, byte_strings),
    ("base64", "bytea", 0, byte_strings),
]
OUTPUT = {
    "bool": "CASE WHEN v THEN 'true' ELSE 'false' END",
    "base64": "translate(encode(v, 'base64'), E'\\n', '')",
    "hex": "encode(v, 'hex')",
    "timestamp": "regexp_replace(v::text, ' (?=[0-9])', 'T')",
    "timestamptz": "replace(regexp_replace(v::text, ' (?=[0-9])', 'T'), '+00', 'Z')",
}


def server_text(cursor, name, sql, values):
    cursor.execute("CREATE TEMP TABLE judged (i integer, v %s)" % sql)
    if isinstance(values[0], str):
        stream = io.StringIO("".join("%d\t%s\n" % row for row in enumerate(values)))
        cursor.copy_expert("COPY judged FROM STDIN", stream)
    else:
        rows = (struct.pack(">hiii", 2, 4, i, len(v)) + v for i, v in enumerate(values))
        head = b"PGCOPY\n\xff\r\n\0" + bytes(8)
        stream = io.BytesIO(head + b"".join(rows) + struct.pack(">h", -1))
        cursor.copy_expert("COPY judged FROM STDIN BINARY", stream)
    cursor.execute("SELECT %s FROM judged ORDER BY i" % OUTPUT.get(name, "v::text"))
    texts = [text for text, in cursor.fetchall()]
    cursor.execute("DROP TABLE judged")
    return texts


def our_text(program, name, scale, values):
    done = subprocess.run([program, name, str(scale)], input=b"".join(values), check=True,
                          stdout=subprocess.PIPE)
    return done.stdout.decode("ascii").split("\n")[:-1]


def judge(cursor, program, kind, rng, count):
    name, sql, scale, make = kind
    ours, theirs = zip(*make(rng, count))
    got = our_text(program, name, scale, ours)
    expected = server_text(cursor, name, sql, theirs)
    wrong = [(e, g) for e, g in zip(expected, got) if e != g]
    for e, g in wrong[:10]:
        print("%s: the server writes %r, we write %r" % (name, e, g))
    if len(expected) != len(got):
        print("%s: %d texts for %d values" % (name, len(got), len(expected)))
        return False
    print("%-12s %-16s %7d values, %d differ" % (name, sql, len(got), len(wrong)))
    return not wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--conninfo", required=True)
    parser.add_argument("--values", default="tests/golden/text_values")
    parser.add_argument("--count", type=int, default=100000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("types", nargs="*")
    args = parser.parse_args()
    rng = random.Random(args.seed)
    with psycopg2.connect(args.conninfo) as connection, connection.cursor() as cursor:
        cursor.execute(SETTINGS)
        results = [judge(cursor, args.values, kind, rng, args.count)
                   for kind in KINDS if not args.types or kind[0] in args.types]
    return 0 if results and all(results) else 1


if __name__ == "__main__":
    sys.exit(main())

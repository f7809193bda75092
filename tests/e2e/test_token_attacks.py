"""Tokens that somebody else made, bent or cut, at the door: each is a 401 that says so, and no worker falls.

tests/unit/test_token*.c has the same door from within, with every byte of a token changed.
"""

import base64
import concurrent.futures
import hashlib
import hmac
import itertools
import json
import os
import random
import socket
import threading
import time

import jwt
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from harness import problem, process, raw
from harness.key_server import KeyServer
from harness.tokens import AUDIENCE, ISSUER, Issuer

PATH = "/api/v1/tables/users/rows.csv?limit=1"
P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551
DEPTHS = (15, 17, 100, 2000)
REFRESH = 60  # seconds: auth.refresh as shipped


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def as_json(value):
    return value if isinstance(value, str) else json.dumps(value)


class Forge:
    """Signs whatever it is given: with the issuer's keys, as if the issuer itself had gone mad, or with others."""

    def __init__(self, issuer):
        self.issuer = issuer

    def claims(self, **changes):
        now = int(time.time())
        claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "tester", "iat": now, "nbf": now, "exp": now + 3600,
                  "roles": ["exporter"], **changes}
        return json.dumps({name: value for name, value in claims.items() if value is not None})

    def sign(self, text, key):
        if isinstance(key, ec.EllipticCurvePrivateKey):
            r, s = decode_dss_signature(key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
            return r.to_bytes(32, "big") + s.to_bytes(32, "big")
        return key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())

    def token(self, header, payload=None, key="es", signature=None):
        """header, payload: JSON texts, or what becomes one. key: of the issuer, or a key itself. signature: bytes, in
        place of the one that would hold."""
        payload = self.claims() if payload is None else as_json(payload)
        text = f"{encode(as_json(header).encode())}.{encode(payload.encode())}"
        if signature is None:
            signature = self.sign(text, self.issuer.keys.get(key) if isinstance(key, str) else key)
        return self.remember(f"{text}.{encode(signature)}")

    def mac(self, header, secret, digest):
        text = f"{encode(as_json(header).encode())}.{encode(self.claims().encode())}"
        return self.remember(f"{text}.{encode(hmac.new(secret, text.encode(), digest).digest())}")

    def remember(self, token):
        self.issuer.issued.add(token)
        return token


@pytest.fixture(scope="module")
def forge(issuer):
    return Forge(issuer)


def send(site, token, path=PATH):
    token = token if isinstance(token, bytes) else token.encode("latin-1")
    return raw.ask(site, path, [("Authorization", b"Bearer " + token)])


def refused(answer, what):
    """401, and a challenge."""
    assert answer.status == 401, (what, answer.status, answer.body[:300])
    said = problem.check(answer, 401)
    challenge = answer.headers["www-authenticate"]
    assert challenge.startswith('Bearer realm="sluice", error="invalid_token", error_description="'), (what, challenge)
    assert '"' not in said["detail"] and said["detail"].isascii(), (what, said)


def refuse_all(site, forge, tokens):
    """tokens: (what, token). The workers are the same afterwards, and a good token still opens the door."""
    workers = sorted(site.workers())
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for what, answer in pool.map(lambda one: (one[0], send(site, one[1])), tokens):
            refused(answer, what)
    assert sorted(site.workers()) == workers
    assert send(site, forge.token({"alg": "ES256", "kid": "es"})).status == 200


# ---- algorithm and key

def test_no_algorithm_by_any_spelling(nginx_site, forge):
    spellings = {"".join(letters) for letters in itertools.product(*({c, c.upper()} for c in "none"))}
    spellings |= {"", " none", "none ", "none\u0000", "n\u00f6ne", "null", "plain", "None\u200b", "NULL", "0"}
    tokens = []
    for alg, kid in itertools.product(sorted(spellings), ("es", "rs", None)):
        header = {"alg": alg, "typ": "JWT", **({"kid": kid} if kid else {})}
        tokens += [((alg, kid, "unsigned"), forge.token(header, signature=b"")),
                   ((alg, kid, "signed"), forge.token(header))]
    for alg in (None, 0, True, [], ["none"], ["ES256"], {"ES256": 1}, 256.0):
        tokens += [((alg, n), forge.token({"alg": alg, "kid": "es"}, signature=n)) for n in (None, b"")]
    tokens += [("no alg", forge.token({"kid": "es"})), ("no alg, unsigned", forge.token({"kid": "es"}, signature=b""))]
    refuse_all(nginx_site, forge, tokens)


def public_forms(key):
    """What everybody has of a key, in each form that somebody could take for a secret."""
    public = key.public_key()
    forms = {"secret": b"secret", "nothing": b""}
    formats = [serialization.PublicFormat.SubjectPublicKeyInfo]
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        formats.append(serialization.PublicFormat.PKCS1)
        numbers = public.public_numbers()
        forms["n"] = numbers.n.to_bytes(256, "big")
        forms["n as text"] = encode(forms["n"]).encode()
    else:
        forms["point"] = public.public_bytes(serialization.Encoding.X962,
                                             serialization.PublicFormat.UncompressedPoint)
    for one in formats:
        pem = public.public_bytes(serialization.Encoding.PEM, one)
        forms[f"{one.name} PEM"], forms[f"{one.name} PEM, one line feed less"] = pem, pem.strip()
        forms[f"{one.name} DER"] = public.public_bytes(serialization.Encoding.DER, one)
    return forms


def test_the_public_key_is_no_secret(nginx_site, forge, issuer):
    digests = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512, "hs256": hashlib.sha256}
    tokens = []
    for kid, key in issuer.keys.items():
        jwk = next(jwk for jwk in issuer.jwks()["keys"] if jwk["kid"] == kid)
        forms = {**public_forms(key), "JWK": json.dumps(jwk).encode(),
                 "JWK, short": json.dumps(jwk, separators=(",", ":")).encode(),
                 "JWK set": json.dumps(issuer.jwks()).encode()}
        for (alg, digest), (form, secret) in itertools.product(digests.items(), forms.items()):
            tokens.append(((alg, kid, form), forge.mac({"alg": alg, "kid": kid}, secret, digest)))
        for alg in ("RS256", "ES256"):  # an HMAC under the name of a signature
            tokens += [((alg, kid, form, "mac"), forge.mac({"alg": alg, "kid": kid}, secret, hashlib.sha256))
                       for form, secret in forms.items()]
    refuse_all(nginx_site, forge, tokens)


def test_no_algorithm_stands_for_another(nginx_site, forge, issuer):
    """A signature that the issuer made, under every other algorithm's name and each key's."""
    algs = ("RS256", "ES256", "RS384", "RS512", "PS256", "PS384", "ES384", "ES512", "ES256K", "EdDSA", "RSA1_5",
            "RSA-OAEP", "dir", "A256GCMKW", "PBES2-HS256+A128KW", "rs256", "es256", "RS256 ", "SHA256", "RS256,ES256")
    fits = {("RS256", "rs", "rs"), ("ES256", "es", "es")}
    refuse_all(nginx_site, forge, [
        (case, forge.token({"alg": case[0], "kid": case[1]}, key=case[2]))
        for case in itertools.product(algs, ("rs", "es"), ("rs", "es")) if case not in fits])


KIDS = ["../../dev/null", "../../../../../../dev/null", "/dev/null", "/etc/passwd", "file:///etc/passwd", "..", ".", "/",
        "jwks.json", "\\\\host\\share", "C:\\nul", "' OR '1'='1", "es' UNION SELECT 'x", "1; DROP TABLE users--", "es;",
        "%s%n%x", "${jndi:ldap://127.0.0.1/x}", "$(id)", "`id`", "| id", "es\u0000", "\u0000", "\u0000es", "es\n",
        "es\r\nX-Injected: 1", " es", "es ", "ES", "Es", "e", "ess", "e\u0455", "es\u200b", "\ud83d\ude00", "*", "?", "[",
        "http://127.0.0.1/", "-1", "0", "null", "undefined", "x" * 10240, "../" * 3000, "\u20ac" * 3000]


def test_a_kid_is_only_compared(nginx_site, forge):
    values = KIDS + ["", None, 0, 1, -1, 1.5, 1e400, True, [], ["es"], {}, {"es": "es"}, [["es"]]]
    tokens = [((kid, "signed"), forge.token({"alg": "ES256", "kid": kid})) for kid in values]
    tokens += [((kid, "empty key"), forge.mac({"alg": "HS256", "kid": kid}, b"", hashlib.sha256)) for kid in values]
    tokens += [("none", forge.token({"alg": "ES256"})), ("lone surrogate", forge.token('{"alg":"ES256","kid":"\\ud800"}'))]
    refuse_all(nginx_site, forge, tokens)


class Trap:
    """Counts who connects, and answers nobody."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port, self.connected, self.ending = self.listener.getsockname()[1], 0, False
        self.thread = threading.Thread(target=self._work)
        self.thread.start()

    def _work(self):
        while True:
            self.listener.accept()[0].close()
            if self.ending:
                return
            self.connected += 1

    def stop(self):
        self.ending = True
        socket.create_connection(("127.0.0.1", self.port)).close()
        self.thread.join()
        self.listener.close()


@pytest.fixture
def trap():
    made = Trap()
    yield made
    made.stop()


def test_a_token_brings_no_key(make_site, forge, issuer, top, trap):
    """Keys in the header, or where the header says; also at a server that the site may talk to: its issuer's."""
    stranger = Issuer()
    keys = KeyServer(f"{top}/attack", issuer.jwks())
    theirs = KeyServer(f"{top}/theirs", stranger.jwks())
    try:
        site, began = make_site(settings={"auth": {"jwks": keys.url, "ca": keys.ca, "timeout": "30s"}}), time.monotonic()
        assert send(site, issuer.token()).status == 200
        jwk = next(one for one in stranger.jwks()["keys"] if one["kid"] == "es")
        der = base64.b64encode(stranger.keys["es"].public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)).decode()
        places = [f"{scheme}://127.0.0.1:{trap.port}/keys" for scheme in ("http", "https", "ftp", "ldap", "gopher")]
        places += [theirs.url, f"//127.0.0.1:{trap.port}/keys", "file:///etc/passwd", f"{top}/keys.json"]
        brought = [{"jwk": jwk}, {"jwk": json.dumps(jwk)}, {"jwks": {"keys": [jwk]}}, {"x5c": [der]}, {"x5c": der},
                   {"x5t": "AAAA"}, {"x5t#S256": "AAAA"}, {"jwk": None}]
        brought += [{name: place} for name in ("jku", "x5u", "iss", "kid") for place in places]
        brought += [{"jku": places[0], "jwk": jwk, "x5u": places[1], "x5c": [der]}]
        tokens = []
        for extra, kid in itertools.product(brought, ("es", "new", None)):
            header = {"alg": "ES256", **({"kid": kid} if kid else {}), **extra}
            tokens.append((header, forge.token(header, key=stranger.keys["es"])))
        refuse_all(site, forge, tokens)
        assert trap.connected == 0 and theirs.asked == 0
        assert 1 <= keys.asked <= asked_most(began)
        socket.create_connection(("127.0.0.1", trap.port)).close()
        process.wait_until(lambda: trap.connected == 1, "the trap to close")
    finally:
        keys.stop()
        theirs.stop()


def asked_most(began):
    """How often an issuer may have been asked since then."""
    return 1 + (time.monotonic() - began) // REFRESH


def test_unknown_keys_do_not_flood_the_issuer(make_site, forge, issuer, top):
    """With the shipped auth.refresh; from the first request on, with no key set known yet."""
    keys = KeyServer(f"{top}/flood", issuer.jwks())
    try:
        site = make_site(settings={"auth": {"jwks": keys.url, "ca": keys.ca, "timeout": "30s"}}, workers=(4, 1))
        began = time.monotonic()
        chance = random.Random(7)
        refuse_all(site, forge, [
            (n, forge.token({"alg": "ES256", "kid": f"{chance.getrandbits(64):x}"})) for n in range(200)])
        assert 1 <= keys.asked <= asked_most(began)
    finally:
        keys.stop()


# ---- JSON

def nested(depth, opening, closing, inner="1"):
    return opening * depth + inner + closing * depth


def with_member(text, member):
    return text[:-1] + f",{member}}}"


def test_headers_and_payloads_that_are_deep_or_long(nginx_site, forge):
    header, claims = '{"alg":"ES256","kid":"es"}', forge.claims()
    good, tokens = [], []
    for depth, (opening, closing) in itertools.product(DEPTHS, (("[", "]"), ('{"a":', "}"))):
        value = f'"x":{nested(depth, opening, closing)}'
        pair = [((depth, opening, "header"), forge.token(with_member(header, value))),
                ((depth, opening, "payload"), forge.token(header, with_member(claims, value)))]
        (good if depth < 16 else tokens).extend(pair)
    for depth in (1, 100, 5000):
        tokens += [((depth, "open"), forge.token(header, "[" * depth)), ((depth, "header"), forge.token("{" * depth)),
                   ((depth, "array"), forge.token(header, nested(depth, "[", "]")))]
    for what, token in good:
        assert send(nginx_site, token).status == 200, what
    long = '"x":"' + "y" * 20000 + '"'
    tokens += [("long header", forge.token(with_member(header, long))),
               ("long payload", forge.token(header, with_member(claims, long)))]
    many = ",".join(f'"k{i}":{i}' for i in range(800))
    assert send(nginx_site, forge.token(header, with_member(claims, many))).status == 200
    tokens.append(("many members, one twice", forge.token(header, with_member(claims, many + ',"k7":7'))))
    refuse_all(nginx_site, forge, tokens)


def test_members_that_two_readers_could_read_in_two_ways(nginx_site, forge):
    header = '{"alg":"ES256","kid":"es"}'
    tokens = []
    for name in ("iss", "aud", "sub", "exp", "nbf", "roles", "scope", "tenant_id", "x"):
        for first, second in (("1", "1"), ("1", '"b"'), ("null", "null")):
            twice = f'"{name}":{first},"{name}":{second}'
            tokens.append(((name, first, second), forge.token(header, with_member(forge.claims(**{name: None}), twice))))
    spelled = "".join(f"\\u{ord(c):04x}" for c in "sub")
    tokens.append(("escaped", forge.token(header, with_member(forge.claims(), f'"{spelled}":"root"'))))
    for name, value in (("alg", '"ES256"'), ("alg", '"none"'), ("kid", '"es"'), ("kid", '"rs"'), ("typ", '"JWT"')):
        tokens += [((name, value, "after"), forge.token(with_member(header, f'"{name}":{value},"{name}":{value}'))),
                   ((name, value, "before"), forge.token(f'{{"{name}":{value},' + with_member(header, '"x":1,"x":1')[1:]))]
    claims = forge.claims()
    for text in (claims + claims, claims + "x", "x" + claims, f"[{claims}]", claims.replace('"', "'"), claims[:-1],
                 claims[:-1] + ",}", f"/**/{claims}", "\ufeff" + claims, claims + "\0", "", " ", "null", "{}", "[]", "0",
                 json.dumps(claims), with_member(claims, '"x":NaN'), with_member(claims, '"x":01'),
                 with_member(claims, '"x":"\t"'), with_member(claims, '"x":"\\u0000"'), with_member(claims, "x:1"),
                 with_member(claims, '"x":"\\ud800"')):
        tokens.append((text[:40], forge.token(header, text)))
    refuse_all(nginx_site, forge, tokens)


NO_TEXT = [0, 1, -1, 1.5, True, False, {}, {"a": 1}, [[]], [1], [None], ""]


def test_claims_of_the_wrong_type(nginx_site, forge):
    header = '{"alg":"ES256","kid":"es"}'
    cases = [("iss", value) for value in [*NO_TEXT, [ISSUER], ISSUER.upper(), ISSUER + "/", ISSUER[:-1], " " + ISSUER]]
    cases += [("sub", value) for value in [*NO_TEXT, ["tester"]]]
    cases += [("aud", value) for value in [*NO_TEXT, [], ["x"], [AUDIENCE, 1], [[AUDIENCE]], {AUDIENCE: 1},
                                           AUDIENCE + " ", AUDIENCE.upper(), f"{AUDIENCE},x"]]
    now = int(time.time())
    times = ["", "x", str(now + 3600), True, {}, [], [now + 3600], {"exp": now + 3600}]
    cases += [("exp", value) for value in [*times, 0, -1, now - 3600, -1e300]]
    cases += [("nbf", value) for value in [*times, now + 3600, 1e300]]
    cases += [("roles", value) for value in [0, 1.5, True, {}, {"exporter": True}, [1], ["exporter", 1], [["exporter"]],
                                             [None], ["exporter", {}]]]
    cases += [("tenant_id", value) for value in [1.5, 1.0, True, {}, [], ["north"], [1], "", 2 ** 64, -2 ** 63, 1e30]]
    cases += [("scope", value) for value in [0, True, {}, [1], ["sluice.view", None]]]
    tokens = [(case, forge.token(header, forge.claims(**dict([case])))) for case in cases]
    for name in ("iss", "sub", "aud", "exp", "nbf"):
        tokens.append(((name, "missing"), forge.token(header, forge.claims(**{name: None}))))
    for name in ("iss", "sub", "aud", "exp", "nbf", "roles", "tenant_id", "scope"):
        tokens.append(((name, "null"), forge.token(header, with_member(forge.claims(**{name: None}), f'"{name}":null'))))
    for text in ("1e999", "-1e999", "NaN", "Infinity", "-Infinity", "0x7fffffff", "1_0"):
        tokens += [((name, text), forge.token(header, with_member(forge.claims(**{name: None}), f'"{name}":{text}')))
                   for name in ("exp", "nbf")]
    refuse_all(nginx_site, forge, tokens)


# ---- text

def test_a_token_cut_at_every_byte(nginx_site, forge):
    for kid, alg in (("es", "ES256"), ("rs", "RS256")):
        good = forge.token({"alg": alg, "kid": kid}, key=kid)
        refuse_all(nginx_site, forge, [(n, good[:n]) for n in range(1, len(good))])
        refuse_all(nginx_site, forge, [(-n, good[n:]) for n in range(1, len(good), 7)])


def test_base64_in_one_spelling_only(nginx_site, forge):
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    tokens = []
    for kid, alg in (("es", "ES256"), ("rs", "RS256")):
        for pad in range(3):  # so that every length of a last group comes up
            header = as_json({"alg": alg, "kid": kid, "x": "y" * pad})
            good = forge.token(header, forge.claims(x="y" * pad), key=kid)
            parts = good.split(".")
            for i, part in enumerate(parts):  # (spaces before the first part belong to the scheme)
                others = [part + "=", part + "==", part + "===", "=" + part, part[:5] + "=" + part[5:], part + "A",
                          part[:-1], part[:4] + " " + part[4:], part[:4] + "\t" + part[4:],
                          part[:4] + "%41" + part[4:], part[:4] + "*" + part[4:], part + "AAAA"]
                if len(part) % 4:  # the same bytes, with other bits behind them
                    others += [part[:-1] + alphabet[alphabet.index(part[-1]) ^ bit]
                               for bit in ((1, 2) if len(part) % 4 == 3 else (1, 2, 4, 8))]
                if "-" in part or "_" in part:
                    others.append(part.replace("-", "+").replace("_", "/"))
                tokens += [((kid, pad, i, n), ".".join([*parts[:i], other, *parts[i + 1:]]))
                           for n, other in enumerate(others)]
    refuse_all(nginx_site, forge, tokens)


def test_parts_too_few_too_many_or_empty(nginx_site, forge):
    good = forge.token({"alg": "ES256", "kid": "es"})
    head, payload, signature = good.split(".")
    texts = [".", "..", "...", "a", "a.b", "a.b.c", head, f"{head}.", f"{head}..", f"{head}..{signature}", f".{payload}.",
             f"..{signature}", f".{payload}.{signature}", f"{head}.{payload}", f"{head}.{payload}.", f"{good}.",
             f".{good}", f"{good}.{signature}", f"{good}.{good}", f"{head}.{payload}.{signature}.{payload}.{signature}",
             f"{payload}.{head}.{signature}", f"{signature}.{payload}.{head}", f"{head}.{head}.{signature}",
             f"{good},{good}", f"{good};x", f"{good} x", f"{good}#", f"{good}?", f'"{good}"', f"<{good}>", "." * 5000,
             f"{head}.{payload}.{signature}{'.' * 100}", f"Bearer {good}", f"token={good}"]
    refuse_all(nginx_site, forge, [(text[:60], text) for text in texts])


def test_bytes_beyond_ascii(site, forge):
    """Apache keeps to itself what it takes for no header."""
    good = forge.token({"alg": "ES256", "kid": "es"}).encode()
    first = good.index(b".")
    for what in (b"\x80", b"\xff", b"\xc3\xa9", b"\xe2\x82\xac", b"\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90\x80\x80", b"\x7f",
                 b"\x01", b"\x1b[2J", b"\t"):
        for at in (0, 10, first, first + 1, len(good)):
            answer = send(site, good[:at] + what + good[at:])
            if at == len(good) and what == b"\t" and answer.status == 200:
                continue  # a web server may take away the space around a value (RFC 9110 §5.5)
            if answer.status != 400:
                refused(answer, (what, at))
    for what in (b"\0", b"\r", b"\n"):  # no header at all
        answer = send(site, good[:10] + what + good[10:])
        assert answer.status in (400, 401), (what, answer)


def test_tokens_that_are_too_long(site, forge, issuer):
    """A web server may refuse them first; Sluice reads up to 16 KiB."""
    header = {"alg": "ES256", "kid": "es"}
    fits = forge.token(header, forge.claims(x="y" * 4000))
    assert len(fits) < 8000 and send(site, fits).status == 200
    good = forge.token(header)
    for length in (16 * 1024 + 1, 30000, 70000, 1 << 20):
        for token in (good + "A" * (length - len(good)), forge.token(header, forge.claims(x="y" * length)),
                      "." * length, "A" * length):
            answer = send(site, token)
            assert answer.status in (0, 400, 401, 431, 494, 502), (length, answer.status)
            assert answer.status or length > 1 << 19, length
    assert send(site, good).status == 200


def test_a_signature_may_have_two_forms(nginx_site, forge):
    """(r, s) and (r, n - s) are both signatures of the same text, and RFC 7518 §3.4 asks for neither: both are taken. So
    the text of a token is not its identity, and nothing may be kept under it."""
    good = forge.token({"alg": "ES256", "kid": "es"})
    text, signature = good.rsplit(".", 1)
    r, s = decode(signature)[:32], int.from_bytes(decode(signature)[32:], "big")
    forge.issuer.keys["es"].public_key().verify(
        encode_dss_signature(int.from_bytes(r, "big"), P256_ORDER - s), text.encode(), ec.ECDSA(hashes.SHA256()))
    assert send(nginx_site, f"{text}.{encode(r + (P256_ORDER - s).to_bytes(32, 'big'))}").status == 200

    def spelled(r, s):
        return f"{text}.{encode(r + s)}"
    low = s.to_bytes(32, "big")
    zero, order = bytes(32), P256_ORDER.to_bytes(32, "big")
    tokens = [("zero r", spelled(zero, low)), ("zero s", spelled(r, zero)), ("both zero", spelled(zero, zero)),
              ("r = n", spelled(order, low)), ("s = n", spelled(r, order)), ("both n", spelled(order, order)),
              ("s + n", spelled(r, ((s + P256_ORDER) % 2 ** 256).to_bytes(32, "big"))), ("longer", spelled(r, low + b"\0")),
              ("padded", spelled(b"\0" + r, b"\0" + low)), ("swapped", spelled(low, r)), ("r twice", spelled(r, r)),
              ("one", spelled(zero[:31] + b"\1", zero[:31] + b"\1")), ("ones", spelled(b"\xff" * 32, b"\xff" * 32)),
              ("DER", f"{text}.{encode(encode_dss_signature(int.from_bytes(r, 'big'), s))}")]
    refuse_all(nginx_site, forge, tokens)


# ---- places

def test_a_token_is_taken_from_its_header_only(site, forge):
    good = forge.token({"alg": "ES256", "kid": "es"})
    assert send(site, good).status == 200
    for query in (f"access_token={good}", f"token={good}", f"bearer_token={good}", f"Authorization=Bearer%20{good}"):
        answer = raw.ask(site, f"/api/v1/tables/users/rows.csv?{query}", [])
        problem.check(answer, 401)
        assert answer.headers["www-authenticate"] == 'Bearer realm="sluice"'
        assert good not in answer.text()
    for name in ("Cookie", "X-Access-Token", "X-Authorization", "Proxy-Authorization", "X-Forwarded-Access-Token",
                 "Bearer", "Authorization-", "X-Authorization-Bearer", "Auth"):
        for value in (f"Bearer {good}", f"access_token={good}; Authorization=Bearer {good}", good):
            problem.check(raw.ask(site, PATH, [(name, value.encode())]), 401)


def test_other_schemes_are_401(site, forge):
    good = forge.token({"alg": "ES256", "kid": "es"})
    basic = base64.b64encode(f"user:{good}".encode()).decode()
    for value in (good, f"Basic {basic}", f"Basic {good}", f"JWT {good}", f"Token {good}", f"DPoP {good}",
                  f"Digest {good}", f"Bearer:{good}", f"Bearer={good}", f"Bearer{good}", f"Bearer,{good}", "Bearer",
                  f"Negotiate {good}", f"Basic {basic}, Bearer {good}", f"Bearer {good}, Basic {basic}"):
        refused(raw.ask(site, PATH, [("Authorization", value.encode())]), value[:20])


def test_two_headers_are_none(site, forge):
    """Nobody chooses for the caller which of them counts."""
    good, bad = forge.token({"alg": "ES256", "kid": "es"}).encode(), b"Bearer x"
    pairs = [(b"Bearer " + good, bad), (bad, b"Bearer " + good), (b"Bearer " + good, b"Bearer " + good),
             (b"Bearer " + good, b"Basic eDp5"), (b"Basic eDp5", b"Bearer " + good), (b"Bearer " + good, b"")]
    for pair in pairs:
        answer = raw.ask(site, PATH, [("Authorization", value) for value in pair])
        assert answer.status in (400, 401), (pair[0][:10], pair[1][:10], answer.status)
    for names in (("Authorization", "authorization"), ("AUTHORIZATION", "Authorization")):
        answer = raw.ask(site, PATH, [(names[0], b"Bearer " + good), (names[1], bad)])
        assert answer.status in (400, 401), names

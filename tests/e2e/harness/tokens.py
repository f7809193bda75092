"""An issuer of tokens: keys, the JWKS file that Sluice reads, and signed JWTs (PyJWT)."""

import json
import time

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

ISSUER = "https://issuer.test/"
AUDIENCE = "sluice-test"


class Issuer:
    """Every token that it signs is remembered, so that the logs can be searched for them."""

    def __init__(self):
        self.keys = {"rs": rsa.generate_private_key(public_exponent=65537, key_size=2048),
                     "es": ec.generate_private_key(ec.SECP256R1())}
        self.algorithms = {"rs": "RS256", "es": "ES256"}
        self.issued = set()

    def jwks(self):
        public = {"rs": json.loads(RSAAlgorithm.to_jwk(self.keys["rs"].public_key())),
                  "es": ec_jwk(self.keys["es"].public_key())}
        return {"keys": [{**jwk, "kid": kid, "use": "sig", "alg": self.algorithms[kid]}
                         for kid, jwk in public.items()]}

    def write_jwks(self, path):
        with open(path, "w", encoding="utf-8") as f:
            json.dump(self.jwks(), f)

    def token(self, sub="tester", kid="rs", headers=None, **claims):
        """A token that holds, but for what `claims` changes; a claim of None is left out."""
        now = int(time.time())
        payload = {"iss": ISSUER, "aud": AUDIENCE, "sub": sub, "iat": now, "nbf": now, "exp": now + 3600,
                   "roles": ["exporter"], **claims}
        payload = {name: value for name, value in payload.items() if value is not None}
        pem = self.keys[kid].private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                           serialization.NoEncryption())
        text = jwt.encode(payload, pem, self.algorithms[kid], {"kid": kid, **(headers or {})})
        self.issued.add(text)
        return text


def ec_jwk(key):
    """PyJWT reads EC keys in this form but does not write them before version 2.8."""
    numbers = key.public_numbers()

    def coordinate(number):
        return jwt.utils.base64url_encode(number.to_bytes(32, "big")).decode()
    jwk = {"kty": "EC", "crv": "P-256", "x": coordinate(numbers.x), "y": coordinate(numbers.y)}
    assert ECAlgorithm.from_jwk(json.dumps(jwk)).public_numbers() == numbers
    return jwk

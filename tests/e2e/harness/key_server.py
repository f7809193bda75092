"""An issuer's https server on 127.0.0.1, with an authority of its own, that hands out a key set."""

import datetime
import http.server
import ipaddress
import json
import ssl
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def certificate(subject, key, issuer, issuer_key, extension):
    now = datetime.datetime.utcnow()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)])
    builder = x509.CertificateBuilder(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]), name, key.public_key(),
        x509.random_serial_number(), now - datetime.timedelta(hours=1), now + datetime.timedelta(days=1))
    return builder.add_extension(extension, critical=True).sign(issuer_key, hashes.SHA256())


def pem(made):
    return made.public_bytes(serialization.Encoding.PEM)


def write_certificate(path):
    """For 127.0.0.1, by an authority of its own. Writes two files whose names begin with path; returns theirs: the
    authority to verify it with, and the server's key and certificate."""
    ca, pair = f"{path}.ca.pem", f"{path}.key.pem"
    authority, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    with open(ca, "wb") as f:
        f.write(pem(certificate("CA", authority, "CA", authority, x509.BasicConstraints(True, None))))
    with open(pair, "wb") as f:
        f.write(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                  serialization.NoEncryption()))
        f.write(pem(certificate("keys", key, "CA", authority, here)))
    return ca, pair


class KeyServer:
    """Serves `document` (as JSON) until stop(); `asked` counts the requests; ca: the file to verify it with."""

    def __init__(self, path, document):
        """path: what the files of its authority and key begin with."""
        self.document, self.asked = document, 0
        self.ca, pair = write_certificate(path)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pair)
        self.server = http.server.HTTPServer(("127.0.0.1", 0), self._handler())
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self.server.server_port}/keys.json"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()

    def _handler(self):
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                owner.asked += 1
                body = json.dumps(owner.document).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/jwk-set+json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass
        return Handler

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

"""A real issuer: oidc-provider (npm) over TLS, with a key set that changes when it is told to (node/issuer.mjs)."""

import json
import signal
import subprocess

from . import key_server, process
from .client import curl


class Oidc:
    """Started by its maker, ended by stop(); ca: the file to verify it with."""

    def __init__(self, node, top, remember):
        """node: the Node of issuer.mjs. top: an empty directory. remember: a set that its tokens are added to."""
        self.remember, self.log = remember, f"{top}/issuer.log"
        self.ca, pair = key_server.write_certificate(f"{top}/tls")
        self.port = process.free_port()
        self.url = f"https://127.0.0.1:{self.port}"
        with open(self.log, "wb") as log:
            self.popen = subprocess.Popen(["node", node.script, str(self.port), pair], cwd=node.top, text=True,
                                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                                          start_new_session=True)
        try:
            assert self._answer() == {"ready": self.url}
        except BaseException:
            self.stop()
            raise

    def _answer(self):
        line = self.popen.stdout.readline()
        if not line:
            with open(self.log, encoding="utf-8") as f:
                raise RuntimeError(f"the issuer ended:\n{f.read()[-2000:]}")
        return json.loads(line)

    def tell(self, do, **more):
        self.popen.stdin.write(json.dumps({"do": do, **more}) + "\n")
        self.popen.stdin.flush()
        return self._answer()

    def asked(self, path):
        """How often, so far."""
        return self.tell("asked").get(path, 0)

    def token(self, client="analyst", scope=None):
        """As a program gets one."""
        data = "grant_type=client_credentials" + (f"&scope={scope}" if scope else "")
        answer = curl(f"{self.url}/token", data=data.encode(),
                      options=["--cacert", self.ca, "-u", f"{client}:secret-of-{client}"])
        assert answer.status == 200, answer.body
        text = answer.json()["access_token"]
        self.remember.add(text)
        return text

    def stop(self):
        """Its port is then closed."""
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGKILL)
        self.popen.wait()
        for pipe in (self.popen.stdin, self.popen.stdout):
            pipe.close()

"""Judges from npm, for what Debian has none of: installed into a directory of the tests' own."""

import os
import shutil
import subprocess

from . import process
from .postgres import SOURCE

# A registry that cannot be reached is given up soon.
INSTALL = ["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error", "--fetch-retries=1", "--fetch-timeout=20000",
           "--prefer-offline"]


class Node:
    """A script of tests/e2e/node."""

    modules = None  # where what npm has installed is

    def __init__(self, top, script):
        """top: an empty directory."""
        source = os.path.join(SOURCE, "tests", "e2e", "node")
        for name in ("package.json", "package-lock.json", script):
            shutil.copy(os.path.join(source, name), top)
        self.top, self.script = top, script
        # One installation serves all that come after it.
        if Node.modules:
            os.symlink(Node.modules, os.path.join(top, "node_modules"))
            return
        done = subprocess.run(INSTALL, cwd=top, capture_output=True, text=True, timeout=180 * process.PATIENCE,
                              check=False)
        if done.returncode:
            raise RuntimeError(f"npm ci failed:\n{done.stderr[-2000:]}")
        Node.modules = os.path.join(top, "node_modules")

    def run(self, text, *args):
        """The lines that it writes when it is given the text."""
        done = subprocess.run(["node", self.script, *args], cwd=self.top, input=text, capture_output=True, text=True,
                              timeout=60 * process.PATIENCE, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout.split("\n")[:-1]

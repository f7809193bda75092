"""DuckDB as a judge: npm's, since Debian has none. Installed once a session into a directory of the tests' own."""

import json
import os
import shutil
import subprocess

from .postgres import SOURCE

# A registry that cannot be reached is given up soon.
INSTALL = ["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error", "--fetch-retries=1", "--fetch-timeout=20000"]


class DuckDB:
    def __init__(self, top):
        """top: an empty directory."""
        source = os.path.join(SOURCE, "tests", "e2e", "node")
        for name in ("package.json", "package-lock.json", "duckdb.mjs"):
            shutil.copy(os.path.join(source, name), top)
        self.top = top
        done = subprocess.run(INSTALL, cwd=top, capture_output=True, text=True, timeout=180, check=False)
        if done.returncode:
            raise RuntimeError(f"npm ci failed:\n{done.stderr[-2000:]}")

    def ask(self, *statements):
        """The rows of each, values as DuckDB's own text; None is NULL."""
        done = subprocess.run(["node", "duckdb.mjs"], cwd=self.top, input=json.dumps(statements), capture_output=True,
                              text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        return [json.loads(line) for line in done.stdout.splitlines()]

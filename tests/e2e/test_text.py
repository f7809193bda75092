"""The text of values, random and at the edges, against the server's own (tests/golden/judge_text.py)."""

import os
import subprocess
import sys

import pytest

from harness.postgres import SOURCE

# The same text as in the sanitizer build's golden and unit tests, many times over.
pytestmark = pytest.mark.slow


def test_text_is_the_servers_own(postgres):
    build = os.environ.get("SLUICE_BUILD")
    if not build:
        pytest.skip("SLUICE_BUILD does not name a build: `tests/run e2e` does")
    done = subprocess.run([sys.executable, os.path.join(SOURCE, "tests", "golden", "judge_text.py"),
                           "--conninfo", postgres.conninfo("postgres"), "--count", "30000",
                           "--seed", os.environ.get("SLUICE_SEED", "1"),
                           "--values", os.path.join(build, "tests", "golden", "text_values")],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:]

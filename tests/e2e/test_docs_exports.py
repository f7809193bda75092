"""docs/exports.md is what happens: its examples are run by a shell, in their order, against a site with a worker."""

import os
import re
import subprocess

import pytest

from harness import process
from harness.client import curl
from harness.postgres import SOURCE
from harness.worker import Worker


def examples():
    """Each indented block of the page."""
    with open(os.path.join(SOURCE, "docs", "exports.md"), encoding="utf-8") as f:
        blocks = re.findall(r"(?m)(?:^ {4}.*\n)+", f.read())
    return [re.sub(r"(?m)^ {4}", "", block) for block in blocks]


@pytest.fixture
def shell(nginx_site, token, tmp_path):
    """run(script): what it printed, in a folder that stays."""
    def run(script):
        env = {"PATH": f"{nginx_site.prefix}/bin:{os.environ['PATH']}", "HOME": "/nonexistent",
               "SLUICE_URL": nginx_site.url, "SLUICE_TOKEN": token}
        ran = subprocess.run(["/bin/sh", "-euc", script], env=env, cwd=tmp_path, capture_output=True, text=True, check=False,
                             timeout=60 * process.PATIENCE)
        assert (ran.returncode, ran.stderr) == (0, ""), (script, ran)
        return ran.stdout

    return run


def test_the_examples(nginx_site, token, shell, tmp_path):
    variables, ask, watch, events, download, one, *links, check, end = examples()
    worker = Worker(nginx_site, 1)
    try:
        job = shell(f"{variables}{ask}echo $id").strip()
        known = f"{variables}id={job}\n"
        assert shell(known + watch) == "succeeded\n19991\nusers-from-10.csv.gz\n"
        assert "event: end" in shell(known + events)
        assert shell(known + download) == "users.csv.gz: OK\n"
        whole = (tmp_path / "users.csv.gz").read_bytes()
        (tmp_path / "users.csv.gz").write_bytes(whole[:len(whole) // 2])
        assert shell(known + download) == "users.csv.gz: OK\n"
        shell(known + one)
        assert (tmp_path / "users-from-10.csv.gz").read_bytes() == whole
        assert len(links) == 2
        shell(known + links[0])
        assert '"used"' in shell(known + links[1])
        assert "whole" in shell(known + check)
        assert job in shell(known + end)
        assert curl(f"{nginx_site.url}/api/v1/exports/{job}", token).status == 404
    finally:
        worker.stop()

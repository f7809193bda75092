"""sluice-worker beside a site."""

import os
import shutil
import signal
import subprocess

from . import process


class Worker:
    def __init__(self, site, n=1, name="worker"):
        # The user that workers run as need not be able to read the place where Sluice was built.
        self.site = site
        self.program = shutil.copy(os.path.join(site.prefix, "sbin", "sluice-worker"), site.path(name))
        self.env = {**site.env, "SLUICE_CONFIG": site.config}
        self.process = process.Process(name, process.as_user(site.user, [self.program, "-n", str(n)]),
                                       site.path("log", f"{name}.err"), self.env)

    def pids(self):
        """Those that run jobs, and of these the processes of parts."""
        loops = process.children(self.process.pid)
        return loops, [part for loop in loops for part in process.children(loop)]

    def stop(self, signum=signal.SIGTERM):
        if self.process:
            self.process.stop(signum)
            self.process = None


def run_once(site):
    """All jobs that wait, one after the other, by the same user; the finished process."""
    program = shutil.copy(os.path.join(site.prefix, "sbin", "sluice-worker"), site.path("worker-once"))
    return subprocess.run(process.as_user(site.user, [program, "--once"]), capture_output=True, text=True, check=False,
                          timeout=300 * process.PATIENCE, env={**os.environ, **site.env, "SLUICE_CONFIG": site.config})

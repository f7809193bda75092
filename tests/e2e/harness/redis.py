"""A private Redis: on a unix socket that everybody may use, kept in memory alone."""

import os
import subprocess

from . import process


class Redis:
    def __init__(self, top, *options):
        """top: an empty directory of its own. options: further words of redis-server's command line."""
        self.top, self.options = top, options
        self.socket = os.path.join(top, "redis.sock")
        self.url = f"unix:{self.socket}"
        self.user = process.user_or_self("redis")
        self.server = None
        process.give(top, self.user)
        self.start()

    def start(self):
        command = ["redis-server", "--port", "0", "--unixsocket", self.socket, "--unixsocketperm", "777",
                   "--dir", self.top, "--save", "", "--appendonly", "no", *self.options]
        self.server = process.Process("redis", process.as_user(self.user, command), os.path.join(self.top, "log"))
        self.server.wait_ready(lambda: process.accepts(self.socket))

    def stop(self):
        if self.server:
            self.server.stop()
            self.server = None

    def cli(self, *args):
        """What redis-cli prints for a command."""
        command = ["redis-cli", "--raw", "-s", self.socket, *args]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.rstrip("\n")

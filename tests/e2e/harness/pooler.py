"""PgBouncer before a database, with few servers for many clients: a transaction is all that a client has to itself."""

import os
import shutil
import signal

import psycopg2

from . import process

PORT = 6432  # of a unix socket: nobody else's

CONFIG = """
[databases]
{database} = host={host} port={port} dbname={database}
[pgbouncer]
listen_addr =
listen_port = {own_port}
unix_socket_dir = {top}
auth_type = trust
auth_file = {top}/users
pool_mode = transaction
default_pool_size = {servers}
max_client_conn = 100
ignore_startup_parameters = extra_float_digits
"""


class Pooler:
    def __init__(self, top, postgres, servers):
        """top: an empty directory of its own."""
        self.top, self.database, self.servers = top, postgres.database, servers
        self.user = process.user_or_self("postgres")
        self._write("users", '"sluice" ""\n"postgres" ""\n')
        self._write("pgbouncer.ini", CONFIG.format(
            database=postgres.database, host=postgres.host, port=postgres.port, own_port=PORT, top=top,
            servers=servers))
        process.give(top, self.user)
        self.start()

    def _write(self, name, text):
        with open(os.path.join(self.top, name), "w", encoding="utf-8") as f:
            f.write(text)

    def start(self):
        command = [shutil.which("pgbouncer") or "/usr/sbin/pgbouncer", os.path.join(self.top, "pgbouncer.ini")]
        self.server = process.Process("pgbouncer", process.as_user(self.user, command),
                                      os.path.join(self.top, "log"))
        self.server.wait_ready(lambda: process.accepts(os.path.join(self.top, f".s.PGSQL.{PORT}")))

    def stop(self):
        """SIGTERM is the immediate shutdown."""
        self.server.stop(signal.SIGTERM)

    def conninfo(self):
        return f"host={self.top} port={PORT} user=sluice dbname={self.database}"

    def on_each_server(self, sql):
        """One row from each: a client that is in a transaction keeps its server from the others."""
        clients = [psycopg2.connect(self.conninfo()) for _ in range(self.servers)]
        try:
            rows = []
            for client in clients:
                with client.cursor() as cursor:
                    cursor.execute(sql)
                    rows += cursor.fetchall()
            return rows
        finally:
            for client in clients:
                client.rollback()
                client.close()

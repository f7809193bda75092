"""A site: one configuration, its pools of workers, and a web server in front, made from the shipped files."""

import os
import re
import shutil
import signal
import subprocess

from . import config, process
from .postgres import SOURCE

FRONTS = ("nginx", "mod_proxy_fcgi", "mod_fcgid")
MODULES = "/usr/lib/apache2/modules"

# A sanitizer's report is to stand in a log, and to end the worker. libpq looks for certificates in HOME and takes one
# that it may not read for a failure; HOME would be that of whoever runs the tests.
ENVIRONMENT = {"UBSAN_OPTIONS": "print_stacktrace=1", "ASAN_OPTIONS": "detect_stack_use_after_return=1",
               "HOME": "/nonexistent"}

NGINX = """
daemon off;
user {user};
worker_processes 2;
pid nginx.pid;
error_log error.log;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path body;
    fastcgi_temp_path fastcgi;
    proxy_temp_path proxy;
    scgi_temp_path scgi;
    uwsgi_temp_path uwsgi;
    include sluice.conf;
}}
"""

# The modules that Debian switches on by itself and that could come in the way (dir, deflate, mime), and what is needed.
APACHE = """
ServerRoot {top}
DefaultRuntimeDir {top}
PidFile {top}/apache.pid
ErrorLog {top}/error.log
DocumentRoot {top}/htdocs
ServerName localhost
Listen 127.0.0.1:{port}
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule dir_module {modules}/mod_dir.so
LoadModule mime_module {modules}/mod_mime.so
LoadModule env_module {modules}/mod_env.so
LoadModule filter_module {modules}/mod_filter.so
LoadModule deflate_module {modules}/mod_deflate.so
DirectoryIndex index.html
TypesConfig /etc/mime.types
AddEncoding x-gzip .gz
AddOutputFilterByType DEFLATE text/html text/plain text/csv application/json application/x-ndjson
"""

APACHE_ROOT = """
User {user}
Group {user}
"""

APACHE_SENDFILE = """
LoadModule xsendfile_module {modules}/mod_xsendfile.so
"""

APACHE_MODULES = {
    "mod_proxy_fcgi": """
LoadModule proxy_module {modules}/mod_proxy.so
LoadModule proxy_fcgi_module {modules}/mod_proxy_fcgi.so
""",
    "mod_fcgid": """
LoadModule fcgid_module {modules}/mod_fcgid.so
FcgidIPCDir {top}/fcgid
FcgidProcessTableFile {top}/fcgid/shm
""",
}


class Site:
    """Started by its maker, ended by stop(); everything it writes is under `top`, an empty directory of its own."""

    def __init__(self, top, prefix, postgres, issuer, front="nginx", settings=None, env=None, workers=(2, 1),
                 sendfile=True):
        """prefix: where Sluice is installed. settings: laid over the default configuration.
        workers: of the stream and of the control pool. sendfile: the web server sends files itself."""
        self.top, self.prefix, self.postgres, self.issuer, self.front = top, prefix, postgres, issuer, front
        self.sendfile = sendfile
        self.user = process.user_or_self("www-data")
        self.port = process.free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.env = {**ENVIRONMENT, **(env or {})}
        self.config = os.path.join(top, "sluice.conf")
        self.settings = config.merge(config.default(top, postgres), settings or {})
        self.pools = {}
        self.server = None
        for name in ("log", "state", "stage", "run", "front"):
            os.mkdir(os.path.join(top, name))
        for name in ("log", "state", "stage"):
            process.give(os.path.join(top, name), self.user)
        # The user that workers run as need not be able to read the place where Sluice was built.
        self.program = shutil.copy(os.path.join(prefix, "libexec", "sluice", "sluice.fcgi"), top)
        issuer.write_jwks(os.path.join(top, "jwks.json"))
        config.write(self.config, self.settings)
        try:
            self._start(workers)
        except BaseException:
            self.stop()
            raise

    def path(self, *names):
        return os.path.join(self.top, *names)

    def sluice(self, *args, check=True):
        """Run the command-line program with the site's configuration."""
        env = {**os.environ, **self.env, "SLUICE_SCHEMA_DIR": os.path.join(self.prefix, "share", "sluice", "schema")}
        return subprocess.run([os.path.join(self.prefix, "bin", "sluice"), "-c", self.config, *args],
                              env=env, capture_output=True, text=True, check=check)

    def _start(self, workers):
        if self.settings["metadata"].get("database"):
            self.sluice("migrate")
        if self.front != "mod_fcgid":
            for pool, n in zip(("stream", "control"), workers):
                self.start_pool(pool, n)
        self.start_front()

    def start_pool(self, pool, n):
        socket = self.path("run", f"{pool}.sock")
        command = ["spawn-fcgi", "-n", "-s", socket, "-M", "0600"]
        if process.is_root():
            command += ["-u", self.user, "-U", self.user]
        command += ["--", shutil.which("multiwatch"), "-f", str(n), "-r", "10", "-t", "1000",
                    "--", self.program]
        env = {**self.env, "SLUICE_CONFIG": self.config, "SLUICE_POOL": pool}
        self.pools[pool] = process.Process(f"{pool} pool", command, self.path("log", f"{pool}.err"), env)
        # The socket is there before them.
        self.pools[pool].wait_ready(lambda: len(self.workers(pool)) == n and process.accepts(socket))

    def start_front(self):
        command = self._nginx() if self.front == "nginx" else self._apache()
        # Apache hands its environment down to the workers of mod_fcgid.
        self.server = process.Process(self.front, command, self.path("front", "output.log"), self.env)
        self.server.wait_ready(lambda: process.accepts(("127.0.0.1", self.port)))

    def shipped(self, name):
        """A file of etc/ with this site's port and paths in place of those of an installation."""
        with open(os.path.join(SOURCE, "etc", name), encoding="utf-8") as f:
            text = f.read()
        text = re.sub(r"(?m)^( *listen )80;", rf"\g<1>127.0.0.1:{self.port};", text)
        text = text.replace("<VirtualHost *:80>", f"<VirtualHost 127.0.0.1:{self.port}>")
        text = text.replace("/run/sluice/", self.path("run", ""))
        text = text.replace("/usr/libexec/sluice/sluice.fcgi", self.program)
        text = text.replace("/var/lib/sluice/stage", self.path("stage"))
        text = text.replace("/var/log/sluice/", self.path("front", "")).replace("/var/log/nginx/", self.path("front", ""))
        if not self.sendfile:
            text = re.sub(r"(?m)^ *fastcgi_param SLUICE_SENDFILE .*\n", "", text)
        return text.replace("/etc/sluice/sluice.conf", self.config)

    def _write(self, name, text):
        path = self.path("front", name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def _nginx(self):
        main = NGINX.format(user=self.user)
        self._write("nginx.conf", main if process.is_root() else main.replace(f"user {self.user};\n", ""))
        self._write("sluice.conf", self.shipped("nginx.conf"))
        return ["nginx", "-p", self.path("front", ""), "-c", "nginx.conf", "-e", "error.log"]

    def _apache(self):
        top = self.path("front")
        os.makedirs(os.path.join(top, "htdocs"), exist_ok=True)
        os.makedirs(os.path.join(top, "fcgid"), exist_ok=True)
        process.give(os.path.join(top, "fcgid"), self.user)
        main = APACHE + APACHE_MODULES[self.front] + (APACHE_ROOT if process.is_root() else "")
        main += APACHE_SENDFILE if self.sendfile else ""
        shipped = {"mod_proxy_fcgi": "apache-proxy-fcgi.conf", "mod_fcgid": "apache-mod_fcgid.conf"}
        passed = "".join(f"FcgidInitialEnv {name} {value}\n" for name, value in self.env.items())
        text = self.shipped(shipped[self.front])
        if self.front == "mod_fcgid":
            text = text.replace("    FcgidInitialEnv", f"{passed}    FcgidInitialEnv", 1)
        conf = self._write("apache.conf", main.format(top=top, port=self.port, modules=MODULES,
                                                      user=self.user) + text)
        return ["apache2", "-f", conf, "-DFOREGROUND"]

    def workers(self, pool=None):
        """The pids of the workers: of one pool, or of all."""
        if self.front != "mod_fcgid":
            names = [pool] if pool else self.pools
            return [pid for name in names for pid in process.children(self.pools[name].pid)]
        return [pid for parent in process.children(self.server.pid) for pid in process.children(parent)
                if belongs(pid, self.program, pool)]

    def logs(self):
        """Every file that this site's processes write to."""
        found = [self.path("log", name) for name in os.listdir(self.path("log"))]
        return found + [self.path("front", name) for name in ("error.log", "output.log")
                        if os.path.exists(self.path("front", name))]

    def stop(self):
        """Web server first, so that no new request comes in while the workers leave."""
        if self.server:
            self.server.stop(signal.SIGTERM)
            self.server = None
        for pool in self.pools.values():
            pool.stop(signal.SIGTERM)
        self.pools = {}
        process.give_back(self.port)


def belongs(pid, program, pool):
    try:
        with open(f"/proc/{pid}/environ", "rb") as f:
            environment = f.read().split(b"\0")
        return os.readlink(f"/proc/{pid}/exe") == program and (
            pool is None or f"SLUICE_POOL={pool}".encode() in environment)
    except (FileNotFoundError, ProcessLookupError):
        return False

"""Processes that the tests start: each in a session of its own, ended by its process group."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time

# Times as long as expected is soon enough: the sanitizer build is slow, and slowest when it ends.
PATIENCE = float(os.environ.get("SLUICE_PATIENCE", "1"))

# A shell that runs the tests in its background has them ignore these, and a process hands on what it ignores: a server
# would be deaf to them until it has set its own handlers.
for deaf, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGQUIT, signal.SIG_DFL)):
    if signal.getsignal(deaf) == signal.SIG_IGN:
        signal.signal(deaf, handler)


def is_root():
    return os.geteuid() == 0


def user_or_self(name):
    """The user that a server runs as: `name` when the tests run as root, else whoever runs them."""
    return name if is_root() else pwd.getpwuid(os.geteuid()).pw_name


def as_user(name, command):
    """The command line that runs `command` as `name`, when the tests run as root."""
    if not is_root():
        return list(command)
    return ["setpriv", "--reuid", name, "--regid", name, "--init-groups", *command]


def give(path, user):
    """Hand a directory over to the user a server runs as."""
    if is_root():
        shutil.chown(path, user)


kept_ports = {}  # number: the socket that keeps it


def free_port():
    """A TCP port of 127.0.0.1 that nobody listens on, and nobody else is given until give_back(): a socket that does not
    listen has it, beside which a server may bind its own as long as that has SO_REUSEADDR, as all of theirs have."""
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("127.0.0.1", 0))
    port = s.getsockname()[1]
    kept_ports[port] = s
    return port


def give_back(port):
    if port in kept_ports:
        kept_ports.pop(port).close()


def run(command, env=None):
    """Run a program that must succeed; its standard output."""
    done = subprocess.run(command, env={**os.environ, **(env or {})}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def wait_until(condition, what, seconds=20):
    """Ask every few milliseconds until condition() is true. seconds: times PATIENCE; the last time is asked behind them, however
    long the time before took."""
    end = time.monotonic() + seconds * PATIENCE
    while True:
        is_late = time.monotonic() > end
        if condition():
            return
        if is_late:
            raise TimeoutError(f"waited {seconds * PATIENCE:g} s in vain: {what}")
        time.sleep(0.02)


def accepts(address):
    """Does somebody listen there? address: a path, or (host, port)."""
    with socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET) as s:
        try:
            s.connect(address)
        except OSError:
            return False
        return True


def children(pid):
    """The pids of a process's children."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
            return [int(word) for word in f.read().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def state(pid):
    """A letter, as /proc/PID/stat has it; X of one that is not there."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
            return f.read().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "X"


def is_there(pid):
    """Is there such a process that has not ended? (One that nobody has buried yet has ended.)"""
    return state(pid) not in "ZX"


def is_stopped(pid):
    """By SIGSTOP."""
    return state(pid) == "T"


def open_files(pid):
    """What a process's descriptors stand for, as /proc says; nothing of one that has gone."""
    found = []
    try:
        for fd in os.listdir(f"/proc/{pid}/fd"):
            try:
                found.append(os.readlink(f"/proc/{pid}/fd/{fd}"))
            except FileNotFoundError:
                pass  # closed meanwhile
    except (FileNotFoundError, ProcessLookupError):
        pass
    return found


def status(pid, name):
    """What /proc/PID/status says, in KiB: VmHWM, the most that it ever had resident; RssAnon, of it what is its own."""
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as f:
        for line in f:
            if line.startswith(f"{name}:"):
                return int(line.split()[1])
    raise ValueError(f"process {pid} has no {name}")


class Process:
    """A server in the foreground, its output in a log file."""

    def __init__(self, name, command, log, env=None, cwd="/", stdin=subprocess.DEVNULL):
        self.name = name
        with open(log, "ab") as out:
            self.popen = subprocess.Popen(
                command, stdin=stdin, stdout=out, stderr=out, cwd=cwd,
                env=None if env is None else {**os.environ, **env}, start_new_session=True)
        self.pid = self.popen.pid
        self.log = log

    def is_alive(self):
        return self.popen.poll() is None

    def wait_ready(self, condition, seconds=20):
        def ready():
            if not self.is_alive():
                with open(self.log, encoding="utf-8", errors="replace") as f:
                    raise RuntimeError(f"{self.name} ended with {self.popen.returncode}:\n{f.read()[-2000:]}")
            return condition()
        wait_until(ready, f"{self.name} is ready", seconds)

    def stop(self, signum=signal.SIGTERM, seconds=10):
        """Ask it to end; what of its process group is left after `seconds`, times PATIENCE, is killed. Returns its status."""
        if self.is_alive():
            self.popen.send_signal(signum)
        try:
            self.popen.wait(seconds * PATIENCE)
        except subprocess.TimeoutExpired:
            pass
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        return self.popen.wait()

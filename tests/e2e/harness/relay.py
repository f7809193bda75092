"""A TCP relay before the database's unix socket, which fails after as many bytes as it is told to."""

import select
import socket
import struct
import threading

CHUNK = 65536


class Relay:
    """Counts what the database sends, over all connections. After fail_after(n, how) byte n is the last that gets
    through; the connection that brought it is then reset, closed, or stalls until release() and is closed."""

    def __init__(self, target):
        """target: the path of a unix socket."""
        self.target = target
        self.lock = threading.Lock()
        self.passed, self.limit, self.how = 0, None, None
        self.stalled, self.released = threading.Event(), threading.Event()
        self.pairs, self.threads, self.is_ending = set(), [], False
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self._run(self._accept)

    def fail_after(self, n, how):
        """how: "reset", "close" or "stall". n of None: nothing fails. Counting begins anew."""
        self.stalled.clear()
        self.released.clear()
        with self.lock:
            self.passed, self.limit, self.how = 0, n, how

    def release(self):
        """End the connection that stalls."""
        self.released.set()

    def drop(self):
        """End every connection."""
        with self.lock:
            for pair in self.pairs:
                for end in pair:
                    shut(end)

    def stop(self):
        with self.lock:
            self.is_ending = True
        self.released.set()
        shut(self.listener)
        self.drop()
        for thread in self.threads:
            thread.join(10)
            assert not thread.is_alive()
        self.listener.close()

    def _run(self, target, *args):
        thread = threading.Thread(target=target, args=args, daemon=True)
        self.threads.append(thread)
        thread.start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self._run(self._serve, client)

    def _serve(self, client):
        """One thread for both ways: a socket that another thread reads would not be closed before it is done."""
        with client, socket.socket(socket.AF_UNIX) as server:
            pair = (client, server)
            try:
                server.connect(self.target)
                with self.lock:
                    if self.is_ending:
                        return
                    self.pairs.add(pair)
                self._fail(client, self._copy(client, server))
            except OSError:
                pass  # one end has gone, and the other goes with it
            with self.lock:
                self.pairs.discard(pair)

    def _copy(self, client, server):
        """Until an end closes, or it is time to fail: returns how."""
        while True:
            ready, _, _ = select.select([client, server], [], [])
            if client in ready:
                data = client.recv(CHUNK)
                if not data:
                    return "close"
                server.sendall(data)
            if server in ready:
                data = server.recv(CHUNK)
                if not data:
                    return "close"
                allowed, how = self._allow(len(data))
                client.sendall(data[:allowed])
                if how:
                    return how

    def _allow(self, n):
        """How many of n bytes may pass, and what happens then."""
        with self.lock:
            if self.limit is None or self.passed + n < self.limit:
                self.passed += n
                return n, None
            allowed, how = self.limit - self.passed, self.how
            self.passed, self.limit = self.limit, None
            return allowed, how

    def _fail(self, client, how):
        if how == "stall":
            self.stalled.set()
            self.released.wait(60)
        elif how == "reset":  # SO_LINGER with a time of zero
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def shut(end):
    """Whoever reads it or accepts from it wakes up."""
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass

"""Event streams, read as they come, and by Node: fetch and a parser by the words of WHATWG HTML §9.2.6."""

import http.client
import json
import time

from . import process


class Event:
    def __init__(self, name, data, last_id, seconds):
        self.name, self.data, self.id, self.seconds = name, data, last_id, seconds

    def job(self):
        return json.loads(self.data)


class Listener:
    """with Listener(site, path, token) as listener: for event in listener: …  Hangs up at the end of the block."""

    def __init__(self, site, path, token, last_id=None, seconds=60):
        self.began = time.monotonic()
        self.connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=seconds * process.PATIENCE)
        headers = {"Authorization": f"Bearer {token}"}
        if last_id:
            headers["Last-Event-ID"] = last_id
        self.connection.request("GET", path, headers=headers)
        self.answer = self.connection.getresponse()
        self.status, self.retry, self.comments, self.last_id = self.answer.status, None, 0, ""
        self.whole = False  # the transfer has ended as it should

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.hang_up()

    def hang_up(self):
        self.answer.close()
        self.connection.close()

    def lines(self):
        """http.client raises when the transfer breaks off."""
        while line := self.answer.readline():
            yield line.decode()
        self.whole = True

    def __iter__(self):
        name, data = "message", []
        for line in self.lines():
            assert line.endswith("\n"), "the stream ends within a line"
            field, _, value = line[:-1].partition(":")
            value = value.removeprefix(" ")
            if line == "\n":
                if data:
                    yield Event(name, "\n".join(data), self.last_id, time.monotonic() - self.began)
                name, data = "message", []
            elif field == "":
                self.comments += 1
            elif field == "event":
                name = value
            elif field == "data":
                data.append(value)
            elif field == "id":
                self.last_id = value
            elif field == "retry":
                self.retry = int(value)
            else:
                raise AssertionError(f"no field of an event stream: {line!r}")

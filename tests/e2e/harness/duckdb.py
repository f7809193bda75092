"""DuckDB as a judge: npm's, since Debian has none."""

import json

from .node import Node


class DuckDB(Node):
    def __init__(self, top):
        """top: an empty directory."""
        super().__init__(top, "duckdb.mjs")

    def ask(self, *statements):
        """The rows of each, values as DuckDB's own text; None is NULL."""
        return [json.loads(line) for line in self.run(json.dumps(statements))]

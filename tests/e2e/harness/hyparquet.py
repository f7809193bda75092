"""hyparquet as a judge of Parquet."""

import json

from .node import Node


class Hyparquet(Node):
    def __init__(self, top):
        """top: an empty directory."""
        super().__init__(top, "hyparquet.mjs")

    def read(self, path):
        """metadata, indexes (of each row group and column: column, offset), rows."""
        (answer,) = self.run(path)
        return json.loads(answer)

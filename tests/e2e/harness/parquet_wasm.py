"""parquet-wasm, Apache Arrow's reader in Rust, as a judge of Parquet."""

import json

from .node import Node


class ParquetWasm(Node):
    def __init__(self, top):
        """top: an empty directory."""
        super().__init__(top, "parquet_wasm.mjs")

    def rows(self, path):
        return [json.loads(line) for line in self.run(path)]

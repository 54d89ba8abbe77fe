"""The SDK's documents: models of services and the list of endpoints, up to a megabyte of JSON each.

Each session of the SDK parses its documents again. Importing moto's EC2 creates three sessions, and each parses the
model and the endpoints.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def parsed_once() -> Iterator[None]:
    """Parse each document at most once until the block ends. All sessions of the process share the results."""
    from botocore.loaders import JSONFileLoader

    loader: Any = JSONFileLoader
    parsed: dict[str, Any] = {}
    read = loader.load_file

    def load_file(self: Any, file_path: str) -> Any:
        if parsed.get(file_path) is None:
            parsed[file_path] = read(self, file_path)
        return parsed[file_path]

    loader.load_file = load_file
    try:
        yield
    finally:
        loader.load_file = read

"""A proxy in front of a DynamoDB endpoint that counts requests, and units by AWS's rule.

The rule: a write costs a unit for each started KB of the item, before or after it, whichever is larger, and at least
one. It costs double within a transaction, and the same when its condition fails. A new or deleted entry of an index
costs another unit, and an entry whose key changes costs two. A read costs a unit for each started 4 KB, and half of it
when it is not consistent. The proxy computes units from the request and the table's items before and after it, so it
is independent of the engine. It handles one request at a time.
"""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from cronstack.ledger.partitions import DUE, INDEX

Item = Mapping[str, Mapping[str, Any]]
Items = Mapping[str, Item]
"""Items by their keys, as JSON."""


_REST = {("POST", "schedules"): "CreateSchedule"}
"""Operations by method and path, for requests without a target header."""


class Exchange(NamedTuple):
    """One request and its answer."""

    operation: str
    """For example "UpdateItem"."""
    status: int
    written: int
    read: float


class Wire:
    """A proxy. ``items`` returns all items of a table."""

    def __init__(self, endpoint: str, items: Callable[[str], list[Item]]) -> None:
        self._upstream, self._items = str(urlsplit(endpoint).netloc), items
        self.exchanges: list[Exchange] = []
        wire = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                wire._pass_on(self)

            def log_message(self, *_: object) -> None:
                """Do not log."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"

    @contextmanager
    def serving(self) -> Iterator[Wire]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join(10)

    @contextmanager
    def counted(self) -> Iterator[list[Exchange]]:
        """Yield the exchanges of the block, which are added at its end."""
        exchanges: list[Exchange] = []
        before = len(self.exchanges)
        yield exchanges
        exchanges += self.exchanges[before:]

    def _pass_on(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        target = handler.headers.get("X-Amz-Target", "")
        operation = target.rpartition(".")[2] or _REST.get((handler.command, handler.path.split("/")[1]), "?")
        request = json.loads(body) if target.startswith("DynamoDB") else {}
        tables = sorted(tables_of(request))
        before = {table: self._keyed(table, request) for table in tables}
        connection = HTTPConnection(self._upstream, timeout=60)
        try:
            headers = {name: value for name, value in handler.headers.items() if name.lower() != "host"}
            connection.request(handler.command, handler.path, body, headers)
            answer = connection.getresponse()
            payload = answer.read()
            fields = dict(answer.getheaders())
        finally:
            connection.close()
        after = {table: self._keyed(table, request) for table in tables}
        written, read = units(operation, request, before, after) if request else (0, 0.0)
        self.exchanges.append(Exchange(operation, answer.status, written, read))
        handler.send_response(answer.status)
        for name, value in fields.items():
            if name.lower() not in ("content-length", "date", "server", "connection"):
                handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(payload)))
        handler.end_headers()
        handler.wfile.write(payload)

    def _keyed(self, table: str, request: Mapping[str, Any]) -> Items:
        """Return the table's items by their keys in the request."""
        names = {name for action in actions_of(request) for name in key_of(action)}
        return {_text({name: item[name] for name in names if name in item}): item for item in self._items(table)}


def units(
    operation: str, request: Mapping[str, Any], before: Mapping[str, Items], after: Mapping[str, Items]
) -> tuple[int, float]:
    """Return write and read units of a request, by the tables' items before and after it."""
    written, read = 0, 0.0
    for action in actions_of(request):
        table, key = action["TableName"], _text(key_of(action))
        sizes = [size_of(items[table][key]) if key in items[table] else 0 for items in (before, after)]
        if operation == "GetItem":
            read += max(1, math.ceil(sizes[0] / 4096)) * (1 if action.get("ConsistentRead") else 0.5)
        else:
            written += max(1, math.ceil(max(sizes) / 1024)) * (2 if operation == "TransactWriteItems" else 1)
            written += len(_entry(before[table].get(key, {})) ^ _entry(after[table].get(key, {})))
    return written, read


def _entry(item: Item) -> set[str]:
    """Return the key of the item's entry in the ledger's index, or an empty set."""
    return {_text({name: item[name] for name in (INDEX, DUE)})} if INDEX in item and DUE in item else set()


def actions_of(request: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the actions of a request on single items."""
    if "TransactItems" in request:
        return [action for item in request["TransactItems"] for action in item.values()]
    return [request] if "Key" in request or "Item" in request else []


def tables_of(request: Mapping[str, Any]) -> set[str]:
    return {action["TableName"] for action in actions_of(request)}


def key_of(action: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the key of an action. A put has it in the item: id, or pk and sk."""
    if "Key" in action:
        found: Mapping[str, Any] = action["Key"]
        return found
    return {name: action["Item"][name] for name in ("id", "pk", "sk") if name in action["Item"]}


def size_of(item: Item) -> int:
    """Return an item's bytes by AWS's rule: names and values in UTF-8; a number: one, and one for two digits."""
    return sum(len(name.encode()) + _size(value) for name, value in item.items())


def _size(value: Mapping[str, Any]) -> int:
    ((kind, given),) = value.items()
    match kind:
        case "S":
            return len(given.encode())
        case "N":
            return math.ceil(len(given.strip("-").replace(".", "").strip("0") or "0") / 2) + 1
        case "M":
            return 3 + sum(len(name.encode()) + _size(member) + 1 for name, member in given.items())
        case "L":
            return 3 + sum(_size(member) + 1 for member in given)
    return 1


def _text(key: Mapping[str, Any]) -> str:
    return json.dumps(key, sort_keys=True)

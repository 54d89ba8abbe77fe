"""Lambda's Runtime API on loopback: a handler process gets its next event here and posts its response.

    GET  /2018-06-01/runtime/invocation/next           waits for an event
    POST /2018-06-01/runtime/invocation/ID/response    202; 413 for more than 6 MB
    POST /2018-06-01/runtime/invocation/ID/error       202
    POST /2018-06-01/runtime/init/error                202: the module could not be loaded

Each sandbox has its own port, because a request has no other identification. Each response is one write: with two,
the kernel's delayed acknowledgements make 95 ms out of 0.6 ms.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Final, NamedTuple, Protocol

from cronstack_infra.local.executor.values import LARGEST_RESPONSE

_LONGEST_HEAD: Final = 4 * 1024 * 1024
"""awslambdaric sends a traceback of up to 1 MB as a header."""
_DRAINED: Final = 4 * LARGEST_RESPONSE
"""Bytes up to which a body that is too large is read, so that its sender gets our response."""

_ANSWER: Final = re.compile(r"/2018-06-01/runtime/invocation/([^/]+)/(response|error)")


class NextEvent(NamedTuple):
    """The response to GET next."""

    headers: Mapping[str, str]
    body: bytes


class Process(Protocol):
    """The sandbox behind a port."""

    async def next(self) -> NextEvent: ...

    def responded(self, request_id: str, body: bytes | None) -> bool:
        """Note a response. ``body``: None if it is too large. Return whether this request is under way."""

    def failed(self, request_id: str | None, body: bytes | None) -> bool:
        """Note an error. ``request_id``: None for an error of initialisation. ``body``: None if it is too large."""


async def serve(process: Process) -> asyncio.Server:
    """Open the Runtime API of one process on a free port."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (request := await _read(reader)) is not None:
                writer.write(await _answer(process, request))
                await writer.drain()
        except asyncio.CancelledError:
            pass  # the executor closes
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            pass  # the process has ended or sent invalid HTTP; the warden reports its end
        finally:
            writer.close()

    return await asyncio.start_server(converse, "127.0.0.1", 0, limit=_LONGEST_HEAD)


class _Request(NamedTuple):
    method: str
    path: str
    body: bytes | None


async def _read(reader: asyncio.StreamReader) -> _Request | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as end:
        if end.partial:
            raise
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ", 2)
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return _Request(method, path, await _chunks(reader))
    return _Request(method, path, await _body(reader, int(headers.get("content-length") or 0)))


async def _body(reader: asyncio.StreamReader, length: int) -> bytes | None:
    if length <= LARGEST_RESPONSE:
        return await reader.readexactly(length)
    left = min(length, _DRAINED)
    while left:
        part = await reader.read(min(left, 1 << 20))
        if not part:
            break
        left -= len(part)
    return None


async def _chunks(reader: asyncio.StreamReader) -> bytes | None:
    parts: list[bytes] = []
    size = 0
    while True:
        length = int((await reader.readuntil(b"\r\n")).split(b";")[0], 16)
        part = await reader.readexactly(length + 2)
        if not length:
            return b"".join(parts) if size <= LARGEST_RESPONSE else None
        size += length
        if size > _DRAINED:
            raise ValueError(f"the response has more than {_DRAINED} bytes")
        if size <= LARGEST_RESPONSE:
            parts.append(part[:-2])
        else:
            parts.clear()


async def _answer(process: Process, request: _Request) -> bytes:
    if request.method == "GET" and request.path == "/2018-06-01/runtime/invocation/next":
        event = await process.next()
        return _http("200 OK", event.body, event.headers)
    if request.method == "POST" and request.path == "/2018-06-01/runtime/init/error":
        process.failed(None, request.body)
        return _http("202 Accepted", b'{"status":"OK"}')
    if request.method == "POST" and (path := _ANSWER.fullmatch(request.path)):
        if path[2] == "error":
            known = process.failed(path[1], request.body)
        else:
            known = process.responded(path[1], request.body)
        if not known:
            return _http("400 Bad Request", b'{"errorType":"InvalidRequestID","errorMessage":"Invalid request ID"}')
        if request.body is None:
            text = f'{{"errorType":"RequestEntityTooLarge","errorMessage":"more than {LARGEST_RESPONSE} bytes"}}'
            return _http("413 Payload Too Large", text.encode())
        return _http("202 Accepted", b'{"status":"OK"}')
    return _http("404 Not Found", b"{}")


def _http(status: str, body: bytes, headers: Mapping[str, str] | None = None) -> bytes:
    given = {"Content-Type": "application/json", "Content-Length": str(len(body)), **(headers or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode("latin-1") + body

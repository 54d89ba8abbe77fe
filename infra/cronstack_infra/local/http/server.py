"""The HTTP server of the local cloud: 127.0.0.1 only, a thread per connection, connections kept alive.

Only werkzeug's reading of a request is used. Its handler closes every connection and writes headers and body
separately, which costs 40 ms of delayed acknowledgements per request.
"""

from __future__ import annotations

import contextlib
import errno
import io
import json
import socket
import sys
import threading
from collections.abc import Callable
from datetime import datetime
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING, Final

from botocore.model import OperationNotFoundError
from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.http import http_date
from werkzeug.serving import BaseWSGIServer, make_server

from cronstack.errors import CronstackError
from cronstack_infra.local.environment import endpoint
from cronstack_infra.local.http import unsupported
from cronstack_infra.local.http.faults import NeverAnswers, NoAnswer
from cronstack_infra.local.http.requests import request_of

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

LOOPBACK: Final = "127.0.0.1"

_Head = tuple[str, list[tuple[str, str]]]
"""Status and headers of a response."""


class Server:
    """Serves a WSGI application from its own thread. The constructor binds the port; ``start`` accepts requests."""

    def __init__(self, application: WSGIApplication, port: int, now: Callable[[], datetime]) -> None:
        """now: returns the time for the Date header of a response."""

        class Handler(_Handler):
            def date_time_string(self, timestamp: float | None = None) -> str:
                return http_date(now())

        self._socket = _bound(port)
        self.port: int = self._socket.getsockname()[1]
        self._server: BaseWSGIServer = make_server(
            LOOPBACK, self.port, application, threaded=True, request_handler=Handler, fd=self._socket.fileno()
        )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="server", daemon=True)

    @property
    def endpoint(self) -> str:
        return endpoint(self.port)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Stop serving and close the port."""
        self._server.shutdown()
        self._server.server_close()
        self._socket.close()


class _Handler(MotoRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def run_wsgi(self) -> None:
        """Read a whole request, call the application, and write the whole response at once."""
        environ = self.make_environ()
        if environ.pop("wsgi.input_terminated", False):
            whole = environ["wsgi.input"].read()
            del environ["HTTP_TRANSFER_ENCODING"]
            environ["CONTENT_LENGTH"] = str(len(whole))
        else:
            whole = self.rfile.read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(whole)
        heads: list[_Head] = []
        try:
            body = b"".join(self.server.app(environ, lambda status, headers, _=None: _add_head(heads, status, headers)))
        except NoAnswer:
            self.close_connection = True
            return
        except NeverAnswers:
            self.close_connection = True
            with contextlib.suppress(OSError):
                self.connection.recv(1)  # returns when the client gives up or its process ends
            return
        except (NotImplementedError, OperationNotFoundError) as fault:  # of moto
            status, headers, body = unsupported.refusal(request_of(environ, whole), fault)
            heads = [(status, headers)]
        except Exception as fault:  # of moto: the client still gets a response, and the server continues
            text = f"{type(fault).__name__}: {fault}"
            print(f"{self.command} {self.path}: {text}", file=sys.stderr, flush=True)
            request = request_of(environ, whole)
            status, headers, body = unsupported.error(request, "500 Internal Server Error", "InternalFailure", text)
            heads = [(status, headers)]
        self._write(*heads[-1], body)

    def _write(self, status: str, headers: list[tuple[str, str]], body: bytes) -> None:
        code, _, phrase = status.partition(" ")
        self.send_response_only(int(code), phrase)
        given = {name.lower() for name, _ in headers}
        for name, value in headers:
            if name.lower() != "date":  # moto sets the machine's time
                self.send_header(name, value)
        self.send_header("Date", self.date_time_string())
        if self.command == "HEAD" or code in ("204", "304"):
            body = b""
        elif "content-length" not in given:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def handle_expect_100(self) -> bool:
        """Send "100 Continue" at once: boto3 waits up to a second for it before an upload."""
        accepted = super().handle_expect_100()
        self.wfile.flush()
        return accepted

    def log(self, type: str, message: str, *args: object) -> None:
        """Log nothing: the request log has every request."""


def _add_head(heads: list[_Head], status: str, headers: list[tuple[str, str]]) -> Callable[[bytes], object]:
    heads.append((status, headers))
    return _no_writer


def _no_writer(part: bytes) -> object:
    raise TypeError("the gate returns its response; it does not use write()")


def _bound(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((LOOPBACK, port))
        listener.listen(512)
    except OSError as fault:
        listener.close()
        raise _not_bound(port, fault) from fault
    return listener


def _not_bound(port: int, fault: OSError) -> CronstackError:
    if fault.errno != errno.EADDRINUSE:
        return CronstackError(f"cannot listen on 127.0.0.1:{port}: {fault.strerror}", remedy="Choose another --port.")
    pid = cloud_process_on_port(port)
    if pid is None:
        return CronstackError(f"port {port} is in use by another program", remedy="Choose another with --port.")
    return CronstackError(
        f"port {port} is in use: a Cronstack local cloud runs there already, process {pid}",
        remedy="Use that one, stop it, or choose another with --port.",
    )


def cloud_process_on_port(port: int, seconds: float = 1.0) -> int | None:
    """Return the process id of the Cronstack local cloud on a port; None if none answers."""
    connection = HTTPConnection(LOOPBACK, port, timeout=seconds)
    try:
        connection.request("GET", "/_cronstack/")
        fields = json.loads(connection.getresponse().read(10_000))
        return int(fields["pid"]) if "cronstack" in fields else None
    except (OSError, HTTPException, ValueError, KeyError, TypeError):
        return None
    finally:
        connection.close()

"""Answers of custom resources: CloudFormation passes a URL to a function, and the function PUTs its answer there.

On AWS it is a presigned URL of S3. Here it is an address of the local cloud's own server. A cloud without a server (a
simulation, whose handlers run in its own process) starts a small one on the loopback interface at the first question.
An answer is kept until ``forget``. The first answer to a question counts, as on AWS.
"""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from cronstack_infra.local.lock import BACKENDS

PATH: Final = "/_cronstack/resource-answers/"
LARGEST: Final = 4096
"""CloudFormation's limit of an answer, in bytes."""

_answers: dict[str, bytes | None] = {}
"""By question; None: not answered yet."""
_starting = threading.Lock()
_address = ""
_is_served = False


def serve_at(endpoint: str) -> None:
    """Note that this process's own server accepts answers. The server calls ``put``."""
    global _address, _is_served
    _address, _is_served = endpoint, True


def is_served() -> bool:
    """Return whether a server of this cloud always accepts answers, even of functions that have ended."""
    return _is_served


def is_asked() -> bool:
    """Return whether a custom resource waits for an answer."""
    return bool(_answers)


def ask(question: str) -> str:
    """Expect an answer to a question, which can be part of a URL. Return the URL that accepts the answer."""
    _answers[question] = None
    return f"{_served_address()}{PATH}{question}"


def put(question: str, body: bytes) -> bool:
    """Keep an answer; return whether it was expected. With handler processes, the caller holds BACKENDS."""
    if question not in _answers:
        return False
    if _answers[question] is None:
        _answers[question] = body
    BACKENDS.notify_all()
    return True


def answer(question: str) -> bytes | None:
    """Return the answer to a question; None if there is no answer yet."""
    return _answers.get(question)


def forget(question: str) -> None:
    """Stop accepting an answer to a question."""
    _answers.pop(question, None)


def _served_address() -> str:
    global _address
    with _starting:
        if not _address:
            server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
            threading.Thread(target=server.serve_forever, name="resource-answers", daemon=True).start()
            _address = f"http://127.0.0.1:{server.server_port}"
    return _address


class _Handler(BaseHTTPRequestHandler):
    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        # Without BACKENDS: the thread that waits for this answer runs the handler, and holds the lock meanwhile.
        question = self.path.removeprefix(PATH)
        expected = question in _answers
        if expected and _answers[question] is None:
            _answers[question] = body
        self.send_response(200 if expected else 403)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""

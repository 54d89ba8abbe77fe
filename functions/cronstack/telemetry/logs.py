"""The log of a run: JSON lines with job, occurrence and attempt. Values that look like secrets are redacted.

JSON escapes line ends and terminal sequences, so each record is one line, whatever data it contains.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

from cronstack.occurrence import to_datetime

HIDDEN: Final = "[redacted]"
_SECRET: Final = (
    r"pass(?:word|wd|phrase)|secret|token(?!s)|api[-_]?key|access[-_]?key|private[-_]?key"
    r"|authorization|credential|cookie"
)
_SECRET_KEY = re.compile(_SECRET, re.IGNORECASE)
# Lookbehind and possessive quantifiers prevent backtracking: a message may be one word of a megabyte.
# A redacted value stays as it is: an error is redacted when it is read, and again in its line.
_SECRET_IN_TEXT = re.compile(
    rf"""(?<![\w-])(?=[\w-]*(?:{_SECRET}))([\w-]++["']?\s*+[:=]\s*+)"""
    r"""(?:bearer\s+|basic\s+)?(?!\[redacted\])("[^"]*"|'[^']*'|[^\s"',;&)}\]]+)""",
    re.IGNORECASE,
)
_STANDARD: Final = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
_DEEPEST: Final = 12

Write = Callable[[str], None]


def redact(value: Any, depth: int = 0) -> Any:
    """Return a copy without the values of keys that look like secrets."""
    if isinstance(value, str):
        return redact_text(value)
    if depth > _DEEPEST:
        return "[too deep]"
    if isinstance(value, dict | Mapping):
        return {
            key: HIDDEN if item is not None and _is_secret(str(key)) else redact(item, depth + 1)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [redact(item, depth + 1) for item in value]
    return value


@lru_cache(maxsize=1000)
def _is_secret(key: str) -> bool:
    return _SECRET_KEY.search(key) is not None


def redact_text(text: str) -> str:
    """Redact secrets in plain text: ``password=…``, ``"token": "…"``."""
    if ":" not in text and "=" not in text:
        return text
    return _SECRET_IN_TEXT.sub(rf"\1{HIDDEN}", text)


def line(fields: Mapping[str, Any]) -> str:
    """Return the fields as one line of JSON, redacted."""
    return json.dumps(redact(fields), default=repr)


class _JsonLines(logging.Handler):
    def __init__(self, write: Write, now: Callable[[], int], fields: Mapping[str, Any]) -> None:
        super().__init__()
        self._write, self._now, self._fields = write, now, fields

    def emit(self, record: logging.LogRecord) -> None:
        try:
            entry = {"at": to_datetime(self._now()).isoformat(timespec="milliseconds"), "level": record.levelname}
            extra = {name: value for name, value in vars(record).items() if name not in _STANDARD}
            entry |= {**extra, "message": record.getMessage(), **self._fields}
            if record.exc_info and record.exc_info[0] is not None:
                entry["exception"] = logging.Formatter().formatException(record.exc_info)
            self._write(line(entry))
        except Exception:  # a record that cannot be written must not fail the handler (logging's own contract)
            self.handleError(record)


class _Logger(logging.Logger):
    """A logger that does not search the stack for its caller: log lines do not contain it, and the search is slow."""

    def findCaller(self, stack_info: bool = False, stacklevel: int = 1) -> tuple[str, int, str, str | None]:
        return super().findCaller(stack_info, stacklevel) if stack_info else ("", 0, "", None)


def run_logger(write: Write, now: Callable[[], int], **fields: Any) -> logging.Logger:
    """Return a logger for one attempt. It is not in logging's registry, so attempts in one process never share it."""
    logger = _Logger(f"cronstack.{fields.get('job', '')}", level=logging.INFO)
    logger.addHandler(_JsonLines(write, now, fields))
    return logger

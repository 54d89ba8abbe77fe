"""Every exception Cronstack raises on purpose, in one tree.

    CronstackError
    ├── DeclarationError (ValueError)   a job is declared wrongly; found by discovery, never in Lambda
    ├── ScheduleError (ValueError)      an expression, a zone or a span that is not a schedule
    ├── EventError (ValueError)         an event that is not ours, malformed, or too old to be judged
    ├── LeaseLost                       this attempt no longer holds the right to run; never caught by us
    ├── OutOfTime                       too little of this invocation is left to begin; Lambda shall deliver again
    ├── Unavailable                     the ledger could not be asked; nothing was run, Lambda shall deliver again
    ├── PermanentError                  a handler raises it (or a subclass): no retry can help
    │   └── MisuseError (ValueError)    a handler asked the run for what cannot be: too large, too late, twice
    ├── RetryLater                      what ``run.retry(after=…)`` raises: come back then
    ├── OnceError (ValueError)          what was asked of ``once`` cannot be: no key, no zone, a time that is past
    ├── OnceConflict                    the key stands for something else already; nothing was changed
    ├── CommitRefused                   a condition of the handler's own writes did not hold; nothing was written
    └── OperationError                  an operator asked for what cannot be done

A refusal (duplicate, overlap, missed) is a value, not an exception: see ``guard.decision``.
Each message says what is wrong, where, why, and what to do; ``remedy`` may carry the last part by itself.
"""

from __future__ import annotations


class CronstackError(Exception):
    """Root of the tree.

    ``remedy`` is one sentence that says what to do about it, or "".
    """

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy

    def __str__(self) -> str:
        message = str(self.args[0]) if self.args else ""
        return f"{message}\n  {self.remedy}" if self.remedy else message


class DeclarationError(CronstackError, ValueError):
    """A job is declared wrongly. ``where`` is "file:line", or the file alone, or "" where there is none."""

    def __init__(self, message: str, *, where: str = "", remedy: str = "") -> None:
        super().__init__(f"{where}: {message}" if where else message, remedy=remedy)
        self.where = where


class ScheduleError(CronstackError, ValueError):
    """An expression, a time zone or a span that EventBridge Scheduler would refuse, or that never fires."""


class EventError(CronstackError, ValueError):
    """An event this function must not work. ``reason`` is the name that its dead letter carries."""

    def __init__(self, reason: str, message: str, *, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.reason = reason


class LeaseLost(CronstackError):
    """The lease went to another attempt. What this attempt has not written yet, it must not write."""


class OutOfTime(CronstackError):
    """Frozen or slow, this invocation woke up too late to claim; raised so that Lambda delivers the event again."""


class Unavailable(CronstackError):
    """AWS gave no usable answer. Ask again, with the same key and content: each call is safe to repeat.

    ``certain``: nothing was carried out; otherwise it is unknown. ``passing``: the fault is temporary.
    """

    def __init__(self, message: str, *, remedy: str = "", certain: bool = False, passing: bool = False) -> None:
        super().__init__(message, remedy=remedy)
        self.certain, self.passing = certain, passing


class PermanentError(CronstackError):
    """For handlers to raise: retrying cannot help, the occurrence goes to the dead letters at once."""


class MisuseError(PermanentError, ValueError):
    """A handler asked its run for what cannot be; nothing was sent. Asked again it is as wrong: permanent."""


class RetryLater(CronstackError):
    """What ``run.retry(after=…)`` raises; a handler lets it pass. ``after`` is in seconds."""

    def __init__(self, after: float, why: str) -> None:
        super().__init__(why or f"comes back in {after:g} s")
        self.after = after


class CommitRefused(CronstackError):
    """A condition among the writes of ``run.commit`` did not hold, so nothing was written and nothing settled.

    ``index`` counts the handler's writes from 0; ``item`` is what stood there, in DynamoDB's own form, where the write
    asked for it by ReturnValuesOnConditionCheckFailure.
    """

    def __init__(self, index: int, item: dict[str, object] | None) -> None:
        super().__init__(
            f"the condition of write {index} did not hold, so none of the writes was carried out",
            remedy="Raise it to have the attempt counted as failed, or catch it and decide.",
        )
        self.index, self.item = index, item


class OnceError(CronstackError, ValueError):
    """What was asked of ``once`` cannot be: a key, a time or an input that is none; nothing was sent."""


class OnceConflict(CronstackError):
    """The key was planned with another time or input, was cancelled, or has begun; nothing was changed."""


class OperationError(CronstackError):
    """What an operator asked for cannot be done; nothing was changed."""

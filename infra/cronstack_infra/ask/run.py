"""Ask questions, one after another, and delete everything in every case."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from datetime import datetime

from cronstack_infra.ask.question import Answer, Question
from cronstack_infra.ask.sandbox import PREFIX, Clients, Sandbox, sweep
from cronstack_infra.progress import Say


@dataclass(frozen=True)
class Asked:
    """A question with its answer. ``fault``: why there is none."""

    question: Question
    answer: Answer | None
    fault: str
    seconds: float


def ask(
    clients: Clients,
    questions: Sequence[Question],
    *,
    run: str,
    now: Callable[[], datetime],
    sleep: Callable[[float], None],
    say: Say,
    scale: float = 1.0,
) -> Generator[Asked, None, None]:
    """Yield the answers. Before the first and after the last one, delete what a run has left: also after Ctrl-C.

    Close it, so that an interrupted caller deletes at once. A question that fails does not keep the others from being
    asked.
    """
    for line in sweep(clients, PREFIX):
        say(f"left by an earlier run: {line}")
    sandbox = Sandbox(clients, run, now=now, sleep=sleep, say=say, scale=scale)
    try:
        for question in questions:
            say(f"{question.id}: {question.asks}")
            began = now()
            answer, fault = None, ""
            try:
                answer = question.ask(sandbox)
            except Exception as failed:  # a service may raise any class, and the run continues
                fault = f"{type(failed).__name__}: {failed}"
            yield Asked(question, answer, fault, (now() - began).total_seconds())
    finally:
        say("deleting everything")
        for line in sweep(clients, sandbox.prefix):
            if "could not be deleted" in line:
                say(line)

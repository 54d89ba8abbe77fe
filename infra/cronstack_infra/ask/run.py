"""Ask questions, one after another, and always delete all resources."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from datetime import datetime

from cronstack_infra.ask.question import Observation, Question
from cronstack_infra.ask.temporary_resources import PREFIX, Clients, TemporaryResources, sweep
from cronstack_infra.progress import Report


@dataclass(frozen=True)
class Asked:
    """A question with its answer. ``fault``: the error if there is no answer."""

    question: Question
    answer: Observation | None
    fault: str
    seconds: float


def ask(
    clients: Clients,
    questions: Sequence[Question],
    *,
    run: str,
    now: Callable[[], datetime],
    sleep: Callable[[float], None],
    progress: Report,
    scale: float = 1.0,
) -> Generator[Asked, None, None]:
    """Yield the answers. Delete leftover resources before the first question and after the last, also after Ctrl-C.

    Close the generator, so that an interrupted caller deletes at once. After a failed question the run continues.
    """
    for line in sweep(clients, PREFIX):
        progress(f"left by an earlier run: {line}")
    resources = TemporaryResources(clients, run, now=now, sleep=sleep, progress=progress, scale=scale)
    try:
        for question in questions:
            progress(f"{question.id}: {question.asks}")
            began = now()
            answer, fault = None, ""
            try:
                answer = question.ask(resources)
            except Exception as error:  # a service may raise any class, and the run continues
                fault = f"{type(error).__name__}: {error}"
            yield Asked(question, answer, fault, (now() - began).total_seconds())
    finally:
        progress("deleting everything")
        for line in sweep(clients, resources.prefix):
            if "could not be deleted" in line:
                progress(line)

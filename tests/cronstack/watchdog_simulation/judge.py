"""The judge of a history: compares what the watchdog has published with what was planted.

It knows the expectations of the planted faults and the passes. It does not use code of the watchdog.

    an alert for no expectation                              false alarm
    an expectation without an alert by its pass              silent
    a second alert of one incident, without a kill           twice
    no all-clear by its pass, or one before the repair       not cleared, cleared early
    a reminder too early, missing, or after an ack           reminder

A pass is overtaken if it was frozen before a request for so long that a later pass has finished. SNS has no condition,
so what an overtaken pass publishes is late: it may repeat an incident, also after its all-clear, or be the alert of a
problem that existed when the pass began.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from cronstack.occurrence import print_time
from tests.cronstack.watchdog_simulation.cloud.services import Notification
from tests.cronstack.watchdog_simulation.cloud.virtual_time import DAY, MINUTE, SECOND
from tests.cronstack.watchdog_simulation.world import Pass

FOR_EVER: Final = 1 << 62
REMINDERS: Final = {"paused": 7 * DAY}
"""Milliseconds between two reminders, by cause; else a day."""


@dataclass
class Expectation:
    """One incident that must be notified, or may be.

    ``first``: no alert comes before. ``by``: a finished pass from then on has published the alert; None: it may come
    until ``until``, or never. ``passes``: the number of finished passes that may be needed for that.
    ``cleared``: no all-clear comes before; None: it is never cleared. ``cleared_by`` and ``clear_passes`` as above.
    ``silent_end``: it ends without an all-clear, because another incident has replaced it.
    """

    job: str
    cause: str
    first: int
    by: int | None
    why: str
    surely: int = FOR_EVER
    """The alert is required only of a pass before this moment: later, the problem may have ended."""
    seen: int | None = None
    """The problem begins for the watchdog at the first finished pass from this moment on; ``by`` counts from there."""
    passes: int = 1
    until: int = FOR_EVER
    cleared: int | None = None
    cleared_by: int | None = None
    clear_passes: int = 1
    silent_end: bool = False
    arrives: int = FOR_EVER
    """With ``silent_end``: from then on, an all-clear is right, if all passes in between have died."""
    acked: int | None = None


class Verdict(NamedTuple):
    """One violation."""

    rule: str
    text: str


class Published(NamedTuple):
    at: int
    kind: str
    incident: str
    number: int
    """The number of the pass."""


def judge(
    passes: Sequence[Pass], messages: Iterable[Notification], expectations: Iterable[Expectation]
) -> list[Verdict]:
    """Return all violations of one history."""
    verdicts: list[Verdict] = []
    published: dict[tuple[str, str], list[Published]] = defaultdict(list)
    for message in messages:
        verdicts += _malformed(message)
        of = message.attributes
        key = of.get("job", ""), of.get("cause", "")
        published[key].append(Published(message.at, of.get("kind", ""), of.get("incident", ""), message.number))
    expected: dict[tuple[str, str], list[Expectation]] = defaultdict(list)
    for expectation in expectations:
        expected[expectation.job, expectation.cause].append(expectation)
    for key in sorted({*published, *expected}):
        verdicts += _Judge(key, passes, published[key], sorted(expected[key], key=lambda of: of.first)).verdicts()
    return verdicts


def _malformed(message: Notification) -> list[Verdict]:
    of, found = message.attributes, []
    job, cause, kind = of.get("job", ""), of.get("cause", ""), of.get("kind", "")
    opening = {"alert": "[shop] ", "reminder": "Still open: ", "clear": "Solved: "}.get(kind)
    if opening is None or not message.subject.startswith(opening) or of.get("stack") != "shop":
        found.append(Verdict("text", f"subject {message.subject!r} of a {kind}"))
    if job not in message.subject or not cause:
        found.append(Verdict("text", f"subject {message.subject!r} does not name {job} and {cause}"))
    if f"Incident: {of.get('incident')}" not in message.text or f"incidents help {cause}\n" not in message.text:
        found.append(Verdict("text", f"the message of {job} {cause} has no incident, or no help: {message.text[:200]}"))
    return found


class _Judge:
    """Judges one job and cause."""

    def __init__(
        self, key: tuple[str, str], passes: Sequence[Pass], published: list[Published], expected: list[Expectation]
    ) -> None:
        self._key, self._passes, self._published, self._expected = key, passes, published, expected
        self._found: list[Verdict] = []
        self._by_number = {done.number: done for done in passes}

    def verdicts(self) -> list[Verdict]:
        incidents = list(dict.fromkeys(each.incident for each in self._published))
        left = list(self._expected)
        for number, incident in enumerate(incidents):
            of = [each for each in self._published if each.incident == incident]
            self._repeated(of)
            alert = of[0]
            if alert.kind != "alert":
                self._report("order", f"{alert.kind} of {incident} without its alert", alert.at)
                continue
            match = self._match(left, alert, len(incidents) - number)
            if match is None:
                self._report("false alarm", "an alert that nothing explains", alert.at)
                continue
            for skipped in left[: left.index(match)]:
                self._missing(skipped)
            left = left[left.index(match) + 1 :]
            self._in_time(match, alert)
            self._cleared(match, of)
            self._reminded(match, of)
        for skipped in left:
            self._missing(skipped)
        return self._found

    def _report(self, rule: str, text: str, at: int) -> None:
        job, cause = self._key
        self._found.append(Verdict(rule, f"{job or 'stack'} {cause}: {text} at {print_time(at)}"))

    def _finished(self, since: int, count: int = 1) -> Pass | None:
        """Return the ``count``-th finished pass from a moment on."""
        for done in self._passes:
            if done.finished and done.at >= since:
                count -= 1
                if count == 0:
                    return done
        return None

    def _match(self, left: list[Expectation], alert: Published, alerts: int) -> Expectation | None:
        """Return the expectation of an alert. ``alerts``: how many are left, with this one.

        If a problem changes before a pass has seen it, only what it has become is notified.
        """
        allowed = [each for each in left if self._allows(each, alert)]
        while len(allowed) > max(alerts, 1) and self._due(allowed[0]) is None:
            del allowed[0]
        return allowed[0] if allowed else None

    def _allows(self, of: Expectation, alert: Published) -> bool:
        """Return whether the alert may be that of an expectation. A pass that has died may leave it to the next one."""
        if alert.at < of.first:
            return False
        if alert.at <= of.until:
            return True
        begun = self._by_number[alert.number]
        if of.first <= begun.at <= of.until:  # it judges by the time at which it began
            return True
        done = self._finished(of.until)
        died = any(not each.finished for each in self._passes if of.first <= each.at <= of.until)
        return died and (done is None or alert.at <= done.ended)

    def _due(self, of: Expectation) -> Pass | None:
        """Return the pass by which the alert has been published; None without one."""
        if of.by is None:
            return None
        by = of.by + SECOND  # a pass in this second may be on either side of the moment
        if of.seen is not None:
            seen = self._finished(of.seen)
            by = FOR_EVER if seen is None else by + max(0, seen.at - of.seen)
        done = self._finished(by, of.passes)
        return None if done is None or done.at >= min(of.until, of.surely) else done

    def _repeated(self, of: list[Published]) -> None:
        """Report a message of one kind that was published twice, except for once after each pass that has died."""
        last: Published | None = None
        for each in of:
            if last is not None and each.kind == last.kind and each.kind != "reminder":
                died = not self._by_number[last.number].finished or self._by_number[each.number].overtaken
                if not died or each.number == last.number:
                    self._report("twice", f"{each.kind} of {each.incident} was published again", each.at)
            overtaken = self._by_number[each.number].overtaken
            if last is not None and last.kind == "clear" and each.kind != "clear" and not overtaken:
                self._report("order", f"{each.kind} of {each.incident} after its all-clear", each.at)
            last = each

    def _missing(self, of: Expectation) -> None:
        if (done := self._due(of)) is not None:
            self._report("silent", f"no alert ({of.why})", done.at)

    def _in_time(self, of: Expectation, alert: Published) -> None:
        done = self._due(of)
        if done is not None and alert.at > done.ended:
            self._report("slow", f"alert after {print_time(done.at)} ({of.why})", alert.at)

    def _cleared(self, of: Expectation, published: list[Published]) -> None:
        clears = [each for each in published if each.kind == "clear"]
        if clears and of.silent_end and clears[0].at < of.arrives:
            self._report("cleared", f"an all-clear although another incident has replaced it ({of.why})", clears[0].at)
        elif clears and not of.silent_end and (of.cleared is None or clears[0].at < of.cleared):
            self._report("cleared early", f"an all-clear before its repair ({of.why})", clears[0].at)
        if of.cleared_by is None or of.silent_end:
            return
        # A pass that has died may have published the alert. The next one finds the problem for the first time, too.
        alert = max((each for each in published if each.kind == "alert"), key=lambda each: each.at)
        more = 0 if self._by_number[alert.number].finished else 1
        # So does the one after a pass that has died before the repair: it sees the failure and the repair at once.
        done = self._finished(of.cleared_by + SECOND)
        before = [each for each in self._passes if done is not None and each.at < done.at]
        more += 1 if before and not before[-1].finished else 0
        done = self._finished(max(of.cleared_by + SECOND, alert.at), of.clear_passes + more)
        if done is not None and (not clears or clears[0].at > done.ended):
            self._report("not cleared", f"no all-clear after the repair ({of.why})", done.at)

    def _reminded(self, of: Expectation, published: list[Published]) -> None:
        pause = REMINDERS.get(of.cause, DAY)
        last = published[0]
        for each in published[1:]:
            if each.kind == "reminder":
                # A pass that was killed between publishing and recording repeats its reminder.
                died = not self._by_number[last.number].finished or self._by_number[each.number].overtaken
                repeats = died and last.kind == "reminder"
                if each.at - last.at < pause - MINUTE and not repeats:
                    self._report("reminder", f"a reminder {(each.at - last.at) // 60000} min after the last", each.at)
                if of.acked is not None and each.at > of.acked and not repeats:
                    self._report("reminder", "a reminder after its acknowledgement", each.at)
            if each.kind != "clear":
                self._remind_by(of, last, each.at)
                last = each
        self._remind_by(of, last, FOR_EVER)

    def _remind_by(self, of: Expectation, last: Published, until: int) -> None:
        """Report a reminder that is missing between ``last`` and ``until``."""
        pause = REMINDERS.get(of.cause, DAY)
        ends = min(end for end in (of.cleared, of.acked, FOR_EVER) if end is not None)
        if of.silent_end:
            ends = min(ends, of.until)
        # The pass that has published ``last`` records it a little later.
        done = self._finished(self._by_number[last.number].ended + pause)
        if done is not None and done.ended < min(until, ends):
            self._report("reminder", "no reminder after the cool-down", done.at)

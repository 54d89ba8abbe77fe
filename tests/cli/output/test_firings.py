"""Events of the local cloud as lines: each reads as a sentence about a job."""

from __future__ import annotations

import pytest

from cronstack.guard.carrier import prefix
from cronstack.onetime import schedules
from cronstack_infra.cli.output import firings

SUCCEEDED = {"cronstack": "succeeded", "job": "stats", "occurrence": "t-2026-03-01T12:34:00Z", "attempt": 1}
CARRIER = f"arn:aws:scheduler:us-east-1:123456789012:schedule/shop-carriers/{prefix('stats')}0123456789abcdef01234567"
PLAN = f"arn:aws:scheduler:us-east-1:123456789012:schedule/shop-once/{schedules.name('stats', 'order-1', 5)}"
SKIPPED = '{"cronstack": "skipped", "job": "stats", "reason": "overlap"}'
AT = "2026-03-01T12:34:01.250000+00:00"


@pytest.mark.parametrize(
    ("event", "job", "text", "mood"),
    [
        (
            {"event": "fired", "schedule": "shop-stats.2", "scheduled": "2026-03-01T12:34:00+00:00"},
            "stats",
            "fired for 12:34:00 UTC",
            "plain",
        ),
        (
            {"event": "fired", "schedule": "shop/shop-stats.1", "scheduled": "2026-03-01T12:34:00Z"},
            "stats",
            "fired for 12:34:00 UTC",
            "plain",
        ),
        (
            {"event": "fired", "schedule": "shop/shop-launch.1", "scheduled": "2025-12-24T18:00:00Z"},
            "launch",
            "fired for 2025-12-24 18:00:00 UTC",
            "plain",
        ),
        (
            {"event": "scheduled", "schedule": CARRIER, "expression": "at()", "next": "2026-03-02T00:00:05Z"},
            "stats",
            "comes back at 2026-03-02 00:00:05 UTC",
            "plain",
        ),
        ({"event": "started", "function": "shop-stats", "attempt": 1}, "stats", "started", "quiet"),
        ({"event": "started", "function": "shop-stats", "attempt": 2}, "stats", "started, Lambda's try 2", "quiet"),
        (
            {
                "event": "passed_over",
                "schedule": "shop/shop-stats.1",
                "count": 62,
                "first": "2026-02-28T23:58:00Z",
                "last": "2026-03-01T12:33:00Z",
            },
            "stats",
            "62 firings passed over, 2026-02-28 23:58:00 to 12:33:00 UTC: the machine slept, or its clock was"
            " set ahead. Only the latest firing runs",
            "bad",
        ),
        (
            {
                "event": "passed_over",
                "schedule": "shop/shop-stats.1",
                "count": 1,
                "first": "2026-03-01T12:33:00Z",
                "last": "2026-03-01T12:33:00Z",
            },
            "stats",
            "1 firing passed over, 12:33:00 UTC: the machine slept, or its clock was"
            " set ahead. Only the latest firing runs",
            "bad",
        ),
        (
            {"event": "clock_set_back", "seconds": 3600},
            "",
            "the clock was set back by 1h. A firing whose occurrence has run is a duplicate",
            "bad",
        ),
        (
            {"event": "finished", "function": "shop-stats", "seconds": 0.314, "outcome": "ok", "result": {"n": 1}},
            "stats",
            'finished in 0.31 s  {"n": 1}',
            "good",
        ),
        (
            {"event": "finished", "function": "f", "seconds": 1, "outcome": "ok", "result": "null"},
            "f",
            "finished in 1.00 s",
            "good",
        ),
        (
            {
                "event": "finished",
                "function": "shop-stats",
                "seconds": 1,
                "outcome": "error",
                "error": "ValueError: no",
            },
            "stats",
            "failed after 1.00 s: ValueError: no",
            "bad",
        ),
        ({"event": "retry", "function": "shop-stats", "in_seconds": 60}, "stats", "again in 60 s", "plain"),
        (
            {"event": "dead_letter", "origin": "delivery", "queue": "q", "reason": "gone", "schedule": "shop-stats.1"},
            "stats",
            "dead letter (delivery): gone",
            "bad",
        ),
        (
            {"event": "finished", "function": "shop-stats", "seconds": 2, "outcome": "ok", "result": SUCCEEDED},
            "stats",
            "succeeded in 2.00 s, attempt 1",
            "good",
        ),
        (
            {"event": "finished", "function": "shop-stats", "seconds": 2, "outcome": "ok", "result": SKIPPED},
            "stats",
            "skipped (overlap) in 2.00 s",
            "plain",
        ),
        (
            {"event": "scheduled", "schedule": CARRIER, "expression": "at()", "next": "2026-03-01T12:35:05Z"},
            "stats",
            "comes back at 12:35:05 UTC",
            "plain",
        ),
        (
            {"event": "fired", "schedule": CARRIER, "scheduled": "2026-03-01T12:35:05Z", "function": "shop-stats"},
            "stats",
            "came back",
            "plain",
        ),
        (
            {"event": "dead_letter", "origin": "delivery", "queue": "q", "reason": "gone", "schedule": CARRIER},
            "stats",
            "dead letter (delivery): gone",
            "bad",
        ),
        (
            {"event": "scheduled", "schedule": PLAN, "expression": "at()", "next": "2026-03-01T12:35:05Z"},
            "stats",
            "planned for 12:35:05 UTC",
            "plain",
        ),
        (
            {"event": "scheduled", "schedule": PLAN, "expression": "at()", "next": "2026-03-04T09:00:00Z"},
            "stats",
            "planned for 2026-03-04 09:00:00 UTC",
            "plain",
        ),
        (
            {"event": "fired", "schedule": PLAN, "scheduled": "2026-03-01T12:34:00+00:00"},
            "stats",
            "fired for 12:34:00 UTC",
            "plain",
        ),
        (
            {
                "event": "finished",
                "function": "shop-stats",
                "seconds": 2,
                "outcome": "ok",
                "result": {"cronstack": "overtaken"},
            },
            "stats",
            "overtaken in 2.00 s",
            "quiet",
        ),
        (
            {"event": "dropped", "origin": "handler", "function": "shop-stats", "reason": "RetriesExhausted"},
            "stats",
            "dropped: RetriesExhausted",
            "bad",
        ),
        (
            {
                "event": "dropped",
                "function": "shop-stats",
                "reason": "RetriesExhausted",
                "queue": "arn:aws:sqs:us-east-1:123456789012:letters",
                "error": "User: arn:aws:sts::123456789012:assumed-role/stats-role/local is not authorized to perform:"
                " sqs:SendMessage on resource: arn:aws:sqs:us-east-1:123456789012:letters because no policy allows it",
            },
            "stats",
            "dropped: RetriesExhausted: role stats-role lacks sqs:SendMessage on"
            " arn:aws:sqs:us-east-1:123456789012:letters. Allow it in a policy of that role",
            "bad",
        ),
        (
            {
                "event": "dropped",
                "schedule": "shop-stats.1",
                "reason": "AccessDeniedException",
                "role": "arn:aws:iam::123456789012:role/gone",
                "error": "Scheduler must be allowed to assume the role.",
            },
            "stats",
            "dropped: AccessDeniedException: Scheduler must be allowed to assume the role."
            " Role: arn:aws:iam::123456789012:role/gone",
            "bad",
        ),
        (
            {"event": "dead_letter", "origin": "delivery", "reason": "NO_RESOURCE", "error": "no queue q"},
            "",
            "dead letter (delivery): NO_RESOURCE: no queue q",
            "bad",
        ),
        ({"event": "note", "text": "on AWS a lacks b"}, "", "on AWS a lacks b", "bad"),
        ({"event": "fault", "error": "KeyError: 1"}, "", "internal error of the local cloud: KeyError: 1", "bad"),
        ({"event": "log", "function": "theirs", "line": "hello\n"}, "theirs", "hello", "quiet"),
        (
            {"event": "log", "function": "shop-stats", "line": '{"level": "INFO", "message": "842 flights"}'},
            "stats",
            "842 flights",
            "plain",
        ),
        (
            {"event": "log", "function": "shop-stats", "line": '{"cronstack": "dead", "error": "ValueError: 1,3"}'},
            "stats",
            "ValueError: 1,3",
            "bad",
        ),
    ],
)
def test_an_event_reads_as_a_sentence(event: dict[str, object], job: str, text: str, mood: str) -> None:
    line = firings.line({"at": AT, **event}, "shop")
    assert line is not None
    assert (line.job, line.text, line.mood) == (job, text, mood)
    assert line.at.isoformat() == AT


def test_a_carrier_shows_the_attempt_of_the_job() -> None:
    """A carrier is a new event, for which Lambda counts from 1 again."""
    started = {"event": "started", "at": AT, "function": "shop-stats", "attempt": 1}
    answer = {"cronstack": "retrying", "job": "stats", "attempt": 3}
    ended = {"event": "finished", "at": AT, "function": "shop-stats", "seconds": 2, "outcome": "ok", "result": answer}
    lines = [firings.line({**event, "attempt": 1}, "shop") for event in (started, ended)]
    assert [line.text for line in lines if line is not None] == ["started", "retrying in 2.00 s, attempt 3"]


def test_irrelevant_events_are_left_out() -> None:
    assert firings.line({"event": "ready", "at": AT, "endpoint": "x"}, "shop") is None
    deployed = {"event": "scheduled", "at": AT, "schedule": "shop-stats.1", "expression": "rate()", "next": AT}
    assert firings.line(deployed, "shop") is None
    report = {"event": "log", "at": AT, "function": "shop-stats", "line": '{"cronstack": "succeeded", "seconds": 1}'}
    assert firings.line(report, "shop") is None


def test_a_long_result_is_cut() -> None:
    event = {"event": "finished", "at": AT, "function": "f", "seconds": 1, "outcome": "ok", "result": "x" * 500}
    line = firings.line(event, "shop")
    assert line is not None
    assert line.text.endswith("x…")
    assert len(line.text) < 130

"""Waiting for an event: one that came, one that comes, one that does not."""

from __future__ import annotations

from threading import Thread

from cronstack_infra.demo.trace import Trace


def fired(event) -> bool:
    return event["event"] == "fired"


def test_what_has_come_is_found_at_once() -> None:
    trace = Trace()
    trace.record({"event": "ready"})
    trace.record({"event": "fired", "n": 1})
    trace.record({"event": "fired", "n": 2})
    assert trace.wait_for(fired, 0) == {"event": "fired", "n": 1}
    assert len(trace.all(fired)) == 2


def test_what_comes_later_is_waited_for() -> None:
    trace = Trace()
    teller = Thread(target=lambda: trace.record({"event": "fired"}))
    teller.start()
    assert trace.wait_for(fired, 30) is not None
    teller.join()


def test_what_does_not_come_is_none() -> None:
    trace = Trace()
    trace.record({"event": "ready"})
    assert trace.wait_for(fired, 0.01) is None


def test_nobody_waits_for_a_closed_trace() -> None:
    trace = Trace()
    closer = Thread(target=trace.close)
    closer.start()
    assert trace.wait_for(fired, 30) is None
    closer.join()

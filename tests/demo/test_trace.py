"""Waiting for an event: an earlier one, a later one, and a missing one."""

from __future__ import annotations

from threading import Thread

from cronstack_infra.demo.trace import EventTrace


def fired(event) -> bool:
    return event["event"] == "fired"


def test_an_earlier_event_is_returned_at_once() -> None:
    trace = EventTrace()
    trace.record({"event": "ready"})
    trace.record({"event": "fired", "n": 1})
    trace.record({"event": "fired", "n": 2})
    assert trace.wait_for(fired, 0) == {"event": "fired", "n": 1}
    assert len(trace.all(fired)) == 2


def test_a_later_event_is_awaited() -> None:
    trace = EventTrace()
    recorder = Thread(target=lambda: trace.record({"event": "fired"}))
    recorder.start()
    assert trace.wait_for(fired, 30) is not None
    recorder.join()


def test_a_missing_event_times_out() -> None:
    trace = EventTrace()
    trace.record({"event": "ready"})
    assert trace.wait_for(fired, 0.01) is None


def test_closing_the_trace_ends_the_wait() -> None:
    trace = EventTrace()
    closer = Thread(target=trace.close)
    closer.start()
    assert trace.wait_for(fired, 30) is None
    closer.join()

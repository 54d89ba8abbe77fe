"""How steps are driven: answers go in, and what carrying out a request raises is thrown in at that request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from cronstack.driver import Raised, Returned, carry_out, drive, resume
from cronstack.onetime.once import Once
from cronstack.onetime.schedules import Wiring
from cronstack.steps import Call, Sleep, Steps, Work
from cronstack.transport import Transport

READ, REST = Call("GetItem", {"Key": 1}), Sleep(2.5)


class Torn(BaseException):
    """Raised by a transport."""


def minute() -> float:
    return 60.0


def torn(operation: str, parameters: Mapping[str, Any], timeout: float) -> Any:
    raise Torn(operation)


def reads_and_rests(seen: list[object]) -> Steps[str]:
    try:
        seen.append((yield READ))
        seen.append((yield REST))
    except Torn as fault:
        seen.append(f"torn at {fault}")
        raise
    return "read"


def test_requests_are_carried_out_in_order_and_answered() -> None:
    seen: list[object] = []
    slept: list[float] = []
    assert drive(reads_and_rests(seen), lambda *request: {"sent": request}, left=minute, sleep=slept.append) == "read"
    assert (seen, slept) == ([{"sent": (*READ, 10.0)}, None], [2.5])


def test_what_a_transport_raises_is_thrown_in_at_its_request() -> None:
    seen: list[object] = []
    with pytest.raises(Torn, match="GetItem"):
        drive(reads_and_rests(seen), torn, left=minute, sleep=print)
    assert seen == ["torn at GetItem"]


def test_what_a_sleep_raises_is_thrown_in_too() -> None:
    def interrupted(seconds: float) -> None:
        raise Torn(f"{seconds} s")

    seen: list[object] = []
    with pytest.raises(Torn):
        drive(reads_and_rests(seen), lambda *request: {}, left=minute, sleep=interrupted)
    assert seen == [{}, "torn at 2.5 s"]


@pytest.mark.parametrize(("left", "limit"), [(900.0, 10.0), (20.0, 10.0), (8.0, 4.0), (0.5, 0.25), (-3.0, 0.0)])
def test_a11_4_a_request_may_take_half_of_the_time_left_and_ten_seconds_at_most(left: float, limit: float) -> None:
    """Half of the time stays for sending a request that hangs again. Otherwise Lambda kills a finished run, and its
    handler runs twice.
    """
    given: list[float] = []

    def transport(operation: str, parameters: Mapping[str, Any], timeout: float) -> dict[str, Any]:
        given.append(timeout)
        return {}

    assert drive(reads_and_rests([]), transport, left=lambda: left, sleep=lambda seconds: None) == "read"
    assert given == [limit]


def test_steps_may_go_on_after_a_fault() -> None:
    def forgives() -> Steps[str]:
        try:
            yield READ
        except Torn:
            yield REST
        return "rested"

    assert drive(forgives(), torn, left=minute, sleep=lambda seconds: None) == "rested"


def test_a_simulator_stops_before_each_request_by_the_same_rule() -> None:
    seen: list[object] = []
    steps = reads_and_rests(seen)
    assert resume(steps, None) == READ
    came = carry_out(READ, torn, left=minute, sleep=print)
    assert isinstance(came, Raised)
    with pytest.raises(Torn):
        resume(steps, came)
    assert seen == ["torn at GetItem"]
    steps = reads_and_rests(seen)
    assert [resume(steps, None), resume(steps, {})] == [READ, REST]
    match resume(steps, None):
        case Returned(result):
            assert result == "read"
        case other:
            pytest.fail(f"it goes on: {other}")


def test_work_needs_a_handler() -> None:
    def works() -> Steps[None]:
        yield Work(1, 1)

    with pytest.raises(AssertionError, match="no handler"):
        drive(works(), torn, left=minute, sleep=print)


def once_by(transport: Transport) -> Once:
    return Once(wiring=lambda job: Wiring(job, "", "", "", "", ""), transport=transport, sleep=lambda seconds: None)


def test_application_code_is_driven_by_it_as_well() -> None:
    seen: list[object] = []
    with pytest.raises(Torn):
        once_by(torn).drive(lambda host: reads_and_rests(seen))
    assert seen == ["torn at GetItem"]


def test_once_uses_another_transport_within_a_block_only() -> None:
    once = once_by(lambda *request: {})
    for _ in range(2):
        with pytest.raises(Torn), once.using(torn):
            once.drive(lambda host: reads_and_rests([]))
        assert once.drive(lambda host: reads_and_rests([])) == "read"

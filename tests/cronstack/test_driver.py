"""The driver sends answers into the steps. A fault of a request is thrown into the steps at that request."""

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


class TransportFault(BaseException):
    """Raised by a transport."""


def minute() -> float:
    return 60.0


def broken_transport(operation: str, parameters: Mapping[str, Any], timeout: float) -> Any:
    raise TransportFault(operation)


def read_and_sleep(seen: list[object]) -> Steps[str]:
    try:
        seen.append((yield READ))
        seen.append((yield REST))
    except TransportFault as fault:
        seen.append(f"fault at {fault}")
        raise
    return "read"


def test_requests_are_carried_out_in_order_and_answered() -> None:
    seen: list[object] = []
    slept: list[float] = []
    assert drive(read_and_sleep(seen), lambda *request: {"sent": request}, left=minute, sleep=slept.append) == "read"
    assert (seen, slept) == ([{"sent": (*READ, 10.0)}, None], [2.5])


def test_an_exception_of_the_transport_is_thrown_into_the_steps() -> None:
    seen: list[object] = []
    with pytest.raises(TransportFault, match="GetItem"):
        drive(read_and_sleep(seen), broken_transport, left=minute, sleep=print)
    assert seen == ["fault at GetItem"]


def test_an_exception_of_a_sleep_is_thrown_into_the_steps() -> None:
    def interrupted(seconds: float) -> None:
        raise TransportFault(f"{seconds} s")

    seen: list[object] = []
    with pytest.raises(TransportFault):
        drive(read_and_sleep(seen), lambda *request: {}, left=minute, sleep=interrupted)
    assert seen == [{}, "fault at 2.5 s"]


@pytest.mark.parametrize(("left", "limit"), [(900.0, 10.0), (20.0, 10.0), (8.0, 4.0), (0.5, 0.25), (-3.0, 0.0)])
def test_a11_4_a_request_may_take_half_of_the_time_left_at_most_ten_seconds(left: float, limit: float) -> None:
    """The other half is for repeating a request that hangs. Otherwise Lambda kills a finished run, and its handler runs
    twice.
    """
    timeouts: list[float] = []

    def transport(operation: str, parameters: Mapping[str, Any], timeout: float) -> dict[str, Any]:
        timeouts.append(timeout)
        return {}

    assert drive(read_and_sleep([]), transport, left=lambda: left, sleep=lambda seconds: None) == "read"
    assert timeouts == [limit]


def test_steps_can_continue_after_a_fault() -> None:
    def catch_and_continue() -> Steps[str]:
        try:
            yield READ
        except TransportFault:
            yield REST
        return "rested"

    assert drive(catch_and_continue(), broken_transport, left=minute, sleep=lambda seconds: None) == "rested"


def test_a_simulator_can_stop_before_each_request() -> None:
    seen: list[object] = []
    steps = read_and_sleep(seen)
    assert resume(steps, None) == READ
    answer = carry_out(READ, broken_transport, left=minute, sleep=print)
    assert isinstance(answer, Raised)
    with pytest.raises(TransportFault):
        resume(steps, answer)
    assert seen == ["fault at GetItem"]
    steps = read_and_sleep(seen)
    assert [resume(steps, None), resume(steps, {})] == [READ, REST]
    match resume(steps, None):
        case Returned(result):
            assert result == "read"
        case other:
            pytest.fail(f"the steps have not ended: {other}")


def test_work_needs_a_handler() -> None:
    def works() -> Steps[None]:
        yield Work(1, 1)

    with pytest.raises(AssertionError, match="no handler"):
        drive(works(), broken_transport, left=minute, sleep=print)


def once_by(transport: Transport) -> Once:
    return Once(wiring=lambda job: Wiring(job, "", "", "", "", ""), transport=transport, sleep=lambda seconds: None)


def test_once_uses_the_same_driver() -> None:
    seen: list[object] = []
    with pytest.raises(TransportFault):
        once_by(broken_transport).drive(lambda host: read_and_sleep(seen))
    assert seen == ["fault at GetItem"]


def test_once_uses_another_transport_within_a_block_only() -> None:
    once = once_by(lambda *request: {})
    for _ in range(2):
        with pytest.raises(TransportFault), once.using(broken_transport):
            once.drive(lambda host: read_and_sleep([]))
        assert once.drive(lambda host: read_and_sleep([])) == "read"

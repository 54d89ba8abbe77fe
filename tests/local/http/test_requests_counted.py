"""The guard's requests, counted at the wire: by operation, with write units by AWS's rule, for each situation.

A further request costs money at every firing of every job, and can fail.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from cronstack_infra.local.client import LocalCloud
from cronstack_infra.local.environment import pointed_at
from tests.bench import of_powertools, of_the_guard
from tests.bench.requests import Cost, counted, wire_to
from tests.bench.wire import Wire, size_of, units

CLAIM = SETTLE = TAKEOVER = BUFFER = "TransactWriteItems"
RECORD = NOTE = "UpdateItem"
CARRIER = "CreateSchedule"

EXPECTED: dict[str, tuple[tuple[str, ...], int]] = {
    "a_clean_run": ((CLAIM, SETTLE), 8),
    "a_run_that_commits_one_write": ((CLAIM, SETTLE), 10),
    "a_run_with_one_checkpoint": ((CLAIM, RECORD, SETTLE), 9),
    "an_attempt_that_fails": ((CLAIM, SETTLE, CARRIER), 9),
    "the_retry_of_a_failed_one": ((CLAIM, CLAIM, SETTLE), 13),
    "a_duplicate_of_a_finished_one": ((CLAIM,), 4),
    "another_while_it_runs_skip": ((CLAIM, RECORD), 5),
    "a_duplicate_of_a_skipped_one": ((CLAIM,), 4),
    "another_while_it_runs_buffer": ((CLAIM, BUFFER, CARRIER), 9),
    "a_third_while_one_is_buffered": ((CLAIM, "GetItem", CARRIER, RECORD), 5),
    "a_clean_run_allow": (("GetItem", RECORD, RECORD), 2),
    "a_duplicate_of_a_finished_one_allow": (("GetItem", RECORD), 1),
    "one_that_comes_too_late": (("GetItem", RECORD, "SendMessage", NOTE), 3),
    "one_that_was_killed_after_its_lease": ((CLAIM, TAKEOVER, CARRIER, SETTLE), 12),
    "the_next_after_one_was_killed": ((CLAIM, TAKEOVER, SETTLE), 15),
    "the_last_attempt_that_fails": ((CLAIM, SETTLE, "SendMessage", NOTE), 10),
    "a_redrive_of_a_dead_one": ((CLAIM, CLAIM, SETTLE), 13),
}
"""Requests and write units by situation. One read is for the event that waits in the slot. Another is for the date of
its response: the machine's clock alone never decides that an occurrence is missed."""
BY_NAME = {situation.__name__: situation for situation in of_the_guard.SITUATIONS}


@pytest.fixture(scope="module")
def wire(local_cloud: LocalCloud) -> Iterator[Wire]:
    of_the_guard.prepare(local_cloud)
    with wire_to(local_cloud).serving() as serving, pytest.MonkeyPatch.context() as patch:
        for name, value in pointed_at(serving.endpoint, os.environ).items():
            patch.setenv(name, value)
        yield serving


@pytest.mark.parametrize("name", EXPECTED)
def test_requests_and_units(local_cloud: LocalCloud, wire: Wire, name: str) -> None:
    cost = counted(wire, BY_NAME[name], of_the_guard.Scene(local_cloud))
    operations, written = EXPECTED[name]
    assert sorted(cost.requests.elements()) == sorted(operations)
    assert cost.written == written
    assert cost.read == operations.count("GetItem")


def test_only_the_wait_for_a_running_occurrence_reads(local_cloud: LocalCloud, wire: Wire) -> None:
    """It reads for about ten seconds, less and less often. Then a carrier follows, and the row keeps the event."""
    cost = counted(wire, of_the_guard.a_duplicate_of_a_running_one, of_the_guard.Scene(local_cloud))
    reads = cost.requests.pop("GetItem")
    assert cost.requests == {CLAIM: 1, CARRIER: 1, "UpdateItem": 1}
    assert cost.written == 6, "2 of them for the row and its index entry"
    assert cost.read == reads <= 12


def test_every_situation_is_counted() -> None:
    assert {*EXPECTED, "a_duplicate_of_a_running_one"} == set(BY_NAME)
    assert set(of_powertools.INSTEAD) <= set(BY_NAME)


def test_powertools_is_counted_the_same_way(local_cloud: LocalCloud, wire: Wire) -> None:
    costs = [
        counted(wire, situation, of_powertools.Scene(local_cloud))
        for situation in (of_powertools.clean, of_powertools.duplicate, of_powertools.killed)
    ]
    put, update = {"PutItem": 1}, {"PutItem": 1, "UpdateItem": 1}
    assert costs == [Cost(update, 2, 0), Cost(put, 1, 0), Cost(update, 2, 0)]


def test_units_are_counted_by_awss_rule() -> None:
    key = {"pk": {"S": "a"}, "sk": {"S": "b"}}
    text = '{"pk": {"S": "a"}, "sk": {"S": "b"}}'

    def item(size: int) -> dict[str, dict[str, str]]:
        return {**key, "x": {"S": "y" * (size - 7)}}

    assert [size_of(item(1024)), size_of({"n": {"N": "1234567890123"}}), size_of({"é": {"BOOL": True}})] == [1024, 9, 3]
    update = {"TableName": "t", "Key": key}
    for before, after, plain in ((0, 0, 1), (0, 1024, 1), (0, 1025, 2), (3000, 10, 3), (10, 3000, 3)):
        items = [{"t": {text: item(size)} if size else {}} for size in (before, after)]
        assert units("UpdateItem", update, *items) == (plain, 0)
        twice = {"TransactItems": [{"Update": update}, {"Put": {"TableName": "t", "Item": item(99)}}]}
        assert units("TransactWriteItems", twice, *items) == (4 * plain, 0)
    stored = {"t": {text: item(4097)}}
    assert units("GetItem", update | {"ConsistentRead": True}, stored, stored) == (0, 2)
    assert units("GetItem", update, stored, stored) == (0, 1)

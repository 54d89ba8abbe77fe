"""Operators list, show and acknowledge what the watchdog has found."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import boto3
import pytest

from cronstack.errors import OperationError
from cronstack.occurrence import to_datetime
from cronstack_infra.ops.audit import Operator, actions_between
from cronstack_infra.ops.incidents import Incident, acknowledge, find, incidents, text_of
from tests.cronstack.watchdog.place import DAY, MINUTE, STACK, TABLE, Place, at
from tests.cronstack.watchdog.scenarios import JOB, SCENARIOS, Scenario, begin, solve
from tests.cronstack.watchdog.scenarios import find as let_find

ADA = Operator("arn:aws:iam::123456789012:user/ada", "ticket 4711")
OF = {scenario.cause: scenario for scenario in SCENARIOS}


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    from moto import mock_aws

    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield Place(at("2026-11-30 05:00"))


def listed(*, cleared: bool = False) -> list[Incident]:
    return incidents(boto3.client("dynamodb"), TABLE, cleared=cleared)


def ack(place: Place, job: str, cause: str) -> Incident:
    when = to_datetime(place.now)
    return acknowledge(boto3.client("dynamodb"), TABLE, job, cause, operator=ADA, at=when)


def open_incident(place: Place, scenario: Scenario) -> Incident:
    begin(place)
    let_find(place, scenario)
    (incident,) = listed()
    return incident


def test_an_open_incident_is_listed(place: Place) -> None:
    assert listed() == []
    incident = open_incident(place, OF["failed"])
    assert (incident.job, incident.cause, incident.status, incident.pending) == (JOB, "failed", "open", "")
    assert incident.what == "failed (ParameterNotFound)"
    assert incident.notified == to_datetime(place.now)
    (notice,) = place.notices()
    assert notice.attributes["incident"] == incident.id
    assert incident.as_json()["by"] is None
    assert incident.as_json()["since"] == "2026-11-30T05:10:05.000Z"


def test_a_cleared_incident_is_listed_on_request(place: Place) -> None:
    open_incident(place, OF["failed"])
    solve(place, OF["failed"])
    assert listed() == []
    (incident,) = listed(cleared=True)
    assert incident.status == "cleared"
    assert "solved (failed)" in text_of(place.clients("cloudformation"), STACK, incident, to_datetime(place.now))


def test_the_text_is_that_of_the_notification(place: Place) -> None:
    incident = open_incident(place, OF["missed"])
    (notice,) = place.notices()
    assert text_of(place.clients("cloudformation"), STACK, incident, to_datetime(place.now)) == notice.body


def test_an_acknowledged_incident_is_not_reminded_but_cleared(place: Place) -> None:
    open_incident(place, OF["failed"])
    done = ack(place, JOB, "failed")
    assert (done.status, done.by, done.reason) == ("acknowledged", ADA.by, "ticket 4711")
    place.lines()
    place.run(JOB, place.now // DAY * DAY + DAY + 5 * 60 * MINUTE + 10 * MINUTE, "skipped")
    place.now += DAY + MINUTE
    place.look()
    assert place.lines() == []
    solve(place, OF["failed"])
    assert "clear import_prices failed" in place.lines()


def test_an_acknowledgement_leaves_who_when_and_why(place: Place) -> None:
    incident = open_incident(place, OF["failed"])
    ack(place, JOB, "failed")
    first, last = datetime.fromisoformat("2026-11-30T00:00+00:00"), datetime.fromisoformat("2026-12-01T00:00+00:00")
    (action,) = actions_between(boto3.client("dynamodb"), TABLE, JOB, first, last)
    assert (action.action, action.operator) == ("incidents ack", ADA)
    assert action.details == {"cause": "failed", "incident": incident.id}


def test_an_unknown_incident_is_refused_with_those_that_exist(place: Place) -> None:
    open_incident(place, OF["failed"])
    with pytest.raises(OperationError) as raised:
        find(boto3.client("dynamodb"), TABLE, "import_price", "failed")
    assert str(raised.value) == (
        "no incident 'failed' of import_price\n"
        "  Did you mean import_prices failed? Known incidents: import_prices failed."
    )


def test_a_cleared_incident_cannot_be_acknowledged(place: Place) -> None:
    open_incident(place, OF["failed"])
    solve(place, OF["failed"])
    with pytest.raises(OperationError, match="is cleared since"):
        ack(place, JOB, "failed")

"""Behaviour that AWS does not document: the conformance kit observes each switch of the local cloud."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cronstack_infra.conformance.behaviour import BEHAVIOURS, judged
from cronstack_infra.conformance.behaviour_open import BEHAVIOURS as OPEN
from cronstack_infra.conformance.runner import clients
from cronstack_infra.conformance.scenes import Stage
from cronstack_infra.local.client import LocalCloud
from cronstack_infra.local.http.switching import switches


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloud]:
    with LocalCloud.start() as running:
        yield running


@pytest.fixture(scope="module")
def stage(cloud: LocalCloud) -> Stage:
    stage = Stage(clients(cloud.endpoint), "open")
    stage.build()
    return stage


def seen(stage: Stage, *names: str) -> dict[str, str]:
    verdicts = list(judged(stage, [behaviour for behaviour in BEHAVIOURS if behaviour.name in names]))
    assert all(verdict.same for verdict in verdicts), verdicts
    return {verdict.row: verdict.got for verdict in verdicts}


def test_the_defaults_of_the_local_cloud(stage: Stage) -> None:
    answers = seen(stage, *(behaviour.name for behaviour in OPEN))
    assert answers.pop("instant").endswith(" s after its time")
    assert answers == {
        "past at()": "accepted, fires at once",
        "short polls": "20 of 20 short polls found the message",
        "new role": "assumed at once",
        "role without rights": "no letter",
        "role gone": "no letter",
        "group deleted": "its schedules, too",
    }


def test_switches_change_the_observed_behaviour(cloud: LocalCloud, stage: Stage) -> None:
    with switches(cloud.endpoint, "past-at=refused", "empty-polls=0.5", "role-delay=2", "early=5", "group-deletion=1"):
        answers = seen(stage, "past at()", "short polls", "new role", "instant", "group deleted")
    assert answers["past at()"].startswith("refused: ValidationException: The schedule expression at(")
    assert 0 < int(answers["short polls"].split()[0]) < 20
    assert "before: ValidationException: The execution role you provide must allow" in answers["new role"]
    assert answers["instant"].endswith(" s before its time")

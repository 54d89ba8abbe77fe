"""Jobs that are not deployed, or that code may not schedule any more: what waits for them is told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from cronstack import once as declared_by_code
from cronstack.onetime.schedules import Wiring
from cronstack.run import Run
from cronstack_infra.names import function_name, once_output, role_name
from tests.cronstack.stage import CARRIERS, scheduled_event
from tests.ops.shop import ACCOUNT_ID, STACK, Shop
from tests.ops.strays.looking import LATER, found, mended

HOUR = timedelta(hours=1)
ROLE = f"arn:aws:iam::{ACCOUNT_ID}:role/{role_name(STACK, 'remind', 'us-east-1', 'once')}"


@pytest.fixture
def shop(shop: Shop) -> Shop:
    """With a job that has plans."""
    shop.deploy(lambda run: None, schedule=declared_by_code(), name="remind")
    output = once_output("remind")
    shop.outputs[output] = Wiring.read(shop.outputs[output])._replace(role=ROLE).text()
    for number in range(3):
        shop.once().schedule("remind", key=f"order-{number}", after=HOUR)
    return shop


def drop_once(shop: Shop) -> None:
    del shop.outputs[once_output("remind")]


def remove(shop: Shop) -> None:
    drop_once(shop)
    del shop.functions.jobs[function_name(STACK, "remind")]


def test_a1_the_plans_of_a_removed_job_are_told(shop: Shop) -> None:
    """A deploy that renames a job leaves its plans: they are found without the job's function, output or code."""
    remove(shop)
    assert found(shop) == [], "a deploy may go on"
    shop.stage.now += LATER
    (one,) = found(shop)
    assert (one.kind, one.job, one.fix) == ("job", "remind", "")
    assert one.what == "it is not deployed, and these wait for it: 3 planned occurrences"
    assert one.remedy.startswith("declare it again and deploy")
    assert "cronstack dead-letters redrive remind --as NEWNAME" in one.remedy
    assert mended(shop) == ["left"]
    shop.outputs.clear()  # no job of the stack is declared by once()
    assert [one.job for one in found(shop)] == ["remind"]


def test_rows_of_a_removed_job_are_found_by_the_lock_file(shop: Shop) -> None:
    for name in shop.plans():
        shop.scheduler.delete_schedule(GroupName="shop-once", Name=name)
    remove(shop)
    shop.stage.now += LATER
    assert found(shop) == [], "nothing names the job"
    (one,) = found(shop, "stats", "remind", "never-used")
    assert (one.job, one.what) == ("remind", "it is not deployed, and these wait for it: 3 planned occurrences")


def test_runs_of_a_removed_job_are_told(shop: Shop) -> None:
    def fail(run: Run) -> Any:
        raise ValueError("no")

    shop.deploy(fail, name="old")
    shop.invoke(scheduled_event(shop.stage.now, "old"))
    for one in shop.scheduler.list_schedules(GroupName=CARRIERS)["Schedules"]:
        shop.scheduler.delete_schedule(GroupName=CARRIERS, Name=one["Name"])
    del shop.functions.jobs[function_name(STACK, "old")]
    (stray,) = found(shop, "old")
    assert (stray.job, stray.what) == ("old", "it is not deployed, and these wait for it: 1 run to come back")


def test_a_job_that_dropped_its_once_still_runs_its_plans(shop: Shop) -> None:
    drop_once(shop)
    shop.stage.now += LATER
    assert found(shop) == []
    (first, *_) = shop.plans()
    shop.scheduler.delete_schedule(GroupName="shop-once", Name=first)
    (one,) = found(shop)
    assert (one.kind, one.job, one.fix) == ("plan", "remind", "make")
    assert mended(shop) == ["fixed"]
    assert shop.plans()[0] == first
    target = shop.scheduler.get_schedule(GroupName="shop-once", Name=first)["Target"]
    assert (target["RoleArn"], target["RetryPolicy"]["MaximumEventAgeInSeconds"]) == (ROLE, 86_400)


def test_without_its_alias_a_job_cannot_be_sent_its_plans(shop: Shop) -> None:
    drop_once(shop)
    shop.functions.aliases.clear()
    shop.stage.now += LATER
    (one,) = found(shop)
    assert (one.kind, one.job, one.fix) == ("job", "remind", "")
    assert one.what == "code may not schedule it, and its alias 'plans' is missing: 3 plans cannot run"
    assert mended(shop) == ["left"]

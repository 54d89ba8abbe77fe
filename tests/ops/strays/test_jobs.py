"""Waiting work of jobs that are not deployed, or that code may no longer schedule, is reported."""

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
from tests.ops.strays.finding import LATER, find_strays, fix_all

HOUR = timedelta(hours=1)
ROLE = f"arn:aws:iam::{ACCOUNT_ID}:role/{role_name(STACK, 'remind', 'us-east-1', 'once')}"


@pytest.fixture
def shop(shop: Shop) -> Shop:
    """Return the shop with a job that has plans."""
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


def test_a1_the_plans_of_a_removed_job_are_reported(shop: Shop) -> None:
    """Renaming a job leaves its plans: they are found without the job's function, output or code."""
    remove(shop)
    assert find_strays(shop) == [], "a deployment may be in progress"
    shop.stage.now += LATER
    (stray,) = find_strays(shop)
    assert (stray.kind, stray.job, stray.fix) == ("job", "remind", "")
    assert stray.what == "it is not deployed, and these wait for it: 3 planned occurrences"
    assert stray.remedy.startswith("declare it again and deploy")
    assert "cronstack dead-letters redrive remind --as NEWNAME" in stray.remedy
    assert fix_all(shop) == ["left"]
    shop.outputs.clear()  # no job of the stack is declared by once()
    assert [stray.job for stray in find_strays(shop)] == ["remind"]


def test_rows_of_a_removed_job_are_found_by_the_lock_file(shop: Shop) -> None:
    for name in shop.plans():
        shop.scheduler.delete_schedule(GroupName="shop-once", Name=name)
    remove(shop)
    shop.stage.now += LATER
    assert find_strays(shop) == [], "nothing names the job"
    (stray,) = find_strays(shop, "stats", "remind", "never-used")
    assert (stray.job, stray.what) == ("remind", "it is not deployed, and these wait for it: 3 planned occurrences")


def test_runs_of_a_removed_job_are_reported(shop: Shop) -> None:
    def fail(run: Run) -> Any:
        raise ValueError("no")

    shop.deploy(fail, name="old")
    shop.invoke(scheduled_event(shop.stage.now, "old"))
    for carrier in shop.scheduler.list_schedules(GroupName=CARRIERS)["Schedules"]:
        shop.scheduler.delete_schedule(GroupName=CARRIERS, Name=carrier["Name"])
    del shop.functions.jobs[function_name(STACK, "old")]
    (stray,) = find_strays(shop, "old")
    assert (stray.job, stray.what) == ("old", "it is not deployed, and these wait for it: 1 run to come back")


def test_a_job_without_its_former_once_still_runs_its_plans(shop: Shop) -> None:
    drop_once(shop)
    shop.stage.now += LATER
    assert find_strays(shop) == []
    (first, *_) = shop.plans()
    shop.scheduler.delete_schedule(GroupName="shop-once", Name=first)
    (stray,) = find_strays(shop)
    assert (stray.kind, stray.job, stray.fix) == ("plan", "remind", "make")
    assert fix_all(shop) == ["fixed"]
    assert shop.plans()[0] == first
    target = shop.scheduler.get_schedule(GroupName="shop-once", Name=first)["Target"]
    assert (target["RoleArn"], target["RetryPolicy"]["MaximumEventAgeInSeconds"]) == (ROLE, 86_400)


def test_a_job_whose_plans_cannot_run_without_its_alias_is_reported(shop: Shop) -> None:
    drop_once(shop)
    shop.functions.aliases.clear()
    shop.stage.now += LATER
    (stray,) = find_strays(shop)
    assert (stray.kind, stray.job, stray.fix) == ("job", "remind", "")
    assert stray.what == "code may not schedule it, and its alias 'plans' is missing: 3 plans cannot run"
    assert fix_all(shop) == ["left"]

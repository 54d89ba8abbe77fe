"""The job in a name can be read from the name."""

from __future__ import annotations

import re
import string

from hypothesis import given
from hypothesis import strategies as st

from cronstack.guard import carrier
from cronstack.onetime import schedules
from cronstack_infra import names

SIGNS = string.ascii_letters + string.digits + "_-"
REGIONS = ("eu-central-1", "ap-southeast-5", "us-gov-west-1", "ap-northeast-3", "us-isob-east-1")
NAME = st.text(SIGNS, min_size=1, max_size=20)


@given(stack=NAME, job=NAME, number=st.integers(1, 99))
def test_a_schedule_name_reads_back_to_its_job(stack: str, job: str, number: int) -> None:
    assert names.job_of_schedule(stack, names.schedule_name(stack, job, number)) == job


@given(stack=NAME, job=NAME)
def test_names_of_the_longest_job_fit(stack: str, job: str) -> None:
    longest = (job * 64)[: names.longest_job_name(stack)]
    assert len(names.schedule_name(stack, longest, 99)) == names.LONGEST


@given(job=st.text(SIGNS, min_size=1, max_size=64), hop=st.integers(0, 99))
def test_a_carriers_name_fits_and_contains_its_job(job: str, hop: int) -> None:
    name = carrier.name(job, "t-2031-01-01T06:00:00Z", "plain", "01ARZ3NDEKTSV4RRFFQ69G5FAV", hop)
    assert len(name) <= names.LONGEST
    assert names.job_of_carrier(name) == (job if len(job) <= 20 else f"{job[:20]}…")


@given(job=st.text(SIGNS, min_size=1, max_size=64), key=st.text(min_size=1), revision=st.integers(1, 1 << 53))
def test_a_plans_name_fits_and_contains_its_job(job: str, key: str, revision: int) -> None:
    name = schedules.name(job, key, revision)
    assert len(name) <= names.LONGEST
    assert names.job_of_plan(name) == (job if len(job) <= 16 else f"{job[:16]}…")
    assert names.job_of_carrier(name) is None
    assert names.job_of_schedule("once", name) is None


@given(stack=NAME, other=NAME, job=st.text(SIGNS, min_size=1, max_size=64), region=st.sampled_from(REGIONS))
def test_a_role_of_schedules_has_a_unique_name_that_fits(stack: str, other: str, job: str, region: str) -> None:
    roles = [names.role_name(stack, job, region, kind) for kind in ("carrier", "once")]
    roles += [names.role_name(stack, f"{job}x", region, "once"), names.role_name(stack, job, "eu-north-1", "once")]
    if other.lower() != stack.lower():
        roles.append(names.role_name(other, job, region, "once"))
    assert all(re.fullmatch(r"[\w+=,.@-]{1,64}", name) for name in roles)
    assert len({name.lower() for name in roles}) == len(roles), "IAM names are not case-sensitive"


@given(job=st.text(SIGNS, min_size=1, max_size=64))
def test_the_output_of_a_job_that_code_may_schedule_is_recognised(job: str) -> None:
    assert names.is_once_output(names.once_output(job))


@given(stack=st.text(SIGNS.replace("_", ""), min_size=1, max_size=40), origin=st.sampled_from(("delivery", "handler")))
def test_a_queue_is_recognised_by_its_name(stack: str, origin: names.Origin) -> None:
    prefix = names.queue_prefix(stack, origin)
    assert prefix is not None
    queue = f"{prefix}1A2b3C4D5E6F7"
    assert len(queue) <= names.LONGEST_QUEUE
    assert names.origin_of_queue(stack, queue) == origin
    for other in (f"{stack}-2", f"{stack}x", f"x{stack}", stack[:-1]):
        assert names.origin_of_queue(other, queue) is None
    for other in (f"{stack}-Orders-1A2B3C4D5E6F7", prefix, prefix[:-1], f"{prefix}a-b", f"{stack}-x-{queue}"):
        assert names.origin_of_queue(stack, other) is None


def test_queues_of_a_stack_with_a_long_name_are_not_recognised() -> None:
    """CloudFormation shortens their names."""
    assert names.queue_prefix("s" * 41, "delivery") is None
    assert names.queue_prefix("s" * 44, "handler") is None
    assert names.origin_of_queue("s" * 44, "s" * 44) is None


def test_a_foreign_name_has_no_job() -> None:
    assert names.job_of_schedule("shop", "shop-stats.2") == "stats"
    assert names.job_of_schedule("shop", "shop-stats") is None
    assert names.job_of_schedule("shop", "other-stats.1") is None
    for other in ("shop-stats.2", "carrier.stats", "courier.stats.00000000.1", "shop-carrier.1.2.3"):
        assert names.job_of_carrier(other) is None
    for other in ("shop-stats.2", "once.stats.00000000.a", "never.stats.00000000.a.b", "carrier.stats.00000000.1"):
        assert names.job_of_plan(other) is None
    assert not any(map(names.is_once_output, ("Ledger", "Once", "Once0123456", "OnceUponATime", "Once0123456789")))
    assert names.stack_name("shop", "jobs") == "shop"
    assert names.stack_name("shop", "examples") == "shop-examples"

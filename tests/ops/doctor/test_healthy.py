"""A stack without faults has no finding."""

from __future__ import annotations

from datetime import timedelta

from cronstack_infra.ops.doctor.checks.catalog import CHECKS
from tests.ops.doctor.conftest import Doctor


def test_a_healthy_stack_has_no_finding(doctor: Doctor) -> None:
    assert doctor.findings() == []


def test_a_healthy_stack_has_no_finding_after_runs_and_a_clock_change(doctor: Doctor) -> None:
    doctor.cloud.advance(timedelta(days=2))
    assert doctor.findings() == []


def test_what_the_local_cloud_lacks_is_not_a_finding(doctor: Doctor) -> None:
    assert doctor.report("quotas").unsupported == (("quotas", "lambda:GetAccountSettings"),)


def test_each_check_runs_alone(doctor: Doctor) -> None:
    for check in CHECKS:
        assert doctor.findings(check.name) == []

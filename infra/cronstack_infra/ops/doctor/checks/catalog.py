"""The list of all checks, and ``examine``, which runs them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from cronstack_infra.ops.doctor.checks import alarms, clocks, index, letters, quotas, status, strays, versions, zones
from cronstack_infra.ops.doctor.drift.check import drift, permissions
from cronstack_infra.ops.doctor.finding import Finding, by_urgency
from cronstack_infra.ops.doctor.requests import NotRead
from cronstack_infra.ops.doctor.scene import Scene


@dataclass(frozen=True)
class Check:
    """One check. ``find`` yields findings, and the facts that could not be read."""

    name: str
    about: str
    """What it compares, for ``--list``."""
    find: Callable[[Scene], Iterable[Finding | NotRead]]


CHECKS: Final = (
    Check("stack", "the status of the stack", status.check),
    Check(
        "drift",
        "schedules, functions, queues, table, logs and alarms against the template",
        lambda scene: drift(scene.requests, scene.stack),
    ),
    Check(
        "permissions",
        "roles against the template: trust, inline and attached policies",
        lambda scene: permissions(scene.requests, scene.stack),
    ),
    Check("alarms", "alarms without action, disabled or in ALARM; topics without a subscriber", alarms.check),
    Check("strays", "plans, runs and schedules that nothing brings; work of removed jobs", strays.check),
    Check("letters", "number and age of the dead letters", letters.check),
    Check("index", "whether the ledger's index shows the runs that wait", index.check),
    Check("zones", "time zone data of this machine, of the deployment, and of Scheduler's past firings", zones.check),
    Check("clock", "the clock of this machine against that of AWS", clocks.check),
    Check("quotas", "roles, schedules and concurrent functions of the account", quotas.check),
    Check("runtimes", "the end of support of the functions' Python", versions.check_runtimes),
    Check("version", "the Cronstack that has deployed against this one", versions.check_kit),
)
"""All checks, in the order in which they run."""


@dataclass(frozen=True)
class Report:
    """The result of an examination."""

    findings: Sequence[Finding]
    """The most urgent first."""
    unsupported: Sequence[tuple[str, str]] = ()
    """Check and action of each fact that this cloud does not have."""


def examine(scene: Scene, names: Sequence[str] = (), *, begin: Callable[[str], None] = lambda name: None) -> Report:
    """Run the named checks, or all. ``begin`` is called with the name of each check before it runs."""
    findings: list[Finding] = []
    unsupported: dict[tuple[str, str], None] = {}
    for check in CHECKS:
        if names and check.name not in names:
            continue
        begin(check.name)
        denied: dict[str, None] = {}
        for found in _run(check, scene):
            if isinstance(found, Finding):
                findings.append(replace(found, check=check.name))
            elif found.unsupported:
                unsupported[check.name, found.action] = None
            else:
                denied[found.action] = None
        findings += [replace(_denied(action), check=check.name) for action in denied]
    return Report(sorted(findings, key=by_urgency), tuple(unsupported))


def _run(check: Check, scene: Scene) -> Iterator[Finding | NotRead]:
    try:
        yield from check.find(scene)
    except NotRead as fault:
        yield fault


def _denied(action: str) -> Finding:
    what = f"could not check: needs {action}"
    why = "What this check looks at may be wrong, and nothing shows it."
    remedy = f"allow {action} to the identity of: aws sts get-caller-identity"
    return Finding("unchecked", "this identity", what, why, remedy)

"""EventBridge's scheduled rules in front of the engine: moto's backend with AWS's checks.

The patches replace methods of moto's classes, so they apply to the API and to CloudFormation. Each change of a rule
with a schedule goes to the engine. moto handles rules with an event pattern.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from moto.events.models import Rule, events_backends

from cronstack_infra.local.apis.rule_checks import check_rule, check_targets
from cronstack_infra.local.engine.values import ScheduleConfig, Target
from cronstack_infra.local.moto import privates
from cronstack_infra.local.moto.patch import Patch, wrapped_by, wrapped_with_port

if TYPE_CHECKING:
    from cronstack_infra.local.engine.port import EnginePort

_OF_THE_TARGET = ("Id", "Arn", "RoleArn", "Input", "RetryPolicy", "DeadLetterConfig")


def _changed(port: EnginePort, backend: Any, name: str, bus: str | None) -> None:
    rule = _find(backend, name, bus)
    if rule is not None and rule.scheduled_expression:
        port.put_schedule(config_of(rule))


def _put_rule(put: Any, port: EnginePort, self: Any, name: str, *args: Any, **given: Any) -> Rule:
    check_rule(name, given)
    rule: Rule = put(self, name, *args, **given)
    if not rule.scheduled_expression:
        port.delete_schedule(rule.arn)  # it may have had a schedule before
    _changed(port, self, name, given.get("event_bus_arn"))
    return rule


def _delete_rule(delete: Any, port: EnginePort, self: Any, name: str, event_bus_arn: str | None) -> None:
    rule = _find(self, name, event_bus_arn)
    delete(self, name, event_bus_arn)
    if rule is not None:
        port.delete_schedule(rule.arn)


def _switch_rule(switch: Any, port: EnginePort, self: Any, name: str, event_bus_arn: str | None) -> bool:
    """Enable or disable a rule. Return whether it exists."""
    exists: bool = switch(self, name, event_bus_arn)
    _changed(port, self, name, event_bus_arn)
    return exists


def _put_targets(
    put: Any, port: EnginePort, self: Any, name: str, event_bus_arn: str | None, targets: list[dict[str, Any]]
) -> None:
    rule = _find(self, name, event_bus_arn)
    if rule is not None and rule.scheduled_expression:
        check_targets(rule, targets)
    put(self, name, event_bus_arn, targets)
    _changed(port, self, name, event_bus_arn)


def _remove_targets(
    remove: Any, port: EnginePort, self: Any, name: str, event_bus_arn: str | None, ids: list[str]
) -> None:
    remove(self, name, event_bus_arn, ids)
    _changed(port, self, name, event_bus_arn)


def config_of(rule: Rule) -> ScheduleConfig:
    """Return the engine's configuration of a rule."""
    return ScheduleConfig(
        arn=rule.arn,
        expression=str(rule.scheduled_expression),
        enabled=rule.state != "DISABLED",
        targets=tuple(_target(target) for target in rule.targets),
    )


def all_scheduled() -> Iterable[Rule]:
    """Return the scheduled rules of all accounts and Regions."""
    for regions in events_backends.values():
        for backend in regions.values():
            for bus in backend.event_buses.values():
                yield from (rule for rule in bus.rules.values() if rule.scheduled_expression)


def _target(given: Mapping[str, Any]) -> Target:
    retries = {"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 86400, **(given.get("RetryPolicy") or {})}
    return Target(
        arn=given["Arn"],
        role_arn=given.get("RoleArn") or "",
        input=given.get("Input"),
        dead_letters=(given.get("DeadLetterConfig") or {}).get("Arn"),
        max_age=int(retries["MaximumEventAgeInSeconds"]),
        max_retries=int(retries["MaximumRetryAttempts"]),
        parameters={name: value for name, value in given.items() if name not in _OF_THE_TARGET},
    )


def _find(backend: Any, name: str, bus: str | None) -> Rule | None:
    event_bus = backend.event_buses.get(privates.bus_name(backend, bus))
    rule: Rule | None = None if event_bus is None else event_bus.rules.get(name)
    return rule


def _send_by_pattern(send: Any, self: Any, original_event: Any, transform_input: bool = True) -> None:
    """Send an event of PutEvents only to rules with a pattern."""
    if self.event_pattern.get_pattern():
        send(self, original_event, transform_input)


_BACKEND: Final = "moto.events.models:EventsBackend"

PATCHES: Final = (
    Patch(
        _BACKEND,
        "put_rule",
        "(self, name, description=None, event_bus_arn=None, event_pattern=None, role_arn=None,"
        " scheduled_expression=None, state=None, managed_by=None, tags=None)",
        "A rule with a schedule never fires, and rate(1 minutes) is accepted.",
        ("a_due_rule_sends_nothing", "a_rule_accepts_any_rate"),
        wrapped_with_port(_put_rule),
    ),
    Patch(
        _BACKEND,
        "delete_rule",
        "(self, name, event_bus_arn)",
        "A rule with a schedule never fires, so a delete has nothing to stop.",
        "a_due_rule_sends_nothing",
        wrapped_with_port(_delete_rule),
    ),
    *(
        Patch(
            _BACKEND,
            name,
            "(self, name, event_bus_arn)",
            "An enabled rule with a schedule never fires, so disabling it has nothing to stop.",
            "an_enabled_rule_sends_nothing",
            wrapped_with_port(_switch_rule),
        )
        for name in ("enable_rule", "disable_rule")
    ),
    Patch(
        _BACKEND,
        "put_targets",
        "(self, name, event_bus_arn, targets)",
        "The targets of a rule with a schedule receive nothing, and a role is accepted as a target.",
        ("a_due_rule_sends_nothing", "a_rule_accepts_a_role_as_its_target"),
        wrapped_with_port(_put_targets),
    ),
    Patch(
        _BACKEND,
        "remove_targets",
        "(self, name, event_bus_arn, ids)",
        "The targets of a rule with a schedule receive nothing, so a removal has nothing to stop.",
        "a_due_rule_sends_nothing",
        wrapped_with_port(_remove_targets),
    ),
    Patch(
        "moto.events.models:Rule",
        "send_to_targets",
        "(self, original_event, transform_input=True)",
        "PutEvents reaches rules that have a schedule and no pattern.",
        "put_events_reaches_scheduled_rules",
        wrapped_by(_send_by_pattern),
    ),
)

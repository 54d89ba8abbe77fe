"""EventBridge's scheduled rules in front of the engine: moto's backend with AWS's checks, every change passed on.

The methods are replaced on moto's classes, so that the API and CloudFormation use the same ones. moto 5.2.5 never
fires a rule, sends each event of PutEvents to rules that have a schedule only, and checks expressions and targets
hardly. Rules with an event pattern stay as moto has them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from moto.events.models import EventsBackend, Rule, events_backends

from cronstack_infra.local.engine.values import ScheduleConfig, Target
from cronstack_infra.local.mend import mend
from cronstack_infra.local.rule_checks import check_rule, check_targets

if TYPE_CHECKING:
    from cronstack_infra.local.engine.port import EnginePort

_put = EventsBackend.put_rule
_delete = EventsBackend.delete_rule
_enable = EventsBackend.enable_rule
_disable = EventsBackend.disable_rule
_put_targets = EventsBackend.put_targets
_remove_targets = EventsBackend.remove_targets
_send = Rule.send_to_targets

_OF_THE_TARGET = ("Id", "Arn", "RoleArn", "Input", "RetryPolicy", "DeadLetterConfig")


def install(port: EnginePort) -> None:
    """Put the engine behind moto's scheduled rules."""

    def changed(backend: Any, name: str, bus: str | None) -> None:
        rule = _find(backend, name, bus)
        if rule is not None and rule.scheduled_expression:
            port.put_schedule(config_of(rule))

    def put_rule(self: Any, name: str, *args: Any, **given: Any) -> Rule:
        check_rule(name, given)
        rule = _put(self, name, *args, **given)
        if not rule.scheduled_expression:
            port.delete_schedule(rule.arn)  # it had a schedule before, perhaps
        changed(self, name, given.get("event_bus_arn"))
        return rule

    def delete_rule(self: Any, name: str, event_bus_arn: str | None) -> None:
        rule = _find(self, name, event_bus_arn)
        _delete(self, name, event_bus_arn)
        if rule is not None:
            port.delete_schedule(rule.arn)

    def enable_rule(self: Any, name: str, event_bus_arn: str | None) -> bool:
        found = _enable(self, name, event_bus_arn)
        changed(self, name, event_bus_arn)
        return found

    def disable_rule(self: Any, name: str, event_bus_arn: str | None) -> bool:
        found = _disable(self, name, event_bus_arn)
        changed(self, name, event_bus_arn)
        return found

    def put_targets(self: Any, name: str, event_bus_arn: str | None, targets: list[dict[str, Any]]) -> None:
        rule = _find(self, name, event_bus_arn)
        if rule is not None and rule.scheduled_expression:
            check_targets(rule, targets)
        _put_targets(self, name, event_bus_arn, targets)
        changed(self, name, event_bus_arn)

    def remove_targets(self: Any, name: str, event_bus_arn: str | None, ids: list[str]) -> None:
        _remove_targets(self, name, event_bus_arn, ids)
        changed(self, name, event_bus_arn)

    mend(
        EventsBackend,
        put_rule=put_rule,
        delete_rule=delete_rule,
        enable_rule=enable_rule,
        disable_rule=disable_rule,
        put_targets=put_targets,
        remove_targets=remove_targets,
    )
    mend(Rule, send_to_targets=_send_by_pattern)


def config_of(rule: Rule) -> ScheduleConfig:
    """Return a rule in the engine's terms."""
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
    found = backend.event_buses.get(backend._normalize_event_bus_arn(bus))
    rule: Rule | None = None if found is None else found.rules.get(name)
    return rule


def _send_by_pattern(self: Any, original_event: Any, transform_input: bool = True) -> None:
    """Send what PutEvents was given to rules with a pattern only."""
    if self.event_pattern.get_pattern():
        _send(self, original_event, transform_input)

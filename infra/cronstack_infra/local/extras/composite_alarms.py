"""Composite alarms of CloudWatch."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from typing import Any, Final

from moto.cloudformation.exceptions import ValidationError
from moto.cloudwatch import models

from cronstack_infra.local.resources.ours.alarms import untag
from cronstack_infra.local.resources.resource import Properties, Resource, already_exists, boolean, tags_of

_moto: Any = models  # Any: its annotations are narrower than the values that it accepts

_STATE: Final = re.compile(r"""\b(?:ALARM|OK|INSUFFICIENT_DATA)\s*\(\s*(?:"([^"]+)"|'([^']+)'|([^\s()"']+))\s*\)""")
_SUPPRESSOR: Final = ("ActionsSuppressor", "ActionsSuppressorExtensionPeriod", "ActionsSuppressorWaitPeriod")
_METRIC_FIELDS: Final = (
    "namespace",
    "metric_name",
    "comparison_operator",
    "evaluation_periods",
    "period",
    "threshold",
    "statistic",
)
_AS_PYTHON: Final = {"AND": "and", "OR": "or", "NOT": "not", "TRUE": "True", "FALSE": "False"}
"""Python's word for each word of a rule, so that Python can parse the rule."""


class CompositeAlarm(Resource):
    """An alarm on other alarms. It is stored only; its rule is parsed, but not evaluated."""

    kind = "AWS::CloudWatch::CompositeAlarm"
    name_property = "AlarmName"
    create_only = frozenset({"AlarmName"})

    @property
    def _backend(self) -> Any:
        return _moto.cloudwatch_backends[self.account][self.region]

    def attributes(self) -> Mapping[str, str]:
        return {"Arn": self._backend.alarms[self.name].alarm_arn}

    def create(self) -> None:
        if self.name in self._backend.alarms:
            raise already_exists(self.kind, self.name)
        self._put()

    def update(self, old: Properties) -> None:
        self._put()
        untag(self, old)

    def remove(self) -> None:
        self._backend.delete_alarms([self.name])

    def _put(self) -> None:
        properties = self.properties
        if unsupported := [name for name in (*_SUPPRESSOR, "ActionConfiguration") if properties.get(name) is not None]:
            raise ValidationError(message=f"{self.kind}: the local cloud does not support {', '.join(unsupported)}")
        self._check_rule(properties["AlarmRule"])
        of_metric_alarms = dict.fromkeys(_METRIC_FIELDS)
        self._backend.put_metric_alarm(
            name=self.name,
            rule=properties["AlarmRule"],
            description=properties.get("AlarmDescription"),
            dimensions=[],
            alarm_actions=properties.get("AlarmActions", []),
            ok_actions=properties.get("OKActions", []),
            insufficient_data_actions=properties.get("InsufficientDataActions", []),
            actions_enabled=boolean(properties.get("ActionsEnabled", True)),
            tags=[{"Key": key, "Value": value} for key, value in tags_of(properties).items()],
            **of_metric_alarms,
        )

    def _check_rule(self, rule: str) -> None:
        """Raise ValidationError for a rule that cannot be parsed, or that names missing alarms."""
        names = {next(name for name in groups if name).rpartition(":alarm:")[2] for groups in _STATE.findall(rule)}
        words = _STATE.sub(" TRUE ", rule)
        invalid = set(re.findall(r"[^\s()]+", words)) - {"AND", "OR", "NOT", "TRUE", "FALSE"}
        try:
            ast.parse(re.sub(r"[A-Z]+", lambda word: _AS_PYTHON.get(word[0], word[0]), words.strip()), mode="eval")
        except SyntaxError:
            invalid.add(rule)
        if invalid:
            raise ValidationError(message=f"Invalid AlarmRule: it cannot be parsed at {', '.join(sorted(invalid))}")
        if missing := sorted(names - set(self._backend.alarms)):
            raise ValidationError(
                message=f"Could not save the composite alarm as alarms [{', '.join(missing)}] in the alarm rule do not"
                " exist"
            )

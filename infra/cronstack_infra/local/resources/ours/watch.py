"""Alarms of CloudWatch, and alarms about alarms."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from typing import Any, Final

from moto.cloudformation.exceptions import ValidationError
from moto.cloudwatch import models

from cronstack_infra.local.resources.resource import Properties, Resource, already_exists, number, tags_of, truth

_moto: Any = models  # its annotations are narrower than what it takes


class Alarm(Resource):
    """A metric alarm. moto evaluates it when it is described."""

    kind = "AWS::CloudWatch::Alarm"
    name_property = "AlarmName"
    create_only = frozenset({"AlarmName"})

    def attributes(self) -> Mapping[str, str]:
        return {"Arn": _moto.cloudwatch_backends[self.account][self.region].alarms[self.name].alarm_arn}

    def create(self) -> None:
        if self.name in _moto.cloudwatch_backends[self.account][self.region].alarms:
            raise already_exists(self.kind, self.name)
        self._put()

    def update(self, old: Properties) -> None:
        self._put()
        _untag(self, old)

    def remove(self) -> None:
        _moto.cloudwatch_backends[self.account][self.region].delete_alarms([self.name])

    def _put(self) -> None:
        given = self.properties
        _moto.cloudwatch_backends[self.account][self.region].put_metric_alarm(
            name=self.name,
            namespace=given.get("Namespace"),
            metric_name=given.get("MetricName"),
            metric_data_queries=[_query(query) for query in given.get("Metrics", [])] or None,
            comparison_operator=given["ComparisonOperator"],
            evaluation_periods=int(number(given["EvaluationPeriods"])),
            datapoints_to_alarm=_or_none(given.get("DatapointsToAlarm")),
            period=_or_none(given.get("Period")),
            threshold=_or_none(given.get("Threshold")),
            statistic=given.get("Statistic"),
            extended_statistic=given.get("ExtendedStatistic"),
            description=given.get("AlarmDescription"),
            dimensions=given.get("Dimensions", []),
            alarm_actions=given.get("AlarmActions", []),
            ok_actions=given.get("OKActions", []),
            insufficient_data_actions=given.get("InsufficientDataActions", []),
            unit=given.get("Unit"),
            actions_enabled=truth(given.get("ActionsEnabled", True)),
            treat_missing_data=given.get("TreatMissingData"),
            evaluate_low_sample_count_percentile=given.get("EvaluateLowSampleCountPercentile"),
            threshold_metric_id=given.get("ThresholdMetricId"),
            tags=[{"Key": key, "Value": value} for key, value in tags_of(given).items()],
        )


def _untag(alarm: Resource, old: Properties) -> None:
    """moto keeps the tags of an alarm that is put again."""
    if gone := sorted(tags_of(old).keys() - tags_of(alarm.properties).keys()):
        tagger = _moto.cloudwatch_backends[alarm.account][alarm.region].tagger
        tagger.untag_resource_using_names(alarm.attributes()["Arn"], gone)


def _or_none(value: Any) -> int | float | None:
    return None if value is None else number(value)


def _query(given: Properties) -> Any:
    stat = given.get("MetricStat")
    return _moto.MetricDataQuery(
        query_id=given["Id"],
        label=given.get("Label"),
        period=_or_none(given.get("Period")),
        return_data=truth(given.get("ReturnData", True)),
        expression=given.get("Expression"),
        metric_stat=None if stat is None else _stat(stat),
    )


def _stat(given: Properties) -> Any:
    metric = given["Metric"]
    return _moto.MetricStat(
        metric=_moto.Metric(
            metric_name=metric["MetricName"],
            namespace=metric["Namespace"],
            dimensions=[_moto.Dimension(name=one["Name"], value=one["Value"]) for one in metric.get("Dimensions", [])],
        ),
        period=number(given["Period"]),
        stat=given["Stat"],
        unit=given.get("Unit"),
    )


_STATE: Final = re.compile(r"""\b(?:ALARM|OK|INSUFFICIENT_DATA)\s*\(\s*(?:"([^"]+)"|'([^']+)'|([^\s()"']+))\s*\)""")
_SUPPRESSOR: Final = ("ActionsSuppressor", "ActionsSuppressorExtensionPeriod", "ActionsSuppressorWaitPeriod")
_OF_METRIC_ALARMS: Final = (
    "namespace",
    "metric_name",
    "comparison_operator",
    "evaluation_periods",
    "period",
    "threshold",
    "statistic",
)
_AS_PYTHON: Final = {"AND": "and", "OR": "or", "NOT": "not", "TRUE": "True", "FALSE": "False"}
"""A rule is an expression of Python in capitals: its parentheses and operators are read as such."""


class CompositeAlarm(Resource):
    """An alarm about other alarms. It is kept as it is written; its rule is read, and not evaluated."""

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
        _untag(self, old)

    def remove(self) -> None:
        self._backend.delete_alarms([self.name])

    def _put(self) -> None:
        given = self.properties
        if lost := [name for name in (*_SUPPRESSOR, "ActionConfiguration") if given.get(name) is not None]:
            raise ValidationError(message=f"{self.kind}: the local cloud does not keep {', '.join(lost)}")
        self._judge(given["AlarmRule"])
        of_metric_alarms = dict.fromkeys(_OF_METRIC_ALARMS)
        self._backend.put_metric_alarm(
            name=self.name,
            rule=given["AlarmRule"],
            description=given.get("AlarmDescription"),
            dimensions=[],
            alarm_actions=given.get("AlarmActions", []),
            ok_actions=given.get("OKActions", []),
            insufficient_data_actions=given.get("InsufficientDataActions", []),
            actions_enabled=truth(given.get("ActionsEnabled", True)),
            tags=[{"Key": key, "Value": value} for key, value in tags_of(given).items()],
            **of_metric_alarms,
        )

    def _judge(self, rule: str) -> None:
        """Refuse a rule that cannot be read, or that names alarms that are not there."""
        names = {next(name for name in found if name).rpartition(":alarm:")[2] for found in _STATE.findall(rule)}
        words = _STATE.sub(" TRUE ", rule)
        strange = set(re.findall(r"[^\s()]+", words)) - {"AND", "OR", "NOT", "TRUE", "FALSE"}
        try:
            ast.parse(re.sub(r"[A-Z]+", lambda word: _AS_PYTHON.get(word[0], word[0]), words.strip()), mode="eval")
        except SyntaxError:
            strange.add(rule)
        if strange:
            raise ValidationError(message=f"Invalid AlarmRule: it cannot be read at {', '.join(sorted(strange))}")
        if missing := sorted(names - set(self._backend.alarms)):
            raise ValidationError(
                message=f"Could not save the composite alarm as alarms [{', '.join(missing)}] in the alarm rule do not"
                " exist"
            )

"""Alarms of CloudWatch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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

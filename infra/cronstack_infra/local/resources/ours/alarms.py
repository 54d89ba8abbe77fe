"""Metric alarms of CloudWatch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moto.cloudwatch import models

from cronstack_infra.local.resources.resource import Properties, Resource, already_exists, boolean, number, tags_of

_moto: Any = models  # Any: its annotations are narrower than the values that it accepts


class Alarm(Resource):
    """A metric alarm. moto evaluates it in DescribeAlarms."""

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
        untag(self, old)

    def remove(self) -> None:
        _moto.cloudwatch_backends[self.account][self.region].delete_alarms([self.name])

    def _put(self) -> None:
        properties = self.properties
        _moto.cloudwatch_backends[self.account][self.region].put_metric_alarm(
            name=self.name,
            namespace=properties.get("Namespace"),
            metric_name=properties.get("MetricName"),
            metric_data_queries=[_query(query) for query in properties.get("Metrics", [])] or None,
            comparison_operator=properties["ComparisonOperator"],
            evaluation_periods=int(number(properties["EvaluationPeriods"])),
            datapoints_to_alarm=_or_none(properties.get("DatapointsToAlarm")),
            period=_or_none(properties.get("Period")),
            threshold=_or_none(properties.get("Threshold")),
            statistic=properties.get("Statistic"),
            extended_statistic=properties.get("ExtendedStatistic"),
            description=properties.get("AlarmDescription"),
            dimensions=properties.get("Dimensions", []),
            alarm_actions=properties.get("AlarmActions", []),
            ok_actions=properties.get("OKActions", []),
            insufficient_data_actions=properties.get("InsufficientDataActions", []),
            unit=properties.get("Unit"),
            actions_enabled=boolean(properties.get("ActionsEnabled", True)),
            treat_missing_data=properties.get("TreatMissingData"),
            evaluate_low_sample_count_percentile=properties.get("EvaluateLowSampleCountPercentile"),
            threshold_metric_id=properties.get("ThresholdMetricId"),
            tags=[{"Key": key, "Value": value} for key, value in tags_of(properties).items()],
        )


def untag(alarm: Resource, old: Properties) -> None:
    """Remove the old tags of an alarm, because moto keeps them in PutMetricAlarm."""
    if removed := sorted(tags_of(old).keys() - tags_of(alarm.properties).keys()):
        tagger = _moto.cloudwatch_backends[alarm.account][alarm.region].tagger
        tagger.untag_resource_using_names(alarm.attributes()["Arn"], removed)


def _or_none(value: Any) -> int | float | None:
    return None if value is None else number(value)


def _query(properties: Properties) -> Any:
    stat = properties.get("MetricStat")
    return _moto.MetricDataQuery(
        query_id=properties["Id"],
        label=properties.get("Label"),
        period=_or_none(properties.get("Period")),
        return_data=boolean(properties.get("ReturnData", True)),
        expression=properties.get("Expression"),
        metric_stat=None if stat is None else _stat(stat),
    )


def _stat(properties: Properties) -> Any:
    metric = properties["Metric"]
    return _moto.MetricStat(
        metric=_moto.Metric(
            metric_name=metric["MetricName"],
            namespace=metric["Namespace"],
            dimensions=[
                _moto.Dimension(name=dimension["Name"], value=dimension["Value"])
                for dimension in metric.get("Dimensions", [])
            ],
        ),
        period=number(properties["Period"]),
        stat=properties["Stat"],
        unit=properties.get("Unit"),
    )

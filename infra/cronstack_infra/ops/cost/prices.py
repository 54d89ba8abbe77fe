"""List prices in dollars, by Region. The only place with prices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

DATE: Final = "November 2024"
"""When the prices were valid. DynamoDB's on-demand prices were halved in this month."""
SOURCES: Final = (
    "https://aws.amazon.com/dynamodb/pricing/on-demand/",
    "https://aws.amazon.com/lambda/pricing/",
    "https://aws.amazon.com/cloudwatch/pricing/",
    "https://aws.amazon.com/eventbridge/pricing/",
    "https://aws.amazon.com/sqs/pricing/",
)
USUAL: Final = "us-east-1"
"""Region whose prices count where those of a Region are not known."""


class Prices(NamedTuple):
    """Dollars per unit. The fields are the names of what is used, as in ``usage``."""

    write_units: float
    """Of DynamoDB on demand, as are ``read_units``."""
    read_units: float
    table_gigabytes: float
    """For a month."""
    backup_gigabytes: float
    """Of point-in-time recovery, for a month."""
    invocations: float
    """Requests of Lambda."""
    gigabyte_seconds: float
    """Of Lambda on arm64, first tier."""
    gigabyte_seconds_x86: float
    schedules_fired: float
    queue_requests: float
    log_gigabytes: float
    """Ingested by the standard log class."""
    stored_log_gigabytes: float
    """For a month."""
    alarm_metrics: float
    """Metrics that alarms of standard resolution read, for a month."""
    custom_metrics: float
    """For a month in which each hour has data."""
    metrics_read: float
    """Metrics in GetMetricData."""


_MILLION: Final = 1_000_000
PRICES: Final[Mapping[str, Prices]] = {
    "us-east-1": Prices(
        write_units=0.625 / _MILLION,
        read_units=0.125 / _MILLION,
        table_gigabytes=0.25,
        backup_gigabytes=0.20,
        invocations=0.20 / _MILLION,
        gigabyte_seconds=0.0000133334,
        gigabyte_seconds_x86=0.0000166667,
        schedules_fired=1.00 / _MILLION,
        queue_requests=0.40 / _MILLION,
        log_gigabytes=0.50,
        stored_log_gigabytes=0.03,
        alarm_metrics=0.10,
        custom_metrics=0.30,
        metrics_read=0.01 / 1000,
    ),
    "eu-central-1": Prices(
        write_units=0.7625 / _MILLION,
        read_units=0.1525 / _MILLION,
        table_gigabytes=0.306,
        backup_gigabytes=0.2448,
        invocations=0.20 / _MILLION,
        gigabyte_seconds=0.0000133334,
        gigabyte_seconds_x86=0.0000166667,
        schedules_fired=1.00 / _MILLION,
        queue_requests=0.40 / _MILLION,
        log_gigabytes=0.63,
        stored_log_gigabytes=0.0324,
        alarm_metrics=0.10,
        custom_metrics=0.30,
        metrics_read=0.01 / 1000,
    ),
}

FREE: Final[Mapping[str, float]] = {
    "table_gigabytes": 25,
    "invocations": 1_000_000,
    "gigabyte_seconds": 400_000,
    "gigabyte_seconds_x86": 400_000,  # the same ones: all jobs of a stack have one architecture
    "schedules_fired": 14_000_000,
    "queue_requests": 1_000_000,
    "log_gigabytes": 5,
    "alarm_metrics": 10,
    "custom_metrics": 10,
}
"""What an account has free in each month, for all its stacks together, without end. Only with ``--free-tier``."""

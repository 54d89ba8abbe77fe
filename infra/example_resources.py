"""The AWS resources of the example jobs and their rights: flights, statistics, reports, mail, and scheduling.

Each job gets only the actions that it calls: ``grant_read`` would also allow listing the whole bucket, and
``grant_write_data`` deleting from the table.
"""

from collections.abc import Mapping
from typing import Any

from aws_cdk import CfnOutput, RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_ses as ses

from cronstack_infra.aws import CronstackStack, ScheduledFunction

TEMPORARY_FOLDERS = ("consistency", "weekly")
"""Folders of reports that ``retention`` clears."""
SENDER = "reminders@example.com"
"""Sender of the reminders. Set yours: ``cdk deploy -c jobs=examples -c sender=…``. SES asks its owner to confirm it."""


def resources(stack: CronstackStack, jobs: Mapping[str, ScheduledFunction]) -> None:
    flights = bucket(stack, "Flights")
    reports = bucket(stack, "Reports")
    statistics = dynamodb.Table(
        stack,
        "DailyStatistics",
        partition_key=dynamodb.Attribute(name="day", type=dynamodb.AttributeType.STRING),
        billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
        removal_policy=RemovalPolicy.DESTROY,
    )

    allow(jobs["daily_stats"], "s3:GetObject", flights.arn_for_objects("flights/*"))
    statistics.grant(jobs["daily_stats"].function, "dynamodb:PutItem")

    statistics.grant(jobs["weekly_report"].function, "dynamodb:GetItem")
    allow(jobs["weekly_report"], "s3:PutObject", reports.arn_for_objects("weekly/*"))

    allow(jobs["consistency"], "s3:GetObject", flights.arn_for_objects("flights/*"))
    allow(jobs["consistency"], "s3:ListBucket", flights.bucket_arn, only=listed("flights/*"))
    statistics.grant(jobs["consistency"].function, "dynamodb:GetItem")
    allow(jobs["consistency"], "s3:PutObject", reports.arn_for_objects("consistency/*"))

    folders = [f"{folder}/" for folder in TEMPORARY_FOLDERS]
    allow(jobs["retention"], "s3:ListBucket", reports.bucket_arn, only=listed(*folders))
    allow(jobs["retention"], "s3:DeleteObject", *(reports.arn_for_objects(f"{folder}*") for folder in folders))

    allow(jobs["night_shift"], "s3:PutObject", reports.arn_for_objects("nights/*"))

    address = stack.node.try_get_context("sender") or SENDER
    sender = ses.EmailIdentity(stack, "Sender", identity=ses.Identity.email(address))
    from_it = {"StringEquals": {"ses:FromAddress": address}}
    allow(jobs["remind_by_email"], "ses:SendEmail", sender.email_identity_arn, only=from_it)
    set_variable(jobs, "REMINDER_SENDER", address, "remind_by_email")

    stack.grant_schedule("capture_payment", jobs["checkout"])
    stack.grant_schedule("remind_by_email", jobs["checkout"])

    set_variable(jobs, "FLIGHTS_BUCKET", flights.bucket_name, "daily_stats", "consistency")
    set_variable(jobs, "STATISTICS_TABLE", statistics.table_name, "daily_stats", "weekly_report", "consistency")
    set_variable(
        jobs, "REPORTS_BUCKET", reports.bucket_name, "weekly_report", "consistency", "retention", "night_shift"
    )
    CfnOutput(stack, "FlightsBucket", value=flights.bucket_name)
    CfnOutput(stack, "ReportsBucket", value=reports.bucket_name)
    CfnOutput(stack, "StatisticsTable", value=statistics.table_name)


def bucket(stack: CronstackStack, name: str) -> s3.Bucket:
    return s3.Bucket(
        stack,
        name,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        removal_policy=RemovalPolicy.DESTROY,  # Example data can be created again; on AWS, empty the bucket first.
    )


def allow(job: ScheduledFunction, action: str, *arns: str, only: dict[str, Any] | None = None) -> None:
    """Allow a job an action on resources. ``only``: conditions of the request."""
    job.function.add_to_role_policy(iam.PolicyStatement(actions=[action], resources=[*arns], conditions=only))


def listed(*prefixes: str) -> dict[str, Any]:
    """Return the condition that a request lists one of these prefixes."""
    return {"StringLike": {"s3:prefix": [*prefixes]}}


def set_variable(jobs: Mapping[str, ScheduledFunction], variable: str, value: str, *names: str) -> None:
    """Add a variable to the environment of jobs, for a value that is known only at deployment."""
    for name in names:
        jobs[name].function.add_environment(variable, value)

"""The AWS resources of your jobs and their rights, in plain CDK.

Create buckets, tables, topics here and grant them to jobs by name:

    from aws_cdk import aws_s3 as s3

    reports = s3.Bucket(stack, "Reports")
    reports.grant_put(jobs["daily_stats"].function)
    jobs["daily_stats"].function.add_environment("REPORTS_BUCKET", reports.bucket_name)

Each job has its own role. It has only the rights that you grant here, and those that its guard needs.
"""

from collections.abc import Mapping

from cronstack_infra.aws import CronstackStack, ScheduledFunction


def resources(stack: CronstackStack, jobs: Mapping[str, ScheduledFunction]) -> None:
    """Create resources and grant rights. Cronstack calls it with all jobs, by name."""

"""What your jobs may touch, in plain CDK.

Create buckets, tables, topics here and grant them to jobs by name:

    from aws_cdk import aws_s3 as s3

    reports = s3.Bucket(stack, "Reports")
    reports.grant_put(jobs["daily_stats"].function)
    jobs["daily_stats"].function.add_environment("REPORTS_BUCKET", reports.bucket_name)

Each job has a role of its own, which may do nothing but what is granted here and what its guard needs.
"""

from collections.abc import Mapping

from cronstack_infra.aws import CronstackStack, ScheduledFunction


def resources(stack: CronstackStack, jobs: Mapping[str, ScheduledFunction]) -> None:
    """Called once the jobs' functions are there; ``jobs`` maps their names to them."""

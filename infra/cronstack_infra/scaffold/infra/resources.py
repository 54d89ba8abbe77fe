"""AWS resources of your jobs, in plain CDK.

Create buckets, tables and topics in ``resources``, and grant jobs access to them:

    from aws_cdk import aws_s3 as s3

    reports = s3.Bucket(stack, "Reports")
    function = jobs["daily_stats"].function
    reports.grant_put(function)
    function.add_environment("REPORTS_BUCKET", reports.bucket_name)

Each job has its own IAM role. It permits only what you grant here, and what Cronstack itself needs.
"""

from collections.abc import Mapping

from cronstack_infra.aws import CronstackStack, ScheduledFunction


def resources(stack: CronstackStack, jobs: Mapping[str, ScheduledFunction]) -> None:
    """Add resources to the stack. ``jobs`` contains the deployed jobs by name."""

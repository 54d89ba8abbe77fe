"""The project's own resources: a subscriber of the alarms, and grants, whose policies are resources of their own."""

from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from aws_cdk.aws_sns_subscriptions import SqsSubscription


def resources(stack, jobs):
    stack.alarm_topic.add_subscription(SqsSubscription(sqs.Queue(stack, "Mails")))
    s3.Bucket(stack, "Prices").grant_read(jobs["nightly"].function)
    audit = iam.PolicyStatement(actions=["s3:ListAllMyBuckets"], resources=["*"])
    iam.ManagedPolicy(stack, "Audit", roles=[jobs["sweeps"].role], statements=[audit])
    stack.grant_schedule("remind", jobs["nightly"])

"""The project's own resources: a topic that mails the alarms, and a grant, whose policy is a resource of its own."""

from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk.aws_sns_subscriptions import SqsSubscription


def resources(stack, jobs):
    topic = sns.Topic(stack, "AlarmMail")
    topic.add_subscription(SqsSubscription(sqs.Queue(stack, "Mails")))
    for alarm in stack.alarms.values():
        alarm.add_alarm_action(actions.SnsAction(topic))
    s3.Bucket(stack, "Prices").grant_read(jobs["nightly"].function)
    stack.grant_schedule("remind", jobs["nightly"])

"""A CDK app without Cronstack: a schedule sends orders to a queue, and a worker reads them. Release 2 changes much."""

from aws_cdk import App, CfnOutput, Duration, RemovalPolicy, Stack, TimeZone
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as event_targets
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as targets
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_ssm as ssm
from constructs import Construct

REPORT = """
import os
def handler(event, context):
    print("report", event)
    return {"table": os.environ["TABLE"], "version": VERSION, "event": event}
"""
WORKER = """
import os, boto3
def handler(event, context):
    table = boto3.resource("dynamodb").Table(os.environ["TABLE"])
    for record in event["Records"]:
        table.put_item(Item={"id": record["messageId"], "body": record["body"], "by": VERSION})
"""


class Base(Stack):
    """The stack that outlives a release: data, queues, a topic."""

    def __init__(self, scope: Construct, name: str) -> None:
        super().__init__(scope, name)
        key = kms.Key(self, "Key", alias="foreign", enable_key_rotation=True, removal_policy=RemovalPolicy.DESTROY)
        self.table = dynamodb.TableV2(
            self,
            "Orders",
            partition_key=dynamodb.Attribute(name="id", type=dynamodb.AttributeType.STRING),
            time_to_live_attribute="expires",
            removal_policy=RemovalPolicy.DESTROY,
        )
        self.bucket = s3.Bucket(
            self,
            "Reports",
            enforce_ssl=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            encryption=s3.BucketEncryption.KMS,
            encryption_key=key,
            versioned=True,
            lifecycle_rules=[s3.LifecycleRule(expiration=Duration.days(30))],
            removal_policy=RemovalPolicy.DESTROY,
            auto_delete_objects=True,
        )
        self.dead = sqs.Queue(self, "Dead", retention_period=Duration.days(14), enforce_ssl=True)
        self.orders = sqs.Queue(
            self,
            "Queue",
            visibility_timeout=Duration.seconds(60),
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            dead_letter_queue=sqs.DeadLetterQueue(queue=self.dead, max_receive_count=3),
        )
        self.topic = sns.Topic(self, "News", display_name="news", enforce_ssl=True)
        self.export_value(self.topic.topic_arn)  # must stay when no stack imports it any more
        self.inbox = sqs.Queue(self, "Inbox")
        self.topic.add_subscription(subscriptions.SqsSubscription(self.inbox, raw_message_delivery=True))
        CfnOutput(self, "InboxUrl", value=self.inbox.queue_url)
        CfnOutput(self, "DeadUrl", value=self.dead.queue_url)


class Jobs(Stack):
    """The stack with the functions. It uses resources of Base by export and import."""

    def __init__(self, scope: Construct, name: str, base: Base) -> None:
        super().__init__(scope, name)
        second = self.node.try_get_context("release") == "2"
        self.base = base
        every = "rate(2 minutes)" if second else "rate(1 minute)"
        self.every = scheduler.ScheduleExpression.expression(every)
        group = scheduler.ScheduleGroup(self, "Group", schedule_group_name="nightly")
        group.apply_removal_policy(RemovalPolicy.DESTROY)
        report = self.function(
            "Report",
            REPORT.replace("VERSION", "2" if second else "1"),
            function_name="reporter" if second else "report",
        )
        base.bucket.grant_put(report)
        self.schedule(
            "Reports",
            targets.LambdaInvoke(
                report,
                input=scheduler.ScheduleTargetInput.from_object(
                    {"at": scheduler.ContextAttribute.scheduled_time, "kind": "daily"}
                ),
                dead_letter_queue=base.dead,
                retry_attempts=2,
                max_event_age=Duration.hours(1),
            ),
            schedule_name="reports-renamed" if second else "reports",
            schedule_group=group,
        )
        self.schedule(
            "Orders",
            targets.SqsSendMessage(base.orders, input=scheduler.ScheduleTargetInput.from_text("an order")),
            enabled=not second,
        )
        if not second:
            self.schedule("News", targets.SnsPublish(base.topic, input=scheduler.ScheduleTargetInput.from_text("news")))
        scheduler.Schedule(
            self,
            "Yearly",
            schedule=scheduler.ScheduleExpression.cron(
                minute="0", hour="6", day="1", month="1", time_zone=TimeZone.EUROPE_BERLIN
            ),
            target=targets.LambdaInvoke(report),
            time_window=scheduler.TimeWindow.flexible(Duration.minutes(15)),
            description="Once a year",
        )
        worker = self.function(
            "Worker",
            WORKER.replace("VERSION", "2" if second else "1"),
            timeout=Duration.seconds(30),
            reserved_concurrent_executions=2,
        )
        base.table.grant_write_data(worker)
        worker.add_event_source(
            sources.SqsEventSource(base.orders, batch_size=5, report_batch_item_failures=True, max_concurrency=2)
        )
        self.rules(report, second)
        self.watched(report)
        CfnOutput(self, "ReportName", value=report.function_name)
        CfnOutput(self, "GroupArn", value=group.schedule_group_arn)

    def function(self, name: str, code: str, **properties: object) -> lambda_.Function:
        return lambda_.Function(
            self,
            name,
            runtime=lambda_.Runtime.PYTHON_3_13,
            handler="index.handler",
            code=lambda_.Code.from_inline(code),
            environment={"TABLE": self.base.table.table_name},
            log_group=logs.LogGroup(
                self, f"{name}Logs", retention=logs.RetentionDays.ONE_WEEK, removal_policy=RemovalPolicy.DESTROY
            ),
            **properties,
        )

    def schedule(self, name: str, target: scheduler.IScheduleTarget, **properties: object) -> None:
        scheduler.Schedule(self, name, schedule=self.every, target=target, **properties)

    def rules(self, report: lambda_.Function, second: bool) -> None:
        ticks, copies, letters = (sqs.Queue(self, name) for name in ("Ticks", "Copies", "Letters"))
        topic = sns.Topic(self, "Tick", enforce_ssl=True)
        topic.add_subscription(subscriptions.SqsSubscription(copies, raw_message_delivery=True))
        events.Rule(
            self,
            "Minutely",
            rule_name="minutely-renamed" if second else "minutely",
            schedule=events.Schedule.rate(Duration.minutes(1)),
            enabled=not second,
            targets=[
                event_targets.LambdaFunction(
                    report,
                    event=events.RuleTargetInput.from_object({"kind": "rule", "at": events.EventField.time}),
                    retry_attempts=2,
                    dead_letter_queue=letters,
                ),
                event_targets.SqsQueue(ticks),
                event_targets.SnsTopic(
                    topic, message=events.RuleTargetInput.from_text(f"tick {events.EventField.time}")
                ),
            ],
        )
        CfnOutput(self, "TicksUrl", value=ticks.queue_url)
        CfnOutput(self, "CopiesUrl", value=copies.queue_url)
        events.Rule(self, "Nightly", schedule=events.Schedule.cron(minute="0", hour="3"))

    def watched(self, function: lambda_.Function) -> None:
        function.metric_errors(period=Duration.minutes(5)).create_alarm(
            self, "Failing", threshold=1, evaluation_periods=1
        )
        cloudwatch.Dashboard(self, "Board", widgets=[[cloudwatch.GraphWidget(left=[function.metric_invocations()])]])
        ssm.StringParameter(self, "Parameter", parameter_name="/foreign/report", string_value=function.function_arn)


app = App()
base = Base(app, "ForeignBase")
Jobs(app, "ForeignJobs", base)
app.synth()

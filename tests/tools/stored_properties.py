"""The state of a resource in its service, read by plain boto3, as properties of its CloudFormation type.

Defaults are left out. So a property that a template no longer has is detected when the service still has it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

Client = Callable[[str], Any]
Properties = dict[str, Any]


def function(client: Client, name: str) -> Properties:
    found = client("lambda").get_function(FunctionName=name)
    described, reserved = found["Configuration"], client("lambda").get_function_concurrency(FunctionName=name)
    names = "Architectures DeadLetterConfig Description Environment EphemeralStorage FunctionName Handler MemorySize"
    stored = pick(described, f"{names} Role Runtime Timeout TracingConfig LoggingConfig")
    stored |= pick(reserved, "ReservedConcurrentExecutions") | as_tags(found.get("Tags"))
    at_default = {
        "Architectures": ["x86_64"],
        "EphemeralStorage": {"Size": 512},
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{name}"},
        "MemorySize": 128,
        "Timeout": 3,
        "TracingConfig": {"Mode": "PassThrough"},
    }
    if stored.get("LoggingConfig", {}).get("LogFormat") == "Text":
        stored["LoggingConfig"].pop("LogFormat")
        at_default["LoggingConfig"].pop("LogFormat")
    return without_defaults(stored, at_default)


def schedule(client: Client, name: str) -> Properties:
    scheduler = client("scheduler")
    pages = scheduler.get_paginator("list_schedules").paginate()
    [group] = [schedule["GroupName"] for page in pages for schedule in page["Schedules"] if schedule["Name"] == name]
    described = scheduler.get_schedule(Name=name, GroupName=group)
    names = "Description EndDate FlexibleTimeWindow GroupName KmsKeyArn Name ScheduleExpression"
    stored = pick(described, f"{names} ScheduleExpressionTimezone StartDate State Target")
    return without_defaults(stored, {"GroupName": "default", "ScheduleExpressionTimezone": "UTC", "State": "ENABLED"})


def permission(client: Client, sid: str) -> Properties:
    """Return a permission: a statement in the policy of a function."""
    functions = client("lambda")
    for function in functions.list_functions()["Functions"]:
        try:
            policy = json.loads(functions.get_policy(FunctionName=function["FunctionName"])["Policy"])
        except ClientError:
            continue  # no policy
        for found in policy["Statement"]:
            if found["Sid"] == sid:
                stored = {"Action": found["Action"], "FunctionName": found["Resource"]}
                source = found.get("Condition", {}).get("ArnLike", {}).get("AWS:SourceArn")
                return stored | {"Principal": found["Principal"]["Service"]} | ({"SourceArn": source} if source else {})
    raise LookupError(sid)


def rule(client: Client, name: str) -> Properties:
    events = client("events")
    described = events.describe_rule(Name=name)
    tags = events.list_tags_for_resource(ResourceARN=described["Arn"])["Tags"]
    stored = pick(described, "Description Name RoleArn ScheduleExpression State")
    stored["Targets"] = events.list_targets_by_rule(Rule=name)["Targets"]
    return without_defaults(stored | ({"Tags": tags} if tags else {}), {"State": "ENABLED", "Targets": []})


def schedule_group(client: Client, name: str) -> Properties:
    found = client("scheduler").get_schedule_group(Name=name)
    tags = client("scheduler").list_tags_for_resource(ResourceArn=found["Arn"])["Tags"]
    return {"Name": found["Name"]} | ({"Tags": tags} if tags else {})


def queue(client: Client, url: str) -> Properties:
    sqs = client("sqs")
    described = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    names = "ContentBasedDeduplication DelaySeconds FifoQueue KmsMasterKeyId MaximumMessageSize SqsManagedSseEnabled"
    names += " MessageRetentionPeriod ReceiveMessageWaitTimeSeconds RedrivePolicy RedriveAllowPolicy VisibilityTimeout"
    stored = pick(described, names) | as_tags(sqs.list_queue_tags(QueueUrl=url).get("Tags"))
    stored["QueueName"] = described["QueueArn"].rpartition(":")[2]
    at_default = {
        "DelaySeconds": "0",
        "MaximumMessageSize": stored.get("MaximumMessageSize") if stored.get("MaximumMessageSize") != "1024" else None,
        "MessageRetentionPeriod": "345600",
        "ReceiveMessageWaitTimeSeconds": "0",
        "SqsManagedSseEnabled": "true",
        "VisibilityTimeout": "30",
    }
    return without_defaults(stored, at_default)


def topic(client: Client, arn: str) -> Properties:
    sns = client("sns")
    described = sns.get_topic_attributes(TopicArn=arn)["Attributes"]
    tags = {tag["Key"]: tag["Value"] for tag in sns.list_tags_for_resource(ResourceArn=arn)["Tags"]}
    stored = pick(described, "DisplayName KmsMasterKeyId FifoTopic ContentBasedDeduplication") | as_tags(tags)
    return without_defaults(stored | {"TopicName": arn.rpartition(":")[2]}, {"FifoTopic": "false"})


def subscription(client: Client, arn: str) -> Properties:
    described = client("sns").get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    names = "Endpoint Protocol TopicArn RawMessageDelivery FilterPolicy FilterPolicyScope RedrivePolicy DeliveryPolicy"
    scope = {"FilterPolicyScope": "MessageAttributes", "RawMessageDelivery": "false"}
    return without_defaults(pick(described, names), scope)


def email_identity(client: Client, name: str) -> Properties:
    described = client("sesv2").get_email_identity(EmailIdentity=name)
    return {"EmailIdentity": name} | ({"Tags": described["Tags"]} if described.get("Tags") else {})


def role(client: Client, name: str) -> Properties:
    iam = client("iam")
    described = iam.get_role(RoleName=name)["Role"]
    stored = pick(described, "AssumeRolePolicyDocument Description MaxSessionDuration Path RoleName Tags")
    boundary = described.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
    attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    policies = [
        pick(iam.get_role_policy(RoleName=name, PolicyName=policy), "PolicyName PolicyDocument")
        for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]
    ]
    stored |= {"PermissionsBoundary": boundary, "ManagedPolicyArns": [policy["PolicyArn"] for policy in attached]}
    return without_defaults(stored | {"Policies": policies}, {"MaxSessionDuration": 3600, "Path": "/"})


def group(client: Client, name: str) -> Properties:
    described = client("iam").get_group(GroupName=name)["Group"]
    return without_defaults(pick(described, "GroupName Path") | _policies(client("iam"), "group", name), {"Path": "/"})


def user(client: Client, name: str) -> Properties:
    """Return a user's properties. Groups are compared separately, and AWS returns no password."""
    iam = client("iam")
    described = iam.get_user(UserName=name)["User"]
    return without_defaults(pick(described, "UserName Path Tags") | _policies(iam, "user", name), {"Path": "/"})


def _policies(iam: Any, word: str, name: str) -> Properties:
    def ask(call: str, **more: str) -> Any:
        return getattr(iam, call.format(word))(**{f"{word.title()}Name": name}, **more)

    attached = ask("list_attached_{}_policies")["AttachedPolicies"]
    inline = [
        pick(ask("get_{}_policy", PolicyName=policy), "PolicyName PolicyDocument")
        for policy in ask("list_{}_policies")["PolicyNames"]
    ]
    return {"ManagedPolicyArns": [policy["PolicyArn"] for policy in attached], "Policies": inline}


def managed_policy(client: Client, arn: str) -> Properties:
    iam = client("iam")
    described = iam.get_policy(PolicyArn=arn)["Policy"]
    version = iam.get_policy_version(PolicyArn=arn, VersionId=described["DefaultVersionId"])["PolicyVersion"]
    roles = iam.list_entities_for_policy(PolicyArn=arn)["PolicyRoles"]
    stored = {"PolicyDocument": version["Document"], "Roles": [role["RoleName"] for role in roles]}
    stored |= {"ManagedPolicyName": described["PolicyName"], **pick(described, "Description Path Tags")}
    return without_defaults(stored, {"Path": "/"})


def table(client: Client, name: str) -> Properties:
    dynamodb = client("dynamodb")
    described = dynamodb.describe_table(TableName=name)["Table"]
    stored = pick(described, "AttributeDefinitions DeletionProtectionEnabled KeySchema TableName StreamSpecification")
    stored["BillingMode"] = described.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED")
    for which in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes"):
        stored[which] = [pick(index, "IndexName KeySchema Projection") for index in described.get(which, [])]
    if described.get("SSEDescription", {}).get("Status") == "ENABLED":
        stored["SSESpecification"] = {"SSEEnabled": True}
    backups = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    if backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED":
        stored["PointInTimeRecoverySpecification"] = {"PointInTimeRecoveryEnabled": True}
    live = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    if live["TimeToLiveStatus"] == "ENABLED":
        stored["TimeToLiveSpecification"] = {"AttributeName": live["AttributeName"], "Enabled": True}
    tags = dynamodb.list_tags_of_resource(ResourceArn=described["TableArn"])["Tags"]
    return without_defaults(stored | {"Tags": tags}, {"BillingMode": "PROVISIONED", "DeletionProtectionEnabled": False})


def bucket(client: Client, name: str) -> Properties:
    s3 = client("s3")

    def ask(call: Callable[..., Any], part: str) -> Any:
        try:
            return call(Bucket=name)[part]
        except ClientError as none:
            if not none.response["Error"]["Code"].startswith(("NoSuch", "ServerSideEncryption", "OwnershipControls")):
                raise
            return None

    encryption = ask(s3.get_bucket_encryption, "ServerSideEncryptionConfiguration") or {"Rules": []}
    rules = [
        {"ServerSideEncryptionByDefault": rule["ApplyServerSideEncryptionByDefault"]} for rule in encryption["Rules"]
    ]
    versioning = s3.get_bucket_versioning(Bucket=name).get("Status")
    stored = {
        "BucketEncryption": {"ServerSideEncryptionConfiguration": rules} if rules else {},
        "BucketName": name,
        "LifecycleConfiguration": ask(s3.get_bucket_lifecycle_configuration, "Rules"),
        "OwnershipControls": ask(s3.get_bucket_ownership_controls, "OwnershipControls"),
        "PublicAccessBlockConfiguration": ask(s3.get_public_access_block, "PublicAccessBlockConfiguration"),
        "Tags": ask(s3.get_bucket_tagging, "TagSet"),
        "VersioningConfiguration": {"Status": versioning} if versioning == "Enabled" else {},
    }
    if stored["LifecycleConfiguration"]:
        stored["LifecycleConfiguration"] = {"Rules": [_rule(rule) for rule in stored["LifecycleConfiguration"]]}
    default = {"ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
    return without_defaults(stored, {"BucketEncryption": default})


def _rule(described: dict[str, Any]) -> Properties:
    rule = pick(described, "Status AbortIncompleteMultipartUpload NoncurrentVersionExpiration")
    rule |= {"Id": described.get("ID"), "Prefix": described.get("Filter", {}).get("Prefix") or None}
    if "Days" in described.get("Expiration", {}):
        rule["ExpirationInDays"] = described["Expiration"]["Days"]
    return rule


def log_group(client: Client, name: str) -> Properties:
    logs = client("logs")
    found = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    [described] = [group for group in found if group["logGroupName"] == name]
    stored = {
        "LogGroupName": name,
        "RetentionInDays": described.get("retentionInDays"),
        "KmsKeyId": described.get("kmsKeyId"),
    }
    return without_defaults(stored | as_tags(logs.list_tags_log_group(logGroupName=name)["tags"]), {})


def metric_filter(client: Client, name: str) -> Properties:
    found = client("logs").describe_metric_filters(filterNamePrefix=name)["metricFilters"]
    described = next((filter_ for filter_ in found if filter_["filterName"] == name), {})
    stored = {f"{part[0].upper()}{part[1:]}": value for part, value in described.items()}
    stored["MetricTransformations"] = [
        {f"{part[0].upper()}{part[1:]}": value for part, value in counted.items()}
        for counted in stored.get("MetricTransformations", [])
    ]
    for counted in stored["MetricTransformations"]:
        if "Dimensions" in counted:
            counted["Dimensions"] = [{"Key": key, "Value": value} for key, value in counted["Dimensions"].items()]
    return pick(stored, "FilterName FilterPattern LogGroupName MetricTransformations")


def alarm(client: Client, name: str) -> Properties:
    [described] = client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
    names = "ActionsEnabled AlarmActions AlarmDescription AlarmName ComparisonOperator DatapointsToAlarm Dimensions"
    names += " EvaluationPeriods ExtendedStatistic InsufficientDataActions MetricName Metrics Namespace OKActions"
    stored = pick(described, f"{names} Period Statistic Threshold TreatMissingData Unit")
    stored["Tags"] = client("cloudwatch").list_tags_for_resource(ResourceARN=described["AlarmArn"])["Tags"]
    return without_defaults(stored, {"ActionsEnabled": True})


def composite_alarm(client: Client, name: str) -> Properties:
    cloudwatch = client("cloudwatch")
    [described] = cloudwatch.describe_alarms(AlarmNames=[name], AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]
    names = "ActionsEnabled AlarmActions AlarmDescription AlarmName AlarmRule InsufficientDataActions OKActions"
    tags = cloudwatch.list_tags_for_resource(ResourceARN=described["AlarmArn"])["Tags"]
    return without_defaults(pick(described, names) | {"Tags": tags}, {"ActionsEnabled": True})


def dashboard(client: Client, name: str) -> Properties:
    found = client("cloudwatch").get_dashboard(DashboardName=name)
    return {"DashboardName": found["DashboardName"], "DashboardBody": found["DashboardBody"]}


def parameter(client: Client, name: str) -> Properties:
    [described] = client("ssm").describe_parameters(ParameterFilters=[{"Key": "Name", "Values": [name]}])["Parameters"]
    value = client("ssm").get_parameter(Name=name)["Parameter"]["Value"]
    stored = pick(described, "AllowedPattern DataType Description Name Tier Type") | {"Value": value}
    stored["Tags"] = client("ssm").list_tags_for_resource(ResourceType="Parameter", ResourceId=name)["TagList"]
    return without_defaults(stored, {"DataType": "text", "Tier": "Standard"})


def key(client: Client, key_id: str) -> Properties:
    kms = client("kms")
    described = kms.describe_key(KeyId=key_id)["KeyMetadata"]
    policy = json.loads(kms.get_key_policy(KeyId=key_id, PolicyName="default")["Policy"])
    stored = pick(described, "Description Enabled KeySpec KeyUsage MultiRegion Origin") | {"KeyPolicy": policy}
    stored["EnableKeyRotation"] = kms.get_key_rotation_status(KeyId=key_id)["KeyRotationEnabled"]
    tags = kms.list_resource_tags(KeyId=key_id)["Tags"]
    stored |= as_tags({tag["TagKey"]: tag["TagValue"] for tag in tags})
    at_default = {"Enabled": True, "KeySpec": "SYMMETRIC_DEFAULT", "KeyUsage": "ENCRYPT_DECRYPT", "Origin": "AWS_KMS"}
    return without_defaults(stored, at_default | {"EnableKeyRotation": False, "MultiRegion": False})


def key_alias(client: Client, name: str) -> Properties:
    aliases = client("kms").list_aliases()["Aliases"]
    [described] = [alias for alias in aliases if alias["AliasName"] == name]
    return {"AliasName": name, "TargetKeyId": described["TargetKeyId"]}


def mapping(client: Client, uuid: str) -> Properties:
    described = client("lambda").get_event_source_mapping(UUID=uuid)
    names = "BatchSize EventSourceArn FunctionResponseTypes MaximumBatchingWindowInSeconds ScalingConfig FilterCriteria"
    stored = pick(described, names) | {"FunctionName": described["FunctionArn"].rpartition(":")[2]}
    stored |= as_tags(client("lambda").list_tags(Resource=described["EventSourceMappingArn"])["Tags"])
    if described["State"] == "Disabled":
        stored["Enabled"] = False
    return without_defaults(stored, {"BatchSize": 10, "MaximumBatchingWindowInSeconds": 0})


def invoke_config(client: Client, physical: str) -> Properties:
    name, _, qualifier = physical.partition("|")
    described = client("lambda").get_function_event_invoke_config(FunctionName=name, Qualifier=qualifier)
    destinations = {
        which: destination for which, destination in described.get("DestinationConfig", {}).items() if destination
    }
    stored = pick(described, "MaximumEventAgeInSeconds MaximumRetryAttempts")
    return without_defaults(
        stored | {"FunctionName": name, "Qualifier": qualifier, "DestinationConfig": destinations}, {}
    )


def function_alias(client: Client, arn: str) -> Properties:
    function, _, name = arn.rpartition(":")
    described = client("lambda").get_alias(FunctionName=function, Name=name)
    stored = pick(described, "FunctionVersion Name Description")
    return without_defaults(stored | {"FunctionName": function.rpartition(":")[2]}, {"Description": ""})


def pick(described: dict[str, Any], names: str) -> Properties:
    return {name: described[name] for name in names.split() if name in described}


def as_tags(tags: dict[str, str] | None) -> Properties:
    return {"Tags": [{"Key": name, "Value": value} for name, value in (tags or {}).items()]}


def without_defaults(stored: Properties, at_default: Properties) -> Properties:
    return {
        name: value
        for name, value in stored.items()
        if value not in (None, "", [], {}) and value != at_default.get(name)
    }


READERS: dict[str, Callable[[Client, str], Properties]] = {
    "AWS::CloudWatch::Alarm": alarm,
    "AWS::CloudWatch::CompositeAlarm": composite_alarm,
    "AWS::CloudWatch::Dashboard": dashboard,
    "AWS::DynamoDB::GlobalTable": table,
    "AWS::DynamoDB::Table": table,
    "AWS::Events::Rule": rule,
    "AWS::IAM::Group": group,
    "AWS::IAM::ManagedPolicy": managed_policy,
    "AWS::IAM::Role": role,
    "AWS::IAM::User": user,
    "AWS::KMS::Alias": key_alias,
    "AWS::KMS::Key": key,
    "AWS::Lambda::Alias": function_alias,
    "AWS::Lambda::EventInvokeConfig": invoke_config,
    "AWS::Lambda::EventSourceMapping": mapping,
    "AWS::Lambda::Function": function,
    "AWS::Lambda::Permission": permission,
    "AWS::Logs::LogGroup": log_group,
    "AWS::Logs::MetricFilter": metric_filter,
    "AWS::S3::Bucket": bucket,
    "AWS::SES::EmailIdentity": email_identity,
    "AWS::SNS::Subscription": subscription,
    "AWS::SNS::Topic": topic,
    "AWS::SQS::Queue": queue,
    "AWS::SSM::Parameter": parameter,
    "AWS::Scheduler::Schedule": schedule,
    "AWS::Scheduler::ScheduleGroup": schedule_group,
}

"""All CloudFormation types of the local cloud. ``TYPES`` takes precedence over moto's types."""

from __future__ import annotations

from typing import Final

from cronstack_infra.local.resources.others.custom import LogRetention, S3AutoDeleteObjects
from cronstack_infra.local.resources.others.event_source_mappings import EventSourceMapping
from cronstack_infra.local.resources.others.global_table import GlobalTable
from cronstack_infra.local.resources.others.keys import Key, Secret
from cronstack_infra.local.resources.others.layers import LayerVersion
from cronstack_infra.local.resources.others.rules import Rule
from cronstack_infra.local.resources.others.sns import Subscription, Topic
from cronstack_infra.local.resources.others.versions import Alias, Permission, Version
from cronstack_infra.local.resources.ours.alarms import Alarm
from cronstack_infra.local.resources.ours.buckets import Bucket
from cronstack_infra.local.resources.ours.dashboards import Dashboard
from cronstack_infra.local.resources.ours.email_identities import EmailIdentity
from cronstack_infra.local.resources.ours.lambdas import EventInvokeConfig, Function
from cronstack_infra.local.resources.ours.logs import LogGroup, MetricFilter
from cronstack_infra.local.resources.ours.policies import BucketPolicy, QueuePolicy, TopicPolicy
from cronstack_infra.local.resources.ours.records import CdkMetadata, WaitConditionHandle
from cronstack_infra.local.resources.ours.roles import ManagedPolicy, Role
from cronstack_infra.local.resources.ours.scheduler import Schedule, ScheduleGroup
from cronstack_infra.local.resources.ours.stores import Queue, Table
from cronstack_infra.local.resources.resource import Resource

TYPES: Final[dict[str, type[Resource]]] = {
    resource_class.kind: resource_class
    for resource_class in (
        Alarm,
        Alias,
        Bucket,
        BucketPolicy,
        CdkMetadata,
        Dashboard,
        EmailIdentity,
        EventInvokeConfig,
        Function,
        GlobalTable,
        Key,
        LayerVersion,
        LogGroup,
        LogRetention,
        ManagedPolicy,
        MetricFilter,
        Permission,
        Queue,
        QueuePolicy,
        Role,
        Rule,
        S3AutoDeleteObjects,
        Schedule,
        ScheduleGroup,
        Secret,
        EventSourceMapping,
        Subscription,
        Table,
        Topic,
        TopicPolicy,
        Version,
        WaitConditionHandle,
    )
}

"""CloudFormation types that moto lacks, or loses properties of. ``TYPES`` is asked before moto's own."""

from __future__ import annotations

from typing import Final

from cronstack_infra.local.resources.buckets import Bucket
from cronstack_infra.local.resources.custom import LogRetention, S3AutoDeleteObjects
from cronstack_infra.local.resources.global_table import GlobalTable
from cronstack_infra.local.resources.identities import EmailIdentity
from cronstack_infra.local.resources.identity import ManagedPolicy, Role
from cronstack_infra.local.resources.keys import Key, Secret
from cronstack_infra.local.resources.lambdas import EventInvokeConfig, Function
from cronstack_infra.local.resources.layers import LayerVersion
from cronstack_infra.local.resources.logs import LogGroup, MetricFilter
from cronstack_infra.local.resources.people import Group, User, UserToGroupAddition
from cronstack_infra.local.resources.policies import BucketPolicy, QueuePolicy, TopicPolicy
from cronstack_infra.local.resources.records import CdkMetadata, WaitConditionHandle
from cronstack_infra.local.resources.resource import Resource
from cronstack_infra.local.resources.rules import Rule
from cronstack_infra.local.resources.scheduler import Schedule, ScheduleGroup
from cronstack_infra.local.resources.sns import Subscription, Topic
from cronstack_infra.local.resources.sources import Source
from cronstack_infra.local.resources.stores import Queue, Table
from cronstack_infra.local.resources.versions import Alias, Permission, Version
from cronstack_infra.local.resources.watch import Alarm, CompositeAlarm

TYPES: Final[dict[str, type[Resource]]] = {
    found.kind: found
    for found in (
        Alarm,
        Alias,
        Bucket,
        BucketPolicy,
        CdkMetadata,
        CompositeAlarm,
        EmailIdentity,
        EventInvokeConfig,
        Function,
        GlobalTable,
        Group,
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
        Source,
        Subscription,
        Table,
        Topic,
        TopicPolicy,
        User,
        UserToGroupAddition,
        Version,
        WaitConditionHandle,
    )
}

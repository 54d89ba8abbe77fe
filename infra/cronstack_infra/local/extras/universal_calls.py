"""Calls of universal targets, through botocore.

A call goes to the local cloud over HTTP, as a user's call does. It waits for the lock, so a thread that holds the lock
must not make it. In virtual time, moto answers it in the same process.
"""

from __future__ import annotations

import json
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from cronstack_infra.local.engine.values import Deliver, TargetError
from cronstack_infra.local.environment import client_arguments
from cronstack_infra.local.extras.universal_targets import call_of
from cronstack_infra.local.lookups.identities import access_key_of_role
from cronstack_infra.local.moto import privates


def call(deliver: Deliver, endpoint: str | None) -> TargetError | Exception | None:
    """Make the call as the schedule's role, and wait for the response. Return None if it succeeded.

    endpoint: the local cloud's; None for AWS's, which moto mocks.

    An exception is returned, because in a thread of the drive it would be lost, and the engine would wait forever.
    """
    try:
        return _call(deliver, endpoint)
    except Exception as fault:  # of moto or of Cronstack
        return fault


def _call(deliver: Deliver, endpoint: str | None) -> TargetError | None:
    client, operation = call_of(deliver.target.arn)
    region, key = deliver.schedule_arn.split(":")[3], access_key_of_role(deliver.target.role_arn)
    options: Any = {"retries": {"total_max_attempts": 1}, "read_timeout": 30, "connect_timeout": 5}
    options["ignore_configured_endpoint_urls"] = endpoint is None
    session: Any = botocore.session.get_session()
    arguments = client_arguments(endpoint, region) | {"aws_access_key_id": key}
    created = session.create_client(client, config=Config(**options), **arguments)
    try:
        privates.api_call(created)(operation, json.loads(deliver.payload or "{}"))
    except ClientError as refused:
        error = refused.response["Error"]
        status = int(refused.response["ResponseMetadata"]["HTTPStatusCode"])
        return TargetError(str(error.get("Code")), str(error.get("Message")), status)
    except (BotoCoreError, TypeError, ValueError) as fault:
        return TargetError("ValidationException", str(fault), 400)
    return None

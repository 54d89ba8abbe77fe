"""Helpers of the probes: clients of the mocked AWS, and common resources."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from functools import cache
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ACCOUNT: Final = "123456789012"
REGION: Final = "us-east-1"
_ONCE: Final = Config(retries={"total_max_attempts": 1})


@cache
def client(service: str, **arguments: str) -> Any:
    """Return a client that does not retry, so that a server error is raised at once."""
    make: Any = boto3.client
    return make(service, region_name=REGION, config=_ONCE, **arguments)


def fails(call: Callable[[], object], *faults: type[Exception]) -> bool:
    """Return whether a call raises one of the faults: False for another error of AWS. Raise any other exception."""
    try:
        call()
    except faults:
        return True
    except ClientError:
        return False
    return False


def code_of(call: Callable[[], object]) -> str:
    """Return the code of AWS's error for a call; "" if it succeeds."""
    try:
        call()
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""


def role(name: str = "role") -> str:
    """Create a role without permissions; return its ARN."""
    trust = {"Version": "2012-10-17", "Statement": []}
    response = client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
    return str(response["Role"]["Arn"])


def zipped(text: str = "def handler(event, context): return 'ours'\n") -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("f.py", text)
    return packed.getvalue()


def function(name: str = "f", **more: Any) -> Any:
    """Create a function; return a client of Lambda."""
    functions = client("lambda")
    arguments = {"Runtime": "python3.12", "Handler": "f.handler", "Code": {"ZipFile": zipped()}, **more}
    functions.create_function(FunctionName=name, Role=role(f"role-of-{name}"), **arguments)
    return functions


def queue(name: str = "q", **attributes: str) -> str:
    """Create a queue; return its URL."""
    return str(client("sqs").create_queue(QueueName=name, Attributes=attributes)["QueueUrl"])


def arn_of_queue(name: str = "q") -> str:
    return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"

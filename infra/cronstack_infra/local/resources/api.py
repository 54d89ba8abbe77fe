"""The AWS API for the types of resources: botocore clients that call moto in the same process.

The calls use no HTTP and no other thread, so a holder of the lock may make them. botocore checks the parameters, and
errors have AWS's messages.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError
from moto.core.botocore_stubber import BotocoreStubber

from cronstack_infra.local.environment import client_arguments

_LOCAL_MOTO = BotocoreStubber()
_LOCAL_MOTO.enabled = True


@lru_cache
def api(service: str, region: str) -> Any:
    """Return a client of a service that moto provides in this process."""
    config: Any = Config  # Any: its annotations lack some parameters
    options = config(retries={"total_max_attempts": 1}, ignore_configured_endpoint_urls=True)
    session: Any = _session()
    client = session.create_client(service, config=options, **client_arguments(None, region))
    client.meta.events.register("before-send", _LOCAL_MOTO)
    return client


@lru_cache
def _session() -> botocore.session.Session:
    """Return one session for all clients, which reads the models of the services once."""
    return botocore.session.get_session()


def code_of(fault: ClientError) -> str:
    return str(fault.response["Error"].get("Code"))


def ignore_not_found(call: Any, **parameters: Any) -> None:
    """Make a call that deletes. Ignore the error that the object does not exist."""
    try:
        call(**parameters)
    except ClientError as fault:
        if not any(word in code_of(fault) for word in ("NotFound", "NoSuch", "NonExistent", "DoesNotExist")):
            raise

"""The AWS API as the types of resources call it: botocore on one side, moto in the same process on the other.

No HTTP and no other thread, so it may be called by who holds the lock; botocore checks the parameters, and a service's
error says what AWS says.
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
    """A client of a service that this process is."""
    config: Any = Config  # its annotations do not know all it takes
    options = config(retries={"total_max_attempts": 1}, ignore_configured_endpoint_urls=True)
    session: Any = _session()
    client = session.create_client(service, config=options, **client_arguments(None, region))
    client.meta.events.register("before-send", _LOCAL_MOTO)
    return client


@lru_cache
def _session() -> botocore.session.Session:
    """One for all clients: it reads the models of the services once."""
    return botocore.session.get_session()


def code_of(fault: ClientError) -> str:
    return str(fault.response["Error"].get("Code"))


def unless_gone(call: Any, **parameters: Any) -> None:
    """Make a call that deletes; that there is nothing to delete any more is no fault."""
    try:
        call(**parameters)
    except ClientError as fault:
        if not any(word in code_of(fault) for word in ("NotFound", "NoSuch", "NonExistent", "DoesNotExist")):
            raise

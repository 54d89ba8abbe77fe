"""The answer to CloudFormation: an HTTP PUT to the URL that it gave."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from cronstack import clock

LONGEST_REASON: Final = 700
"""Most characters of a reason. CloudFormation cuts much longer ones."""


def send(event: Mapping[str, Any], reason: str) -> None:
    """PUT the answer to the URL that CloudFormation gave. Try three times."""
    from http.client import HTTPConnection, HTTPException, HTTPSConnection
    from urllib.parse import urlsplit

    answer = {
        "Status": "FAILED" if reason else "SUCCESS",
        "Reason": cut(reason),
        # Always the same: CloudFormation would treat another id as a replacement, and delete the old resource.
        "PhysicalResourceId": event.get("PhysicalResourceId") or "cronstack-deploy-check",
        **{name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")},
    }
    url = urlsplit(event["ResponseURL"])
    where = f"{url.path}?{url.query}" if url.query else url.path
    for left in (2, 1, 0):
        connection = (HTTPSConnection if url.scheme == "https" else HTTPConnection)(url.netloc, timeout=3)
        try:
            # S3 has signed the URL for an empty type.
            connection.request("PUT", where, json.dumps(answer).encode(), {"Content-Type": ""})
            response = connection.getresponse()
            response.read()
            if response.status < 300:
                return
            print(json.dumps({"fault": f"the answer was refused: HTTP {response.status}"}))
        except (OSError, HTTPException) as fault:
            if not left:
                raise
            print(json.dumps({"fault": f"the answer was not sent: {fault}"}))
        finally:
            connection.close()
        clock.sleep(0.5)


def cut(reason: str) -> str:
    """Cut the reason in its middle: its beginning names what waits, its end is the remedy."""
    reason = reason.encode("ascii", "replace").decode()  # in JSON, any other character takes six bytes
    if len(reason) <= LONGEST_REASON:
        return reason
    half = LONGEST_REASON // 2 - 3
    return f"{reason[:half]} ... {reason[-half:]}"

"""The time of signatures: AWS refuses a signature more than five minutes off its clock; S3, fifteen minutes.

The time is compared with this machine's clock, because programs sign by it, even if a test moves the cloud's clock.
The rest of a signature is not checked.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cronstack_infra.local.http.requests import ReceivedRequest
from cronstack_infra.local.http.unsupported import Answer, by_query, error

_STAMP: Final = "%Y%m%dT%H%M%SZ"
_ACCEPTED: Final = timedelta(minutes=5)
_ACCEPTED_BY_S3: Final = timedelta(minutes=15)


def refusal(environ: Mapping[str, Any], request: ReceivedRequest, now: datetime) -> Answer | None:
    """Return the refusal of a request that was signed too early or too late; None for any other request."""
    signed = _signed_at(environ)
    accepted = _ACCEPTED_BY_S3 if request.service == "s3" else _ACCEPTED
    if signed is None or abs(now - signed) <= accepted:
        return None
    if request.service == "s3":
        text = "The difference between the request time and the current time is too large."
        return error(request, "403 Forbidden", "RequestTimeTooSkewed", text)
    late = signed < now
    limit = now - accepted if late else now + accepted
    state, against, sign = ("expired", "earlier", "-") if late else ("not yet current", "still later", "+")
    minutes = accepted // timedelta(minutes=1)
    text = (
        f"Signature {state}: {signed:{_STAMP}} is {'now ' if late else ''}{against} than {limit:{_STAMP}}"
        f" ({now:{_STAMP}} {sign} {minutes} min.)"
    )
    code = "SignatureDoesNotMatch" if by_query(request) else "InvalidSignatureException"
    status = "400 Bad Request" if request.service == "dynamodb" else "403 Forbidden"
    line, headers, body = error(request, status, code, text)
    if request.service == "sqs" and request.target:
        headers = [*headers, ("x-amzn-query-error", "SignatureDoesNotMatch;Sender")]
    return line, headers, body


def _signed_at(environ: Mapping[str, Any]) -> datetime | None:
    """Return the time of a signature in the headers. A signature in the URL has its own expiry instead."""
    if not str(environ.get("HTTP_AUTHORIZATION", "")).startswith("AWS4-HMAC-SHA256"):
        return None
    try:
        return datetime.strptime(str(environ.get("HTTP_X_AMZ_DATE", "")), _STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None

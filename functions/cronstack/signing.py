"""Signatures by the time at AWS, for a machine whose wall clock is off. Loaded when AWS has refused a signature.

AWS refuses a signature that is more than five minutes off. Botocore signs by the wall clock, and corrects that for S3
only. So a request that is sent again would be refused again.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from botocore.auth import AUTH_TYPE_MAPS, SIGV4_TIMESTAMP, SigV4Auth

_BY_BOTOCORE: Final = "v4"
_CORRECTED: Final = "cronstack-v4"
"""Names of signature versions: botocore's own, and that of ``_Corrected``."""
_NOW: Final = "cronstack_now"
"""Key in the context of a request: the clock by which it is signed."""


class _Corrected(SigV4Auth):
    """Botocore's signature, by the clock in the context of the request."""

    def _modify_request_before_signing(self, request: Any) -> None:
        """Replace the time that botocore has read. It calls this method before it uses the time."""
        moment = datetime.fromtimestamp(request.context[_NOW]() / 1000, UTC)
        request.context["timestamp"] = moment.strftime(SIGV4_TIMESTAMP)
        super()._modify_request_before_signing(request)  # type: ignore[misc]  # missing in the stubs


def sign_by(client: Any, now: Callable[[], int]) -> None:
    """Sign all requests of a client by ``now``, epoch milliseconds, from now on."""
    AUTH_TYPE_MAPS[_CORRECTED] = _Corrected

    def choose(signature_version: str, context: dict[str, Any], **_: object) -> str | None:
        if signature_version != _BY_BOTOCORE:
            return None
        context[_NOW] = now
        return _CORRECTED

    client.meta.events.register("choose-signer", choose)

"""moto's applications, one for each service, and the choice of one by the request.

Both raise NotImplementedError for what moto does not have, as moto does for an operation that it does not have.
"""

from __future__ import annotations

from typing import Any, Final

import flask
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from cronstack_infra.local.http.unsupported import NO_OPERATION, NO_SERVICE

_S3: Final = ("s3", "s3-object-lambda", "s3express")
"""What moto's S3 answers. It takes the calls of every service whose name begins with "s3"."""


class Dispatcher(DomainDispatcherApplication):
    """moto's choice of a service by the request."""

    def get_backend_for_host(self, host: str | None) -> Any:
        found = super().get_backend_for_host(host)
        service = (host or "").partition(".")[0]
        if found == "s3" and service.startswith("s3") and service not in _S3:
            found = None
        if found is None and host is not None:
            raise NotImplementedError(NO_SERVICE)
        return found


def application_of(service: Any) -> Any:
    """Return moto's application of a service."""
    made = create_backend_app(service)
    made.register_error_handler(404, _refuse_unknown_path)
    return made


def _refuse_unknown_path(fault: Any) -> Any:
    """Replace Flask's page for a path that moto does not know; a 404 that moto itself answers stays."""
    if flask.request.routing_exception is not None:
        raise NotImplementedError(NO_OPERATION) from None
    return fault

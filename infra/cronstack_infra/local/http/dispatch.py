"""moto's applications, one per service, and their choice by the request.

Both raise NotImplementedError for a service or path that moto lacks, as moto does for an operation that it lacks.
"""

from __future__ import annotations

from typing import Any, Final

import flask
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from cronstack_infra.local.http.unsupported import NO_OPERATION, NO_SERVICE

_S3: Final = ("s3", "s3-object-lambda", "s3express")
"""Services that moto's S3 implements. moto sends it the calls of every service whose name starts with "s3"."""


class Dispatcher(DomainDispatcherApplication):
    """moto's choice of a service by the request."""

    def get_backend_for_host(self, host: str | None) -> Any:
        backend = super().get_backend_for_host(host)
        service = (host or "").partition(".")[0]
        if backend == "s3" and service.startswith("s3") and service not in _S3:
            backend = None
        if backend is None and host is not None:
            raise NotImplementedError(NO_SERVICE)
        return backend


def application_of(service: Any) -> Any:
    """Return moto's application of a service."""
    application = create_backend_app(service)
    application.register_error_handler(404, _refuse_unknown_path)
    return application


def _refuse_unknown_path(fault: Any) -> Any:
    """Replace Flask's page for a path without a route. Keep a 404 that moto itself returns."""
    if flask.request.routing_exception is not None:
        raise NotImplementedError(NO_OPERATION) from None
    return fault

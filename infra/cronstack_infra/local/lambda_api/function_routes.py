"""Calls of Lambda's API without a route in moto: functions named with ``:$LATEST``, and recursion settings."""

from __future__ import annotations

import json
from typing import Any, Final
from urllib.parse import unquote

from moto.awslambda.responses import LambdaResponse

from cronstack_infra.local.moto.patch import ABSENT, Patch, replaced_by
from cronstack_infra.local.moto.surroundings import PatchParameters

_NAME: Final = r"(?P<function_name>[\w_:%-]+)"
_ANY_NAME: Final = r"(?P<function_name>[\w_:%\x24-]+)"
"""\\x24 is the dollar sign, which moto removes from its paths."""
_RECURSION: Final = "{0}/(?P<api_version>[^/]+)/functions/" + _ANY_NAME + "/recursion-config$"


def _routes(paths: dict[str, Any], _: PatchParameters) -> dict[str, Any]:
    """Return moto's paths with names that may have a dollar sign. moto reads them at each request, or at start."""
    wider = {path.replace(_NAME, _ANY_NAME): answer for path, answer in paths.items()}
    return wider | {_RECURSION: LambdaResponse.dispatch}


def _function(self: Any) -> Any:
    return self.backend.get_function(unquote(self.path.rsplit("/", 2)[-2]))


def _put_recursion(self: Any) -> str:
    function = _function(self)
    function.recursive_loop = self.json_body["RecursiveLoop"]
    return json.dumps({"RecursiveLoop": function.recursive_loop})


def _get_recursion(self: Any) -> str:
    return json.dumps({"RecursiveLoop": getattr(_function(self), "recursive_loop", "Terminate")})


_RECURSION_REASON: Final = "moto has no recursion settings of functions."

PATCHES: Final = (
    Patch(
        "moto.awslambda.urls",
        "url_paths",
        "value of dict",
        "A function named with :$LATEST, and recursion settings, match no path.",
        ("a_function_named_with_latest_has_no_path", "functions_have_no_recursion_settings"),
        _routes,
    ),
    Patch(
        "moto.awslambda.responses:LambdaResponse",
        "put_function_recursion_config",
        ABSENT,
        _RECURSION_REASON,
        "functions_have_no_recursion_settings",
        replaced_by(_put_recursion),
    ),
    Patch(
        "moto.awslambda.responses:LambdaResponse",
        "get_function_recursion_config",
        ABSENT,
        _RECURSION_REASON,
        "functions_have_no_recursion_settings",
        replaced_by(_get_recursion),
    ),
)

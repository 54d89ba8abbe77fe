"""Calls of Lambda's API that moto 5.2.5 has no way for: functions named with ``:$LATEST``, and recursion settings."""

from __future__ import annotations

import json
from typing import Any, Final
from urllib.parse import unquote

from moto.awslambda import urls
from moto.awslambda.responses import LambdaResponse

_NAME: Final = r"(?P<function_name>[\w_:%-]+)"
_ANY_NAME: Final = r"(?P<function_name>[\w_:%\x24-]+)"
"""\\x24 is the dollar, which moto takes out of its paths."""


def install() -> None:
    """Before the server's application is made."""
    for path in list(urls.url_paths):
        if _NAME in path:
            urls.url_paths[path.replace(_NAME, _ANY_NAME)] = urls.url_paths.pop(path)
    urls.url_paths["{0}/(?P<api_version>[^/]+)/functions/" + _ANY_NAME + "/recursion-config$"] = LambdaResponse.dispatch
    answers: Any = LambdaResponse
    answers.put_function_recursion_config = _put_recursion
    answers.get_function_recursion_config = _get_recursion


def _function(self: Any) -> Any:
    return self.backend.get_function(unquote(self.path.rsplit("/", 2)[-2]))


def _put_recursion(self: Any) -> str:
    function = _function(self)
    function.recursive_loop = self.json_body["RecursiveLoop"]
    return json.dumps({"RecursiveLoop": function.recursive_loop})


def _get_recursion(self: Any) -> str:
    return json.dumps({"RecursiveLoop": getattr(_function(self), "recursive_loop", "Terminate")})

"""Look-ups of moto's functions, in the engine's and the executor's terms."""

from __future__ import annotations

from typing import Any, Final

from moto.awslambda.exceptions import LambdaClientError, UnknownFunctionException
from moto.awslambda.models import EventInvokeConfig, LambdaFunction, LayerVersion, lambda_backends
from moto.awslambda.utils import get_backend
from moto.core.exceptions import ServiceException
from werkzeug.exceptions import HTTPException

from cronstack_infra.local.engine.values import FunctionRules
from cronstack_infra.local.executor.values import Function, Layer

LATEST: Final = "$LATEST"


def plain_arn(arn: str) -> str:
    """Return a function's ARN without a qualifier."""
    return ":".join(arn.split(":")[:7])


def qualified(arn: str) -> str:
    """Return a function's ARN with a qualifier, as records carry it."""
    return arn if arn.count(":") > 6 else f"{arn}:{LATEST}"


def qualifier_of(arn: str) -> str:
    """Return the qualifier of a function's ARN; $LATEST when it has none."""
    return arn.split(":")[7] if arn.count(":") > 6 else LATEST


def find_function(arn: str) -> LambdaFunction | None:
    """Return the function of an ARN, qualified or not."""
    _, _, _, region, account, _ = arn.split(":", 5)
    try:
        return get_backend(account, region).get_function(arn)
    except (UnknownFunctionException, HTTPException, ServiceException):
        return None


def latest_of(function: LambdaFunction) -> LambdaFunction:
    """Return $LATEST, which keeps what belongs to all versions."""
    found: LambdaFunction = get_backend(function.account_id, function.region).get_function(function.function_name)
    return found


def reserved(function: LambdaFunction) -> int | None:
    """Return the reserved concurrency, which belongs to the function, whatever version is invoked."""
    given = latest_of(function).reserved_concurrency
    return None if given is None else int(given)


def all_reserved() -> dict[str, int]:
    """Return the reserved concurrency of each function that has one, by ARN without a qualifier."""
    backends = [backend for regions in lambda_backends.values() for backend in regions.values()]
    found = {one.function_arn: reserved(one) for backend in backends for one in backend.list_functions()}
    return {plain_arn(arn): count for arn, count in found.items() if count is not None}


def layers_of(function: Any) -> tuple[LayerVersion, ...]:
    """Return the layer versions of a function, in the order in which they are unpacked."""
    found: tuple[LayerVersion, ...] = getattr(function, "layer_versions", ())
    return found


def function_of(function: LambdaFunction) -> Function:
    """Return a function as the executor needs it. Raises what Invoke answers when it cannot run."""
    if function.package_type != "Zip" or not function.run_time or not function.run_time.startswith("python"):
        what = function.run_time or f"package type {function.package_type}"
        raise LambdaClientError("InvalidRuntimeException", f"The local cloud runs Python functions only, not {what}.")
    logging = getattr(function, "logging_config", None) or {}
    return Function(
        arn=plain_arn(function.function_arn),
        version=str(function.version),
        name=function.function_name,
        handler=function.handler or "",
        runtime=function.run_time,
        timeout=float(function.timeout),
        memory=int(function.memory_size),
        environment=dict(function.environment_vars or {}),
        region=function.region,
        account=function.account_id,
        code_sha256=function.code_sha_256,
        code=function.code_bytes,
        layers=tuple(Layer(one.arn, one.code_sha_256, one.code_bytes) for one in layers_of(function)),
        log_group=logging.get("LogGroup") or f"/aws/lambda/{function.function_name}",
        may_loop=getattr(function, "recursive_loop", None) == "Allow",
        log_level=logging.get("ApplicationLogLevel", "INFO") if logging.get("LogFormat") == "JSON" else None,
    )


def event_invoke_configs(function: LambdaFunction) -> dict[str, EventInvokeConfig]:
    """Return the EventInvokeConfigs by qualifier; to be changed by Lambda's API. ``function`` is $LATEST."""
    kept: dict[str, EventInvokeConfig] = vars(function).setdefault("event_invoke_configs", {})
    return kept


def config_of(function: LambdaFunction, qualifier: str) -> dict[str, Any]:
    """Return what is configured for a qualifier; empty when nothing is. ``function`` is $LATEST."""
    found = event_invoke_configs(function).get(qualifier)
    return found.config if found is not None else {}


def rules_of(arn: str) -> FunctionRules:
    """Return how asynchronous events for an ARN are treated now; the defaults for a deleted function."""
    function = find_function(arn)
    if function is None:
        return FunctionRules()
    config = config_of(latest_of(function), qualifier_of(arn))
    destinations = config.get("DestinationConfig") or {}
    retries, age = config.get("MaximumRetryAttempts"), config.get("MaximumEventAgeInSeconds")
    return FunctionRules(
        max_retries=2 if retries is None else int(retries),
        max_age=21600 if age is None else int(age),
        on_failure=(destinations.get("OnFailure") or {}).get("Destination") or None,
        on_success=(destinations.get("OnSuccess") or {}).get("Destination") or None,
        dead_letters=(getattr(function, "dead_letter_config", None) or {}).get("TargetArn") or None,
    )

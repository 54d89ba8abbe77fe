"""Look-ups of moto's functions, as values of the engine and the executor."""

from __future__ import annotations

from typing import Any, Final

from moto.awslambda.exceptions import LambdaClientError, UnknownFunctionException
from moto.awslambda.models import EventInvokeConfig, LambdaFunction, LayerVersion, lambda_backends
from moto.awslambda.utils import get_backend
from moto.core.exceptions import ServiceException
from werkzeug.exceptions import HTTPException

from cronstack_infra.local.engine.values import FunctionRules
from cronstack_infra.local.executor.values import DeployedFunction, Layer

LATEST: Final = "$LATEST"


def plain_arn(arn: str) -> str:
    """Return a function's ARN without a qualifier."""
    return ":".join(arn.split(":")[:7])


def qualified(arn: str) -> str:
    """Return a function's ARN with a qualifier, as in invocation records."""
    return arn if arn.count(":") > 6 else f"{arn}:{LATEST}"


def qualifier_of(arn: str) -> str:
    """Return the qualifier of a function's ARN; $LATEST when it has none."""
    return arn.split(":")[7] if arn.count(":") > 6 else LATEST


def find_function(arn: str) -> LambdaFunction | None:
    """Return the function of an ARN, qualified or not; None if it does not exist."""
    _, _, _, region, account, _ = arn.split(":", 5)
    try:
        return get_backend(account, region).get_function(arn)
    except (UnknownFunctionException, HTTPException, ServiceException):
        return None


def latest_of(function: LambdaFunction) -> LambdaFunction:
    """Return $LATEST, which stores the settings of all versions."""
    latest: LambdaFunction = get_backend(function.account_id, function.region).get_function(function.function_name)
    return latest


def reserved(function: LambdaFunction) -> int | None:
    """Return the reserved concurrency, which all versions of the function share."""
    count = latest_of(function).reserved_concurrency
    return None if count is None else int(count)


def all_reserved() -> dict[str, int]:
    """Return the reserved concurrency of each function that has one, by ARN without a qualifier."""
    backends = [backend for regions in lambda_backends.values() for backend in regions.values()]
    counts = {
        function.function_arn: reserved(function) for backend in backends for function in backend.list_functions()
    }
    return {plain_arn(arn): count for arn, count in counts.items() if count is not None}


def layers_of(function: Any) -> tuple[LayerVersion, ...]:
    """Return the layer versions of a function, in the order in which they are unpacked."""
    layers: tuple[LayerVersion, ...] = getattr(function, "layer_versions", ())
    return layers


def function_of(function: LambdaFunction) -> DeployedFunction:
    """Return a function for the executor. Raise the error of Invoke if the function cannot run."""
    if function.package_type != "Zip" or not function.run_time or not function.run_time.startswith("python"):
        kind = function.run_time or f"package type {function.package_type}"
        raise LambdaClientError("InvalidRuntimeException", f"The local cloud runs Python functions only, not {kind}.")
    logging = getattr(function, "logging_config", None) or {}
    return DeployedFunction(
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
        layers=tuple(Layer(layer.arn, layer.code_sha_256, layer.code_bytes) for layer in layers_of(function)),
        log_group=logging.get("LogGroup") or f"/aws/lambda/{function.function_name}",
        may_loop=getattr(function, "recursive_loop", None) == "Allow",
        log_level=logging.get("ApplicationLogLevel", "INFO") if logging.get("LogFormat") == "JSON" else None,
    )


def event_invoke_configs(function: LambdaFunction) -> dict[str, EventInvokeConfig]:
    """Return the EventInvokeConfigs by qualifier, which Lambda's API may change. ``function`` is $LATEST."""
    configs: dict[str, EventInvokeConfig] = vars(function).setdefault("event_invoke_configs", {})
    return configs


def config_of(function: LambdaFunction, qualifier: str) -> dict[str, Any]:
    """Return the EventInvokeConfig of a qualifier; empty without one. ``function`` is $LATEST."""
    stored = event_invoke_configs(function).get(qualifier)
    return stored.config if stored is not None else {}


def rules_of(arn: str) -> FunctionRules:
    """Return the current rules for asynchronous events of an ARN; the defaults for a deleted function."""
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

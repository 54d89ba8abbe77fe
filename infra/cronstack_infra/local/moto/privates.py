"""All access to private members of moto, one function for each. Only this module depends on their names.

A private member may change with any version of moto. Then adapt its function here; the docstring states the contract.
Members of ``ResourceMap`` are private, too, although ``cloudformation.provision.Resources`` inherits them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, MutableMapping
from typing import Any

# Requests: moto.core.responses.BaseResponse


def parameter(request: Any, name: str, default: Any = None) -> Any:
    """Return a parameter of a request, from its query, its body or its path."""
    return request._get_param(name, default)


def flag(request: Any, name: str, default: bool | None = None) -> Any:
    """Return a Boolean parameter of a request; ``default`` when it is neither "true" nor "false"."""
    return request._get_bool_param(name, default)


def action(request: Any) -> str | None:
    """Return the operation of a request, from its parameters or from its method and path."""
    name: str | None = request._get_action()
    return name


# Backends: moto.core.base_backend.BackendDict


def backends_in_use() -> list[Any]:
    """Return moto's own list of the services that have state, each a BackendDict. The caller may change the list."""
    from moto.core.base_backend import BackendDict

    backends: list[Any] = vars(BackendDict)["_instances"]
    return backends


# CloudFormation: stacks and requests


def add_stack_event(stack: Any, status: str, reason: str | None) -> None:
    """Append an event of the stack itself to its events."""
    stack._add_stack_event(status, resource_status_reason=reason)


def output_map(stack: Any) -> Any:
    """Return a new map of the outputs that the stack's template declares."""
    return stack._create_output_map()


def template_at(request: Any, url: str) -> str:
    """Return the template that a URL of S3 points to."""
    template: str = request._get_stack_from_s3_url(url)
    return template


# CloudFormation: moto.cloudformation.parsing.ResourceMap


def account_of(resources: Any) -> str:
    """Return the account of a stack's resources."""
    return str(resources._account_id)


def region_of(resources: Any) -> str:
    """Return the Region of a stack's resources."""
    return str(resources._region_name)


def template_of(resources: Any) -> dict[str, Any]:
    """Return the template that was loaded last."""
    template: dict[str, Any] = resources._template
    return template


def definitions_of(resources: Any) -> dict[str, Any]:
    """Return the Resources section of the template, by logical id."""
    definitions: dict[str, Any] = resources._resource_json_map
    return definitions


def set_template(resources: Any, template: dict[str, Any], definitions: dict[str, Any]) -> None:
    """Replace the template and its Resources section. moto looks up resources in the latter."""
    resources._template, resources._resource_json_map = template, definitions


def set_definitions(resources: Any, definitions: dict[str, Any]) -> None:
    """Replace the Resources section only."""
    resources._resource_json_map = definitions


def values_of(resources: Any) -> MutableMapping[str, Any]:
    """Return the values that names resolve to: resources by logical id, parameters, pseudo parameters."""
    values: MutableMapping[str, Any] = resources._parsed_resources
    return values


def delete_resource(resources: Any, resource: Any, definition: dict[str, Any]) -> None:
    """Delete a resource by its own method; by its type and physical id when it has none."""
    resources._delete_resource(resource, definition)


# DynamoDB


def attribute_of(operand: Any, item: Any) -> Any:
    """Return the attribute of an item at a path of a condition; None when the item lacks it."""
    return operand._get_attr(item)


# EC2


def associations_of(route_table: Any) -> Iterable[str]:
    """Return the ids of a route table's associations."""
    return list(route_table._associations)


# EventBridge


def bus_name(backend: Any, name_or_arn: str | None) -> str:
    """Return the name of an event bus; that of the default bus for None."""
    name: str = backend._normalize_event_bus_arn(name_or_arn)
    return name


# Lambda


def functions_of(backend: Any) -> Any:
    """Return the LambdaStorage of a backend: its functions, their versions and aliases."""
    return backend._lambdas


def versions_of(storage: Any, function_name: str) -> list[Any]:
    """Return the published versions of a function, oldest first. The caller may append one."""
    versions: list[Any] = storage._functions[function_name]["versions"]
    return versions


def functions_by_arn(storage: Any) -> MutableMapping[str, Any]:
    """Return a LambdaStorage's functions and versions by ARN."""
    functions: MutableMapping[str, Any] = storage._arns
    return functions


def aliases_of(storage: Any, function_name: str) -> Mapping[str, Any]:
    """Return the aliases of a function, by name."""
    aliases: Mapping[str, Any] = storage._get_function_aliases(function_name)
    return aliases


def event_source_mappings(backend: Any) -> MutableMapping[str, Any]:
    """Return the event source mappings of a backend, by UUID."""
    mappings: MutableMapping[str, Any] = backend._event_source_mappings
    return mappings


def network_of(function: Any) -> dict[str, Any]:
    """Return a function's VpcConfig as requested; empty without one."""
    return function._vpc_config or {}


def code_in(s3_object: Any) -> tuple[bytes, int, str, str]:
    """Return the code in an object of S3: bytes, size, SHA-256 in base64, SHA-256 in hexadecimal digits."""
    from moto.awslambda import models

    return models._s3_content(s3_object)


def run_by(function: Any, run: Callable[[Any], tuple[str, bool, str]]) -> None:
    """Run a function's events with ``run`` instead of Docker. It returns the result, whether it failed, and the log."""
    function._invoke_lambda = run


def enriched(headers: dict[str, str], body: Any) -> tuple[dict[str, str], Any]:
    """Return the headers and body of a response, with the headers that moto adds to each response."""
    from moto.awslambda.responses import LambdaResponse

    answer: tuple[dict[str, str], Any] = LambdaResponse._enrich_response(headers, body)
    return answer


def zipped(source: str) -> bytes:
    """Return a zip file with one module, as CloudFormation creates it from a template's ZipFile."""
    from moto.awslambda.models import LambdaFunction

    return LambdaFunction._create_zipfile_from_plaintext_code(source)


# SNS


def matcher_of(subscription: Any) -> Any:
    """Return the matcher of a subscription's filter policy; None without a policy."""
    return subscription._filter_policy_matcher


def message_for(subscription: Any, message: str, protocol: str) -> str:
    """Return the part for a protocol of a message with MessageStructure "json"."""
    part: str = subscription._parse_message_structure(message, protocol)
    return part


def topic_policy(topic: Any) -> Any:
    """Return a topic's policy document."""
    return topic._policy_json


def set_default_topic_policy(topic: Any, region: str, account: str) -> None:
    """Set a topic's policy to that of a new topic."""
    topic._policy_json = topic._create_default_topic_policy(region, account, topic.name)


def set_topic_tags(topic: Any, tags: dict[str, str]) -> None:
    """Replace a topic's tags."""
    topic._tags = tags


def find_subscription(backend: Any, topic_arn: str, endpoint: str, protocol: str) -> Any:
    """Return the subscription of an endpoint to a topic; None when it does not exist."""
    return backend._find_subscription(topic_arn, endpoint, protocol)


# SQS


def queue_name(request: Any) -> str:
    """Return the queue name in a request's URL."""
    name: str = request._get_queue_name()
    return name


def messages(queue: Any) -> list[Any]:
    """Return all messages of a queue, hidden and delayed ones included."""
    stored: list[Any] = queue._messages
    return stored


def set_attributes(queue: Any, attributes: dict[str, Any]) -> None:
    """Set attributes of a queue. Without "Policy" among them, moto removes the queue's policy."""
    queue._set_attributes(attributes)


# botocore


def api_call(client: Any) -> Callable[[str, Any], Any]:
    """Return a client's function that calls an operation by its name in the service's model."""
    call: Callable[[str, Any], Any] = client._make_api_call
    return call

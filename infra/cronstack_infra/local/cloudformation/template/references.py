"""Dynamic references: ``{{resolve:ssm:…}}`` and ``{{resolve:secretsmanager:…}}`` in the properties of resources.

They are resolved after the functions are evaluated, so ``Fn::Split`` sees the reference, not its value. A parameter is
read at each deployment, and another value is a change. A secret is read when its resource is created or updated for
another reason, so definitions are compared and stored with the reference itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from botocore.exceptions import ClientError
from moto.cloudformation.exceptions import ValidationError

from cronstack_infra.local.cloudformation.template.template import Template
from cronstack_infra.local.resources.api import api, code_of

_REFERENCE: Final = re.compile(r"\{\{resolve:([^:}]*)(?::(.*?))?\}\}")
_PARAMETER: Final = re.compile(r"[a-zA-Z0-9_.\-/]+(?P<version>:\d+)?")
_ARN: Final = re.compile(r"arn:[^:]+:secretsmanager:[^:]*:\d*:secret:[^:]+")
_KNOWN: Final = ("secretsmanager", "ssm", "ssm-secure")


def check(template: Template) -> None:
    """Raise ValidationError for references that cannot be resolved."""
    for name, declaration in (template.get("Parameters") or {}).items():
        for kind, text, whole in _in_string(declaration.get("Default")):
            _check(kind, text, whole, "Parameters")
            if kind == "ssm" and not _is_pinned(text):
                raise ValidationError(
                    message=f"Template error: parameter {name} should not contain ssm versionless resolver"
                )
    for kind, text, whole, at in _in_resources(template):
        _check(kind, text, whole, at)


def _check(kind: str, text: str, whole: str, at: str) -> None:
    if kind not in _KNOWN:
        raise ValidationError(message=f"The local cloud does not resolve dynamic references of this kind: {whole}")
    if kind == "ssm-secure":
        raise ValidationError(message=f"SSM Secure reference is not supported in: [{at}]")
    if kind == "ssm" and _PARAMETER.fullmatch(text) is None:
        raise ValidationError(message=f"Incorrect format is used in the following SSM reference: [{whole}]")


def stored(template: Template, account: str, region: str) -> dict[str, str]:
    """Return the current values in Parameter Store, by reference. Raise ValidationError for a missing one.

    References that functions compose are resolved later, with their resource.
    """
    names = {whole: text for kind, text, whole, _ in _in_resources(template) if kind == "ssm"}
    return {whole: _parameter(text, account, region) for whole, text in names.items()}


def with_parameters(part: Any, account: str, region: str, at: str) -> Any:
    """Return a part of a template with its references to Parameter Store replaced by values."""

    def look_up(kind: str, text: str, whole: str) -> str:
        _check(kind, text, whole, at)
        return _parameter(text, account, region) if kind == "ssm" else whole

    return _replaced(part, look_up)


def with_secrets(part: Any, region: str) -> Any:
    """Return a part of a template with its references to secrets replaced by values."""
    return _replaced(part, lambda kind, text, whole: _secret(text, whole, region))


def _is_pinned(text: str) -> bool:
    matched = _PARAMETER.fullmatch(text)
    return matched is not None and matched["version"] is not None


def _in_string(text: Any) -> Iterator[tuple[str, str, str]]:
    """Yield service, key and whole text of each reference in a string, except those that Fn::Sub completes."""
    for reference in _REFERENCE.finditer(text) if isinstance(text, str) else ():
        if "${" not in reference[0]:
            yield reference[1], reference[2] or "", reference[0]


def _in_resources(template: Template) -> Iterator[tuple[str, str, str, str]]:
    for resource in template["Resources"].values():
        for text, path in _strings(resource.get("Properties"), "Properties"):
            for kind, inner, whole in _in_string(text):
                yield kind, inner, whole, f"{resource['Type']}/{path}"


def _strings(part: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(part, str):
        yield part, path
    inner: Any = part.items() if isinstance(part, Mapping) else enumerate(part) if isinstance(part, list) else ()
    for name, value in inner:
        yield from _strings(value, f"{path}/{name}")


def _replaced(part: Any, look_up: Callable[[str, str, str], str]) -> Any:
    if isinstance(part, str):
        return _REFERENCE.sub(lambda reference: look_up(reference[1], reference[2] or "", reference[0]), part)
    if isinstance(part, Mapping):
        return {name: _replaced(value, look_up) for name, value in part.items()}
    return [_replaced(value, look_up) for value in part] if isinstance(part, list) else part


def _parameter(text: str, account: str, region: str) -> str:
    from moto.core.exceptions import ServiceException  # slow to import, and few templates need it
    from moto.ssm.models import ssm_backends

    try:
        parameter = ssm_backends[account][region].get_parameter(text)
    except ServiceException:  # the version does not exist
        parameter = None
    if parameter is None:
        raise ValidationError(message=f"Parameters: [ssm:{text}] cannot be found.")
    if parameter.parameter_type == "SecureString":
        raise ValidationError(message=f"Non-secure ssm prefix was used for secure parameter {text.partition(':')[0]}")
    return str(parameter.value)


def _secret(text: str, whole: str, region: str) -> str:
    arn = _ARN.match(text)
    identifier = arn[0] if arn else text.partition(":")[0]
    part, key, stage, version, *more = [*text[len(identifier) + 1 :].split(":"), "", "", "", ""]
    if part not in ("", "SecretString") or any(more):
        raise ValidationError(message=f"Incorrect format is used in the following Secrets Manager reference: [{whole}]")
    selectors = {"VersionStage": stage, "VersionId": version}
    request = {"SecretId": identifier} | {name: value for name, value in selectors.items() if value}
    try:
        value = str(api("secretsmanager", region).get_secret_value(**request).get("SecretString", ""))
    except ClientError as fault:
        text = f"{fault.response['Error'].get('Message')} (Service: AWSSecretsManager; Status Code: 400; Error Code: "
        raise ValidationError(message=f"{text}{code_of(fault)})") from None
    return value if not key else _of_key(value, key)


def _of_key(value: str, key: str) -> str:
    try:
        parsed = json.loads(value)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        raise ValidationError(message="Could not parse SecretString JSON")
    if key not in parsed:
        raise ValidationError(message="Could not find a value associated with JSONKey in SecretString")
    return parsed[key] if isinstance(parsed[key], str) else json.dumps(parsed[key])

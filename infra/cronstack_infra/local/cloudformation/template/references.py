"""Dynamic references: ``{{resolve:ssm:…}}`` and ``{{resolve:secretsmanager:…}}`` in the properties of resources.

They are looked up after the functions are carried out (so ``Fn::Split`` sees the reference, not what it stands for).
A parameter is looked up at each deploy, and another value is a change; a secret is read when its resource is made or
updated for another reason, so what is compared, and kept as the definition, is the reference itself.
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
    """Refuse references that could never be resolved. Raises ValidationError."""
    for name, slot in (template.get("Parameters") or {}).items():
        for kind, text, whole in _of(slot.get("Default")):
            _check(kind, text, whole, "Parameters")
            if kind == "ssm" and not _is_pinned(text):
                raise ValidationError(
                    message=f"Template error: parameter {name} should not contain ssm versionless resolver"
                )
    for kind, text, whole, at in _of_resources(template):
        _check(kind, text, whole, at)


def _check(kind: str, text: str, whole: str, at: str) -> None:
    if kind not in _KNOWN:
        raise ValidationError(message=f"Dynamic references of this kind are not resolved by the local cloud: {whole}")
    if kind == "ssm-secure":
        raise ValidationError(message=f"SSM Secure reference is not supported in: [{at}]")
    if kind == "ssm" and _PARAMETER.fullmatch(text) is None:
        raise ValidationError(message=f"Incorrect format is used in the following SSM reference: [{whole}]")


def stored(template: Template, account: str, region: str) -> dict[str, str]:
    """By reference: what stands at present in Parameter Store. Those that functions put together are not among them:
    they are looked up with their resource. Raises ValidationError for what is not there."""
    found = {whole: text for kind, text, whole, _ in _of_resources(template) if kind == "ssm"}
    return {whole: _parameter(text, account, region) for whole, text in found.items()}


def with_parameters(part: Any, account: str, region: str, at: str) -> Any:
    """A part of a template with what stands in Parameter Store in place of its references."""

    def look_up(kind: str, text: str, whole: str) -> str:
        _check(kind, text, whole, at)
        return _parameter(text, account, region) if kind == "ssm" else whole

    return _replaced(part, look_up)


def with_secrets(part: Any, region: str) -> Any:
    """A part of a template with secrets in place of its references."""
    return _replaced(part, lambda kind, text, whole: _secret(text, whole, region))


def _is_pinned(text: str) -> bool:
    found = _PARAMETER.fullmatch(text)
    return found is not None and found["version"] is not None


def _of(text: Any) -> Iterator[tuple[str, str, str]]:
    """Kind, text and whole of each reference in a string. What Fn::Sub has still to complete is none yet."""
    for found in _REFERENCE.finditer(text) if isinstance(text, str) else ():
        if "${" not in found[0]:
            yield found[1], found[2] or "", found[0]


def _of_resources(template: Template) -> Iterator[tuple[str, str, str, str]]:
    for resource in template["Resources"].values():
        for text, path in _strings(resource.get("Properties"), "Properties"):
            for kind, inner, whole in _of(text):
                yield kind, inner, whole, f"{resource['Type']}/{path}"


def _strings(part: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(part, str):
        yield part, path
    inner: Any = part.items() if isinstance(part, Mapping) else enumerate(part) if isinstance(part, list) else ()
    for name, one in inner:
        yield from _strings(one, f"{path}/{name}")


def _replaced(part: Any, look_up: Callable[[str, str, str], str]) -> Any:
    if isinstance(part, str):
        return _REFERENCE.sub(lambda found: look_up(found[1], found[2] or "", found[0]), part)
    if isinstance(part, Mapping):
        return {name: _replaced(one, look_up) for name, one in part.items()}
    return [_replaced(one, look_up) for one in part] if isinstance(part, list) else part


def _parameter(text: str, account: str, region: str) -> str:
    from moto.core.exceptions import ServiceException  # for those templates only that refer to it
    from moto.ssm.models import ssm_backends

    try:
        held = ssm_backends[account][region].get_parameter(text)
    except ServiceException:  # of such a version
        held = None
    if held is None:
        raise ValidationError(message=f"Parameters: [ssm:{text}] cannot be found.")
    if held.parameter_type == "SecureString":
        raise ValidationError(message=f"Non-secure ssm prefix was used for secure parameter {text.partition(':')[0]}")
    return str(held.value)


def _secret(text: str, whole: str, region: str) -> str:
    arn = _ARN.match(text)
    identifier = arn[0] if arn else text.partition(":")[0]
    part, key, stage, version, *more = [*text[len(identifier) + 1 :].split(":"), "", "", "", ""]
    if part not in ("", "SecretString") or any(more):
        raise ValidationError(message=f"Incorrect format is used in the following Secrets Manager reference: [{whole}]")
    wanted = {"VersionStage": stage, "VersionId": version}
    asked = {"SecretId": identifier} | {name: one for name, one in wanted.items() if one}
    try:
        value = str(api("secretsmanager", region).get_secret_value(**asked).get("SecretString", ""))
    except ClientError as fault:
        said = f"{fault.response['Error'].get('Message')} (Service: AWSSecretsManager; Status Code: 400; Error Code: "
        raise ValidationError(message=f"{said}{code_of(fault)})") from None
    return value if not key else _of_key(value, key)


def _of_key(value: str, key: str) -> str:
    try:
        held = json.loads(value)
    except ValueError:
        held = None
    if not isinstance(held, dict):
        raise ValidationError(message="Could not parse SecretString JSON")
    if key not in held:
        raise ValidationError(message="Could not find a value associated with JSONKey in SecretString")
    return held[key] if isinstance(held[key], str) else json.dumps(held[key])

"""May a role do this? A small evaluator of IAM policies: Allow and Deny, wildcards, the common conditions.

What it does not understand is never in anybody's favour: an Allow with an unknown condition does not count, a Deny
with one does. The reason says so.
"""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from moto.iam.exceptions import NotFoundException
from moto.iam.models import Role, iam_backends
from moto.utilities.utils import get_partition


class Verdict(NamedTuple):
    allowed: bool
    reason: str = ""


def find_role(arn: str) -> Role | None:
    """The role of an ARN; None if there is none. The caller holds BACKENDS."""
    parts = arn.split(":")
    if len(parts) != 6:
        return None
    try:
        return iam_backends[parts[4]][parts[1] or get_partition("us-east-1")].get_role_by_arn(arn)
    except (NotFoundException, KeyError):
        return None


def is_new(role: Role, since: datetime) -> bool:
    """Whether a role was created after a time: AWS's services do not know a new one at once."""
    made: datetime = role.create_date
    return (made if made.tzinfo else made.replace(tzinfo=UTC)) > since


def may_be_assumed(role: Role, service: str, context: Mapping[str, str]) -> Verdict:
    """Whether the role's trust policy lets a service take it on."""
    document = _document(role.assume_role_policy_document)
    return _judge(
        [one for one in _statements(document) if _is_principal(one, service)], "sts:AssumeRole", None, context
    )


def may(role: Role, action: str, resource: str | None, context: Mapping[str, str] | None = None) -> Verdict:
    """Whether the role's own policies allow an action on a resource (None: on any)."""
    documents = [_document(policy) for policy in role.policies.values()]
    for managed in role.managed_policies.values():
        documents += [
            _document(one.document) for one in managed.versions if one.version_id == managed.default_version_id
        ]
    statements = [one for document in documents for one in _statements(document)]
    return _judge(statements, action, resource, {"aws:SecureTransport": "true", **(context or {})})


def lets_in(policy: Any, service: str, action: str, resource: str, context: Mapping[str, str]) -> Verdict:
    """Whether a resource's own policy lets a service do something to it. Without a policy it lets in nobody."""
    statements = [one for one in _statements(_document(policy)) if _is_principal(one, service)]
    return _judge(statements, action, resource, {"aws:SecureTransport": "true", **context})


def _judge(
    statements: Iterable[Mapping[str, Any]], action: str, resource: str | None, context: Mapping[str, str]
) -> Verdict:
    allowed, doubt = False, ""
    for statement in statements:
        if not _covers(statement, "Action", action, ignore_case=True):
            continue
        if resource is not None and not _covers(statement, "Resource", resource):
            continue
        holds, unknown = _holds(statement.get("Condition") or {}, context)
        doubt = doubt or unknown
        if statement.get("Effect") == "Deny":
            if holds or unknown:
                return Verdict(False, unknown or "with an explicit deny")
        elif holds and not unknown:
            allowed = True
    return Verdict(allowed, "" if allowed else doubt or f"because no policy allows the {action} action")


def _covers(statement: Mapping[str, Any], name: str, value: str, *, ignore_case: bool = False) -> bool:
    if f"Not{name}" in statement:
        return not any(_like(pattern, value, ignore_case) for pattern in _many(statement[f"Not{name}"]))
    return any(_like(pattern, value, ignore_case) for pattern in _many(statement.get(name, [])))


def _is_principal(statement: Mapping[str, Any], service: str) -> bool:
    principal = statement.get("Principal")
    if principal == "*":
        return True
    return isinstance(principal, Mapping) and (
        service in _many(principal.get("Service", [])) or "*" in _many(principal.get("AWS", []))
    )


def _holds(conditions: Mapping[str, Any], context: Mapping[str, str]) -> tuple[bool, str]:
    """Whether all conditions hold, and what was not understood."""
    for written, tests in conditions.items():
        operator, optional = (written[: -len("IfExists")], True) if written.endswith("IfExists") else (written, False)
        if operator not in _OPERATORS:
            return False, f"because the local cloud does not evaluate the condition {written}"
        for key, wanted in tests.items():
            found = next((value for name, value in context.items() if name.lower() == key.lower()), None)
            if operator == "Null":
                if (found is None) != (str(_many(wanted)[0]).lower() == "true"):
                    return False, ""
            elif found is None:
                if not optional and not operator.startswith(("StringNot", "ArnNot")):
                    return False, ""
            elif not _OPERATORS[operator](found, [str(one) for one in _many(wanted)]):
                return False, ""
    return True, ""


def _like(pattern: str, value: str, ignore_case: bool = False) -> bool:
    escaped = re.sub(r"([\[\]])", r"[\1]", str(pattern))
    if ignore_case:
        return fnmatch.fnmatchcase(value.lower(), escaped.lower())
    return fnmatch.fnmatchcase(value, escaped)


_OPERATORS: Final[Mapping[str, Callable[[str, list[str]], bool]]] = {
    "StringEquals": lambda found, wanted: found in wanted,
    "StringNotEquals": lambda found, wanted: found not in wanted,
    "StringEqualsIgnoreCase": lambda found, wanted: found.lower() in [one.lower() for one in wanted],
    "StringLike": lambda found, wanted: any(_like(one, found) for one in wanted),
    "StringNotLike": lambda found, wanted: not any(_like(one, found) for one in wanted),
    "ArnEquals": lambda found, wanted: any(_like(one, found) for one in wanted),
    "ArnLike": lambda found, wanted: any(_like(one, found) for one in wanted),
    "ArnNotEquals": lambda found, wanted: not any(_like(one, found) for one in wanted),
    "ArnNotLike": lambda found, wanted: not any(_like(one, found) for one in wanted),
    "Bool": lambda found, wanted: found.lower() in [one.lower() for one in wanted],
    "Null": lambda found, wanted: False,
}


def _document(policy: Any) -> Mapping[str, Any]:
    found = json.loads(policy) if isinstance(policy, str) else policy
    return found if isinstance(found, Mapping) else {}


def _statements(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [one for one in _many(document.get("Statement", [])) if isinstance(one, Mapping)]


def _many(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]

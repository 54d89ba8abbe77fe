"""A small evaluator of IAM policies: Allow and Deny, wildcards, the common conditions.

An unknown condition never grants access: an Allow with one is ignored, a Deny with one applies. The reason of the
verdict names the condition.
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
    """Return the role of an ARN; None if it does not exist. The caller holds BACKENDS."""
    parts = arn.split(":")
    if len(parts) != 6:
        return None
    try:
        return iam_backends[parts[4]][parts[1] or get_partition("us-east-1")].get_role_by_arn(arn)
    except (NotFoundException, KeyError):
        return None


def is_new(role: Role, since: datetime) -> bool:
    """Return whether a role was created after a time: AWS's services see a new role only after a delay."""
    created: datetime = role.create_date
    return (created if created.tzinfo else created.replace(tzinfo=UTC)) > since


def may_be_assumed(role: Role, service: str, context: Mapping[str, str]) -> Verdict:
    """Return whether the role's trust policy allows a service to assume it."""
    document = _document(role.assume_role_policy_document)
    return _evaluate(
        [statement for statement in _statements(document) if _is_principal(statement, service)],
        "sts:AssumeRole",
        None,
        context,
    )


def may(role: Role, action: str, resource: str | None, context: Mapping[str, str] | None = None) -> Verdict:
    """Return whether the role's own policies allow an action on a resource (None: on any)."""
    documents = [_document(policy) for policy in role.policies.values()]
    for managed in role.managed_policies.values():
        documents += [
            _document(version.document)
            for version in managed.versions
            if version.version_id == managed.default_version_id
        ]
    statements = [statement for document in documents for statement in _statements(document)]
    return _evaluate(statements, action, resource, {"aws:SecureTransport": "true", **(context or {})})


def lets_in(policy: Any, service: str, action: str, resource: str, context: Mapping[str, str]) -> Verdict:
    """Return whether a resource's own policy allows a service an action on it. Without a policy: not allowed."""
    statements = [statement for statement in _statements(_document(policy)) if _is_principal(statement, service)]
    return _evaluate(statements, action, resource, {"aws:SecureTransport": "true", **context})


def _evaluate(
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
    """Return whether all conditions hold, and the reason if one of them is not supported."""
    for condition, tests in conditions.items():
        operator, optional = condition.removesuffix("IfExists"), condition.endswith("IfExists")
        if operator not in _OPERATORS:
            return False, f"because the local cloud does not evaluate the condition {condition}"
        for key, expected in tests.items():
            actual = next((value for name, value in context.items() if name.lower() == key.lower()), None)
            if operator == "Null":
                if (actual is None) != (str(_many(expected)[0]).lower() == "true"):
                    return False, ""
            elif actual is None:
                if not optional and not operator.startswith(("StringNot", "ArnNot")):
                    return False, ""
            elif not _OPERATORS[operator](actual, [str(item) for item in _many(expected)]):
                return False, ""
    return True, ""


def _like(pattern: str, value: str, ignore_case: bool = False) -> bool:
    fnmatch_pattern = re.sub(r"([\[\]])", r"[\1]", str(pattern))
    if ignore_case:
        return fnmatch.fnmatchcase(value.lower(), fnmatch_pattern.lower())
    return fnmatch.fnmatchcase(value, fnmatch_pattern)


_OPERATORS: Final[Mapping[str, Callable[[str, list[str]], bool]]] = {
    "StringEquals": lambda actual, expected: actual in expected,
    "StringNotEquals": lambda actual, expected: actual not in expected,
    "StringEqualsIgnoreCase": lambda actual, expected: actual.lower() in [value.lower() for value in expected],
    "StringLike": lambda actual, expected: any(_like(pattern, actual) for pattern in expected),
    "StringNotLike": lambda actual, expected: not any(_like(pattern, actual) for pattern in expected),
    "ArnEquals": lambda actual, expected: any(_like(pattern, actual) for pattern in expected),
    "ArnLike": lambda actual, expected: any(_like(pattern, actual) for pattern in expected),
    "ArnNotEquals": lambda actual, expected: not any(_like(pattern, actual) for pattern in expected),
    "ArnNotLike": lambda actual, expected: not any(_like(pattern, actual) for pattern in expected),
    "Bool": lambda actual, expected: actual.lower() in [value.lower() for value in expected],
    "Null": lambda actual, expected: False,
}


def _document(policy: Any) -> Mapping[str, Any]:
    parsed = json.loads(policy) if isinstance(policy, str) else policy
    return parsed if isinstance(parsed, Mapping) else {}


def _statements(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [statement for statement in _many(document.get("Statement", [])) if isinstance(statement, Mapping)]


def _many(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]

"""IAM and STS: inline policies as JSON, the managed policies of AWS, and the role of a function as caller.

moto has a copy of AWS's managed policies. Each is created when it is first attached, because creating all of them
would add a second to every start.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

from moto.iam.models import AWSManagedPolicy, IAMBackend
from moto.sts.models import STSBackend

from cronstack_infra.local.lookups import identities
from cronstack_infra.local.lookups.permissions import find_role
from cronstack_infra.local.moto.patch import Patch, wrapped_by


def _put_as_text(put: Any, role: Any, policy_name: str, policy_json: Any) -> None:
    put(role, policy_name, policy_json if isinstance(policy_json, str) else json.dumps(policy_json, default=str))


def _identify(
    identify: Callable[..., tuple[str, str, str]], backend: STSBackend, access_key_id: str, region: str
) -> tuple[str, str, str]:
    return _function_that_calls(backend, access_key_id) or identify(backend, access_key_id, region)


def _function_that_calls(backend: STSBackend, access_key_id: str) -> tuple[str, str, str] | None:
    """Return id, ARN and account of the role's session in which a function's code calls AWS."""
    function = identities.function_of_access_key(backend.account_id, access_key_id)
    if function is None:
        return None
    session, role = function.function_name, find_role(function.role)
    name = function.role.rpartition("/")[2]
    arn = f"arn:{backend.partition}:sts::{backend.account_id}:assumed-role/{name}/{session}"
    return f"{role.id if role is not None else name}:{session}", arn, backend.account_id


def _attach_known(
    attach: Callable[[IAMBackend, str, str], None], backend: IAMBackend, policy_arn: str, name: str
) -> None:
    _ensure_managed_policy(backend, policy_arn)
    attach(backend, policy_arn, name)


def _ensure_managed_policy(backend: IAMBackend, arn: str) -> None:
    """Create the managed policy of an ARN if it is one of AWS's and does not exist yet."""
    owner, _, path = arn.partition(":policy/")
    name = path.rpartition("/")[2]
    if owner.endswith(":iam::aws") and arn not in backend.managed_policies and name in _policies_of_aws():
        data = dict(_policies_of_aws()[name])
        policy = AWSManagedPolicy.from_data(name, backend.account_id, backend.region_name, data)
        if policy.arn == arn:
            backend.managed_policies[arn] = policy


@lru_cache
def _policies_of_aws() -> Mapping[str, Mapping[str, Any]]:
    """Return moto's copy of AWS's managed policies, by name."""
    from moto.iam.aws_managed_policies import aws_managed_policies_data

    policies: Mapping[str, Mapping[str, Any]] = json.loads(aws_managed_policies_data)
    return policies


PATCHES: Final = (
    Patch(
        "moto.iam.models:Role",
        "put_policy",
        "(self, policy_name, policy_json)",
        "An inline policy of a template stays a Python object, which GetRolePolicy prints.",
        "an_inline_policy_of_a_template_is_a_python_object",
        wrapped_by(_put_as_text),
    ),
    *(
        Patch(
            "moto.iam.models:IAMBackend",
            f"attach_{kind}_policy",
            f"(self, policy_arn, {kind}_name)",
            "The managed policies of AWS are missing, or all of them are loaded, which takes a second.",
            f"a_{kind}_gets_no_policy_of_aws",
            wrapped_by(_attach_known),
        )
        for kind in ("group", "role", "user")
    ),
    Patch(
        "moto.sts.models:STSBackend",
        "get_caller_identity",
        "(self, access_key_id, region)",
        "The caller of AWS in a handler is a user named moto, not the role of the function.",
        "every_caller_is_a_user_called_moto",
        wrapped_by(_identify),
    ),
)

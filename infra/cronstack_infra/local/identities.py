"""What moto 5.2.5 has wrong with identities.

A template's inline policies stay Python objects, which GetRolePolicy then prints. AWS's own managed policies are
missing (or all loaded, for a second of every start). The caller in a handler is a user called moto, not the function's
role.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from moto.awslambda.models import lambda_backends
from moto.iam.models import AWSManagedPolicy, IAMBackend, Role
from moto.sts.models import STSBackend

from cronstack_infra.local.executor.values import access_key_of
from cronstack_infra.local.mend import mend
from cronstack_infra.local.permissions import find_role


def install() -> None:
    keep = Role.put_policy

    def put_policy(role: Role, policy_name: str, policy_json: Any) -> None:
        keep(role, policy_name, policy_json if isinstance(policy_json, str) else json.dumps(policy_json, default=str))

    mend(Role, put_policy=put_policy)
    mend(
        IAMBackend,
        attach_group_policy=_with_those_of_aws(IAMBackend.attach_group_policy),
        attach_role_policy=_with_those_of_aws(IAMBackend.attach_role_policy),
        attach_user_policy=_with_those_of_aws(IAMBackend.attach_user_policy),
    )
    mend(STSBackend, get_caller_identity=_with_roles_of_functions(STSBackend.get_caller_identity))


def _with_roles_of_functions(identify: Callable[..., tuple[str, str, str]]) -> Callable[..., tuple[str, str, str]]:
    def identify_caller(backend: STSBackend, access_key_id: str, region: str) -> tuple[str, str, str]:
        return _function_that_calls(backend, access_key_id) or identify(backend, access_key_id, region)

    return identify_caller


def _function_that_calls(backend: STSBackend, access_key_id: str) -> tuple[str, str, str] | None:
    """Return id, ARN and account of the role's session in which a function's code calls AWS."""
    for regional in lambda_backends[backend.account_id].values():
        for function in regional.list_functions():
            if access_key_of(function.function_name) == access_key_id:
                session, role = function.function_name, find_role(function.role)
                name = function.role.rpartition("/")[2]
                arn = f"arn:{backend.partition}:sts::{backend.account_id}:assumed-role/{name}/{session}"
                return f"{role.id if role is not None else name}:{session}", arn, backend.account_id
    return None


def _with_those_of_aws(attach: Callable[[IAMBackend, str, str], None]) -> Callable[[IAMBackend, str, str], None]:
    def attach_known(backend: IAMBackend, policy_arn: str, name: str) -> None:
        _make_known(backend, policy_arn)
        attach(backend, policy_arn, name)

    return attach_known


def _make_known(backend: IAMBackend, arn: str) -> None:
    """Each of AWS's own policies is there once it is asked for."""
    owner, _, path = arn.partition(":policy/")
    name = path.rpartition("/")[2]
    if owner.endswith(":iam::aws") and arn not in backend.managed_policies and name in _policies_of_aws():
        known = dict(_policies_of_aws()[name])
        made = AWSManagedPolicy.from_data(name, backend.account_id, backend.region_name, known)
        if made.arn == arn:
            backend.managed_policies[arn] = made


@lru_cache
def _policies_of_aws() -> Mapping[str, Mapping[str, Any]]:
    """As moto has copied them."""
    from moto.iam.aws_managed_policies import aws_managed_policies_data

    found: Mapping[str, Mapping[str, Any]] = json.loads(aws_managed_policies_data)
    return found

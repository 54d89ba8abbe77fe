"""What moto 5.2.5 has wrong with identities: a template's inline policies stay Python objects, which GetRolePolicy then
prints; and AWS's own managed policies are not there (or all of them, for a second of every start)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from moto.iam.models import AWSManagedPolicy, IAMBackend, Role

from cronstack_infra.local.mend import mend


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

"""Logical ids of Cronstack's resources: built only from the job's name and the kind of resource.

CloudFormation identifies deployed resources by logical ids. The CDK derives them from the path of a construct, so a
construct that moves, a change between L1 and L2, or an upgrade of the CDK would delete a resource and create another.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Final

from aws_cdk import CfnElement, Stack
from constructs import Construct, IConstruct

_HIDDEN: Final = frozenset({"Resource", "Default"})
"""Ids that the CDK gives to the single L1 in an L2."""
_LONGEST: Final = 200
"""Most characters of a kind in an id. CloudFormation allows 255 for the id; a job's name has at most 64."""


def of_job(job: str, kind: str) -> str:
    """Return the logical id of a job's resource, such as JobsdailystatsFunction1a2b3c4d.

    A logical id has only letters and digits, so the hash distinguishes "a-b", "a_b" and "ab".
    """
    return f"Jobs{_letters(job)}{_letters(kind)[:_LONGEST]}{_hash(f'{job}|{kind}')}"


def of_stack(kind: str) -> str:
    """Return the logical id of a resource that all jobs share, such as SharedLedger."""
    readable = _letters(kind)
    return f"Shared{readable}" if readable == kind else f"Shared{readable[:_LONGEST]}{_hash(kind)}"


class Owner(Construct):
    """A construct whose resources have ids that do not depend on its path."""

    def logical_id(self, kind: str) -> str:
        """Return the logical id of this owner's resource of a kind."""
        raise NotImplementedError

    def fix(self, construct: IConstruct, kind: str) -> None:
        """Give the resource of a construct, L1 or L2, its logical id."""
        fix(construct, self.logical_id(kind))


class StackOfOwners(Stack):
    """A stack that also keeps the ids of resources that an L2 or the user adds below an owner, such as grants."""

    def _allocate_logical_id(self, cfn_element: CfnElement) -> str:
        """Return the id of an element without an id. The CDK calls this for each reference to such an element."""
        return _below_owner(cfn_element) or super()._allocate_logical_id(cfn_element)


def fix(construct: IConstruct, logical_id: str) -> None:
    """Give the resource of a construct, L1 or L2, this logical id."""
    element = construct if isinstance(construct, CfnElement) else construct.node.default_child
    assert isinstance(element, CfnElement), f"{construct.node.path} has no default resource"
    element.override_logical_id(logical_id)


def _below_owner(element: CfnElement) -> str | None:
    """Return an id built from the nearest owner and the path below it; None without an owner."""
    scopes = element.node.scopes
    for place in range(len(scopes) - 1, -1, -1):
        owner = scopes[place]
        if isinstance(owner, Owner):
            ids = [scope.node.id for scope in scopes[place + 1 :]]
            return owner.logical_id("/".join(ids[:-1] if ids[-1] in _HIDDEN else ids))
    return None


def _letters(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]", "", text)


def _hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:8]

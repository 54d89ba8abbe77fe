"""Logical ids of Cronstack's resources: made of the job's name and the kind of resource, and of nothing else.

CloudFormation finds what is deployed by logical ids. The CDK derives them from the place of a construct in the tree, so
a construct that moves, a change between L1 and L2, or an upgrade of the CDK would delete a resource and create another.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Final

from aws_cdk import CfnElement
from constructs import IConstruct

SHARED: Final = "Shared"
"""What the ids of resources of the whole stack begin with."""


def of_job(job: str, kind: str) -> str:
    """Return the logical id of a job's resource, such as JobsdailystatsFunction1a2b3c4d.

    A logical id takes letters and digits only, so the hash keeps "a-b", "a_b" and "ab" apart.
    """
    readable = re.sub(r"[^A-Za-z0-9]", "", job)
    return f"Jobs{readable}{kind}{sha256(f'{job}|{kind}'.encode()).hexdigest()[:8]}"


def of_stack(kind: str) -> str:
    """Return the logical id of a resource that all jobs share, such as SharedLedger."""
    return f"{SHARED}{kind}"


def fix(construct: IConstruct, logical_id: str) -> None:
    """Give the resource of a construct, L1 or L2, its logical id."""
    element = construct if isinstance(construct, CfnElement) else construct.node.default_child
    assert isinstance(element, CfnElement), f"{construct.node.path} has no resource of its own"
    element.override_logical_id(logical_id)

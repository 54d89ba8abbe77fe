"""Check the complete stack, with the grants of ``resources``, for faults that AWS would refuse later.

The resources are counted by a CDK validation at synth, after Aspects have run. The CDK does not show a function's final
environment before it writes the template, so ``synthesize`` reads the template.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import aws_cdk as cdk
import jsii
from aws_cdk import aws_iam as iam
from constructs import IConstruct, IValidation

from cronstack.errors import DeclarationError
from cronstack.settings import once_variable
from cronstack_infra import names
from cronstack_infra.aws.checks import environment_size
from cronstack_infra.aws.logical_ids import StackOfOwners

if TYPE_CHECKING:
    from cronstack_infra.aws.scheduled_function import ScheduledFunction

MOST_RESOURCES: Final = 500
"""Resources that CloudFormation allows in a stack."""
_SHOWN: Final = 4


@jsii.implements(IValidation)
class Checks:
    """Validation of one stack. It stores the error, because the CDK passes only its text."""

    def __init__(self, stack: CheckedStack) -> None:
        self._stack = stack
        self.fault: DeclarationError | None = None

    def validate(self) -> list[str]:
        """Return the text of the first fault, or an empty list."""
        try:
            resources = [node for node in self._stack.node.find_all() if isinstance(node, cdk.CfnResource)]
            _count(self._stack, resources)
        except DeclarationError as fault:
            self.fault = fault
            return [str(fault)]
        return []


class CheckedStack(StackOfOwners):
    """A stack that is checked at synth."""

    jobs: Mapping[str, ScheduledFunction]
    """The jobs of the stack, by name."""
    checks: Checks

    def check_at_synth(self) -> None:
        """Register the checks, so that synthesis runs them."""
        self.checks = Checks(self)
        self.node.add_validation(self.checks)


def synthesize(app: cdk.App) -> None:
    """Synthesize an app. Raise DeclarationError for a fault in one of its stacks."""
    try:
        app.synth()
    except RuntimeError:  # jsii raises no other class
        fault = next((stack.checks.fault for stack in _stacks(app) if stack.checks.fault is not None), None)
        if fault is None:
            raise
        raise fault from None
    for stack in _stacks(app):
        stage = cdk.Stage.of(stack)
        assert stage is not None
        template = json.loads(Path(stage.outdir, stack.template_file).read_text("utf-8"))
        _environments(stack, template.get("Resources", {}))


def _stacks(scope: IConstruct) -> Iterator[CheckedStack]:
    for child in scope.node.children:
        if isinstance(child, CheckedStack):
            yield child
        elif isinstance(child, cdk.Stage):
            yield from _stacks(child)


def _count(stack: CheckedStack, resources: Sequence[cdk.CfnResource]) -> None:
    """Raise DeclarationError if a stack has more resources than CloudFormation allows."""
    if len(resources) <= MOST_RESOURCES:
        return
    # The CDK omits an empty policy. Resources of a nested stack do not count.
    rendered = [resource for resource in resources if cdk.Stack.of(resource) is stack and not _is_empty(resource)]
    if len(rendered) <= MOST_RESOURCES:
        return
    kinds = Counter(resource.cfn_resource_type for resource in rendered)
    most = ", ".join(f"{number} {kind}" for kind, number in kinds.most_common(_SHOWN))
    raise DeclarationError(
        f"the stack {stack.stack_name!r} has {len(rendered)} resources with those of infra/resources.py; "
        f"CloudFormation allows {MOST_RESOURCES}; it has {len(stack.jobs)} jobs; the most frequent: {most}",
        remedy="Each job with a grant has one more AWS::IAM::Policy. Put your own resources into another stack, "
        'or move jobs into a second project with its own "cronstack:project" in cdk.json.',
    )


def _is_empty(resource: cdk.CfnResource) -> bool:
    return isinstance(resource, iam.CfnPolicy) and not resource._should_synthesize()


def _environments(stack: CheckedStack, resources: Mapping[str, Any]) -> None:
    """Raise DeclarationError for a function whose variables, after all grants, have more bytes than Lambda allows."""
    for resource in resources.values():
        if resource["Type"] == "AWS::Lambda::Function":
            variables = resource["Properties"].get("Environment", {}).get("Variables", {})
            sizes = environment_size.of_variables(variables, resources, stack.stack_name)
            if sum(sizes.values()) > environment_size.MOST:
                raise _too_large(stack, resource, sizes)


def _too_large(stack: CheckedStack, function: Mapping[str, Any], sizes: Mapping[str, int]) -> DeclarationError:
    by_name = {names.function_name(stack.stack_name, job.job): job for job in stack.jobs.values()}
    job = by_name.get(str(function["Properties"].get("FunctionName")))
    path = function.get("Metadata", {}).get("aws:cdk:path", "of infra/resources.py")
    subject, where = (f"the job {job.job!r}", job.where) if job else (f"the function {path}", "")
    grants = {name: size for name, size in sizes.items() if name.startswith(once_variable(""))}
    own = {name: size for name, size in sizes.items() if name.startswith("CRONSTACK_") and name not in grants}
    others = {name: size for name, size in sizes.items() if name not in grants and name not in own}
    largest = sorted(others, key=lambda name: (-others[name], name))[:_SHOWN]
    parts = {
        f"{len(grants)} of grant_schedule": grants,
        "Cronstack's own": own,
        f"others, such as {', '.join(largest)}": others,
    }
    filled = "; ".join(f"{what}: {sum(of.values())}" for what, of in parts.items() if of)
    return DeclarationError(
        f"the environment of {subject} has about {sum(sizes.values())} bytes, and Lambda allows "
        f"{environment_size.MOST}: {filled}",
        where=where,
        remedy="Call grant_schedule for fewer jobs, or divide the scheduled jobs among several functions. Put large "
        "values into S3 or the SSM parameter store, and their names into the environment.",
    )

"""What is checked when the whole stack exists, with all that ``resources`` has granted: AWS would refuse it later.

The CDK has resources counted at synth, after Aspects have run. What a function's environment will be, it gives no sight
of before the template is written, so ``synthesize`` reads that.
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
from cronstack_infra.aws import environment_size
from cronstack_infra.aws.logical_ids import StackOfOwners

if TYPE_CHECKING:
    from cronstack_infra.aws.scheduled_function import ScheduledFunction

MOST_RESOURCES: Final = 500
"""Resources that CloudFormation allows in a stack."""
_SHOWN: Final = 4


@jsii.implements(IValidation)
class Checks:
    """Of one stack. Keeps the fault that it has found, because the CDK passes on its text only."""

    def __init__(self, stack: CheckedStack) -> None:
        self._stack = stack
        self.fault: DeclarationError | None = None

    def validate(self) -> list[str]:
        """Return the text of the first fault, or nothing."""
        try:
            found = [one for one in self._stack.node.find_all() if isinstance(one, cdk.CfnResource)]
            _count(self._stack, found)
        except DeclarationError as fault:
            self.fault = fault
            return [str(fault)]
        return []


class CheckedStack(StackOfOwners):
    """A stack that is checked at synth."""

    jobs: Mapping[str, ScheduledFunction]
    """Its jobs by their names."""
    checks: Checks

    def check_at_synth(self) -> None:
        """Have the stack checked when it is synthesized."""
        self.checks = Checks(self)
        self.node.add_validation(self.checks)


def synthesize(app: cdk.App) -> None:
    """Synthesize an app. Raises DeclarationError for what is found in its stacks."""
    try:
        app.synth()
    except RuntimeError:  # jsii knows no other
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


def _count(stack: CheckedStack, found: Sequence[cdk.CfnResource]) -> None:
    """Raise DeclarationError where a stack has more resources than CloudFormation allows."""
    if len(found) <= MOST_RESOURCES:
        return
    # The CDK leaves out a policy that nothing was added to. What is in a nested stack is another stack's.
    rendered = [one for one in found if cdk.Stack.of(one) is stack and not _is_empty(one)]
    if len(rendered) <= MOST_RESOURCES:
        return
    kinds = Counter(one.cfn_resource_type for one in rendered)
    most = ", ".join(f"{number} {kind}" for kind, number in kinds.most_common(_SHOWN))
    raise DeclarationError(
        f"the stack {stack.stack_name!r} has {len(rendered)} resources with those of infra/resources.py; "
        f"CloudFormation allows {MOST_RESOURCES}; {len(stack.jobs)} jobs have their share; the most: {most}",
        remedy="Each job that is granted something has one AWS::IAM::Policy more. Put your own resources into a stack "
        'of their own, or move jobs into a second project with its own "cronstack:project" in cdk.json.',
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
    who, where = (f"the job {job.job!r}", job.where) if job else (f"the function {path}", "")
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
        f"the environment of {who} has about {sum(sizes.values())} bytes, and Lambda allows {environment_size.MOST}: "
        f"{filled}",
        where=where,
        remedy="Call grant_schedule for fewer jobs: let several jobs schedule a part of them each. Put large values "
        "into S3 or the SSM parameter store, and their names into the environment.",
    )

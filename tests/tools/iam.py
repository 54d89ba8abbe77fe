"""Evaluate offline whether a role may do something, by an evaluator of IAM policies, because moto has none.

The evaluator is the npm package @cloud-copilot/iam-simulate (AGPL). The tests download it; it is not shipped.
Each test process starts Node once, for all its questions.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from cronstack_infra.project import STATE_FOLDER
from cronstack_infra.toolchain import node
from cronstack_infra.toolchain.fetch import ensure_packages
from tests.kit import bound

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
ACCOUNT = "123456789012"

OTHER_WRITES = (
    "PutItem",
    "DeleteItem",
    "ConditionCheckItem",
    "BatchWriteItem",
    "BatchGetItem",
    "PartiQLSelect",
    "PartiQLInsert",
    "PartiQLUpdate",
    "PartiQLDelete",
)
"""Actions of DynamoDB that no deployed role has: each reads or writes rows by another permission."""
OF_THE_TABLE = ("Scan", "DeleteTable", "UpdateTable", "UpdateTimeToLive", "ExportTableToPointInTime", "CreateBackup")

Policies = Sequence[Mapping[str, Any]]
"""Policy documents of one role, without intrinsic functions (see ``template.py``)."""


class Question(NamedTuple):
    """A request to evaluate. ``context``: its condition keys, such as "dynamodb:LeadingKeys"."""

    action: str
    resource: str
    context: Mapping[str, str | list[str]] = {}


def allowed(
    policies: Policies, action: str, resource: str, context: Mapping[str, str | list[str]] | None = None
) -> bool:
    """Return whether a role with these policies may do this."""
    return judge(policies, [Question(action, resource, context or {})])[0]


def judge(policies: Policies, questions: Iterable[Question]) -> list[bool]:
    """Return whether each question is allowed, in order. Raise AssertionError for an invalid one."""
    all_questions = list(questions)
    simulations = [
        {
            "request": {
                "principal": f"arn:aws:iam::{ACCOUNT}:role/judged",
                "action": question.action,
                "resource": {"resource": question.resource, "accountId": ACCOUNT},
                "contextVariables": dict(question.context),
            },
            "identityPolicies": [{"name": f"p{n}", "policy": policy} for n, policy in enumerate(policies)],
            "serviceControlPolicies": [],
            "resourceControlPolicies": [],
        }
        for question in all_questions
    ]
    evaluator = _evaluator()
    evaluator.stdin.write(json.dumps(simulations) + "\n")
    evaluator.stdin.flush()
    line = evaluator.stdout.readline()
    assert line, "the evaluator ended; its error is printed above"
    answers = json.loads(line)
    for question, answer in zip(all_questions, answers, strict=True):
        assert "error" not in answer, f"{question}: {answer['error']}"
        # The evaluator ignores a condition key that the action does not have, so the answer would be wrong.
        assert not answer["ignored"], f"{question}: not a condition key of it: {answer['ignored']}"
    return [answer["allowed"] for answer in answers]


@cache
def _evaluator() -> Any:
    """Start the evaluator, which ends with this process."""
    packages = ensure_packages(HERE, ROOT / ".cronstack" / "tools", environ=os.environ, progress=print)
    command = [str(node.node()), str(HERE / "judge.cjs"), str(packages / "package.json")]
    environ = node.node_environment(dict(os.environ), ROOT / STATE_FOLDER)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with ExitStack() as started:
        process = started.enter_context(bound.started(command, env=environ, **pipes))
        atexit.register(started.pop_all().close)
    return process

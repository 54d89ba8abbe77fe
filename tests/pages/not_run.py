"""Blocks of pages that the tests do not run: by page and the start of the block's first line, the reason."""

from __future__ import annotations

from typing import Final

_SET_UP: Final = "python3 -m venv .tools && .tools/bin/pip install -q uv && .tools/bin/uv run "
_AWS: Final = "infra/cronstack_infra/aws/README.md"
_WAY: Final = "infra/README.md"
_ACCOUNT: Final = "it needs an account of AWS"
_LIFE: Final = "infra/cronstack_infra/aws/LIFE.md"
_DEPLOYED: Final = "it needs two deployments; tests/cli/commands and tests/ops call these commands"
_RESTORED: Final = "tests/e2e/test_restored_ledger.py runs it"

NOT_RUN: Final[dict[tuple[str, str], str]] = {
    ("README.md", _SET_UP + "cronstack demo"): "tests/e2e/test_demo.py runs the demo",
    ("README.md", _SET_UP + "pytest"): "it starts all tests, this one included",
    ("README.md", "python3 -m venv ~/cronstack"): "tests/e2e/test_new_from_wheel.py installs the package",
    ("README.md", "cronstack new shop"): "tests/e2e/test_new_from_wheel.py makes a project, tests it and runs up",
    ("README.md", "cronstack cdk bootstrap"): "infra/README.md runs these commands",
    (_WAY, 'eval "$(cronstack env --unset)"'): _ACCOUNT,
    (_WAY, "read -rsp"): "it asks for a password",
    (_WAY, "AWS_PROFILE=shop-staging cronstack cdk bootstrap"): _ACCOUNT,
    (_WAY, "stage = project.app.node"): "it is a part of infra/app.py",
    (_WAY, "cronstack cdk deploy -c stage=staging"): "it needs that part of infra/app.py",
    (_WAY, "cronstack retire old_job"): "tests/life retires jobs",
    (_LIFE, "cronstack once list remind --status planned"): _DEPLOYED,
    (_LIFE, "cronstack retire remind"): _DEPLOYED,
    (_LIFE, "cronstack dead-letters redrive remind --as"): _DEPLOYED,
    (_LIFE, "cronstack once import remind plans.jsonl"): _DEPLOYED,
    (_LIFE, "python3 -c '"): _DEPLOYED,
    (
        "infra/cronstack_infra/conformance/README.md",
        "python -m tests.bench",
    ): "it takes minutes, and installs MiniStack",
    ("tests/README.md", "uv run pytest  "): "it starts all tests, this one included",
    (_AWS, "aws lambda put-function-concurrency"): _RESTORED,
    (_AWS, "LEDGER=$(aws"): _RESTORED,
    (_AWS, "cronstack cdk deploy --require-approval never -c cronstack:ledger-table="): _RESTORED,
    (_AWS, "cronstack runs invoices"): _RESTORED,
    (_AWS, "aws lambda delete-function-concurrency"): _RESTORED,
}


def reason(page: str, first: str) -> str | None:
    """Return why a block with this first line does not run. None if it runs."""
    return next((why for (named, begin), why in NOT_RUN.items() if named == page and first.startswith(begin)), None)

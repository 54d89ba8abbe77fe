"""The page ``functions/REFERENCE.md``, from the code."""

from __future__ import annotations

from typing import Final

from tests.places import ROOT
from tests.reference import command_line, python_api

REFERENCE: Final = ROOT / "functions" / "REFERENCE.md"
HEAD: Final = """\
# Reference

<!-- Written from the code by `python -m tests.reference`. Do not edit. -->

Every name that you use, every option, and its default. The [guide](README.md) shows how to use them.

- [Declare a job](#declare-a-job): `@job`, `cron`, `rate`, `at`
- [`Run`](#run): the argument of a handler
- [`once`](#once): one-time jobs from application code
- [Errors](#errors)
- [The stack in `infra/resources.py`](#the-stack-in-infraresourcespy)
- [The pytest fixture `cloud`](#the-pytest-fixture-cloud)
- [Command line](#command-line)
"""


def page() -> str:
    """Return the page, from the code as it is now."""
    parts = [HEAD, *python_api.sections(), *command_line.sections()]
    return "\n".join(part.rstrip("\n") + "\n" for part in parts)

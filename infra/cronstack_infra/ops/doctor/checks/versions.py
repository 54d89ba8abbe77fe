"""Versions: the Python of the deployed functions, and the Cronstack that has deployed them.

Source of the dates, read in November 2026: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Final

from cronstack.occurrence import to_datetime
from cronstack_infra.ops.doctor.finding import Finding
from cronstack_infra.ops.doctor.scene import Scene

END_OF_SUPPORT: Final[Mapping[str, date]] = {
    "python3.8": date(2024, 10, 14),
    "python3.9": date(2025, 12, 15),
    "python3.10": date(2026, 10, 31),
    "python3.11": date(2027, 6, 30),
    "python3.12": date(2028, 10, 31),
    "python3.13": date(2029, 6, 30),
    "python3.14": date(2029, 6, 30),
}
"""Dates on which Lambda deprecates a runtime. AWS has moved some of them to a later time."""
SOON: Final = timedelta(days=180)
"""AWS notifies about this long before the date."""


def check_runtimes(scene: Scene) -> Iterator[Finding]:
    """Yield functions whose Python is no longer supported, or soon."""
    functions = defaultdict(list)
    for resource in scene.stack.resources("AWS::Lambda::Function"):
        functions[str(resource.properties.get("Runtime"))].append(resource.id)
    yield from judge_runtimes(functions, to_datetime(scene.now()).date())


def judge_runtimes(functions: Mapping[str, list[str]], today: date) -> Iterator[Finding]:
    newest = list(END_OF_SUPPORT)[-1].removeprefix("python")
    for runtime, of in sorted(functions.items()):
        end = END_OF_SUPPORT.get(runtime)
        if end is None or end - today > SOON:
            continue
        ended = end <= today
        what = f"{runtime} {'is' if ended else 'will be'} without support {'since' if ended else 'from'} {end}"
        where = f"function {of[0]}" + (f" and {len(of) - 1} more" if len(of) > 1 else "")
        why = "Lambda no longer fixes its security faults, and later refuses to update the function."
        remedy = f'set "cronstack:python" to "{newest}" in cdk.json, run your tests, then: cronstack cdk deploy'
        yield Finding("error" if ended else "warning", where, what, why, remedy)


def check_kit(scene: Scene) -> Iterator[Finding]:
    """Yield a finding if another Cronstack has deployed the stack than the one that looks."""
    return judge_kit(scene.stack.name, str(scene.about.get("version", "")), scene.version)


def judge_kit(stack: str, deployed: str, installed: str) -> Iterator[Finding]:
    if not installed or deployed == installed:
        return
    if not deployed:
        what = f"a Cronstack that records no version has deployed it; this is {installed}"
    else:
        what = f"Cronstack {deployed} has deployed it; this is {installed}"
    why = "Tools and functions may know different features."
    older = bool(deployed) and _numbers(installed) < _numbers(deployed)
    remedy = "uv sync, or pip install -e .: install the version of the project" if older else "cronstack cdk deploy"
    yield Finding("warning", f"stack {stack}", what, why, remedy)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) if part.isdigit() else 0 for part in version.split("."))

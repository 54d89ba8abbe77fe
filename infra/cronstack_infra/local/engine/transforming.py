"""The payload of a rule's target, from Input, InputPath or InputTransformer. Pure.

AWS's rules for a template ("Amazon EventBridge input transformation"): a variable whose path is missing in the event
is empty. Inside a JSON string, a value is inserted unchanged and an object without its quotes. Outside of a string,
text gets quotes, and other values are written as JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

RULE_ARN: Final = "aws.events.rule-arn"
RULE_NAME: Final = "aws.events.rule-name"
INGESTED: Final = "aws.events.event.ingestion-time"
EVENT: Final = "aws.events.event"
WHOLE_EVENT: Final = "aws.events.event.json"
PREDEFINED: Final = frozenset({RULE_ARN, RULE_NAME, INGESTED, EVENT, WHOLE_EVENT})

_VARIABLE: Final = re.compile(r"<(.*?)>")
_STEP: Final = re.compile(r"\.(?P<name>[A-Za-z0-9_/-]+|\*)|\[(?P<index>\d+|\*)\]|\[['\"](?P<quoted>[^'\"]+)['\"]\]")


class CannotTransform(Exception):
    """The event cannot be transformed for the target. The message states why."""


def compact(value: Any) -> str:
    """Return JSON in EventBridge's form."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def text_for(input_members: Mapping[str, Any], event: Mapping[str, Any], rule_arn: str) -> str:
    """Return what the target receives. ``input_members`` holds at most one of the three members of a target."""
    if (constant := input_members.get("Input")) is not None:
        return str(constant)
    if (path := input_members.get("InputPath")) is not None:
        value = select(path, event)
        if value is None:
            raise CannotTransform(f"InputPath {path} selects nothing from the event")
        return compact(value)
    if (transformer := input_members.get("InputTransformer")) is not None:
        return _transform(transformer, event, rule_arn)
    return compact(event)


def variables_of(template: str) -> list[str]:
    return _VARIABLE.findall(template)


def select(path: str, event: Any) -> Any:
    """Return what a JSON path selects; a list for a path with a wildcard, None for a path missing in the event."""
    steps = list(_steps(path))
    values = [event]
    for step in steps:
        values = [inner for value in values for inner in _inside(value, step)]
    if "*" in steps:
        return values
    return values[0] if values else None


def is_path(path: str) -> bool:
    """Return whether EventBridge accepts the syntax of a JSON path: dot notation, indices, wildcards."""
    try:
        list(_steps(path))
    except CannotTransform:
        return False
    return True


def _steps(path: str) -> Iterator[str | int]:
    if not path.startswith("$"):
        raise CannotTransform(f"{path} is not a JSON path: it does not start with $")
    at = 1
    while at < len(path):
        step = _STEP.match(path, at)
        if step is None:
            raise CannotTransform(f"{path} is not a JSON path that EventBridge accepts")
        index = step["index"]
        yield int(index) if index and index != "*" else step["name"] or step["quoted"] or "*"
        at = step.end()


def _inside(value: Any, step: str | int) -> list[Any]:
    if step == "*":
        return list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    if isinstance(step, int):
        return [value[step]] if isinstance(value, list) and step < len(value) else []
    return [value[step]] if isinstance(value, dict) and step in value else []


def _transform(transformer: Mapping[str, Any], event: Mapping[str, Any], rule_arn: str) -> str:
    given = {name: select(path, event) for name, path in (transformer.get("InputPathsMap") or {}).items()}
    values = given | _predefined(event, rule_arn)
    template = str(transformer["InputTemplate"])
    text = "".join(_filled(template, values))
    if template.lstrip().startswith("{"):
        try:
            json.loads(text)
        except ValueError:
            raise CannotTransform(f"InputTemplate gives {text[:200]}, which is not JSON") from None
    return text


def _predefined(event: Mapping[str, Any], rule_arn: str) -> dict[str, Any]:
    short = {"detailType" if name == "detail-type" else name: value for name, value in event.items()}
    del short["detail"]
    return {
        RULE_ARN: rule_arn,
        RULE_NAME: rule_arn.rpartition("/")[2],
        INGESTED: event["time"],
        EVENT: short,
        WHOLE_EVENT: dict(event),
    }


def _filled(template: str, values: Mapping[str, Any]) -> Iterator[str]:
    """Yield the parts of the template, with each variable replaced by its value."""
    at, in_string = 0, False
    for variable in _VARIABLE.finditer(template):
        if variable[1] not in values:
            continue
        before = template[at : variable.start()]
        yield before
        in_string ^= len(re.findall(r'(?<!\\)(?:\\\\)*"', before)) % 2 == 1
        yield _formatted(values[variable[1]], in_string=in_string)
        at = variable.end()
    yield template[at:]


def _formatted(value: Any, *, in_string: bool) -> str:
    if not in_string:
        return compact("" if value is None else value)
    if value is None:
        return ""
    return value if isinstance(value, str) else compact(value).replace('"', "")

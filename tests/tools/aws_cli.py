"""A substitute for the aws CLI, to run blocks of documentation. It checks options by the models of botocore.

    python -m tests.tools.aws_cli dynamodb update-table --table-name t --deletion-protection-enabled

It supports flags, texts, ``file://PATH``, numbers, ``Key=value,Key=value``, waiters, ``--query`` and
``--output text``. An option that the aws CLI does not have is an error.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import boto3
import jmespath
from botocore import xform_name


def main(words: Sequence[str]) -> int:
    service, command, *rest = words
    client: Any = boto3.client(service)  # type: ignore[call-overload]
    waiter, options = (rest[0], rest[1:]) if command == "wait" else ("", rest)
    arguments = dict(_pairs(options))
    query = arguments.pop("query", "")
    as_text = arguments.pop("output", "") == "text"
    if waiter:
        wait = client.get_waiter(waiter.replace("-", "_"))
        wait.wait(**{_spelled(name): value for name, value in arguments.items()})
        return 0
    operation = next(name for name in client.meta.service_model.operation_names if _dashed(name) == command)
    members = client.meta.service_model.operation_model(operation).input_shape.members
    by_option = {_dashed(name): name for name in members}
    parameters = {by_option[name]: _value(members[by_option[name]], value) for name, value in arguments.items()}
    answer = getattr(client, xform_name(operation))(**parameters)
    answer.pop("ResponseMetadata", None)
    result = jmespath.search(query, answer) if query else answer
    texts = result if isinstance(result, list) else [result]
    print("\t".join(map(str, texts)) if as_text else json.dumps(result, default=str))
    return 0


def _pairs(options: Sequence[str]) -> Iterator[tuple[str, Any]]:
    left = list(options)
    while left:
        name = left.pop(0)
        assert name.startswith("--"), f"{name} is not an option: it must start with --"
        yield name.removeprefix("--"), left.pop(0) if left and not left[0].startswith("--") else True


def _value(shape: Any, text: Any) -> Any:
    if shape.type_name == "structure":
        pairs = dict(pair.split("=", 1) for pair in text.split(","))
        return {name: _value(shape.members[name], value) for name, value in pairs.items()}
    if shape.type_name == "map":
        return dict(pair.split("=", 1) for pair in text.split(","))
    if shape.type_name == "list":
        return [_value(shape.member, item) for item in text.split(" ")]
    if shape.type_name == "boolean":
        return text is True or text == "true"
    if isinstance(text, str) and text.startswith("file://"):
        return Path(text.removeprefix("file://")).read_text("utf-8")
    return int(text) if shape.type_name in ("integer", "long") else text


def _dashed(name: str) -> str:
    return xform_name(name, "-")


def _spelled(option: str) -> str:
    return "".join(word.capitalize() for word in option.split("-"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

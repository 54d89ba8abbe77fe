"""Input, InputPath and InputTransformer of a rule's target, by AWS's rules. Several cases were recorded on AWS."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cronstack_infra.local.engine.transforming import CannotTransform, is_path, select, text_for

RULE = "arn:aws:events:us-east-1:123456789012:rule/nightly"
EVENT: dict[str, Any] = {
    "version": "0",
    "id": "1",
    "detail-type": "Scheduled Event",
    "source": "aws.events",
    "account": "123456789012",
    "time": "2026-11-23T12:00:00Z",
    "region": "us-east-1",
    "resources": [RULE],
    "detail": {"state": "on", "count": 3, "deep": {"a": 1}, "list": ["x", "y"]},
}


def transformed(template: str, **paths: str) -> str:
    names = {name.replace("_", "-"): path for name, path in paths.items()}
    return text_for({"InputTransformer": {"InputPathsMap": names, "InputTemplate": template}}, EVENT, RULE)


def test_without_input_the_whole_event_is_sent() -> None:
    assert json.loads(text_for({}, EVENT, RULE)) == EVENT
    assert text_for({}, EVENT, RULE).startswith('{"version":"0","id":"1","detail-type":')


def test_a_constant_input_is_sent_as_it_is_written() -> None:
    assert text_for({"Input": '{ "a" : 1 }'}, EVENT, RULE) == '{ "a" : 1 }'


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("$.detail.deep", '{"a":1}'),
        ("$.time", '"2026-11-23T12:00:00Z"'),
        ("$.detail-type", '"Scheduled Event"'),
        ("$.resources[0]", f'"{RULE}"'),
        ("$.detail.list[*]", '["x","y"]'),
        ("$['detail-type']", '"Scheduled Event"'),
        ("$.detail.count", "3"),
    ],
)
def test_an_input_path_sends_a_part_as_json(path: str, text: str) -> None:
    assert text_for({"InputPath": path}, EVENT, RULE) == text


def test_an_input_path_that_selects_nothing_sends_nothing() -> None:
    with pytest.raises(CannotTransform, match=r"InputPath \$\.detail\.none selects nothing"):
        text_for({"InputPath": "$.detail.none"}, EVENT, RULE)


TEMPLATES = [
    ('"Event of <type> type, at <time>"', '"Event of Scheduled Event type, at 2026-11-23T12:00:00Z"'),
    ('"a missing <none>"', '"a missing "'),
    ('{"type": <type>,  "count": <count>}', '{"type": "Scheduled Event",  "count": 3}'),
    ('{"type": "<type>", "text": "it is <type>"}', '{"type": "Scheduled Event", "text": "it is Scheduled Event"}'),
    ('{"a": <none>}', '{"a": ""}'),
    ('{"a": <deep>, "b": <list>}', '{"a": {"a":1}, "b": ["x","y"]}'),
    ('"Detail is <deep>"', '"Detail is {a:1}"'),
    ('"quoted \\"<type>\\""', '"quoted \\"Scheduled Event\\""'),
    ('"first <type>"\n"second <count>"', '"first Scheduled Event"\n"second 3"'),
    ('"<aws.events.rule-name>: <aws.events.rule-arn>"', f'"nightly: {RULE}"'),
    ('"<aws.events.event.ingestion-time>"', '"2026-11-23T12:00:00Z"'),
]


@pytest.mark.parametrize(("template", "text"), TEMPLATES)
def test_a_template_is_filled_with_parts_of_the_event(template: str, text: str) -> None:
    paths = {"type": "$.detail-type", "time": "$.time", "count": "$.detail.count", "none": "$.detail.none"}
    assert transformed(template, **paths, deep="$.detail.deep", list="$.detail.list") == text


def test_the_original_event_may_be_a_value_of_a_template() -> None:
    both = json.loads(transformed('{"short": <aws.events.event>, "whole": <aws.events.event.json>}'))
    assert both["whole"] == EVENT
    assert "detail" not in both["short"]
    assert both["short"]["detailType"] == "Scheduled Event"


def test_a_template_that_gives_no_json_sends_nothing() -> None:
    with pytest.raises(CannotTransform, match="which is not JSON"):
        transformed('{"a": <type> b}', type="$.detail-type")


@pytest.mark.parametrize("path", ["detail", "$.", "$..time", "$.a b", "$[?(@.a)]", "$.a[-1]", "$[a]"])
def test_eventbridge_rejects_other_path_syntax(path: str) -> None:
    assert not is_path(path)


def test_a_path_selects_by_name_index_and_wildcard() -> None:
    assert select("$", EVENT) == EVENT
    assert select("$.detail.list[1]", EVENT) == "y"
    assert select("$.detail.list[2]", EVENT) is None
    assert select("$.detail.*", EVENT) == ["on", 3, {"a": 1}, ["x", "y"]]
    assert select("$.time.none", EVENT) is None

"""Asking an endpoint the rows of the kit, with plain boto3 whose own validation is switched off."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final

from cronstack_infra.conformance import lambda_more_rows, scheduler_life_rows, scheduler_rows, sqs_rows
from cronstack_infra.conformance.behaviour import watch
from cronstack_infra.conformance.reading import difference, reader
from cronstack_infra.conformance.scenes import SCENES, Stage, Words
from cronstack_infra.conformance.values import ACCEPTED, SAME, Row, Verdict, filled

ROWS: Final[tuple[Row, ...]] = (*scheduler_rows.ROWS, *scheduler_life_rows.ROWS, *lambda_more_rows.ROWS, *sqs_rows.ROWS)
SERVICES: Final = ("scheduler", "lambda", "sqs")

_LONGEST_SHOWN: Final = 100


def clients(endpoint: str, region: str = "us-east-1") -> Callable[[str], Any]:
    """boto3 clients for an endpoint that ask everything just once, and let the endpoint do the refusing."""
    import boto3
    from botocore.config import Config

    config = Config(
        parameter_validation=False,
        retries={"total_max_attempts": 1},
        connect_timeout=5,
        read_timeout=15,
        tcp_keepalive=True,
    )
    make: Any = boto3.client

    @cache
    def client(service: str) -> Any:
        return make(
            service,
            endpoint_url=endpoint,
            region_name=region,
            aws_access_key_id="123456789012",
            aws_secret_access_key="conformance",
            config=config,
        )

    return client


def ask(stage: Stage, row: Row, now: datetime) -> Verdict:
    """Ask one row: first the bad call, then its neighbour."""
    refusal = neighbour = got = "no answer"
    bad: Any = row.bad
    try:
        words = _words(stage, row)
        bad = filled(row.bad, words, now)
        refusal, got = _refusal(stage, row, bad)
        if refusal == ACCEPTED:  # what it made must not stand in its neighbour's way
            if row.operation == "create_schedule":
                scheduler = stage.client("scheduler")
                stage.undo(lambda: scheduler.delete_schedule(Name=bad["Name"]))
            words = _words(stage, row)
        neighbour = _neighbour(stage, row, filled(row.good, words, now))
    except Exception as fault:  # of an endpoint that answers anything: a row of the table, not the end of it
        got = got if refusal != "no answer" else f"the scene cannot be set: {said(fault)}"
        neighbour = neighbour if neighbour == ACCEPTED else f"{type(fault).__name__}: {said(fault)}"
    return Verdict(
        row=row.rule,
        service=row.service,
        asked=f"{row.operation}({_shown(bad)})",
        expected=str(row.error),
        source=row.source,
        got=got,
        refusal=refusal,
        neighbour=neighbour,
    )


def _words(stage: Stage, row: Row) -> Words:
    return stage.words | SCENES[row.scene](stage) | {"name": stage.name()}


def _refusal(stage: Stage, row: Row, given: Any) -> tuple[str, str]:
    from botocore.exceptions import ClientError

    try:
        getattr(stage.client(row.service), row.operation)(**given)
    except ClientError as refused:
        status = int(refused.response["ResponseMetadata"]["HTTPStatusCode"])
        code = str(refused.response["Error"].get("Code"))
        same = row.error.same(code, status)
        return (SAME if same else "another error"), f"{code} {status}"
    except Exception as fault:  # an answer that botocore cannot read, or none in time
        return "no answer", said(fault)
    return ACCEPTED, ACCEPTED


def _neighbour(stage: Stage, row: Row, given: Any) -> str:
    answer = getattr(stage.client(row.service), row.neighbour)(**given)
    for wanted, found in reader(row.service, row.neighbour)(stage, given, answer):
        wrong = difference(wanted, found)
        if wrong is not None:
            return f"read back otherwise: {wrong}"
    return ACCEPTED


def said(fault: Exception) -> str:
    """What a fault says, on one short line."""
    text = " ".join(str(fault).split())
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 3]}..."


def _shown(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 3]}..."


def run(
    endpoint: str,
    rows: Sequence[Row],
    *,
    prefix: str,
    now: Callable[[], datetime],
    region: str = "us-east-1",
    behaviour: bool = False,
    slow: bool = False,
) -> Iterator[Verdict]:
    """Ask all rows, one after the other, then watch. What was made is taken away at the end."""
    stage = Stage(clients(endpoint, region), prefix)
    try:
        stage.build()
        for row in rows:
            if not row.last:
                yield ask(stage, row, now())
        if behaviour:
            yield from watch(stage, slow=slow)
        for row in rows:
            if row.last:
                yield ask(stage, row, now())
    finally:
        stage.clear()

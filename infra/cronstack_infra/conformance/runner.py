"""The runner of the kit's rows against an endpoint, with boto3 clients that do not validate."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final

from cronstack_infra.conformance import lambda_more_rows, scheduler_life_rows, scheduler_rows, sqs_rows
from cronstack_infra.conformance.behaviour import run_behaviours
from cronstack_infra.conformance.reading import difference, reader
from cronstack_infra.conformance.scenes import SCENES, Placeholders, Stage
from cronstack_infra.conformance.values import ACCEPTED, SAME, Row, RowResult, filled

ROWS: Final[tuple[Row, ...]] = (*scheduler_rows.ROWS, *scheduler_life_rows.ROWS, *lambda_more_rows.ROWS, *sqs_rows.ROWS)
SERVICES: Final = ("scheduler", "lambda", "sqs")

_LONGEST_SHOWN: Final = 100


def clients(endpoint: str, region: str = "us-east-1") -> Callable[[str], Any]:
    """Return a factory of boto3 clients for an endpoint. They neither retry nor validate parameters."""
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


def ask(stage: Stage, row: Row, now: datetime) -> RowResult:
    """Run one row: the bad call, then its neighbour."""
    refusal = neighbour = got = "no answer"
    bad: Any = row.bad
    try:
        placeholders = _placeholders(stage, row)
        bad = filled(row.bad, placeholders, now)
        refusal, got = _refusal(stage, row, bad)
        if refusal == ACCEPTED:  # the neighbour needs a new scene: the accepted call has changed this one
            if row.operation == "create_schedule":
                scheduler = stage.client("scheduler")
                stage.undo(lambda: scheduler.delete_schedule(Name=bad["Name"]))
            placeholders = _placeholders(stage, row)
        neighbour = _neighbour(stage, row, filled(row.good, placeholders, now))
    except Exception as fault:  # of any type: an endpoint may return anything, and the other rows must still run
        got = got if refusal != "no answer" else f"the scene cannot be created: {short_text(fault)}"
        neighbour = neighbour if neighbour == ACCEPTED else f"{type(fault).__name__}: {short_text(fault)}"
    return RowResult(
        row=row.rule,
        service=row.service,
        asked=f"{row.operation}({_shown(bad)})",
        expected=str(row.error),
        source=row.source,
        got=got,
        refusal=refusal,
        neighbour=neighbour,
    )


def _placeholders(stage: Stage, row: Row) -> Placeholders:
    return stage.placeholders | SCENES[row.scene](stage) | {"name": stage.name()}


def _refusal(stage: Stage, row: Row, parameters: Any) -> tuple[str, str]:
    from botocore.exceptions import ClientError

    try:
        getattr(stage.client(row.service), row.operation)(**parameters)
    except ClientError as refused:
        status = int(refused.response["ResponseMetadata"]["HTTPStatusCode"])
        code = str(refused.response["Error"].get("Code"))
        same = row.error.same(code, status)
        return (SAME if same else "another error"), f"{code} {status}"
    except Exception as fault:  # of any type: botocore cannot parse the response, or none arrived in time
        return "no answer", short_text(fault)
    return ACCEPTED, ACCEPTED


def _neighbour(stage: Stage, row: Row, parameters: Any) -> str:
    response = getattr(stage.client(row.service), row.neighbour)(**parameters)
    for expected, actual in reader(row.service, row.neighbour)(stage, parameters, response):
        wrong = difference(expected, actual)
        if wrong is not None:
            return f"read back differently: {wrong}"
    return ACCEPTED


def short_text(fault: Exception) -> str:
    """Return the message of a fault as one short line."""
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
) -> Iterator[RowResult]:
    """Run all rows, then the behaviours. Yield their verdicts, and delete all created resources at the end."""
    stage = Stage(clients(endpoint, region), prefix)
    try:
        stage.build()
        for row in rows:
            if not row.last:
                yield ask(stage, row, now())
        if behaviour:
            yield from run_behaviours(stage, slow=slow)
        for row in rows:
            if row.last:
                yield ask(stage, row, now())
    finally:
        stage.clear()

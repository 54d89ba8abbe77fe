"""The same event delivered 50 times at once, to a handler that sleeps 3 s: one execution, 49 answer "duplicate"."""

from __future__ import annotations

import json
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from cronstack_infra.names import OUTPUT_DELIVERY_DEAD_LETTERS, OUTPUT_HANDLER_DEAD_LETTERS
from tests.e2e.conftest import Deployed

FUNCTION = "trial-patient"
DELIVERIES = 50


def event(effects: str, second: int, seconds: float) -> str:
    return json.dumps(
        {
            "cronstack": 1,
            "job": "patient",
            "scheduled": f"2033-01-01T00:00:{second:02}Z",
            "by": "operator",
            "kind": "backfill",
            "requested": "2033-01-01T00:00:00Z",
            "input": {"effects": effects, "seconds": seconds},
        }
    )


def claims_and_settles(endpoint: str) -> list[tuple[int, str, str]]:
    """Return (number, "c" or "s", holder) of each claim and settle in the ledger's requests, by their tokens."""
    with urllib.request.urlopen(f"{endpoint}/_cronstack/requests", timeout=30) as answer:
        requests = json.load(answer)["requests"]
    tokens = [
        (request["seq"], json.loads(request["body"])["ClientRequestToken"])
        for request in requests
        if request["operation"] == "TransactWriteItems"
    ]
    return [(seq, token.rpartition("-")[2][0], token.partition("-")[0]) for seq, token in tokens]


def deliver_at_once(deployed: Deployed, second: int) -> int:
    """Deliver one event 50 times at once. Check that it runs once. Return the number of claims before the settle."""
    effects = deployed.effects / f"fifty-{second}.jsonl"
    functions, watch = deployed.cloud.client("lambda"), deployed.watch
    payload = event(str(effects), second, 3.0)
    requests = len(claims_and_settles(deployed.cloud.endpoint))
    finished_before = len(watch.all("finished", function=FUNCTION))

    with ThreadPoolExecutor(DELIVERIES) as senders:
        answers = senders.map(
            lambda _: functions.invoke(FunctionName=FUNCTION, InvocationType="Event", Payload=payload),
            range(DELIVERIES),
        )
        assert {answer["StatusCode"] for answer in answers} == {202}

    def finished() -> list[dict[str, Any]]:
        return watch.all("finished", function=FUNCTION)[finished_before:]

    watch.until(lambda: len(finished()) == DELIVERIES, 90, "the end of all deliveries")
    outcomes = [json.loads(done["result"])["cronstack"] for done in finished()]
    assert sorted(outcomes) == ["duplicate"] * (DELIVERIES - 1) + ["succeeded"]
    assert [json.loads(line)["what"] for line in effects.read_text().splitlines()] == ["start", "end"]
    assert not watch.all("retry", function=FUNCTION)

    trace = claims_and_settles(deployed.cloud.endpoint)[requests:]
    first_settle = min(seq for seq, kind, _ in trace if kind == "s")
    return len({holder for seq, kind, holder in trace if kind == "c" and seq < first_settle})


def test_fifty_deliveries_at_once_are_one_execution(deployed: Deployed) -> None:
    cold = deliver_at_once(deployed, second=1)  # on two cores, starting 50 processes takes longer than the handler
    warm = deliver_at_once(deployed, second=2)
    print(f"claims sent before the first settle: {cold} of {DELIVERIES} cold, {warm} of {DELIVERIES} warm")
    assert warm >= 40

    queues = deployed.cloud.client("sqs")
    outputs = deployed.cloud.client("cloudformation").describe_stacks(StackName="trial")["Stacks"][0]["Outputs"]
    urls = {output["OutputKey"]: output["OutputValue"] for output in outputs}
    for queue in (OUTPUT_DELIVERY_DEAD_LETTERS, OUTPUT_HANDLER_DEAD_LETTERS):
        assert "Messages" not in queues.receive_message(QueueUrl=urls[queue], WaitTimeSeconds=0)

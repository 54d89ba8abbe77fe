"""Questions about Lambda. The functions send reports to a queue. SQS sets SentTimestamp, so all times are AWS's."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import pairwise
from typing import Final

from cronstack_infra.ask.question import Observation, number
from cronstack_infra.ask.temporary_resources import TemporaryResources

REPORT: Final = """
import boto3, json, os, time
sqs = boto3.client("sqs")
def report(**fields):
    sqs.send_message(QueueUrl=os.environ["REPORTS"], MessageBody=json.dumps(fields))
"""
FAILS: Final = (
    REPORT
    + """
def handler(event, context):
    report(arn=context.invoked_function_arn)
    raise ValueError("made by cronstack ask-aws")
"""
)
CLOCK: Final = (
    REPORT
    + """
def handler(event, context):
    clock = time.time()
    try:
        report(clock=clock)
    except Exception:  # SQS refuses the report if the clock is wrong: then Lambda's record contains the time
        raise RuntimeError(clock)
"""
)
HOLDS: Final = (
    REPORT
    + """
def handler(event, context):
    report(event=event)
    time.sleep(event.get("sleep", 0))
"""
)
TICKS: Final = (
    REPORT
    + """
def handler(event, context):
    began = time.time()
    while True:
        report(after=time.time() - began, left=context.get_remaining_time_in_millis())
        time.sleep(0.05)
"""
)
RUNS: Final = 3
LONGEST_RETRY: Final = 1200.0
INVOCATIONS: Final = 10
TIMEOUT: Final = 3


def _invoke(resources: TemporaryResources, function: str) -> None:
    resources.clients("lambda").invoke(FunctionName=function, InvocationType="Event", Payload=b"{}")


def retry_delays(resources: TemporaryResources) -> Observation:
    url, _ = resources.queue()
    name, _ = resources.function(FAILS, environment={"REPORTS": url})
    _invoke(resources, name)
    resources.progress("waiting for two retries, three minutes or more")
    received = resources.messages(url, RUNS, LONGEST_RETRY)
    gaps = [(later.sent - earlier.sent).total_seconds() for earlier, later in pairwise(received)]
    facts = {"seconds": [round(gap, 1) for gap in gaps]}
    if len(gaps) < RUNS - 1:
        return Observation(f"Only {len(received)} runs were reported.", "", facts)
    text = f"Lambda ran a function that fails again after {gaps[0]:.0f} s, and then after {gaps[1]:.0f} s."
    return Observation(text, f"retry-delays={','.join(f'{round(gap)}' for gap in gaps[:2])}", facts)


def throttle_base(resources: TemporaryResources) -> Observation:
    """Keep the only sandbox of a function busy for two seconds, and send another event meanwhile."""
    url, _ = resources.queue()
    name, _ = resources.function(HOLDS, environment={"REPORTS": url})
    functions = resources.clients("lambda")
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)
    resources.sleep(10 * resources.scale)
    functions.invoke(FunctionName=name, InvocationType="Event", Payload=b'{"sleep": 2}')
    if not resources.messages(url, 1, 60, pause=0.2):
        return Observation("The function has not run.")
    functions.invoke(FunctionName=name, InvocationType="Event", Payload=b'{"sleep": 0}')
    began = resources.now()
    received = resources.messages(url, 1, LONGEST_RETRY)
    if not received:
        return Observation("The throttled event has not run.")
    took = (received[0].sent - began).total_seconds()
    text = f"An event that was throttled for two seconds ran after {took:.1f} s."
    return Observation(text, f"throttle-base={number(took)}", {"seconds": took})


def clock_skew(resources: TemporaryResources) -> Observation:
    """Compare the clocks of sandboxes with SQS's. If SQS refuses a report, the failure contains the sandbox's clock."""
    (url, _), (letters, arn) = resources.queue(), resources.queue("letters")
    functions = resources.clients("lambda")
    for _ in range(INVOCATIONS):
        name, _ = resources.function(CLOCK, environment={"REPORTS": url})  # a new function has a new sandbox
        functions.put_function_event_invoke_config(
            FunctionName=name,
            MaximumRetryAttempts=0,
            DestinationConfig={"OnFailure": {"Destination": arn}},
        )
        _invoke(resources, name)
        resources.sleep(2.0)
    received = resources.messages(url, INVOCATIONS, 30)
    failed = resources.messages(letters, INVOCATIONS - len(received), 30)
    offsets = [float(json.loads(message.body)["clock"]) - message.sent.timestamp() for message in received]
    for message in failed:
        clock = float(json.loads(message.body)["responsePayload"]["errorMessage"])
        offsets.append(clock - message.sent.timestamp())
    most = max((abs(offset) for offset in offsets), default=0.0)
    facts = {"seconds": [round(offset, 2) for offset in offsets], "refused": len(failed)}
    text = (
        f"The clocks of {len(offsets)} sandboxes were off by {most:.2f} s at most; SQS refused {len(failed)} of them."
    )
    return Observation(text, f"clock-skew={number(most if most >= 1 else 0)}", facts)


def alias_config(resources: TemporaryResources) -> Observation:
    """Test an alias that points to $LATEST and has its own event invoke config and destination."""
    (url, _), (letters, arn) = resources.queue(), resources.queue("letters")
    name, function = resources.function(FAILS, environment={"REPORTS": url})
    functions = resources.clients("lambda")
    functions.create_alias(FunctionName=name, Name="plans", FunctionVersion="$LATEST")
    functions.put_function_event_invoke_config(
        FunctionName=name,
        Qualifier="plans",
        MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": arn}},
    )
    _invoke(resources, f"{function}:plans")
    received = resources.messages(letters, 1, 120)
    runs = resources.messages(url, 1, 0)
    if not received:
        return Observation("The destination of an alias of $LATEST has received no record.", "", {"runs": len(runs)})
    record = json.loads(received[0].body)
    facts = {
        "runs": len(runs),
        "record": record.get("requestContext", {}),
        "sender": received[0].sender.partition(":")[2],
    }
    return Observation(
        f"An alias of $LATEST has its own retries and destination: {len(runs)} run, one record.", "", facts
    )


def timeout_kill(resources: TemporaryResources) -> Observation:
    url, _ = resources.queue()
    name, _ = resources.function(TICKS, timeout=TIMEOUT, environment={"REPORTS": url})
    functions = resources.clients("lambda")
    functions.put_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=0)
    _invoke(resources, name)
    resources.sleep(TIMEOUT + 5)
    received = resources.messages(url, 1, 30)
    if not received:
        return Observation("The function has not reported.")
    last = max(float(json.loads(message.body)["after"]) for message in received)
    over = timedelta(seconds=last - TIMEOUT).total_seconds()
    text = f"A function with a timeout of {TIMEOUT} s was last seen {over:+.2f} s from it."
    return Observation(text, "", {"seconds": round(over, 2)})

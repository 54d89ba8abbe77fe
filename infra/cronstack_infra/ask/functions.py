"""Questions about Lambda. The functions are a few lines each, and report to a queue, whose SentTimestamp is AWS's."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import pairwise
from typing import Final

from cronstack_infra.ask.question import Answer, number
from cronstack_infra.ask.sandbox import Sandbox

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
    except Exception:  # if the clock is wrong, SQS refuses the report: Lambda's own record then has the time
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


def _invoke(sandbox: Sandbox, function: str) -> None:
    sandbox.clients("lambda").invoke(FunctionName=function, InvocationType="Event", Payload=b"{}")


def retry_delays(sandbox: Sandbox) -> Answer:
    url, _ = sandbox.queue()
    name, _ = sandbox.function(FAILS, environment={"REPORTS": url})
    _invoke(sandbox, name)
    sandbox.say("waiting for two retries, three minutes or more")
    came = sandbox.messages(url, RUNS, LONGEST_RETRY)
    gaps = [(later.sent - one.sent).total_seconds() for one, later in pairwise(came)]
    facts = {"seconds": [round(one, 1) for one in gaps]}
    if len(gaps) < RUNS - 1:
        return Answer(f"Only {len(came)} runs came.", "", facts)
    said = f"Lambda ran a function that fails again after {gaps[0]:.0f} s, and then after {gaps[1]:.0f} s."
    return Answer(said, f"retry-delays={','.join(f'{round(one)}' for one in gaps[:2])}", facts)


def throttle_base(sandbox: Sandbox) -> Answer:
    """Let a function with one sandbox hold it for a moment, and send it another event meanwhile."""
    url, _ = sandbox.queue()
    name, _ = sandbox.function(HOLDS, environment={"REPORTS": url})
    functions = sandbox.clients("lambda")
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)
    sandbox.sleep(10 * sandbox.scale)
    functions.invoke(FunctionName=name, InvocationType="Event", Payload=b'{"sleep": 2}')
    if not sandbox.messages(url, 1, 60, pause=0.2):
        return Answer("The function has not run.")
    functions.invoke(FunctionName=name, InvocationType="Event", Payload=b'{"sleep": 0}')
    began = sandbox.now()
    came = sandbox.messages(url, 1, LONGEST_RETRY)
    if not came:
        return Answer("The throttled event has not come.")
    took = (came[0].sent - began).total_seconds()
    said = f"An event that was throttled for two seconds ran after {took:.1f} s."
    return Answer(said, f"throttle-base={number(took)}", {"seconds": took})


def clock_skew(sandbox: Sandbox) -> Answer:
    """Compare the clocks of sandboxes with SQS's. One whose request is refused tells its clock by its failure."""
    (url, _), (letters, arn) = sandbox.queue(), sandbox.queue("letters")
    functions = sandbox.clients("lambda")
    for _ in range(INVOCATIONS):
        name, _ = sandbox.function(CLOCK, environment={"REPORTS": url})  # a sandbox of its own
        functions.put_function_event_invoke_config(
            FunctionName=name,
            MaximumRetryAttempts=0,
            DestinationConfig={"OnFailure": {"Destination": arn}},
        )
        _invoke(sandbox, name)
        sandbox.sleep(2.0)
    came = sandbox.messages(url, INVOCATIONS, 30)
    failed = sandbox.messages(letters, INVOCATIONS - len(came), 30)
    found = [float(json.loads(one.body)["clock"]) - one.sent.timestamp() for one in came]
    for one in failed:
        clock = float(json.loads(one.body)["responsePayload"]["errorMessage"])
        found.append(clock - one.sent.timestamp())
    most = max((abs(one) for one in found), default=0.0)
    facts = {"seconds": [round(one, 2) for one in found], "refused": len(failed)}
    said = f"The clocks of {len(found)} sandboxes were off by {most:.2f} s at most; SQS refused {len(failed)} of them."
    return Answer(said, f"clock-skew={number(most if most >= 1 else 0)}", facts)


def alias_config(sandbox: Sandbox) -> Answer:
    """An alias that points to $LATEST, with an event invoke config and a destination of its own."""
    (url, _), (letters, arn) = sandbox.queue(), sandbox.queue("letters")
    name, function = sandbox.function(FAILS, environment={"REPORTS": url})
    functions = sandbox.clients("lambda")
    functions.create_alias(FunctionName=name, Name="plans", FunctionVersion="$LATEST")
    functions.put_function_event_invoke_config(
        FunctionName=name,
        Qualifier="plans",
        MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": arn}},
    )
    _invoke(sandbox, f"{function}:plans")
    came = sandbox.messages(letters, 1, 120)
    runs = sandbox.messages(url, 1, 0)
    if not came:
        return Answer("No record has come to the destination of an alias of $LATEST.", "", {"runs": len(runs)})
    record = json.loads(came[0].body)
    facts = {"runs": len(runs), "record": record.get("requestContext", {}), "sender": came[0].sender.partition(":")[2]}
    return Answer(f"An alias of $LATEST has its own retries and destination: {len(runs)} run, one record.", "", facts)


def timeout_kill(sandbox: Sandbox) -> Answer:
    url, _ = sandbox.queue()
    name, _ = sandbox.function(TICKS, timeout=TIMEOUT, environment={"REPORTS": url})
    functions = sandbox.clients("lambda")
    functions.put_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=0)
    _invoke(sandbox, name)
    sandbox.sleep(TIMEOUT + 5)
    came = sandbox.messages(url, 1, 30)
    if not came:
        return Answer("The function has not reported.")
    last = max(float(json.loads(one.body)["after"]) for one in came)
    over = timedelta(seconds=last - TIMEOUT).total_seconds()
    said = f"A function with a timeout of {TIMEOUT} s was last seen {over:+.2f} s from it."
    return Answer(said, "", {"seconds": round(over, 2)})

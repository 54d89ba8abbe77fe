"""Questions about the role of a schedule, and about deliveries that fail."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Final

from cronstack_infra.ask.question import Observation, number
from cronstack_infra.ask.temporary_resources import Message, TemporaryResources, at, delete_role

LONGEST: Final = 300.0
"""Longest wait in seconds for a role that cannot be assumed yet."""
AGE: Final = 120
"""Seconds for which Scheduler retries a delivery."""


def role_delay(resources: TemporaryResources) -> Observation:
    _, arn = resources.queue()
    role = resources.role(settled=False)
    created, refusals = resources.now(), 0
    request = resources.parameters("cron(0 6 * * ? 2199)", arn, role=role)
    while True:
        try:
            resources.clients("scheduler").create_schedule(**request)
            break
        except Exception as fault:  # a service may raise any class
            if "assume the role" not in str(fault) or (resources.now() - created).total_seconds() > LONGEST:
                raise
            refusals += 1
        resources.sleep(1.0)
    took = (resources.now() - created).total_seconds() if refusals else 0.0
    text = f"A new role was accepted after {took:.0f} s, and {refusals} refusals."
    return Observation(text, f"role-delay={number(took)}", {"seconds": took, "refusals": refusals})


def role_again(resources: TemporaryResources) -> Observation:
    url, arn = resources.queue()
    role = resources.role()
    due = resources.ahead(180)
    resources.schedule(at(due), arn, role=role)
    delete_role(resources, role)
    resources.role(name=role.rpartition("/")[2])
    resources.progress(f"waiting for {due:%H:%M} UTC")
    received = resources.messages(url, 1, (due - resources.now()).total_seconds() + 120)
    result = "fired" if received else "did not fire"
    return Observation(
        f"A schedule whose role was deleted and created again with the same name {result}.",
        "",
        {"fired": bool(received)},
    )


def _fail(resources: TemporaryResources, target: str, role: str, **retries: Any) -> tuple[str, datetime]:
    """Create a schedule whose delivery fails. Return the URL of its dead-letter queue, and its time."""
    url, arn = resources.queue("letters")
    due = resources.ahead(60)
    policy = {"MaximumEventAgeInSeconds": AGE, "MaximumRetryAttempts": 185} | retries
    resources.schedule(at(due), target, role=role, sent={"DeadLetterConfig": {"Arn": arn}, "RetryPolicy": policy})
    return url, due


def _letters_only_role(resources: TemporaryResources) -> str:
    """Return a role that may send dead letters, and nothing else."""
    role = resources.role()
    letters = role.replace(":iam::", ":sqs:*:").rpartition(":")[0] + f":{resources.prefix}letters*"
    statement = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": letters}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    name = role.rpartition("/")[2]
    resources.clients("iam").put_role_policy(RoleName=name, PolicyName="ask", PolicyDocument=document)
    return role


def retried_codes(resources: TemporaryResources) -> Observation:
    """Test a role that may not invoke the function, and a function that does not exist."""
    _, function = resources.function("def handler(event, context):\n    return None\n")
    missing = f"{function.rpartition(':')[0]}:{resources.prefix}missing"
    asked = {
        "AccessDeniedException": (function, _letters_only_role(resources)),
        "ResourceNotFoundException": (missing, ""),
    }
    waiting = {code: _fail(resources, target, role) for code, (target, role) in asked.items()}
    resources.progress(f"waiting for {len(waiting)} letters, up to four minutes")
    retried, facts = [], {}
    for code, (url, due) in waiting.items():
        left = (due - resources.now()).total_seconds()
        letters = resources.messages(url, 1, left + AGE + 120)
        facts[code] = [letter.attributes for letter in letters]
        retried += [code for letter in letters if int(letter.attributes.get("RETRY_ATTEMPTS", "0")) > 0]
    codes = ",".join(sorted(retried)) or "none"
    return Observation(f"Scheduler retries: {codes}.", f"retried-codes={codes}", facts)


def letter_shape(resources: TemporaryResources) -> Observation:
    """Show the letter of a Lambda target: its body, its attributes and its sender."""
    _, queue = resources.queue()
    function = queue.replace(":sqs:", ":lambda:").rpartition(":")[0] + f":function:{resources.prefix}missing"
    url, due = _fail(resources, function, "")
    letters = resources.messages(url, 1, (due - resources.now()).total_seconds() + AGE + 120)
    if not letters:
        return Observation("No letter has arrived.")
    (letter, *_) = letters
    role = resources.clients("iam").get_role(RoleName=resources.scheduler_role.rpartition("/")[2])["Role"]
    by_role = letter.sender.startswith(role["RoleId"])
    text = f"The body of a letter is {_shape(letter)}; SenderId starts with {'' if by_role else 'no '}id of the role."
    return Observation(text, "", {"body": letter.body, "attributes": letter.attributes, "sent by the role": by_role})


def _shape(letter: Message) -> str:
    try:
        body = json.loads(letter.body)
    except ValueError:
        return "not JSON"
    if not isinstance(body, dict) or "Payload" not in body:
        return "JSON of the event alone" if isinstance(body, dict) else f"JSON of a {type(body).__name__}"
    return f"the request, with a Payload of type {type(body['Payload']).__name__}"


def delivery_retries(resources: TemporaryResources) -> Observation:
    """Test a function without concurrency, called synchronously by a universal target: Lambda throttles it."""
    name, arn = resources.function("def handler(event, context):\n    return None\n")
    resources.clients("lambda").put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    partition = arn.split(":")[1]
    url, letters = resources.queue("letters")
    due = resources.ahead(90)
    sent = {
        "DeadLetterConfig": {"Arn": letters},
        "RetryPolicy": {"MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 1},
    }
    call = json.dumps({"FunctionName": arn, "InvocationType": "RequestResponse", "Payload": "{}"})
    resources.schedule(at(due), f"arn:{partition}:scheduler:::aws-sdk:lambda:invoke", call, sent=sent)
    resources.progress(f"waiting for the first retry after {due:%H:%M} UTC, up to ten minutes")
    received = resources.messages(url, 1, (due - resources.now()).total_seconds() + 600)
    if not received:
        return Observation("No letter has arrived within ten minutes of the first attempt.")
    took = (received[0].sent - due).total_seconds()
    facts = {"seconds": round(took, 1), **received[0].attributes}
    text = f"The letter of a throttled delivery with one retry came {took:.0f} s after its time (precision included)."
    return Observation(text, f"delivery-retry-base={number(took)}", facts)

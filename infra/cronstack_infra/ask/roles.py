"""Questions about the role of a schedule, and about deliveries that fail."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Final

from cronstack_infra.ask.question import Answer, number
from cronstack_infra.ask.sandbox import Message, Sandbox, at, delete_role

LONGEST: Final = 300.0
"""Seconds after which a role that cannot be assumed is given up."""
AGE: Final = 120
"""Seconds for which Scheduler tries to deliver."""


def role_delay(sandbox: Sandbox) -> Answer:
    _, arn = sandbox.queue()
    role = sandbox.role(settled=False)
    made, refusals = sandbox.now(), 0
    given = sandbox.parameters("cron(0 6 * * ? 2199)", arn, role=role)
    while True:
        try:
            sandbox.clients("scheduler").create_schedule(**given)
            break
        except Exception as fault:  # a service may raise any class
            if "assume the role" not in str(fault) or (sandbox.now() - made).total_seconds() > LONGEST:
                raise
            refusals += 1
        sandbox.sleep(1.0)
    took = (sandbox.now() - made).total_seconds() if refusals else 0.0
    said = f"A new role was accepted after {took:.0f} s, and {refusals} refusals."
    return Answer(said, f"role-delay={number(took)}", {"seconds": took, "refusals": refusals})


def role_again(sandbox: Sandbox) -> Answer:
    url, arn = sandbox.queue()
    role = sandbox.role()
    due = sandbox.ahead(180)
    sandbox.schedule(at(due), arn, role=role)
    delete_role(sandbox, role)
    sandbox.role(name=role.rpartition("/")[2])
    sandbox.say(f"waiting for {due:%H:%M} UTC")
    came = sandbox.messages(url, 1, (due - sandbox.now()).total_seconds() + 120)
    said = "fired" if came else "did not fire"
    return Answer(f"A schedule whose role was deleted and made again under its name {said}.", "", {"fired": bool(came)})


def _fail(sandbox: Sandbox, target: str, role: str, **retries: Any) -> tuple[str, datetime]:
    """Create a schedule whose delivery fails. Return the URL of its letters, and its time."""
    url, arn = sandbox.queue("letters")
    due = sandbox.ahead(60)
    policy = {"MaximumEventAgeInSeconds": AGE, "MaximumRetryAttempts": 185} | retries
    sandbox.schedule(at(due), target, role=role, sent={"DeadLetterConfig": {"Arn": arn}, "RetryPolicy": policy})
    return url, due


def _deaf(sandbox: Sandbox) -> str:
    """Return a role that may send letters, and nothing else."""
    role = sandbox.role()
    letters = role.replace(":iam::", ":sqs:*:").rpartition(":")[0] + f":{sandbox.prefix}letters*"
    statement = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": letters}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    name = role.rpartition("/")[2]
    sandbox.clients("iam").put_role_policy(RoleName=name, PolicyName="ask", PolicyDocument=document)
    return role


def retried_codes(sandbox: Sandbox) -> Answer:
    """Ask with a role that may not invoke the function, and with a function that does not exist."""
    _, function = sandbox.function("def handler(event, context):\n    return None\n")
    missing = f"{function.rpartition(':')[0]}:{sandbox.prefix}missing"
    asked = {"AccessDeniedException": (function, _deaf(sandbox)), "ResourceNotFoundException": (missing, "")}
    waiting = {code: _fail(sandbox, target, role) for code, (target, role) in asked.items()}
    sandbox.say(f"waiting for {len(waiting)} letters, up to four minutes")
    retried, facts = [], {}
    for code, (url, due) in waiting.items():
        left = (due - sandbox.now()).total_seconds()
        letters = sandbox.messages(url, 1, left + AGE + 120)
        facts[code] = [letter.attributes for letter in letters]
        retried += [code for letter in letters if int(letter.attributes.get("RETRY_ATTEMPTS", "0")) > 0]
    codes = ",".join(sorted(retried)) or "none"
    return Answer(f"Scheduler retries: {codes}.", f"retried-codes={codes}", facts)


def letter_shape(sandbox: Sandbox) -> Answer:
    """Show the letter of a Lambda target: its body, its attributes, and who has sent it."""
    _, queue = sandbox.queue()
    function = queue.replace(":sqs:", ":lambda:").rpartition(":")[0] + f":function:{sandbox.prefix}missing"
    url, due = _fail(sandbox, function, "")
    letters = sandbox.messages(url, 1, (due - sandbox.now()).total_seconds() + AGE + 120)
    if not letters:
        return Answer("No letter has come.")
    (letter, *_) = letters
    role = sandbox.clients("iam").get_role(RoleName=sandbox.scheduler_role.rpartition("/")[2])["Role"]
    by_role = letter.sender.startswith(role["RoleId"])
    said = f"The body of a letter is {_shape(letter)}; SenderId begins with {'' if by_role else 'no '}id of the role."
    return Answer(said, "", {"body": letter.body, "attributes": letter.attributes, "sent by the role": by_role})


def _shape(letter: Message) -> str:
    try:
        body = json.loads(letter.body)
    except ValueError:
        return "no JSON"
    if not isinstance(body, dict) or "Payload" not in body:
        return "JSON of the event alone" if isinstance(body, dict) else f"JSON of a {type(body).__name__}"
    return f"the request, with a Payload of type {type(body['Payload']).__name__}"


def delivery_retries(sandbox: Sandbox) -> Answer:
    """Ask with a function without concurrency, called synchronously by a universal target: Lambda throttles it."""
    name, arn = sandbox.function("def handler(event, context):\n    return None\n")
    sandbox.clients("lambda").put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    partition = arn.split(":")[1]
    url, letters = sandbox.queue("letters")
    due = sandbox.ahead(90)
    sent = {
        "DeadLetterConfig": {"Arn": letters},
        "RetryPolicy": {"MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 1},
    }
    call = json.dumps({"FunctionName": arn, "InvocationType": "RequestResponse", "Payload": "{}"})
    sandbox.schedule(at(due), f"arn:{partition}:scheduler:::aws-sdk:lambda:invoke", call, sent=sent)
    sandbox.say(f"waiting for the first retry after {due:%H:%M} UTC, up to ten minutes")
    came = sandbox.messages(url, 1, (due - sandbox.now()).total_seconds() + 600)
    if not came:
        return Answer("No letter has come within ten minutes of the first attempt.")
    took = (came[0].sent - due).total_seconds()
    facts = {"seconds": round(took, 1), **came[0].attributes}
    said = f"The letter of a throttled delivery with one retry came {took:.0f} s after its time (precision included)."
    return Answer(said, f"delivery-retry-base={number(took)}", facts)

"""Capture a payment when it is due, exactly once: an occurrence that ``checkout`` has scheduled, and one HTTP request.

``run.key`` is the request's Idempotency-Key, the same on every attempt. So a request with an unknown result is safe to
repeat:

    answer 2xx                                captured
    any 4xx except those below                a dead letter at once, for a person: no retry can fix a stolen card
    5xx, no answer, 408, 425, 429             again after a minute, two, four …, or after its Retry-After
"""

import json
import os
import urllib.error
import urllib.request
from typing import Any

from cronstack import PermanentError, Run, job, once

URL = os.environ.get("EXAMPLES_PAYMENTS_URL", "https://payments.example.com/charges")
"""Read when the stack is synthesized, because the demo has its own payment service."""
PASSING = (408, 425, 429)


@job(schedule=once(), retries=10, timeout=30, start_deadline=86_400, env={"PAYMENTS_URL": URL})
def capture_payment(run: Run) -> dict[str, Any]:
    charge = {"order": run.input["order"], "cents": run.input["cents"]}
    try:
        return post(os.environ["PAYMENTS_URL"], charge, key=run.key)
    except urllib.error.HTTPError as answer:
        with answer:
            why = f"order {charge['order']}: {answer.code} {answer.read(500).decode()}"
        if 400 <= answer.code < 500 and answer.code not in PASSING:
            raise PermanentError(why) from None
        wait = answer.headers.get("Retry-After", "")
        if wait.isdigit():
            run.retry(after=max(int(wait), 1), why=why)
        raise


def post(url: str, body: dict[str, Any], *, key: str) -> dict[str, Any]:
    """Return the answer, which the ledger stores. Raise HTTPError, or OSError if the service does not answer."""
    headers = {"Content-Type": "application/json", "Idempotency-Key": key}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers, method="POST")
    with urllib.request.urlopen(request, timeout=10) as answer:
        return dict(json.load(answer))

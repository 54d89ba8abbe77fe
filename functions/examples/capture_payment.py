"""Capture a payment when it is due, exactly once: an occurrence that ``checkout`` has scheduled, and one HTTP request.

``run.key`` is the request's Idempotency-Key, the same on every attempt. So it does no harm to ask again where nobody
knows whether a request was carried out, and that is what happens:

    it answers 2xx                            captured
    it refuses: any 4xx but those beneath     a dead letter at once, for a person; no retry can mend a stolen card
    5xx, no answer, 408, 425, 429             again after a minute, two, four …, or when its Retry-After says
"""

import json
import os
import urllib.error
import urllib.request
from typing import Any

from cronstack import PermanentError, Run, job, once

URL = os.environ.get("EXAMPLES_PAYMENTS_URL", "https://payments.example.com/charges")
"""When the stack is synthesized: the demo has a payment service of its own."""
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
    """What it answers, as it is kept in the ledger. Raises HTTPError, and OSError where it does not answer."""
    headers = {"Content-Type": "application/json", "Idempotency-Key": key}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers, method="POST")
    with urllib.request.urlopen(request, timeout=10) as answer:
        return dict(json.load(answer))

"""Questions about SQS, and about requests that are signed with a wrong clock."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from cronstack_infra.ask.question import Observation, number
from cronstack_infra.ask.temporary_resources import TemporaryResources

POLLS: Final = 60
MANY: Final = 10


def empty_polls(resources: TemporaryResources) -> Observation:
    sqs, (url, _) = resources.clients("sqs"), resources.queue()
    for _ in range(MANY):
        sqs.send_message(QueueUrl=url, MessageBody="here")
    resources.sleep(5.0)
    counts = [
        len(sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0).get("Messages", ()))
        for _ in range(POLLS)
    ]
    empty = sum(count == 0 for count in counts)
    text = f"{empty} of {POLLS} short polls of a queue with {MANY} visible messages returned none."
    return Observation(text, f"empty-polls={number(empty / POLLS)}", {"messages": counts})


def skewed_request(resources: TemporaryResources) -> Observation:
    """Sign a request with a clock that is off, and show the error."""
    facts: dict[str, Any] = {}
    for minutes in (-20, -6, -4, 4, 6, 20):
        facts[f"{minutes:+d} min"] = _send_skewed(resources, timedelta(minutes=minutes))
    refused = sorted({answer for answer in facts.values() if answer != "accepted"})
    text = (
        f"Requests that are signed minutes off are refused as {', '.join(refused)}."
        if refused
        else "No request is refused."
    )
    return Observation(text, "", facts)


def _send_skewed(resources: TemporaryResources, by: timedelta) -> str:
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest

    client = resources.clients("dynamodb")
    region, address = client.meta.region_name, client.meta.endpoint_url
    headers = {"X-Amz-Target": "DynamoDB_20120810.ListTables", "Content-Type": "application/x-amz-json-1.0"}
    request = AWSRequest("POST", f"{address}/", data=b"{}", headers=headers)

    class Skewed(SigV4Auth):
        # botocore's own add_auth calls the same two methods.
        def add_auth(self, request: Any) -> None:
            stamp = (resources.now() + by).strftime("%Y%m%dT%H%M%SZ")
            request.context["timestamp"] = stamp
            self._modify_request_before_signing(request)  # type: ignore[attr-defined]  # missing in the stubs
            signature = self.signature(self.string_to_sign(request, self.canonical_request(request)), request)
            self._inject_signature_to_request(request, signature)  # type: ignore[attr-defined]  # as above

    Skewed(client._request_signer._credentials, "dynamodb", region).add_auth(request)
    answer = client._endpoint.http_session.send(request.prepare())
    if answer.status_code == 200:
        return "accepted"
    body = answer.text
    return str(body.partition('"__type":"')[2].partition('"')[0].rpartition("#")[2] or answer.status_code)


def date_header(resources: TemporaryResources) -> Observation:
    answer = resources.clients("dynamodb").list_tables(Limit=1)
    date = answer["ResponseMetadata"]["HTTPHeaders"].get("date", "")
    if not date:
        return Observation("DynamoDB's responses have no Date header.")
    apart = resources.now() - datetime.strptime(date, "%a, %d %b %Y %H:%M:%S %Z").replace(tzinfo=resources.now().tzinfo)
    text = "DynamoDB's responses have a Date header."
    return Observation(text, "", {"seconds from this machine's clock": round(apart.total_seconds(), 1)})

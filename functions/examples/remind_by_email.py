"""A day before a payment, remind the customer: an occurrence that ``checkout`` has scheduled, and a mail by SES.

SES has no idempotency key. If an attempt is killed after the mail, the next one sends it again. The checkpoint directly
after the mail limits that to one request. A reminder that cannot start within half a day is useless:
``start_deadline``.
"""

import os

from cronstack import Run, job, once


@job(schedule=once(), retries=5, timeout=30, start_deadline=12 * 3600)
def remind_by_email(run: Run) -> dict[str, str]:
    if run.resume:
        return dict(run.resume)  # An earlier attempt has sent the mail.
    order, euros = run.input["order"], run.input["cents"] / 100
    text = f"Hello,\n\nshortly we collect {euros:.2f} euros for your order {order}.\n\nThe shop\n"
    sent = {"mail": send(os.environ["REMINDER_SENDER"], run.input["email"], f"Your order {order}", text)}
    run.checkpoint(sent)
    return sent


def send(sender: str, to: str, subject: str, text: str) -> str:
    """Send the mail. Return its id in SES."""
    import boto3  # Not above: "cronstack list" imports this module and needs no boto3.

    message = {"Subject": {"Data": subject}, "Body": {"Text": {"Data": text}}}
    answer = boto3.client("ses").send_email(Source=sender, Destination={"ToAddresses": [to]}, Message=message)
    return str(answer["MessageId"])

"""A day before a payment, tell the customer: an occurrence that ``checkout`` has scheduled, and a mail by SES.

SES knows no key by which it would recognise a mail it has sent already. An attempt that dies after the mail would let
the next one send it again; the checkpoint right behind it leaves one request in which that can happen. A reminder that
could not be sent within half a day has missed its point: ``start_deadline``.
"""

import os

from cronstack import Run, job, once


@job(schedule=once(), retries=5, timeout=30, start_deadline=12 * 3600)
def remind_by_email(run: Run) -> dict[str, str]:
    if run.resume:
        return dict(run.resume)  # An attempt before this one has sent it.
    order, euros = run.input["order"], run.input["cents"] / 100
    text = f"Hello,\n\nshortly we collect {euros:.2f} euros for your order {order}.\n\nThe shop\n"
    sent = {"mail": send(os.environ["REMINDER_SENDER"], run.input["email"], f"Your order {order}", text)}
    run.checkpoint(sent)
    return sent


def send(sender: str, to: str, subject: str, text: str) -> str:
    """SES's name for the mail."""
    import boto3  # Here, not above: "cronstack list" imports this module and needs no boto3.

    message = {"Subject": {"Data": subject}, "Body": {"Text": {"Data": text}}}
    answer = boto3.client("ses").send_email(Source=sender, Destination={"ToAddresses": [to]}, Message=message)
    return str(answer["MessageId"])

"""Mails sent through SES. They stay on this machine, so that the user can read them.

``GET /_cronstack/mails`` lists them, the oldest first; ``DELETE`` deletes them:

    {"mails": [{"id": "…", "from": "shop@example.com", "to": ["ann@example.com"], "subject": "…", "text": "…"}]}
"""

from __future__ import annotations

import sys
from email import message_from_string, policy
from typing import Any, Final

PATH: Final = "/_cronstack/mails"
_RECIPIENTS: Final = {"to": "ToAddresses", "cc": "CcAddresses", "bcc": "BccAddresses"}


def sent() -> list[dict[str, Any]]:
    """Return the mails of every account and region. The caller holds BACKENDS."""
    return [_describe(mail) for backend in _backends() for mail in backend.sent_messages]


def clear() -> None:
    """Delete all mails. The caller holds BACKENDS."""
    for backend in _backends():
        backend.sent_messages.clear()


def _backends() -> list[Any]:
    """Return moto's SES backends; none if SES was not used, because this function must not load it."""
    ses = sys.modules.get("moto.ses.models")
    regions = ses.ses_backends.values() if ses is not None else ()
    return [backend for by_region in regions for backend in by_region.values()]


def _describe(mail: Any) -> dict[str, Any]:
    fields = {"id": getattr(mail, "id", None) or mail.ids[0], "from": mail.source}
    if hasattr(mail, "raw_data"):
        return fields | _read(mail.raw_data, mail.destinations)
    if hasattr(mail, "template"):
        return fields | {"to": mail.destinations, "template": mail.template, "data": mail.template_data}
    to = mail.destinations
    fields |= {name: to[kind] for name, kind in _RECIPIENTS.items() if to.get(kind)}
    return fields | {"subject": mail.subject, "text": mail.body}


def _read(raw: str, destinations: list[str]) -> dict[str, Any]:
    """Return the fields of a raw MIME mail."""
    message = message_from_string(raw, policy=policy.default)
    body = message.get_body(("plain", "html"))
    return {"to": destinations, "subject": message["Subject"], "text": body.get_content() if body is not None else ""}

"""Addresses and domains that mail is sent from. On AWS the owner must confirm them; here they are verified at once."""

from __future__ import annotations

from typing import Any

from moto.ses.models import ses_backends

from cronstack_infra.local.resources.resource import Properties, Resource, already_exists, tags_of


class EmailIdentity(Resource):
    """An identity of SES: mail from it is accepted, mail from any other address is rejected."""

    kind = "AWS::SES::EmailIdentity"
    name_property = "EmailIdentity"
    create_only = frozenset({"EmailIdentity"})

    @property
    def _backend(self) -> Any:
        return ses_backends[self.account][self.region]

    def create(self) -> None:
        if self.name in self._backend.email_identities:
            raise already_exists(self.kind, self.name)
        tags = [{"Key": key, "Value": value} for key, value in tags_of(self.properties).items()]
        self._backend.create_email_identity_v2(self.name, tags or None, None, None)

    def update(self, old: Properties) -> None:
        """Do nothing: DKIM, feedback and bounces do not affect mails that are not sent."""

    def remove(self) -> None:
        self._backend.email_identities.pop(self.name, None)

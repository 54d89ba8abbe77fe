"""Versions of layers. moto names a version by its layer and never deletes it."""

from __future__ import annotations

from collections.abc import Mapping

from moto.cloudformation.exceptions import ValidationError

from cronstack_infra.local.resources.api import api, unless_gone
from cronstack_infra.local.resources.resource import Resource


class LayerVersion(Resource):
    """One version of a layer. Ref gives its ARN; each change makes a new version."""

    kind = "AWS::Lambda::LayerVersion"

    _arn = ""
    _version = 0

    @property
    def physical_resource_id(self) -> str:
        return self._arn

    def attributes(self) -> Mapping[str, str]:
        return {"LayerVersionArn": self._arn}

    @property
    def _layer(self) -> str:
        return str(self.properties.get("LayerName", self.name))

    def create(self) -> None:
        given = {name: value for name, value in self.properties.items() if name != "LayerName"}
        made = api("lambda", self.region).publish_layer_version(LayerName=self._layer, **given)
        self._arn, self._version = made["LayerVersionArn"], made["Version"]

    def update(self, old: Mapping[str, object]) -> None:
        raise ValidationError(message=f"{self.kind}: nothing of a version can be changed")

    def remove(self) -> None:
        call = api("lambda", self.region).delete_layer_version
        unless_gone(call, LayerName=self._layer, VersionNumber=self._version)

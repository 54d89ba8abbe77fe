"""Versions of layers. moto uses the layer's name as the id of a version, and never deletes one."""

from __future__ import annotations

from collections.abc import Mapping

from moto.cloudformation.exceptions import ValidationError

from cronstack_infra.local.resources.api import api, ignore_not_found
from cronstack_infra.local.resources.resource import Resource


class LayerVersion(Resource):
    """One version of a layer. Ref returns its ARN; each change creates a new version."""

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
        content = {name: value for name, value in self.properties.items() if name != "LayerName"}
        version = api("lambda", self.region).publish_layer_version(LayerName=self._layer, **content)
        self._arn, self._version = version["LayerVersionArn"], version["Version"]

    def update(self, old: Mapping[str, object]) -> None:
        raise ValidationError(message=f"{self.kind}: a version cannot be changed")

    def remove(self) -> None:
        call = api("lambda", self.region).delete_layer_version
        ignore_not_found(call, LayerName=self._layer, VersionNumber=self._version)

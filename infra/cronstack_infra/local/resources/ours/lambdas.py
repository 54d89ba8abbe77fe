"""Functions and their invoke configurations. moto drops half of a function's properties."""

from __future__ import annotations

import base64
import copy
import re
from typing import Any, Final

from moto.awslambda.utils import get_backend, make_function_arn
from moto.cloudformation.exceptions import ValidationError

from cronstack_infra.local.lambda_api import event_invoke
from cronstack_infra.local.lambda_api.function_members import why_not
from cronstack_infra.local.lookups.functions import config_of
from cronstack_infra.local.moto import privates
from cronstack_infra.local.resources.resource import Properties, Resource, already_exists, number, tags_of

CDK_FUNCTION: Final = re.compile("-(LogRetention|CustomS3AutoDeleteObjects)")
"""Names of the Node.js functions of two custom resources that ``custom`` implements. They are never invoked."""


class Function(Resource):
    """A function with all its properties. A property that is removed from the template gets its default."""

    kind = "AWS::Lambda::Function"
    name_property = "FunctionName"
    create_only = frozenset({"FunctionName", "PackageType"})
    longest_name = 64

    @property
    def _backend(self) -> Any:
        return get_backend(self.account, self.region)

    @property
    def _function(self) -> Any:
        return self._backend.get_function(self.name)

    def attributes(self) -> dict[str, str]:
        return {"Arn": make_function_arn(self.region, self.account, self.name)}

    def create(self) -> None:
        self._refuse()
        if any(existing.function_name == self.name for existing in self._backend.list_functions()):
            raise already_exists(self.kind, self.name)
        self._backend.create_function(
            {**self._configuration(), "FunctionName": self.name, "Code": _code(self.properties["Code"])}
        )
        self._set_the_rest()

    def update(self, old: Properties) -> None:
        self._refuse()
        function = self._function
        function.update_configuration(self._configuration())
        function.architectures = self.properties.get("Architectures", ["x86_64"])
        function.tags = tags_of(self.properties)
        if self.properties["Code"] != old["Code"]:
            function.update_function_code(_code(self.properties["Code"]))
        self._set_the_rest()

    def remove(self) -> None:
        if any(existing.function_name == self.name for existing in self._backend.list_functions()):
            self._backend.delete_function(self.name)

    def _refuse(self) -> None:
        properties = dict(self.properties)
        if CDK_FUNCTION.search(self.name):
            properties.pop("Runtime", None)
        if reason := why_not(properties):
            raise ValidationError(message=f"{self.kind} {self.name}: {reason}")

    def _configuration(self) -> Properties:
        properties = self.properties
        return {
            "Architectures": properties.get("Architectures", ["x86_64"]),
            "DeadLetterConfig": properties.get("DeadLetterConfig", {}),
            "Description": properties.get("Description", ""),
            "Environment": {"Variables": properties.get("Environment", {}).get("Variables", {})},
            "EphemeralStorage": {"Size": number(properties.get("EphemeralStorage", {}).get("Size", 512))},
            "Handler": properties.get("Handler"),
            "KMSKeyArn": properties.get("KmsKeyArn"),
            "Layers": properties.get("Layers", []),
            "LoggingConfig": properties.get("LoggingConfig", {}),
            "MemorySize": number(properties.get("MemorySize", 128)),
            "Role": properties["Role"],
            "Runtime": properties.get("Runtime"),
            "Tags": tags_of(properties),
            "Timeout": number(properties.get("Timeout", 3)),
            "TracingConfig": properties.get("TracingConfig", {"Mode": "PassThrough"}),
            "VpcConfig": properties.get("VpcConfig"),
        }

    def _set_the_rest(self) -> None:
        """Set the properties that have their own API calls."""
        self._function.recursive_loop = self.properties.get("RecursiveLoop", "Terminate")
        reserved = self.properties.get("ReservedConcurrentExecutions")
        if reserved is None:
            self._backend.delete_function_concurrency(self.name)
        else:
            self._backend.put_function_concurrency(self.name, number(reserved))


def _code(properties: Properties) -> Properties:
    code = copy.deepcopy(properties)
    if "ZipFile" in code:  # in a template, ZipFile is the source text
        code["ZipFile"] = base64.b64encode(privates.zipped(code["ZipFile"]))
    return code


class EventInvokeConfig(Resource):
    """Retries, age and destinations of asynchronous invocations."""

    kind = "AWS::Lambda::EventInvokeConfig"
    create_only = frozenset({"FunctionName", "Qualifier"})

    @property
    def physical_resource_id(self) -> str:
        return f"{self.properties['FunctionName']}|{self.properties['Qualifier']}"

    def create(self) -> None:
        if config_of(self._function, self.properties["Qualifier"]):
            raise already_exists(self.kind, self.physical_resource_id)
        self._put()

    def update(self, old: Properties) -> None:
        self._put()

    def remove(self) -> None:
        name = self.properties["FunctionName"]
        if any(existing.function_name == name for existing in self._backend.list_functions()):
            event_invoke.forget(self._function, self.properties["Qualifier"])

    @property
    def _backend(self) -> Any:
        return get_backend(self.account, self.region)

    @property
    def _function(self) -> Any:
        return self._backend.get_function(self.properties["FunctionName"])

    def _put(self) -> None:
        config: dict[str, Any] = {
            name: number(self.properties[name])
            for name in ("MaximumRetryAttempts", "MaximumEventAgeInSeconds")
            if name in self.properties
        }
        if self.properties.get("DestinationConfig"):
            config["DestinationConfig"] = self.properties["DestinationConfig"]
        event_invoke.put(self._backend, self.properties["FunctionName"], config, self.properties["Qualifier"])

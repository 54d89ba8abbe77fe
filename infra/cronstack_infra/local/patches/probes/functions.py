"""Probes of Lambda: configuration, code and layers of functions, versions, aliases and invoke configurations."""

from __future__ import annotations

import io
import zipfile
from typing import Any

from botocore.exceptions import ClientError

from cronstack_infra.local.patches.probes import probe
from cronstack_infra.local.patches.probes.scene import (
    ACCOUNT,
    REGION,
    arn_of_queue,
    client,
    code_of,
    fails,
    function,
    role,
    zipped,
)

ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f"


# -- configuration -----------------------------------------------------------------------------------------------------
@probe
def a_function_loses_its_dead_letter_queue() -> bool:
    """A created function does not show its dead-letter queue and logging."""
    logging = {"LogFormat": "JSON", "LogGroup": "/group"}
    created = function(DeadLetterConfig={"TargetArn": arn_of_queue()}, LoggingConfig=logging)
    configuration = created.get_function_configuration(FunctionName="f")
    return "DeadLetterConfig" not in configuration and configuration.get("LoggingConfig") != logging


@probe
def an_environment_without_variables_is_a_server_error() -> bool:
    """An update of a function with an empty Environment raises in moto."""
    changed = function()
    return fails(lambda: changed.update_function_configuration(FunctionName="f", Environment={}), KeyError)


@probe
def an_update_changes_no_tracing() -> bool:
    """An update of a function's tracing, storage and key has no effect."""
    changed = function()
    key = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/k"
    update = {"TracingConfig": {"Mode": "Active"}, "EphemeralStorage": {"Size": 1024}, "KMSKeyArn": key}
    changed.update_function_configuration(FunctionName="f", **update)
    configuration = changed.get_function_configuration(FunctionName="f")
    return all(configuration.get(name) != value for name, value in update.items())


@probe
def a_function_has_no_revision_id() -> bool:
    """The configuration of a function lacks RevisionId."""
    return "RevisionId" not in function().get_function_configuration(FunctionName="f")


@probe
def a_network_of_one_list_is_a_server_error() -> bool:
    """The configuration of a function whose VpcConfig has no security groups raises in moto."""
    return fails(lambda: function(VpcConfig={"SubnetIds": ["subnet-1"]}), KeyError)


@probe
def updated_code_changes_no_architecture() -> bool:
    """UpdateFunctionCode ignores the architecture."""
    changed = function()
    changed.update_function_code(FunctionName="f", ZipFile=zipped("x = 1"), Architectures=["arm64"])
    return bool(changed.get_function_configuration(FunctionName="f")["Architectures"] != ["arm64"])


@probe
def the_object_version_of_the_code_is_ignored() -> bool:
    """A function gets the newest version of an S3 object, although the request names another one."""
    s3 = client("s3")
    s3.create_bucket(Bucket="code")
    s3.put_bucket_versioning(Bucket="code", VersioningConfiguration={"Status": "Enabled"})
    first, second = (s3.put_object(Bucket="code", Key="k", Body=zipped(text)) for text in ("x = 1", "x = 22"))
    shas = []
    for name, version in (("one", first["VersionId"]), ("two", second["VersionId"])):
        named = function(name, Code={"S3Bucket": "code", "S3Key": "k", "S3ObjectVersion": version})
        shas.append(named.get_function_configuration(FunctionName=name)["CodeSha256"])
    return bool(shas[0] == shas[1])


@probe
def a_function_is_created_without_a_handler() -> bool:
    """CreateFunction accepts a zip file without a handler."""
    arguments = {"Runtime": "python3.12", "Code": {"ZipFile": zipped()}}
    arn = role()
    return not fails(lambda: client("lambda").create_function(FunctionName="f", Role=arn, **arguments), ClientError)


@probe
def an_update_accepts_reserved_variables() -> bool:
    """UpdateFunctionConfiguration accepts reserved variables of the environment."""
    changed = function()
    update = {"Environment": {"Variables": {"AWS_LAMBDA_FUNCTION_NAME": "mine"}}}
    return not fails(lambda: changed.update_function_configuration(FunctionName="f", **update), ClientError)


@probe
def code_is_replaced_by_an_image() -> bool:
    """UpdateFunctionCode of a zip function accepts the URI of an image, or raises in moto."""
    changed = function()
    image = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/nothing:latest"
    update = {"FunctionName": "f", "ImageUri": image}
    return code_of(lambda: changed.update_function_code(**update)) != "InvalidParameterValueException"


# -- layers ------------------------------------------------------------------------------------------------------------
def _layer(name: str, content: bytes) -> Any:
    return client("lambda").publish_layer_version(LayerName=name, Content={"ZipFile": content})


@probe
def a_layer_need_not_be_a_zip_file() -> bool:
    """PublishLayerVersion accepts content that is not a zip file."""
    return not fails(lambda: _layer("l", b"no zip"), ClientError, zipfile.BadZipFile)


@probe
def a_function_takes_six_layers() -> bool:
    """A function is created with more layers than Lambda permits."""
    packed = io.BytesIO()
    zipfile.ZipFile(packed, "w").close()
    arns = [_layer(f"l{number}", packed.getvalue())["LayerVersionArn"] for number in range(6)]
    return not fails(lambda: function(Layers=arns), ClientError)


# -- names -------------------------------------------------------------------------------------------------------------
def _served(path: str) -> int:
    """Return the status of moto's server for a GET of Lambda's API."""
    from moto.moto_server.werkzeug_app import create_backend_app

    signed = f"AWS4-HMAC-SHA256 Credential=test/20260101/{REGION}/lambda/aws4_request, SignedHeaders=, Signature="
    return int(create_backend_app("lambda").test_client().get(path, headers={"Authorization": signed}).status_code)


@probe
def a_function_named_with_latest_has_no_path() -> bool:
    """The server does not find a function under the name f:$LATEST."""
    function()
    return (_served("/2015-03-31/functions/f"), _served("/2015-03-31/functions/f:$LATEST")) == (200, 404)


@probe
def functions_have_no_recursion_settings() -> bool:
    """GetFunctionRecursionConfig of an existing function fails."""
    functions = function()
    return fails(lambda: functions.get_function_recursion_config(FunctionName="f"), ClientError, NotImplementedError)


@probe
def a_partial_arn_finds_no_function() -> bool:
    """GetFunction with 123456789012:function:NAME finds no function, or raises in moto."""
    functions = function()
    return fails(lambda: functions.get_function(FunctionName=f"{ACCOUNT}:function:f"), ClientError, ValueError)


# -- versions and aliases ----------------------------------------------------------------------------------------------
def _published(number: int = 1) -> Any:
    """Create a function and publish versions with different code."""
    functions = function()
    for version in range(number):
        functions.update_function_code(FunctionName="f", ZipFile=zipped(f"x = {version}"))
        functions.publish_version(FunctionName="f")
    return functions


@probe
def a_publish_without_a_change_makes_a_version() -> bool:
    """An update that changes nothing, then a publish, create a second version."""
    functions = _published()
    functions.update_function_code(FunctionName="f", ZipFile=zipped("x = 0"))
    return bool(functions.publish_version(FunctionName="f")["Version"] == "2")


@probe
def the_number_of_a_deleted_version_is_reused() -> bool:
    """A version that is published after the deletion of another one reuses its number."""
    functions = _published(2)
    functions.delete_function(FunctionName="f", Qualifier="2")
    functions.update_function_code(FunctionName="f", ZipFile=zipped("x = 3"))
    return bool(functions.publish_version(FunctionName="f")["Version"] == "2")


@probe
def a_publish_ignores_the_hash_of_the_code() -> bool:
    """PublishVersion succeeds although the code has another hash than the request."""
    functions = function()
    return code_of(lambda: functions.publish_version(FunctionName="f", CodeSha256="AAAA")) == ""


def _aliased() -> Any:
    """Create a function with two versions and an alias of the first one."""
    functions = _published(2)
    functions.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    return functions


def _runs(qualifier: str) -> set[str]:
    """Return the versions that Invoke runs for a qualifier, of 100 look-ups."""
    from moto.awslambda.models import lambda_backends

    backend = lambda_backends[ACCOUNT][REGION]
    return {str(backend.get_function("f", qualifier).version) for _ in range(100)}


_HALF = {"AdditionalVersionWeights": {"2": 0.5}}


@probe
def a_new_alias_with_shares_runs_one_version() -> bool:
    """CreateAlias accepts weights of two versions, but every Invoke runs the same one."""
    _published(2).create_alias(FunctionName="f", Name="live", FunctionVersion="1", RoutingConfig=_HALF)
    return _runs("live") == {"1"}


@probe
def an_updated_alias_with_shares_runs_one_version() -> bool:
    """UpdateAlias accepts weights of two versions, but every Invoke runs the same one."""
    _aliased().update_alias(FunctionName="f", Name="live", RoutingConfig=_HALF)
    return _runs("live") == {"1"}


@probe
def latest_can_be_deleted_by_itself() -> bool:
    """DeleteFunction of $LATEST alone is accepted, or raises in moto."""
    functions = _published()
    request = {"FunctionName": "f", "Qualifier": "$LATEST"}
    return code_of(lambda: functions.delete_function(**request)) != "InvalidParameterValueException"


@probe
def a_version_of_an_alias_can_be_deleted() -> bool:
    """DeleteFunction accepts a version to which an alias points."""
    functions = _aliased()
    return code_of(lambda: functions.delete_function(FunctionName="f", Qualifier="1")) == ""


# -- invoke configurations ---------------------------------------------------------------------------------------------
def _retries(qualifier: str | None = None) -> int:
    """Return the retries that Lambda's API shows for a qualifier; -1 if it has no configuration."""
    request = {"FunctionName": "f"} | ({"Qualifier": qualifier} if qualifier else {})
    try:
        return int(client("lambda").get_function_event_invoke_config(**request)["MaximumRetryAttempts"])
    except ClientError:
        return -1


@probe
def the_configuration_of_an_alias_is_that_of_the_function() -> bool:
    """An invoke configuration of an alias is shown for $LATEST."""
    _aliased().put_function_event_invoke_config(FunctionName="f", Qualifier="live", MaximumRetryAttempts=1)
    return _retries() == 1


@probe
def an_alias_shows_the_configuration_of_the_function() -> bool:
    """An alias without an invoke configuration shows that of $LATEST."""
    _aliased().put_function_event_invoke_config(FunctionName="f", MaximumRetryAttempts=1)
    return _retries("live") == 1


@probe
def an_update_of_an_invoke_config_has_no_effect() -> bool:
    """An update of an invoke configuration has no effect."""
    functions = function()
    functions.put_function_event_invoke_config(FunctionName="f", MaximumRetryAttempts=1)
    functions.update_function_event_invoke_config(FunctionName="f", MaximumRetryAttempts=2)
    return _retries() == 1


@probe
def deleting_the_configuration_of_an_alias_deletes_that_of_the_function() -> bool:
    """Deleting the invoke configuration of an alias deletes that of $LATEST."""
    functions = _aliased()
    functions.put_function_event_invoke_config(FunctionName="f", MaximumRetryAttempts=1)
    functions.delete_function_event_invoke_config(FunctionName="f", Qualifier="live")
    return _retries() == -1


@probe
def one_invoke_config_of_a_function_is_listed() -> bool:
    """The list of invoke configurations of a function lacks those of its aliases."""
    functions = _aliased()
    functions.put_function_event_invoke_config(FunctionName="f", MaximumRetryAttempts=1)
    functions.put_function_event_invoke_config(FunctionName="f", Qualifier="live", MaximumRetryAttempts=2)
    return len(functions.list_function_event_invoke_configs(FunctionName="f")["FunctionEventInvokeConfigs"]) == 1


@probe
def the_invoke_config_outlives_its_alias() -> bool:
    """The invoke configuration of an alias still exists after the deletion of the alias."""
    functions = _aliased()
    functions.put_function_event_invoke_config(FunctionName="f", Qualifier="live", MaximumRetryAttempts=1)
    functions.delete_alias(FunctionName="f", Name="live")
    return _retries("live") == 1

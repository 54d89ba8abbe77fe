"""Layers are unpacked for their functions, and their files are found as on Lambda."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.quick_cloud import Cloud, quick_cloud

PACKAGES = f"python/lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with quick_cloud() as cloud:
        yield cloud


def packed(**files: str | bytes) -> bytes:
    """Return a zip; "__" in a name is replaced by a slash."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            item = zipfile.ZipInfo(name.replace("__", "/"), (1980, 1, 1, 0, 0, 0))
            item.external_attr, item.compress_type = 0o755 << 16, zipfile.ZIP_DEFLATED
            archive.writestr(item, content)
    return data.getvalue()


def modules(**sources: str) -> bytes:
    return packed(**{f"python__{name}.py": source for name, source in sources.items()})


def layer(cloud: Cloud, name: str, content: bytes) -> str:
    version = cloud.client("lambda").publish_layer_version(LayerName=name, Content={"ZipFile": content})
    return str(version["LayerVersionArn"])


def result_of(cloud: Cloud, name: str) -> Any:
    return json.loads(cloud.client("lambda").invoke(FunctionName=name)["Payload"].read())


def test_later_layers_replace_modules_of_earlier_layers_and_the_code_replaces_both(cloud: Cloud) -> None:
    first = layer(cloud, "first", modules(one="X = 'first'", two="X = 'first'", app="X = 'first'"))
    second = layer(cloud, "second", modules(two="X = 'second'"))
    name = "with-layers"
    cloud.function(name, "import one, two\ndef handler(e, c): return [one.X, two.X]", Layers=[first, second])
    assert result_of(cloud, name) == ["first", "second"]
    cloud.client("lambda").update_function_configuration(FunctionName=name, Layers=[second, first])
    assert result_of(cloud, name) == ["first", "first"]
    layers = cloud.client("lambda").get_function_configuration(FunctionName=name)["Layers"]
    assert [version["Arn"] for version in layers] == [second, first]
    cloud.client("lambda").update_function_configuration(FunctionName=name, Layers=[])
    assert "No module named 'one'" in json.dumps(result_of(cloud, name))


def test_site_packages_of_a_layer_precede_its_other_modules_and_its_sdk_precedes_lambdas(cloud: Cloud) -> None:
    content = packed(
        **{
            f"{PACKAGES}/three.py": "X = 'site-packages'",
            "python/three.py": "X = 'python'",
            f"{PACKAGES}/boto3.py": "X = 'mine'",
        }
    )
    arn = layer(cloud, "packages", content)
    source = "import three, boto3\ndef handler(e, c): return [three.X, boto3.X]"
    cloud.function("site-packages", source, Layers=[arn])
    assert result_of(cloud, "site-packages") == ["site-packages", "mine"]


def test_programs_and_paths_of_layers_are_found(cloud: Cloud) -> None:
    arn = layer(cloud, "tools", packed(bin__tool="#!/bin/sh\necho mine", vendor__four__five="", vendor__six="X"))
    source = """
    import os, subprocess, sys
    def handler(event, context):
        output = subprocess.run(["tool"], capture_output=True, text=True).stdout
        return [output, sorted(os.listdir(sys.path[2]))]
    """
    variables = {"Variables": {"PYTHONPATH": "/opt/vendor"}}
    cloud.function("tools", source, Layers=[arn], Environment=variables)
    assert result_of(cloud, "tools") == ["mine\n", ["four", "six"]]


def test_shared_libraries_of_a_layer_are_loaded(cloud: Cloud, tmp_path: Path) -> None:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("needs a C compiler")
    source, built = tmp_path / "answer.c", tmp_path / "libanswer.so"
    source.write_text("int answer(void) { return 42; }")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", built, source], check=True)
    arn = layer(cloud, "library", packed(**{"lib/libanswer.so": built.read_bytes()}))
    loads = "import ctypes\ndef handler(e, c): return ctypes.CDLL('libanswer.so').answer()"
    cloud.function("loads", loads, Layers=[arn])
    assert result_of(cloud, "loads") == 42


def test_a_function_keeps_a_layer_that_is_deleted(cloud: Cloud) -> None:
    arn = layer(cloud, "short-lived", modules(seven="X = 7"))
    cloud.function("keeps", "import seven\ndef handler(e, c): return seven.X", Layers=[arn])
    cloud.client("lambda").delete_layer_version(LayerName="short-lived", VersionNumber=1)
    assert result_of(cloud, "keeps") == 7
    with pytest.raises(ClientError, match="does not exist"):
        cloud.function("too-late", "", Layers=[arn])


def test_the_requested_version_of_an_object_is_the_layer(cloud: Cloud) -> None:
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="layers")
    s3.put_bucket_versioning(Bucket="layers", VersioningConfiguration={"Status": "Enabled"})
    old = s3.put_object(Bucket="layers", Key="x.zip", Body=modules(eight="X = 'old'"))["VersionId"]
    s3.put_object(Bucket="layers", Key="x.zip", Body=modules(eight="X = 'new'"))
    content = {"S3Bucket": "layers", "S3Key": "x.zip", "S3ObjectVersion": old}
    arn = cloud.client("lambda").publish_layer_version(LayerName="from-s3", Content=content)["LayerVersionArn"]
    cloud.function("versioned", "import eight\ndef handler(e, c): return eight.X", Layers=[arn])
    assert result_of(cloud, "versioned") == "old"


FOREIGN = "arn:aws:lambda:us-east-1:017000801446:layer:AWSLambdaPowertoolsPythonV3-python313-x86_64:1"


def test_invalid_layers_are_refused(cloud: Cloud) -> None:
    half = 130 * 1024 * 1024
    large = [layer(cloud, f"large-{number}", packed(zeros=bytes(half))) for number in range(2)]
    twice = [layer(cloud, "twice", modules(nine=f"X = {number}")) for number in range(2)]
    many = [layer(cloud, f"many-{number}", modules(ten="")) for number in range(6)]
    for layers, text in (
        (large, "Function code combined with layers exceeds the maximum allowed size of 262144000 bytes"),
        (twice, "Two different versions of the same layer"),
        (many, "Cannot reference more than 5 layers"),
        ([FOREIGN], f"{FOREIGN} does not exist. The local cloud has only the layers that are published to it."),
    ):
        with pytest.raises(ClientError, match=f"InvalidParameterValueException.*{text}"):
            cloud.function("never", "def handler(e, c): pass", Layers=layers)
    for content, text in (
        (packed(zeros=bytes(2 * half)), "Unzipped size must be smaller than 262144000 bytes"),
        (b"not a zip", "Could not unzip uploaded file"),
    ):
        with pytest.raises(ClientError, match=f"InvalidParameterValueException.*{text}"):
            layer(cloud, "never", content)


def test_a_template_creates_a_new_version_for_each_change(cloud: Cloud) -> None:
    s3, cloudformation = cloud.client("s3"), cloud.client("cloudformation")
    s3.create_bucket(Bucket="assets")

    def deploy(call: Any, value: int) -> dict[str, str]:
        s3.put_object(Bucket="assets", Key=f"{value}.zip", Body=modules(eleven=f"X = {value}"))
        content = {"S3Bucket": "assets", "S3Key": f"{value}.zip"}
        version = {"LayerName": "templated", "Content": content, "CompatibleRuntimes": ["python3.13"]}
        code = {"ZipFile": "import eleven\ndef handler(e, c): return eleven.X"}
        function = {"Runtime": "python3.13", "Handler": "index.handler", "Role": cloud.handler_role, "Code": code}
        resources = {
            "Layer": {"Type": "AWS::Lambda::LayerVersion", "Properties": version},
            "Function": {
                "Type": "AWS::Lambda::Function",
                "Properties": function | {"FunctionName": "templated", "Layers": [{"Ref": "Layer"}]},
            },
        }
        outputs = {"Layer": {"Value": {"Fn::GetAtt": ["Layer", "LayerVersionArn"]}}}
        call(StackName="layers", TemplateBody=json.dumps({"Resources": resources, "Outputs": outputs}))
        stack = cloudformation.describe_stacks(StackName="layers")["Stacks"][0]
        assert stack["StackStatus"] in ("CREATE_COMPLETE", "UPDATE_COMPLETE"), stack
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    first = deploy(cloudformation.create_stack, 1)["Layer"]
    assert result_of(cloud, "templated") == 1
    second = deploy(cloudformation.update_stack, 2)["Layer"]
    assert result_of(cloud, "templated") == 2
    assert (first.rpartition(":")[2], second.rpartition(":")[2]) == ("1", "2")
    left = cloud.client("lambda").list_layer_versions(LayerName="templated")["LayerVersions"]
    assert [version["LayerVersionArn"] for version in left] == [second]
    cloudformation.delete_stack(StackName="layers")
    assert "templated" not in [listed["LayerName"] for listed in cloud.client("lambda").list_layers()["Layers"]]

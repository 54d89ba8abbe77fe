"""Deploy an assembly: its code into the bootstrap bucket, its template to CloudFormation. No HTTP."""

from __future__ import annotations

import base64
import io
import zipfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import ClientError

from cronstack.errors import CronstackError
from cronstack_infra import names
from cronstack_infra.local.environment import ACCOUNT, REGION
from cronstack_infra.play.simulation.cloud.assembly import Assembly
from cronstack_infra.play.simulation.handlers.code import UnpackedAsset

BUCKET: Final = f"cdk-hnb659fds-assets-{ACCOUNT}-{REGION}"
VERSION: Final = "/cdk-bootstrap/hnb659fds/version"


def upload(client: Callable[[str], Any], assembly: Assembly, shown: str) -> dict[str, UnpackedAsset]:
    """Create what ``cdk bootstrap`` and the upload of assets create. Return the code by Lambda's CodeSha256."""
    s3 = client("s3")
    if BUCKET not in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]:
        s3.create_bucket(Bucket=BUCKET)
        client("ssm").put_parameter(Name=VERSION, Value="30", Type="String")
    deployed = {}
    for key, folder in assembly.assets.items():
        code = zipped(folder)
        s3.put_object(Bucket=BUCKET, Key=key, Body=code)
        deployed[base64.b64encode(sha256(code).digest()).decode()] = UnpackedAsset(folder, shown)
    return deployed


def zipped(folder: Path) -> bytes:
    """Return a zip file of a folder: the same bytes for the same files, whatever the folder."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                info = zipfile.ZipInfo(file.relative_to(folder).as_posix(), (1980, 1, 1, 0, 0, 0))
                info.external_attr = 0o644 << 16
                archive.writestr(info, file.read_bytes())
    return data.getvalue()


def deploy(cloudformation: Any, assembly: Assembly) -> None:
    """Create or update the stack. Raise CronstackError if it fails."""
    request = {
        "StackName": assembly.stack,
        "TemplateBody": assembly.template,
        "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
    }
    try:
        if _exists(cloudformation, assembly.stack):
            cloudformation.update_stack(**request)
        else:
            cloudformation.create_stack(**request)
    except ClientError as error:
        if "No updates are to be performed" in str(error):
            return
        raise CronstackError(f"CloudFormation refuses the stack {assembly.stack}: {error}") from error
    described = cloudformation.describe_stacks(StackName=assembly.stack)["Stacks"][0]
    if described["StackStatus"] not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        raise CronstackError(
            f"the stack {assembly.stack} could not be deployed: {described['StackStatus']}:"
            f" {described.get('StackStatusReason', '')}"
        )


def outputs(cloudformation: Any, stack: str) -> dict[str, str]:
    return names.stack_outputs(cloudformation.describe_stacks(StackName=stack)["Stacks"][0])


def _exists(cloudformation: Any, stack: str) -> bool:
    try:
        cloudformation.describe_stacks(StackName=stack)
    except ClientError:
        return False
    return True

"""A function's variables take effect in a simulation. Its log names those without effect in a running process."""

from __future__ import annotations

import json
import os
import time
from datetime import timedelta
from typing import Any

from cronstack_infra.play.simulation.cloud.virtual_cloud import VirtualCloud
from tests.local.executor.bench import zipped

LOCAL = """
import datetime, os, time
def handler(event, context):
    time.sleep(5)
    now = datetime.datetime.now()
    return [now.hour, time.localtime().tm_hour, now.astimezone().utcoffset().total_seconds() / 3600, os.environ["TZ"]]
"""
TRUST = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}


def function(cloud: VirtualCloud, name: str, code: bytes, handler: str = "app.handler", **variables: str) -> None:
    iam = cloud.client("iam")
    document = json.dumps({"Version": "2012-10-17", "Statement": [TRUST]})
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    request: dict[str, Any] = {"Code": {"ZipFile": code}, "Environment": {"Variables": variables}, "Timeout": 60}
    cloud.client("lambda").create_function(
        FunctionName=name, Runtime="python3.13", Handler=handler, Role=role, **request
    )


def run(cloud: VirtualCloud, *names: str) -> list[Any]:
    """Run functions at the same time and return their results."""
    for name in names:
        cloud.client("lambda").invoke(FunctionName=name, InvocationType="Event")
    cloud.advance(timedelta(seconds=30))
    ended = {event["function"]: event for event in cloud.events if event["event"] == "finished"}
    assert {ended[name]["outcome"] for name in names} == {"ok"}, ended
    return [json.loads(ended[name]["result"]) for name in names]


def test_each_handler_has_the_time_zone_of_its_function(cloud: VirtualCloud) -> None:
    before = os.environ.get("TZ"), time.tzname
    function(cloud, "tokyo", zipped(app=LOCAL), TZ="Asia/Tokyo")
    function(cloud, "plain", zipped(app=LOCAL))
    function(cloud, "lima", zipped(app=LOCAL), TZ="America/Lima")
    assert run(cloud, "tokyo", "plain", "lima") == [
        [9, 9, 9, "Asia/Tokyo"],
        [0, 0, 0, ":UTC"],
        [19, 19, -5, "America/Lima"],
    ]
    assert (os.environ.get("TZ"), time.tzname) == before


def test_a_time_zone_that_a_handler_sets_does_not_leak(cloud: VirtualCloud) -> None:
    source = """
    import os, time
    def handler(event, context):
        os.environ["TZ"] = "Asia/Tokyo"
        time.tzset()
        time.sleep(5)
        return time.localtime().tm_hour
    """
    function(cloud, "sets", zipped(app=source))
    function(cloud, "plain", zipped(app=LOCAL))
    assert run(cloud, "sets", "plain") == [9, [0, 0, 0, ":UTC"]]


def test_modules_are_found_in_the_functions_pythonpath(cloud: VirtualCloud) -> None:
    code = zipped(src__app="import vendored_x\ndef handler(e, c): return vendored_x.X", vendor__vendored_x="X = 4")
    function(cloud, "paths", code, PYTHONPATH="/var/task/src:/var/task/vendor")
    assert run(cloud, "paths") == [4]


def test_the_log_names_once_the_variables_that_only_a_new_process_reads(cloud: VirtualCloud) -> None:
    function(cloud, "native", zipped(app=LOCAL), LD_LIBRARY_PATH="/opt/lib", PYTHONOPTIMIZE="1", COLOUR="red")
    run(cloud, "native", "native")
    lines = [event["line"] for event in cloud.events if event["event"] == "log" and event["function"] == "native"]
    assert lines == [
        "[cronstack] LD_LIBRARY_PATH, PYTHONOPTIMIZE: takes effect only when a process starts, so not in a simulation; "
        "see it with: cronstack up"
    ]


def test_modules_are_found_in_layers(cloud: VirtualCloud) -> None:
    parts = {"layered_y": "X = 'layer'", "layered_z": "X = 'layer'"}
    content = zipped(**{f"python__{name}": source for name, source in parts.items()})
    arn = cloud.client("lambda").publish_layer_version(LayerName="y", Content={"ZipFile": content})["LayerVersionArn"]
    source = "import layered_y, layered_z\ndef handler(e, c): return [layered_y.X, layered_z.X]"
    function(cloud, "layers", zipped(app=source, layered_z="X = 'code'"))
    cloud.client("lambda").update_function_configuration(FunctionName="layers", Layers=[arn])
    assert run(cloud, "layers") == [["layer", "code"]]

"""A recursive loop ends in a simulation as on AWS, so that time moves on."""

from __future__ import annotations

from cronstack_infra.play.simulation.cloud.virtual_cloud import VirtualCloud
from tests.local.executor.bench import zipped
from tests.play.simulation.test_environment import function, run

SOURCE = """
import boto3, os
def handler(event, context):
    boto3.client("lambda").invoke(FunctionName=os.environ["AWS_LAMBDA_FUNCTION_NAME"], InvocationType="Event")
    return "went on"
"""


def test_a_function_that_invokes_itself_is_stopped_after_sixteen_rounds(cloud: VirtualCloud) -> None:
    function(cloud, "itself", zipped(app=SOURCE))
    run(cloud, "itself")
    ended = [event for event in cloud.events if event["event"] == "finished" and event["function"] == "itself"]
    assert [event["result"] for event in ended] == ['"went on"'] * 16
    notes = [event["text"] for event in cloud.events if event["event"] == "note"]
    assert len(notes) == 1
    assert notes[0].startswith("itself has run 16 times because of one event")

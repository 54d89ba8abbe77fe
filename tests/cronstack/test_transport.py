"""The transport over real sockets: lost answers, dead connections, refused signatures, number of connections."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from cronstack.runtime import Invocation, Shell
from cronstack.settings import Settings
from cronstack.transport import Botocore
from cronstack_infra.play.store.store import Store
from tests.cronstack.stage import FUNCTION, TABLE, WAY, job, scheduled_event

READ = {"TableName": TABLE, "Key": {"pk": {"S": "a"}, "sk": {"S": "b"}}}
Hangs = Callable[[str, dict[str, Any]], bool]


class Service(ThreadingHTTPServer):
    """DynamoDB over HTTP. It never answers requests for which ``hangs`` returns True.

    It carries these requests out if ``carries_out``. It refuses invalid signatures, and signatures whose time is more
    than five minutes off its own clock.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.store = Store(TABLE, lambda: time.time_ns() // 1_000_000)
        self.hangs: Hangs = lambda operation, parameters: False
        self.carries_out = False
        self.connections = self.hung = self.refused = 0
        self.ahead = 0.0
        """Seconds by which the service's clock is ahead of this machine's."""
        self.dropped = 0
        """The number of first connections that NAT has dropped without notice."""
        self.over = threading.Event()

    def get_request(self) -> Any:
        self.connections += 1
        return super().get_request()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def now(self) -> float:
        return time.time() + self.ahead

    def refuses(self, headers: Any, body: bytes) -> bool:
        """Return whether the signature of a request is refused. Assert that it is right except for its time."""
        stamp, given = headers["X-Amz-Date"], headers["Authorization"]
        signed = given.partition("SignedHeaders=")[2].partition(",")[0].split(";")
        request = AWSRequest("POST", f"{self.url}/", data=body, headers={name: headers[name] for name in signed})
        request.context["timestamp"] = stamp
        signer = SigV4Auth(Credentials("x", "x"), "dynamodb", "us-east-1")
        right = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
        assert given.endswith(f"Signature={right}")
        at = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
        refused = abs(at - self.now()) > 300
        self.refused += refused
        return refused


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Service

    def setup(self) -> None:
        super().setup()
        self.number = self.server.connections

    def do_POST(self) -> None:
        service, operation = self.server, self.headers["X-Amz-Target"].partition(".")[2]
        sent = self.rfile.read(int(self.headers["Content-Length"]))
        parameters = json.loads(sent)
        hangs = self.number <= service.dropped or service.hangs(operation, parameters)
        if service.refuses(self.headers, sent):
            answer: Any = {"Error": {"Code": "InvalidSignatureException", "Message": "Signature expired"}}
        else:
            answer = {} if hangs and not service.carries_out else service.store(operation, parameters)
        if hangs:
            service.hung += 1
            service.over.wait()
            return
        error = answer.get("Error", {})
        fields = {"__type": error["Code"], "message": error["Message"]} if error else {}
        body = json.dumps({**answer, **fields}).encode()
        self.send_response(400 if error else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def date_time_string(self, timestamp: float | None = None) -> str:
        return formatdate(self.server.now(), usegmt=True)

    def log_message(self, format: str, *arguments: object) -> None:
        """Print nothing."""


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    with Service() as service:
        serving = threading.Thread(target=service.serve_forever, args=(0.02,), daemon=True)
        serving.start()
        credentials = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": "us-east-1"}
        for name, value in {**credentials, "AWS_ENDPOINT_URL": service.url}.items():
            monkeypatch.setenv(name, value)
        yield service
        service.over.set()
        service.shutdown()
        serving.join()


class Context:
    """Lambda's context, on the real clock."""

    invoked_function_arn, aws_request_id = FUNCTION, "1"

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds

    def get_remaining_time_in_millis(self) -> int:
        return int((self._ends - time.monotonic()) * 1000)


def run(transport: Botocore, seconds: float, effects: list[int], *, ahead: float = 0.0) -> dict[str, Any]:
    """Carry out one event that is due now. ``ahead``: seconds by which the time at AWS is ahead of this machine."""
    settings = Settings(TABLE, "queue", "shop", WAY.group, WAY.role, WAY.dead_letters)
    event = scheduled_event(int(time.time() + ahead) * 1000)
    of = job(lambda run: effects.append(run.attempt))
    return Invocation(of, event, Context(seconds), Shell(settings, transport, write=lambda line: None)).work()


@pytest.mark.parametrize("carries_out", [False, True])
def test_a11_4_a_settlement_that_hangs_is_sent_again_and_the_run_succeeds_once(
    service: Service, *, carries_out: bool
) -> None:
    """A dead connection never answers. With half of the time left the request is sent again. So the run is recorded
    before Lambda kills it, and its handler does not run twice.
    """

    def hangs(operation: str, parameters: dict[str, Any]) -> bool:
        return parameters.get("ClientRequestToken", "").endswith("-s1") and not service.hung

    service.hangs, service.carries_out = hangs, carries_out
    effects: list[int] = []
    answer = run(Botocore(), 5.5, effects)
    assert (answer["cronstack"], effects, service.hung) == ("succeeded", [1], 1)
    assert [item["status"] for item in service.store.items.values() if "status" in item] == [{"S": "succeeded"}]


def test_a_run_with_much_time_left_opens_one_connection(service: Service) -> None:
    transport, effects = Botocore(), list[int]()
    assert run(transport, 60.0, effects)["cronstack"] == "succeeded"
    assert service.connections == 1


def test_a_shorter_limit_has_its_own_connection_except_in_the_last_second(service: Service) -> None:
    transport, seen = Botocore(), list[int]()
    for timeout in (10.0, 10.0, 9.9, 4.0, 0.1, 0.0, 2.0):
        assert "Error" not in transport("GetItem", READ, timeout)
        seen.append(service.connections)
    assert seen == [1, 1, 2, 2, 2, 2, 3]


def test_the_clients_of_a_tool_keep_their_own_timeouts(service: Service) -> None:
    made: list[str] = []

    def client(name: str) -> Any:
        import boto3

        made.append(name)
        return boto3.client(name)

    transport = Botocore(client)
    for timeout in (10.0, 1.0):
        transport("GetItem", READ, timeout)
    assert made == ["dynamodb"]


@pytest.mark.parametrize("ahead", [-600.0, 600.0])
def test_a7_after_a_refused_signature_requests_are_signed_by_the_time_at_aws(service: Service, ahead: float) -> None:
    """Botocore signs by the wall clock, so without a correction each resend would be refused."""
    service.ahead, transport = ahead, Botocore()
    codes = [transport("GetItem", READ, timeout).get("Error", {}).get("Code") for timeout in (10.0, 10.0, 4.0)]
    assert codes == ["InvalidSignatureException", None, None]
    service.ahead = 0.0
    codes = [transport("GetItem", READ, timeout).get("Error", {}).get("Code") for timeout in (10.0, 10.0, 4.0)]
    assert codes == ["InvalidSignatureException", None, None], "the clock was set, so it is corrected again"


@pytest.mark.parametrize("ahead", [-600.0, 600.0])
def test_a7_a_run_in_a_process_whose_clock_is_ten_minutes_off_succeeds(service: Service, ahead: float) -> None:
    """One request is refused, and sent again, signed by the date of the refusal."""
    service.ahead, effects = ahead, list[int]()
    assert run(Botocore(), 60.0, effects, ahead=ahead)["cronstack"] == "succeeded"
    assert (effects, service.refused) == ([1], 1)


@pytest.mark.parametrize("clock", ["wall", "monotonic"])
def test_a11_4_a_connection_that_was_idle_for_five_minutes_is_not_used_again(service: Service, clock: str) -> None:
    """NAT drops a connection without notice after 350 s, and a request through it would wait until its limit.

    In a frozen sandbox one of the two clocks may stop.
    """
    idle = {"wall": 0.0, "monotonic": 0.0}
    transport = Botocore(now=lambda: int(idle["wall"] * 1000), monotonic=lambda: idle["monotonic"])
    transport("GetItem", READ, 0.6)
    idle[clock] += 299.0
    transport("GetItem", READ, 0.6)
    assert service.connections == 1
    idle[clock] += 360.0
    service.dropped = 1
    assert "Error" not in transport("GetItem", READ, 0.6)
    assert (service.connections, service.hung) == (2, 0)

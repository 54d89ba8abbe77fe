"""The reads of a pass. Each method sends requests and returns plain values. Faults of AWS are raised."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from cronstack.guard import carrier
from cronstack.guard.carried import brings
from cronstack.ledger import watch_rows
from cronstack.ledger.items import decode, read_run
from cronstack.ledger.listings import MOST_ROWS, batch_get, query_due, query_runs
from cronstack.ledger.partitions import DUE, PK, SK
from cronstack.ledger.rows import RunItem
from cronstack.ledger.watch_rows import IncidentItem, SnapshotItem
from cronstack.occurrence import scheduled_id, to_datetime, to_milliseconds
from cronstack.watchdog.scene import MINUTE, SECOND, AwsTime, Clients, Scene

LETTERS: Final = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)
OPEN_RUNS: Final = 100
"""Most open runs of a list that one pass reads: the latest."""
PERIOD: Final = 5 * MINUTE
"""Milliseconds of one value of a metric. CloudWatch returns whole periods."""
MOST_METRICS: Final = 500
"""Most metrics of one GetMetricData (its documented limit)."""

Item = Mapping[str, Any]
Key = tuple[str, str]
"""Partition key and sort key."""


class Listed(NamedTuple):
    """A schedule as the list of its group shows it. ``modified``: epoch milliseconds."""

    modified: int
    enabled: bool
    target: str


class UnknownMetric(Exception):
    """CloudWatch returned no values of a metric, for a fault of its own."""


class Query(NamedTuple):
    """A metric of CloudWatch. ``dimensions``: pairs of name and value."""

    namespace: str
    name: str
    statistic: str
    dimensions: tuple[tuple[str, str], ...] = ()


class Reading:
    """The requests of one pass. It counts them."""

    def __init__(self, clients: Clients, scene: Scene, aws_time: AwsTime | None) -> None:
        self._clients, self._scene, self._aws_time = clients, scene, aws_time
        self.requests = 0
        self.aws: int | None = None
        """AWS's time by its first answer, epoch milliseconds; None if it is not known."""
        self.latest: int | None = None
        """AWS's time by its latest answer."""

    def call(self, service: str, method: str, **parameters: Any) -> Any:
        """Send one request and return its answer."""
        self.requests += 1
        answer = getattr(self._clients(service), method)(**parameters)
        if self._aws_time is not None:
            self.latest = self._aws_time(answer) or self.latest
            self.aws = self.aws or self.latest
        return answer

    def write(self, call: Any) -> bool:
        """Send a conditional write. Return False if its condition did not hold."""
        refused = self._clients("dynamodb").exceptions.ConditionalCheckFailedException
        try:
            self.call("dynamodb", "update_item", **call.parameters)
        except refused:
            return False
        return True

    # -- the watchdog's own rows ---------------------------------------------------------------------------------------
    def snapshot(self) -> SnapshotItem:
        call = watch_rows.get_snapshot(self._scene.ledger)
        return watch_rows.read_snapshot(self.call("dynamodb", "get_item", **call.parameters).get("Item"))

    def incidents(self) -> list[IncidentItem]:
        found, start = [], None
        while True:
            call = watch_rows.query_incidents(self._scene.ledger, start)
            answer = self.call("dynamodb", "query", **call.parameters)
            found += [watch_rows.read_incident(item) for item in answer["Items"]]
            start = answer.get("LastEvaluatedKey")
            if not start:
                return found

    # -- the stack -----------------------------------------------------------------------------------------------------
    def schedules(self) -> dict[str, Listed]:
        """Return the schedules of the stack's group, by name."""
        return {
            schedule["Name"]: Listed(
                to_milliseconds(schedule["LastModificationDate"]),
                schedule.get("State", "ENABLED") == "ENABLED",
                str(schedule.get("Target", {}).get("Arn", "")),
            )
            for schedule in self._list_schedules(self._scene.group)
        }

    def schedule(self, name: str) -> Any:
        """Return a schedule of the stack; None if it does not exist."""
        return self._get_schedule(self._scene.group, name)

    def template(self) -> Mapping[str, Any]:
        body = self.call("cloudformation", "get_template", StackName=self._scene.stack)["TemplateBody"]
        template: Mapping[str, Any] = json.loads(body) if isinstance(body, str) else body
        return template

    def is_in_progress(self) -> bool:
        """Return whether a deploy of the stack is running."""
        stacks = self.call("cloudformation", "describe_stacks", StackName=self._scene.stack)["Stacks"]
        return str(stacks[0]["StackStatus"]).endswith("_IN_PROGRESS")

    def letters(self) -> dict[str, int]:
        """Return the number of messages in each queue of dead letters, by URL."""
        found = {}
        for url in self._scene.queues:
            got = self.call("sqs", "get_queue_attributes", QueueUrl=url, AttributeNames=list(LETTERS))["Attributes"]
            found[url] = sum(int(got.get(name, 0)) for name in LETTERS)
        return found

    # -- the ledger ----------------------------------------------------------------------------------------------------
    def items(self, keys: Iterable[Item]) -> dict[Key, Item]:
        """Return those rows that exist, by consistent reads."""
        wanted = list({(key[PK]["S"], key[SK]["S"]): key for key in keys}.values())
        rows: dict[Key, Item] = {}
        for first in range(0, len(wanted), MOST_ROWS):
            pending: Sequence[Item] = wanted[first : first + MOST_ROWS]
            while pending:
                answer = self.call("dynamodb", "batch_get_item", **batch_get(self._scene.ledger, pending).parameters)
                for item in answer["Responses"].get(self._scene.ledger, ()):
                    rows[item[PK]["S"], item[SK]["S"]] = item
                pending = answer.get("UnprocessedKeys", {}).get(self._scene.ledger, {}).get("Keys", [])
        return rows

    def entries(
        self, listed: str, *, first: int = 0, last: int | None = None, newest_first: bool = True, most: int = OPEN_RUNS
    ) -> list[tuple[int, Item]]:
        """Return due times and keys of a list of the index, ``most`` at most. Forged entries are left out."""
        found: list[tuple[int, Item]] = []
        bounds: dict[str, Any] = {"first": first, "last": last, "newest_first": newest_first}
        start = None
        while len(found) < most:
            call = query_due(self._scene.ledger, listed, **bounds, start=start, limit=most - len(found))
            answer = self.call("dynamodb", "query", **call.parameters)
            own = [item for item in answer["Items"] if item[PK]["S"] == listed.removeprefix("open#")]
            found += [(decode(item[DUE]), {PK: item[PK], SK: item[SK]}) for item in own]
            start = answer.get("LastEvaluatedKey")
            if not start:
                break
        return found

    def latest_runs(self, job: str, now: int, most: int) -> list[RunItem]:
        """Return the latest runs of a job's schedules, due up to ``now``, the latest first."""
        return self._runs(job, "t-", scheduled_id(now) + "~", most)

    def latest_triggers(self, job: str, most: int) -> list[RunItem]:
        """Return the latest runs that operators have triggered, the latest first."""
        return self._runs(job, "m-", "m-~", most)

    def _runs(self, job: str, first: str, last: str, most: int) -> list[RunItem]:
        items: list[Item] = []
        start = None
        while len(items) < most:
            call = query_runs(self._scene.ledger, job, first=first, last=last, start=start, limit=most - len(items))
            answer = self.call("dynamodb", "query", **call.parameters)
            items += answer["Items"]
            start = answer.get("LastEvaluatedKey")
            if not start:
                break
        return [run for run in map(read_run, items) if run is not None]

    def carried(self, job: str, now: int) -> set[str]:
        """Return the occurrences that carriers of a job bring. For a moment between two carriers, a run has none."""
        found = set[str]()
        for schedule in self._list_schedules(self._scene.carriers, carrier.prefix(job)):
            got = self._get_schedule(self._scene.carriers, schedule["Name"])
            occurrence = None if got is None else brings(got, job, now)
            if occurrence is not None:
                found.add(occurrence)
        return found

    # -- metrics -------------------------------------------------------------------------------------------------------
    def metrics(self, queries: Sequence[Query], since: int, now: int) -> list[float | None]:
        """Return the value of each metric from ``since`` to now; None without data. CloudWatch charges per metric.

        UnknownMetric is raised if CloudWatch could not read one of them.
        """
        values: list[float | None] = [None] * len(queries)
        for first in range(0, len(queries), MOST_METRICS):
            wanted = [
                _query(number, queries[number]) for number in range(first, min(first + MOST_METRICS, len(queries)))
            ]
            span = {"StartTime": to_datetime(since // PERIOD * PERIOD), "EndTime": to_datetime(now)}
            start: dict[str, str] = {}
            while True:
                answer = self.call("cloudwatch", "get_metric_data", MetricDataQueries=wanted, **span, **start)
                for result in answer["MetricDataResults"]:
                    if result.get("StatusCode") in ("InternalError", "Forbidden"):
                        raise UnknownMetric(f"CloudWatch answered {result['StatusCode']} for a metric.")
                    if result.get("Values"):
                        number = int(result["Id"][1:])
                        whole = sum if queries[number].statistic == "Sum" else max
                        found: list[float] = [*result["Values"]]
                        if (earlier_page := values[number]) is not None:
                            found.append(earlier_page)
                        values[number] = float(whole(found))
                if not answer.get("NextToken"):
                    break
                start = {"NextToken": answer["NextToken"]}
        return values

    def _list_schedules(self, group: str, prefix: str = "") -> Iterator[Any]:
        more: dict[str, str] = {"NamePrefix": prefix} if prefix else {}
        while True:
            answer = self.call("scheduler", "list_schedules", GroupName=group, MaxResults=MOST_ROWS, **more)
            yield from answer["Schedules"]
            if not answer.get("NextToken"):
                return
            more["NextToken"] = answer["NextToken"]

    def _get_schedule(self, group: str, name: str) -> Any:
        try:
            return self.call("scheduler", "get_schedule", GroupName=group, Name=name)
        except self._clients("scheduler").exceptions.ResourceNotFoundException:
            return None


def _query(number: int, query: Query) -> dict[str, Any]:
    dimensions = [{"Name": name, "Value": value} for name, value in query.dimensions]
    metric = {"Namespace": query.namespace, "MetricName": query.name, "Dimensions": dimensions}
    return {
        "Id": f"m{number}",
        "MetricStat": {"Metric": metric, "Period": PERIOD // SECOND, "Stat": query.statistic},
    }

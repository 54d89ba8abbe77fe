"""The format of the ledger table: its partitions, its index, and which roles read and write them. Pure.

    partition (pk)      sort key (sk)     row                                     written by    list of the index
    job#<job>           lease             the lease of the job, and its slot      job, operator
    job#<job>           run#<occurrence>  a run by a schedule, or an operator     the job       open#job#<job>
    run#<job>#<digit>   run#<occurrence>  the run of a key                        the job       open#run#<job>#<digit>
    plan#<job>#<digit>  <key>             what code has planned under a key       planner, job  plan#<job>#<digit>
    audit#<job>         <time>#<id>       an action of an operator                operator
    watch               incident#<job>#<cause>, an incident                       watchdog, operator
    watch               snapshot          what the watchdog has seen              watchdog

A *planner* is code with ``grant_schedule``. It may access the partitions of plans only. DynamoDB's condition key
``dynamodb:LeadingKeys`` restricts partition keys, not sort keys or attributes. So all other rows have another partition
key.

One partition takes 1,000 write units a second. So keys are spread over 16 partitions of plans and 16 of runs, by the
first hexadecimal digit of the hash in the occurrence's id.

The index ``listed`` has the partition key ``listed`` and the sort key ``due``, and contains only the keys of rows. A
row without the attribute ``listed`` is not in the index, and costs no write to it. A plan is in the index from its
first write. A run is in it after it has waited for an attempt or failed (see ``rows.OPEN``), or after another delivery
has stored its event for a further attempt (``run_requests.keep_event``). It stays there until it has succeeded, also
while its next attempt runs, because that may be killed, too. A clean run is never in the index.

``PARTITIONS`` contains all of this as data, with the partitions reserved for later. Policies and pages are generated
from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple

from cronstack.occurrence import PLANNED, is_planned, planned_id

PK: Final = "pk"
SK: Final = "sk"
TTL: Final = "ttl"
"""Epoch seconds after which DynamoDB may delete a row."""
INDEX: Final = "listed"
"""Name of the index, and of its partition key."""
DUE: Final = "due"
"""Sort key of the index: epoch milliseconds."""

DIGITS: Final = "0123456789abcdef"
"""The partitions of a job's plans, and of the runs of its keys: one for each first digit of the hash of a key."""
LEASE_KEY: Final = "lease"
RUN_PREFIX: Final = "run#"
WATCH: Final = "watch"
"""Partition of the watchdog's rows."""
INCIDENT_PREFIX: Final = "incident#"

Reader = Literal["job", "planner", "operator", "watchdog", "worker"]


class Partition(NamedTuple):
    """One kind of partition. ``pattern``: of the partition key, with ``{job}``; ``?`` is any digit."""

    pattern: str
    sort_key: str
    content: str
    writers: tuple[Reader, ...]
    readers: tuple[Reader, ...]
    """Further readers. Each writer also reads its rows."""
    listed: str = ""
    """Partition key in the index; "": never in the index."""
    reserved: bool = False
    """Nothing writes it yet."""


PARTITIONS: Final = (
    Partition("job#{job}", "lease", "the lease of a job, its slot, and its pause", ("job", "operator"), ("watchdog",)),
    Partition(
        "job#{job}",
        "run#<occurrence>",
        "a run that a schedule or an operator asked for",
        ("job",),
        ("operator", "watchdog"),
        "open#job#{job}",
    ),
    Partition(
        "run#{job}#?",
        "run#<occurrence>",
        "the run of a key",
        ("job",),
        ("operator", "watchdog"),
        "open#run#{job}#?",
    ),
    Partition(
        "plan#{job}#?",
        "<key>",
        "what code has planned under a key",
        ("planner", "job"),
        ("operator", "watchdog"),
        "plan#{job}#?",
    ),
    Partition(
        "batch#{job}#?",
        "<occurrence>#<shard>",
        "at most 256 open items of a batch",
        ("job", "worker"),
        ("operator", "watchdog"),
        reserved=True,
    ),
    Partition(
        "item#{job}#?",
        "<occurrence>#<hash of the key>",
        "the guard of one item of a batch",
        ("job", "worker"),
        ("operator", "watchdog"),
        "open#item#{job}#?",
        reserved=True,
    ),
    Partition(
        "watch",
        "incident#<job>#<cause>",
        "an incident, and whether it was notified",
        ("watchdog", "operator"),
        (),
    ),
    Partition("watch", "snapshot", "what the last pass of the watchdog has seen", ("watchdog",), ("operator",)),
    Partition("audit#{job}", "<time>#<id>", "an action of an operator", ("operator",), ("watchdog",)),
)
"""All kinds of partitions, including those of later capabilities, so that no row must move later."""


def partitions_of(writer: Reader, job: str) -> tuple[str, ...]:
    """Return the partition keys that ``writer`` may write for ``job``, as patterns for IAM's StringLike."""
    written = (partition for partition in PARTITIONS if writer in partition.writers and not partition.reserved)
    return tuple(dict.fromkeys(partition.pattern.format(job=job) for partition in written))


def job_partition(job: str) -> str:
    return f"job#{job}"


def run_partition(job: str, occurrence: str) -> str:
    """Return the partition key of a run: that of its job, or of its key's digit."""
    return f"run#{job}#{_digit(occurrence)}" if is_planned(occurrence) else job_partition(job)


def plan_partition(job: str, key: str) -> str:
    return f"plan#{job}#{_digit(planned_id(key))}"


def plan_partitions(job: str) -> tuple[str, ...]:
    """Return the partitions of a job's plans. Their lists in the index have the same names."""
    return tuple(f"plan#{job}#{digit}" for digit in DIGITS)


def open_list(job: str, occurrence: str) -> str:
    """Return the partition key in the index of a run that waits for an attempt, or has failed."""
    return f"open#{run_partition(job, occurrence)}"


def open_lists(job: str, *, by_code: bool) -> tuple[str, ...]:
    """Return the lists of the index with the open runs of a job. ``by_code``: code may plan runs of it."""
    keyed = tuple(f"open#run#{job}#{digit}" for digit in DIGITS) if by_code else ()
    return (f"open#{job_partition(job)}", *keyed)


def audit_partition(job: str) -> str:
    """Return the partition key of the actions of operators on a job. A "job" of "" is the stack."""
    return f"audit#{job}"


def incident_key(job: str, cause: str) -> dict[str, Any]:
    """Return the key of an incident. A "job" of "" is the stack."""
    return _key(WATCH, f"{INCIDENT_PREFIX}{job}#{cause}")


def snapshot_key() -> dict[str, Any]:
    return _key(WATCH, "snapshot")


def lease_key(job: str) -> dict[str, Any]:
    return _key(job_partition(job), LEASE_KEY)


def run_key(job: str, occurrence: str) -> dict[str, Any]:
    return _key(run_partition(job, occurrence), RUN_PREFIX + occurrence)


def plan_key(job: str, key: str) -> dict[str, Any]:
    return _key(plan_partition(job, key), key)


def occurrence_of(key: Mapping[str, Any]) -> str:
    """Return the occurrence whose run has this key, in DynamoDB's form; "" for a row that is not a run."""
    name = str(key.get(SK, {}).get("S", ""))
    return name.removeprefix(RUN_PREFIX) if name.startswith(RUN_PREFIX) else ""


def _digit(occurrence: str) -> str:
    return occurrence[len(PLANNED)]


def _key(partition: str, sort: str) -> dict[str, Any]:
    return {PK: {"S": partition}, SK: {"S": sort}}
